"""How notifications ended: told to the log by a witness, in order, none twice, and by nobody who waits."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError

from alerts.chronicle import DeliveryEnd, decode
from alerts.notifications import Delivery, Result
from alerts.outbox.item import ChannelPolicy, Ended, Item, Outcome
from alerts.outbox.outbox import Outbox, Surroundings
from streams.stage import Outgoing
from streams.tellings import Tellings
from tests.alerting import Pager, Tally, history, notification, until

NOW_MS = 1_772_356_680_000


def ended(number: int) -> Ended:
    told = notification(history(["yellow"], region=f"r{number}")[0])
    return Ended(Item(told, NOW_MS), Outcome.DELIVERED, NOW_MS + number)


class Log:
    """A log that can be away."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.away = 0

    async def publish(self, *records: Outgoing) -> None:
        await asyncio.sleep(0)
        if self.away:
            self.away -= 1
            raise KafkaConnectionError
        self.records += records

    def told(self) -> list[DeliveryEnd]:
        found = [decode(each.value) for each in self.records]
        return [each for each in found if isinstance(each, DeliveryEnd)]


async def test_ends_are_told_in_order_and_wait_while_kafka_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.tellings._RETRY_S", 0.01)
    log, lost = Log(), Counter[str]()
    log.away = 2
    tellings = Tellings(log.publish, lambda reason, count: lost.update({reason: count}))
    task = asyncio.create_task(tellings.run())
    for number in range(3):
        tellings.witness(ended(number), Delivery(Result.DELIVERED, code=0), 1 + number)
        await asyncio.sleep(0.005)
    await until(lambda: len(log.records) == 3)
    task.cancel()
    assert [(each.together, each.result, each.code) for each in log.told()] == [
        *((number, "delivered", 0) for number in (1, 2, 3)),
    ]
    assert not lost


async def test_what_passes_the_bound_is_counted_and_the_newest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.tellings.WAITING_MAX", 5)
    log, lost = Log(), Counter[str]()
    tellings = Tellings(log.publish, lambda reason, count: lost.update({reason: count}))
    for number in range(8):
        tellings.witness(ended(number), None, 1)
    task = asyncio.create_task(tellings.run())
    await until(lambda: len(log.records) == 5)
    task.cancel()
    assert lost == {"untold": 3}
    assert [each.key for each in log.told()] == [ended(number).item.key for number in range(3, 8)]


async def test_the_outbox_tells_each_end_and_those_of_the_last_day_again_when_it_opens(tmp_path: Path) -> None:
    heard: list[DeliveryEnd] = []

    def witness(end: Ended, delivery: Delivery | None, together: int) -> None:
        from alerts.chronicle import delivery_of

        heard.append(delivery_of(end, delivery, together))

    pager, spare = Pager([Delivery(Result.REFUSED, code=7)]), Pager()
    policies = {"hook": ChannelPolicy(fallback="spare")}
    now = [NOW_MS]

    async def opened() -> Outbox:
        around = Surroundings(now_ms=lambda: now[0], folder=tmp_path, witness=witness)
        outbox = Outbox({"hook": pager, "spare": spare}, policies, Tally(), around)
        await outbox.open(lambda error: pytest.fail(str(error)))
        return outbox

    outbox = await opened()
    page = notification(channel="hook")
    outbox.offer(page)
    await until(lambda: len(heard) == 2)
    refused, delivered = heard
    assert (refused.outcome, refused.result, refused.code, refused.origin) == ("refused", "refused", 7, "")
    assert (delivered.outcome, delivered.channel, delivered.instead_of) == ("delivered", "spare", "hook")
    assert delivered.origin == refused.key == page.idempotency_key
    assert delivered.key != refused.key
    await outbox.close(5)

    now[0] += 3_600_000
    again = await opened()
    await again.close(5)
    assert [(each.id, each.outcome, each.time) for each in heard[2:]] == [
        *((each.id, each.outcome, each.time) for each in (refused, delivered)),
    ]
    assert len(pager.sent) == 1, "told, not sent, again"
    now[0] += 86_400_000
    last = await opened()
    await last.close(5)
    assert len(heard) == 4, "what is older than a day is not told again"
