"""Bytes to typed events, thousands at once; what cannot be used is refused, one by one, with its reason.

Each record is decoded on its own by msgspec (joining them into one array was measured to gain nothing, and would let
one record change the meaning of its neighbour). `surface` then proves for the whole run that nothing was skipped; what
it cannot prove, and what msgspec refused, goes through the strict reading of `faults`. The answer for one record never
depends on the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import reduce
from itertools import compress
from operator import attrgetter, or_
from sys import getrefcount
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np

from detectors.batch import Int64
from detectors.vocabulary import Stream
from streams import surface
from streams.decoded import Decoded, Gathered, Heartbeat, Outcome, Refusal, Row, Verdict
from streams.event_types import MISSING, YEAR_9999_S, Event, event_type
from streams.faults import Fault, Fields, Reason, find_fault, find_time_fault, quote, read_object
from streams.instants import parse_instant, to_ms
from streams.others import Others
from streams.runs import Run, cut
from streams.surface import MSGSPEC_ERRORS

AHEAD_MS_MAX: Final = 300_000

_Decode: TypeAlias = Callable[[bytes], Any]

_id, _time = attrgetter("id"), attrgetter("time")


class Decoder:
    """Decodes the records of one stream. Not for two threads at once."""

    def __init__(self, stream: Stream) -> None:
        """Build the event type of `stream`."""
        self._default: Stream | None = stream
        self._streams: Mapping[str, Stream] | None = None
        self._begin()

    def _begin(self) -> None:
        self._names: dict[type, str] = {}
        self._keys: dict[type, int] = {}
        self._types: dict[str, type[Event]] = {}
        self._attempts: list[_Decode] = []
        self._others = Others()
        self._build()

    def _build(self) -> None:
        """Make the event types anew, with the fields that senders are known to send beside the declared ones."""
        assert self._default is not None
        one = event_type(self._default, others=self._others.names)
        self._attempts = [msgspec.json.Decoder(one).decode]
        self._types = {self._default.name: one}
        self._names[one] = self._default.name
        self._keys[one] = len(one.__struct_fields__)

    def stream_of(self, event: Event) -> str:
        """Name the stream of an event that this decoder made."""
        return self._names[type(event)]

    def decode(self, values: Sequence[bytes | None], *, now_ms: Sequence[int] | Int64 | None = None) -> Decoded[Event]:
        """Decode records of one object each, or of several separated by newlines. Nothing they hold raises.

        `now_ms` is parallel to `values`: an event more than five minutes after it is refused. None checks nothing.
        """
        events: list[Event] = []
        verdict = Verdict()
        for run, time_ms in self._runs(values, now_ms, verdict):
            events += run
            verdict.time_ms.append(time_ms)
        return Decoded(events, *verdict.told())

    def rows(self, values: Sequence[bytes | None], fields: Mapping[str, Sequence[str]]) -> Decoded[Row]:
        """Do the same, but of each event keep a row: its stream, its id, and the `fields` of that stream.

        See `gather`, which is the same for one stream, on why.
        """
        rows: list[Row] = []
        verdict = Verdict()
        row_of = {kind: attrgetter("__stream__", "id", *fields.get(name, ())) for kind, name in self._names.items()}
        for run, time_ms in self._runs(values, None, verdict):
            kinds = set(map(type, run))
            if not kinds <= row_of.keys():  # a field was learned, and the types were made anew
                row_of = {
                    kind: attrgetter("__stream__", "id", *fields.get(name, ())) for kind, name in self._names.items()
                }
            rows += map(row_of[kinds.pop()], run) if len(kinds) == 1 else [row_of[type(event)](event) for event in run]
            verdict.time_ms.append(time_ms)
        return Decoded(rows, *verdict.told())

    def gather(
        self,
        values: Sequence[bytes | None],
        fields: Collection[str],
        *,
        now_ms: Sequence[int] | Int64 | None = None,
    ) -> Gathered:
        """Do the same, but of each event keep only its id and these fields.

        Events are dropped some hundreds at a time, while they are still in the processor's cache: to keep them until
        the whole chunk is decoded takes half as long again.
        """
        ids: list[str] = []
        columns: dict[str, list[Any]] = {name: [] for name in fields}
        verdict = Verdict()
        for run, time_ms in self._runs(values, now_ms, verdict):
            ids += map(_id, run)
            for name, column in columns.items():
                column.extend(map(attrgetter(name), run))
            verdict.time_ms.append(time_ms)
        return Gathered(ids, columns, *verdict.told())

    def _runs(
        self, values: Sequence[bytes | None], now_ms: Sequence[int] | Int64 | None, verdict: Verdict
    ) -> Iterator[tuple[Sequence[Event], Int64]]:
        """Decode run by run; give the events of each and their times, and note the rest in `verdict`."""
        now = None if now_ms is None else np.asarray(now_ms, np.int64)
        for run in cut(values):
            outcomes, others = self._read(run)
            time_ms = to_ms(list(map(_time, outcomes)))
            others |= self._refuse_times(run, outcomes, time_ms, now)
            if not others:
                verdict.origin.append(run.origin)
                yield outcomes, time_ms
                continue
            for at in sorted(others):
                verdict.note(run, at, outcomes[at], int(time_ms[at]))
            keep = np.ones(len(outcomes), bool)
            keep[list(others)] = False
            verdict.origin.append(run.origin[keep])
            yield list(compress(outcomes, keep.tolist())), time_ms[keep]

    def _refuse_times(self, run: Run, outcomes: list[Any], time_ms: Int64, now_ms: Int64 | None) -> set[int]:
        """Put refusals in place of what is outside the years 1970 to 9998 or ahead of now; return where."""
        outside = (time_ms < 0) | (time_ms >= YEAR_9999_S * 1000)
        wrong = outside
        if now_ms is not None:
            wrong = outside | (time_ms > now_ms[run.origin] + AHEAD_MS_MAX)
        places = set(np.flatnonzero(wrong).tolist())
        for at in places:
            if outside[at]:
                fault = Fault(Reason.BAD_VALUE, "time is not within the years 1970 to 9998")
            else:
                fault = Fault(Reason.FUTURE, "time is more than 5 minutes ahead of now")
            outcome = outcomes[at]
            stream = outcome.stream if isinstance(outcome, Heartbeat) else self.stream_of(outcome)
            outcomes[at] = Refusal(stream, fault)
        return places

    def _read(self, run: Run) -> tuple[list[Any], set[int]]:
        """Decode a run: an outcome for each piece, and where they are not events."""
        outcomes, failed, unset = _attempt(self._attempts[0], run.pieces)
        for decode in self._attempts[1:]:
            again, still, more = _attempt(decode, [run.pieces[at] for at in failed])
            for at, event in zip(failed, again, strict=True):
                outcomes[at] = event
            failed, unset = [failed[at] for at in still], unset + more
        others = set()
        for at in [*failed, *self._suspects(run, outcomes, failed, unset)]:
            outcomes[at] = outcome = self._read_strictly(run.pieces[at], outcomes[at])
            if not isinstance(outcome, Event):
                others.add(at)
        return outcomes, others

    def _suspects(self, run: Run, outcomes: list[Any], failed: list[int], unset: int) -> list[int]:
        """Find the decoded pieces that may hold something nobody has read."""
        pieces, joined, events, places = run.pieces, run.joined, outcomes, list(range(len(outcomes)))
        if failed:
            places = sorted(set(places).difference(failed))
            pieces, events = [pieces[at] for at in places], [outcomes[at] for at in places]
            joined = b" ".join(pieces)
        if not pieces or surface.is_all_known(pieces, joined, self._full(events) - unset):
            return []
        keys = [self._keys[type(event)] - msgspec.structs.astuple(event).count(MISSING) for event in events]
        odd, crowded = surface.find_suspects(pieces, keys)
        flat = [at for at in crowded if surface.is_flat(pieces[at])]
        if flat and self._others.learn(pieces[at] for at in flat):
            self._build()
        return [places[at] for at in [*odd, *sorted(set(crowded).difference(flat))]]

    def _full(self, events: Sequence[Event]) -> int:
        """Count the keys these events would have with every field set."""
        kinds = set(map(type, events))
        if len(kinds) == 1:
            return len(events) * self._keys[kinds.pop()]
        return sum(map(self._keys.__getitem__, map(type, events)))

    def _read_strictly(self, raw: bytes, event: Event | None) -> Outcome:
        fields = read_object(raw)
        nowhere = self._default.name if self._default else ""
        if isinstance(fields, Fault):
            return Refusal(nowhere, fields)
        stream = self._choose(fields)
        if isinstance(stream, Fault):
            return Refusal(nowhere, stream)
        if fields.get("heartbeat") is True and "id" not in fields:
            fault = find_time_fault(fields)
            return Refusal(stream.name, fault) if fault else Heartbeat(stream.name, parse_instant(fields["time"]))
        fault = find_fault(fields, stream)
        if fault:
            return Refusal(stream.name, fault)
        if event is None:  # msgspec minds half a surrogate pair even in unknown fields, which are nobody's business
            names = ("id", "time", *stream.fields, "stream")
            event = msgspec.convert({name: fields[name] for name in names if name in fields}, self._types[stream.name])
        return event

    def _choose(self, fields: Fields) -> Stream | Fault:
        """Tell which stream an object belongs to. A decoder of one stream does not ask the object."""
        if self._streams is None or "stream" not in fields:
            return self._default or Fault(Reason.UNKNOWN_STREAM, "stream is missing")
        name = fields["stream"]
        known = self._streams.get(name) if isinstance(name, str) else None
        return known or Fault(Reason.UNKNOWN_STREAM, f"stream is {quote(name)}")


class MixedDecoder(Decoder):
    """Decodes events of several streams, each naming its own in `stream`; those that do not are of `default`."""

    def __init__(self, streams: Sequence[Stream], *, default: Stream | None = None) -> None:
        """Build the event types. ValueError for fewer than two streams: msgspec asks no tag of a single type."""
        if len(streams) < 2:
            raise ValueError("a mixed decoder needs at least two streams")
        self._default = default
        self._streams = {stream.name: stream for stream in streams}
        self._begin()

    def _build(self) -> None:
        assert self._streams is not None
        others = self._others.names
        tagged = {event_type(stream, tagged=True, others=others): name for name, stream in self._streams.items()}
        self._attempts = [msgspec.json.Decoder(reduce(or_, tagged)).decode]
        self._types = {name: one for one, name in tagged.items()}
        self._names.update(tagged)
        self._keys.update({one: len(one.__struct_fields__) + 1 for one in tagged})  # and the tag
        if self._default:
            name = self._default.name
            plain = event_type(self._default, stream_is=Literal[name], others=others)
            self._attempts.insert(0, msgspec.json.Decoder(plain).decode)
            self._types[name] = plain
            self._names[plain] = name
            self._keys[plain] = len(plain.__struct_fields__)


def _attempt(decode: _Decode, pieces: Sequence[bytes]) -> tuple[list[Any], list[int], int]:
    """Decode all pieces: the events (None where it failed), the failed places, and how many fields were left unset.

    The unset fields are counted by what they hold: each one is a reference to `MISSING`, and CPython counts those.
    Asking every event would take half as long as decoding it. `extend` runs in C and allocates nothing the garbage
    collector follows, so nothing else comes or goes in between; a wrong number would only mean a closer look.
    """
    events: list[Any] = []
    failed: list[int] = []
    rest = map(decode, pieces)
    unset = 0
    while True:
        before = getrefcount(MISSING)
        try:
            events.extend(rest)
        except MSGSPEC_ERRORS:
            failed.append(len(events))
        unset += getrefcount(MISSING) - before
        if not failed or failed[-1] < len(events):
            return events, failed, unset
        events.append(None)
