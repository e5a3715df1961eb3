"""What people were told of an incident, and what of its next change is news to them. Pure, and the same for everybody.

Two levels decide: the one last told, and the one that may be *heard*: the worst of the alerts that nothing mutes.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from alerts.notifications import Reason
from alerts.tuning import Tuning
from detectors.rules import LEVEL_CODE

NEWLY_RED_LEN_MAX = 20
"""So many places that turned red are told by name; all are counted."""


class Telling(msgspec.Struct, frozen=True):
    """What was told of one incident: the level (green: nothing yet, or that it is over), when, to which channels.

    `reason` is why it was told last, and `of` the time of the record that was told. `levels` are all that were ever
    told. `turns` are the times at which it rose again after a fall; `has_fallen` says that the next rise is one.
    `newly_red` counts the alerts that turned red since, and `red_names` says some of them. `muted` are the reasons why
    it is not told now, in the order of the stages; `is_held` says that a person or a plan keeps quiet what fires, so
    that its end is news.
    """

    level: str = "green"
    time_ms: int = 0
    reason: str = ""
    of: str = ""
    levels: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    turns: tuple[int, ...] = ()
    has_fallen: bool = False
    is_flapping: bool = False
    newly_red: int = 0
    red_names: tuple[dict[str, str], ...] = ()
    muted: tuple[str, ...] = ()
    is_held: bool = False

    @property
    def is_first(self) -> bool:
        """Whether nobody ever heard of the incident."""
        return not self.levels


def is_worse(level: str, than: str) -> bool:
    """Say whether a level is above another.

    >>> is_worse("red", "orange"), is_worse("act", "green"), is_worse("yellow", "yellow")
    (True, True, False)
    """
    return LEVEL_CODE[level] > LEVEL_CODE[than]


def moved(telling: Telling, *, was: str, level: str, at_ms: int, tuning: Tuning) -> Telling:
    """Note that the incident went from one level to another. With the last of too many turns it begins to flap."""
    if is_worse(was, level):
        return replace(telling, has_fallen=True)
    if not is_worse(level, was) or not telling.has_fallen:
        return telling
    turns = (*(turn for turn in telling.turns if turn > at_ms - tuning.flap_ms), at_ms)[-tuning.flap_turns :]
    return replace(telling, has_fallen=False, turns=turns, is_flapping=len(turns) >= tuning.flap_turns)


def calmed(telling: Telling, *, changed_ms: int, now_ms: int, tuning: Tuning) -> Telling:
    """Note that an incident flaps no longer, once it has stayed as it is for long enough."""
    if not telling.is_flapping or now_ms - changed_ms < tuning.calm_ms:
        return telling
    return replace(telling, is_flapping=False, turns=())


def reddened(telling: Telling, name: dict[str, str]) -> Telling:
    """Note that an alert turned red in an incident whose red was told before."""
    names = telling.red_names if len(telling.red_names) >= NEWLY_RED_LEN_MAX else (*telling.red_names, name)
    return replace(telling, newly_red=telling.newly_red + 1, red_names=names)


def news(telling: Telling, *, level: str, heard: str, now_ms: int, tuning: Tuning) -> tuple[Reason, str] | None:
    """Say why and at which level an incident is told now, or None if there is nothing to tell.

    `level` is where it stands, `heard` how much of that nothing mutes; green: it is over, or all is muted. What is
    worse than anything told is always told. What gets better waits while it flaps. The end is told to those who heard
    of the beginning, muted or not.
    """
    if is_worse(heard, telling.level):
        if telling.level != "green":
            return Reason.RAISED, heard
        return (Reason.FIRST if telling.is_first else Reason.REOPENED), heard
    if telling.is_held and heard != "green":
        return Reason.REOPENED, heard
    if level == "green":
        return None if telling.level == "green" or telling.is_flapping else (Reason.RESOLVED, "green")
    if is_worse(telling.level, level) and heard != "green" and not telling.is_flapping:
        return Reason.LOWERED, level
    if telling.newly_red and heard == "red" and now_ms - telling.time_ms >= tuning.grew_ms:
        return Reason.GREW, heard
    return None


def told(telling: Telling, why: tuple[Reason, str], *, of: str, channels: tuple[str, ...], now_ms: int) -> Telling:
    """Note that it was told, why and at which level, to which channels; `of` is the time of the record that was."""
    reason, level = why
    return replace(
        telling,
        level=level,
        time_ms=now_ms,
        reason=reason.value,
        of=of,
        levels=telling.levels if level == "green" or level in telling.levels else (*telling.levels, level),
        channels=tuple(dict.fromkeys((*telling.channels, *channels))),
        newly_red=0,
        red_names=(),
        is_held=False,
    )
