"""Rule files on disk: every rule of every file, and everything that is wrong, at its line and column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alerts.bulletins import read_templates
from detectors.checker import check_rules
from detectors.hours import HERE, Almanac
from detectors.places import Problem, printable, quoted, suggest
from detectors.rules import Rule
from detectors.testfile import check_tests, is_test_file
from detectors.vocabulary import STREAMS, Stream
from streams.calendarfile import is_calendar_file, read_calendars
from streams.calendars import Calendars, Plan
from streams.yamlfile import Located, YamlFile, read_yaml

SUFFIXES = (".yaml", ".yml")
CALENDARS_FILE = "calendars.yaml"
"""Looked for beside a rule file that is named on its own."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What a set of rule files came to. The rules are whole only if there are no problems."""

    rules: tuple[Rule, ...]
    problems: tuple[Located, ...]
    files: tuple[Path, ...] = ()
    test_files: tuple[Path, ...] = ()


def load(paths: Sequence[Path], streams: Mapping[str, Stream] = STREAMS, almanac: Almanac = HERE) -> RuleSet:
    """Read rule files, and folders of them (`*.yaml`, `*.yml`, at any depth, in the order of their names).

    A file with a top-level `tests:` holds tests of rules: it is checked as such and gives no rules. A map (top-level
    `events:`) that lies among them is passed over, but not one that is named. Files with a top-level `calendars:`
    say which days are worked. Hours and days in all of them are those of `almanac`. Nothing is raised for what is in
    the files, or not there at all: it comes back as problems, sorted by file and line.
    """
    rules: list[Rule] = []
    problems: list[Located] = []
    rule_files: list[Path] = []
    test_files: list[Path] = []
    first_use: dict[str, Located] = {}
    documents = [(path, read_yaml(path)) for path in _files(paths, problems)]
    described = _plans([document for _, document in [*documents, *_beside(paths)]], almanac.zone, problems)
    calendars = Calendars(almanac.zone, described)
    for path, document in documents:
        problems += document.problems
        if is_calendar_file(document.data):
            continue
        if is_test_file(document.data):
            test_files.append(path)
            problems += [document.locate(problem) for problem in _test_problems(path, document.data, streams)]
            continue
        if path not in paths and _is_map(document.data):
            continue
        rule_files.append(path)
        if document.data is None:
            continue
        checked = check_rules(document.data, streams, almanac, calendars)
        problems += [document.locate(problem) for problem in (*checked.problems, *_notice_problems(document.data))]
        taken = set(_claim_ids(checked.ids, document, first_use, problems))
        rules += [rule for index, rule in checked.rules.items() if index not in taken]
    return RuleSet(tuple(rules), tuple(sorted(problems)), tuple(rule_files), tuple(test_files))


def _beside(paths: Sequence[Path]) -> Iterator[tuple[Path, YamlFile]]:
    """Read the calendars that lie beside rule files which are named on their own."""
    for folder in dict.fromkeys(path.parent for path in paths if path.is_file()):
        path = folder / CALENDARS_FILE
        if path.is_file() and path not in paths and folder not in paths:
            yield path, read_yaml(path)


def _plans(documents: Sequence[YamlFile], zone: str, problems: list[Located]) -> dict[str, Plan]:
    """Read the calendars of all files that describe some; each name is used once."""
    plans: dict[str, Plan] = {}
    first_use: dict[str, Located] = {}
    for document in documents:
        if not is_calendar_file(document.data):
            continue
        read, found = read_calendars(document.data, zone)
        problems += [document.locate(problem) for problem in found]
        for name, plan in read.items():
            here = document.locate(Problem(("calendars", name), "", at_key=True))
            first = first_use.setdefault(name, here)
            if first is not here:
                where = f"{printable(first.file)}:{first.line}:{first.column}"
                told = Problem(("calendars", name), f'calendar "{name}" is there already: see {where}', at_key=True)
                problems.append(document.locate(told))
            plans.setdefault(name, plan)
    return plans


def _is_map(data: object) -> bool:
    """Say whether a file is one that tells how to read foreign rows."""
    return isinstance(data, Mapping) and "events" in data and "rules" not in data


def _notice_problems(data: object) -> Iterator[Problem]:
    """Find the rules that name a customer notice which nobody wrote."""
    rules = data.get("rules") if isinstance(data, Mapping) else None
    for index, rule in enumerate(rules if isinstance(rules, list) else []):
        name = rule.get("notice") if isinstance(rule, Mapping) else None
        if isinstance(name, str) and name.strip() and name not in (known := _notices()):
            yield Problem(("rules", index, "notice"), f"unknown notice template {quoted(name)}: {suggest(name, known)}")


@cache
def _notices() -> tuple[str, ...]:
    return tuple(read_templates())


def _test_problems(path: Path, data: Mapping[str, object], streams: Mapping[str, Stream]) -> Iterator[Problem]:
    """Give what is wrong with a file of tests; the rule files it names lie beside it."""
    yield from check_tests(data, streams)
    names = data.get("rules")
    for index, name in enumerate(names if isinstance(names, list) else []):
        if isinstance(name, str) and name.strip() and not (path.parent / name).exists():
            yield Problem(
                ("rules", index),
                f"there is no rule file {quoted(name)} here: names count from this file's folder, "
                f"as in ../{Path(name).name}",
            )


def _claim_ids(
    ids: Mapping[int, str], document: YamlFile, first_use: dict[str, Located], problems: list[Located]
) -> Iterator[int]:
    """Note where each id is used first; refuse, and give, the rules that come later with the same."""
    for index, name in ids.items():
        here = document.locate(Problem(("rules", index, "id"), ""))
        first = first_use.setdefault(name, here)
        if first is not here:
            where = f"{printable(first.file)}:{first.line}:{first.column}"
            problems.append(document.locate(Problem(("rules", index, "id"), f'id "{name}" is taken: see {where}')))
            yield index


def _files(paths: Sequence[Path], problems: list[Located]) -> Iterator[Path]:
    """List every file once, however many paths lead to it."""
    seen: set[Path] = set()
    for path in paths:
        try:
            found = _inside(path) if path.is_dir() else [path]
            fresh = [(file, file.resolve()) for file in found]
        except (OSError, RuntimeError, ValueError) as trouble:  # no permission, a circle of links, a NUL in the name
            problems.append(Located(str(path), 1, 1, "(file)", f"cannot be read: {trouble}"))
            continue
        if not found:
            problems.append(Located(str(path), 1, 1, "(file)", f"holds no {' or '.join(SUFFIXES)} file"))
        for file, real in fresh:
            if real not in seen:
                seen.add(real)
                yield file


def _inside(folder: Path) -> list[Path]:
    """List the YAML files of a folder; hidden ones (an editor's, a tool's) are not ours."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix in SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
