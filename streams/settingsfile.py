"""Settings read from where a site writes them, and what is wrong with them: in an operator's words, at its place."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import SettingsError as UnreadableError

from detectors.places import Path as DataPath
from detectors.places import Problem, describe, quoted, suggest
from detectors.vocabulary import STREAMS
from streams.channelsettings import KINDS, SECRETS
from streams.noticesettings import NoticeSettings, OneAudience
from streams.security import Security
from streams.settings import Breaker, Calendars, Heartbeat, Operator, Settings, SettingsError, Web, WrongPartError
from streams.yamlfile import YamlFile, path_text, read_yaml

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PREFIX = "TOCSIN_"

_WANTED: Mapping[str, str] = {
    "bool": "true or false",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "mapping": "a mapping",
    "model": "a mapping",
    "model_attributes": "a mapping",
    "path": "the path of a file",
    "string": "text",
    "tuple": "a list",
}
_PARTS: Mapping[int | str, type[BaseModel]] = {
    "breaker": Breaker,
    "calendars": Calendars,
    "heartbeat": Heartbeat,
    "notices": NoticeSettings,
    "security": Security,
    "web": Web,
}
# pydantic's kind of problem → what we say; `given` is what was found, the others are pydantic's bounds.
_SAID: Mapping[str, str] = {
    "greater_than_equal": "must be at least {ge}, not {given}",
    "int_from_float": "must be a whole number, not {given}",
    "greater_than": "must be more than {gt}, not {given}",
    "less_than_equal": "must be at most {le}, not {given}",
    "missing": "is missing",
    "union_tag_not_found": f'"type" is missing: one of {", ".join(KINDS)}',
    **{
        f"{kind}_{end}": f"must be {wanted}, not {{given}}"
        for kind, wanted in _WANTED.items()
        for end in ("type", "parsing")
    },
}


def read_settings(path: Path | None, given: Mapping[str, Any]) -> Settings:
    """Read a file (if there is one), the environment over it, and over both what the command line gave, checked.

    Raise SettingsError naming everything that is wrong, a line each.
    """
    file = YamlFile("settings", {}) if path is None else read_yaml(path)
    problems = list(map(str, file.problems))
    data = file.data if isinstance(file.data, dict) else {}
    if not problems and file.data is not data:
        problems.append(str(file.locate(Problem((), f"must be a mapping of settings, not {describe(file.data)}"))))
    known = {name: value for name, value in data.items() if name in Settings.model_fields}
    problems += [str(file.locate(_unknown((name,), Settings.model_fields))) for name in data if name not in known]
    problems += [str(file.locate(problem)) for problem in _secrets_in(known)]
    settings = None
    try:
        settings = Settings(**known)
        problems += [_said(problem, file) for problem in (*_pointing_nowhere(settings), *_circles(settings))]
    except ValidationError as error:
        problems += [_said(problem, file) for details in error.errors() for problem in _problems(details)]
    except UnreadableError as error:
        problems.append(_not_json(error))
    if settings is None or problems:
        raise SettingsError("\n".join(problems))
    return settings.model_copy(update=dict(given))


def _secrets_in(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Find secrets in the settings file, which too many may read. They are not quoted."""
    channels = data.get("channels")
    for name, channel in channels.items() if isinstance(channels, dict) else ():
        kind = KINDS.get(str(channel.get("type"))) if isinstance(channel, dict) else None
        for key in SECRETS:
            if kind is not None and key in channel and key in kind.model_fields:
                variable = f"{PREFIX}CHANNELS__{name}__{key}".upper()
                said = f"a secret does not stand here: name its file, as {key}_file, or set {variable}"
                yield Problem(("channels", name, key), said, at_key=True)
    heartbeat = data.get("heartbeat")
    if isinstance(heartbeat, dict) and "url" in heartbeat:
        said = f"a secret does not stand here: name its file, as url_file, or set {PREFIX}HEARTBEAT__URL"
        yield Problem(("heartbeat", "url"), said, at_key=True)


def _circles(settings: Settings) -> Iterator[Problem]:
    """Find channels that fall back to themselves in the end."""
    for start in settings.channels:
        seen = [start]
        behind = settings.channels[start].fallback
        while behind is not None and behind in settings.channels and behind not in seen:
            seen.append(behind)
            behind = settings.channels[behind].fallback
        if behind == start:
            yield Problem(("channels", start, "fallback"), f"leads back to {start}: {' → '.join([*seen, start])}")


def _pointing_nowhere(settings: Settings) -> Iterator[Problem]:
    """Find names of channels and streams that there are not: a receiver would hear nothing, a stream be silent."""
    streams = {**STREAMS, **settings.custom_streams}
    named: list[tuple[DataPath, str]] = [(("streams", index), name) for index, name in enumerate(settings.streams)]
    named += [(("expect_every", name), name) for name in settings.expect_every]
    for path, name in named:
        if name not in streams:
            message = f"unknown stream {quoted(name)}: {suggest(name, streams)}"
            yield Problem(path, message, at_key=path[0] == "expect_every")
    for name, channel in settings.channels.items():
        if channel.fallback is not None and channel.fallback not in settings.channels:
            said = f"unknown channel {quoted(channel.fallback)}: {suggest(channel.fallback, settings.channels)}"
            yield Problem(("channels", name, "fallback"), said)
    for receiver, channels in settings.receivers.items():
        for index, name in enumerate(channels):
            if name not in settings.channels:
                hint = suggest(name, settings.channels) if settings.channels else "there are none"
                yield Problem(("receivers", receiver, index), f"unknown channel {quoted(name)}: {hint}")


def _problems(details: ErrorDetails) -> list[Problem]:
    """Say in our words what is wrong, and where; a part with a reader of its own may have several things."""
    error = details.get("ctx", {}).get("error")
    if isinstance(error, WrongPartError):
        return [Problem((*details["loc"], *inner.path), inner.message, inner.at_key) for inner in error.problems]
    return [_problem(details)]


def _problem(details: ErrorDetails) -> Problem:
    """Say in our words what is wrong, and where."""
    path, at_key = details["loc"], details["loc"][-1:] == ("[key]",)
    parts: Collection[str] = _PARTS.get(path[0], Settings).model_fields
    if path[:2] == ("web", "operators") and len(path) > 3:
        parts = Operator.model_fields
    if path[0] == "notices" and len(path) > 3:
        parts = OneAudience.model_fields
    if path[0] == "channels" and len(path) > 2 and not at_key:  # a channel's type stands in the path
        parts = KINDS[str(path[2])].model_fields
        path = (*path[:2], *path[3:])
    path = path[: len(path) - at_key]
    is_hidden = not {*SECRETS, "numbers"}.isdisjoint(path)  # what stands in the place of a secret may be one
    given = "what stands there" if is_hidden else describe(details["input"])
    kind, bounds = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(path, parts)
    if kind == "union_tag_invalid":
        tag = str(bounds["tag"])
        return Problem((*path, "type"), f"unknown type {quoted(tag)}: {suggest(tag, KINDS)}")
    if kind == "literal_error":
        return Problem(path, f"must be {bounds['expected'].replace(chr(39), '')}, not {given}")
    if kind in _SAID:
        return Problem(path, _SAID[kind].format(given=given, **bounds), at_key)
    return Problem(path, details["msg"].removeprefix("Value error, "), at_key)


def _unknown(path: DataPath, known: Collection[str]) -> Problem:
    return Problem(path, f"unknown key {quoted(str(path[-1]))}: {suggest(str(path[-1]), known)}", at_key=True)


def _said(problem: Problem, file: YamlFile) -> str:
    """Write a problem with the name of the variable that brought it, or else with its place in the file."""
    for length in range(len(problem.path), 0, -1):
        name = PREFIX + "__".join(map(str, problem.path[:length])).upper()
        if name in os.environ:
            rest = problem.path[length:]
            return f"{name}: {path_text(rest)}: {problem.message}" if rest else f"{name}: {problem.message}"
    return str(file.locate(problem))


def _not_json(error: UnreadableError) -> str:
    field = re.search(r'"(\w+)"', str(error))
    start = PREFIX + (field[1].upper() if field else "")
    names = sorted(name for name in os.environ if name.startswith(start))
    return f'{", ".join(names)}: must be JSON, as in {PREFIX}EXPECT_EVERY=\'{{"network": "2m"}}\''
