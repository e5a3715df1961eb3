"""The calls and complaints of the simulated province, drawn at random: the usual ones and what trouble adds to them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alerts.records import format_time
from streams import province as tables
from streams.province import Province
from streams.script import Load, Outcry, Wave
from streams.volumes import calls_per_second, complaints_per_call

Event = dict[str, object]
"""One event as a JSON object, with its `id` and `time`."""

Record = tuple[str, int, Event]
"""A stream, the event's time in milliseconds since the epoch, and the event."""

_USUAL_WAIT_S = 11.0
_USUAL_ABANDONED = 0.03
_USUAL_BLOCKED = 0.002
_TALK_LOG_S = (5.0, 0.6)  # median 148 s
_WRAP_S = 25.0
_NOT_IF: Mapping[str, Sequence[str]] = {
    "abandoned": ("talk_s", "wrap_s", "agent"),
    "blocked": ("wait_s", "talk_s", "wrap_s", "agent"),
}
"""What a call that ends so does not have."""

_COMPLAINT_CALLS_PER_TICKET = 5  # four of five calls about a complaint are never registered: the figures' hidden ones
_TICKET_LAG_MS = (5_000, 60_000)
_REPEATED = 0.12
_SEVERITY = (0.45, 0.8, 0.95, 0.99)  # up to severity 1, 2, 3, 4

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Choice:
    """Names drawn by weight."""

    names: Sequence[str]
    edges: Floats

    @classmethod
    def of(cls, weights: Mapping[str, float]) -> Choice:
        """Prepare to draw the keys of `weights`, which need not add up to one."""
        edges = np.cumsum(list(weights.values()))
        return cls(tuple(weights), edges / edges[-1])

    def draw(self, rng: np.random.Generator, n: int) -> list[str]:
        """Draw `n` names."""
        return [self.names[at] for at in np.searchsorted(self.edges, rng.random(n), side="right").tolist()]

    def one(self, rng: np.random.Generator) -> str:
        """Draw one name."""
        return self.draw(rng, 1)[0]


@dataclass(frozen=True, slots=True)
class Second:
    """One second of event time: when it begins, which one it is since the start, and whose part of it this is.

    Every source draws its own part (`source` is unique among them), so no two of them make the same name.
    """

    start_ms: int
    number: int
    source: str

    def name(self, kind: str, n: int) -> str:
        """Name the n-th thing of a kind, unique in its stream."""
        return f"{kind}-{self.start_ms // 1000}-{self.source}{n}"


class Traffic:
    """Draws the calls and complaints of one second; holds only what it draws from."""

    def __init__(self, province: Province, loads: Collection[Load]) -> None:
        self._loads = loads
        self._regions = Choice.of({city.name: city.weight for city in province.cities})
        self._queues = Choice.of({queue.name: queue.weight for queue in province.queues})
        self._purposes = {queue.name: queue.purpose for queue in province.queues}
        self._categories = Choice.of({category.name: category.weight for category in province.categories})
        self._reasons = {category.name: category.reasons for category in province.categories}
        self._outlets = {
            city.name: [e.outlet for e in province.elements.values() if e.outlet and e.region == city.name]
            for city in province.cities
        }
        self._lines = Choice.of(tables.LINES)
        self._brands = Choice.of(tables.BRANDS)
        self._tiers = Choice.of(tables.TIERS)
        self._channels = Choice.of(tables.CHANNELS)

    def usual(self, rng: np.random.Generator, second: Second) -> Iterator[Record]:
        """Draw the calls of an ordinary second, and the complaints that some of them end in."""
        n = int(rng.poisson(calls_per_second(second.start_ms)))
        registered = complaints_per_call(second.start_ms)
        about = rng.random(n)
        complaining = about < registered * _COMPLAINT_CALLS_PER_TICKET
        calls = self._calls(rng, second, self._regions.draw(rng, n), self._queues.draw(rng, n), complaining)
        yield from calls
        for number in np.flatnonzero(about < registered).tolist():
            category = self._categories.one(rng)
            said = {"category": category, "reason": _any(rng, self._reasons[category])}
            if category == "provider":
                said["provider"] = _any(rng, tables.PROVIDERS)
            yield self._registered(rng, second.name("complaint", number), calls[number], said)

    def wave(self, rng: np.random.Generator, second: Second, wave: Wave) -> Iterator[Record]:
        """Draw what a wave adds to this second."""
        strength = wave.shape.at(second.number) / 60
        if not strength:
            return
        registered = int(rng.poisson(wave.complaints_per_min * strength))
        n = max(registered, int(rng.poisson(wave.calls_per_min * strength)))
        complaining = rng.random(n) < wave.complaining
        complaining[:registered] = True
        calls = self._calls(rng, second, Choice.of(wave.regions).draw(rng, n), [wave.queue] * n, complaining)
        yield from calls
        said = {"category": wave.category, "reason": wave.reason}
        if wave.provider:
            said["provider"] = wave.provider
        for number in range(registered):
            yield self._registered(rng, second.name("complaint", number), calls[number], said)

    def outcry(self, rng: np.random.Generator, second: Second, outcry: Outcry) -> Record:
        """Write a major complaint, which reaches the company by no hotline."""
        said = {"category": outcry.category, "reason": outcry.reason}
        if outcry.provider:
            said["provider"] = outcry.provider
        place: Event = {"region": outcry.region, "brand": "GoTone", "tier": "ordinary"}
        ticket = self._ticket(rng, second.name("complaint", 0), second.start_ms, said, place)
        return "complaints", second.start_ms, {**ticket, "channel": "web", "severity": 5, "major": True}

    def _calls(
        self,
        rng: np.random.Generator,
        second: Second,
        regions: Sequence[str],
        queues: Sequence[str],
        complaining: Bools,
    ) -> list[Record]:
        """Draw one call for each region and queue; what loads the queue then decides the wait and the outcome."""
        n = len(regions)
        mean_wait_s, abandoned, blocked = self._suffering(second, regions, queues)
        fate = rng.random(n)
        outcomes = np.where(fate < blocked, "blocked", np.where(fate < blocked + abandoned, "abandoned", "answered"))
        times_ms = (second.start_ms + np.sort(rng.integers(0, 1_000, n))).tolist()
        tiers = self._tiers.draw(rng, n)
        columns: Mapping[str, Sequence[object]] = {
            "id": [second.name("call", number) for number in range(n)],
            "time": [format_time(time_ms) for time_ms in times_ms],
            "outcome": outcomes.tolist(),
            "line": self._lines.draw(rng, n),
            "queue": queues,
            "region": regions,
            "purpose": np.where(complaining, "complaint", [self._purposes[queue] for queue in queues]).tolist(),
            "customer": [f"c{who:010x}" for who in rng.integers(0, 1 << 40, n).tolist()],
            "tier": ["diamond" if queue == "vip" else tier for queue, tier in zip(queues, tiers, strict=True)],
            "brand": self._brands.draw(rng, n),
            "wait_s": rng.exponential(mean_wait_s).round(1).tolist(),
            "talk_s": rng.lognormal(*_TALK_LOG_S, n).round(1).tolist(),
            "wrap_s": rng.exponential(_WRAP_S, n).round(1).tolist(),
            "agent": [f"agent-{seat:03d}" for seat in rng.integers(1, tables.AGENTS + 1, n).tolist()],
        }
        calls: list[Event] = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        for call in calls:
            for field in _NOT_IF.get(str(call["outcome"]), ()):
                del call[field]
        return [("calls", time_ms, call) for time_ms, call in zip(times_ms, calls, strict=True)]

    def _suffering(
        self, second: Second, regions: Sequence[str], queues: Sequence[str]
    ) -> tuple[Floats, Floats, Floats]:
        """Return the mean wait in seconds and the chances of being abandoned and blocked, call by call."""
        wait_s = np.full(len(regions), _USUAL_WAIT_S)
        abandoned = np.full(len(regions), _USUAL_ABANDONED)
        blocked = np.full(len(regions), _USUAL_BLOCKED)
        for load in self._loads:
            strength = load.shape.at(second.number)
            if strength:
                places = zip(regions, queues, strict=True)
                hit = strength * np.array([load.strikes(region, queue) for region, queue in places], dtype=np.float64)
                wait_s += load.wait_s * hit
                abandoned += load.abandoned * hit
                blocked += load.blocked * hit
        return wait_s, abandoned, blocked

    def _registered(self, rng: np.random.Generator, name: str, call: Record, said: Mapping[str, str]) -> Record:
        """Register a caller's complaint, a little later; who could not get through complains by another channel."""
        _, call_ms, caller = call
        at_ms = call_ms + int(rng.integers(*_TICKET_LAG_MS))
        ticket = self._ticket(rng, name, at_ms, said, caller)
        ticket["channel"] = channel = self._channels.one(rng) if caller["outcome"] == "answered" else "web"
        if channel == "hotline":
            ticket["call"] = caller["id"]
        if channel == "outlet":
            ticket["outlet"] = _any(rng, self._outlets[str(caller["region"])])
        return "complaints", at_ms, ticket

    def _ticket(self, rng: np.random.Generator, name: str, at_ms: int, said: Mapping[str, str], who: Event) -> Event:
        """Write down who complains of what, and how badly."""
        return {
            "id": name,
            "time": format_time(at_ms),
            **said,
            **{field: who[field] for field in ("region", "brand", "tier", "customer") if field in who},
            "severity": 1 + int(np.searchsorted(_SEVERITY, rng.random(), side="right")),
            "repeat": bool(rng.random() < _REPEATED),
            "major": False,
        }


def _any(rng: np.random.Generator, names: Sequence[str]) -> str:
    return names[int(rng.integers(len(names)))]
