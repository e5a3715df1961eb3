"""The simulated province in motion: events in the order in which they reach the broker, second by second of event time.

Nothing here knows what time it is. Every second of event time, and every source in it, has its own generator, seeded
with (seed, second, source): so the same seed gives the same events however `advance` is called, and a scenario leaves
the rest of the day as it was.

Events leave in the order of their sending. Most are sent when they happen; one in fifty up to two seconds later (out of
order, but within the 5 s of lateness the service allows), one in two hundred is sent twice, and one in five thousand is
followed by a malformed copy, for the dead letters. Elements report in turn, each every three minutes, so that the
network stream is never silent; a cell that reports trouble heals by itself before its next turn, with far fewer users
than any rule asks for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from alerts.records import format_time
from streams.province import Element, Province
from streams.script import Report, Scenario, Scene
from streams.traffic import Event, Record, Second, Traffic

DEFAULT_SEED = 1860

_SECOND_MS = 1_000
_REPORT_EVERY_S = 180
_FLAPS = 1 / 300
_FLAP_USERS = (20, 150)
_FLAP_MS = (20_000, 120_000)
_FLAP_STATES = ("down", "degraded", "degraded")
_FLAP_CAUSES = ("power-dip", "interference", "transmission-jitter", "restart")

_DELAYED = 0.02
_DELAY_MS_MAX = 2_000
_REPEATED = 0.005
_MALFORMED = 0.0002

Sent = tuple[int, int, str, Event]
"""When a record is sent (milliseconds), its number among all records made, its stream, the event."""


class Simulator:
    """Makes the events of one scenario in one province, from `start_ms` (milliseconds since the epoch) on.

    Raises ValueError for a negative seed, or a scenario whose elements the province does not have.
    """

    def __init__(self, province: Province, scenario: Scenario, seed: int, start_ms: int) -> None:
        if seed < 0:
            msg = f"a seed must not be negative: {seed}"
            raise ValueError(msg)
        unknown = sorted({report.element for report in scenario.reports} - province.elements.keys())
        if unknown:
            msg = f"the province has no element {', '.join(unknown)}"
            raise ValueError(msg)
        self.start_ms = start_ms
        self._province = province
        self._scenario = scenario
        self._seed = seed
        self._traffic = Traffic(province, scenario.loads)
        self._turns = _turns(province, {report.element for report in scenario.reports})
        self._seconds_made = 0
        self._records_made = 0
        self._pending: list[Sent] = []

    def advance(self, until_ms: int) -> list[tuple[str, Event]]:
        """Return (stream, event) of all that is sent before `until_ms` and was not returned yet, in sending order."""
        while self.start_ms + self._seconds_made * _SECOND_MS < until_ms:
            self._make_second(self._seconds_made)
            self._seconds_made += 1
        self._pending.sort(key=lambda sent: sent[:2])  # nearly sorted already, which the sort makes use of
        ready = bisect_left(self._pending, until_ms, key=lambda sent: sent[0])
        leaving, self._pending = self._pending[:ready], self._pending[ready:]
        return [(stream, event) for _, _, stream, event in leaving]

    def scenes(self, since_ms: int, until_ms: int) -> list[tuple[int, Scene]]:
        """Return what is to be told of the span since_ms ≤ time < until_ms, with its times in milliseconds."""
        told = [(self.start_ms + scene.at_s * _SECOND_MS, scene) for scene in self._scenario.scenes]
        return sorted((entry for entry in told if since_ms <= entry[0] < until_ms), key=lambda entry: entry[0])

    def _make_second(self, number: int) -> None:
        """Make one second's events and put down when each is sent."""
        rng = self._rng(number, 0)
        happenings = list(self._happenings(number))
        fates = rng.random((len(happenings), 3)) < (_DELAYED, _REPEATED, _MALFORMED)
        for (stream, time_ms, event), (delayed, repeated, malformed) in zip(happenings, fates.tolist(), strict=True):
            delay_ms = int(rng.integers(_DELAY_MS_MAX)) if delayed else 0
            self._send(time_ms + delay_ms, stream, event)
            if repeated:
                self._send(time_ms + delay_ms + int(rng.integers(_DELAY_MS_MAX)), stream, event)
            if malformed:
                self._send(time_ms + delay_ms, stream, _spoiled(rng, stream, event))

    def _send(self, at_ms: int, stream: str, event: Event) -> None:
        self._pending.append((at_ms, self._records_made, stream, event))
        self._records_made += 1

    def _happenings(self, number: int) -> Iterator[Record]:
        """Yield stream, event time and event of everything that begins in one second."""
        yield from self._traffic.usual(self._rng(number, 1), self._second(number, ""))
        yield from self._turn_reports(self._rng(number, 2), self._second(number, ""))
        for serial, wave in enumerate(self._scenario.waves):
            yield from self._traffic.wave(self._rng(number, 10 + serial), self._second(number, f"w{serial}-"), wave)
        for serial, outcry in enumerate(self._scenario.outcries):
            if outcry.at_s == number:
                yield self._traffic.outcry(self._rng(number, 3), self._second(number, f"major{serial}-"), outcry)
        for serial, report in enumerate(self._scenario.reports):
            if report.at_s == number:
                yield self._scripted(self._second(number, f"alarm{serial}-"), report)

    def _rng(self, number: int, source: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, number, source))

    def _second(self, number: int, source: str) -> Second:
        return Second(self.start_ms + number * _SECOND_MS, number, source)

    def _turn_reports(self, rng: np.random.Generator, second: Second) -> Iterator[Record]:
        """Let the elements report whose turn it is; once in a while one has a small trouble that heals by itself."""
        turn = self._turns[second.number % _REPORT_EVERY_S]
        flapping = rng.random(len(turn)) < _FLAPS
        for serial, element in enumerate(turn):
            time_ms = second.start_ms + serial * _SECOND_MS // len(turn)
            name = second.name("report", serial)
            if not (flapping[serial] and element.kind == "cell"):
                yield _report(name, time_ms, element, "up", 0)
                continue
            state = _FLAP_STATES[int(rng.integers(len(_FLAP_STATES)))]
            cause = _FLAP_CAUSES[int(rng.integers(len(_FLAP_CAUSES)))]
            yield _report(name, time_ms, element, state, int(rng.integers(*_FLAP_USERS)), cause=cause)
            yield _report(f"{name}-healed", time_ms + int(rng.integers(*_FLAP_MS)), element, "up", 0, cause=cause)

    def _scripted(self, second: Second, report: Report) -> Record:
        element = self._province.elements[report.element]
        name = second.name("report", 0)
        told = _report(name, second.start_ms, element, report.state, report.users, cause=report.cause)
        if report.eta_s is not None:
            told[2]["eta"] = format_time(self.start_ms + report.eta_s * _SECOND_MS)
        return told


def _turns(province: Province, scripted: set[str]) -> Sequence[Sequence[Element]]:
    """Share the elements out over the seconds of a round; the scripted ones speak only when the script says so."""
    # Striding mixes the cities, so that a second's reports come from all over the province.
    elements = [element for element in province.elements.values() if element.id not in scripted]
    return [elements[turn::_REPORT_EVERY_S] for turn in range(_REPORT_EVERY_S)]


def _report(  # noqa: PLR0913 - the fields of an event
    name: str, time_ms: int, element: Element, state: str, users: int, *, cause: str = ""
) -> Record:
    event: Event = {
        "id": name,
        "time": format_time(time_ms),
        "element": element.id,
        "state": state,
        "kind": element.kind,
        "region": element.region,
        "users": users,
    }
    if element.outlet:
        event["outlet"] = element.outlet
    if cause:
        event["cause"] = cause
    return "network", time_ms, event


@dataclass(frozen=True, slots=True)
class _Flaw:
    """What a faulty source does to a field; None leaves it out."""

    field: str
    value: object


_FLAWS = (_Flaw("time", None), _Flaw("time", "2026-03-01 10:00:00"), _Flaw("region", 731))
_OUTCOME_FLAW = _Flaw("outcome", "lost")


def _spoiled(rng: np.random.Generator, stream: str, event: Event) -> Event:
    """Copy an event as a faulty source would send it: a field missing, of the wrong type, or with a bad value."""
    flaws = (*_FLAWS, _OUTCOME_FLAW) if stream == "calls" else _FLAWS
    flaw = flaws[int(rng.integers(len(flaws)))]
    copy = {**event, "id": f"{event['id']}-bad", flaw.field: flaw.value}
    return {field: value for field, value in copy.items() if value is not None}
