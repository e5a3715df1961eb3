"""How long things belong together, and when up and down is too much: the desk's spans, in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """The spans of incidents. All defaults are ours."""

    join_ms: int = 30 * _MINUTE_MS
    """Alerts of one part in one area join an incident that changed no longer ago."""
    reopen_ms: int = 15 * _MINUTE_MS
    """A series that fires again no longer after its end goes on in the same incident."""
    flap_turns: int = 3
    """An incident that rises again so often …"""
    flap_ms: int = 30 * _MINUTE_MS
    """… within this span flaps: how it falls and ends is told when it is calm."""
    calm_ms: int = 10 * _MINUTE_MS
    """Calm is an incident that changed no later than this ago."""
    grew_ms: int = 1 * _MINUTE_MS
    """What turns red beside others that were told is told at most so often."""
    remind_ms: int = 10 * _MINUTE_MS
    """A silence that hides something says so this long before it ends."""


DEFAULT = Tuning()
