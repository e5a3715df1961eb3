"""The whole API over a desk in memory: what is entered is carried out at once, as by the stage that keeps the desk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from alerts.callout import Crew
from alerts.commands import Command
from alerts.desk import Desk
from alerts.duty import Post, Roster, Rota
from alerts.ladders import Ladder, Rung
from alerts.routing import Routing
from alerts.site import Site
from detectors.rules import Rule
from streams.alertmanagerside import add_alertmanager
from streams.api.pace import Pace
from streams.commandlog import add_commands
from streams.deskside import add_deskside
from streams.door import Caller, Door
from streams.feed import Feed
from streams.historyapi import add_history
from streams.metrics import Metrics
from streams.orders import add_orders
from streams.overview import Overview, Rates
from streams.reloading import Reload
from streams.undelivered import add_undelivered
from streams.web import make_app
from tests.alerting import CHINA, START_MS, SURGE, history
from tests.shelf import Kept, Shelf
from tests.wall import MemoryView, Ready, trouble

if TYPE_CHECKING:
    from aiohttp import web

NOW_MS = START_MS + 600_000
TEAM = (Caller("an", "operator", "a"), Caller("bo", "approver", "b"), Caller("wall", "viewer", "w"))
CREW = Crew(
    ladders={"provincial": Ladder(name="provincial", rungs=(Rung("duty", 300_000), Rung("leader", 600_000)))},
    roster=Roster(
        zone=CHINA,
        roles={
            "duty": (
                Post(where={"region": "长沙"}, people=("zhang",)),
                Post(rota=Rota(people=("li", "wang"), start_ms=START_MS, shift_ms=60_000)),
            )
        },
    ),
)


@dataclass
class Bench:
    """A worker with the desk: three incidents fire, in 长沙 (orange), 株洲 (yellow) and 湘潭 (red)."""

    rules: Sequence[Rule] = (SURGE,)
    channels: Sequence[str] = ("console",)
    crew: Crew = CREW
    now_ms: int = NOW_MS
    entered: list[Command] = field(default_factory=list)
    desk: Desk | None = None
    view: MemoryView = field(default_factory=trouble)
    metrics: Metrics = field(default_factory=lambda: Metrics(CollectorRegistry(), version="1"))
    pace: Pace | None = None
    shelf: Shelf = field(default_factory=Shelf)
    given_up: Kept = field(default_factory=Kept)

    def __post_init__(self) -> None:
        routing = Routing(channels=tuple(self.channels))
        self.desk = Desk(self.rules, CHINA, routing, site=Site(crew=self.crew))
        for region, levels in (("长沙", ["yellow", "orange"]), ("株洲", ["yellow"]), ("湘潭", ["yellow", "red"])):
            for record in history(levels, region=region):
                self.desk.handle(record, record.time_ms)

    def clock(self) -> int:
        return self.now_ms

    async def enter(self, command: Command) -> None:
        self.entered.append(command)
        if self.desk is not None:
            self.desk.beat(self.now_ms)
            self.desk.order(command, self.now_ms)

    def outcome(self, command: str) -> str | None:
        return None if self.desk is None else self.desk.outcome(command)

    async def reload(self) -> Reload:
        return Reload(time_ms=self.now_ms, rules=len(self.rules), added=("one",))

    def release(self, stream: str) -> int:
        return 8 if stream == "calls" else 0

    def rules_told(self) -> Mapping[str, Any]:
        return {"rules": {rule.id: rule.fingerprint for rule in self.rules}, "waiting": [], "last_reload": None}

    def app(self, door: Door | None = None) -> web.Application:
        count, registry = self.metrics.count_request, self.metrics.registry
        app = make_app(self.view, registry, Feed(), Ready(), door, count=count, pace=self.pace)
        add_orders(app, self)
        add_commands(app, self, self.clock)
        add_deskside(app, self, self.clock)
        add_alertmanager(app, self, self.clock, START_MS)
        overview = Overview(self.rules, ("complaints",), Rates(self.metrics, self.clock), self.clock, "Asia/Shanghai")
        add_history(app, self.shelf, overview, 4)  # type: ignore[arg-type]
        add_undelivered(app, lambda: self.given_up)
        return app

    @asynccontextmanager
    async def client(self, door: Door | None = None) -> AsyncIterator[Any]:
        async with TestClient(TestServer(self.app(door))) as client:
            yield client

    def counted(self, code: int) -> float:
        return self.metrics.registry.get_sample_value("tocsin_api_requests_total", {"code": str(code)}) or 0.0
