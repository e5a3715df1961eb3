"""`service_level_ahead`: the part of calls that will be answered in time, if those who are here now stay.

Three things go into Erlang C: the calls that will come, carried on by the trend; the mean handling time of the answered
calls of the window, talk and wrap-up; and the agents whose latest state is one of work.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors.batch import Float64, Int64
from detectors.columns import grown
from detectors.erlang import service_level
from detectors.forecast import Forecast
from detectors.latest import LatestStates
from detectors.partial import Partial
from detectors.rules import Kind, Measure, Rule
from detectors.windows import Window, window_of

_CALLS, _TALK, _WRAP, _AGENTS = range(4)  # the sides of such a rule, as `Rule.sides` gives them


class Staffing:
    """The window of such a rule: calls and how long they took; and the agents, whose state no window ends."""

    def __init__(self) -> None:
        self._windows: list[Window] = [
            window_of(Measure(Kind.COUNT), 0),
            window_of(Measure(Kind.MEAN, "talk_s"), 0),
            window_of(Measure(Kind.MEAN, "wrap_s"), 0),
        ]
        self._agents = LatestStates(Kind.NOW_COUNT)
        self._heard = np.zeros(0, np.bool_)  # whether any agent has said where it is

    def grow(self, size: int) -> None:
        """Make room for `size` series."""
        for window in self._windows:
            window.grow(size)
        self._agents.grow(size)
        self._heard = grown(self._heard, size)

    def enter(self, rows: Int64, pane: Partial) -> None:
        """Take a pane of any side in."""
        if pane.side == _AGENTS:
            self._agents.enter(rows, pane)
            self._heard[rows] = True
        else:
            self._windows[pane.side].enter(rows, pane)

    def leave(self, rows: Int64, pane: Partial) -> None:
        """Let a pane of calls go."""
        if pane.side != _AGENTS:
            self._windows[pane.side].leave(rows, pane)

    def values(self, rows: Int64) -> Float64:
        """Give the calls in the window: what is carried on."""
        return self._windows[_CALLS].values(rows)

    def handling_s(self, rows: Int64) -> Float64:
        """Give the mean time an answered call keeps an agent; NaN where none was answered."""
        return self._windows[_TALK].values(rows) + np.nan_to_num(self._windows[_WRAP].values(rows), nan=0.0)

    def agents(self, rows: Int64) -> Float64:
        """Give the agents at work; NaN where no agent was ever heard of."""
        return np.where(self._heard[rows], self._agents.values(rows), np.nan)

    def state(self) -> list[Any]:
        """Write down what the panes in the window do not tell: where the agents are."""
        return [self._agents.state(), self._heard.copy()]

    def restore(self, state: list[Any]) -> None:
        """Take up what `state` wrote; the panes have entered and the series have grown already."""
        things, heard = state
        self._agents = LatestStates(Kind.NOW_COUNT)
        self._agents.grow(len(heard))
        self._agents.restore({code: tuple(thing) for code, thing in things.items()})
        self._heard = heard.copy()


class ServiceLevel:
    """What the service level of every series will be: found anew at each step of the forecast."""

    def __init__(self, rule: Rule, staffing: Staffing) -> None:
        self._staffing = staffing
        self._window_s = rule.window_ms / 1000
        self._within_s = rule.measure.within_ms / 1000
        self._calls = Forecast(rule.measure.span_ms, rule.hop_ms)
        self._level = np.zeros(0)

    @property
    def next_ms(self) -> int:
        """The boundary at which it is found anew."""
        return self._calls.next_ms

    def begin(self, size: int, time_ms: int) -> None:
        """Make room; nothing is known of new series."""
        self._calls.begin(size, time_ms)
        self._level = grown(self._level, size, np.nan)

    def learn(self, values: Float64, time_ms: int) -> None:
        """Carry the calls on, and ask what the agents there will make of them."""
        self._calls.learn(values, time_ms)
        rows = np.arange(len(values))
        columns = np.stack(
            (self._calls.values(rows, values), self._staffing.handling_s(rows), self._staffing.agents(rows))
        )
        for row in np.flatnonzero(~np.isnan(columns).any(axis=0)).tolist():
            calls, handling_s, agents = columns[:, row].tolist()
            self._level[row] = service_level(calls / self._window_s, handling_s, int(agents), self._within_s)
        self._level[: len(values)][np.isnan(columns).any(axis=0)] = np.nan

    def values(self, rows: Int64, values: Float64) -> Float64:  # noqa: ARG002  the shape of an outlook
        """Give the service level to come, 0 to 1."""
        return self._level[rows]

    def state(self, size: int) -> dict[str, Any]:
        """Write the first `size` series down."""
        return {"calls": self._calls.state(size), "level": self._level[:size].copy()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` wrote."""
        self._calls.restore(state["calls"])
        self._level = state["level"].copy()
