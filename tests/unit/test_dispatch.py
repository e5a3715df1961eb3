"""The dispatcher: nobody waits for it, it tries again within bounds, and counts what it could not do."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from alerts.dispatch import Dispatcher, DispatchPolicy, Surroundings
from alerts.notifications import Delivery, Notification, Result
from tests.alerting import START_MS, Pager, Tally, history, notification

UNAVAILABLE = Delivery(Result.UNAVAILABLE)


@dataclass
class Clock:
    """Time that passes only by sleeping in it."""

    now: int = START_MS
    slept: list[float] = field(default_factory=list)

    def now_ms(self) -> int:
        return self.now

    async def sleep(self, span_s: float) -> None:
        self.slept.append(span_s)
        self.now += round(span_s * 1000)
        await asyncio.sleep(0)

    def around(self) -> Surroundings:
        return Surroundings(now_ms=self.now_ms, sleep=self.sleep, chance=random.Random(7))


def told(tally: Tally) -> str:
    return " ".join(outcome for _, outcome in tally.told)


async def test_it_tries_again_until_it_is_delivered() -> None:
    pager, tally, clock = Pager([UNAVAILABLE, Delivery(Result.TIMEOUT)]), Tally(), Clock()
    one = Dispatcher({"hook": pager}, tally, clock.around())
    assert one.offer(notification())
    assert one.waiting == 1
    await one.close(5)
    assert told(tally) == "retried retried delivered"
    assert len({each.idempotency_key for each in pager.sent}) == 1
    assert one.waiting == 0
    assert pager.closed
    assert 0 <= clock.slept[0] <= 1
    assert 0 <= clock.slept[1] <= 2


@pytest.mark.parametrize("result", [Result.REFUSED, Result.REDIRECTED])
async def test_what_will_never_do_is_not_tried_again(result: Result) -> None:
    pager, tally = Pager([Delivery(result)]), Tally()
    one = Dispatcher({"hook": pager}, tally, Clock().around())
    one.offer(notification())
    await one.close(5)
    assert (told(tally), len(pager.sent)) == ("refused", 1)


async def test_it_waits_as_long_as_it_is_asked_to() -> None:
    pager, tally, clock = Pager([Delivery(Result.THROTTLED, 90_000)]), Tally(), Clock()
    one = Dispatcher({"hook": pager}, tally, clock.around())
    one.offer(notification())
    await one.close(5)
    assert clock.slept == [90.0]
    assert told(tally) == "retried delivered"


async def test_it_gives_up_after_a_bounded_time() -> None:
    pager, tally, clock = Pager([UNAVAILABLE] * 10_000), Tally(), Clock()
    one = Dispatcher({"hook": pager}, tally, clock.around(), DispatchPolicy(give_up_ms=600_000, wait_ms_max=60_000))
    one.offer(notification())
    await one.close(5)
    assert told(tally).split()[-1] == "expired"
    assert clock.now - START_MS < 600_000
    assert max(clock.slept) <= 60


async def test_a_full_queue_drops_and_says_so_without_waiting() -> None:
    tally = Tally()
    one = Dispatcher({"hook": Pager()}, tally, Clock().around(), DispatchPolicy(queue_len_max=2))
    assert [one.offer(notification(each)) for each in history(["yellow", "orange", "red"])] == [True, True, False]
    await one.close(5)
    assert told(tally) == "dropped delivered delivered"


async def test_one_alert_is_told_in_order_and_holds_up_no_other() -> None:
    @dataclass
    class Choking(Pager):
        """Never takes what comes from 长沙."""

        red_elsewhere: asyncio.Event = field(default_factory=asyncio.Event)

        async def send(self, notification: Notification) -> Delivery:
            await super().send(notification)
            if notification.record.key["region"] != "长沙" and notification.record.level == "red":
                self.red_elsewhere.set()
            return UNAVAILABLE if notification.record.key["region"] == "长沙" else Delivery(Result.DELIVERED)

    pager, tally = Choking(), Tally()
    one = Dispatcher({"hook": pager}, tally, Clock().around(), DispatchPolicy(give_up_ms=10**9, sends_max=1))
    for each in [*history(["red", "green"]), *history(["yellow", "orange", "red"], region="株洲")]:
        one.offer(notification(each))
    await asyncio.wait_for(pager.red_elsewhere.wait(), timeout=5)
    await asyncio.sleep(0)  # for it to be counted
    reached = [each.record.level for each in pager.sent if each.record.key["region"] == "株洲"]
    assert reached == ["yellow", "orange", "red"]
    assert {each.record.level for each in pager.sent if each.record.key["region"] == "长沙"} == {"red"}
    await one.close(0)
    assert told(tally).split()[-2:] == [
        "dropped",
        "dropped",
    ]  # red under way and green behind it: counted, not forgotten
    assert one.waiting == 0


async def test_a_line_that_is_done_starts_anew_without_a_loss() -> None:
    pager, tally = Pager(), Tally()
    one = Dispatcher({"hook": pager}, tally, Clock().around())
    for each in history(["yellow", "orange"] * 20):
        one.offer(notification(each))
        for _ in range(random.Random(each.time).randrange(4)):
            await asyncio.sleep(0)
    await one.close(5)
    assert [each.record.time for each in pager.sent] == [each.time for each in history(["yellow", "orange"] * 20)]
    assert told(tally) == " ".join(["delivered"] * 40)


async def test_channels_do_not_wait_for_each_other() -> None:
    @dataclass
    class Hanging(Pager):
        async def send(self, notification: Notification) -> Delivery:
            await asyncio.Event().wait()
            raise AssertionError(notification)

    pager, tally = Pager(), Tally()
    one = Dispatcher({"slow": Hanging(), "hook": pager}, tally, Clock().around())
    one.offer(notification(channel="slow"))
    one.offer(notification(channel="hook"))
    await one.close(0.05)
    assert tally.told == [("hook", "delivered"), ("slow", "dropped")]


async def test_a_bug_in_a_sender_is_reported_and_leaves_nothing_uncounted() -> None:
    @dataclass
    class Broken(Pager):
        async def send(self, notification: Notification) -> Delivery:
            await asyncio.sleep(0)
            raise KeyError(notification.channel)

    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, report: reports.append(report))
    tally = Tally()
    one = Dispatcher({"hook": Broken()}, tally, Clock().around())
    for each in history(["yellow", "orange"]):
        one.offer(notification(each))
    await one.close(5)
    assert told(tally) == "dropped dropped"
    assert [type(report["exception"]) for report in reports] == [KeyError]


async def test_only_what_forgets_is_refreshed() -> None:
    @dataclass
    class Forgetful(Pager):
        refreshed: list[str] = field(default_factory=list)

        async def refresh(self, firing: list[Notification]) -> Delivery:
            self.refreshed.extend(each.channel for each in firing)
            return UNAVAILABLE

    plain, forgetful = Pager(), Forgetful()
    one = Dispatcher({"hook": plain, "am": forgetful}, Tally(), Clock().around())
    assert one.channels == ("hook", "am")
    await one.refresh(lambda channel: [notification(channel=channel)])
    assert forgetful.refreshed == ["am"]
    assert plain.sent == []
    await one.close(0)
