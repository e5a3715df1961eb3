"""The job against the raw ceiling and the peers: all read the same half hour from the same Kafka, in turns.

Who is slow gets a thinner half hour: fewer events over the same span of event time, with thresholds to match, so that
windows fill and levels move for everybody. A run counts only if every event was handled and, where a participant
judges at the job's boundaries, if its alert records are as many as the raw client's on the same backlog.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import peers
from bench.backlog import publish
from bench.job import PARTITIONS, rule, thresholds
from bench.turns import ROOT, Failed, Figures, run
from streams.topics import ALERTS, AUDIT, COMMANDS, DEADLETTERS, HISTORY, LATE_EVENTS, NOTICES, PARTIALS, SNAPSHOTS
from tests.parts.kafka import Kafka

Say = Callable[[str], None]

OWN_TOPICS = (PARTIALS, ALERTS, COMMANDS, AUDIT, DEADLETTERS, LATE_EVENTS, NOTICES, HISTORY, SNAPSHOTS)
CALLS = "tocsin.calls"
RULES = ROOT / "rules"
_ALERTS_OFF = 0.02  # so far may the number of alert records be from the raw client's: the last boundary is a race
_TIMEOUT_S = 180.0


@dataclass(frozen=True, slots=True)
class Participant:
    """Who takes part: its module, how many events it gets, and whether it judges at the job's boundaries."""

    name: str
    module: str
    events: int
    quick: int
    peer: bool = False  # runs in the peers' environment
    same_alerts: bool = True


PARTICIPANTS = (
    Participant("raw", "raw", 2_000_000, 400_000),
    Participant("tocsin", "tocsin", 2_000_000, 400_000),
    Participant("tocsin_all_rules", "tocsin", 2_000_000, 400_000, same_alerts=False),
    Participant("bytewax", "bytewax_batch", 800_000, 200_000, peer=True),
    Participant("bytewax_sliding", "bytewax_sliding", 100_000, 50_000, peer=True, same_alerts=False),
    Participant("quixstreams", "quixstreams_state", 100_000, 50_000, peer=True),
    Participant("quixstreams_sliding", "quixstreams_sliding", 20_000, 10_000, peer=True, same_alerts=False),
    Participant("faust_take", "faust_take", 50_000, 20_000),
    Participant("faust_hopping", "faust_hopping", 1_500, 1_000, same_alerts=False),
)


@dataclass(slots=True)
class Contest:
    """One Kafka with the backlogs in it, and everybody who can take part."""

    kafka: Kafka
    folder: Path
    quick: bool
    peers_python: str | None
    expected: dict[int, int]  # backlog → alert records the raw client writes

    def events(self, who: Participant) -> int:
        """Say how many events a participant gets."""
        return who.quick if self.quick else who.events

    def topic(self, events: int) -> str:
        """Name the topic of a backlog; the longest is where Tocsin looks."""
        return CALLS if events == self.events(PARTICIPANTS[0]) else f"bench.calls-{events}"

    def prepare(self, say: Say) -> None:
        """Write the backlogs, and let the raw client say how many alert records each of them gives."""
        for events in sorted({self.events(who) for who in PARTICIPANTS}):
            say(f"writing {events:,} events")
            self.kafka.create_topic(self.topic(events), PARTITIONS)
            publish(self.kafka.bootstrap, self.topic(events), events)
            (self.folder / f"rule-{events}.yaml").write_text(rule(thresholds(events)), encoding="utf-8")
            self.expected[events] = self._read("raw", "raw", sys.executable, events, f"first-{events}")["alerts"]

    def take_turn(self, who: Participant, turn: int) -> dict[str, Any]:
        """Let one participant read its backlog. Raises Failed if it did not do all of the job."""
        events = self.events(who)
        if who.module == "tocsin":
            told = self._run_tocsin(who, events, turn)
        else:
            python = self.peers_python if who.peer else sys.executable
            assert python is not None
            told = self._read(who.name, who.module, python, events, f"{who.name}-{turn}")
        expected = self.expected[events]
        if told["events"] != events:
            raise Failed(f"{who.name} handled {told['events']:,} of {events:,} events")
        if who.same_alerts and abs(told["alerts"] - expected) > max(_ALERTS_OFF * expected, 5):
            raise Failed(f"{who.name} wrote {told['alerts']:,} alert records, not {expected:,}")
        return told

    def _read(self, name: str, module: str, python: str, events: int, out: str) -> dict[str, Any]:
        alerts = f"bench.alerts-{out}"
        self.kafka.create_topic(alerts)
        command = [python, "-m", f"bench.participants.{module}", self.kafka.bootstrap, self.topic(events), alerts]
        told = run([*command, str(events)], self.folder / f"{name}.log", timeout_s=_TIMEOUT_S)
        return {**told, "alerts": sum(self.kafka.end_offsets(alerts).values())}

    def _run_tocsin(self, who: Participant, events: int, turn: int) -> dict[str, Any]:
        rules = RULES if who.name == "tocsin_all_rules" else self.folder / f"rule-{events}.yaml"
        command = [sys.executable, "-m", "bench.participants.tocsin", self.kafka.bootstrap, str(rules), str(events)]
        env = {"TOCSIN_GROUP": f"{who.name}-{turn}"}
        try:
            told = run(command, self.folder / f"{who.name}.log", timeout_s=_TIMEOUT_S, env=env)
            return {**told, "alerts": sum(self.kafka.end_offsets(ALERTS).values())}
        finally:
            forget(self.kafka)


def forget(kafka: Kafka) -> None:
    """Delete what a worker wrote: the next one shall not judge it again."""
    there = {name for name in OWN_TOPICS if kafka.end_offsets(name)}
    kafka.delete_topics(*there)


@contextlib.contextmanager
def contest(*, quick: bool, say: Say) -> Iterator[tuple[Contest, str]]:
    """Give a contest ready to begin, and why peers are missing (empty if they are not)."""
    python, why = None, ""
    try:
        say("making the peers' environment, if it is not there yet")
        python = peers.python()
    except peers.NoPeers as reason:
        why = str(reason)
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder, Kafka(Path(folder)) as kafka:
        held = Contest(kafka, Path(folder), quick, python, {})
        held.prepare(say)
        yield held, why


def compare(*, quick: bool, runs: int, say: Say) -> tuple[Figures, dict[str, str]]:
    """Let everybody run in turns. Give the figures, and what could not take part with its reason."""
    figures, absent = Figures(), dict[str, str]()
    with contest(quick=quick, say=say) as (held, why):
        for turn in range(runs):
            for who in PARTICIPANTS:
                if who.peer and held.peers_python is None:
                    absent[who.name] = why
                if who.name in absent:
                    continue
                told = held.take_turn(who, turn)
                figures.add(who.name, told)
                rate, alerts = told["events_per_s"], told["alerts"]
                say(f"round {turn + 1} of {runs}: {who.name} {rate:,.0f} events/s, {alerts:,} alert records")
    return figures, absent
