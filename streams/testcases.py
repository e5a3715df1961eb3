"""Files of rule tests, read: the events of each test, made, and what is expected of them, at its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Any

import msgspec

from detectors.durations import parse_duration
from detectors.hours import Almanac
from detectors.places import Problem, quoted, suggest
from detectors.rules import Rule, Scalar
from detectors.testfile import REPEAT_KEYS, moment_of, to_ms
from streams.rulefile import RuleSet, load
from streams.site import SHIPPED, Site
from streams.yamlfile import Located, YamlFile, read_yaml

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVENTS_MAX = 1_000_000
"""Events of one test: more is a slip of the hand."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A change of level that must (or must not) come. What is None or empty may be anything; times are inclusive.

    `value` may be off by `tolerance`. `top` names what brings most in a field, the greatest first.
    """

    rule: str
    key: Mapping[str, Scalar]
    level: str | None
    from_ms: int | None
    to_ms: int | None
    unwanted: bool
    place: Located
    value: float | None = None
    tolerance: float = 0.0
    worst_step: str | None = None
    top: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One test: its events as lines of JSON in the order of time, and what is expected."""

    name: str
    place: Located
    zone: tzinfo  # of the first event: times are shown in it
    events: Sequence[bytes]
    expected: Sequence[Expectation]


@dataclass(slots=True)
class CaseFile:
    """One file of tests. Its cases are whole only if there are no problems."""

    path: Path
    rules: Mapping[str, Rule] = field(default_factory=dict)
    site: Site = SHIPPED
    cases: list[Case] = field(default_factory=list)
    problems: list[Located] = field(default_factory=list)


def read_cases(path: Path, site: Site, *, events: bool = True) -> CaseFile:
    """Read a file whose shape is right, and the rules it names, which lie beside it.

    The file may say its own zone and holidays, in place of those of `site`. Without `events` the cases have none: for
    who wants to know what is wrong.
    """
    document = read_yaml(path)
    data: Any = document.data
    site = replace(site, almanac=_almanac(data, site.almanac))
    found = load([path.parent / name for name in data["rules"]], site.streams, site.almanac)
    file = CaseFile(path, {rule.id: rule for rule in found.rules}, site, problems=list(found.problems))
    if found.problems:
        return file  # what is expected of rules that cannot be read would be refused for that alone
    for index, test in enumerate(data["tests"]):
        reader = _Reader(document, ("tests", index), test, file, makes_events=events)
        case = reader.read()
        if case is not None:
            file.cases.append(case)
    return file


def _almanac(data: Mapping[str, Any], almanac: Almanac) -> Almanac:
    own = frozenset(map(date.fromisoformat, data.get("holidays", ())))
    holidays = own if "holidays" in data else almanac.holidays
    return Almanac(data.get("zone", almanac.zone), holidays)


@dataclass(slots=True)
class _Reader:
    """Reads one test, and notes what only those see who have the rules."""

    document: YamlFile
    path: tuple[str | int, ...]
    test: Mapping[str, Any]
    file: CaseFile
    makes_events: bool
    first: datetime = _EPOCH

    def read(self) -> Case | None:
        before = len(self.file.problems)
        entries = [next(iter(entry.items())) for entry in self.test["events"]]
        if not entries:
            self._refuse(("events",), "is empty: a test needs at least one event")
            return None
        when = entries[0][1].get("time", entries[0][1].get("from"))
        self.first = moment_of(when) or datetime.fromtimestamp(float(when), UTC)
        expected = [
            self._expectation((key, index), entry, unwanted=key == "expect_none")
            for key in ("expect", "expect_none")
            for index, entry in enumerate(self.test.get(key, []))
        ]
        events = self._events(entries)
        if len(self.file.problems) > before:
            return None
        name = self.test["name"]
        return Case(name, self._place((), ""), self.first.tzinfo or UTC, events, expected)

    def _events(self, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> list[bytes]:
        """Make the events, by time; those of one time stay in the order in which they are written."""
        made: list[tuple[int, str, Mapping[str, Any]]] = []
        count = 0
        for index, (stream, fields) in enumerate(entries):
            times = _times(fields)
            count += len(times)
            if count > EVENTS_MAX:
                self._refuse(("events", index), f'gives more than {EVENTS_MAX} events: lengthen its "every"')
                return []
            made += [(time_ms, stream, fields) for time_ms in (times if self.makes_events else ())]
        made.sort(key=lambda event: event[0])
        return [_line(number, *event) for number, event in enumerate(made)]

    def _expectation(self, path: tuple[str | int, ...], entry: Mapping[str, Any], *, unwanted: bool) -> Expectation:
        rule = self.file.rules.get(entry["rule"])
        if rule is None:
            hint = suggest(entry["rule"], self.file.rules) if self.file.rules else "there are none"
            self._refuse((*path, "rule"), f"there is no rule {quoted(entry['rule'])}: {hint}")
        else:
            self._check_against(rule, path, entry)
        at = entry.get("at")
        start, end = (at, at) if at is not None else entry.get("between", (None, None))
        return Expectation(
            entry["rule"],
            entry.get("key", {}),
            entry.get("level"),
            to_ms(start, self.first),
            to_ms(end, self.first),
            unwanted,
            self._place(path, ""),
            entry.get("value"),
            entry.get("tolerance", 0.0),
            entry.get("worst_step"),
            {name: some if isinstance(some, list) else [some] for name, some in entry.get("top", {}).items()},
        )

    def _check_against(self, rule: Rule, path: tuple[str | int, ...], entry: Mapping[str, Any]) -> None:
        for name in entry.get("key", {}):
            fields = (*rule.at, *rule.by)
            if name not in fields:
                hint = suggest(name, fields) if fields else "it watches all as one series"
                self._refuse((*path, "key", name), f"rule {rule.id} is not judged by {quoted(name)}: {hint}")
        for name in entry.get("top", {}):
            if name not in rule.contributors:
                there = f"there are {', '.join(rule.contributors)}" if rule.contributors else "there are none"
                self._refuse((*path, "top", name), f"rule {rule.id} has no contributor {quoted(name)}: {there}")
        clock = rule.measure.clock
        if "worst_step" in entry and not (clock is not None and clock.name_worst):
            self._refuse((*path, "worst_step"), f"rule {rule.id} does not name the worst step: name_worst: step")
        levels = ("green", *(level for level, _ in rule.levels))
        if "level" in entry and entry["level"] not in levels:
            there = ", ".join(levels)
            self._refuse((*path, "level"), f"rule {rule.id} has no level {quoted(entry['level'])}: there are {there}")

    def _refuse(self, path: tuple[str | int, ...], message: str) -> None:
        self.file.problems.append(self._place(path, message))

    def _place(self, path: tuple[str | int, ...], message: str) -> Located:
        return self.document.locate(Problem((*self.path, *path), message))


def _times(fields: Mapping[str, Any]) -> Sequence[int]:
    """List the times of an event, in milliseconds: one, or from `from` up to, not including, `to`."""
    if "time" in fields:
        return [to_ms(fields["time"]) or 0]
    return range(to_ms(fields["from"]) or 0, to_ms(fields["to"]) or 0, parse_duration(fields["every"]))


def _line(number: int, time_ms: int, stream: str, fields: Mapping[str, Any]) -> bytes:
    """Write an event; its id is made up, and greater for later ones, which decides between things of one time."""
    own = {name: value for name, value in fields.items() if name not in REPEAT_KEYS}
    return msgspec.json.encode({"id": f"{number:07}", **own, "stream": stream, "time": time_ms / 1000})


def files_of(paths: Sequence[Path], site: Site) -> tuple[tuple[Path, ...], tuple[Located, ...]]:
    """Find the files of tests among files and folders, and everything that is wrong with what lies there."""
    found = load(paths, site.streams, site.almanac)
    return found.test_files, found.problems


def with_cases(found: RuleSet, site: Site) -> RuleSet:
    """Add what only those see who read tests beside their rules: rules, keys and levels that are not there."""
    told = {path.resolve() for path in found.files}
    wrong = {problem.file for problem in found.problems}
    fit = [path for path in found.test_files if str(path) not in wrong]
    more = (problem for path in fit for problem in read_cases(path, site, events=False).problems)
    new = {problem for problem in more if Path(problem.file).resolve() not in told}
    return replace(found, problems=tuple(sorted(new.union(found.problems))))
