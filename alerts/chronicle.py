"""The chronicle: what happened, as records of one topic (`tocsin.history`), each with an id that it always has.

A desk that reads its log again says the same things with the same ids, and so does an outbox that is started anew: of
records with one id the first counts. One exception: a muting that time alone brought is named by the beat that found
it, and may stand there twice after a crash. Nothing is decided here.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec
from msgspec.structs import replace

from alerts.notifications import Delivery, Notification
from alerts.outbox.item import Ended
from alerts.records import AlertRecord, Scalar, format_time, parse_time
from alerts.texts import in_languages
from detectors.figures import Figure
from detectors.rules import Rule

ALSO_LEN_MAX = 100
"""So many of the incidents that a digest tells of are named; all are counted."""


class RuleThen(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as the desk had it when an alert came: spans in milliseconds, `fingerprint` names its arithmetic.

    `varies`: at some hours other thresholds than `levels` hold.
    """

    fingerprint: str
    levels: tuple[tuple[str, float], ...]
    below: bool
    window_ms: int
    hop_ms: int
    for_ms: int
    clear: float
    clear_for_ms: int
    unknown_after_ms: int
    min_events: int
    varies: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="change"):
    """One line of an incident's timeline, and the incident behind it (`state`, as the API gives it).

    `record` is the change of level that did it, if one did; then `why` says how its alert came to this incident,
    `counts_as` the level at which it counts there, `muted` what keeps it quiet, `then` what its rule was.
    """

    id: str
    time: str
    incident: str
    what: str
    level: str
    value: float | None = None
    by: str = ""
    text: str = ""
    record: AlertRecord | None = None
    why: str = ""
    counts_as: str = ""
    muted: tuple[str, ...] = ()
    then: RuleThen | None = None
    state: dict[str, Any] = {}

    @property
    def alert(self) -> str:
        """The alert that did it."""
        return "" if self.record is None else self.record.alert


class Muting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="muting"):
    """Another answer to what keeps an alert quiet, by time alone or because a person asked for it; nothing: heard."""

    id: str
    time: str
    incident: str
    alert: str
    level: str
    muted: tuple[str, ...] = ()


class Held(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="held"):
    """Somebody was to be rung, and is not paged now: their quiet hours, or their budget. A digest tells it later."""

    id: str
    time: str
    incident: str
    to: str
    level: str
    reason: str
    alert: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="page"):
    """A notification that the desk handed to the outbox; its id is the key by which the receiver knows it.

    `alert` leads the incident; `latest` is the one that moved it, where that is another. `also` are the other incidents
    that a digest tells of.
    """

    id: str
    time: str
    incident: str
    alert: str
    channel: str
    reason: str
    level: str
    was: str
    to: str = ""
    latest: str = ""
    also: tuple[str, ...] = ()
    also_count: int = 0


class DeliveryEnd(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="delivery"):
    """How a notification met its end at the outbox; `key` is the one by which the receiver knows it.

    One that is told in place of another channel (`instead_of`) has a key of its own; `origin` is that of the other.
    `result` and `code` are the receiver's last word, where a try made the end; `together` counts the notifications that
    went out in the same message.
    """

    id: str
    time: str
    key: str
    incident: str
    alert: str
    channel: str
    outcome: str
    reason: str
    level: str
    to: str = ""
    instead_of: str = ""
    origin: str = ""
    result: str = ""
    code: int | None = None
    together: int = 1


class FigureThen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="figure"):
    """What one series of a rule with targets measured when a day of the site ended; it is of no incident.

    `time` is the boundary at which it was judged, `ended` the midnight that it lies at or behind. `series` counts
    those of its rule that had a value then, of which the worst 1,000 are told. `targets` are those of the day that
    ended.
    """

    id: str
    time: str
    ended: str
    rule: str
    key: dict[str, Scalar]
    value: float
    series: int
    window_ms: int
    title: dict[str, str]
    targets: dict[str, float]
    below: bool = False


Happening = Change | Muting | Held | Page | DeliveryEnd
Told = Happening | FigureThen
"""What lies in the topic: what happened to an incident, and figures."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Told)


def encode(happening: Told) -> bytes:
    """Write one as a JSON record."""
    return _encoder.encode(happening)


def decode(value: bytes) -> Told:
    """Read one back. Raise ValueError if it is none."""
    try:
        happening: Told = _decoder.decode(value)
        parse_time(happening.time)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ValueError(f"no record of the history: {error}") from error
    return happening


def derived(*parts: object) -> str:
    """Name what happened by what it is."""
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=12, person=b"history").hexdigest()


def then_of(rule: Rule) -> RuleThen:
    """Write down what a rule is."""
    return RuleThen(
        fingerprint=rule.fingerprint,
        levels=rule.levels,
        below=rule.below,
        window_ms=rule.window_ms,
        hop_ms=rule.hop_ms,
        for_ms=rule.for_ms,
        clear=rule.clear,
        clear_for_ms=rule.clear_for_ms,
        unknown_after_ms=rule.unknown_after_ms,
        min_events=rule.min_events,
        varies=bool(rule.when),
    )


def figure_of(figure: Figure, rule: Rule) -> FigureThen:
    """Write down a figure. It has the same id whoever tells it, and however often."""
    series, time = Series(rule.id, rule.named(figure.key)), format_time(figure.time_ms)
    return FigureThen(
        id=derived("figure", series.rule, series.name, time),
        time=time,
        ended=format_time(figure.midnight_ms),
        rule=rule.id,
        key=series.key,
        value=figure.value,
        series=figure.series,
        window_ms=rule.window_at(figure.time_ms),
        title=in_languages(rule.title),
        targets=dict(figure.targets),
        below=rule.below,
    )


def page_of(notification: Notification, now_ms: int) -> Page:
    """Write down that the desk handed a notification to the outbox."""
    record, latest = notification.record, notification.facts.latest
    also = tuple(each.incident for each in notification.also)
    return Page(
        id=notification.idempotency_key,
        time=format_time(now_ms),
        incident=record.incident,
        alert=record.alert,
        channel=notification.channel,
        reason=notification.reason.value,
        level=record.level,
        was=record.was,
        to=notification.to,
        latest="" if latest is None else latest.alert,
        also=also[:ALSO_LEN_MAX],
        also_count=len(also),
    )


def delivery_of(ended: Ended, delivery: Delivery | None, together: int) -> DeliveryEnd:
    """Write down how a notification met its end; `delivery` is what the last try brought, if one made the end."""
    told = ended.item.notification
    meant = replace(told, channel=told.instead_of, instead_of="")
    return DeliveryEnd(
        id=derived("delivery", ended.item.key, ended.outcome.value),
        time=format_time(ended.time_ms),
        key=ended.item.key,
        incident=told.record.incident,
        alert=told.record.alert,
        channel=told.channel,
        outcome=ended.outcome.value,
        reason=told.reason.value,
        level=told.record.level,
        to=told.to,
        instead_of=told.instead_of,
        origin=meant.idempotency_key if told.instead_of else "",
        result="" if delivery is None else delivery.result.value,
        code=None if delivery is None else delivery.code,
        together=max(together, 1),
    )


class Series(msgspec.Struct, frozen=True):
    """A rule at one key, as history looks it up."""

    rule: str
    key: dict[str, Scalar]

    @property
    def name(self) -> str:
        """The same for the same key in any order of its fields."""
        return _encoder.encode(sorted(self.key.items())).decode()
