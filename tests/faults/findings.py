"""What a campaign found: the topics and the saved state held against the ledger and the oracle."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from alerts.desk import Desk
from alerts.incidents import IncidentState, What
from alerts.routing import Routing
from streams.audit import Account, audit
from streams.deadletters import parse
from streams.faults import Reason
from streams.pack import unpack
from streams.publisher import Publisher
from streams.rulefile import load
from streams.snapshots import Place, SnapshotStore
from streams.topics import ALERTS, COMMANDS, DEADLETTERS, LATE_EVENTS, SNAPSHOTS
from tests.faults.ledger import Ledger
from tests.faults.oracle import read_topic
from tests.faults.traffic import STREAMS, Fate


@dataclass
class Findings:
    """Figures, and every problem in words. Lost and doubled count events, letters, late records and alerts alike."""

    events: int = 0
    alerts: int = 0
    letters: int = 0
    lost: int = 0
    doubled: int = 0
    told_again: int = 0  # records that came twice into a topic, the same in every byte or key
    problems: list[str] = field(default_factory=list)

    def compare(self, what: str, found: Iterable[object], wanted: Iterable[object]) -> None:
        """Hold a set against another."""
        seen, wished = set(found), set(wanted)
        missing, beyond = wished - seen, seen - wished
        self.lost += len(missing)
        self.doubled += len(beyond)
        for name, some in (("missing", missing), ("not expected", beyond)):
            if some:
                self.problems.append(f"{len(some)} of {len(wished)} {what} {name}: {sorted(map(str, some))[:3]}")


def find(bootstrap: str, rules: Path, ledger: Ledger, expected: set[bytes], group: str = "tocsin") -> Findings:
    """Hold everything against what was sent and the alert records that must follow. The workers must have ended."""
    found = Findings(events=ledger.events)
    _ledger(found, ledger)
    _alerts(found, bootstrap, expected)
    whole = [parse(record.value) for record in read_topic(bootstrap, DEADLETTERS)]
    letters = [letter.key for letter in whole]
    found.told_again += len(letters) - len(set(letters))
    found.letters = len(set(letters))
    found.compare("dead letters", letters, (f"{key}:0" for key in ledger.keys(Fate.REFUSED)))
    future = {letter.key for letter in whole if letter.reason == Reason.FUTURE}
    if missing := {f"{key}:0" for key in ledger.ahead()} - future:
        found.problems.append(f"{len(missing)} events ahead of now were not refused for that: {sorted(missing)[:3]}")
    late = [record.key.decode() for record in read_topic(bootstrap, LATE_EVENTS)]
    found.compare("late records", late, ledger.keys(Fate.LATE))
    for account in asyncio.run(audit(bootstrap.split(","), STREAMS, group=group)):
        _account(found, account, ledger)
    _incidents(found, bootstrap, rules, group)
    return found


def _ledger(found: Findings, ledger: Ledger) -> None:
    found.problems += ledger.failed[:3]
    for place, records in ledger.acked.items():
        if sorted(records) != list(range(len(records))):
            found.problems.append(f"{place}: the offsets that Kafka acknowledged are not those of a whole log")


def _alerts(found: Findings, bootstrap: str, expected: set[bytes]) -> None:
    told = [record.value for record in read_topic(bootstrap, ALERTS)]
    found.alerts = len(expected)
    found.told_again += len(told) - len(set(told))
    found.compare("alert records", told, expected)


def _account(found: Findings, account: Account, ledger: Ledger) -> None:
    place, counts = account.place, account.counts
    if not account.is_settled or counts.start != account.first_offset or counts.skipped or counts.extra:
        found.problems.append(f"{place}: the books do not balance: {account}")
    fates = ledger.fates((place.topic, place.partition))
    for fate in Fate:
        wanted, written = fates[fate], getattr(counts, fate.value)
        found.lost += max(wanted - written, 0)
        found.doubled += max(written - wanted, 0) if fate is Fate.ACCEPTED else 0
        if wanted != written:
            found.problems.append(f"{place}: {written} {fate.value} in the books, not {wanted}")


def _incidents(found: Findings, bootstrap: str, rules: Path, group: str) -> None:
    """Every alert that came is over in some incident, and every incident was resolved as often as it was opened."""
    desk = Desk(load([rules]).rules, ZoneInfo("UTC"), Routing(channels=()))
    desk.load(unpack(asyncio.run(_state(bootstrap, group))))
    told = {record.key.decode() for record in read_topic(bootstrap, ALERTS)}
    found.compare("alerts over in an incident", [one for one in told if desk.incidents.has_ended(one)], told)
    for one in desk.incidents:
        often = Counter(entry.what for entry in one.timeline)
        opened = often[What.OPENED] + often[What.REOPENED]
        whole = one.timeline_dropped or often[What.RESOLVED] == opened >= 1
        if one.state is not IncidentState.RESOLVED or not whole:
            found.problems.append(f"{one.id} is {one.state}, with {dict(often)}")


async def _state(bootstrap: str, group: str) -> bytes:
    brokers = bootstrap.split(",")
    publisher = Publisher(brokers)
    await publisher.start()
    try:
        place = Place(COMMANDS, 0)
        shelf = await SnapshotStore(group, SNAPSHOTS, publisher, brokers).read([place])
        snapshot = shelf.newest(place, end_offset=1 << 62)
        assert snapshot is not None
        return snapshot.blob
    finally:
        await publisher.stop()
