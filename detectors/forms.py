"""The forms of a measure, as data: what the schema of rule files is made from. A new measure adds its form here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Slot(Enum):
    """What may stand in one place of a measure."""

    FIELD = "the name of a field"
    NUMBER_FIELD = "the name of a number field"
    TIME_FIELD = "the name of a time field"
    WHERE = "conditions on fields"
    NUMBER = "a number over 0"
    FRACTION = "a number over 0, up to 1"
    DURATION = "a duration"
    LIMIT = "a duration, or `until`"
    MONTH_DAYS = "days of the month: 28, `1-5`, or a list of them"
    TEXT = "a name"
    TEXTS = "a name, or a list of names"
    TRUE = "true"
    MEASURE = "another measure of the same stream"
    SIDE = "a measure of events of any stream: {stream: …, where: …, measure: …}"
    EVENTS = "events of any stream: {stream: …, where: …}"


Choice = tuple[str, ...]
"""Words of which one may stand there."""


_AGO: Choice = ("1d", "7d")


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a measure: its own key and what stands there, and the keys beside it.

    `word` is one that stands alone. `of_things` needs a stream with things whose latest state can be followed.
    """

    name: str
    says: str
    holds: Slot | Choice | Mapping[str, Slot] = Slot.FIELD
    beside: Mapping[str, Slot | Choice] = field(default_factory=dict)
    optional: Mapping[str, Slot | Choice] = field(default_factory=dict)
    word: bool = False
    of_things: bool = False


FORMS = (
    Form("count", "how many events there are in the window", word=True),
    Form("sum", "the sum of a field over the window", Slot.NUMBER_FIELD),
    Form("mean", "the mean of a field over the window", Slot.NUMBER_FIELD),
    Form("max", "the greatest value of a field in the window", Slot.NUMBER_FIELD),
    Form("distinct", "how many different values of a field there are in the window"),
    Form("share", "the part of the events that matches, 0 to 1", Slot.WHERE),
    Form("now", "how many things are in the state that `where` asks for", ("count",), of_things=True),
    Form(
        "now",
        "the sum of a field over the things in the state that `where` asks for",
        ("sum",),
        {"field": Slot.NUMBER_FIELD},
        of_things=True,
    ),
    Form(
        "now",
        "how many different values of a field the things in that state have",
        ("distinct",),
        {"field": Slot.FIELD},
        of_things=True,
    ),
    Form(
        "now",
        "the part of the things in the state that `where` asks for that matches, 0 to 1",
        ("share",),
        {"of": Slot.WHERE},
        of_things=True,
    ),
    Form("quantile", "a quantile of a field over the window", Slot.NUMBER_FIELD, {"q": Slot.FRACTION}),
    Form(
        "ratio",
        "one measure divided by another, of any streams",
        {"of": Slot.SIDE, "to": Slot.SIDE},
        optional={"per": Slot.NUMBER},
    ),
    Form("share_of_all", "the part of all events of the rule that is in this series, 0 to 1", ("count",)),
    Form("growth", "a measure against itself at the same time before: 1 is the same", Slot.MEASURE, {"against": _AGO}),
    Form("rise", "a measure less what it was at the same time before: 0 is the same", Slot.MEASURE, {"against": _AGO}),
    Form(
        "unmatched",
        "events of which no event of another stream lies within reach",
        ("count", "share", "total"),
        {"in": Slot.EVENTS, "on": Slot.FIELD, "within": Slot.DURATION},
    ),
    Form("silent", "seconds since the last event of a series", Slot.TRUE),
    Form(
        "overdue",
        "things that are over their time, or the longest of them",
        ("count", "longest"),
        {"from": Slot.TEXTS, "until": Slot.TEXTS, "limit": Slot.LIMIT},
        {"at": Slot.NUMBER, "calendar": Slot.TEXT, "name_worst": ("step",)},
        of_things=True,
    ),
    Form(
        "overdue",
        "things that are near the moment their event names, or past it; or the longest of them",
        ("count", "longest"),
        {"to": Slot.TIME_FIELD},
        {"ahead": Slot.DURATION, "until": Slot.TEXTS},
    ),
    Form(
        "unusual",
        "how far a measure is from the usual for this hour and weekday, as -log10 of the chance",
        Slot.MEASURE,
        optional={"side": ("high", "low"), "month_days": Slot.MONTH_DAYS},
    ),
    Form("forecast", "what a measure will be if its trend goes on", Slot.MEASURE, {"ahead": Slot.DURATION}),
    Form("drop", "how far a measure has fallen from its own usual", Slot.MEASURE, {"against": Slot.DURATION}),
    Form("new", "values of a field that were not seen before", Slot.FIELD, {"within": Slot.DURATION}),
    Form(
        "service_level_ahead",
        "the share of calls that will be answered in time (Erlang C)",
        Slot.DURATION,
        {"within": Slot.DURATION},
    ),
)
"""All forms there are; a schema has those of the measures that this version computes."""


def forms_of(name: str) -> tuple[Form, ...]:
    """Give every way to write the measure of this name.

    >>> [form.holds for form in forms_of("now")]
    [('count',), ('sum',), ('distinct',), ('share',)]
    """
    return tuple(form for form in FORMS if form.name == name)
