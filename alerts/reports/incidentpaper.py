"""Post-analysis in words: the data of one incident as sections of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from alerts.explainorders import step_text
from alerts.explainwords import OUTCOMES, STATES, reason_text
from alerts.reports.pages import Paper, Section
from alerts.reports.periodpaper import cause_of, lasted
from alerts.reports.words import Words
from alerts.texts import Language, clean, percent

Told = Mapping[str, Any]


def incident_paper(told: Told, language: Language) -> Paper:
    """Write a post-analysis."""
    words = Words(language, ZoneInfo(told["zone"]))
    lines = [f"{words.title(told['title'], told['rule'])} · {words.key(told['key'])}"]
    lines += [words("story_cut")] if told["cut"] else []
    if told.get("behind", 0) != 0:
        lines.append(words("behind", count="?" if told["behind"] is None else told["behind"]))
    sections = [_facts(told, words), _moments(told, words)]
    sections += [_top(told, words)] if told["top"] else []
    sections += [_pages(told, words), *([_notices(told, words)] if told["notices"] else []), _timeline(told, words)]
    return Paper(language, words("post", incident=told["incident"]), tuple(lines), tuple(sections))


def _facts(told: Told, words: Words) -> Section:
    rows = (
        (words("state"), _word(STATES, told["state"], words)),
        (words("peak"), words.level(told["peak_level"])),
        (words("value_peak"), words.number(told["peak_value"])),
        (words("users_peak"), words.number(told["users"])),
        (words("alerts_all"), words.number(told["alerts"])),
        (words("opened"), words.moment(told["opened"])),
        (words("lasted"), lasted(told, words)),
        (words("cause"), cause_of(told, words)),
    )
    return Section(words("facts"), (words("what"), ""), rows)


def _moments(told: Told, words: Words) -> Section:
    rows = tuple(
        (
            words(each["name"]),
            words("never") if each["time"] is None else words.moment(each["time"]),
            "" if each["time"] is None else words("after", span=words.span(each["after_s"])),
        )
        for each in told["moments"]
    )
    return Section(words("times"), (words("what"), words("time"), ""), rows)


def _top(told: Told, words: Words) -> Section:
    rows = tuple(
        (clean(one["field"]), words.key({"value": one["value"]}), percent(one["share"], words.language))
        for one in told["top"]
    )
    return Section(words("top"), (words("field"), "", words("share")), rows)


def _pages(told: Told, words: Words) -> Section:
    rows = tuple(
        (
            words.moment(page["time"]),
            clean(page["channel"]),
            clean(page["to"]),
            words.level(page["level"]),
            reason_text(page["reason"])[words.language],
            "; ".join(_end(end, words) for end in page["ends"]) or words("unknown"),
        )
        for page in told["pages"]
    )
    left_out = told["told"] - len(rows)
    notes = (words("more", count=left_out),) if left_out else () if rows else (words("nothing"),)
    columns = (words("time"), words("channel"), "", words("level_now"), words("what"), words("delivered"))
    return Section(words("pages"), columns, rows, notes)


def _end(end: Told, words: Words) -> str:
    outcome = words("delivered") if end["outcome"] == "delivered" else _word(OUTCOMES, end["outcome"], words)
    return f"{outcome} {words.moment(end['time'])}"


def _notices(told: Told, words: Words) -> Section:
    rows = tuple(
        (
            clean(notice["notice"]),
            clean(step_text(step["kind"], step["state"])[words.language]),
            words.moment(step["time"]),
            " · ".join(clean(one) for one in (step.get("audience"), step["by"]) if one),
        )
        for notice in told["notices"]
        for step in notice["steps"]
    )
    return Section(words("notices"), (words("notice"), words("step"), words("time"), words("by")), rows)


def _word(known: Mapping[str, Mapping[str, str]], name: str, words: Words) -> str:
    return known[name][words.language] if name in known else clean(name)


def _timeline(told: Told, words: Words) -> Section:
    return Section(words("timeline"), notes=tuple(clean(each[words.language], 1_500) for each in told["statements"]))
