"""What a person is sent: a few lines to be read in five seconds, from a template in a file.

Text from events is data: it is cleaned, put in place of a name, and never looked at again. A template can name the
words below and nothing else; what it misspells is refused when it is read.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

import msgspec

from alerts.notifications import OF_WINDOWS, REASON_WORDS, SUMMARY_LEN_MAX, Notification
from alerts.records import AlertRecord
from alerts.texts import LANGUAGES, LEVEL_WORDS, Language, clean, duration, fill, key_words, moment, number

SHIPPED = Path(__file__).parent / "templates" / "messages" / "page.toml"

_MARKS: Mapping[str, str] = {"red": "🔴", "orange": "🟠", "yellow": "🟡", "green": "🟢", "act": "🔔"}
_KINDS: Mapping[Language, Mapping[str, str]] = {
    "en": {"planned": "planned work", "outside": "outside event"},
    "zh": {"planned": "计划作业", "outside": "外部事件"},
}
_NAMES = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_RED_NAMES_MAX = 5
_CHECKED = "\N{ZERO WIDTH SPACE}"  # stands for a word that holds and writes nothing; taken out of the finished line


class Lines(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The lines of one language: the first, and what follows while it fires and when it is over; those of a window."""

    subject: str
    firing: tuple[str, ...]
    resolved: tuple[str, ...]
    window_subject: str
    window: tuple[str, ...]


Templates = Mapping[str, Lines]


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: the first line, for a locked screen or a mail's subject, and the others."""

    subject: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join((self.subject, *self.lines))


@dataclass(frozen=True, slots=True)
class Said:
    """One notification in one language: the words that templates may name. An empty word has nothing to say.

    `now_ms` says how long it has lasted, by default up to the change that is told.
    """

    notification: Notification
    language: Language
    zone: tzinfo
    now_ms: int | None = None

    def mark(self) -> str:
        """The colour of the level as a sign."""
        return _MARKS[self.notification.record.level]

    def level(self) -> str:
        """The level in words."""
        return LEVEL_WORDS[self.notification.record.level][self.language]

    def reason(self) -> str:
        """Why it is told now."""
        return REASON_WORDS[self.notification.reason][self.language]

    def title(self) -> str:
        """What the trouble is called."""
        return self.notification.record.title[self.language]

    def where(self) -> str:
        """The key of the leading alert."""
        return key_words(self.notification.record.key, self.language)

    def summary(self) -> str:
        """What happened."""
        return clean(self.notification.record.summary[self.language], SUMMARY_LEN_MAX)

    def since(self) -> str:
        """When it began."""
        return moment(self.notification.record.started_ms, self.zone, timespec="minutes")

    def lasted(self) -> str:
        """How long it has lasted, or did."""
        record = self.notification.record
        until_ms = record.time_ms if record.level == "green" or self.now_ms is None else self.now_ms
        return duration(max(until_ms - record.started_ms, 0) // 1000 * 1000, self.language)

    def value(self) -> str:
        """The value of the leading alert; nothing where it is not known."""
        value = self.notification.record.value
        return "" if value is None else number(value, self.language)

    def threshold(self) -> str:
        """What it is held against."""
        return number(self.notification.record.threshold, self.language)

    def users(self) -> str:
        """How many users were affected at most; nothing where nobody counts them, or where that is the value itself."""
        users = self.notification.facts.users
        return number(users, self.language) if users and users != self.notification.record.value else ""

    def cause(self) -> str:
        """The alert that explains it."""
        return self._alert(self.notification.facts.cause)

    def around(self) -> str:
        """What planned work and outside events go on there."""
        around = self.notification.facts.around
        return "; ".join(f"{_KINDS[self.language].get(kind, kind)} {clean(name)}" for kind, name in around)

    def latest(self) -> str:
        """The alert that made the change, where another leads."""
        return self._alert(self.notification.facts.latest)

    def unexplained(self) -> str:
        """Holds where no cause is known, and it was raised for that."""
        return _CHECKED if self.notification.facts.is_unexplained else ""

    def flapping(self) -> str:
        """Holds where it goes up and down."""
        return _CHECKED if self.notification.facts.is_flapping else ""

    def nobody(self) -> str:
        """Holds where nobody has taken it on."""
        return "" if self.notification.facts.owner else _CHECKED

    def newly_red(self) -> str:
        """How many more turned red since the last page."""
        count = self.notification.facts.newly_red
        return number(count, self.language) if count else ""

    def red_names(self) -> str:
        """Some of them by name."""
        names = self.notification.facts.red_names
        more = " …" if self.notification.facts.newly_red > _RED_NAMES_MAX else ""
        return "; ".join(clean(name[self.language]) for name in names[:_RED_NAMES_MAX]) + more

    def firing(self) -> str:
        """How many alerts of it fire, where it is more than one."""
        firing = self.notification.facts.firing
        return number(firing, self.language) if firing > 1 else ""

    def action(self) -> str:
        """What to do."""
        return clean(self.notification.action.get(self.language, ""), SUMMARY_LEN_MAX)

    def owner(self) -> str:
        """Who has it."""
        return clean(self.notification.facts.owner)

    def peak(self) -> str:
        """The worst level it reached."""
        peak = self.notification.facts.peak_level
        return LEVEL_WORDS[peak][self.language] if peak else ""

    def note(self) -> str:
        """A line of ours."""
        return self.notification.facts.note.get(self.language, "")

    def to(self) -> str:
        """Who is rung, by name or role, where it is not for all who hear."""
        return clean(self.notification.to)

    def also(self) -> str:
        """How many other incidents were held back and are told with it."""
        also = len(self.notification.also)
        return number(also, self.language) if also else ""

    def link(self) -> str:
        """Where there is more."""
        return self.notification.link

    def _alert(self, record: AlertRecord | None) -> str:
        if record is None:
            return ""
        place = key_words(record.key, self.language)
        level = LEVEL_WORDS[record.level][self.language] if record.level != "green" else ""
        said = f"{record.title[self.language]} · {place}"
        return f"{said} · {level} {number(record.value, self.language)}" if level else said


WORDS: Mapping[str, Callable[[Said], str]] = {
    name: word for name, word in vars(Said).items() if callable(word) and not name.startswith("_")
}
"""The names that templates may use."""


def read_lines(path: Path = SHIPPED) -> Templates:
    """Read the templates of a page. Raise ValueError, which names the file, for what is wrong with them."""
    try:
        templates = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, Lines])
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{path}: {error}") from error
    missing = [language for language in LANGUAGES if language not in templates]
    if missing:
        raise ValueError(f"{path}: has no [{missing[0]}]: a page is written in {' and '.join(LANGUAGES)}")
    for language, lines in templates.items():
        for line in (lines.subject, *lines.firing, *lines.resolved, lines.window_subject, *lines.window):
            unknown = [name for name in _NAMES.findall(line) if name not in WORDS]
            if unknown:
                raise ValueError(
                    f"{path}: [{language}] knows no {{{unknown[0]}}}: there are {', '.join(sorted(WORDS))}"
                )
    return templates


def write(said: Said, templates: Templates) -> Message:
    """Write a notification as a message, in the language of `said`."""
    lines = templates[said.language]
    subject = lines.subject
    body = lines.resolved if said.notification.record.level == "green" else lines.firing
    if said.notification.reason in OF_WINDOWS:
        subject, body = lines.window_subject, lines.window
    written = [_line(line, said) for line in body]
    return Message(_line(subject, said), tuple(line for line in written if line))


def _line(template: str, said: Said) -> str:
    words = {name: WORDS[name](said) for name in _NAMES.findall(template)}
    return fill(template, words.get).replace(_CHECKED, "") if all(words.values()) else ""
