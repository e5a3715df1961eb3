"""What is shown of every series: its name as label text, its level as a number, its last value.

Label text comes from data. One lone surrogate in one label would make every later scrape fail, so nothing reaches
the exposition that did not pass `label_text`.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from detectors.rules import LEVEL_CODE
from detectors.transition import Key

if TYPE_CHECKING:
    from prometheus_client import Metric

BLIND_CODE = -1.0
"""What `tocsin_level` shows while the source of a series is blind: neither green nor any other level."""

ALL = "all"
OTHER = "other"
MISSING = "-"
SERIES_MAX = 10_000
LABEL_CHARS_MAX = 120

_RANK_OF_BLIND = (LEVEL_CODE["green"] + LEVEL_CODE["act"]) / 2  # worse than green: blind is not green


class SeriesLevel(NamedTuple):
    """One series as it stands: its label text, its level code (or `BLIND_CODE`), its last value (NaN = unknown)."""

    rule: str
    series: str
    code: float
    value: float


class LevelView(Protocol):
    """Where the levels of all series are looked up at the time of a scrape."""

    def levels(self) -> Iterable[tuple[str, str, float, float]]:
        """Give (rule, series label, level code, value or NaN) of every series, in a stable order.

        Called from a thread that serves the scrape: give a snapshot, not a view of something that is being changed.
        """


def label_text(text: str) -> str:
    """Make text from data fit for a label: one line, nothing invisible, at most `LABEL_CHARS_MAX` characters.

    What had to be changed ends in a short digest, so that two different texts stay two different labels.

    >>> label_text("长沙/network")
    '长沙/network'
    >>> label_text("a" + chr(0xD800))
    'a\ufffd~73aa86'
    """
    if len(text) <= LABEL_CHARS_MAX and text.isprintable():
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: LABEL_CHARS_MAX - 7])
    return f"{shown}~{digest}"


def series_label(key: Key) -> str:
    """Write a key as label text: its values joined by a slash, `all` for no key, `-` for a missing field.

    >>> series_label(("长沙", "network")), series_label(()), series_label(("", 2.0, True))
    ('长沙/network', 'all', '-/2/true')
    >>> series_label(("a/b", "c")) == series_label(("a", "b/c"))
    False
    """
    return label_text("/".join(map(_part, key))) if key else ALL


def _part(value: str | float | bool) -> str:  # noqa: FBT001  a value of a key
    if isinstance(value, str):
        # A slash inside a value must not read as the border between two.
        return value.replace("/", "\N{FULLWIDTH SOLIDUS}") or MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15g}"


def worse(one: SeriesLevel, two: SeriesLevel) -> SeriesLevel:
    """Choose the worse of two: red before orange, yellow, act, blind and green; the first where they are equal."""
    return two if _rank(two.code) > _rank(one.code) else one


def _rank(code: float) -> float:
    return _RANK_OF_BLIND if code == BLIND_CODE else code


class LevelCollector(Collector):
    """`tocsin_level` and `tocsin_measure`, read from a view at each scrape instead of being set at each boundary.

    At most `series_max` series a rule are shown one by one, the first in the view's order. The rest is one series,
    `other`, which shows the worst of them, and is counted in `tocsin_series_folded_total`.
    """

    def __init__(self, view: LevelView, series_max: int = SERIES_MAX) -> None:
        """Show `view`; raise ValueError for a bound under 1."""
        if series_max < 1:
            raise ValueError(f"series_max must be at least 1, got {series_max}")
        self._view = view
        self._series_max = series_max
        self._folded: dict[str, int] = {}  # rule → series folded at the last scrape
        self._folded_total: dict[str, int] = {}
        self._lock = threading.Lock()  # scrapes come in threads of their own

    def describe(self) -> Iterable[Metric]:
        """Name the metrics without reading the view."""
        return _families()

    def collect(self) -> Iterator[Metric]:
        """Read the view once and show it."""
        shown, folded = self._bounded()
        level, measure, folded_total = _families()
        for row in shown:
            level.add_metric((row.rule, row.series), row.code)
            if not math.isnan(row.value):  # one unknown value would turn every sum over the series into NaN
                measure.add_metric((row.rule, row.series), row.value)
        for rule, total in self._count(folded).items():
            folded_total.add_metric((rule,), total)
        yield from (level, measure, folded_total)

    def _bounded(self) -> tuple[Iterable[SeriesLevel], dict[str, int]]:
        shown: dict[tuple[str, str], SeriesLevel] = {}
        shown_of: dict[str, int] = {}
        folded: dict[str, int] = {}
        for rule, name, code, value in self._view.levels():
            series = label_text(name)
            room = shown_of.setdefault(rule, 0) < self._series_max
            if not room and (rule, series) not in shown:
                folded[rule] = folded.get(rule, 0) + 1
                series = OTHER
            row = SeriesLevel(rule, series, code, value)
            known = shown.get((rule, series))
            if known is None and series != OTHER:
                shown_of[rule] += 1
            # The same label twice would make the whole scrape invalid; the worst of the two is shown.
            shown[rule, series] = row if known is None else worse(known, row)
        return shown.values(), folded

    def _count(self, folded: dict[str, int]) -> dict[str, int]:
        """Count the series that were folded since the last scrape."""
        with self._lock:
            for rule, now in folded.items():
                more = now - self._folded.get(rule, 0)
                self._folded_total[rule] = self._folded_total.get(rule, 0) + max(0, more)
            self._folded = folded
            return dict(self._folded_total)


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, CounterMetricFamily]:
    labels = ("rule", "series")
    return (
        GaugeMetricFamily(
            "tocsin_level",
            "Level of a series: 0 green, 0.5 act, 1 yellow, 2 orange, 3 red, -1 blind.",
            labels=labels,
        ),
        GaugeMetricFamily("tocsin_measure", "Last known value of a series; absent while unknown.", labels=labels),
        CounterMetricFamily(
            "tocsin_series_folded_total",
            "Series beyond the bound of their rule, shown together as the series `other`.",
            labels=("rule",),
        ),
    )
