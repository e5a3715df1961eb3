"""Texts of bounded length: one notification, or many in one message, worst first. Every red has a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import tzinfo
from functools import cache
from hashlib import blake2b

from alerts.messages import Message, Said, Templates, read_lines, write
from alerts.notifications import ASIDES, OF_WINDOWS, Notification, one_line
from alerts.texts import LEVEL_WORDS, Language

RED_LINE_BYTES_MAX = 200
"""Eight such lines and the first one fit into the smallest limit there is (2,048 bytes)."""

_WORST_FIRST = ("red", "orange", "act", "yellow", "green")
_COUNTED: dict[Language, str] = {"en": "{count} changes: {levels}", "zh": "共 {count} 条变化：{levels}"}
_MORE: dict[Language, str] = {"en": "and {count} more", "zh": "另有 {count} 条"}
_INSTEAD: dict[Language, str] = {"en": " (not delivered by {channel})", "zh": "（{channel} 未送达）"}


def clip(text: str, bytes_max: int) -> str:
    """Cut a text so that its UTF-8 has no more than `bytes_max` bytes, between characters, with an ellipsis.

    >>> clip("长沙投诉", 12), clip("长沙投诉", 11), clip("长沙投诉", 3)
    ('长沙投诉', '长沙…', '…')
    """
    data = text.encode()
    return text if len(data) <= bytes_max else data[: bytes_max - 3].decode(errors="ignore") + "…"


def digest_key(notifications: Sequence[Notification]) -> str:
    """Name a telling of many: the same ones told to the same channel again have the same key."""
    keys = sorted(each.idempotency_key for each in notifications)
    return keys[0] if len(keys) == 1 else blake2b("\0".join(keys).encode(), digest_size=16).hexdigest()


def line(notification: Notification, zone: tzinfo, language: Language) -> str:
    """Write a notification as one line, and whose part it takes."""
    instead = notification.instead_of
    note = _INSTEAD[language].format(channel=instead) if instead else ""
    return one_line(notification, zone, language) + note


def page(notification: Notification, zone: tzinfo, language: Language) -> Message:
    """Write a notification as a person reads it alone, and whose part it takes."""
    message = write(Said(notification, language, zone), _templates())
    instead = notification.instead_of
    note = _INSTEAD[language].format(channel=instead) if instead else ""
    return Message(message.subject + note, message.lines)


@cache
def _templates() -> Templates:
    return read_lines()


def counted(notifications: Sequence[Notification], language: Language) -> str:
    """Say how many there are of each level.

    The levels are those to which something changed; what was resolved is green.
    """
    of_level = Counter(each.record.level for each in notifications if each.reason not in OF_WINDOWS)
    levels = " · ".join(f"{LEVEL_WORDS[each][language]} {of_level[each]}" for each in _WORST_FIRST if of_level[each])
    return _COUNTED[language].format(count=len(notifications), levels=levels)


def digest(notifications: Sequence[Notification], zone: tzinfo, language: Language, bytes_max: int) -> str:
    """Write many notifications as one text: counts, every red, the newest of each other incident while there is room.

    The queue sees to it that no more reds come together than fit.
    """
    reds = [each for each in notifications if _is_red(each)]
    newest = {each.record.incident: each for each in notifications if not _is_red(each)}
    others = sorted(newest.values(), key=lambda each: _WORST_FIRST.index(each.record.level))
    lines = [counted(notifications, language)]
    lines += [clip(line(each, zone, language), RED_LINE_BYTES_MAX) for each in reds]
    pages = tuple(dict.fromkeys(each.page for each in notifications if each.page))[:1]
    bytes_max -= sum(len(each.encode()) + 1 for each in pages)
    room = bytes_max - sum(len(each.encode()) + 1 for each in lines) - len(_more(len(others), language).encode())
    for place, each in enumerate(others):
        said = clip(line(each, zone, language), RED_LINE_BYTES_MAX)
        room -= len(said.encode()) + 1
        if room < 0:
            lines.append(_more(len(others) - place, language))
            break
        lines.append(said)
    return "\n".join((clip("\n".join(lines), bytes_max), *pages))


def shortened(notifications: Sequence[Notification]) -> list[Notification]:
    """Leave out what a newer one of the same incident says anew; a red is never left out. The order stays.

    >>> shortened([])
    []
    """
    newest = {each.record.incident: each for each in notifications}
    return [each for each in notifications if _is_red(each) or each is newest[each.record.incident]]


def _is_red(notification: Notification) -> bool:
    return notification.record.level == "red" and notification.reason not in ASIDES


def _more(count: int, language: Language) -> str:
    return _MORE[language].format(count=count)
