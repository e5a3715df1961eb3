"""Rules as they work: with every default filled in and every part of a limit reckoned out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from alerts.records import default_summary
from detectors.checker import RULE_KEYS, check_rules
from detectors.durations import format_duration
from detectors.places import printable
from detectors.rules import Rule
from detectors.vocabulary import STREAMS, Stream
from streams.yamlfile import read_yaml
from streams.yamlnodes import RESOLVERS


def effective_rules(
    files: Sequence[Path], rules: Sequence[Rule], streams: Mapping[str, Stream] = STREAMS
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Give each rule of these files, whole, with the file it comes from. There must be nothing wrong with any."""
    known = {rule.id: rule for rule in rules}
    for path in files:
        data: Any = read_yaml(path).data
        for written in data["rules"]:
            yield path, effective(written, known[written["id"]], streams)


def effective(written: Mapping[str, Any], rule: Rule, streams: Mapping[str, Stream] = STREAMS) -> dict[str, Any]:
    """Fill a rule up: what is written stays, defaults join it, thresholds are numbers, keys are in their usual order.

    A default that the rule's measure refuses is left out, so that the whole passes `tocsin check` as it is.
    """
    names = [name for name, _ in rule.levels]
    filled = {
        "where": {},
        "min_events": rule.min_events,
        "quiet": [],
        "summary": dict(default_summary(rule)),
        "notify": {},
        **written,
        "measure": _measure(written["measure"], rule),
        "by": list(rule.by),
        "at": list(rule.at),
        "contributors": list(rule.contributors),
        "window": rule.period or format_duration(rule.window_ms),
        "hop": format_duration(rule.hop_ms),
        "levels": {name: _number(threshold) for name, threshold in rule.levels},
        "direction": "below" if rule.below else "above",
        "for": format_duration(rule.for_ms),
        "clear": _number(rule.clear),
        "clear_for": format_duration(rule.clear_for_ms),
        "unknown_after": format_duration(rule.unknown_after_ms),
        "when": [
            {
                **block,
                "levels": dict(zip(names, map(_number, one.thresholds), strict=True)),
                **({"targets": {name: _number(aim) for name, aim in one.targets.items()}} if rule.targets else {}),
            }
            for block, one in zip(written.get("when", []), rule.when, strict=True)
        ],
    }
    clock = rule.measure.clock
    calendars = {} if clock is None else {clock.calendar.name: clock.calendar}
    problems = check_rules({"rules": [filled]}, streams, rule.almanac, calendars).problems
    refused = {str(problem.path[2]) for problem in problems if len(problem.path) > 2} - written.keys()
    return {key: filled[key] for key in RULE_KEYS if key in filled and key not in refused}


def _measure(written: Any, rule: Rule) -> Any:
    """Fill up the sides of a ratio; other measures have no defaults."""
    if not isinstance(written, Mapping) or "ratio" not in written:
        return written
    sides = {
        name: {"stream": rule.stream, "where": {}, "measure": "count", **side}
        for name, side in written["ratio"].items()
    }
    return {"ratio": sides, "per": written.get("per", 1)}


def as_yaml(rules: Sequence[tuple[Path, dict[str, Any]]], zone: str) -> str:
    """Write rules as one rule file, with the files they come from in comments."""
    parts = [f"# Every default filled in. Hours and days are those of {zone}.\nversion: 1\nrules:\n"]
    before = None
    for path, rule in rules:
        if path != before:
            parts.append(f"  # {printable(str(path))}\n")
            before = path
        text = yaml.dump(
            [rule], Dumper=_Writer, allow_unicode=True, sort_keys=False, default_flow_style=None, width=118
        )
        parts.append("".join(f"  {line}\n" for line in text.splitlines()))
    return "".join(parts)


class _Writer(yaml.SafeDumper):
    """Writes text so that both YAML 1.1 and 1.2 read it as text, and shares nothing by anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  the shape PyYAML asks for
        return True


for _tag, (_pattern, _first) in RESOLVERS.items():
    _Writer.add_implicit_resolver(_tag, _pattern, _first)


def _number(value: float) -> float:
    """Write whole numbers without a fraction."""
    return int(value) if value.is_integer() else value
