"""What trouble in the simulated province is written in: reports, waves, loads, outcries, and the story they make.

All times are seconds of event time after the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, slots=True)
class Shape:
    """How strongly something acts: 0 until `starts_s`, 1 from `full_s` to `eases_s`, 0 again from `ends_s`.

    >>> Shape(100, 200, 300, 500).at(150), Shape(100, 200, 300, 500).at(250), Shape(100, 200, 300, 500).at(400)
    (0.5, 1.0, 0.5)
    """

    starts_s: int
    full_s: int
    eases_s: int
    ends_s: int

    def __post_init__(self) -> None:
        """Refuse a shape that runs backwards."""
        if not 0 <= self.starts_s < self.full_s <= self.eases_s < self.ends_s:
            msg = f"a shape must go forward in time: {self}"
            raise ValueError(msg)

    def at(self, second: float) -> float:
        """Return the strength, 0 to 1, at `second` after the start."""
        corners = (self.starts_s, self.full_s, self.eases_s, self.ends_s)
        return float(np.interp(second, corners, (0.0, 1.0, 1.0, 0.0)))

    def later(self, by_s: int) -> Shape:
        """Return the same shape, `by_s` later."""
        return Shape(self.starts_s + by_s, self.full_s + by_s, self.eases_s + by_s, self.ends_s + by_s)


@dataclass(frozen=True, slots=True)
class Report:
    """An element's state from `at_s` on, with the users it takes with it."""

    at_s: int
    element: str
    state: str
    users: int
    cause: str
    eta_s: int | None = None


@dataclass(frozen=True, slots=True)
class Wave:
    """Complaints and calls on top of the usual ones; rates are a minute of event time, all regions together, at full.

    `regions` gives the shares of the regions. Of the calls, a share of `complaining` complain without ever being
    registered.
    """

    shape: Shape
    regions: Mapping[str, float]
    queue: str
    calls_per_min: float
    complaints_per_min: float
    category: str
    reason: str
    provider: str = ""
    complaining: float = 0.15


@dataclass(frozen=True, slots=True)
class Load:
    """What calls of a queue suffer at full: seconds of wait and shares of abandoned and blocked calls on top.

    No `regions` means every region.
    """

    shape: Shape
    queue: str
    wait_s: float
    abandoned: float
    blocked: float = 0.0
    regions: frozenset[str] = frozenset()

    def strikes(self, region: str, queue: str) -> bool:
        """Whether a call from `region` in `queue` suffers."""
        return queue == self.queue and (not self.regions or region in self.regions)


@dataclass(frozen=True, slots=True)
class Outcry:
    """One major complaint: a newspaper, the regulator."""

    at_s: int
    region: str
    category: str
    reason: str
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """A line for the spectator: what has just been made to happen."""

    at_s: int
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story, whole: what is told to the spectator, and what is done to the province."""

    name: str
    title: Mapping[str, str]
    scenes: Sequence[Scene] = ()
    reports: Sequence[Report] = ()
    waves: Sequence[Wave] = ()
    loads: Sequence[Load] = ()
    outcries: Sequence[Outcry] = ()

    def later(self, by_s: int) -> Scenario:
        """Return the same story, `by_s` later."""
        return replace(
            self,
            scenes=[replace(scene, at_s=scene.at_s + by_s) for scene in self.scenes],
            reports=[
                replace(
                    report,
                    at_s=report.at_s + by_s,
                    eta_s=None if report.eta_s is None else report.eta_s + by_s,
                )
                for report in self.reports
            ],
            waves=[replace(wave, shape=wave.shape.later(by_s)) for wave in self.waves],
            loads=[replace(load, shape=load.shape.later(by_s)) for load in self.loads],
            outcries=[replace(outcry, at_s=outcry.at_s + by_s) for outcry in self.outcries],
        )
