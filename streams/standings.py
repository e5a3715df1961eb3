"""Where a series stands now: asked of its judge, if that is in our hands; else whose it is is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

import msgspec

from alerts.chronicle import Series
from alerts.explainwords import Statement, sentences
from alerts.records import Scalar
from alerts.standings import standing_statements
from alerts.statements import state
from alerts.texts import clean
from detectors.places import quoted, suggest
from detectors.rules import Rule
from detectors.transition import Key
from streams.historian import Historian, HistoryAway
from streams.historyreads import WrongQuestion
from streams.overview import Overview


def read_series(name: str, pairs: Sequence[str], rules: Mapping[str, Rule]) -> tuple[Rule, dict[str, str]]:
    """Read which series is meant: a rule, and `FIELD=NAME` for each field. Raise WrongQuestion for what cannot be."""
    rule = rules.get(name)
    if rule is None:
        raise WrongQuestion(f"unknown rule {quoted(name)}: {suggest(name, rules)}" if name else 'name a "rule"')
    key: dict[str, str] = {}
    for pair in pairs:
        field, is_said, value = pair.partition("=")
        if not is_said or not field:
            raise WrongQuestion(f"{quoted(pair)} is not FIELD=NAME, as in region=长沙")
        key[field] = value
    known = {*rule.by, *rule.at}
    unknown = [field for field in key if field not in known]
    if unknown:
        hint = suggest(unknown[0], sorted(known)) if known else "it has one series for all, and no key"
        raise WrongQuestion(f"the key of rule {rule.id} has no {quoted(unknown[0])}: {hint}")
    if rule.at and len(key.keys() & set(rule.at)) != 1:
        raise WrongQuestion(f"rule {rule.id} is judged at levels: name one of {', '.join(rule.at)}")
    return rule, key


async def standing_told(  # noqa: PLR0913, PLR0917  what is asked, and who knows
    rule: Rule, key: Mapping[str, str], partition: int, overview: Overview, historian: Historian, zone: tzinfo
) -> dict[str, Any]:
    """Say where a series stands, if the judge of its rule, that of `partition`, is ours."""
    judge = next((each for each in overview.judges if each.judges(rule.id)), None)
    if judge is None:
        said = [Statement(state("elsewhere", rule=clean(rule.id), partition=str(partition)))]
        return {"kind": "series", "rule": rule.id, "here": False, "partition": partition,
                "statements": sentences(said, zone), "facts": None}  # fmt: skip
    series_key = _key_of(rule, key, judge.keys(rule.id))
    stands = judge.standing(rule.id, series_key)
    named: dict[str, Scalar] = rule.named(series_key)
    series = Series(rule.id, {field: _number(value) for field, value in named.items()})
    try:
        last, has_history = await historian.ask(lambda reads: reads.last_of(series)), True
    except HistoryAway:  # what the judge knows, it knows without
        last, has_history = None, False
    blind = [stream for stream in rule.streams if judge.is_blind(stream)]
    said = standing_statements(
        rule,
        named,
        stands,
        last,
        zone,
        blind=blind,
        waits=rule.id in judge.waiting,
        has_history=has_history,
    )
    facts = None if stands is None else msgspec.to_builtins(stands)
    return {
        "kind": "series",
        "rule": rule.id,
        "key": named,
        "here": True,
        "statements": sentences(said, zone),
        "facts": facts,
    }


def _key_of(rule: Rule, key: Mapping[str, str], known: list[Key]) -> Key:
    """Find the key that reads like this one; what no series has is taken as text. A field left out is empty."""
    level = next((field for field in rule.at if field in key), None)
    wanted = tuple(key.get(field, "") for field in rule.by)
    asked = wanted if level is None else (level, key[level], *wanted)
    return next((each for each in known if tuple(map(_said, each)) == asked), asked)


def _said(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:g}"


def _number(value: Scalar) -> Scalar:
    """Write whole numbers without a fraction, as alert records do."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
