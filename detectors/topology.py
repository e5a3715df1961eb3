"""The places of a site and what they belong to: outlet → city → province, store → district → division.

A table has one row a place. Which level is wider than which follows from the rows themselves.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.batch import Int64, UInt64
from detectors.codes import MISSING, code_of
from detectors.declaring import EVERY_EVENT
from detectors.places import quoted, suggest
from detectors.vocabulary import Field, Stream

REGION = "region"
"""The field that may name a place of any level, where no level is called so."""

NAME_CHARS_MAX = 256
LEVELS_MAX = 8
_SUGGESTED_MAX = 20  # looking for what was meant takes long in a large table
_COMPARED_MAX = 5_000
_LEVEL_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


class Row(NamedTuple):
    """One place as its line says it; what is not said is the empty text."""

    line: int
    level: str
    name: str
    parent: str = ""
    parent_level: str = ""
    name_en: str = ""


class Fault(NamedTuple):
    """One thing that is wrong: in which line, in which column."""

    line: int
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """Codes of names → numbers of places, for all events of a batch at once."""

    codes: UInt64  # sorted
    numbers: Int64

    @classmethod
    def of(cls, places: Mapping[str, int], codes: UInt64) -> Lookup:
        """Build the lookup of some places; `codes` are those of all, by number."""
        numbers = np.fromiter(places.values(), np.int64, len(places))
        numbers = numbers[np.argsort(codes[numbers])]
        return cls(codes[numbers], numbers)

    def find(self, codes: UInt64) -> Int64:
        """Give the number of each place, 0 where there is none of that name."""
        at = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        return np.where(self.codes[at] == codes, self.numbers[at], 0)


class Topology:
    """All places, numbered from 1; 0 is no place. Made by `read_places`, which has checked the rows."""

    def __init__(self, rows: Sequence[Row], parents: Sequence[int], levels: Sequence[str]) -> None:
        """`parents[i]` is the number of the parent of `rows[i]`; `levels` go from the narrowest to the widest."""
        self.levels = tuple(levels)
        named: dict[str, dict[str, int]] = {level: {} for level in levels}
        for number, row in enumerate(rows, 1):
            named[row.level][row.name] = number
        anywhere = {name: number for level in levels for name, number in named[level].items()}  # the widest wins
        self.names: npt.NDArray[np.object_] = np.array([None, *(row.name for row in rows)], object)
        self.codes: UInt64 = np.array([MISSING, *(code_of(row.name) for row in rows)], np.uint64)
        self._lookups = {level: Lookup.of(named[level], self.codes) for level in levels}
        self._lookups.setdefault(REGION, Lookup.of(anywhere, self.codes))
        self._above = self._climb(rows, [0, *parents])
        self.english: Mapping[str, Mapping[str, str]] = {
            field: {name: rows[number - 1].name_en for name, number in numbers.items() if rows[number - 1].name_en}
            for field, numbers in {REGION: anywhere, **named}.items()
        }

    def __len__(self) -> int:
        return len(self.codes) - 1

    def _climb(self, rows: Sequence[Row], parents: Sequence[int]) -> Mapping[str, Int64]:
        """Find for each place and level the place of that level that it lies in, or is: level → (n + 1,)."""
        above = {level: np.zeros(len(rows) + 1, np.int64) for level in self.levels}
        for number, row in enumerate(rows, 1):
            above[row.level][number] = number
        up = np.array(parents)
        for _ in self.levels:  # no chain is longer
            for numbers in above.values():
                np.copyto(numbers, numbers[up], where=numbers == 0)
        return above

    def find(self, field: str, codes: UInt64) -> Int64:
        """Give the number of each place that `field` (a level, or `region`) names; 0 is no place we know."""
        return self._lookups[field].find(codes)

    def above(self, level: str, numbers: Int64) -> Int64:
        """Give the place of a level that each place lies in, or is itself; 0 where it lies in none."""
        return self._above[level][numbers]

    def sources(self, stream: Stream) -> tuple[str, ...]:
        """Name the fields of a stream that say where its events happened, from the narrowest to the widest."""
        fields = [level for level in self.levels if level in stream.fields]
        return (*fields, *([REGION] if REGION in stream.fields and REGION not in self.levels else []))

    def widen(self, stream: Stream) -> Stream:
        """Give a stream the levels its events can be placed in, as fields."""
        sources = self.sources(stream)
        if not sources:
            return stream
        wider = [
            level
            for level in self.levels
            if level not in stream.fields and any(self._leads(source, level) for source in sources)
        ]
        return replace(stream, fields={**stream.fields, **dict.fromkeys(wider, Field())})

    def _leads(self, source: str, level: str) -> bool:
        """Say whether any place that a field may name lies in a place of a level."""
        return bool(self._above[level][self._lookups[source].numbers].any())


def read_places(rows: Sequence[Row]) -> tuple[Topology | None, list[Fault]]:
    """Check the rows of a table, all of them. Give the topology only if nothing is wrong.

    >>> rows = [Row(2, "city", "长沙", "湖南省"), Row(3, "province", "湖南省", name_en="Hunan")]
    >>> topology, faults = read_places(rows)
    >>> topology.levels, topology.english["province"], faults
    (('city', 'province'), {'湖南省': 'Hunan'}, [])
    >>> read_places([Row(2, "city", "长沙", "湖北省"), Row(3, "province", "湖南省")])[1][0].message
    'there is no place "湖北省": did you mean "湖南省"?'
    """
    faults = [fault for row in rows for fault in _faults_alone(row)]
    found: dict[str, dict[str, int]] = {}
    for number, row in enumerate(rows, 1):
        first = found.setdefault(row.level, {}).setdefault(row.name, number)
        if first != number:
            faults.append(
                Fault(row.line, "name", f"the {row.level} {quoted(row.name)} is on line {rows[first - 1].line} already")
            )
    if len(found) > LEVELS_MAX:  # before looking for parents, each of which is looked for in every level
        faults.append(Fault(rows[-1].line, "level", f"there are {len(found)} levels, {LEVELS_MAX} at most"))
        return None, sorted(faults)
    parents = [_parent(row, found, faults) for row in rows]
    if not rows:
        faults.append(Fault(1, "(file)", "names no place"))
    faults += _circles(rows, parents)
    levels = _order(rows, parents) if not faults else []
    if not faults and len(levels) < len(found):
        names = ", ".join(sorted(found.keys() - set(levels)))
        faults.append(Fault(rows[0].line, "level", f"levels lie in each other both ways: {names}"))
    return (None if faults else Topology(rows, parents, levels)), sorted(faults)


def _faults_alone(row: Row) -> Iterator[Fault]:
    """Find what is wrong with a row whatever the others are."""
    if not _LEVEL_NAME.fullmatch(row.level) or row.level in EVERY_EVENT:
        yield Fault(row.line, "level", f"must be a name of a-z, 0-9 and _, as a field has, not {quoted(row.level)}")
    if not row.name:
        yield Fault(row.line, "name", "is empty")
    for column, text in (("name", row.name), ("name_en", row.name_en)):
        if len(text) > NAME_CHARS_MAX or not text.isprintable():
            wrong = f"is longer than {NAME_CHARS_MAX} characters" if text.isprintable() else "holds control characters"
            yield Fault(row.line, column, wrong)
    if row.parent_level and not row.parent:
        yield Fault(row.line, "parent_level", "is the level of no parent: name the parent, or leave it empty")


def _parent(row: Row, found: Mapping[str, Mapping[str, int]], faults: list[Fault]) -> int:
    """Find the number of a row's parent, 0 for none."""
    if not row.parent:
        return 0
    if row.parent_level and row.parent_level not in found:
        hint = suggest(row.parent_level, found)
        faults.append(Fault(row.line, "parent_level", f"there is no level {quoted(row.parent_level)}: {hint}"))
        return 0
    levels = [row.parent_level] if row.parent_level else [level for level in found if level != row.level]
    numbers = {level: found[level][row.parent] for level in levels if row.parent in found[level]}
    if len(numbers) == 1:
        return next(iter(numbers.values()))
    if numbers:
        among = ", ".join(numbers)
        message = f"{quoted(row.parent)} is a place of several levels: say which under parent_level: {among}"
    elif row.parent in found[row.level]:
        message = f"{quoted(row.parent)} is a {row.level} too: a place lies in one of another level"
    else:
        message = f"there is no place {quoted(row.parent)}" + _meant(row.parent, levels, found, faults)
    faults.append(Fault(row.line, "parent", message))
    return 0


def _meant(
    name: str, levels: Collection[str], found: Mapping[str, Mapping[str, int]], faults: Collection[Fault]
) -> str:
    if len(faults) >= _SUGGESTED_MAX or sum(len(found[level]) for level in levels) > _COMPARED_MAX:
        return ""
    hint = suggest(name, [known for level in levels for known in found[level]])
    return f": {hint}" if hint.startswith("did") else ""


def _circles(rows: Sequence[Row], parents: Sequence[int]) -> Iterator[Fault]:
    """Find places that lie in themselves; each circle once, at the first of its lines."""
    state = [0] * (len(rows) + 1)  # 0 not seen, 1 on this walk, 2 done
    state[0] = 2
    for start in range(1, len(rows) + 1):
        walk = []
        number = start
        while state[number] == 0:
            state[number] = 1
            walk.append(number)
            number = parents[number - 1]
        if state[number] == 1:
            circle = walk[walk.index(number) :]
            names = " → ".join(quoted(rows[at - 1].name) for at in [*circle, number][:6])
            yield Fault(min(rows[at - 1].line for at in circle), "parent", f"places go round in a circle: {names}")
        for at in walk:
            state[at] = 2


def _order(rows: Sequence[Row], parents: Sequence[int]) -> list[str]:
    """Order levels from the narrowest to the widest; a level that lies in itself by way of others is left out."""
    wider: dict[str, set[str]] = {row.level: set() for row in rows}
    for row, parent in zip(rows, parents, strict=True):
        if parent:
            wider[row.level].add(rows[parent - 1].level)
    ordered: list[str] = []  # from the widest: what lies in nothing that is not listed yet
    while ready := [level for level in wider if level not in ordered and wider[level] <= set(ordered)]:
        ordered += ready
    return ordered[::-1]
