"""What came of rule tests, in words: what was expected, what came nearest, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from alerts.records import format_time
from alerts.texts import number
from detectors.durations import format_duration
from detectors.places import printable
from detectors.rules import Rule, Scalar
from detectors.transition import Transition
from streams.testcases import Case, Expectation
from streams.testrun import Failure, Outcome, matches, off_ms, top_of, wrong_in

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def lines_of(failure: Failure, outcome: Outcome) -> tuple[str, str, str]:
    """Say what was expected, what came instead, and what to do next."""
    expectation, zone = failure.expectation, outcome.case.zone
    return expected(expectation, zone), _got(failure, outcome), _next(failure, outcome)


def expected(expectation: Expectation, zone: tzinfo) -> str:
    """Say an expectation.

    >>> from streams.yamlfile import Located
    >>> expected(Expectation("surge", {"region": "长沙"}, "red", 0, 60_000, True, Located("", 1, 1, "", "")), UTC)
    'no change of surge (region 长沙) to red between 00:00:00 and 00:01:00'
    """
    what = f"{'no change' if expectation.unwanted else 'a change'} of {expectation.rule}{_key(expectation.key)}"
    level = f" to {expectation.level}" if expectation.level else ""
    start, end = expectation.from_ms, expectation.to_ms
    when = ""
    if start is not None and end is not None:
        when = f" at {_time(start, zone)}" if start == end else f" between {_time(start, zone)} and {_time(end, zone)}"
    return f"{what}{level}{when}{_besides(expectation)}"


def _besides(expectation: Expectation) -> str:
    """Say what is expected of a change besides its level."""
    said = []
    if expectation.value is not None:
        about = f" ± {number(expectation.tolerance)}" if expectation.tolerance else ""
        said.append(f"value {number(expectation.value)}{about}")
    if expectation.worst_step is not None:
        said.append(f"worst step {printable(expectation.worst_step)}")
    said += [f"top {name} {_listed(wanted)}" for name, wanted in expectation.top.items()]
    return f", with {', '.join(said)}" if said else ""


def _listed(values: Sequence[str]) -> str:
    return " and ".join(printable(value) for value in values) or "nobody"


def as_data(outcome: Outcome) -> dict[str, Any]:
    """Give an outcome as plain data for programs. Times are RFC 3339 in UTC."""
    return {
        "file": outcome.case.place.file,
        "line": outcome.case.place.line,
        "name": outcome.case.name,
        "passed": outcome.passed,
        "events": outcome.events,
        "refused": list(outcome.refused),
        "failures": [_failure_data(failure, outcome) for failure in outcome.failures],
    }


def _failure_data(failure: Failure, outcome: Outcome) -> dict[str, Any]:
    expectation, got, peak = failure.expectation, failure.got, failure.peak
    rule = outcome.rules[expectation.rule]
    said = dict(zip(("expected", "got", "next"), lines_of(failure, outcome), strict=True))
    return {
        "line": expectation.place.line,
        "rule": expectation.rule,
        "unwanted": expectation.unwanted,
        **said,
        "nearest": None
        if got is None
        else {
            "key": rule.named(got.key),
            "level": got.level,
            "was": got.was,
            "time": format_time(got.time_ms),
            "value": got.value,
            "threshold": got.threshold,
            **({} if got.worst_step is None else {"worst_step": got.worst_step}),
            **({} if got.top is None else {"top": [asdict(one) for one in got.top]}),
        },
        "peak": None
        if peak is None
        else {
            "key": rule.named(peak.key),
            "value": peak.value,
            "time": format_time(peak.time_ms),
            "threshold": peak.threshold,
        },
    }


def _got(failure: Failure, outcome: Outcome) -> str:
    expectation, got, case = failure.expectation, failure.got, outcome.case
    rule = outcome.rules[expectation.rule]
    if got is None:
        return f"nothing: {rule.id} stayed green; {_how_far(failure, rule, case)}"
    value = "no value" if got.value is None else f"value {number(got.value)}, threshold {number(got.threshold)}"
    said = f"{got.was} → {got.level}{_key(rule.named(got.key))} at {_time(got.time_ms, case.zone)} ({value})"
    if expectation.unwanted:
        return said
    wrong = []
    if not matches(expectation.key, rule, got.key):
        wrong.append("another key")
    if expectation.level not in (None, got.level):
        wrong.append(f"{got.level}, not {expectation.level}")
    off = off_ms(expectation, got.time_ms)
    if off:
        wrong.append(f"{format_duration(abs(off))} too {'early' if off < 0 else 'late'}")
    wrong += [_other(what, expectation, got) for what in wrong_in(expectation, got)]
    return f"{said}: {', '.join(wrong)}"


def _other(what: str, expectation: Expectation, got: Transition) -> str:
    """Say what a change has in the place of what was expected."""
    if what == "value":
        return f"another value, {number(got.value)}"
    if what == "worst_step":
        return f"worst step {printable(got.worst_step or '') or 'unknown'}"
    name = what.removeprefix("top ")
    return f"{what} {_listed(top_of(got, name)[: max(len(expectation.top[name]), 1)])}"


def _how_far(failure: Failure, rule: Rule, case: Case) -> str:
    peak = failure.peak
    if peak is None:
        return "none of the events made a value of it"
    end = "lowest" if rule.below else "highest"
    value = f"its {end} value was {number(peak.value)}{_key(rule.named(peak.key))} at {_time(peak.time_ms, case.zone)}"
    return f"{value}, and {rule.levels[0][0]} begins at {number(peak.threshold)}"


def _next(failure: Failure, outcome: Outcome) -> str:
    expectation, got, peak = failure.expectation, failure.got, failure.peak
    rule, zone = outcome.rules[expectation.rule], outcome.case.zone
    if expectation.unwanted:
        return "if it must not be, raise the threshold or lengthen `for`; if it may be, narrow the expectation"
    see = "`tocsin check --effective RULES` shows the rule with its defaults"
    if got is None and peak is None:
        return f"compare the events with `stream`, `where`, `by` and `min_events`: {see}"
    if got is None and peak is not None:
        reached = peak.value <= peak.threshold if rule.below else peak.value >= peak.threshold
        if not reached:
            return f"send more, or change the threshold: {see}"
        held = format_duration(rule.for_ms)
        return f"it must hold for {held}, and the test ends at {_end(outcome, rule)}: let the events go on"
    assert got is not None
    if not matches(expectation.key, rule, got.key):
        return f"no series of that key changed: compare `key` with {', '.join((*rule.at, *rule.by))} of the events"
    if expectation.level in (None, got.level) and not off_ms(expectation, got.time_ms):
        return f"if that is right, write it into the expectation; if not, change the events or the rule: {see}"
    if expectation.level in (None, got.level):
        return f'if that is right, write at: "{_time(got.time_ms, zone)}"; if not, change the events or the rule: {see}'
    if expectation.to_ms is None:
        return (
            f"the test ends at {_end(outcome, rule)}: let the events go on, or give the expectation `at` or `between`: "
            "time goes on to the last one named"
        )
    return f"change the events, the expectation or the rule: {see}"


def _end(outcome: Outcome, rule: Rule) -> str:
    return _time(outcome.end_ms // rule.hop_ms * rule.hop_ms, outcome.case.zone)


def _key(key: Mapping[str, Scalar]) -> str:
    """Show a key, or a part of one.

    >>> _key({"region": "长沙", "tier": ""}), _key({})
    (' (region 长沙, tier "")', '')
    """
    shown = [f"{name} {_plain(value)}" for name, value in key.items()]
    return f" ({', '.join(shown)})" if shown else ""


def _plain(value: Scalar) -> str:
    if isinstance(value, str):
        return printable(value) or '""'
    return str(value).lower() if isinstance(value, bool) else number(value)


def _time(time_ms: int, zone: tzinfo) -> str:
    local = (_EPOCH + timedelta(milliseconds=time_ms)).astimezone(zone)
    return local.time().isoformat(timespec="milliseconds" if time_ms % 1000 else "seconds")
