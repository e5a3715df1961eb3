"""A rule, checked: what is measured, over which events, and when it becomes which level."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from functools import cached_property

Scalar = str | float | bool

LEVEL_CODE: Mapping[str, float] = {"green": 0, "act": 0.5, "yellow": 1, "orange": 2, "red": 3}
"""What `tocsin_level` shows, and the order of the levels. `act` stands alone in its rule."""


class Op(Enum):
    """How one condition of a `where` compares."""

    IN = "in"  # the value is one of `values`
    NOT = "not"  # it is none of them, or the field is missing
    GE = "ge"
    GT = "gt"
    LE = "le"
    LT = "lt"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one field. Types compare strictly: 1 equals 1.0, but neither `true` nor `"1"`."""

    field: str
    op: Op
    values: tuple[Scalar, ...]  # one number for GE GT LE LT


class Kind(Enum):
    """What a measure computes. The first six run over a window, `NOW_*` over the latest state of things."""

    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    MAX = "max"
    SHARE = "share"
    DISTINCT = "distinct"
    NOW_COUNT = "now count"
    NOW_SUM = "now sum"
    NOW_DISTINCT = "now distinct"

    @property
    def is_now(self) -> bool:
        """Whether the measure follows the latest state of things instead of a window of events."""
        return self in (Kind.NOW_COUNT, Kind.NOW_SUM, Kind.NOW_DISTINCT)


@dataclass(frozen=True, slots=True)
class Measure:
    """What is computed: `field` for all but the counts, `matching` for `share` alone."""

    kind: Kind
    field: str | None = None
    matching: tuple[Condition, ...] = ()


@dataclass(frozen=True)  # no slots: the fingerprint is asked for with every partial, and kept
class Rule:
    """One rule of a rule file, with every default filled in. Times are integer milliseconds.

    `levels` goes from the mildest to the worst, as (name, threshold); `texts` keeps what people read
    (`title`, `summary`, `action`: language → template) and `notify`/`notice`, which `alerts` reads.
    """

    id: str
    stream: str
    measure: Measure
    levels: tuple[tuple[str, float], ...]
    title: Mapping[str, str]
    where: tuple[Condition, ...] = ()
    by: tuple[str, ...] = ()
    window_ms: int = 300_000
    hop_ms: int = 10_000
    below: bool = False
    for_ms: int = 0
    clear: float = 1.0
    clear_for_ms: int = 0
    unknown_after_ms: int = 1_800_000
    min_events: int = 0
    summary: Mapping[str, str] = field(default_factory=dict)
    action: Mapping[str, str] = field(default_factory=dict)
    notify: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notice: str | None = None
    role: str = ""  # cause, symptom or alone in its incident; empty: by its stream

    @cached_property
    def fingerprint(self) -> str:
        """Name the arithmetic of this rule: state and partials of another fingerprint are not its own."""
        spoken = {"title", "summary", "action", "notify", "notice", "role"}
        meaning = {name: value for name, value in asdict(self).items() if name not in spoken}
        text = json.dumps(meaning, default=lambda value: value.value, sort_keys=True, ensure_ascii=False)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
