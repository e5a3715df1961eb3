"""From the settings of channels to senders: the place where secrets are read, and nowhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from alerts.heartbeat import HeartbeatSender
from alerts.notifications import Sender
from alerts.outbox.channel import Digesting
from alerts.outbox.item import ChannelPolicy
from alerts.outbox.queue import DIGEST_LEN_MAX
from alerts.senders.alertmanager import AlertmanagerSender
from alerts.senders.apprise import AppriseSender
from alerts.senders.bot import BotSender, Dialect
from alerts.senders.console import ConsoleSender
from alerts.senders.dingtalk import DingTalk
from alerts.senders.email import EmailSender, MailPlan
from alerts.senders.feishu import Feishu
from alerts.senders.poster import Poster, Reach
from alerts.senders.sms import SmsPlan, SmsSender
from alerts.senders.topic import Publish, TopicSender
from alerts.senders.webhook import WebhookSender
from alerts.senders.wecom import WeCom
from alerts.texts import Language
from streams import channelsettings as given
from streams.settings import Settings, SettingsError, secret_of

if TYPE_CHECKING:
    from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Site:
    """What all senders share: time, zone, language, and who writes to Kafka."""

    now_ms: Callable[[], int]
    zone: ZoneInfo
    language: Language
    publish: Publish


def senders_of(settings: Settings, publish: Publish) -> dict[str, Sender]:
    """Make all senders; nothing is opened yet. Raise SettingsError naming all that cannot be made, a line each."""
    site = Site(_wall_ms, ZoneInfo(settings.zone), settings.lang, publish)
    senders: dict[str, Sender] = {}
    problems: list[str] = []
    for name, channel in settings.channels.items():
        try:
            senders[name] = sender_of(channel, site)
        except ValueError as error:
            problems.append(f"channels.{name}: {error}")
    if problems:
        raise SettingsError("\n".join(problems))
    return senders


def heartbeat_of(settings: Settings) -> HeartbeatSender | None:
    """Make who posts the heartbeat, if anybody is to hear it."""
    said = settings.heartbeat
    if said.url is None and said.url_file is None:
        return None
    url = said.url.get_secret_value() if said.url is not None else secret_of(said.url_file or Path())
    try:
        return HeartbeatSender(Poster(url, _reach(said.private), _wall_ms), _wall_ms)
    except ValueError as error:
        raise SettingsError(f"heartbeat: {error}") from error


def policies_of(settings: Settings, senders: Mapping[str, Sender]) -> dict[str, ChannelPolicy]:
    """Give the bounds of each channel."""
    return {name: policy_of(channel, senders[name]) for name, channel in settings.channels.items()}


def policy_of(channel: given.Channel, sender: Sender) -> ChannelPolicy:
    """Give the bounds of one channel. One whose pace is bounded is sent one message at a time."""
    policy = ChannelPolicy(
        fallback=channel.fallback,
        fallback_after_ms=channel.fallback_after,
        per_minute=channel.per_minute,
        digests=isinstance(sender, Digesting),
    )
    if channel.per_minute is not None:
        policy = replace(policy, sends_max=1)
    if isinstance(channel, given.WebhookChannel | given.AlertmanagerChannel):  # their readers are programs
        policy = replace(policy, digest_reds_max=DIGEST_LEN_MAX)
    if isinstance(channel, given.SmsChannel):  # the template of a digest has room for one name
        policy = replace(policy, digests=channel.digest_template is not None, digest_reds_max=1)
    return policy


def sender_of(channel: given.Channel, site: Site) -> Sender:
    """Make one sender. Raise ValueError, which quotes no secret, if it cannot be made."""
    match channel:
        case given.WebhookChannel():
            secret = _secret(channel, "secret")
            return WebhookSender(channel.url, now_ms=site.now_ms, secret=secret, reach=_reach(channel.private))
        case given.AlertmanagerChannel():
            return AlertmanagerSender(channel.url, now_ms=site.now_ms)
        case given.WeComChannel():
            return _bot(WeCom(_needed(channel, "key")), channel.url, site, private=channel.private)
        case given.DingTalkChannel():
            dialect = DingTalk(_needed(channel, "token"), _secret(channel, "secret"))
            return _bot(dialect, channel.url, site, private=channel.private)
        case given.FeishuChannel():
            url = channel.url.rstrip("/") + "/" + _needed(channel, "token")
            return _bot(Feishu(_secret(channel, "secret")), url, site, private=channel.private)
        case given.SmsChannel():
            plan = SmsPlan(
                channel.numbers, channel.sign_name, channel.template, channel.digest_template or "", site.language
            )
            poster = Poster(channel.url, _reach(channel.private), site.now_ms)
            return SmsSender(plan, poster, now_ms=site.now_ms, secret=_needed(channel, "secret"))
        case given.EmailChannel():
            return EmailSender(_mail_plan(channel, site.language), site.zone)
        case given.TopicChannel():
            return TopicSender(site.publish)
        case given.AppriseChannel():
            addresses = [line.strip() for line in secret_of(channel.urls_file).splitlines()]
            return AppriseSender([each for each in addresses if each], site.zone, site.language)
    return ConsoleSender(_say, site.zone, languages=(site.language,), colour=sys.stderr.isatty())


def _bot(dialect: Dialect, url: str, site: Site, *, private: bool) -> BotSender:
    poster = Poster(url, _reach(private), site.now_ms)
    return BotSender(dialect, poster, now_ms=site.now_ms, zone=site.zone, language=site.language)


def _mail_plan(channel: given.EmailChannel, language: Language) -> MailPlan:
    return MailPlan(
        host=channel.host,
        port=channel.port,
        tls=channel.tls,
        sender=channel.sender,
        recipients=channel.recipients,
        username=channel.username,
        password=_secret(channel, "password"),
        language=language,
    )


def _reach(private: bool) -> Reach:  # noqa: FBT001  it is the one thing that a reach is about
    return Reach(private=private)


def _needed(channel: given.Channel, name: str) -> str:
    secret = _secret(channel, name)
    if not secret:
        raise ValueError(f"{name}_file is missing")
    return secret


def _secret(channel: given.Channel, name: str) -> str:
    """Give a secret, from the environment or from its file; nothing if neither says it."""
    said: SecretStr | None = getattr(channel, name)
    path: Path | None = getattr(channel, f"{name}_file")
    return said.get_secret_value() if said is not None else secret_of(path) if path is not None else ""


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
