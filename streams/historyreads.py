"""Questions to the history, each with a bounded answer: the newest first, and where the next page begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from alerts import chronicle
from alerts.audit import AuditRecord
from alerts.chronicle import FigureThen, Series
from alerts.records import AlertRecord, decode, format_time, parse_time
from alerts.story import Story
from streams.historyfile import HistoryFile, Row

PAGE_LEN = 100
PAGE_LEN_MAX = 500
STORY_LEN_MAX = 5_000
"""Rows of one kind that are told of one incident; what is left out is said."""

_audit = msgspec.json.Decoder(AuditRecord)


class WrongQuestion(ValueError):
    """What was asked for cannot be: one line that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for. Times are milliseconds, from `from_ms` up to, not including, `to_ms`; empty matches all.

    `before` is where a page begins: the time and the id of the last row of the page before.
    """

    from_ms: int = 0
    to_ms: int = 1 << 62
    level: str = ""
    rule: str = ""
    words: str = ""
    incident: str = ""
    channel: str = ""
    limit: int = PAGE_LEN
    before: tuple[int, str] | None = None


def place_of(before: tuple[int, str]) -> str:
    """Write where a page begins.

    >>> place_of((1_772_356_680_000, "inc-1")), read_place("1772356680000.inc-1")
    ('1772356680000.inc-1', (1772356680000, 'inc-1'))
    """
    return f"{before[0]}.{before[1]}"


def read_place(text: str) -> tuple[int, str]:
    """Read it back. Raise WrongQuestion for anything else."""
    time, dot, name = text.partition(".")
    if not (dot and name and time.isascii() and time.isdigit() and len(time) < 18):
        raise WrongQuestion('"after" is the "next" of the page before')
    return int(time), name


class HistoryReads:
    """Reads one file."""

    def __init__(self, file: HistoryFile) -> None:
        self.ask = file.ask

    def incidents(self, wanted: Wanted) -> dict[str, Any]:
        """List incidents by when they were opened; `level` is the worst they reached."""
        where, values = _where(wanted, time="opened_ms", id_="incident", level="peak")
        rows = self.ask(
            f"SELECT opened_ms, incident, body FROM incidents WHERE {where} "  # noqa: S608  no text of others in it
            "ORDER BY opened_ms DESC, incident DESC LIMIT ?",
            values,
        )
        return _page("incidents", rows, wanted, lambda row: msgspec.json.decode(row[2]))

    def alerts(self, wanted: Wanted) -> dict[str, Any]:
        """List changes of level."""
        where, values = _where(wanted, time="time_ms", id_="alert", level="level")
        rows = self.ask(
            f"SELECT time_ms, alert, body FROM alerts WHERE {where} "  # noqa: S608  the same
            "ORDER BY time_ms DESC, alert DESC LIMIT ?",
            values,
        )
        return _page("alerts", rows, wanted, lambda row: msgspec.json.decode(row[2]))

    def notifications(self, wanted: Wanted) -> dict[str, Any]:
        """List what was offered to the outbox, with what came of it."""
        where, values = _where(wanted, time="time_ms", id_="id", level="level", has_words=False)
        rows = self.ask(
            "SELECT time_ms, id, body, kind FROM happenings WHERE (kind = 'page' OR (kind = 'delivery' AND "  # noqa: S608
            f"NOT EXISTS (SELECT 1 FROM happenings AS page WHERE page.id = happenings.origin))) AND {where} "
            "ORDER BY time_ms DESC, id DESC LIMIT ?",
            values,
        )
        pages = _page("notifications", rows, wanted, lambda row: msgspec.json.decode(row[2]))
        told = pages["notifications"]
        ends = self._ends([one["id"] for one in told if one["kind"] == "page"])
        pages["notifications"] = [
            one | {"deliveries": ends.get(one["id"], [])} if one["kind"] == "page" else one for one in told
        ]
        return pages

    def _ends(self, keys: Sequence[str]) -> dict[str, list[Any]]:
        ends: dict[str, list[Any]] = {}
        marks = ",".join("?" * len(keys))
        for key, body in self.ask(
            f"SELECT origin, body FROM happenings WHERE kind = 'delivery' AND origin IN ({marks}) ORDER BY time_ms",  # noqa: S608
            keys,
        ):
            ends.setdefault(key, []).append(msgspec.json.decode(body))
        return ends

    def story(self, incident: str) -> Story | None:
        """Give all that is known of an incident; None if nothing is."""
        state = self.state(incident)
        happenings = self.ask(
            "SELECT body FROM happenings WHERE incident = ? ORDER BY time_ms, rowid LIMIT ?",
            (incident, STORY_LEN_MAX + 1),
        )
        if state is None and not happenings:
            return None
        read = (chronicle.decode(body) for (body,) in happenings[:STORY_LEN_MAX])
        told = tuple(each for each in read if not isinstance(each, FigureThen))
        alerts = self.ask(
            "SELECT body FROM alerts WHERE alert IN (SELECT alert FROM happenings WHERE incident = ? AND alert <> '') "
            "ORDER BY time_ms, rowid LIMIT ?",
            (incident, STORY_LEN_MAX + 1),
        )
        return Story(
            incident,
            state,
            told,
            tuple(decode(body) for (body,) in alerts[:STORY_LEN_MAX]),
            self.orders(incident),
            self._notices("incident", incident),
            cut=max(len(happenings), len(alerts)) > STORY_LEN_MAX,
        )

    def state(self, incident: str) -> Mapping[str, Any] | None:
        """Give an incident as the last of its changes left it; None if it is not known."""
        rows = self.ask("SELECT body FROM incidents WHERE incident = ?", (incident,))
        return msgspec.json.decode(rows[0][0]) if rows else None

    def incident_of(self, alert: str) -> str:
        """Name the incident an alert came to last; "" if the desk has noted none."""
        rows = self.ask(
            "SELECT incident FROM happenings WHERE alert = ? AND kind = 'change' ORDER BY time_ms DESC, rowid DESC "
            "LIMIT 1",
            (alert,),
        )
        return str(rows[0][0]) if rows else ""

    def alert(self, alert: str) -> tuple[AlertRecord, ...]:
        """Give the changes of level of one alert, in order; none if it is not known."""
        rows = self.ask("SELECT body FROM alerts WHERE alert = ? ORDER BY time_ms LIMIT ?", (alert, STORY_LEN_MAX))
        return tuple(decode(body) for (body,) in rows)

    def incident_of_page(self, key: str) -> str:
        """Name the incident of a page or a delivery; "" if it is not known."""
        rows = self.ask("SELECT incident FROM happenings WHERE about = ? LIMIT 1", (key,))
        return str(rows[0][0]) if rows else ""

    def notice(self, notice: str) -> tuple[Mapping[str, Any], ...]:
        """Give a notice after each of its steps; nothing if it is not known."""
        return self._notices("notice", notice)

    def orders(self, about: str) -> tuple[AuditRecord, ...]:
        """Give what people asked for about an incident, a silence or a notice, and what came of it."""
        rows = self.ask("SELECT body FROM audit WHERE about = ? ORDER BY number LIMIT ?", (about, STORY_LEN_MAX))
        return tuple(_audit.decode(body) for (body,) in rows)

    def last_of(self, series: Series) -> AlertRecord | None:
        """Give the newest change of level of a rule at a key."""
        rows = self.ask(
            "SELECT body FROM alerts WHERE rule = ? AND series = ? ORDER BY time_ms DESC LIMIT 1",
            (series.rule, series.name),
        )
        return decode(rows[0][0]) if rows else None

    def _notices(self, column: str, name: str) -> tuple[Mapping[str, Any], ...]:
        rows = self.ask(f"SELECT body FROM notices WHERE {column} = ? ORDER BY step LIMIT ?", (name, STORY_LEN_MAX))  # noqa: S608
        return tuple(msgspec.json.decode(body) for (body,) in rows)


def _where(wanted: Wanted, *, time: str, id_: str, level: str, has_words: bool = True) -> tuple[str, list[object]]:
    """Write what is asked for as a condition, with its values; the last of them is how many rows are read."""
    parts, values = [f"{time} >= ?", f"{time} < ?"], [wanted.from_ms, wanted.to_ms]
    held: list[object] = list(values)
    for column, value in ((level, wanted.level), ("incident", wanted.incident), ("detail", wanted.channel)):
        if value:
            parts.append(f"{column} = ?")
            held.append(value)
    if has_words:
        if wanted.rule:
            parts.append("rule = ?")
            held.append(wanted.rule)
        for word in wanted.words.split():
            parts.append("instr(lower(said), lower(?)) > 0")
            held.append(word)
    if wanted.before is not None:
        parts.append(f"({time}, {id_}) < (?, ?)")
        held += wanted.before
    return " AND ".join(parts), [*held, wanted.limit + 1]


def _page(name: str, rows: Sequence[Row], wanted: Wanted, read: Any) -> dict[str, Any]:
    """Make a page of rows that begin with time and id; one more than fits was read."""
    shown = rows[: wanted.limit]
    more = place_of((shown[-1][0], shown[-1][1])) if len(rows) > wanted.limit else None
    return {name: [read(row) for row in shown], "next": more}


def read_wanted(query: Mapping[str, str], known: Sequence[str]) -> Wanted:
    """Read the query of an address: `from`, `to` (RFC 3339), `level`, `rule`, `q`, `limit`, `after` … as `known`.

    Raise WrongQuestion, in one line, for what cannot be.
    """
    for name in query:
        if name not in known:
            raise WrongQuestion(f'unknown parameter "{name[:40]}": there are {", ".join(known)}')
    limit = query.get("limit", str(PAGE_LEN))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 6 and 1 <= int(limit) <= PAGE_LEN_MAX):
        raise WrongQuestion(f'"limit" is a number from 1 to {PAGE_LEN_MAX}')
    return Wanted(
        from_ms=_time(query, "from", 0),
        to_ms=_time(query, "to", 1 << 62),
        level=query.get("level", ""),
        rule=query.get("rule", ""),
        words=query.get("q", "")[:200],
        incident=query.get("incident", ""),
        channel=query.get("channel", ""),
        limit=int(limit),
        before=read_place(query["after"]) if "after" in query else None,
    )


def _time(query: Mapping[str, str], name: str, default_ms: int) -> int:
    if name not in query:
        return default_ms
    try:
        return parse_time(query[name])
    except (ValueError, OverflowError):
        raise WrongQuestion(
            f'"{name}" is a time with its offset, as in {format_time(1_772_356_680_000)} (+ is written %2B)'
        ) from None
