"""Scripted trouble for the simulated province: tables of what happens when, in seconds of event time after the start.

Why the clock of the demo runs 30 times as fast as the wall's (`SPEED`): an outage that people would believe takes some
twenty minutes, and the rules look at it through windows of 5 to 15 minutes, hold a level for minutes, and judge a
boundary up to 15 s (hop 10 s + lateness 5 s) after its cause. A spectator has a minute and a half. At speed 30 the
judging delay is half a second, a window of 10 minutes has forgotten the trouble 20 s after the repair, and even a rule
with a window of 15 minutes and `clear_for: 5m` is green again before 85 s are over. At speed 6 that window alone would
take 150 s to let go. The price is small: some 27 events a second of event time are 800 a second on the wire.

`backbone-cut`, in event seconds and, at speed 30, seconds on the wall:

===========  =====  ============================================================================
event s      wall   what happens (users affected in 长沙 / in the whole province)
===========  =====  ============================================================================
150          5.0    first ring section cut: 1,100 / 1,100
210          7.0    2,400 / 2,400: yellow
270 - 930    9      complaints and calls climb (full from 600), waits and abandonment with them
450          15.0   5,900 / 6,800: orange
600          20.0   8,800 / 12,300: red for the province
660          22.0   11,300 / 14,800: red for 长沙
840          28.0   13,000 / 18,500: the peak
930 - 1,350  31     customers have been told: complaints and calls ebb away
1,140        38.0   repair in steps begins
1,320        44.0   0 / 0
===========  =====  ============================================================================

A rule sees a cause up to 15 event seconds later: at speed 30 yellow comes at about 7.5 s, orange at 15.5, red at 20.5
to 22.5, each plus what the way through the broker takes.

The other scenarios keep to the same frame: trouble from about 150 s, its worst before 900 s, over at about 1,320 s.
`provider-wave` brings a major complaint, which its rule keeps red for an hour on purpose. A trouble is written in
network reports (an element's state and the users it takes with it), waves (complaints and calls on top of the usual),
loads (what a queue suffers) and outcries (single major complaints).
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.script import Load, Outcry, Report, Scenario, Scene, Shape, Wave

SPEED = 30.0
"""Event seconds a wall second, unless someone asks for another. See above for why."""

TOUR_STEP_S = 2_700
"""From one trouble of the tour to the next: all but the major complaint is resolved by then."""


def _scene(at_s: int, zh: str, en: str) -> Scene:
    return Scene(at_s, {"zh": zh, "en": en})


def _reports(cause: str, eta_s: int, table: str) -> list[Report]:
    """Read a table of second, element, state and users; only trouble carries the expected time of repair."""
    rows = [line.split() for line in table.strip().splitlines()]
    return [
        Report(int(at_s), element, state, int(users), cause, None if state == "up" else eta_s)
        for at_s, element, state, users in rows
    ]


_QUIET = Scenario("quiet", {"zh": "平静的一天", "en": "A quiet day"})

_CUT_REGIONS = frozenset({"长沙", "株洲", "湘潭"})
_CUT = Scenario(
    "backbone-cut",
    {"zh": "骨干环光缆中断", "en": "A backbone ring is cut"},
    scenes=[
        _scene(150, "施工挖断长沙骨干环光缆", "A digger cuts the Changsha backbone ring"),
        _scene(450, "保护倒换失败，核心节点过载", "Protection switching fails; core nodes overload"),
        _scene(930, "已提前告知客户，来电开始回落", "Customers have been told; calls begin to ebb"),
        _scene(1140, "光缆熔接完成，业务分段恢复", "The fibre is spliced; service returns section by section"),
        _scene(1320, "全部网元恢复", "All elements are up again"),
    ],
    reports=_reports(
        "fibre-cut",
        1320,
        """
         150 ring-changsha-1 down     1100
         210 ring-changsha-2 degraded 1300
         300 ring-zhuzhou-1  down      900
         360 ring-changsha-3 degraded 1200
         450 core-changsha-1 degraded 2300
         510 ring-xiangtan-1 down     1400
         570 ring-zhuzhou-2  degraded 1200
         600 core-changsha-2 degraded 2900
         660 ring-changsha-1 down     3600
         780 ring-zhuzhou-1  down     2900
         840 core-changsha-2 down     4600
        1140 ring-changsha-1 degraded 1500
        1200 core-changsha-2 up          0
        1230 ring-zhuzhou-1  up          0
        1230 ring-xiangtan-1 up          0
        1260 ring-changsha-2 up          0
        1260 core-changsha-1 up          0
        1290 ring-changsha-3 up          0
        1290 ring-zhuzhou-2  up          0
        1320 ring-changsha-1 up          0
        """,
    ),
    waves=[
        Wave(Shape(270, 600, 930, 1350), {"长沙": 1.0}, "faults", 240, 9, "network", "no-signal"),
        Wave(Shape(390, 690, 900, 1290), {"株洲": 0.7, "湘潭": 0.3}, "faults", 150, 8, "network", "cannot-call"),
    ],
    loads=[Load(Shape(300, 570, 840, 1170), "faults", 110, 0.30, 0.03, _CUT_REGIONS)],
)

_OUTLETS = Scenario(
    "outlet-dark",
    {"zh": "营业厅停电瘫痪", "en": "Outlets go dark"},
    scenes=[
        _scene(150, "衡阳一营业厅断电，无法办理业务", "An outlet in Hengyang loses power and cannot serve"),
        _scene(420, "停电扩大到三个营业厅", "Three outlets are dark now"),
        _scene(1230, "供电恢复", "Power is back"),
    ],
    reports=_reports(
        "power-failure",
        1260,
        """
         150 outlet-hengyang-1 down 0
         180 power-hengyang-1  down 350
         330 outlet-hengyang-2 down 0
         420 outlet-hengyang-3 down 0
         630 outlet-hengyang-5 down 0
        1230 power-hengyang-1  up   0
        1260 outlet-hengyang-1 up   0
        1260 outlet-hengyang-2 up   0
        1260 outlet-hengyang-3 up   0
        1290 outlet-hengyang-5 up   0
        """,
    ),
    waves=[
        Wave(Shape(300, 600, 900, 1320), {"衡阳": 1.0}, "orders", 60, 5, "support-systems", "system-down"),
    ],
)

_BILLED_REGIONS = {"长沙": 0.3, "常德": 0.25, "岳阳": 0.25, "益阳": 0.2}
_BILLING = Scenario(
    "billing-fault",
    {"zh": "计费系统（BOSS）故障", "en": "The billing system (BOSS) fails"},
    scenes=[
        _scene(150, "计费节点重复扣费，充值失败", "A billing node charges twice and refuses recharges"),
        _scene(390, "第二个计费节点停止服务", "A second billing node is out of service"),
        _scene(1200, "计费系统切换到备用节点", "Billing is moved to the standby node"),
    ],
    reports=_reports(
        "software-fault",
        1290,
        """
         150 boss-1 degraded 1400
         270 boss-1 degraded 2800
         390 boss-2 down     3100
        1200 boss-2 up          0
        1290 boss-1 up          0
        """,
    ),
    waves=[Wave(Shape(210, 570, 900, 1320), _BILLED_REGIONS, "billing", 360, 36, "billing", "double-charge")],
    loads=[Load(Shape(300, 570, 840, 1200), "billing", 60, 0.15, 0.01)],
)

_TRAP = "jade-horoscope"
_PROVIDER = Scenario(
    "provider-wave",
    {"zh": "某 SP 强制订购投诉潮", "en": "A wave of trap subscriptions from one provider"},
    scenes=[
        _scene(
            100, f"SP {_TRAP} 群发诱导短信，用户被强制订购", f"SP {_TRAP} sends trap messages; users are subscribed"
        ),
        _scene(840, "省级媒体来电采访", "A provincial newspaper calls"),
        _scene(960, "该 SP 业务已暂停", "The provider's service is suspended"),
    ],
    waves=[
        Wave(
            Shape(150, 510, 900, 1320),
            {"长沙": 0.25, "邵阳": 0.2, "永州": 0.2, "怀化": 0.2, "郴州": 0.15},
            "billing",
            240,
            36,
            "provider",
            "trap-subscription",
            _TRAP,
        ),
    ],
    outcries=[Outcry(840, "长沙", "provider", "trap-subscription", _TRAP)],
)

_RUSH_REGIONS = {"长沙": 0.4, "衡阳": 0.35, "常德": 0.25}
_OVERLOAD = Scenario(
    "queue-overload",
    {"zh": "热线排队过载", "en": "The hotline is overloaded"},
    scenes=[
        _scene(150, "三地促销短信引发来电高峰，咨询队列拥塞", "A promotion in three cities jams the inquiry queue"),
        _scene(900, "增派座席，分流自助", "More agents are seated; callers are sent to self-service"),
    ],
    waves=[
        Wave(
            Shape(150, 450, 900, 1320),
            _RUSH_REGIONS,
            "inquiry",
            900,
            3,
            "service-quality",
            "wrong-answer",
            complaining=0.01,
        )
    ],
    loads=[Load(Shape(180, 510, 900, 1230), "inquiry", 140, 0.35, 0.12, frozenset(_RUSH_REGIONS))],
)


def _tour() -> Scenario:
    """Tell all the stories in turn; the worst comes last."""
    told = [
        story.later(turn * TOUR_STEP_S) for turn, story in enumerate((_OUTLETS, _BILLING, _OVERLOAD, _PROVIDER, _CUT))
    ]
    return Scenario(
        "tour",
        {"zh": "全部场景轮流上演", "en": "All the scenarios in turn"},
        scenes=[scene for story in told for scene in story.scenes],
        reports=[report for story in told for report in story.reports],
        waves=[wave for story in told for wave in story.waves],
        loads=[load for story in told for load in story.loads],
        outcries=[outcry for story in told for outcry in story.outcries],
    )


SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario for scenario in (_CUT, _OUTLETS, _BILLING, _PROVIDER, _OVERLOAD, _QUIET, _tour())
}
"""The first one is the default."""
