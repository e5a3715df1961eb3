"""A day at the desk with all that it writes into the log, and the history that is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from alerts.callout import Crew
from alerts.chronicle import delivery_of, encode, figure_of
from alerts.commands import Command, Verb, note_of
from alerts.desk import Desk
from alerts.notices import NoticeChange
from alerts.notifications import Delivery, Notification, Result
from alerts.outbox.item import Ended, Item, Outcome
from alerts.records import AlertRecord, alert_record, format_time
from alerts.records import encode as encode_record
from alerts.routing import Routing
from alerts.site import Site
from alerts.windows import Window
from detectors.figures import Figure
from detectors.rules import LEVEL_CODE, Rule
from detectors.transition import Transition
from streams.desk_stage import DeskStage
from streams.explain import explanation
from streams.historyfile import HistoryFile
from streams.historyreads import HistoryReads
from streams.historyrows import Record, statements
from streams.stage import Outgoing
from streams.topics import ALERTS, HISTORY
from tests.alerting import CHINA
from tests.happenings import DAY_MS, RULES
from tests.staging import chunk

LogEntry = tuple[str, bytes]


class Deaf:
    """Hears the desk and does nothing."""

    def alert(self, record: AlertRecord) -> None: ...

    def notice(self, change: NoticeChange) -> None: ...


@dataclass
class Day:
    """One desk; `log` is what lies in the topics that history follows, in the order in which it was written."""

    rules: Sequence[Rule] = RULES
    windows: tuple[Window, ...] = ()
    crew: Crew = field(default_factory=Crew)
    routing: Routing = field(default_factory=lambda: Routing(channels=("pager",)))
    log: list[LogEntry] = field(default_factory=list)
    offered: list[Notification] = field(default_factory=list)
    now_ms: int = DAY_MS
    has_room: bool = True

    def __post_init__(self) -> None:
        self._ids = count()
        self._series: dict[tuple[Any, ...], AlertRecord] = {}
        self.entries: list[bytes] = []
        self.stage = self.made()

    def made(self) -> DeskStage:
        site = Site(windows=self.windows, crew=self.crew)
        return DeskStage(Desk(self.rules, CHINA, self.routing, site=site), self, Deaf())

    # What happens.

    def pass_to(self, text: str, *, step_ms: int = 20_000) -> None:
        """Let time pass up to `10:00` of the day, in UTC."""
        hours, minutes, *seconds = map(int, text.split(":"))
        end_ms = DAY_MS + (hours * 60 + minutes) * 60_000 + sum(seconds) * 1_000
        while self.now_ms < end_ms:
            self.now_ms = min(self.now_ms + step_ms, end_ms)
            self._take(self.stage.beat(self.now_ms))

    def alert(self, rule: Rule, level: str, value: float | None = None, **key: Any) -> AlertRecord:
        """Let one series go to a level now."""
        series = (rule.id, *key.values())
        before = self._series.get(series)
        was = "green" if before is None else before.level
        started_ms = self.now_ms if before is None or was == "green" else before.started_ms
        rose = LEVEL_CODE[level] > LEVEL_CODE[was]
        threshold = dict(rule.levels)[level if rose else was]
        said = 10.0 * LEVEL_CODE[level] if value is None else value
        reason = "raised" if rose else "lowered" if level != "green" else "cleared"
        key_values = tuple(key[name] for name in rule.by)
        moved = Transition(rule.id, key_values, level, was, self.now_ms, started_ms, said, threshold, reason)
        record = self._series[series] = alert_record(moved, rule)
        self.log.append((ALERTS, encode_record(record)))
        self._enter(note_of(record, self.now_ms))
        return record

    def command(self, what: str, by: str, on: str = "", **body: Any) -> None:
        """Let somebody ask for something now."""
        name = f"c{next(self._ids)}"
        self._enter(Command(command=name, time=format_time(self.now_ms), by=by, what=Verb(what), on=on, body=body))

    def figure(self, rule: Rule, value: float, midnight_ms: int, late_ms: int = 0, **key: Any) -> None:
        """Let the judge tell what one series measured when a day ended, at that midnight or a while behind."""
        named = tuple(key[name] for name in rule.by)
        told = Figure(rule.id, named, midnight_ms + late_ms, midnight_ms, value, 1, rule.targets)
        self.log.append((HISTORY, encode(figure_of(told, rule))))

    def delivers(self, outcome: Outcome = Outcome.DELIVERED, *, channel: str = "pager", together: int = 1) -> None:
        """Let everything that a channel was offered so far meet its end."""
        gone = [each for each in self.offered if each.channel == channel]
        self.offered = [each for each in self.offered if each.channel != channel]
        result = Result.DELIVERED if outcome is Outcome.DELIVERED else Result.REFUSED
        for each in gone:
            ended = Ended(Item(each, self.now_ms), outcome, self.now_ms)
            self.log.append((HISTORY, encode(delivery_of(ended, Delivery(result), together))))

    def _enter(self, command: Command) -> None:
        self.entries.append(command.encode())
        self._take(self.stage.feed(chunk(command.encode(), topic="tocsin.commands"), self.now_ms))

    def _take(self, out: list[Outgoing]) -> None:
        self.log += [(each.topic, each.value) for each in out]

    # The outlet of the stage.

    def offer(self, notification: Notification) -> None:
        self.offered.append(notification)

    def safe(self) -> None: ...


def take(file: HistoryFile, log: Sequence[LogEntry], *, first: int = 0, batch: int = 7) -> None:
    """Have a file follow a log from an entry on, as the historian does: all of a step, or nothing."""
    for start in range(first, len(log), batch):
        part = log[start : start + batch]
        rows = [row for topic, value in part for row in statements(Record(topic, value))]
        file.write(rows, {topic: start + number + 1 for number, (topic, _) in enumerate(part)})


@contextmanager
def history_of(log: Sequence[LogEntry], folder: Path) -> Iterator[HistoryReads]:
    file = HistoryFile.open(folder, "tocsin")
    try:
        take(file, log)
        yield HistoryReads(file)
    finally:
        file.close()


def rows_of(log: Sequence[LogEntry], folder: Path) -> dict[str, list[Any]]:
    """Give all rows of the history of a log."""
    file = HistoryFile.open(folder, "tocsin")
    take(file, log)
    rows = file.rows()
    file.close()
    return rows


def explained(log: Sequence[LogEntry], asked: str, folder: Path) -> str:
    """Explain an id in both languages, as the terminal shows it."""
    with history_of(log, folder) as reads:
        told = explanation(asked, CHINA)(reads)
    texts = ("\n".join(one[language] for one in told["statements"]) for language in ("en", "zh"))
    return "\n\n".join(texts) + "\n"
