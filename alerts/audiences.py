"""The audiences of a notice: who is told, in which order, in which form, and how long before the next.

An audience is a tier of customers, as the field `tier` of events names it; `everybody` is whoever is left. The order is
the site's, the same for the first word, for updates and for the all-clear. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from msgspec.structs import replace

EVERYBODY = "everybody"
AUDIENCES_LEN_MAX = 8
TIER_CHARS_MAX = 32

_HEAD_START_MS = 10 * 60_000


class Form(StrEnum):
    """Which of the texts an audience is sent."""

    SHORT = "short"  # one SMS
    LONG = "long"  # the whole bulletin


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """One audience of one notice. `then_ms` is its head start over the next.

    `first_ms` is when it first heard of the trouble, `told_ms` when it was told the newest text. One that `is_dropped`
    had heard nothing when the notice was stopped, and never will.
    """

    tier: str
    form: Form = Form.LONG
    then_ms: int = 0
    first_ms: int | None = None
    told_ms: int | None = None
    is_dropped: bool = False


SHIPPED: tuple[Audience, ...] = (
    Audience(tier="vip", form=Form.SHORT, then_ms=_HEAD_START_MS),
    Audience(tier="contract", form=Form.SHORT, then_ms=_HEAD_START_MS),
    Audience(tier=EVERYBODY),
)
"""VIP customers first (domain: provincial postal express), then those with a contract; the head starts are ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audiences:
    """Who is told by which template: the site's own order, and those of templates that have another."""

    site: tuple[Audience, ...] = SHIPPED
    templates: Mapping[str, tuple[Audience, ...]] = field(default_factory=dict)

    def of(self, template: str) -> tuple[Audience, ...]:
        """Give the audiences of a template, none of them told."""
        return self.templates.get(template, self.site)


def head_start_ms(audiences: Sequence[Audience]) -> int:
    """Say how long after the first the last is told, where nobody hurries it.

    >>> head_start_ms(SHIPPED)
    1200000
    """
    return sum(each.then_ms for each in audiences[:-1])


def told(audiences: Sequence[Audience], tier: str, at_ms: int) -> tuple[Audience, ...]:
    """Note that an audience was told the newest text."""
    return tuple(
        replace(each, told_ms=at_ms, first_ms=at_ms if each.first_ms is None else each.first_ms)
        if each.tier == tier
        else each
        for each in audiences
    )


def renewed(audiences: Sequence[Audience]) -> tuple[Audience, ...]:
    """Note that the text is another: nobody was told it."""
    return tuple(replace(each, told_ms=None) for each in audiences)


def stopped(audiences: Sequence[Audience]) -> tuple[Audience, ...]:
    """Note that nobody else shall hear of it: who has not yet is dropped."""
    return tuple(replace(each, is_dropped=each.first_ms is None) for each in audiences)
