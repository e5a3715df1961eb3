"""A week or a month in words: the data of the report as sections of a paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from alerts.records import parse_time
from alerts.reports.pages import Paper, Section
from alerts.reports.words import Words
from alerts.texts import Language, clean

Told = Mapping[str, Any]


def period_paper(told: Told, language: Language) -> Paper:
    """Write a report on a period."""
    period = told["period"]
    words = Words(language, ZoneInfo(period["zone"]))
    lines = [words("span", **{**period, "before": told["before"]["name"]})]
    lines += [] if period["over"] else [words("not_over")]
    lines += [words("cut", **told["cut_at"])] if told["cut"] else []
    if told.get("behind", 0) != 0:
        lines.append(words("behind", count="?" if told["behind"] is None else told["behind"]))
    sections = (
        _overview(told, words),
        _times(told, words),
        _figures(told, words),
        _notices(told, words),
        _worst(told, words),
        _by_rule(told, words),
        _by_place(told, words),
        _pages(told, words),
        _noisy(told, words),
    )
    return Paper(language, words(told["kind"], name=period["name"]), tuple(lines), sections)


def _overview(told: Told, words: Words) -> Section:
    def counted(name: str, two: Told, indent: str = "  ") -> tuple[str, ...]:
        return (
            indent + name,
            words.number(two["now"]),
            words.number(two["before"]),
            words.change(two["now"], two["before"]),
        )

    rows = [counted(words("incidents"), told["incidents"], "")]
    rows += [counted(words("of_level", level=words.level(each["level"])), each) for each in told["by_level"]]
    rows += [counted(words(name), told[name]) for name in ("unacknowledged", "unresolved", "false_alarms")]
    rows += [
        (words("at_level", level=words.level(each["level"])), words.span(each["now"]), words.span(each["before"]),
         words.change_of_span(each["now"], each["before"]))
        for each in told["at_level_s"]
    ]  # fmt: skip
    rows += [counted(words("alerts"), told["alerts"], ""), counted(words("muted"), told["muted"])]
    return Section(words("overview"), (words("what"), *_compared(words), words("change")), tuple(rows))


def _compared(words: Words) -> tuple[str, str]:
    return words("this"), words("before")


def _times(told: Told, words: Words) -> Section:
    rows = [
        (words(f"{name}_{what}"), words.span(two["now"]), words.span(two["before"]),
         clean(told[name]["worst"]) if what == "worst" else "")
        for name in ("acknowledging", "resolving", "reddening", "noticing")
        for what, two in (("median", told[name]["median_s"]), ("worst", told[name]["worst_s"]))
    ]  # fmt: skip
    return Section(words("times"), (words("what"), *_compared(words), words("incident")), tuple(rows))


def _figures(told: Told, words: Words) -> Section:
    rows: list[tuple[str, ...]] = []
    left_out = 0
    for figure in told["figures"]:
        span = words.span(figure["window_s"])
        name = words("window", title=words.title(figure["title"], figure["rule"]), span=span)
        left_out += figure["series"] - len(figure["listed"])
        for one in figure["listed"]:
            aims = "; ".join(
                _aim(kind, aim, is_met=one["met"][kind], words=words) for kind, aim in one["targets"].items()
            )
            values = (words.number(one["value"]), words.number(one["before"]))
            rows.append((name, words.key(one["key"]), *values, aims, words.moment(one["time"])))
    columns = (words("figure"), words("key"), *_compared(words), words("target"), words("as_of"))
    return _section(words, "figures", columns, rows, left_out)


def _aim(kind: str, aim: float, *, is_met: bool, words: Words) -> str:
    return f"{words(kind)} {words.number(aim)} {words('met' if is_met else 'not_met')}"


def _notices(told: Told, words: Words) -> Section:
    rows = [
        (("" if name == "drafted" else "  ") + words(name), words.number(two["now"]), words.number(two["before"]))
        for name, two in told["notices"].items()
    ]
    return Section(words("notices"), (words("what"), *_compared(words)), tuple(rows))


def _worst(told: Told, words: Words) -> Section:
    columns = ("incident", "peak", "rule", "key", "opened", "lasted", "users", "alerts", "cause")
    rows = [
        (
            clean(one["incident"]),
            words.level(one["peak_level"]),
            words.title(one["title"], ""),
            words.key(one["key"]),
            words.moment(one["opened"]),
            lasted(one, words),
            words.number(one["users"]),
            words.number(one["alerts"]),
            cause_of(one, words),
        )
        for one in told["worst"]
    ]
    return _section(words, "worst", tuple(map(words, columns)), rows)


def lasted(one: Told, words: Words) -> str:
    """Say how long an incident was."""
    if one["resolved"] is None:
        return words("goes_on")
    return words.span((parse_time(one["resolved"]) - parse_time(one["opened"])) / 1000)


def cause_of(one: Told, words: Words) -> str:
    """Say what an incident was, as people found it."""
    found = [words("cause_false")] if one["false_alarm"] else []
    found += [clean(one["finding"], 300)] if one["finding"] else []
    if not found and one["explained_by"]:
        found = [words("explained_by", incident=one["explained_by"])]
    return ": ".join(found) or words("cause_unknown")


def _by_rule(told: Told, words: Words) -> Section:
    columns = (words("rule"), "", *_compared(words), words("acknowledged"))
    rows = [
        (clean(one["name"]), words.title(one["title"], ""), words.number(one["now"]), words.number(one["before"]),
         words.number(one["acknowledged"]))
        for one in told["by_rule"]
    ]  # fmt: skip
    return _section(words, "by_rule", columns, rows, told["rules"] - len(rows))


def _by_place(told: Told, words: Words) -> Section:
    rows = [
        (words.place(one["name"]), words.number(one["now"]), words.number(one["before"])) for one in told["by_place"]
    ]
    return _section(words, "by_place", (words("place"), *_compared(words)), rows, told["places"] - len(rows))


def _pages(told: Told, words: Words) -> Section:
    columns = ("channel", "told", "before", "repeats", "delivered", "failed", "failed_before")

    def row(one: Told) -> Iterator[str]:
        yield clean(one["channel"])
        for value in (
            one["now"],
            one["before"],
            one["repeats"],
            one["delivered"],
            one["failed"]["now"],
            one["failed"]["before"],
        ):
            yield words.number(value)

    return _section(words, "pages", tuple(map(words, columns)), [tuple(row(one)) for one in told["pages"]])


def _noisy(told: Told, words: Words) -> Section:
    rows = [
        (clean(one["rule"]), words.title(one["title"], ""), words.number(one["raises"]), words.number(one["incidents"]))
        for one in told["noisy"]
    ]
    return _section(words, "noisy", (words("rule"), "", words("raises"), words("incidents")), rows)


def _section(
    words: Words, title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], left_out: int = 0
) -> Section:
    """Make a section that says that there is nothing, or that there is more."""
    notes = [] if rows else [words("nothing")]
    notes += [words("more", count=left_out)] if left_out > 0 else []
    return Section(words(title), columns, tuple(rows), tuple(notes))
