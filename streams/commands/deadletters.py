"""`tocsin deadletters`: what could not be used: list it, look at it, send it again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.commands.grouping import NearGroup
from streams.commands.options import Duration
from streams.commands.reaching import Brokers, reached
from streams.commands.telling import pages, token_of

if TYPE_CHECKING:
    from streams.deadletters import DeadLetter
    from streams.letters import Letters, Wanted

LIMIT = 100
DETAIL_CHARS = 80  # of the reason, in a list

_OUTPUT = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
                       help="json: an object a line.")  # fmt: skip


_SETTINGS = click.option("--settings", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
                         envvar="TOCSIN_SETTINGS",
                         help="Settings file (YAML): broker, security, streams of your own.")  # fmt: skip


def _where(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say where Kafka is; the command is given open `letters` in their place."""

    @click.option("--broker", "brokers", type=Brokers(), help="Where Kafka is.  [default: the settings']")
    @_SETTINGS
    @wraps(command)
    def run(*, brokers: list[str] | None, path: Path | None, **given: Any) -> None:
        context = click.get_current_context()
        with _opened(context, brokers, path) as letters:
            command(context, letters, **given)

    return run


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose letters."""

    @click.option("--stream", help="Of this stream alone.")
    @click.option("--reason", help="Refused for this reason alone, such as not-json.")
    @click.option("--since", "since_ms", type=Duration(), help="Of this long, such as 2h, and no older.")
    @click.option("--limit", type=click.IntRange(1), default=LIMIT, show_default=True, help="The newest, at most.")
    @wraps(command)
    def run(*args: Any, stream: str | None, reason: str | None, since_ms: int | None, limit: int, **given: Any) -> None:
        from streams.letters import Wanted

        _known(stream, reason, click.get_current_context().params["path"])
        since = 0 if since_ms is None else time.time_ns() // 1_000_000 - since_ms
        command(*args, wanted=Wanted(stream=stream, reason=reason, since_ms=since, limit=limit), **given)

    return run


@click.group(cls=NearGroup)
def command() -> None:
    """List, show and send again what could not be used: dead letters, each with its bytes, its place and why."""


@command.command("list")
@_filters
@_where
@_OUTPUT
def list_(_context: click.Context, letters: Letters, wanted: Wanted, output: str) -> None:
    r"""List dead letters, newest first.

    \b
    tocsin deadletters list --broker localhost:9092 --stream calls --since 2h
    """
    found = letters.find(wanted)
    retried = letters.retried()
    for letter in found.letters:
        click.echo(_json(letter, retried) if output == "json" else _line(letter, retried))
    _tell_rubbish(found.rubbish)


@command.command()
@click.argument("key", metavar="LETTER")
@_where
@_OUTPUT
def show(context: click.Context, letters: Letters, key: str, output: str) -> None:
    r"""Show one dead letter, whole. LETTER is its name in the list.

    \b
    tocsin deadletters show tocsin.calls:3:41:0 --broker localhost:9092
    """
    from streams.letters import Wanted

    found = letters.find(Wanted(keys=frozenset({key})))
    if not found.letters:
        context.exit(_say(f"no dead letter {key}", 1))
    retried = letters.retried()
    (letter,) = found.letters
    click.echo(_json(letter, retried) if output == "json" else _whole(letter, retried))


@command.command()
@click.argument("keys", nargs=-1, metavar="[LETTER…]")
@_filters
@_where
@click.option("--all", "all_", is_flag=True, help="All that the filters leave, where no LETTER is named.")
@click.option("--again", is_flag=True, help="Those too that were sent again before.")
def retry(
    context: click.Context, letters: Letters, keys: tuple[str, ...], wanted: Wanted, all_: bool, again: bool
) -> None:
    r"""Send dead letters once more to where they came from, byte for byte.

    Safe to do twice: an event that was accepted meanwhile is a duplicate by its id, and what is refused again is a
    letter of its new place. An event that is late by now goes to tocsin.late. Exit 1 if one could not be sent.

    \b
    tocsin deadletters retry tocsin.calls:3:41:0 --broker localhost:9092
    tocsin deadletters retry --all --reason future --since 1h --broker localhost:9092
    """
    from dataclasses import replace

    from streams.deadletters import sanitise
    from streams.letters import why_not

    if bool(keys) == all_:
        raise click.UsageError("Name letters, or say --all.")
    if keys:
        wanted = replace(wanted, keys=frozenset(keys), limit=len(set(keys)))
    found = letters.find(wanted)
    retried = {} if again else letters.retried()
    code = 0
    for missing in sorted(wanted.keys - {letter.key for letter in found.letters}):
        code = _say(f"no dead letter {sanitise(missing)}", 1)
    chosen, streams = [], _streams(context.params["path"])
    for letter in reversed(found.letters):  # in the order in which they came
        reason, name = why_not(letter, streams), sanitise(letter.key)
        if letter.key in retried:
            _say(f"{name} was sent again at {_time(retried[letter.key])}: --again sends it once more", 0)
        elif reason is not None:
            code = _say(f"{name} cannot be sent again: {reason}", 1)
        else:
            chosen.append(letter)
    for key in letters.retry(chosen) if chosen else ():
        click.echo(sanitise(key))
    _say(f"{len(chosen):,} sent again", 0)
    context.exit(code)


@command.command()
@click.argument("stream")
@_SETTINGS
@pages
@click.pass_context
def release(
    context: click.Context, stream: str, path: Path | None, addresses: Sequence[str], token_file: Path | None
) -> None:
    r"""Have running workers set aside what cannot be used of STREAM at full speed, until it can be used again.

    Where next to nothing can be used a partition is read slowly, so that the rest stays in its place. If the sender is
    mended and good events wait behind the bad ones, this lets them through. Tell every worker.

    \b
    tocsin deadletters release calls
    """
    from streams.api.table import RELEASE
    from streams.asking import NoAnswer, Refused, ask

    _known(stream, None, path)
    token, code = token_of(context, "tocsin deadletters", token_file), 0
    for page in addresses:
        try:
            _, told = ask(page, RELEASE.path, {"stream": stream}, token=token)
        except (NoAnswer, Refused) as error:
            code = _say(str(error), 3)
        else:
            _say(f"{page}: {told.get('partitions')} partitions released", 0)
    context.exit(code)


@contextmanager
def _opened(context: click.Context, brokers: list[str] | None, path: Path | None) -> Iterator[Letters]:
    import logging

    from streams.access import AccessRefused
    from streams.letters import Letters
    from streams.sending import Unreachable
    from streams.topics import BrokerUnreachable, TopicError

    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what matters of it is said once, by us
    brokers, access = reached(context, "tocsin deadletters", brokers, path)
    try:
        with Letters(brokers, access) as letters:
            yield letters
    except (Unreachable, BrokerUnreachable, AccessRefused, TopicError) as error:
        context.exit(_say(str(error), 3))


def _streams(path: Path | None) -> list[str]:
    """Name the streams there are. Settings that are wrong are told when they are read for Kafka."""
    from detectors.vocabulary import STREAMS
    from streams.settings import SettingsError
    from streams.settingsfile import read_settings

    try:
        return [*STREAMS, *read_settings(path, {}).custom_streams]
    except SettingsError:
        return list(STREAMS)


def _known(stream: str | None, reason: str | None, path: Path | None) -> None:
    from detectors.places import quoted, suggest
    from streams.faults import Reason

    for option, value, known in (("--stream", stream, _streams(path)), ("--reason", reason, list(map(str, Reason)))):
        if value is not None and value not in known:
            raise click.BadParameter(f"unknown: {quoted(value)}: {suggest(value, known)}", param_hint=f"'{option}'")


def _line(letter: DeadLetter, retried: dict[str, int]) -> str:
    from streams.deadletters import sanitise

    mark = "  (sent again)" if letter.key in retried else ""
    detail = sanitise(letter.detail)[:DETAIL_CHARS]
    return f"{_time(letter.arrived_ms)}  {sanitise(letter.key)}  {sanitise(letter.reason)}: {detail}{mark}"


def _whole(letter: DeadLetter, retried: dict[str, int]) -> str:
    from streams.deadletters import legible, sanitise

    kept = "" if letter.whole else f", of which the first {len(letter.raw):,} were kept; all lie at the place"
    again = _time(retried[letter.key]) if letter.key in retried else "no"
    rows = {
        "letter": sanitise(letter.key),
        "stream": sanitise(letter.stream),
        "reason": f"{sanitise(letter.reason)}: {sanitise(letter.detail)}",
        "place": f"{sanitise(letter.topic)}[{letter.partition}] offset {letter.offset}, event {letter.part}",
        "arrived": _time(letter.arrived_ms),
        "sent again": again,
        "size": f"{letter.size:,} bytes{kept}",
        "sha256": sanitise(letter.sha256),
        "bytes": legible(letter.raw),
    }
    return "\n".join(f"{name:12}{text}" for name, text in rows.items())


def _json(letter: DeadLetter, retried: dict[str, int]) -> str:
    import json

    from msgspec.json import decode

    data = {"letter": letter.key, **decode(letter.to_json()), "whole": letter.whole}
    data["arrived"] = _time(letter.arrived_ms)
    data["sent_again"] = _time(retried[letter.key]) if letter.key in retried else None
    return json.dumps(data)  # ASCII: nothing in it can move a terminal's cursor


def _time(time_ms: int) -> str:
    from alerts.records import format_time

    return format_time(time_ms)


def _tell_rubbish(count: int) -> None:
    if count:
        _say(f"{count:,} records of the topic are no dead letters", 0)


def _say(message: str, code: int) -> int:
    click.echo(f"tocsin deadletters: {message}", err=True)
    return code
