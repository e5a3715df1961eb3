"""Rule tests, run: the events go through the same code as in replay, and what comes is held against what should."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.batch import Bool, Float64, Int64
from detectors.levels import Levels
from detectors.rules import Rule, Scalar
from detectors.transition import Key, Transition
from streams.events import MixedDecoder
from streams.replay import Replay
from streams.site import SHIPPED, Site
from streams.testcases import Case, Expectation

CHUNK_LEN = 10_000


@dataclass(frozen=True, slots=True)
class Peak:
    """The value of a series that came nearest to a level (the highest, or with `below` the lowest), and when first."""

    key: Key
    value: float
    time_ms: int
    threshold: float  # of the mildest level, at that time


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that was not met.

    `got` is the change of level that came nearest, or the one nobody wanted; `peak` says how far the rule came where
    nothing changed at all.
    """

    expectation: Expectation
    got: Transition | None
    peak: Peak | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one test came to. `refused` are events that the service would put among the dead letters.

    Each rule was judged up to its last boundary not after `end_ms`.
    """

    case: Case
    rules: Mapping[str, Rule]
    failures: Sequence[Failure]
    refused: Sequence[str]
    events: int
    end_ms: int

    @property
    def passed(self) -> bool:
        """Whether everything came as expected."""
        return not self.failures and not self.refused


class _Watched(Levels):
    """Levels that remember how far each series came."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.peaks: dict[int, tuple[float, int, float]] = {}

    def judge(self, rows: Int64, values: Float64, time_ms: int) -> tuple[Int64, Int64, Bool]:
        """Judge, and remember."""
        answer = super().judge(rows, values, time_ms)
        for row, value in zip(rows.tolist(), values.tolist(), strict=True):
            known = self.peaks.get(row)
            if not np.isnan(value) and (known is None or self._sign * value > self._sign * known[0]):
                self.peaks[row] = (value, time_ms, self.thresholds[0])
        return answer


def run(
    case: Case, rules: Mapping[str, Rule], count: Callable[[int], None] = lambda _: None, site: Site = SHIPPED
) -> Outcome:
    """Run one test at a site. `count` hears of every batch of events.

    It ends at the first boundary after its last event, or at the last time its expectations name.
    """
    concerned = {rule.id: rule for rule in rules.values() if any(e.rule == rule.id for e in case.expected)}
    decoder = MixedDecoder(list(site.streams.values()))
    replay = Replay(list(concerned.values()), lateness_ms=0, site=site)
    watched = {id_: _Watched(rule) for id_, rule in concerned.items()}
    for id_, levels in watched.items():
        replay.judge.rules[id_].levels = levels
    said: list[Transition] = []
    refused: list[str] = []
    end_ms = max((e.to_ms for e in case.expected if e.to_ms is not None), default=0)
    last_ms = 0
    for start in range(0, len(case.events), CHUNK_LEN):
        decoded = decoder.rows(case.events[start : start + CHUNK_LEN], replay.fields)
        refused += [f"{one.raw.decode()}: {one.reason}: {one.detail}" for one in decoded.refused]
        said += replay.feed(decoded.time_ms, decoded.events)
        last_ms = max(last_ms, int(decoded.time_ms.max(initial=0)))
        count(len(decoded.events))
    said += replay.finish(until_ms=end_ms)
    end_ms = max([end_ms, *((last_ms // rule.hop_ms + 1) * rule.hop_ms for rule in concerned.values())])
    failures = []
    for expectation in case.expected:
        rule = concerned[expectation.rule]
        own = [transition for transition in said if transition.rule == rule.id]
        met = [transition for transition in own if _misses(expectation, rule, transition) == _NOTHING]
        if bool(met) == expectation.unwanted:
            got = met[0] if met else _nearest(expectation, rule, own)
            peak = _peak(expectation, rule, replay.judge.rules[rule.id].keys, watched[rule.id])
            failures.append(Failure(expectation, got, peak))
    return Outcome(case, concerned, failures, refused, len(case.events), end_ms)


def matches(key: Mapping[str, Scalar], rule: Rule, full: Key) -> bool:
    """Say whether a part of a key agrees with a whole one. Types compare strictly, as in `where`."""
    values = rule.named(full)
    return all(
        name in values and values[name] == value and isinstance(values[name], bool) == isinstance(value, bool)
        for name, value in key.items()
    )


def off_ms(expectation: Expectation, time_ms: int) -> int:
    """Say by how much a time lies outside of what was expected: negative is too early, positive too late."""
    if expectation.from_ms is not None and time_ms < expectation.from_ms:
        return time_ms - expectation.from_ms
    if expectation.to_ms is not None and time_ms > expectation.to_ms:
        return time_ms - expectation.to_ms
    return 0


def wrong_in(expectation: Expectation, transition: Transition) -> list[str]:
    """Name what of a change of level is not as expected, besides its key, its level and its time."""
    wrong = []
    if expectation.value is not None and not is_near(expectation, transition.value):
        wrong.append("value")
    if expectation.worst_step is not None and expectation.worst_step != transition.worst_step:
        wrong.append("worst_step")
    for name, wanted in expectation.top.items():
        if top_of(transition, name)[: len(wanted)] != list(wanted):
            wrong.append(f"top {name}")
    return wrong


def is_near(expectation: Expectation, value: float | None) -> bool:
    """Say whether a value is the one expected: within the tolerance, and as people write numbers."""
    wanted = expectation.value
    return (
        value is not None
        and wanted is not None
        and math.isclose(value, wanted, rel_tol=1e-9, abs_tol=expectation.tolerance)
    )


def top_of(transition: Transition, name: str) -> list[str]:
    """List what brings most in a field, the greatest first."""
    return [one.value for one in transition.top or () if one.field == name]


_NOTHING = (False, False, 0, 0)


def _misses(expectation: Expectation, rule: Rule, transition: Transition) -> tuple[bool, bool, int, int]:
    """Say how far a change of level is from an expectation: in its key, its level, its time, and in what else."""
    return (
        not matches(expectation.key, rule, transition.key),
        expectation.level not in (None, transition.level),
        abs(off_ms(expectation, transition.time_ms)),
        len(wrong_in(expectation, transition)),
    )


def _nearest(expectation: Expectation, rule: Rule, own: Sequence[Transition]) -> Transition | None:
    return min(own, key=lambda transition: _misses(expectation, rule, transition), default=None)


def _peak(expectation: Expectation, rule: Rule, keys: Sequence[Key], watched: _Watched) -> Peak | None:
    """Find the series with the key expected that came furthest; of all series if none has that key."""
    peaks = [Peak(keys[row], *told) for row, told in watched.peaks.items()]
    mine = [peak for peak in peaks if matches(expectation.key, rule, peak.key)] or peaks
    sign = -1 if rule.below else 1
    return max(mine, key=lambda peak: sign * (peak.value - peak.threshold), default=None)
