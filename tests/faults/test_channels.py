"""What receivers and disks do, against the real outbox and the real senders: every red arrives, and nobody waits."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from alerts.notifications import Delivery, Notification, Result, Sender
from alerts.outbox import circuit, file, writer
from alerts.outbox.item import ChannelPolicy, Outcome
from alerts.outbox.outbox import Outbox, Surroundings
from alerts.senders.bot import BotSender
from alerts.senders.email import EmailSender, MailPlan
from alerts.senders.poster import Poster, Reach
from alerts.senders.webhook import WebhookSender
from alerts.senders.wecom import WeCom
from tests.alerting import CHINA, Tally, history, notification, until
from tests.faults.outboxworker import told
from tests.parts.receivers import huge, in_turn, mail_server, says
from tests.sink import Answer, hang, hang_after_success, reset, sink, status

ROOT = Path(__file__).parents[2]
NEAR = Reach(private=True, connect_timeout_s=0.3, total_timeout_s=0.3)
QUICK = ChannelPolicy(first_wait_ms=1, wait_ms_max=5)
KILLS = 40
ALERTS = 600
GOOD = says({"errcode": 0})


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def bot(url: str) -> BotSender:
    return BotSender(WeCom("key"), Poster(url, NEAR, now_ms), now_ms=now_ms, zone=CHINA, language="zh")


@contextlib.asynccontextmanager
async def outbox(
    folder: Path, senders: dict[str, Sender], policies: dict[str, ChannelPolicy], *, grace_s: float = 20.0
) -> AsyncIterator[tuple[Outbox, Tally]]:
    tally, failures = Tally(), list[BaseException]()
    one = Outbox(senders, policies, tally, Surroundings(now_ms=now_ms, folder=folder, chance=random.Random(7)))
    await one.open(failures.append)
    try:
        yield one, tally
    finally:
        await one.close(grace_s)
        assert failures == []


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test not wait for what takes seconds in the world."""
    monkeypatch.setattr(circuit, "FIRST_REST_MS", 5)
    monkeypatch.setattr(circuit, "REST_MS_MAX", 10)
    monkeypatch.setattr(writer, "RETRY_S", 0.02)


PASSING: dict[str, Answer] = {
    "503": status(503),
    "hang": hang,
    "reset": reset,
    "429": status(429),
    "429 with a time to wait": status(429, retry_after="1"),
    "a success without its body": hang_after_success,
    "10 MiB": huge,
    "a success that is none": says({"errcode": -1}),
    "too often": in_turn(says({"errcode": 45033})),
    "a page of somebody else": status(200),
}


@pytest.mark.parametrize("name", PASSING)
async def test_what_passes_is_sat_out(name: str, tmp_path: Path) -> None:
    reds = [notification(each) for n in range(3) for each in history(["red"], region=f"网点{n}")]
    async with sink(in_turn(*[PASSING[name]] * 2, GOOD)) as server:
        async with outbox(tmp_path, {"hook": bot(server.url)}, {"hook": QUICK}) as (one, tally):
            for each in reds:
                one.offer(each)
    outcomes = Counter(outcome for _, outcome in tally.told)
    assert outcomes == {"delivered": 3, "retried": 2}
    text = b"\n".join(body for _, body in server.requests).decode()
    assert all(f"网点{n}" in text for n in range(3))


STAYING: dict[str, Answer] = {
    "a no inside a success": says({"errcode": 93000}),
    "404": status(404),
    "redirect": status(302, location="http://169.254.169.254/"),
}


@pytest.mark.parametrize("name", STAYING)
async def test_what_stays_is_told_by_the_channel_behind(name: str, tmp_path: Path) -> None:
    policies = {"hook": ChannelPolicy(fallback="mail"), "mail": QUICK}
    async with sink(STAYING[name]) as server, mail_server() as mails:
        plan = MailPlan(
            host="127.0.0.1", port=mails.port, tls="none", sender="a@b.example", recipients=("duty@b.example",)
        )
        senders: dict[str, Sender] = {"hook": bot(server.url), "mail": EmailSender(plan, CHINA)}
        async with outbox(tmp_path, senders, policies) as (one, tally):
            one.offer(notification(history(["red"])[0]))
    assert [request.path for request, _ in server.requests] == ["/hook"], "nothing but the settings says where we send"
    assert tally.told == [("hook", "refused"), ("hook", "fallback"), ("mail", "delivered")]
    assert len(mails.mails) == 1


async def test_a_mail_server_that_was_down_gets_all_and_one_that_refuses_one_tells_the_others(tmp_path: Path) -> None:
    policies = {"mail": ChannelPolicy(first_wait_ms=1, wait_ms_max=5, fallback="hook", sends_max=1), "hook": QUICK}
    async with mail_server() as mails, sink(GOOD) as server:
        mails.greeting = [421] * 12
        mails.recipients = {"gone@b.example": [550], "full@b.example": [451, 452]}
        recipients = ("duty@b.example", "gone@b.example", "full@b.example")
        plan = MailPlan(host="127.0.0.1", port=mails.port, tls="none", sender="a@b.example", recipients=recipients)
        senders: dict[str, Sender] = {"mail": EmailSender(plan, CHINA), "hook": bot(server.url)}
        async with outbox(tmp_path, senders, policies) as (one, tally):
            one.offer(notification(history(["red"], region="a")[0], channel="mail"))
            one.offer(notification(history(["red"], region="b")[0], channel="mail"))
    got = Counter(recipient for taken, _ in mails.mails for recipient in taken)
    assert got["duty@b.example"] == got["full@b.example"] == 2
    assert Counter(each for each in tally.told if each[1] != "retried") == {("mail", "delivered"): 2}


async def test_a_channel_that_hangs_holds_up_no_other_and_nobody_who_offers(tmp_path: Path) -> None:
    async with sink(hang) as slow, sink(GOOD) as quick:
        senders: dict[str, Sender] = {"slow": bot(slow.url), "quick": bot(quick.url)}
        async with outbox(tmp_path, senders, dict.fromkeys(senders, QUICK), grace_s=0) as (one, tally):
            for n in range(200):
                for channel in senders:
                    one.offer(notification(history(["yellow"], region=str(n))[0], channel=channel))
            await until(lambda: not one.waiting()["quick"].count and one.safe() is None)
            assert one.waiting()["slow"].count == 200
    assert Counter(tally.told)["quick", "delivered"] == 200


# The process.


@dataclass
class Ledger:
    """What a receiver got that takes some, is down for some, and takes some so late that it is told again."""

    chance: random.Random
    keys: Counter[str] = field(default_factory=Counter)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        draw = self.chance.random()
        if draw < 0.2:
            return web.Response(status=503)
        self.keys[request.headers["Idempotency-Key"]] += 1
        if draw < 0.3:
            return await hang(request)
        return web.Response()


@pytest.mark.slow
async def test_killed_forty_times_every_red_is_delivered(tmp_path: Path) -> None:
    chance = random.Random(20260301)
    ledger = Ledger(chance)
    async with sink(ledger.answer) as server:
        command = [sys.executable, "-m", "tests.faults.outboxworker", str(tmp_path), server.url, str(ALERTS)]
        for _ in range(KILLS):
            process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
            assert process.stdout is not None
            assert await asyncio.wait_for(process.stdout.readline(), 60) == b"up\n"
            await asyncio.sleep(chance.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
            assert await process.wait() == -signal.SIGKILL
        assert 0 < len(ledger.keys) < ALERTS, "killed before anything or after everything was told"
        last = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
        said, _ = await asyncio.wait_for(last.communicate(), 120)
    assert said == b"up\ndone\n"
    assert ledger.keys.keys() == {told(number).idempotency_key for number in range(ALERTS)}
    assert max(ledger.keys.values()) > 1, "no repeat: the faults did not bite"


# The disk.


@dataclass
class SmallDisk:
    """A disk that is full until it is given room: a tmpfs where we may mount one, else SQLite's own bound of pages."""

    folder: Path
    kind: str
    ballast: Path | None = None

    def give_room(self, connections: list[sqlite3.Connection]) -> None:
        if self.ballast is not None:
            self.ballast.unlink()
        for connection in connections:
            connection.execute("PRAGMA max_page_count = 100000")


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode == 0:
        ballast = folder / "ballast"
        ballast.write_bytes(b"x" * 3_900_000)
        try:
            yield SmallDisk(folder, "tmpfs", ballast)
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    connected = file._connected

    def bounded(path: Path) -> sqlite3.Connection:
        connection = connected(path)
        connection.execute("PRAGMA max_page_count = 24")
        return connection

    monkeypatch.setattr(file, "_connected", bounded)
    yield SmallDisk(folder, "max_page_count")


async def test_a_full_disk_keeps_no_page_back_and_takes_all_once_there_is_room(
    small_disk: SmallDisk, record_property: Callable[[str, object], None]
) -> None:
    record_property("disk", small_disk.kind)
    reds = [notification(each) for n in range(600) for each in history(["red"], region=f"网点{n}")]

    @dataclass
    class Receiver:
        got: set[str] = field(default_factory=set)

        async def send(self, notification: Notification) -> Delivery:
            self.got.add(notification.idempotency_key)
            return Delivery(Result.DELIVERED)

        async def close(self) -> None:
            pass

    receiver = Receiver()
    async with outbox(small_disk.folder, {"hook": receiver}, {"hook": QUICK}) as (one, tally):
        for place in range(0, len(reds), 20):
            for each in reds[place : place + 20]:
                one.offer(each)
            await asyncio.sleep(0.005)
        promise = one.safe()
        await until(lambda: one.trouble is not None and len(receiver.got) == len(reds))
        assert "full" in str(one.trouble)
        assert promise is not None
        assert not promise.done(), "the desk must not go past this"
        kept = one._writer._file
        assert kept is not None, "a full disk is no reason to let go of the file"
        small_disk.give_room([kept._connection] if small_disk.kind == "max_page_count" else [])
        await asyncio.wait_for(promise, 10)
        assert not one.trouble
    assert Counter(tally.told) == {("hook", Outcome.DELIVERED): 600}
    with contextlib.closing(sqlite3.connect(small_disk.folder / "tocsin-outbox.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT outcome, count(*) FROM notifications GROUP BY 1").fetchall() == [
            ("delivered", 600)
        ]


async def test_the_webhook_names_a_repeat(tmp_path: Path) -> None:
    async with sink(in_turn(status(503), status(200))) as server:
        sender = WebhookSender(server.url, now_ms=now_ms, reach=NEAR)
        async with outbox(tmp_path, {"hook": sender}, {"hook": QUICK}) as (one, _):
            one.offer(notification())
    assert len({request.headers["Idempotency-Key"] for request, _ in server.requests}) == 1
    assert len(server.requests) == 2
