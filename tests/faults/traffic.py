"""Events of three streams by a seed, with everything that senders do wrong, and what must become of each."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import cycle
from typing import Any

from detectors.gate import HORIZON_MS

BASE_MS = 1_772_355_600_000  # 2026-03-01T09:00:00Z
STEP_MS = 100  # event time from one event to the next
LATENESS_MS = 5_000
OUT_OF_ORDER_MS = 3_000
SKEW_MS = 600_000  # how far off a sender's clock is: twice what may lie ahead of now
END_AFTER_MS = 2_400_000
"""The heartbeats that end it all come so long after the last event: a level whose value is unknown by then, as the mean
of nothing is, stands for `unknown_after`, half an hour."""
STREAMS = ("calls", "complaints", "network")
PARTITIONS = 4

RULES = """
version: 1
rules:
  - {id: surge, title: {en: a, zh: a}, stream: complaints, measure: count, by: [region], window: 1m,
     levels: {yellow: 45, orange: 60, red: 75}, for: 10s, clear: 0.9, clear_for: 10s}
  - {id: wait, title: {en: a, zh: a}, stream: calls, measure: {mean: wait_s}, by: [queue], window: 1m, min_events: 10,
     levels: {yellow: 40, red: 55}}
  - {id: talk, title: {en: a, zh: a}, stream: calls, measure: {sum: talk_s}, window: 30s, levels: {yellow: 40000}}
  - {id: abandoned, title: {en: a, zh: a}, stream: calls, measure: {share: {outcome: abandoned}}, by: [region],
     window: 1m, min_events: 20, levels: {yellow: 0.4, orange: 0.5}}
  - {id: callers, title: {en: a, zh: a}, stream: calls, measure: {distinct: customer}, by: [region], window: 1m,
     levels: {yellow: 90}}
  - {id: users, title: {en: a, zh: a}, stream: network, where: {state: {not: up}}, measure: {now: sum, field: users},
     by: [region], levels: {yellow: 500, orange: 900, red: 1300}}
  - {id: outlets, title: {en: a, zh: a}, stream: network, where: {state: down}, measure: {now: distinct, field: outlet},
     levels: {yellow: 5, orange: 7}}
"""

_REGIONS = ("长沙", "株洲", "</script>{x.__class__}", 'a="b",')
_ELEMENTS = tuple(f"n{number}" for number in range(20))
_AGAIN_SHARE, _LATE_SHARE, _POISON_SHARE = 0.05, 0.005, 0.01
_REMEMBERED_LEN = 20_000
_CALM_LEN = 2_000

POISON: Mapping[str, bytes | None] = {
    "bad JSON": b'{"id": "x", "time": 1772355600, ',
    "NaN": b'{"id": "x", "time": 1772355600, "outcome": "answered", "wait_s": NaN}',
    "1e999": b'{"id": "x", "time": 1e999, "outcome": "answered"}',
    "100,000 brackets": b"[" * 100_000,
    "5,000 digits": b'{"id": "x", "time": ' + b"9" * 5_000 + b"}",
    "half a surrogate pair": b'{"id": "x\\ud800", "time": 1772355600}',
    "NUL": b'{"id": "x\\u0000", "time": 1772355600}',
    "UTF-16": '{"id": "x", "time": 1772355600}'.encode("utf-16"),
    "a key twice": b'{"id": "x", "id": "y", "time": 1772355600}',
    "wrong type": b'{"id": ["x"], "time": 1772355600}',
    "no object": b"17",
    "tombstone": None,
    "empty": b"",
    "year 2099": b'{"id": "x", "time": "2099-01-01T00:00:00Z", "outcome": "answered", "element": "n", "state": "up"}',
}
RECORD_BYTES_MAX = 24 << 20
"""What the topics are made to take; as shipped Kafka takes 1 MiB."""
HEAVY: Mapping[str, bytes] = {
    name: b'{"id": "x", "more": "' + b"x" * number + b'"}'
    for name, number in {
        "0.9 MiB": 943_718, "nearly 1 MiB": 1_048_300, "5 MiB": 5 << 20, "20 MiB": 20 << 20,
    }.items()
}  # fmt: skip


class Fate(StrEnum):
    """What must become of a record."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    LATE = "late"
    REFUSED = "refused"
    HEARTBEAT = "heartbeats"


@dataclass(frozen=True, slots=True)
class Sent:
    """A record on its way: where to, its bytes, its event time if it has one, and its fate.

    `stamp_ms` is the timestamp that the record bears; 0: that of the moment at which it is sent.
    """

    stream: str
    partition: int
    body: bytes | None
    time_ms: int
    fate: Fate
    stamp_ms: int = 0
    is_ahead: bool = False  # a sound event, refused for its time alone


@dataclass
class Traffic:
    """Makes the records in the order in which they are to lie in each partition."""

    seed: int
    accepted: list[dict[str, Any]] = field(default_factory=list)  # for the oracle
    end_ms: int = 0

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._serial = 0
        self._newest_ms: dict[tuple[str, int], int] = {}
        self._recent: deque[Sent] = deque(maxlen=_REMEMBERED_LEN)
        self._element_times: set[tuple[str, int]] = set()
        self._poison = cycle(POISON.values())
        self._calm = False

    @property
    def now_ms(self) -> int:
        """Event time."""
        return BASE_MS + self._serial * STEP_MS

    def step(self) -> Iterator[Sent]:
        """Make one event, and now and then what senders do wrong."""
        self._serial += 1
        yield self._event(self.now_ms - self._rng.randrange(OUT_OF_ORDER_MS))
        chance = self._rng.random()
        if chance < _AGAIN_SHARE:
            yield self._again(self._recent[-1 - self._rng.randrange(min(2_000, len(self._recent)))])
        elif chance < _AGAIN_SHARE + _LATE_SHARE:
            yield self._event(self.now_ms - self._rng.randrange(60_000, 7_200_000), must_be_late=True)
        elif chance < _AGAIN_SHARE + _LATE_SHARE + _POISON_SHARE:
            yield self._refused(next(self._poison))

    def storm(self, share: float) -> Iterator[Sent]:
        """Send a share of what was sent lately once more: a sender that starts again from an old place."""
        for sent in list(self._recent):
            if self._rng.random() < share:
                yield self._again(sent)

    def heavy(self) -> Iterator[Sent]:
        """Send records of as many bytes as Kafka takes by default, and of more."""
        yield from map(self._refused, HEAVY.values())

    def skewed(self, clock_ms: int) -> Iterator[Sent]:
        """Send events of clocks ten minutes ahead to every partition, and as many of clocks ten minutes behind.

        Of those ahead, one is stamped by a clock that is right, and one by the sender's: `clock_ms` is what that should
        show. To take either in would move the watermark, and make late what follows.
        """
        for stream in STREAMS:
            for partition in range(PARTITIONS):
                for now_ms, off_ms in ((self.now_ms, 0), (clock_ms, SKEW_MS)):
                    time_ms = now_ms + SKEW_MS
                    event = {"id": f"ahead{time_ms}", "time": time_ms / 1000, **_FIELDS[stream](self)}
                    yield Sent(stream, partition, _line(event), time_ms, Fate.REFUSED, now_ms + off_ms, is_ahead=True)
                yield self._event(self.now_ms - SKEW_MS, must_be_late=True, place=(stream, partition))

    def end(self) -> Iterator[Sent]:
        """Let all grow calm and everything come up again, and time pass in all partitions until no alert is left."""
        self._calm = True
        for _ in range(_CALM_LEN):
            yield from self.step()
        for number, element in enumerate(_ELEMENTS):
            yield self._event(self.now_ms + number + 1, element=element)
        self.end_ms = self.now_ms + END_AFTER_MS
        body = json.dumps({"heartbeat": True, "time": self.end_ms / 1000}).encode()
        for stream in STREAMS:
            for partition in range(PARTITIONS):
                yield Sent(stream, partition, body, self.end_ms, Fate.HEARTBEAT)

    def _place(self) -> tuple[str, int]:
        return self._rng.choices(STREAMS, (7, 2, 1))[0], self._rng.randrange(PARTITIONS)

    def _event(
        self, time_ms: int, *, must_be_late: bool = False, element: str = "", place: tuple[str, int] | None = None
    ) -> Sent:
        stream, partition = ("network", 0) if element else place or self._place()
        fields = _FIELDS[stream](self) if not element else {"element": element, "state": "up", "region": "长沙"}
        while stream == "network" and (fields["element"], time_ms) in self._element_times:
            time_ms += 1  # which of two states at one moment is the latest, nobody could say
        if stream == "network":
            self._element_times.add((fields["element"], time_ms))
        event = {"id": f"e{self._serial}{must_be_late * 'late'}{element}", "time": time_ms / 1000, **fields}
        newest_ms = self._newest_ms.get((stream, partition))
        late = newest_ms is not None and time_ms < newest_ms - LATENESS_MS
        if must_be_late and not late:
            return self._refused(b"not late yet")
        assert late is must_be_late, "out of order within lateness is not late"
        sent = Sent(stream, partition, _line(event), time_ms, Fate.LATE if late else Fate.ACCEPTED)
        if not late:
            self._newest_ms[stream, partition] = max(newest_ms or 0, time_ms)
            self._recent.append(sent)
            self.accepted.append({"stream": stream, **event})
        return sent

    def _again(self, sent: Sent) -> Sent:
        oldest_ms = self._newest_ms[sent.stream, sent.partition] - LATENESS_MS - HORIZON_MS
        fate = Fate.DUPLICATE if sent.time_ms >= oldest_ms else Fate.LATE
        return Sent(sent.stream, sent.partition, sent.body, sent.time_ms, fate)

    def _refused(self, body: bytes | None) -> Sent:
        stream, partition = self._place()
        return Sent(stream, partition, body, 0, Fate.REFUSED)

    def _is_wave(self) -> bool:
        return not self._calm and (self.now_ms - BASE_MS) // 60_000 % 7 in (2, 3, 4)

    def _call(self) -> dict[str, Any]:
        rng, wave = self._rng, self._is_wave()
        return {
            "outcome": "abandoned" if rng.random() < (0.5 if wave else 0.05 if self._calm else 0.25) else "answered",
            "queue": rng.choice("abc"),
            "region": rng.choice(_REGIONS),
            "wait_s": round(rng.random() * (110 if wave else 60), 1),
            "talk_s": round(rng.random() * 400, 2),
            "customer": f"c{rng.randrange(500)}",
        }

    def _complaint(self) -> dict[str, Any]:
        rng = self._rng
        if rng.random() < 0.2:  # series without end, none of them loud
            return {"category": "network", "region": f"{rng.choice(_REGIONS)}{rng.randrange(5_000)}"}
        return {
            "category": "network",
            "region": _REGIONS[0] if self._is_wave() and rng.random() < 0.5 else rng.choice(_REGIONS),
        }

    def _state(self) -> dict[str, Any]:
        rng = self._rng
        return {
            "element": rng.choice(_ELEMENTS),
            "state": rng.choice(("down", "degraded", "up") if self._is_wave() else ("up", "up", "up", "down")),
            "region": rng.choice(_REGIONS[:2]),
            "users": rng.randrange(300),
            "outlet": f"o{rng.randrange(10)}",
        }


_FIELDS: Mapping[str, Callable[[Traffic], dict[str, Any]]] = {
    "calls": Traffic._call,
    "complaints": Traffic._complaint,
    "network": Traffic._state,
}


def _line(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()
