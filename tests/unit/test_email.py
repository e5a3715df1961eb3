"""Mail, against a server on loopback that answers each recipient as it is told to."""

from __future__ import annotations

import email
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from typing import cast

import pytest

from alerts.notifications import Delivery, Notification, Result
from alerts.senders.email import EmailSender, MailPlan, mail
from tests.alerting import CHINA, history, notification, record
from tests.parts.process import free_ports
from tests.parts.receivers import MailServer, mail_server

PLAN = MailPlan(
    host="127.0.0.1",
    port=25,
    tls="none",
    sender="tocsin@noc.example",
    recipients=("duty@noc.example", "chief@noc.example"),
    username="tocsin",
    password="hunter2",  # noqa: S106  not one
    timeout_s=0.5,
    total_timeout_s=2.0,
)
ALL = list(PLAN.recipients)


async def sent(server: MailServer, *told: Notification, tries: int = 1) -> list[Delivery]:
    sender = EmailSender(replace(PLAN, port=server.port, username="", password=""), CHINA)
    came = [await sender.send(each) for each in told for _ in range(tries)]
    await sender.close()
    return came


def read(text: str) -> EmailMessage:
    return cast("EmailMessage", email.message_from_string(text.removesuffix(".\r\n"), policy=SMTP))


async def test_a_mail_says_what_it_is_and_is_known_when_it_comes_twice() -> None:
    async with mail_server() as server:
        assert await sent(server, notification(), tries=2) == [Delivery(Result.DELIVERED)] * 2
    (recipients, text), (_, again) = server.mails
    message = read(text)
    assert recipients == ALL
    assert message["Subject"] == "[ORANGE 橙色] 投诉激增 长沙 network"
    assert message["Message-ID"] == read(again)["Message-ID"]
    assert message["Message-ID"].startswith(f"<{record().alert}.2.")
    assert message["References"] == f"<{record().incident}@noc.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"] == "Sun, 01 Mar 2026 17:20:30 +0800"
    zh, en = message.get_content().replace("\r\n", "\n").split("\n\n")
    assert zh.startswith("🟠橙色 升级｜投诉激增｜长沙 · network\n长沙 network 投诉 63 件\n")
    assert en.splitlines()[0].endswith("raised | Complaint surge | 长沙 · network")


async def test_many_in_one_mail() -> None:
    told = [notification(each) for n in range(30) for each in history(["red"], region=f"网点{n}")]
    async with mail_server() as server:
        sender = EmailSender(replace(PLAN, port=server.port, username="", password=""), CHINA)
        assert await sender.send_digest(told) == Delivery(Result.DELIVERED)
        await sender.close()
    message = read(server.mails[0][1])
    assert message["Subject"] == "共 30 条变化：红色 30"
    assert all(f"网点{n} " in message.get_content() for n in range(30))


def test_data_cannot_add_a_header() -> None:
    told = notification(record(key=("长沙\r\nBcc: all@noc.example\r\n\r\nhello", "a\nb")))
    message = mail([told], PLAN, CHINA)
    again = read(message.as_string(policy=SMTP))
    assert again["Bcc"] is None
    assert again["Subject"] == "[ORANGE 橙色] 投诉激增 长沙 Bcc: all@noc.example hello a b"
    assert again.keys() == message.keys()


def test_no_secret_shows() -> None:
    assert "hunter2" not in repr(PLAN)
    assert "hunter2" not in repr(EmailSender(PLAN, CHINA))


@pytest.mark.parametrize(
    ("codes", "results", "mails"),
    [
        pytest.param({}, [Result.DELIVERED], [ALL], id="all take it"),
        pytest.param({ALL[1]: [550]}, [Result.REFUSED], [ALL[:1]], id="one is not there, the other has it"),
        pytest.param({ALL[0]: [550], ALL[1]: [551]}, [Result.REFUSED], [], id="nobody is there"),
        pytest.param(
            {ALL[1]: [450]}, [Result.UNAVAILABLE, Result.DELIVERED], [ALL[:1], ALL[1:]], id="one later: it alone"
        ),
        pytest.param(
            {ALL[0]: [450], ALL[1]: [450, 550]},
            [Result.UNAVAILABLE, Result.REFUSED],
            [ALL[:1]],
            id="both later, then one is not there",
        ),
    ],
)
async def test_each_recipient_has_its_own_answer(
    codes: dict[str, list[int]], results: list[Result], mails: list[list[str]]
) -> None:
    async with mail_server() as server:
        server.recipients = codes
        came = await sent(server, notification(), tries=len(results))
    assert [each.result for each in came] == results
    assert [recipients for recipients, _ in server.mails] == mails


async def test_a_server_that_is_not_ready_is_tried_again() -> None:
    async with mail_server() as server:
        server.greeting = [421, 554]
        came = await sent(server, notification(), tries=3)
    assert [each.result for each in came] == [Result.UNAVAILABLE, Result.REFUSED, Result.DELIVERED]


async def test_a_server_that_hangs_or_is_away() -> None:
    async with mail_server() as server:
        server.hangs = True
        (came,) = await sent(server, notification())
    assert came.is_retryable
    (came,) = await sent(MailServer(port=free_ports(1)[0]), notification())
    assert came == Delivery(Result.UNREACHABLE)


async def test_a_server_without_tls_gets_no_password() -> None:
    async with mail_server() as server:
        sender = EmailSender(replace(PLAN, port=server.port, tls="starttls"), CHINA)
        assert (await sender.send(notification())).result is not Result.DELIVERED
        await sender.close()
    assert server.mails == []
