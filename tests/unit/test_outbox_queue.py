"""The queue of one channel: order, pace, digests, rests and ends, with time as a list."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notifications import Delivery, Result
from alerts.outbox.circuit import FAILURES_MAX
from alerts.outbox.item import HOUR_MS, ChannelPolicy, Item, Outcome
from alerts.outbox.queue import ChannelQueue, Parcel
from tests.alerting import history, notification

DONE = Delivery(Result.DELIVERED)
DOWN = Delivery(Result.UNAVAILABLE)
PACED = ChannelPolicy(per_minute=20, digests=True, sends_max=1)


def queue(policy: ChannelPolicy | None = None) -> ChannelQueue:
    return ChannelQueue(policy or ChannelPolicy(), random.Random(7))


def items(levels: Iterable[str], *, region: str = "长沙", at_ms: int = 0) -> list[Item]:
    return [Item(notification(each), at_ms) for each in history(list(levels), region=region)]


def fill(one: ChannelQueue, *batches: list[Item]) -> None:
    for batch in batches:
        for item in batch:
            assert one.add(item) == []


def said(parcel: Parcel | None) -> list[tuple[object, str]]:
    assert parcel is not None
    return [(item.notification.record.key["region"], item.notification.record.level) for item in parcel.items]


def send_all(one: ChannelQueue, now_ms: int, delivery: Delivery = DONE) -> list[Parcel]:
    parcels = []
    while (parcel := one.next(now_ms)) is not None:
        one.came(parcel, delivery, now_ms)
        parcels.append(parcel)
    return parcels


def test_one_alert_is_told_in_order_and_holds_up_no_other() -> None:
    one = queue()
    fill(one, items(["yellow", "orange"], region="a"), items(["yellow"], region="b"))
    first, second = one.next(0), one.next(0)
    assert (said(first), said(second), one.next(0)) == ([("a", "yellow")], [("b", "yellow")], None)
    assert first is not None
    one.came(first, DONE, 0)
    assert said(one.next(0)) == [("a", "orange")]


def test_what_is_red_comes_first() -> None:
    one = queue()
    fill(one, items(["yellow"], region="a"), items(["orange"], region="b"), items(["yellow", "red"], region="c"))
    order = [said(parcel)[0] for parcel in send_all(one, 0)]
    assert order == [("c", "yellow"), ("c", "red"), ("a", "yellow"), ("b", "orange")]


def test_what_turns_red_while_it_waits_moves_up() -> None:
    one = queue(ChannelPolicy(sends_max=1))
    *before, red = items(["yellow", "red"], region="c")
    fill(one, items(["yellow"], region="a"), items(["yellow"], region="b"), before, [red])
    assert said(one.next(0)) == [("c", "yellow")]


@pytest.mark.parametrize("result", [Result.REFUSED, Result.REDIRECTED])
def test_what_will_never_do_is_not_tried_again(result: Result) -> None:
    one = queue()
    fill(one, items(["red"]))
    parcel = one.next(0)
    assert parcel is not None
    came = one.came(parcel, Delivery(result), 5)
    assert [(ended.outcome, ended.time_ms) for ended in came.ended] == [(Outcome.REFUSED, 5)]
    assert one.waiting().count == 0


def test_waits_double_with_full_jitter_and_are_bounded() -> None:
    one = queue(ChannelPolicy(first_wait_ms=1_000, wait_ms_max=60_000))
    fill(one, items(["red"]))
    now_ms, waits = 0, []
    for _ in range(40):
        parcel = one.next(now_ms)
        assert parcel is not None
        one._circuit.succeeded()  # apart from the circuit, which rests longer
        came = one.came(parcel, DOWN, now_ms)
        assert (came.ended, came.retried) == ((), 1)
        wake_ms = one.wake_ms(now_ms)
        assert wake_ms is not None
        waits.append(wake_ms - now_ms)
        assert one.next(wake_ms - 1) is None or wake_ms == now_ms
        now_ms = wake_ms
    assert waits[0] <= 1_000
    assert waits[1] <= 2_000
    assert max(waits) <= 60_000
    assert len({wait // 1000 for wait in waits}) > 10, "no chance in it"


def test_a_receiver_that_is_down_is_asked_by_one_at_a_time() -> None:
    one = queue()
    fill(one, *(items(["yellow"], region=str(n)) for n in range(100)))
    assert len(send_all(one, 0, DOWN)) == FAILURES_MAX
    assert one.is_open
    now_ms, tries = 0, 0
    while now_ms < HOUR_MS:
        wake_ms = one.wake_ms(now_ms)
        assert wake_ms is not None
        assert wake_ms > now_ms
        now_ms = wake_ms
        parcel = one.next(now_ms)
        assert parcel is not None
        assert one.next(now_ms) is None, "a second one while the first is under way"
        one.came(parcel, DOWN, now_ms)
        tries += 1
    assert 12 <= tries <= 40
    wake_ms = one.wake_ms(now_ms)
    assert wake_ms is not None
    assert len(send_all(one, wake_ms)) == 100
    assert not one.is_open


def test_too_much_at_once_rests_the_whole_channel() -> None:
    one = queue()
    fill(one, items(["yellow"], region="a"), items(["red"], region="b"))
    parcel = one.next(0)
    assert parcel is not None
    one.came(parcel, Delivery(Result.THROTTLED, 90_000), 0)
    assert one.next(89_999) is None
    assert one.wake_ms(0) == 90_000
    assert not one.is_open
    assert len(send_all(one, 90_000)) == 2


def test_what_does_not_fit_the_minute_becomes_one_message_and_loses_nothing() -> None:
    one = queue(PACED)
    fill(one, *(items(["yellow"], region=str(n)) for n in range(400)))
    fill(one, *(items(["red"], region=f"r{n}") for n in range(20)))
    parcels = send_all(one, 0)
    reds = [[item for item in parcel.items if item.is_red] for parcel in parcels]
    assert [len(each) for each in reds] == [8, 8, 4]
    assert sum(len(parcel.items) for parcel in parcels) == 420
    assert one.waiting().count == 0


def test_a_few_are_told_one_by_one() -> None:
    one = queue(PACED)
    fill(one, *(items(["yellow"], region=str(n)) for n in range(10)))
    assert [len(parcel.items) for parcel in send_all(one, 0)] == [1] * 10


@given(
    arrivals=st.lists(
        st.tuples(st.integers(0, 120_000), st.sampled_from(["yellow", "orange", "red"])), min_size=1, max_size=150
    )
)
def test_no_minute_holds_more_than_it_may_and_nothing_is_lost(arrivals: list[tuple[int, str]]) -> None:
    one = queue(PACED)
    sent_ms: list[int] = []
    got: list[str] = []
    waited_red_ms = 0

    def run(until_ms: int, now_ms: int) -> None:
        nonlocal waited_red_ms
        while True:
            while (parcel := one.next(now_ms)) is not None:
                sent_ms.append(now_ms)
                got.extend(item.key for item in parcel.items)
                waited_red_ms = max(
                    [waited_red_ms, *(now_ms - item.offered_ms for item in parcel.items if item.is_red)]
                )
                assert sum(item.is_red for item in parcel.items) <= 8
                one.came(parcel, DONE, now_ms)
            wake_ms = one.wake_ms(now_ms)
            if wake_ms is None or wake_ms > until_ms:
                return
            assert wake_ms > now_ms, "a loop that never rests"
            now_ms = wake_ms

    batches = [(at_ms, items([level], region=str(n), at_ms=at_ms)) for n, (at_ms, level) in enumerate(sorted(arrivals))]
    for place, (at_ms, batch) in enumerate(batches):
        fill(one, batch)
        run(batches[place + 1][0] - 1 if place + 1 < len(batches) else 10**9, at_ms)
    assert sorted(got) == sorted(item.key for _, batch in batches for item in batch)
    assert all(sent_ms[n + 20] - sent_ms[n] >= 60_000 for n in range(len(sent_ms) - 20))
    assert waited_red_ms <= 60_000


def test_a_storm_of_ten_thousand_is_some_forty_messages_and_a_red_waits_seven_seconds() -> None:
    one, chance = queue(PACED), random.Random(7)
    arrivals = sorted(
        (chance.randrange(60_000), n, "red" if n % 200 == 0 else chance.choice(["yellow", "orange"]))
        for n in range(10_000)
    )
    delays_ms: dict[bool, list[int]] = {True: [], False: []}
    messages, now_ms = 0, 0
    while arrivals or one.waiting().count:
        while arrivals and arrivals[0][0] <= now_ms:
            at_ms, n, level = arrivals.pop(0)
            one.add(items([level], region=str(n), at_ms=at_ms)[0])
        for parcel in send_all(one, now_ms):
            messages += 1
            for item in parcel.items:
                delays_ms[item.is_red].append(now_ms - item.offered_ms)
        now_ms += 100
    assert (len(delays_ms[True]), len(delays_ms[False])) == (50, 9_950)
    assert messages <= 40
    assert max(delays_ms[True]) <= 7_000
    assert max(delays_ms[False]) <= 120_000


def test_what_waits_too_long_is_given_up_red_after_three_days() -> None:
    one = queue()
    fill(one, items(["yellow"], region="a"), items(["yellow", "red"], region="b"))
    assert one.expire(6 * HOUR_MS - 1) == []
    given_up = one.expire(6 * HOUR_MS)
    assert [ended.item.notification.record.level for ended in given_up] == ["yellow", "yellow"]
    assert {ended.outcome for ended in given_up} == {Outcome.EXPIRED}
    assert one.expire(72 * HOUR_MS - 1) == []
    assert said(one.next(72 * HOUR_MS - 1)) == [("b", "red")], "it is tried to the end"


def test_red_that_does_not_get_through_is_told_behind_once() -> None:
    one = queue(ChannelPolicy(fallback="sms", fallback_after_ms=120_000))
    fill(one, items(["yellow"], region="a"), items(["red"], region="b"))
    assert one.falling_back(119_999) == []
    assert [item.notification.record.level for item in one.falling_back(120_000)] == ["red"]
    assert one.falling_back(120_001) == []
    assert one.waiting().count == 2, "and is still tried here"


def test_too_many_waiting_give_way_but_never_red() -> None:
    one = queue(ChannelPolicy(waiting_max=3))
    fill(one, items(["red"], region="r"), items(["yellow"], region="a"), items(["yellow"], region="b"))
    (ended,) = one.add(items(["red"], region="s")[0])
    assert (ended.outcome, ended.item.notification.record.key["region"]) == (Outcome.DROPPED, "a")
    one.add(items(["red"], region="t")[0])
    assert one.add(items(["red"], region="u")[0]) == []
    assert [said(parcel)[0][1] for parcel in send_all(one, 0)] == ["red"] * 4


def test_a_resolve_during_a_try_waits_for_it() -> None:
    one = queue(PACED)
    fill(one, items(["red"]))
    parcel = one.next(0)
    assert parcel is not None
    one.add(items(["red", "green"])[1])
    assert one.next(0) is None
    one.came(parcel, DOWN, 0)
    again = one.wake_ms(0)
    assert again is not None
    assert [said(each) for each in send_all(one, again)] == [[("长沙", "red")], [("长沙", "green")]]
