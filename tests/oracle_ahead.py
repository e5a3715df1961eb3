"""What `unusual`, `forecast`, `drop` and `new` mean, one series and one number at a time.

Each class is asked for the value at every boundary, in order, and may ask `plain(t)` for the value of its measure.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from detectors.erlang import service_level
from detectors.rules import Kind, Rule
from detectors.tails import count_tail, gauge_tail

Plain = Callable[[int], float | None]
KINDS = (Kind.UNUSUAL, Kind.FORECAST, Kind.DROP, Kind.NEW, Kind.SERVICE_LEVEL_AHEAD)
MINUTE, HOUR, DAY, WEEK = 60_000, 3_600_000, 86_400_000, 604_800_000


def up(time: float, step: int) -> int:
    return int(-(-time // step) * step)


class Forecasts:
    """Holt's level and trend, damped: a third of the way ahead is one step."""

    def __init__(self, rule: Rule, begin: int, plain: Plain) -> None:
        self.plain = plain
        self.ahead = rule.measure.span_ms
        self.step = up(self.ahead / 3, rule.hop_ms)
        self.next = up(begin, self.step)
        self.level: float | None = None
        self.trend, self.seen, self.foretold = 0.0, 0, None

    def at(self, t: int) -> float | None:
        while self.next <= t:
            self.foretold = self.learn(self.plain(self.next))
            self.next += self.step
        return self.foretold

    def learn(self, value: float | None) -> Any:
        if value is None:
            return None
        self.seen += 1
        if self.level is None:
            self.level = value
        else:
            before, carried = self.level, 0.95 * self.trend
            self.level = 0.5 * value + 0.5 * (before + carried)
            self.trend = 0.3 * (self.level - before) + 0.7 * carried
        if self.seen < 4:
            return None
        whole = self.ahead // self.step
        reach = sum(0.95**n for n in range(1, whole + 1)) + (self.ahead / self.step - whole) * 0.95 ** (whole + 1)
        return max(self.level + reach * self.trend, 0.0)


class ServiceLevels(Forecasts):
    """Erlang C over the calls to come, the time they take, and the agents at work."""

    def __init__(self, rule: Rule, begin: int, of_side: Callable[[int, int], float | None], heard: int | None) -> None:
        super().__init__(rule, begin, lambda t: of_side(0, t))
        self.of_side, self.heard, self.rule = of_side, heard, rule

    def learn(self, value: float | None) -> float | None:
        calls, talk, wrap = super().learn(value), self.of_side(1, self.next), self.of_side(2, self.next)
        if calls is None or talk is None or self.heard is None or self.heard >= self.next:
            return None
        agents = int(self.of_side(3, self.next) or 0)
        per_s = calls / (self.rule.window_ms / 1000)
        return service_level(per_s, talk + (wrap or 0.0), agents, self.rule.measure.within_ms / 1000)


class Drops:
    """The median of the same hour in the weeks before."""

    def __init__(self, rule: Rule, begin: int, plain: Plain) -> None:
        self.plain, self.begin = plain, begin
        self.window, self.weeks = rule.window_ms, rule.measure.span_ms // WEEK

    def at(self, t: int) -> float | None:
        now = t // self.window * self.window
        before = [now - week * WEEK for week in range(1, self.weeks + 1)]
        known = [self.plain(b) for b in before if b >= self.begin + self.window]
        values = [value for value in known if value is not None]
        value = self.plain(t)
        # What was learned lies before now: a series that began since the last step has learned nothing yet.
        if value is None or now < self.begin or len(values) < -(-self.weeks // 2) or statistics.median(values) <= 0:
            return None
        return 1 - value / statistics.median(values)


class News:
    """First sightings in the window: no sighting in the `within` before their pane."""

    def __init__(self, rule: Rule, events: list[Any], begin: int) -> None:
        assert rule.measure.base is not None
        self.rule, self.field, self.first = rule, rule.measure.base.field or "", begin - rule.hop_ms
        self.events = [event for event in events if event.get(self.field) is not None]

    def at(self, t: int) -> float:
        hop, within = self.rule.hop_ms, self.rule.measure.span_ms
        found = set()
        for event in self.events:
            pane = event["time"] // hop * hop
            if not t - self.rule.window_ms <= event["time"] < t or pane < self.first + within:
                continue
            value = event[self.field]
            if not any(e[self.field] == value and pane - within < up(e["time"] + 1, hop) <= pane for e in self.events):
                found.add((value, pane))
        return len(found)


class Unusuals:
    """168 slots, each with a mean and how often it was seen."""

    def __init__(self, rule: Rule, begin: int, plain: Plain) -> None:
        assert rule.measure.base is not None
        self.rule, self.begin, self.plain = rule, begin, plain
        self.counts = rule.measure.base.kind in (Kind.COUNT, Kind.DISTINCT, Kind.NOW_COUNT, Kind.NOW_DISTINCT)
        self.step = up(15 * MINUTE, rule.hop_ms)
        self.next = up(begin, self.step)
        self.slots: dict[int, tuple[float, int]] = {}
        self.spread, self.spread_seen = (2.0, 10) if self.counts else (0.0, 0)
        # Of other days (""), of holidays, and of each day of the month that the rule names.
        self.was: dict[Any, float] = {"": 0.0, "holiday": 0.0}
        self.expected = dict(self.was)
        self.first_month: dict[int, tuple[int, int]] = {}
        self.held = 0
        self.refused: dict[int, tuple[int | None, bool, bool]] = {}
        self.shown: float | None = None
        self.shown_at: int | None = None
        self.bare = self.usual = self.judged = self.width = None
        self.ready = self.sound = False

    def kind_of(self, wall: datetime) -> Any:
        if wall.date() in self.rule.almanac.holidays:
            return "holiday"
        named = any(first <= wall.day <= last for first, last in self.rule.measure.month_days)
        return wall.day if named else ""

    def at(self, t: int) -> float | None:
        while self.next <= t:
            if self.shown is not None:
                self.absorb(self.shown, self.shown_at or 0)
            self.expect(self.next)
            whole = self.begin + self.rule.window_ms <= self.next
            self.shown, self.shown_at = self.plain(self.next) if whole else None, self.next
            self.next += self.step
        value = self.plain(t)
        if value is None or not self.ready:
            return None
        tail = count_tail if self.counts else gauge_tail
        return tail(float(value), self.judged, self.width, low=self.rule.measure.low)

    def absorb(self, shown: float, at: int) -> None:
        value, far = shown, False
        if self.ready:
            deviation = (self.width * max(self.usual, 0.1)) ** 0.5 if self.counts else self.width
            far = abs(shown - self.usual) > 3 * deviation
            value = min(max(shown, self.usual - 3 * deviation), self.usual + 3 * deviation)
        wall = self.wall(at)
        if self.kind_of(wall) == "holiday":
            self.follow(value, "holiday", self.ready)
            return
        if self.kind_of(wall):
            self.follow(value, wall.day, self.sound)
            if self.sound:
                self.first_month.setdefault(wall.day, (wall.year, wall.month))
            return
        self.held = self.held + 1 if far else 0
        slot = self.slot_of(wall)
        week = (wall.date() - date(1970, 1, 1)).days // 7
        side, (before, upward, learning) = shown > (self.usual or 0), self.refused.get(slot, (None, False, False))
        anew = far and not learning and (before, upward) == (week - 1, side)
        again = anew or (far and learning and before == week)
        if anew or (far and not again and self.held * self.step >= 30 * MINUTE):
            self.refused[slot] = (week, side, anew)
        if far and not again and self.held <= 12 * HOUR // self.step:
            return
        if self.usual is not None and not again:
            off = value - self.usual
            sample = off * off / max(self.usual, 0.1) if self.counts else 1.2533141373155001 * abs(off)
            self.spread += (sample - self.spread) / (min(self.spread_seen, 299) + 1)
            self.spread_seen += 1
            self.follow(value, "", self.ready)
        mean, seen = self.slots.get(slot, (0.0, 0))
        seen = min(seen, 1) if anew else seen
        value = shown if again else value
        self.slots[slot] = mean + (value - mean) / (seen + 1), min(seen + 1, 31)

    def follow(self, value: float, kind: Any, trusted: bool) -> None:
        if self.counts and trusted:
            fade = max(0.0, 1 - self.step / (DAY if kind in ("", "holiday") else 2 * DAY))
            self.was[kind] = fade * self.was.get(kind, 0.0) + value
            self.expected[kind] = fade * self.expected.get(kind, 0.0) + self.bare

    def wall(self, t: int) -> datetime:
        zone = ZoneInfo(self.rule.almanac.zone)
        return datetime.fromtimestamp(t // 1000, zone).replace(tzinfo=None) + timedelta(milliseconds=t % 1000)

    def slot_of(self, wall: datetime) -> int:
        day = 6 if wall.date() in self.rule.almanac.holidays else wall.weekday()  # a holiday is a Sunday
        return (day + 4) % 7 * 24 + wall.hour  # the first day is a Thursday

    def pooled(self, slot: int) -> tuple[float | None, int]:
        same = [self.slots.get(hour, (0.0, 0)) for hour in range(slot % 24, 168, 24)]
        mean, seen = self.slots.get(slot, (0.0, 0))
        if not any(n for _, n in same):
            return None, seen
        total, weight = 0.0, 0
        for m, n in same:
            total, weight = total + n * m, weight + n
        return (seen * mean + 1.0 * (total / weight)) / (seen + 1.0), seen

    def expect(self, t: int) -> None:
        middle = self.wall(t) - timedelta(minutes=30)
        part = ((middle.minute * 60 + middle.second) * 1000 + middle.microsecond // 1000) / HOUR
        left, left_seen = self.pooled(self.slot_of(middle))
        right, right_seen = self.pooled(self.slot_of(middle + timedelta(hours=1)))
        if left is None and right is None:
            self.bare = self.usual = None
            self.ready = self.sound = False
            return
        self.bare = right if left is None else left if right is None else (1 - part) * left + part * right
        wall = self.wall(t)
        kind = self.kind_of(wall)
        ratio = (self.was.get(kind, 0.0) + 20) / (self.expected.get(kind, 0.0) + 20)
        most = 4.0 if kind in ("", "holiday") else 10.0
        busier = min(max(ratio, 1 / most), most) if self.counts else 1.0
        self.usual = self.bare * busier
        hour = left if part < 0.5 else right
        self.judged = self.usual
        if hour is not None:
            self.judged = min(self.usual, hour * busier) if self.rule.measure.low else max(self.usual, hour * busier)
        self.sound = self.begin + WEEK <= t
        known = kind in ("", "holiday") or self.first_month.get(kind, (9999, 1)) < (wall.year, wall.month)
        self.ready = self.sound and known
        doubt = 1 + 1 / ((1 - part) * left_seen + part * right_seen + 1)
        if self.counts:
            self.width = max(self.spread, 1.05) * doubt
        else:
            self.width = max(self.spread * doubt**0.5, 0.05 * abs(self.usual), 1e-9)


def past_of(rule: Rule, events: list[Any], begin: int, plain: Plain) -> Any:
    """Make what gives the value of one series: `events` are those of the rule in it, `begin` its first boundary."""
    if rule.measure.kind is Kind.NEW:
        return News(rule, events, begin)
    return {Kind.FORECAST: Forecasts, Kind.DROP: Drops, Kind.UNUSUAL: Unusuals}[rule.measure.kind](rule, begin, plain)
