"""Erlang's formulas for a queue with waiting: how well so many agents serve so much traffic.

A. K. Erlang, *Solution of some problems in the theory of probabilities of significance in automatic telephone
exchanges* (1917); the steady state of an M/M/n queue. Calls come at random, talk times are exponential, and nobody
hangs up: with patience as it is, service is a little better than this says. Traffic is in Erlangs: calls a second ×
seconds a call.
"""

from __future__ import annotations

import math

AGENTS_MAX = 100_000
"""More agents than any centre has: where a search for the number needed ends."""


def blocking(traffic: float, agents: int) -> float:
    """Give Erlang B, the part of calls that would find all agents busy if none could wait.

    The recursion B(n) = U·B(n−1) ÷ (n + U·B(n−1)) neither overflows nor cancels, whatever the size (Cooper,
    *Introduction to Queueing Theory*, 1981, section 3.3); the factorials of the textbook do from 171 agents on.
    """
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = traffic * blocked / (number + traffic * blocked)
    return blocked


def waiting(traffic: float, agents: int) -> float:
    """Give Erlang C, the part of calls that must wait: 1 once there is as much traffic as agents.

    >>> round(waiting(1.0, 2), 4), round(waiting(10.0, 14), 4), waiting(14.0, 14)
    (0.3333, 0.1741, 1.0)
    """
    if traffic >= agents:
        return 1.0
    blocked = blocking(traffic, agents)
    return blocked / (1.0 - traffic / agents * (1.0 - blocked))


def service_level(calls_per_s: float, handling_s: float, agents: int, within_s: float) -> float:
    """Give the part of calls answered within `within_s`; 0 where the queue grows without end.

    >>> round(service_level(100 / 1800, 180.0, 14, 20.0), 3)
    0.888
    """
    traffic = calls_per_s * handling_s
    if traffic == 0.0 and agents > 0:
        return 1.0
    if traffic >= agents:
        return 0.0
    return 1.0 - waiting(traffic, agents) * math.exp(-(agents - traffic) * within_s / handling_s)


def mean_wait_s(calls_per_s: float, handling_s: float, agents: int) -> float:
    """Give the mean speed of answer; infinite where the queue grows without end.

    >>> round(mean_wait_s(100 / 1800, 180.0, 14), 1)
    7.8
    """
    traffic = calls_per_s * handling_s
    if traffic == 0.0 and agents > 0:
        return 0.0
    if traffic >= agents:
        return math.inf
    return waiting(traffic, agents) * handling_s / (agents - traffic)


def agents_needed(calls_per_s: float, handling_s: float, within_s: float, wanted: float) -> int:
    """Give the least number of agents that answers the part `wanted` (under 1) of calls within `within_s`.

    >>> agents_needed(100 / 1800, 180.0, 20.0, 0.8)
    14
    """
    agents = max(math.floor(calls_per_s * handling_s) + 1, 1)
    while agents < AGENTS_MAX and service_level(calls_per_s, handling_s, agents, within_s) < wanted:
        agents += 1
    return agents
