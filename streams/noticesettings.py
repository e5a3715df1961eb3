"""Who is told of customer notices, and in which order, as settings name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from alerts.audiences import AUDIENCES_LEN_MAX, SHIPPED, TIER_CHARS_MAX, Audience, Audiences, Form, head_start_ms
from alerts.notices import SUDDEN_FAULT_DEADLINE_MS
from alerts.texts import duration
from detectors.places import quoted
from streams.spans import Span


def _tier(name: str) -> str:
    if not name or name != name.strip() or not name.isprintable() or len(name) > TIER_CHARS_MAX:
        raise ValueError(f"{quoted(name)} is no tier: at most {TIER_CHARS_MAX} printable characters, as in vip")
    return name


class OneAudience(BaseModel):
    """One audience: a tier as `tier` of events names it, what it is sent, and its head start over the next."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tier: Annotated[str, AfterValidator(_tier)]
    text: Literal["short", "long"] = "long"
    then: Span = 0

    def as_audience(self) -> Audience:
        """Give it as the desk knows it."""
        return Audience(tier=self.tier, form=Form(self.text), then_ms=self.then)


def _in_order(chosen: tuple[OneAudience, ...]) -> tuple[OneAudience, ...]:
    if not 0 < len(chosen) <= AUDIENCES_LEN_MAX:
        raise ValueError(f"names {len(chosen)} audiences: there is one at least, and {AUDIENCES_LEN_MAX} at most")
    tiers = [each.tier for each in chosen]
    for tier in tiers:
        if tiers.count(tier) > 1:
            raise ValueError(f"names {quoted(tier)} twice: nobody is told a notice twice")
    late_ms = head_start_ms([each.as_audience() for each in chosen])
    if late_ms >= SUDDEN_FAULT_DEADLINE_MS:
        limit = duration(SUDDEN_FAULT_DEADLINE_MS)
        raise ValueError(f"the head starts add up to {duration(late_ms)}: all must have heard {limit} after the fault")
    return chosen


InOrder = Annotated[tuple[OneAudience, ...], AfterValidator(_in_order)]


class NoticeSettings(BaseModel):
    """The audiences of notices, and those of templates that have others; see `alerts.audiences` for the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    audiences: InOrder = tuple(
        OneAudience.model_construct(tier=each.tier, text=each.form.value, then=each.then_ms) for each in SHIPPED
    )
    templates: Mapping[str, InOrder] = {}

    @property
    def chosen(self) -> Audiences:
        """Give them as the desk knows them."""
        return Audiences(
            site=tuple(each.as_audience() for each in self.audiences),
            templates={name: tuple(each.as_audience() for each in own) for name, own in self.templates.items()},
        )
