"""What every dashboard of ours keeps to, and whether it does."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from dashboards.promql import check_query, known_metrics

GRID_COLUMNS = 24
_FIXED_RATE = re.compile(r"\brate\([^)]*\[(?!\$__rate_interval\])")
_BOTH = re.compile(r"[\u4e00-\u9fff].* / .*[A-Za-z]|[A-Za-z].*[\u4e00-\u9fff].* / .*[A-Za-z]", re.DOTALL)


def check_all(committed: Mapping[str, str], rendered: Mapping[str, str]) -> list[str]:
    """Say all that is wrong with the committed dashboards, a line each: `file: panel: what`."""
    found = [
        f"{name}: not committed; run `tocsin dashboards build`" for name in sorted(rendered.keys() - committed.keys())
    ]
    found += [f"{name}: built by nothing; delete it" for name in sorted(committed.keys() - rendered.keys())]
    metrics = known_metrics()
    for name, text in committed.items():
        if name in rendered and rendered[name] != text:
            found.append(f"{name}: differs from what is built; run `tocsin dashboards build`")
        try:
            board = json.loads(text)
        except ValueError as error:
            found.append(f"{name}: not JSON: {error}")
            continue
        found += [f"{name}: {what}" for what in check_dashboard(board, metrics)]
    uids = Counter(json.loads(text).get("uid") for text in rendered.values())
    found += [f"{uid}: several dashboards have this uid" for uid, count in uids.items() if count > 1]
    return found


def check_dashboard(board: Mapping[str, Any], metrics: Mapping[str, AbstractSet[str]]) -> Iterator[str]:
    """Say what is wrong with one dashboard."""
    if not board.get("uid"):
        yield "no uid: links to it would break"
    if board.get("editable", True):
        yield "editable: a change by hand would be lost"
    if not _BOTH.search(board.get("title", "")):
        yield "title: not in both languages"
    panels = board.get("panels", [])
    for number, count in Counter(panel.get("id") for panel in panels).items():
        if number is None or count > 1:
            yield f"panel id {number}: must be there, and once"
    for panel in panels:
        yield from (f"{panel.get('title', 'a panel')}: {what}" for what in _check_panel(panel, metrics))
    yield from _check_places(panels)
    for variable in board.get("templating", {}).get("list", []):
        yield from (f"variable {variable['name']}: {what}" for what in _check_variable(variable, metrics))


def _check_panel(panel: Mapping[str, Any], metrics: Mapping[str, AbstractSet[str]]) -> Iterator[str]:
    for field in ("title", "description"):
        if not _BOTH.search(panel.get(field, "")):
            yield f"{field}: not in both languages"
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    if not defaults.get("unit"):
        yield "no unit"
    if not defaults.get("noValue"):
        yield "says nothing when there is no data"
    for at in (panel, *panel.get("targets", [])):
        if at.get("datasource", {}).get("uid") != "${datasource}":
            yield "the data source must be ${datasource}"
    yield from _check_targets(panel.get("targets", []), metrics)


def _check_targets(targets: list[dict[str, Any]], metrics: Mapping[str, AbstractSet[str]]) -> Iterator[str]:
    if not targets:
        yield "no query"
    for ref, count in Counter(target.get("refId", "") for target in targets).items():
        if not ref or count > 1:
            yield f"refId {ref!r}: must be there, and once"
    for target in targets:
        yield from check_query(target.get("expr", ""), target.get("legendFormat", ""), metrics)
        if _FIXED_RATE.search(target.get("expr", "")):
            yield "rate() over a fixed time: use $__rate_interval"


def _check_places(panels: list[dict[str, Any]]) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        at = panel["gridPos"]
        if at["x"] + at["w"] > GRID_COLUMNS:
            yield f"{panel['title']}: runs off the right side"
        cells = [(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]
        for other in sorted({taken[cell] for cell in cells if cell in taken}):
            yield f"{panel['title']}: lies over {other}"
        taken |= dict.fromkeys(cells, panel["title"])


def _check_variable(variable: Mapping[str, Any], metrics: Mapping[str, AbstractSet[str]]) -> Iterator[str]:
    if variable["type"] != "query":
        return
    query = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
    if query is None:
        yield "not of the form label_values(SELECTOR, LABEL)"
    else:
        yield from check_query(query[1], f"{{{{{query[2]}}}}}", metrics)
