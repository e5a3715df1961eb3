"""The building blocks of our dashboards: one look, one way to say a level, both languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TypeVar

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import stat, statetimeline, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common, dashboard

DATASOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
NO_DATA = "无数据 / No data"
BLIND_COLOUR = "#6b7684"
COLOURS = {"red": "#e5484d", "orange": "#f0883e", "yellow": "#e2b93b", "act": "#6ea8fe", "green": "#2f8f5b"}
LEVELS = (  # value of tocsin_level, words, colour
    ("-1", "无数据 BLIND", BLIND_COLOUR),
    ("0", "正常 GREEN", COLOURS["green"]),
    ("0.5", "需处理 ACT", COLOURS["act"]),
    ("1", "黄色 YELLOW", COLOURS["yellow"]),
    ("2", "橙色 ORANGE", COLOURS["orange"]),
    ("3", "红色 RED", COLOURS["red"]),
)

P = TypeVar("P", stat.Panel, statetimeline.Panel, timeseries.Panel)
Queries = Sequence[tuple[str, str]]
"""(PromQL, legend) of each line of a panel."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a panel is called and what to do about what it shows, in both languages; `number` is its id for links."""

    number: int
    zh: str
    en: str
    to_do_zh: str
    to_do_en: str

    @property
    def title(self) -> str:
        """The title in both languages."""
        return f"{self.zh} / {self.en}"

    @property
    def to_do(self) -> str:
        """The description in both languages."""
        return f"{self.to_do_zh} / {self.to_do_en}"


def tile(head: Head, queries: Queries, unit: str, span: int) -> stat.Panel:
    """Build a tile with the figures as they are now, on their colour."""
    return (
        _dressed(stat.Panel(), head, span, 4)
        .targets([_query(expr, legend, at).instant() for at, (expr, legend) in enumerate(queries)])
        .unit(unit)
        .color_mode(common.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    )


def levels(head: Head, queries: Queries, height: int) -> statetimeline.Panel:
    """Build bands of levels over time: colour and words."""
    panel = _dressed(statetimeline.Panel(), head, 24, height)
    return (
        panel.targets([_query(expr, legend, at).range() for at, (expr, legend) in enumerate(queries)])
        .mappings([level_words()])
        .unit("none")
        .merge_values(merge_values=True)
        .row_height(0.85)
    )


def lines(head: Head, queries: Queries, unit: str, span: int = 12) -> timeseries.Panel:
    """Build lines over time, the greatest named first."""
    legend = VizLegendOptions().display_mode(common.LegendDisplayMode.TABLE).placement(common.LegendPlacement.RIGHT)
    return (
        _dressed(timeseries.Panel(), head, span, 8)
        .targets([_query(expr, legend, at).range() for at, (expr, legend) in enumerate(queries)])
        .unit(unit)
        .min(0)
        .line_width(2)
        .fill_opacity(8)
        .legend(
            legend.show_legend(show_legend=True).calcs(["lastNotNull", "max"]).sort_by("Max").sort_desc(sort_desc=True)
        )
    )


def level_words() -> dashboard.ValueMap:
    """Say each level in words, with its colour; absent and blind never look green."""
    results = {
        value: dashboard.ValueMappingResult(text=words, color=colour, index=at)
        for at, (value, words, colour) in enumerate(LEVELS)
    }
    return dashboard.ValueMap(options=results)


def steps(*above: tuple[float, str]) -> build.ThresholdsConfig:
    """Colour by thresholds: (from this value on, colour); neutral below the first."""
    thresholds = [dashboard.Threshold(value=None, color=BLIND_COLOUR)]
    thresholds += [dashboard.Threshold(value=value, color=colour) for value, colour in above]
    return build.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(thresholds)


def _dressed(panel: P, head: Head, span: int, height: int) -> P:
    panel.id(head.number).title(head.title).description(head.to_do).datasource(DATASOURCE).no_value(NO_DATA).span(
        span
    ).height(height)
    return panel


def _query(expr: str, legend: str, at: int) -> Dataquery:
    return Dataquery().datasource(DATASOURCE).expr(expr).legend_format(legend).ref_id(ascii_uppercase[at])
