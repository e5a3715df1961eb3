"""Carrying out what people ask of the desk, one verb after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from alerts.commands import TEXT_LEN_MAX, Command, CommandError, Verb
from alerts.incidents import Finding, What
from alerts.notices import NoticeError
from alerts.records import format_time, parse_time
from alerts.silences import SilenceError, read_silence

if TYPE_CHECKING:
    from alerts.desk import Desk, Effect

PROMISE_DEFAULT_MS = 30 * 60_000


def carry_out(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    """Do what a command asks; return what follows. Raise CommandError where it cannot be done."""
    do = _VERBS.get(command.what)
    if do is None:
        raise CommandError(f"{command.what.value} is not for people")
    if not command.on and command.what is not Verb.SILENCE_ADD:
        raise CommandError(f"{command.what.value} needs the id of what it is about")
    return do(desk, command, now_ms)


def _ack(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    desk.callout.escalations.ack(command.on, by=command.by, now_ms=now_ms)
    return _taken(desk, command, now_ms)


def _takeover(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    desk.callout.escalations.takeover(command.on, by=command.by, now_ms=now_ms)
    return _taken(desk, command, now_ms)


def _taken(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    known = desk.incidents.get(command.on)
    if known is not None and known.acknowledged_by not in ("", command.by):
        desk.incidents.release(command.on, by=known.acknowledged_by, at_ms=now_ms)
    desk.incidents.acknowledge(command.on, by=command.by, at_ms=now_ms)
    return _commented(desk, command, now_ms)


def _unack(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    _commented(desk, command, now_ms)
    return list(desk.callout.rung(desk.callout.escalations.unack(command.on, now_ms=now_ms), now_ms))


def _comment(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    if not command.text:
        raise CommandError("a comment needs a text")
    effects = _commented(desk, command, now_ms)
    if not effects:
        raise CommandError(f"no incident {command.on}")
    return effects


def _promise(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    until = command.body.get("until", format_time(now_ms + PROMISE_DEFAULT_MS))
    try:
        until_ms = parse_time(str(until))
    except (ValueError, OverflowError):
        raise CommandError('"until" is a time with its offset, as in 2026-03-01T18:00:00+08:00') from None
    desk.callout.escalations.promise(command.on, by=command.by, until_ms=until_ms, now_ms=now_ms)
    desk.incidents.acknowledge(command.on, by=command.by, at_ms=now_ms)
    desk.incidents.note(command.on, What.PROMISED, by=command.by, at_ms=now_ms, text=format_time(until_ms))
    return _commented(desk, command, now_ms)


def _resolve(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    finding = _finding(command)
    effects = desk.end(command.on, by=command.by, text=command.text, now_ms=now_ms)
    if not effects:
        raise CommandError(f"no incident {command.on} is firing")
    if finding is not None:
        effects += desk.find(command.on, finding, by=command.by, now_ms=now_ms)
    return effects


def _find(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    finding = _finding(command)
    if finding is None:
        raise CommandError('say what it was: "cause" is a text, "false_alarm" true or false')
    effects = desk.find(command.on, finding, by=command.by, now_ms=now_ms)
    if not effects:
        raise CommandError(f"no incident {command.on} is kept")
    return [*effects, *_commented(desk, command, now_ms)]


def _finding(command: Command) -> Finding | None:
    """Read what a command says an incident was: `cause`, a text, and `false_alarm`; None if it says neither."""
    cause, is_false = command.body.get("cause", ""), command.body.get("false_alarm")
    if not isinstance(cause, str) or len(cause) > TEXT_LEN_MAX:
        raise CommandError(f'"cause" is a text of at most {TEXT_LEN_MAX} characters')
    if is_false is not None and not isinstance(is_false, bool):
        raise CommandError('"false_alarm" is true or false')
    said = cause if cause.strip() else None
    return None if said is None and is_false is None else Finding(said, is_false_alarm=is_false)


def _accept(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    desk.callout.escalations.accept(command.on)
    desk.incidents.note(command.on, What.ACCEPTED, by=command.by, at_ms=now_ms, text=command.text)
    return []


def _commented(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    return desk.comment(command.on, by=command.by, text=command.text, now_ms=now_ms) if command.text else []


def _silence(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    try:
        return desk.silence(read_silence(command.on or command.command, command.by, command.body, now_ms), now_ms)
    except SilenceError as error:
        raise CommandError(str(error)) from error


def _expire(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    try:
        return desk.expire(command.on, now_ms)
    except SilenceError as error:
        raise CommandError(str(error)) from error


def _notice(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    step = desk.notices.approve if command.what is Verb.NOTICE_APPROVE else desk.notices.cancel
    try:
        return [step(command.on, by=command.by, at_ms=now_ms)]
    except NoticeError as error:
        raise CommandError(str(error)) from error


def _publish(desk: Desk, command: Command, now_ms: int) -> list[Effect]:
    audience, everybody = command.body.get("audience", ""), command.body.get("all", False)
    if not isinstance(audience, str) or not isinstance(everybody, bool):
        raise CommandError('"audience" is the name of one, "all" is true or false')
    if audience and everybody:
        raise CommandError('either "audience" or "all": the one that is named, or every one at once')
    try:
        return list(
            desk.notices.publish(command.on, by=command.by, at_ms=now_ms, audience=audience, everybody=everybody)
        )
    except NoticeError as error:
        raise CommandError(str(error)) from error


_VERBS: Mapping[Verb, Callable[[Desk, Command, int], list[Effect]]] = {
    Verb.ACK: _ack,
    Verb.UNACK: _unack,
    Verb.TAKEOVER: _takeover,
    Verb.COMMENT: _comment,
    Verb.PROMISE: _promise,
    Verb.RESOLVE: _resolve,
    Verb.FIND: _find,
    Verb.ACCEPT: _accept,
    Verb.SILENCE_ADD: _silence,
    Verb.SILENCE_EXPIRE: _expire,
    Verb.NOTICE_APPROVE: _notice,
    Verb.NOTICE_PUBLISH: _publish,
    Verb.NOTICE_CANCEL: _notice,
}
