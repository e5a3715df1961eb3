"""Silences: a person keeps quiet what matches, for a time, with name and reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from alerts.matchers import Matchers, read_matchers
from alerts.records import format_time, parse_time

OVER_LEN_MAX = 1_000
LENGTH_MS_MAX = 31 * 86_400_000
"""A silence longer than this outlives whoever remembers it."""


class SilenceError(ValueError):
    """A silence that cannot be: its text says why."""


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """What a person keeps quiet, from `starts_ms` up to, not including, `ends_ms`. Red only if it says so."""

    id: str
    matchers: Matchers
    author: str
    comment: str
    starts_ms: int
    ends_ms: int
    including_red: bool = False

    def is_active(self, now_ms: int) -> bool:
        """Whether it holds at an instant.

        >>> night = Silence(id="s1", matchers=Matchers(), author="王工", comment="", starts_ms=10, ends_ms=20)
        >>> [night.is_active(now_ms) for now_ms in (9, 10, 19, 20)]
        [False, True, True, False]
        """
        return self.starts_ms <= now_ms < self.ends_ms

    @property
    def reason(self) -> str:
        """Name it as the reason why something is not told."""
        return f"silence {self.id} by {self.author}"

    def as_data(self) -> dict[str, Any]:
        """Give it as plain data for pages and programs, times as RFC 3339."""
        matchers = self.matchers
        named = {"rule": matchers.rules, "stream": matchers.streams, "level": matchers.levels, **matchers.key}
        named["labels"] = tuple(matcher.text for matcher in matchers.labels)
        return {
            "id": self.id,
            "match": {field: list(names) for field, names in named.items() if names},
            "author": self.author,
            "comment": self.comment,
            "starts": format_time(self.starts_ms),
            "ends": format_time(self.ends_ms),
            "including_red": self.including_red,
        }


_BODY = ("match", "comment", "starts", "ends", "including_red")


def read_silence(id_: str, author: str, body: Mapping[str, Any], now_ms: int) -> Silence:
    """Read what a person asks for: `{match: {…}, comment, ends, starts?, including_red?}`, times as RFC 3339.

    Raise SilenceError if it cannot be read; whether it can be is for `SilenceBook.add` to say.

    >>> asked = {"match": {"region": "长沙"}, "comment": "割接", "ends": "2026-03-01T10:00:00+08:00"}
    >>> read_silence("s1", "王工", asked, 0).ends_ms
    1772330400000
    """
    unknown = [name for name in body if name not in _BODY]
    if unknown:
        raise SilenceError(f'unknown field "{unknown[0]}": there are {", ".join(_BODY)}')
    match, including_red = body.get("match"), body.get("including_red", False)
    if not isinstance(match, Mapping) or not isinstance(including_red, bool):
        raise SilenceError('"match" must be a mapping, as {region: 长沙}, and "including_red" true or false')
    try:
        matchers = read_matchers(match)
        starts_ms = parse_time(str(body["starts"])) if "starts" in body else now_ms
        ends_ms = parse_time(str(body.get("ends")))
    except (ValueError, OverflowError) as error:
        raise SilenceError(f"a silence needs times with their offset, and matchers: {error}") from error
    return Silence(
        id=id_,
        matchers=matchers,
        author=author,
        comment=str(body.get("comment", "")),
        starts_ms=starts_ms,
        ends_ms=ends_ms,
        including_red=including_red,
    )


class SilenceBook:
    """The silences that hold or will, and the newest that are over."""

    def __init__(self) -> None:
        self._silences: dict[str, Silence] = {}

    def all(self) -> list[Silence]:
        """List them by their end, the next first."""
        return sorted(self._silences.values(), key=lambda each: (each.ends_ms, each.id))

    def get(self, silence_id: str) -> Silence | None:
        """Find one."""
        return self._silences.get(silence_id)

    def active(self, now_ms: int) -> list[Silence]:
        """List those that hold, by id."""
        return sorted((each for each in self._silences.values() if each.is_active(now_ms)), key=lambda each: each.id)

    def add(self, silence: Silence, now_ms: int) -> None:
        """Take one up, or one of the same id as it is now. Raise SilenceError if it cannot be."""
        if not silence.author.strip() or not silence.comment.strip():
            raise SilenceError("a silence needs an author and a comment: who keeps what quiet, and why")
        if silence.ends_ms <= max(silence.starts_ms, now_ms):
            raise SilenceError("a silence must end after it starts, and not in the past")
        if silence.ends_ms - max(silence.starts_ms, now_ms) > LENGTH_MS_MAX:
            raise SilenceError("a silence lasts 31 days at most: plan a maintenance window for what lasts longer")
        if silence.matchers.is_empty:
            raise SilenceError("a silence must name a rule, a stream, a level or a field: this one hides everything")
        self._silences[silence.id] = silence
        over = sorted(
            (each for each in self._silences.values() if each.ends_ms <= now_ms), key=lambda each: each.ends_ms
        )
        for each in over[: max(len(over) - OVER_LEN_MAX, 0)]:
            del self._silences[each.id]

    def expire(self, silence_id: str, now_ms: int) -> Silence:
        """End one now. Raise SilenceError if there is none that could end."""
        known = self._silences.get(silence_id)
        if known is None:
            raise SilenceError(f"there is no silence {silence_id}")
        if known.ends_ms <= now_ms:
            raise SilenceError(f"silence {silence_id} is over already")
        self._silences[silence_id] = replace(known, ends_ms=now_ms, starts_ms=min(known.starts_ms, now_ms))
        return self._silences[silence_id]

    def dump(self) -> Any:
        """Give them as plain data."""
        return msgspec.to_builtins(list(self._silences.values()))

    def load(self, data: Any) -> None:
        """Take up what `dump` gave. Raise ValueError if it is not that."""
        try:
            silences = msgspec.convert(data, list[Silence])
        except msgspec.ValidationError as error:
            raise ValueError(f"not a book of silences: {error}") from error
        self._silences = {each.id: each for each in silences}
