"""Reading plain data (what YAML or JSON gives) without stopping at the first mistake.

A `Place` is a value and the path that leads to it. Its readers give the value in the type asked for, or note a
`Problem` at that path and give None, so that one pass over a file finds everything that is wrong with it.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

Path = tuple[str | int, ...]
SHOWN_LEN_MAX = 40
_WHOLE_MAX = 1e15  # above it a float no longer tells one unit from the next


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong at one path. `at_key`: the key itself is the mistake, not what it holds."""

    path: Path
    message: str
    at_key: bool = False


def printable(text: str) -> str:
    r"""Escape what would break a line or a terminal.

    >>> print(printable("长沙\n\x1b[0m"))
    长沙\n\x1b[0m
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quoted(text: str) -> str:
    """Quote a piece of a file for a message: on one line, and short."""
    shown = text if len(text) <= SHOWN_LEN_MAX else text[: SHOWN_LEN_MAX - 1] + "…"
    return f'"{printable(shown)}"'


def describe(value: object) -> str:
    """Say what a value is, for "must be text, not …".

    >>> describe(5.0), describe("x"), describe([]), describe(None)
    ('the number 5', 'the text "x"', 'a list', 'nothing')
    """
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {number_text(value)}"
        case str():
            return f"the text {quoted(value)}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def number_text(value: float) -> str:
    """Write a number the way people do: no `.0`, no more digits than it needs."""
    return f"{value:.0f}" if math.isfinite(value) and value == int(value) and abs(value) < _WHOLE_MAX else repr(value)


def of_hundred(number: float) -> str:
    """Say how to write what was probably meant as so much of a hundred.

    >>> of_hundred(95), of_hundred(1.1), of_hundred(0)
    (': of 95 % write 0.95', '', '')
    """
    return f": of {number_text(number)} % write {number_text(number / 100)}" if 2 <= number <= 100 else ""


_MEANT = {"gte": "ge", "lte": "le", ">=": "ge", ">": "gt", "<=": "le", "<": "lt"}
"""What other languages call ours: by spelling alone `gte` is nearer to `gt`, which means something else."""


def suggest(word: str, known: Collection[str], others: str = "") -> str:
    """Say which known name was probably meant, or else which there are, and where `others` come from.

    >>> suggest("windw", ["window", "hop"]), suggest("x", ["window", "hop"])
    ('did you mean "window"?', 'there are window, hop')
    """
    near = [_MEANT[word]] if _MEANT.get(word) in known else difflib.get_close_matches(word.lower(), known, n=1)
    return f'did you mean "{near[0]}"?' if near else f"there are {', '.join(known)}{others}"


@dataclass(frozen=True, slots=True)
class Place:
    """A value, the path to it, and the list that gathers the problems of the whole document."""

    value: object
    path: Path
    problems: list[Problem]

    def refuse(self, message: str, *, at_key: bool = False) -> None:
        """Note that this value (or its key) is wrong."""
        self.problems.append(Problem(self.path, message, at_key))

    def within(self, step: str | int, value: object) -> Place:
        """Go one step down."""
        return Place(value, (*self.path, step), self.problems)

    def entries(self, wanted: str = "a mapping") -> dict[str, Place] | None:
        """Read a mapping with any keys."""
        if not isinstance(self.value, dict):
            self.refuse(f"must be {wanted}, not {describe(self.value)}")
            return None
        return {key: self.within(key, value) for key, value in self.value.items()}

    def keys(
        self,
        known: Collection[str],
        *,
        required: Iterable[str] = (),
        wanted: str = "a mapping",
        what: str = "key",
        elsewhere: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, Place] | None:
        """Read a mapping of known keys: the unknown are refused and left out, the missing are named.

        `elsewhere` says what to write for keys that mean something in other tools, and nothing here.
        """
        entries = self.entries(wanted)
        if entries is None:
            return None
        for key in [key for key in entries if key not in known]:
            hint = elsewhere.get(key) or suggest(key, known)
            entries.pop(key).refuse(f"unknown {what} {quoted(key)}: {hint}", at_key=True)
        for key in required:
            if key not in entries:
                self.refuse(f'"{key}" is missing')
        return entries

    def items(self, wanted: str = "a list") -> list[Place] | None:
        """Read a list."""
        if not isinstance(self.value, list):
            self.refuse(f"must be {wanted}, not {describe(self.value)}")
            return None
        return [self.within(index, value) for index, value in enumerate(self.value)]

    def text(self, wanted: str = "text", *, any_text: bool = True) -> str | None:
        """Read a text that says something. `any_text`: quotes would make a number or `true` right."""
        if not isinstance(self.value, str):
            hint = ": put it in quotes" if any_text and isinstance(self.value, (bool, int, float)) else ""
            self.refuse(f"must be {wanted}, not {describe(self.value)}{hint}")
            return None
        if not self.value.strip():
            self.refuse(f"must be {wanted}, but is empty")
            return None
        return self.value

    def choice(self, known: Collection[str], what: str, others: str = "") -> str | None:
        """Read one of the known names; `what` is what they name, `others` says where more come from."""
        name = self.text(f"the name of a {what}", any_text=False)
        if name is not None and name not in known:
            self.refuse(f"unknown {what} {quoted(name)}: {suggest(name, known, others)}")
            return None
        return name

    def number(self, wanted: str = "a number") -> float | None:
        """Read a finite number; `true` is none."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            self.refuse(f"must be {wanted}, not {describe(self.value)}")
            return None
        if not math.isfinite(self.value):
            self.refuse(f"must be {wanted}, and finite")
            return None
        return float(self.value)
