"""What the page looks at, in memory: a quiet service, or a province in trouble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from streams.view import IncidentRow, LevelRow, NoticeRow

NOW = datetime(2026, 3, 1, 9, 20, 30, tzinfo=UTC)
REGIONS = (
    "长沙",
    "株洲",
    "湘潭",
    "衡阳",
    "邵阳",
    "岳阳",
    "常德",
    "张家界",
    "益阳",
    "郴州",
    "永州",
    "怀化",
    "娄底",
    "湘西",
)


@dataclass
class MemoryView:
    """A view that shows what a test put into it."""

    incidents_: list[IncidentRow] = field(default_factory=list)
    notices_: list[NoticeRow] = field(default_factory=list)
    levels_: list[LevelRow] = field(default_factory=list)
    rates_: dict[str, float] = field(default_factory=dict)
    lag_: dict[str, float | None] = field(default_factory=dict)

    def incidents(self) -> Sequence[IncidentRow]:
        """Give the incidents."""
        return self.incidents_

    def notices(self) -> Sequence[NoticeRow]:
        """Give the notices."""
        return self.notices_

    def levels(self) -> Sequence[LevelRow]:
        """Give the series."""
        return self.levels_

    zone = "Asia/Shanghai"

    def now(self) -> str:
        """Tell the time."""
        return datetime.now(UTC).isoformat()

    def rates(self) -> Mapping[str, float]:
        """Give the rates."""
        return self.rates_

    def lag(self) -> Mapping[str, float | None]:
        """Give the lags."""
        return self.lag_


@dataclass
class Ready:
    """Ready unless a test gives reasons."""

    why: list[str] = field(default_factory=list)
    amiss: list[str] = field(default_factory=list)

    def reasons(self) -> Sequence[str]:
        """Give them."""
        return self.why

    def warnings(self) -> Sequence[str]:
        """Nothing is amiss."""
        return self.amiss


def incident(level: str, zh: str, en: str, region: str, minutes: float, **changes: object) -> IncidentRow:
    """Make an incident that began some minutes before `NOW`."""
    row: IncidentRow = {
        "id": f"{level}-{region}",
        "level": level,
        "state": "firing",
        "blind": False,
        "rule": "users-affected",
        "key": {"region": region},
        "title": {"zh": zh, "en": en},
        "summary": {"zh": f"{region} {zh}", "en": f"{en}, {region}"},
        "action": {
            "zh": "通知传输值班，启用备用路由。",
            "en": "Call transmission on duty; switch to the standby route.",
        },
        "owner": "",
        "since": rfc3339(NOW - timedelta(minutes=minutes)),
        "updated": rfc3339(NOW),
        "value": 12_600.0,
        "threshold": 10_000.0,
        "alerts": 1,
        "users": None,
        "unexplained": False,
        "muted": [],
    }
    return row | changes  # type: ignore[return-value]


def trouble(now: datetime = NOW) -> MemoryView:
    """A province with a backbone cut in two cities, a complaint wave, and calls that are not heard."""
    shift = (now - NOW).total_seconds() / 60
    titles = {
        "users-affected": {"zh": "受影响用户", "en": "Users affected"},
        "complaint-surge": {"zh": "投诉激增", "en": "Complaint surge"},
        "abandonment": {"zh": "呼损率", "en": "Abandonment share"},
        "major-complaint": {"zh": "重大投诉", "en": "Major complaint"},
    }
    special = {
        ("users-affected", "长沙"): ("red", 12_600.0),
        ("users-affected", "株洲"): ("orange", 6_150.0),
        ("complaint-surge", "长沙"): ("yellow", 38.0),
        ("complaint-surge", "怀化"): ("act", 3.0),
    }
    levels: list[LevelRow] = []
    for rule in ("users-affected", "complaint-surge", "abandonment"):
        for region in REGIONS:
            usual = ("blind", None) if rule == "abandonment" else ("green", 0.0)
            level, value = special.get((rule, region), usual)
            levels.append(
                {"rule": rule, "title": titles[rule], "key": {"region": region}, "level": level, "value": value}
            )
    levels.append(
        {"rule": "major-complaint", "title": titles["major-complaint"], "key": {}, "level": "green", "value": 0.0}
    )
    return MemoryView(
        incidents_=[
            incident(
                "yellow",
                "投诉激增",
                "Complaint surge",
                "长沙",
                4 - shift,
                rule="complaint-surge",
                value=38.0,
                threshold=30.0,
                state="acknowledged",
            ),
            incident("red", "受影响用户过万", "Over ten thousand users affected", "长沙", 12 - shift),
            incident("orange", "受影响用户", "Users affected", "株洲", 9 - shift, value=6_150.0, threshold=5_000.0),
        ],
        notices_=[
            {
                "id": "n1",
                "state": "draft",
                "level": "red",
                "incident": "red-长沙",
                "title": {"zh": "长沙部分地区通信中断", "en": "Service interruption in parts of Changsha"},
                "text": {
                    "zh": "尊敬的客户：因传输线路故障，长沙部分地区的通话和上网受到影响，"
                    "我们正在抢修。\n下次通报：18:00。",
                    "en": "Dear customer, a transmission fault affects calls and data in parts of Changsha. "
                    "We are repairing it.\nNext update: 18:00.",
                },
                "created": rfc3339(now),
                "due": rfc3339(now + timedelta(hours=3)),
                "audiences": [
                    {"audience": tier, "form": "short", "waiting": True, "first": None, "told": None}
                    for tier in ("vip", "everybody")
                ],
                "next_audience": None,
            }
        ],
        levels_=levels,
        rates_={"calls": 0.0, "complaints": 3.25, "network": 41.5},
        lag_={"calls": None, "complaints": 5.2, "network": 5.0},
    )


def rfc3339(time: datetime) -> str:
    """Write a time as the API does."""
    return time.isoformat().replace("+00:00", "Z")
