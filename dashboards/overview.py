"""The one dashboard of the NOC wall: how bad, where, since when, how many; and whether the watcher itself is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig
from grafana_foundation_sdk.models import common, dashboard

from dashboards.parts import BLIND_COLOUR, COLOURS, DATASOURCE, Head, level_words, levels, lines, steps, tile

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder

UID = "tocsin-overview"
DATASOURCE_UID = "tocsin-prometheus"  # as provisioned
SHOWN_MAX = 40  # series on one wall; more is a list nobody reads

_CHOSEN = 'tocsin_level{rule=~"$rule", series=~"$series"}'
_INCIDENTS = (("red", "红 RED"), ("orange", "橙 ORANGE"), ("yellow", "黄 YELLOW"), ("act", "处理 ACT"))
_OPEN = 'tocsin_incidents{state!="resolved"}'


def _worst(by: str, of: str) -> str:
    """Write the worst level by some labels: what is above green, else blind, else green."""
    return f"(max by ({by}) ({of}) > 0) or (min by ({by}) ({of}) < 0) or max by ({by}) ({of})"


def overview() -> build.Dashboard:
    """Build the dashboard."""
    board = (
        build.Dashboard("Tocsin 总览 / Tocsin overview")
        .uid(UID)
        .description("哪里有事、多严重、从何时起、影响多少 / What, how bad, since when, how many")
        .tags(["tocsin"])
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .readonly()
    )
    for variable in _variables():
        board.with_variable(variable)
    for panel in (*_first_row(), *_levels(), *_trouble(), *_aims(), *_flow(), *_delivery()):
        board.with_panel(panel)
    return board


def _variables() -> tuple[build.DatasourceVariable | build.QueryVariable, ...]:
    chosen = dashboard.VariableOption(selected=True, text="Prometheus", value=DATASOURCE_UID)
    return (
        build.DatasourceVariable("datasource").type("prometheus").label("数据源 / Data source").current(chosen),
        _choice("rule", "规则 / Rule", "label_values(tocsin_level, rule)"),
        _choice("series", "地区与类别 / Series", 'label_values(tocsin_level{rule=~"$rule"}, series)'),
    )


def _choice(name: str, label: str, query: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(dashboard.VariableOption(selected=True, text="All", value="$__all"))
    )


def _first_row() -> tuple[stat.Panel, ...]:
    worst = tile(
        Head(
            1,
            "最高级别",
            "Worst level",
            "红色或橙色：看下面哪条规则、哪个地区；无数据：先查数据源。",
            "Red or orange: see below which rule and where. Blind: look after the source first.",
        ),
        [("max(tocsin_level) > 0 or min(tocsin_level) < 0 or max(tocsin_level)", "")],
        "none",
        5,
    ).mappings([level_words()])
    incidents = tile(
        Head(
            2,
            "未恢复的事件",
            "Open incidents",
            "有红色未确认事件时，值班经理应在 5 分钟内确认。",
            "While a red one is not acknowledged, the manager on duty should take it within 5 minutes.",
        ),
        [(f'sum(tocsin_incidents{{state!="resolved", level="{level}"}})', words) for level, words in _INCIDENTS],
        "short",
        10,
    )
    for level, words in _INCIDENTS:
        colours = {"mode": "absolute", "steps": _from_one(COLOURS[level])}
        incidents.override_by_name(words, [dashboard.DynamicConfigValue(id_val="thresholds", value=colours)])
    blind = tile(
        Head(
            3,
            "听不到的数据源",
            "Blind sources",
            "查生产者和网络；在恢复之前，这些序列的级别只是最后已知。",
            "Look after the producer and the network; until it is back the levels are only the last known.",
        ),
        [("sum(max by (stream) (tocsin_source_blind))", "")],
        "short",
        4,
    ).thresholds(steps((0, COLOURS["green"]), (1, COLOURS["orange"])))
    rate = tile(
        Head(
            4,
            "事件速率",
            "Event rate",
            "为零：没有事件进来，查生产者。",
            "Zero: nothing comes in, look after the producers.",
        ),
        [('sum(rate(tocsin_events_total{result="accepted"}[$__rate_interval]))', "")],
        "eps",
        5,
    ).thresholds(steps((0, COLOURS["red"]), (0.001, COLOURS["green"])))
    return worst, incidents, blind, rate


def _from_one(colour: str) -> list[dict[str, object]]:
    return [{"color": BLIND_COLOUR, "value": None}, {"color": colour, "value": 1}]


def _levels() -> tuple[Builder[dashboard.Panel], ...]:
    ever = f"max_over_time({_CHOSEN}[$__range] @ end()) > 0 or min_over_time({_CHOSEN}[$__range] @ end()) < 0"
    raised = f"topk({SHOWN_MAX}, max by (rule, series) ({ever}))"
    return (
        levels(
            Head(
                5,
                "各规则的级别",
                "Levels by rule",
                "每条规则取最严重的序列；点开下面一栏看地区。",
                "The worst series of each rule; the next panel says where.",
            ),
            [(_worst("rule", _CHOSEN), "{{rule}}")],
            8,
        ),
        levels(
            Head(
                6,
                "各地区的级别（期间非正常者）",
                "Levels by region (those not always green)",
                f"最严重的 {SHOWN_MAX} 个；没有条目表示期间全部正常。",
                f"The worst {SHOWN_MAX}; none means that all were green throughout.",
            ),
            [(f"max by (rule, series) ({_CHOSEN}) and on (rule, series) {raised}", "{{rule}} {{series}}")],
            12,
        ).no_value("期间全部正常，或无数据（看上一栏） / All green, or no data (see the panel above)"),
    )


def _trouble() -> tuple[Builder[dashboard.Panel], ...]:
    return (
        lines(
            Head(
                7,
                "受影响用户",
                "Users affected",
                "超过 2000 黄色、5000 橙色、10000 红色：通知传输与客服。",
                "From 2,000 yellow, 5,000 orange, 10,000 red: tell transmission and the service centre.",
            ),
            [('max by (rule, series) (tocsin_measure{rule=~"users-affected.*"})', "{{series}} {{rule}}")],
            "short",
        )
        .thresholds(
            steps((2_000, COLOURS["yellow"]), (5_000, COLOURS["orange"]), (10_000, COLOURS["red"])),
        )
        .thresholds_style(GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)),
        lines(
            Head(
                8,
                "未恢复的事件",
                "Open incidents over time",
                "持续上升说明处置跟不上，请增派人手。",
                "A steady climb means that help is needed.",
            ),
            [(f"sum by (level, state) ({_OPEN})", "{{level}} {{state}}")],
            "short",
        ),
    )


def _aims() -> tuple[Builder[dashboard.Panel], ...]:
    own = '{rule=~"$rule"}'
    return (
        lines(
            Head(
                15,
                "与目标对照",
                "Against the target",
                "数值偏离目标或挑战目标：看趋势，在变黄之前处理。",
                "A value drifts from its target or challenge: act on the trend, before it turns yellow.",
            ),
            [
                (f"max by (rule, series) (tocsin_measure{own}) and on (rule) tocsin_target", "{{rule}} {{series}}"),
                (f"max by (rule, kind) (tocsin_target{own})", "{{rule}} {{kind}}"),
            ],
            "short",
            24,
        ),
    )


def _flow() -> tuple[Builder[dashboard.Panel], ...]:
    return (
        lines(
            Head(
                9,
                "各流事件速率",
                "Event rates by stream and result",
                "迟到或被拒突然增多：对照死信原因，联系生产者。",
                "Late or rejected events climb: see the dead letters, call the producer.",
            ),
            [("sum by (stream, result) (rate(tocsin_events_total[$__rate_interval])) > 0", "{{stream}} {{result}}")],
            "eps",
        ),
        lines(
            Head(
                10,
                "水位落后",
                "Watermark lag",
                "超过 60 秒：加开 worker，或查慢分区。",
                "Over 60 s: start more workers, or find the slow partition.",
            ),
            [("max by (stream) (tocsin_watermark_lag_seconds)", "{{stream}}")],
            "s",
        ).thresholds(steps((60, COLOURS["orange"]))),
    )


def _delivery() -> tuple[Builder[dashboard.Panel], ...]:
    buckets = "sum by (le) (rate(tocsin_detection_delay_seconds_bucket[$__rate_interval]))"
    return (
        lines(
            Head(
                11,
                "检出时延",
                "Detection delay",
                "从事件时间到发出预警；p99 超过 10 秒请查负载。",
                "Event time to alert; p99 over 10 s: look at the load.",
            ),
            [(f"histogram_quantile(0.5, {buckets})", "p50"), (f"histogram_quantile(0.99, {buckets})", "p99")],
            "s",
        ).thresholds(steps((10, COLOURS["orange"]))),
        lines(
            Head(
                12,
                "死信",
                "Dead letters",
                "看原因：多半是生产者改了格式。",
                "See the reason: mostly a producer changed its format.",
            ),
            [("sum by (stream, reason) (increase(tocsin_dead_letters_total[5m])) > 0", "{{stream}} {{reason}}")],
            "short",
        ),
        lines(
            Head(
                13,
                "通知投递",
                "Notifications",
                "有 refused 或 expired：该渠道坏了，改用电话。",
                "Refused or expired: that channel is broken, use the phone.",
            ),
            [
                ("sum by (channel, result) (increase(tocsin_notifications_total[5m])) > 0", "{{channel}} {{result}}"),
                ("sum by (channel) (tocsin_outbox_waiting)", "{{channel}} waiting"),
            ],
            "short",
        ),
        lines(
            Head(
                14,
                "客户通知",
                "Customer notices",
                "草稿在等人批准：客服中心应尽快处理。",
                "Drafts wait for someone: the service centre should approve them.",
            ),
            [("sum by (state) (tocsin_notices)", "{{state}}")],
            "short",
        ),
    )
