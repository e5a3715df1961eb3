"""RESULTS.md, written from results.json alone, so that the two cannot differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bench.targets import verdicts

_WAYS = {
    "raw": "the raw ceiling: confluent-kafka, msgspec, one numpy window; nothing that lasts",
    "tocsin": "`tocsin worker`, one rule; de-duplication, lateness, dead letters, snapshots on",
    "tocsin_all_rules": "`tocsin worker`, the whole shipped pack (the backlog holds calls)",
    "bytewax": "bytewax, batches by partition into `stateful_batch` with the same numpy window",
    "bytewax_sliding": "bytewax, its own sliding windows",
    "quixstreams": "quixstreams, panes in state of one's own",
    "quixstreams_sliding": "quixstreams, its own sliding windows",
    "faust_take": "plain Faust, `take(1000)`, raw bytes, msgspec, the same numpy window",
    "faust_hopping": "plain Faust, its own hopping table",
}
_HEAD = """\
# What the benchmark found

Made by `{command}` on {date}; `bench/report.py` writes this page from `results.json`.

Machine: {machine}, which ran Kafka and the senders too.
Versions: {versions}.

The job: calls as JSON of some 250 bytes, 500 series, eight partitions; a window of five minutes in panes of ten
seconds, by event time; three thresholds; an alert record on every change of level. Everybody reads a backlog once,
alone, in a process of its own. Who is slow gets a thinner half hour: fewer events over the same span, with thresholds
to match. Windows whose cost grows with what is in them gain by that; a cost of each boundary, which is the same in a
thin half hour, weighs more. A run in which an event went missing, or (for those that judge at the same boundaries) in
which the alert records were not as many as the raw client's, would have failed.
"""


def render(found: Mapping[str, Any]) -> str:
    """Write the page."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    parts = [_HEAD.format(**{**found, "versions": versions})]
    if "events_per_s" in found:
        parts.append(_comparison(found))
    if reached := list(verdicts(found)):
        parts.append(
            "## Against the targets\n\n"
            + _table(("One process, a backlog in a real Kafka", "Target", "Found", ""), reached)
        )
    parts += [
        f"## {title}\n\n{_table(('What', 'Figure'), _flat(found[name]))}"
        for name, title in (
            ("steps", "Where the time of an event goes: one rule, one process, from memory, µs an event"),
            ("replay", "`tocsin replay` against reading and decoding the same file"),
            ("mixed", "All streams at once, all shipped packs: `tocsin replay`, beside one rule over the same file"),
            ("growth", "Growth: times as ratios, memory of the whole process"),
            ("delay", "Detection delay: boundary reached by event time → alert record in Kafka (with the lateness)"),
            ("pages", "Pages in a storm: alert record in Kafka → page with its receiver; and a receiver that hangs"),
            ("scale", "Two workers against one"),
            ("rebalance", "Pauses of partitions when workers come and go"),
        )
        if name in found
    ]
    return "\n".join(parts)


def _comparison(found: Mapping[str, Any]) -> str:
    rows = [
        (
            f"{name}: {_WAYS[name]}",
            _number(rate),
            f"{_number(found['least'][name])} – {_number(found['greatest'][name])}",
            f"{found['ratio_to_raw'][name]:.4g}",
            f"{found['tocsin_to'][name]:.4g}" if name in found["tocsin_to"] else "1",
            _number(found["events"][name]),
            _number(found["rss_mb"][name]),
            f"{found['wall_s'][name]:.3g} / {found['cpu_s'][name]:.3g}",
        )
        for name, rate in found["events_per_s"].items()
    ]
    head = ("Way", "events/s", "least – greatest", "ratio to raw", "tocsin ×", "events", "RSS MB", "wall / CPU s")
    text = (
        f"## Events a second\n\nMedians of {found['runs']} rounds, all in turn. Ratios are of each round's two runs, "
        "then their median. From the first events in hand to the last dealt with; wall and processor time are of the "
        "whole process, from its start.\n\n"
    )
    absent = "".join(f"\nNot there: {name}: {why}.\n" for name, why in found["absent"].items())
    return text + _table(head, rows) + absent


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *map(list, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _flat(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        said = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{said}: ")
        else:
            yield said, _number(value)


def _number(value: float) -> str:
    """Write a figure for people.

    >>> _number(572900.0), _number(0.9877), _number(12.3)
    ('572,900', '0.9877', '12.3')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.4g}"
