"""Reads PromQL without a server: what a query uses, and whether the service has it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

METRICS = Path(__file__).parent / "metrics.txt"
TARGET_LABELS = frozenset({"instance", "job"})  # Prometheus adds them to all it scrapes
OWN = {"up": TARGET_LABELS}  # what Prometheus itself knows of a target
RATES = frozenset({"rate", "increase", "irate"})

_GRAFANA = ((re.compile(r"\$__rate_interval"), "5m"), (re.compile(r"\$__range"), "1h"), (re.compile(r"\$\w+"), "x"))
_LINE = re.compile(r"(\w+)\{([\w,]*)\}")
_COUNTER = re.compile(r"_(total|bucket|count|sum)$")
_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def read_metrics(text: str) -> dict[str, frozenset[str]]:
    """Read a list of metrics, one a line.

    >>> read_metrics("tocsin_build_info{python,version}")["tocsin_build_info"] == {"python", "version"}
    True
    """
    lines = (_LINE.fullmatch(line) for line in text.split())
    return {line[1]: frozenset(filter(None, line[2].split(","))) for line in lines if line}


def known_metrics() -> dict[str, frozenset[str]]:
    """Give every metric there is to ask for, with its labels."""
    metrics = read_metrics(METRICS.read_text(encoding="utf-8"))
    return {name: labels | TARGET_LABELS for name, labels in metrics.items()} | OWN


def check_query(expr: str, legend: str, metrics: Mapping[str, AbstractSet[str]]) -> Iterator[str]:
    """Say what is wrong with a query and its legend, a line each. Needs promql-parser (the extra `dev`)."""
    import promql_parser

    plain = expr
    for pattern, value in _GRAFANA:
        plain = pattern.sub(value, plain)
    try:
        tree = promql_parser.parse(plain)
    except ValueError as error:
        yield f"not PromQL: {' '.join(str(error).split())}"
        return
    labels: set[str] = set()
    for node, rated in _walk(tree, rated=False):
        if isinstance(node, promql_parser.VectorSelector):
            name = node.name or ""
            labels |= metrics.get(name, frozenset())
            yield from _check_selector(name, [matcher.name for matcher in node.matchers.matchers], metrics, rated=rated)
    for label in (*_groupings(tree), *_LEGEND.findall(legend)):
        if label not in labels:
            yield f"nothing here has a label {label}"


def _check_selector(
    name: str, matched: list[str], metrics: Mapping[str, AbstractSet[str]], *, rated: bool
) -> Iterator[str]:
    if name not in metrics:
        yield f"there is no metric {name}"
        return
    yield from (f"{name} has no label {label}" for label in matched if label not in metrics[name])
    if _COUNTER.search(name) and not rated:
        yield f"{name} is a counter: it says something only as a rate or an increase"


def _walk(node: Any, *, rated: bool) -> Iterator[tuple[Any, bool]]:
    """Walk a tree; say of each node whether it is inside a rate."""
    yield node, rated
    inside = rated or getattr(getattr(node, "func", None), "name", "") in RATES
    for name in ("lhs", "rhs", "expr", "param", "args", "vector_selector"):
        below = getattr(node, name, None)
        for child in below if isinstance(below, list) else [below]:
            if child is not None and not isinstance(child, str):
                yield from _walk(child, rated=inside)


def _groupings(tree: Any) -> Iterator[str]:
    """Name the labels that aggregations and joins go by."""
    for node, _ in _walk(tree, rated=False):
        modifier = getattr(node, "modifier", None)
        grouping = getattr(modifier, "matching", modifier)  # of a join, or of an aggregation
        yield from getattr(grouping, "labels", None) or ()
