"""The outbox with its file: nobody waits for it, it knows what it took, and a disk that does not do loses nothing."""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from alerts.notifications import Delivery, Notification, Result, Sender
from alerts.outbox import writer
from alerts.outbox.file import KEPT_MS, OutboxFile
from alerts.outbox.item import ChannelPolicy, Item, Outcome
from alerts.outbox.outbox import Outbox, OutboxError, Surroundings
from tests.alerting import START_MS, Pager, Tally, history, notification, until

DOWN = Delivery(Result.UNAVAILABLE)
QUICK = ChannelPolicy(first_wait_ms=1, wait_ms_max=2)


@dataclass
class Clock:
    now: int = START_MS

    def now_ms(self) -> int:
        return self.now


@dataclass
class Hanging(Pager):
    """Never ends a try."""

    async def send(self, notification: Notification) -> Delivery:
        self.sent.append(notification)
        await asyncio.Event().wait()
        raise AssertionError


@dataclass
class Desk:
    """An open outbox, and what is counted."""

    outbox: Outbox
    tally: Tally
    clock: Clock
    failures: list[BaseException] = field(default_factory=list)

    def told(self) -> str:
        return " ".join(outcome for _, outcome in self.tally.told)


@asynccontextmanager
async def running(
    folder: Path,
    senders: Mapping[str, Sender],
    policies: Mapping[str, ChannelPolicy] | None = None,
    *,
    clock: Clock | None = None,
    grace_s: float = 5.0,
) -> AsyncIterator[Desk]:
    clock, tally = clock or Clock(), Tally()
    around = Surroundings(now_ms=clock.now_ms, folder=folder, chance=random.Random(7))
    one = Desk(Outbox(senders, policies or dict.fromkeys(senders, QUICK), tally, around), tally, clock)
    await one.outbox.open(one.failures.append)
    try:
        yield one
    finally:
        await one.outbox.close(grace_s)
        assert one.failures == []


async def settled(outbox: Outbox) -> None:
    promise = outbox.safe()
    if promise is not None:
        await asyncio.wait_for(promise, 5)


def rows(folder: Path, name: str = "tocsin-outbox.sqlite") -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / name) as connection:
        found = connection.execute("SELECT channel, outcome FROM notifications ORDER BY rowid").fetchall()
    connection.close()
    return found


def names(folder: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


def clear(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


async def test_it_tries_again_until_it_is_delivered(tmp_path: Path) -> None:
    pager = Pager([DOWN, Delivery(Result.TIMEOUT)])
    async with running(tmp_path, {"hook": pager}) as one:
        one.outbox.offer(notification())
    assert one.told() == "retried retried delivered"
    assert len({each.idempotency_key for each in pager.sent}) == 1
    assert pager.closed
    assert rows(tmp_path) == [("hook", "delivered")]
    assert (tmp_path / "tocsin-outbox.sqlite").stat().st_mode & 0o077 == 0


async def test_what_was_taken_before_is_known_across_a_restart(tmp_path: Path) -> None:
    pager = Pager()
    for _ in range(2):
        async with running(tmp_path, {"hook": pager}) as one:
            one.outbox.offer(notification())
            one.outbox.offer(notification())
            await settled(one.outbox)
    assert len(pager.sent) == 1


async def test_what_waits_is_taken_up_by_the_next(tmp_path: Path) -> None:
    told = [notification(each) for each in history(["yellow", "orange", "red"])]
    async with running(tmp_path, {"hook": Hanging()}, grace_s=0) as one:
        for each in told:
            one.outbox.offer(each)
        await settled(one.outbox)
        assert one.outbox.waiting()["hook"].count == 3
    assert one.told() == ""
    pager = Pager()
    async with running(tmp_path, {"hook": pager}) as one:
        one.outbox.offer(told[1])  # the desk says it again: it is one and the same
    assert pager.sent == told
    assert one.told() == "delivered delivered delivered"


async def test_what_a_worker_that_is_gone_left_behind_is_taken_over(tmp_path: Path) -> None:
    first, second = Hanging(), Pager()
    async with running(tmp_path, {"hook": first}, grace_s=0) as one:
        one.outbox.offer(notification())
        await settled(one.outbox)
        async with running(tmp_path, {"hook": second}) as other:
            assert second.sent == [], "what a running worker waits for is its own"
            other.outbox.offer(notification(history(["red"])[0]))
            await settled(other.outbox)
    assert names(tmp_path, "*.sqlite") == ["tocsin-outbox.sqlite", "tocsin-outbox1.sqlite"]
    (tmp_path / "tocsin-outbox.sqlite").rename(tmp_path / "tocsin-outbox2.sqlite")
    third = Pager()
    async with running(tmp_path, {"hook": third}) as one:
        await settled(one.outbox)
    assert [each.idempotency_key for each in third.sent] == [notification().idempotency_key]


async def test_what_is_given_up_is_a_dead_letter_and_told_behind(tmp_path: Path) -> None:
    hook, sms, mail = Pager([Delivery(Result.REFUSED)]), Pager([Delivery(Result.REFUSED)]), Pager()
    policies = {"hook": ChannelPolicy(fallback="sms"), "sms": ChannelPolicy(fallback="mail"), "mail": QUICK}
    async with running(tmp_path, {"hook": hook, "sms": sms, "mail": mail}, policies) as one:
        one.outbox.offer(notification())
    assert [(each.channel, each.instead_of) for each in mail.sent] == [("mail", "sms")]
    assert one.tally.told == [
        ("hook", "refused"),
        ("hook", "fallback"),
        ("sms", "refused"),
        ("sms", "fallback"),
        ("mail", "delivered"),
    ]
    file = OutboxFile.open(tmp_path, "tocsin", 0)
    dead = file.dead_letters()
    file.close()
    assert [(each.item.notification.channel, each.outcome) for each in dead] == [
        ("hook", Outcome.REFUSED),
        ("sms", Outcome.REFUSED),
    ]


async def test_what_was_given_up_is_listed_and_tried_again_by_the_same_key(tmp_path: Path) -> None:
    refused = Delivery(Result.REFUSED)
    pager = Pager(answers=[refused, refused])
    clock = Clock()
    async with running(tmp_path, {"hook": pager}, clock=clock) as one:
        one.outbox.offer(notification(history(["red"], region="a")[0]))
        one.outbox.offer(notification(history(["red"], region="b")[0]))
        await until(lambda: one.told().count("refused") == 2)
        await settled(one.outbox)
        clock.now += 60_000
        await until_async(one.outbox.undelivered, 2)
        first, second = await one.outbox.undelivered()
        assert [each.outcome for each in (first, second)] == [Outcome.REFUSED] * 2
        assert await one.outbox.retry([first.item.key, "no-such-key"]) == 1
        await until(lambda: one.told().count("delivered") == 1)
        assert await one.outbox.retry([first.item.key]) == 0, "it is on its way, or told"
        assert pager.sent[2].idempotency_key == first.item.key
        await until_async(one.outbox.undelivered, 1)
    async with running(tmp_path, {"hook": pager}) as one:
        assert [each.item.key for each in await one.outbox.undelivered()] == [second.item.key], "known after a restart"


async def until_async(asked: Callable[[], Awaitable[list[Any]]], count: int) -> None:
    async with asyncio.timeout(10):
        while len(await asked()) != count:  # noqa: ASYNC110  nothing tells it
            await asyncio.sleep(0.005)


async def test_where_the_file_does_not_do_what_was_given_up_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with running(tmp_path / "file", {"hook": Pager()}) as one:
        with pytest.raises(OutboxError, match="the outbox cannot be read"):
            await one.outbox.undelivered()
        with pytest.raises(OutboxError, match="the outbox cannot be written"):
            await one.outbox.retry(["x"])


async def test_red_that_waits_is_told_behind_and_still_tried(tmp_path: Path) -> None:
    hook, sms = Hanging(), Pager()
    policies = {"hook": ChannelPolicy(fallback="sms", fallback_after_ms=120_000)}
    async with running(tmp_path, {"hook": hook, "sms": sms}, policies, grace_s=0.1) as one:
        for level in ("yellow", "red"):
            one.outbox.offer(notification(history([level], region=level)[0]))
        await settled(one.outbox)
        one.clock.now += 120_000
        await one.outbox.look_round()
        await one.outbox.look_round()
        await settled(one.outbox)
    assert [each.record.level for each in sms.sent] == ["red"]
    assert one.outbox.waiting()["hook"].count == 2


async def test_a_channel_that_is_no_longer_there_is_a_dead_letter(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, {"gone": Hanging()}, grace_s=0) as one:
        one.outbox.offer(notification(channel="gone"))
        await settled(one.outbox)
    with caplog.at_level(logging.WARNING):
        async with running(tmp_path, {"hook": Pager()}) as one:
            pass
    assert rows(tmp_path) == [("gone", "refused")]
    assert "channel gone: alert 1ee1" in caplog.text or "channel gone: alert" in caplog.text


async def test_channels_do_not_wait_for_each_other(tmp_path: Path) -> None:
    pager = Pager()
    async with running(tmp_path, {"slow": Hanging(), "hook": pager}, grace_s=0.2) as one:
        one.outbox.offer(notification(channel="slow"))
        one.outbox.offer(notification(channel="hook"))
    assert one.tally.told == [("hook", "delivered")]


async def test_a_bug_in_a_sender_is_reported_and_tried_again(tmp_path: Path) -> None:
    @dataclass
    class Broken(Pager):
        async def send(self, notification: Notification) -> Delivery:
            self.sent.append(notification)
            if len(self.sent) == 1:
                raise KeyError(notification.channel)
            return Delivery(Result.DELIVERED)

    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, report: reports.append(report))
    async with running(tmp_path, {"hook": Broken()}) as one:
        one.outbox.offer(notification())
    assert one.told() == "retried delivered"
    assert [type(report["exception"]) for report in reports] == [KeyError]


async def test_only_what_forgets_is_refreshed(tmp_path: Path) -> None:
    @dataclass
    class Forgetful(Pager):
        refreshed: list[str] = field(default_factory=list)

        async def refresh(self, firing: list[Notification]) -> Delivery:
            self.refreshed.extend(each.channel for each in firing)
            return DOWN

    plain, forgetful = Pager(), Forgetful()
    async with running(tmp_path, {"hook": plain, "am": forgetful}) as one:
        await one.outbox.refresh(lambda channel: [notification(channel=channel)])
    assert forgetful.refreshed == ["am"]
    assert plain.sent == []


async def test_a_message_of_many_is_one_message_after_a_restart_too(tmp_path: Path) -> None:
    @dataclass
    class Chat(Pager):
        messages: list[int] = field(default_factory=list)

        async def send(self, notification: Notification) -> Delivery:
            self.messages.append(1)
            return await super().send(notification)

        async def send_digest(self, notifications: list[Notification]) -> Delivery:
            self.messages.append(len(notifications))
            return Delivery(Result.DELIVERED)

    chat, clock = Chat(), Clock()
    policies = {"chat": ChannelPolicy(per_minute=4, digests=True, sends_max=1)}
    async with running(tmp_path, {"chat": chat}, policies, clock=clock) as one:
        for n in range(30):
            one.outbox.offer(notification(history(["yellow"], region=str(n))[0], channel="chat"))
    assert chat.messages == [30]
    assert one.told() == " ".join(["delivered"] * 30)
    async with running(tmp_path, {"chat": chat}, policies, clock=clock, grace_s=0.2) as one:
        for n in range(4):
            clock.now += 1
            one.outbox.offer(notification(history(["orange"], region=str(n))[0], channel="chat"))
            await settled(one.outbox)
            await asyncio.sleep(0.01)
    assert chat.messages == [30, 1], "two of four a minute go at once, and one went before the restart"
    assert one.outbox.waiting()["chat"].count == 3


# What a disk does.


class Disk:
    """Fails writes as told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: Exception | None = None
        real = OutboxFile.write

        def write(file: OutboxFile, *arguments: Any) -> set[str]:
            if self.error is not None:
                raise self.error
            return real(file, *arguments)

        monkeypatch.setattr(OutboxFile, "write", write)
        monkeypatch.setattr(writer, "RETRY_S", 0.01)


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EROFS, "Read-only file system"), sqlite3.OperationalError("disk I/O error")],
    ids=["read-only", "broken"],
)
async def test_a_disk_that_does_not_do_keeps_no_page_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    disk, pager = Disk(monkeypatch), Pager()
    async with running(tmp_path, {"hook": pager}) as one:
        disk.error = error
        one.outbox.offer(notification())
        promise = one.outbox.safe()
        assert promise is not None
        await until(lambda: pager.sent)
        assert not promise.done(), "told, and not safe"
        assert str(one.outbox.trouble).startswith(f"the outbox in {tmp_path} cannot be written: ")
        disk.error = None
        await asyncio.wait_for(promise, 5)
        assert one.outbox.trouble is None
        assert one.outbox.safe() is None
    assert len(pager.sent) == 1
    assert rows(tmp_path) == [("hook", "delivered")]


async def test_with_too_much_unwritten_it_asks_for_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    monkeypatch.setattr(writer, "UNWRITTEN_LEN_MAX", 3)
    async with running(tmp_path, {"hook": Hanging()}, grace_s=0) as one:
        disk.error = OSError(errno.ENOSPC, "No space left on device")
        for n in range(3):
            assert one.outbox.has_room
            one.outbox.offer(notification(history(["red"], region=str(n))[0]))
        assert not one.outbox.has_room
        disk.error = None
        await settled(one.outbox)
        assert one.outbox.has_room


async def test_a_file_that_is_deleted_is_made_anew_with_all_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_S", 0.01)
    async with running(tmp_path, {"hook": Hanging()}, grace_s=0) as one:
        one.outbox.offer(notification(history(["red"], region="a")[0]))
        await settled(one.outbox)
        clear(tmp_path)
        one.outbox.offer(notification(history(["red"], region="b")[0]))
        await settled(one.outbox)
    assert rows(tmp_path) == [("hook", None), ("hook", None)]


async def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "tocsin-outbox.sqlite").write_bytes(b"not a database at all, but long enough to be read as one" * 90)
    pager = Pager()
    async with running(tmp_path, {"hook": pager}) as one:
        one.outbox.offer(notification())
    assert len(pager.sent) == 1
    assert names(tmp_path, "*damaged*") == [f"tocsin-outbox.sqlite.damaged-{START_MS}"]


async def test_a_folder_that_cannot_be_made_is_trouble_and_tells_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    pager = Pager()
    async with running(tmp_path / "file", {"hook": pager}) as one:
        assert "cannot be written" in str(one.outbox.trouble)
        one.outbox.offer(notification())
        await until(lambda: pager.sent)
        assert one.outbox.safe() is not None
        (tmp_path / "file").unlink()
        await settled(one.outbox)
    assert rows(tmp_path / "file") == [("hook", "delivered")]


def test_ends_are_forgotten_after_a_week_and_what_waits_never(tmp_path: Path) -> None:
    from alerts.outbox.item import Ended

    file = OutboxFile.open(tmp_path, "tocsin", START_MS)
    done, waiting = (Item(notification(history([level])[0]), START_MS) for level in ("red", "yellow"))
    file.write([done, waiting], [Ended(done, Outcome.DELIVERED, START_MS)])
    file.forget(START_MS + KEPT_MS - KEPT_MS)
    assert file.write([done, waiting], ()) == {done.key, waiting.key}
    file.forget(START_MS + 1)
    assert file.write([done, waiting], ()) == {waiting.key}
    file.close()
