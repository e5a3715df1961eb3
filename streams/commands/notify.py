"""`tocsin notify`: a test message through the real senders, and what came of it; what was given up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.commands import undelivered
from streams.commands.grouping import NearGroup
from streams.commands.joining import ending

if TYPE_CHECKING:
    from alerts.notifications import Delivery, Notification
    from streams.settings import Settings

_PROBLEMS, _UNREACHABLE = 1, 3
_HINTS: Mapping[tuple[str, int], str] = {
    ("wecom", 93000): "the key is not that of a bot",
    ("wecom", 45009): "too many messages in a minute",
    ("dingtalk", 310000): "signature, keyword or address does not match what the bot asks for",
    ("dingtalk", 300001): "the token is not that of a bot",
    ("feishu", 19001): "the token is not that of a bot",
    ("feishu", 19021): "the signature does not match: secret, or clock",
    ("feishu", 19022): "the bot does not take messages from this address",
    ("feishu", 19024): "the keyword that the bot asks for is missing",
}


@click.group(cls=NearGroup)
def command() -> None:
    """Try out how people are told; see what was given up, and have it tried again."""


command.add_command(undelivered.failed)
command.add_command(undelivered.retry)


@command.command("test")
@click.option("--channel", "names", multiple=True, help="Only this channel; once for each.  [default: all]")
@click.option("--settings", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              envvar="TOCSIN_SETTINGS", help="Settings file (YAML).")  # fmt: skip
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def test(context: click.Context, names: tuple[str, ...], path: Path | None, output: str) -> None:
    r"""Send a test message by each channel of the settings, once, and say what came of it.

    \b
    tocsin notify test --settings tocsin.yaml
    tocsin notify test --settings tocsin.yaml --channel wecom

    Exit code 0: all took it. 1: one refused it, or has trouble of its own. 3: one could not be reached.
    """
    from detectors.places import quoted, suggest
    from streams.settings import SettingsError
    from streams.settingsfile import read_settings

    with ending(context, "tocsin notify test"):
        settings = read_settings(path, {})
        unknown = [name for name in names if name not in settings.channels]
        if unknown:
            said = suggest(unknown[0], settings.channels) if settings.channels else "there are none"
            raise SettingsError(f"--channel: unknown channel {quoted(unknown[0])}: {said}")
        chosen = {name: channel for name, channel in settings.channels.items() if not names or name in names}
        if not chosen:
            raise SettingsError("the settings name no channel")
        came = asyncio.run(_try(settings.model_copy(update={"channels": chosen})))
        _tell(came, settings, output)
        context.exit(_code(came))


def message(channel: str, now_ms: int, page: str | None = None) -> Notification:
    """Write the test message; it links to the page."""
    from alerts.notifications import Notification, Reason
    from alerts.records import AlertRecord, alert_id, format_time, incident_id

    alert = alert_id("tocsin-test", {}, now_ms)
    record = AlertRecord(
        alert=alert,
        rule="tocsin-test",
        key={},
        level="yellow",
        was="green",
        time=format_time(now_ms),
        started=format_time(now_ms),
        value=1.0,
        threshold=1.0,
        window_s=60,
        reason="raised",
        title={"en": "Test message", "zh": "测试消息"},
        summary={"en": "whoever reads this is reached", "zh": "收到本条即表示通道畅通"},
        incident=incident_id(alert),
    )
    return Notification(
        channel, Reason.FIRST, 1, record, {"en": "nothing to do", "zh": "无需处理"}, link=f"{page}/" if page else ""
    )


async def _try(settings: Settings) -> dict[str, Delivery]:
    from alerts.notifications import Sender
    from streams.access import access_of
    from streams.publisher import Publisher
    from streams.stage import Outgoing
    from streams.topics import NOTIFICATIONS, ensure, notifications
    from streams.waysout import senders_of

    publisher = Publisher(settings.broker, access_of(settings.security))

    async def publish(value: bytes, key: bytes) -> bool:
        await publisher.publish(Outgoing(NOTIFICATIONS, value, key))
        return True

    async def one(name: str, sender: Sender) -> Delivery:
        try:
            return await sender.send(message(name, time.time_ns() // 1_000_000, settings.web.url))
        finally:
            await sender.close()

    senders = senders_of(settings, publish)
    if any(channel.type == "kafka" for channel in settings.channels.values()):
        access = access_of(settings.security)
        await asyncio.to_thread(ensure, settings.broker, [notifications()], replicas=settings.replicas, access=access)
        await publisher.start()
    try:
        came = await asyncio.gather(*(one(name, sender) for name, sender in senders.items()))
    finally:
        await publisher.stop()
    return dict(zip(senders, came, strict=True))


def _tell(came: Mapping[str, Delivery], settings: Settings, output: str) -> None:
    import json

    told = {name: _told(settings.channels[name].type, delivery) for name, delivery in came.items()}
    if output == "json":
        click.echo(json.dumps(told, indent=2))
        return
    width = max(map(len, told))
    for name, parts in told.items():
        code = "" if "code" not in parts else f", code {parts['code']}"
        hint = "" if "hint" not in parts else f": {parts['hint']}"
        click.echo(f"{name:{width}}  {parts['result']}{code}{hint}")


def _told(kind: str, delivery: Delivery) -> dict[str, str | int]:
    parts: dict[str, str | int] = {"type": kind, "result": delivery.result.value}
    if delivery.code is not None:
        parts["code"] = delivery.code
        hint = _HINTS.get((kind, delivery.code))
        if hint is not None:
            parts["hint"] = hint
    return parts


def _code(came: Mapping[str, Delivery]) -> int:
    from alerts.notifications import Result

    results = {delivery.result for delivery in came.values()} - {Result.DELIVERED}
    if not results:
        return 0
    return _UNREACHABLE if results <= {Result.UNREACHABLE, Result.TIMEOUT} else _PROBLEMS
