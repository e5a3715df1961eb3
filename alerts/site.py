"""What a site tells its desk beside rules and routing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alerts.audiences import Audiences
from alerts.callout import Crew
from alerts.muting import Muter
from alerts.naming import NO_NAMES, English
from alerts.scopes import Above
from alerts.tuning import DEFAULT, Tuning
from alerts.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Its places and their English names, its planned work, its spans, further muters, its people, its page.

    `audiences` are told of notices, in their order.
    """

    above: Above | None = None
    windows: Sequence[Window] = ()
    tuning: Tuning = DEFAULT
    muters: Sequence[Muter] = ()
    crew: Crew = field(default_factory=Crew)
    audiences: Audiences = field(default_factory=Audiences)
    english: English = field(default_factory=lambda: NO_NAMES)
    page: str = ""  # the address of its page, without a slash at the end; messages link to it
