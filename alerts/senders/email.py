"""Email by SMTP, in a thread: a mail for each notification, threaded by incident, the same Message-ID if sent again.

A recipient who was accepted is not asked again when others were not; one who is refused for good makes the whole a
dead letter, so that the channel behind tells it, and keeps nobody else from being told.
"""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import ssl
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import tzinfo
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal

from alerts.digests import counted, digest, digest_key, page
from alerts.notifications import OF_WINDOWS, Delivery, Notification, Result
from alerts.records import parse_time
from alerts.texts import LANGUAGES, Language, clean, level_word, local

PER_MINUTE = 60
BYTES_MAX = 100_000
SUBJECT_LEN_MAX = 150

_THREADS = 2
_HALF_SENT_MAX = 1_000
_PERMANENT = range(500, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPlan:
    """By whom, to whom and how."""

    host: str
    port: int
    tls: Literal["starttls", "tls", "none"]
    sender: str
    recipients: tuple[str, ...]
    username: str = ""
    password: str = field(default="", repr=False)
    language: Language = "zh"
    timeout_s: float = 10.0  # of each step
    total_timeout_s: float = 30.0


class EmailSender:
    """Sends mails to all recipients of one plan."""

    def __init__(self, plan: MailPlan, zone: tzinfo, tls_context: ssl.SSLContext | None = None) -> None:
        self._plan = plan
        self._zone = zone
        self._tls = tls_context or ssl.create_default_context()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tocsin-mail")
        self._accepted: OrderedDict[str, set[str]] = OrderedDict()  # Message-ID → who has it, of mails not all have

    async def send(self, notification: Notification) -> Delivery:
        """Mail it."""
        return await self._mail(mail([notification], self._plan, self._zone))

    async def send_digest(self, notifications: Sequence[Notification]) -> Delivery:
        """Mail many at once."""
        return await self._mail(mail(notifications, self._plan, self._zone))

    async def close(self) -> None:
        """Let go of the threads; a mail under way is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _mail(self, message: EmailMessage) -> Delivery:
        try:
            async with asyncio.timeout(self._plan.total_timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._deliver, message)
        except TimeoutError:
            return Delivery(Result.TIMEOUT)

    def _deliver(self, message: EmailMessage) -> Delivery:
        known = str(message["Message-ID"])
        accepted = self._accepted.pop(known, set())
        left = [each for each in self._plan.recipients if each not in accepted]
        try:
            server = self._connected()
            try:
                refused = _handed_over(server, message, self._plan.sender, left)
            finally:
                with contextlib.suppress(OSError, smtplib.SMTPException):  # what was handed over stays handed over
                    server.quit()
        except smtplib.SMTPResponseException as error:
            delivery = _judged(error.smtp_code)
            refused = dict.fromkeys(left, error.smtp_code)
        except TimeoutError:
            delivery, refused = Delivery(Result.TIMEOUT), dict.fromkeys(left, 0)
        except (OSError, smtplib.SMTPException):
            delivery, refused = Delivery(Result.UNREACHABLE), dict.fromkeys(left, 0)
        else:
            delivery = _worst(refused)
        if delivery.is_retryable:
            self._accepted[known] = accepted | set(left) - refused.keys()
            if len(self._accepted) > _HALF_SENT_MAX:
                self._accepted.popitem(last=False)
        return delivery

    def _connected(self) -> smtplib.SMTP:
        plan = self._plan
        server: smtplib.SMTP
        if plan.tls == "tls":
            server = smtplib.SMTP_SSL(plan.host, plan.port, timeout=plan.timeout_s, context=self._tls)
        else:
            server = smtplib.SMTP(plan.host, plan.port, timeout=plan.timeout_s)
        try:
            if plan.tls == "starttls":
                server.starttls(context=self._tls)
            if plan.username:
                server.login(plan.username, plan.password)
        except BaseException:
            server.close()
            raise
        return server


def _handed_over(server: smtplib.SMTP, message: EmailMessage, sender: str, recipients: Sequence[str]) -> dict[str, int]:
    """Hand a mail over; return who was refused, and by which code."""
    try:
        refused = server.send_message(message, sender, list(recipients))
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    return {recipient: code for recipient, (code, _) in refused.items()}


def _worst(refused: dict[str, int]) -> Delivery:
    """Judge by those who were refused: while one may still be reached, it is tried again."""
    if not refused:
        return Delivery(Result.DELIVERED)
    passing = [code for code in refused.values() if code not in _PERMANENT]
    return _judged(passing[0] if passing else next(iter(refused.values())))


def _judged(code: int) -> Delivery:
    return Delivery(Result.REFUSED if code in _PERMANENT else Result.UNAVAILABLE, code=code)


def mail(notifications: Sequence[Notification], plan: MailPlan, zone: tzinfo) -> EmailMessage:
    """Write the mail about one notification, or about many.

    A line break in a header would begin another one: `clean` leaves none, and EmailMessage refuses what has one.
    """
    first = notifications[0]
    record = first.record
    domain = plan.sender.rpartition("@")[2].rstrip(">")
    message = EmailMessage(policy=SMTP)
    message["From"] = plan.sender
    message["To"] = ", ".join(plan.recipients)
    message["Date"] = format_datetime(local(parse_time(record.time), zone))
    message["Auto-Submitted"] = "auto-generated"
    if len(notifications) == 1:
        title = record.title[plan.language]
        where = " ".join(str(value) for value in record.key.values())
        subject = f"[{level_word(record.level)}] {title} {where}"
        if first.reason in OF_WINDOWS:
            subject = page(first, zone, plan.language).subject
        message["Subject"] = clean(subject, SUBJECT_LEN_MAX)
        message["Message-ID"] = f"<{record.alert}.{first.revision}.{first.idempotency_key[:8]}@{domain}>"
        message["References"] = f"<{record.incident}@{domain}>"
        text = "\n\n".join(page(first, zone, language).text for language in _languages(plan))
    else:
        message["Subject"] = clean(counted(notifications, plan.language), SUBJECT_LEN_MAX)
        message["Message-ID"] = f"<{digest_key(notifications)}@{domain}>"
        text = digest(notifications, zone, plan.language, BYTES_MAX)
    message.set_content(text, charset="utf-8", cte="base64")
    return message


def _languages(plan: MailPlan) -> list[Language]:
    return sorted(LANGUAGES, key=lambda each: each != plan.language)
