"""What the demo says on a terminal: changes of level, notices, what was made to happen, and a sign of life."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import TextIO

from alerts.notices import Notice, NoticeState
from alerts.records import AlertRecord, parse_time
from alerts.texts import Language, clean, key_words, level_word, moment, number
from detectors.rules import LEVEL_CODE

HEARTBEAT_EVERY_MS = 5_000

_INK: Mapping[str, str] = {
    "red": "1;97;41",
    "orange": "1;30;48;5;208",
    "yellow": "1;30;103",
    "green": "1;30;42",
    "act": "1;97;44",
    "dim": "2",
    "bold": "1",
}
_NOTICE_WORDS: Mapping[NoticeState, Mapping[Language, str]] = {
    NoticeState.DRAFT: {"zh": "客户通知已起草，待审批", "en": "customer notice drafted, waiting for approval"},
    NoticeState.APPROVED: {"zh": "客户通知已批准", "en": "customer notice approved"},
    NoticeState.PUBLISHING: {"zh": "客户通知正在分级发布", "en": "customer notice on its way, audience by audience"},
    NoticeState.PUBLISHED: {"zh": "客户通知已发布", "en": "customer notice published"},
    NoticeState.UPDATED: {"zh": "客户通知已更新", "en": "customer notice updated"},
    NoticeState.STOPPED: {
        "zh": "客户通知已中止，其余受众不再通知",
        "en": "customer notice stopped, the others hear nothing",
    },
    NoticeState.ALL_CLEAR: {"zh": "已通知客户恢复", "en": "customers told all is clear"},
    NoticeState.WITHDRAWN: {"zh": "客户通知已撤回", "en": "customer notice withdrawn"},
}
_STATUS: Mapping[Language, str] = {
    "zh": "{rate} 条/秒 · {incidents} 起事件未恢复 · 水位落后 {lag} 秒",
    "en": "{rate} events/s · open incidents: {incidents} · watermark {lag} s behind",
}
_WHERE_TO_LOOK: Mapping[Language, str] = {"zh": "在这里看：", "en": "Where to look:"}


def columns(text: str) -> int:
    r"""Count the columns a text takes on a terminal: a Chinese sign takes two, a combining one none.

    >>> columns("RED 红色"), columns("e\u0301")
    (8, 1)
    """
    signs = [sign for sign in text if not unicodedata.combining(sign)]
    return len(signs) + sum(unicodedata.east_asian_width(sign) in "WF" for sign in signs)


def pad(text: str, width: int) -> str:
    """Fill a text up with spaces to `width` columns.

    >>> pad("红色", 6) + "|"
    '红色  |'
    """
    return text + " " * max(0, width - columns(text))


_LEVEL_COLUMNS = max(columns(level_word(level)) for level in LEVEL_CODE)


@dataclass(frozen=True, slots=True)
class Status:
    """How the service does, for the sign of life. `time_ms` is the demo's own time."""

    time_ms: int
    events_per_second: float
    incidents_open: int
    watermark_lag_ms: int


class Console:
    """Prints for people, one line a fact, in one language with the level in both.

    `words` says what a reader would rather see than a value from an event (a region's English name). A quiet console
    says nothing but changes of level and notices. Whatever comes from data is stripped of control characters.
    """

    def __init__(  # noqa: PLR0913 - each is a choice of whoever runs it
        self,
        out: TextIO,
        *,
        lang: Language,
        zone: tzinfo,
        colour: bool = False,
        quiet: bool = False,
        words: Mapping[str, str] | None = None,
    ) -> None:
        self._out = out
        self._lang = lang
        self._zone = zone
        self._colour = colour
        self._quiet = quiet
        self._words = words or {}
        self._silent_since_ms: int | None = None

    def header(self, title: Mapping[str, str], places: Mapping[str, str]) -> None:
        """Say what is shown and where to look: `places` maps a short name to a URL."""
        if self._quiet:
            return
        self._say(self._ink("bold", f"Tocsin 警钟 · {title[self._lang]}"))
        self._say(_WHERE_TO_LOOK[self._lang])
        widest = max(map(columns, places), default=0)
        for name, url in places.items():
            self._say(f"  {pad(name, widest)}  {url}")

    def alert(self, record: AlertRecord) -> None:
        """Say one change of level."""
        rising = LEVEL_CODE[record.level] > LEVEL_CODE[record.was]
        level = self._ink(record.level, f" {pad(level_word(record.level), _LEVEL_COLUMNS)} ")
        title = clean(record.title[self._lang])
        self._say(
            f"{self._moment(parse_time(record.time))} {'▲' if rising else '▼'} {level} {title} · "
            f"{self._place(record)}  {self._compared(record)}  {clean(record.incident)}",
        )

    def notice(self, notice: Notice) -> None:
        """Say how far a customer notice is, with its headline in every language."""
        newest = notice.steps[-1]
        said = _NOTICE_WORDS[notice.state][self._lang]
        if newest.audience:
            said += f" → {clean(newest.audience)}"
        self._say(f"{self._moment(newest.time_ms)} ✉ {self._ink('bold', said)}  {clean(notice.id)}")
        for language, bulletin in sorted(notice.text.items(), key=lambda entry: entry[0] != self._lang):
            self._say(f"    {language}  {clean(bulletin.headline)}")

    def scene(self, time_ms: int, text: Mapping[str, str]) -> None:
        """Say what has been made to happen."""
        if not self._quiet:
            self._say(self._ink("dim", f"{self._moment(time_ms)} … {text[self._lang]}"))

    def heartbeat(self, status: Status, now_ms: int) -> None:
        """Give a sign of life if nothing has been said for a while. `now_ms` is wall time; call about once a second."""
        if self._silent_since_ms is None:
            self._silent_since_ms = now_ms
        if self._quiet or now_ms - self._silent_since_ms < HEARTBEAT_EVERY_MS:
            return
        text = _STATUS[self._lang].format(
            rate=number(round(status.events_per_second)),
            incidents=status.incidents_open,
            lag=f"{status.watermark_lag_ms / 1000:.1f}",
        )
        self._say(self._ink("dim", f"{self._moment(status.time_ms)} · {text}"))
        self._silent_since_ms = now_ms

    def _place(self, record: AlertRecord) -> str:
        named = {
            field: self._words.get(value, value) if isinstance(value, str) else value
            for field, value in record.key.items()
        }
        return key_words(named, self._lang)

    def _compared(self, record: AlertRecord) -> str:
        """Set the value against the threshold, as the two numbers truly stand."""
        threshold = number(record.threshold, self._lang)
        if record.value is None:
            return number(None, self._lang)
        return f"{number(record.value, self._lang)} {'≥' if record.value >= record.threshold else '<'} {threshold}"

    def _moment(self, time_ms: int) -> str:
        return moment(time_ms, self._zone).partition(" ")[2]

    def _ink(self, ink: str, text: str) -> str:
        return f"\x1b[{_INK[ink]}m{text}\x1b[0m" if self._colour else text

    def _say(self, line: str) -> None:
        encoding = self._out.encoding or "utf-8"  # a terminal that cannot write a sign gets a question mark
        self._out.write(line.encode(encoding, "replace").decode(encoding) + "\n")
        self._out.flush()
        self._silent_since_ms = None


def wants_colour(out: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether to write in colour: on a terminal that can, unless NO_COLOR says no."""
    return out.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
