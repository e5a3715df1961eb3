"""`tocsin send`: publish files to Kafka."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.commands.reaching import Brokers, reached
from streams.commands.siting import known_stream, site_or_stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from detectors.vocabulary import Stream
    from streams.files import Input
    from streams.history import Refusal
    from streams.mapping import Map
    from streams.merge import Run
    from streams.sendable import Sendable
    from streams.sending import Pace, Sender

SHOWN_MAX = 5  # refused lines shown one by one; the rest are counted
_FINISH_S = 35.0  # longer than a delivery may take
_FINISH_EARLY_S = 5.0  # interrupted, or the broker is gone


@click.command()
@click.argument("stream", metavar="STREAM")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--broker", "brokers", type=Brokers(),
              help="Where Kafka is; kafka:// may stand before.  [default: the settings']")  # fmt: skip
@click.option("--settings", "settings_path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              envvar="TOCSIN_SETTINGS",
              help="Settings file (YAML): broker, security, streams of your own.")  # fmt: skip
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Events a second.")
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), help="Times the pace at which they happened.")
@click.option("--map", "map_path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="How to read the rows of a foreign CSV file.")  # fmt: skip
@click.option(
    "--key", help="Field whose value chooses the partition.  [default: the stream's own; else each partition in turn]"
)
@click.option("--sort", is_flag=True, help="Sort all events by time first.")
@click.option("--raw", is_flag=True, help="Send lines that are no JSON objects too.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0, min_open=True), default=10.0, show_default=True,
              help="Seconds to wait for the broker to answer.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="Write nothing to standard error but errors.")
@click.pass_context
def command(
    context: click.Context,
    stream: str,
    files: tuple[str, ...],
    brokers: list[str] | None,
    settings_path: Path | None,
    rate: float | None,
    speed: float | None,
    map_path: Path | None,
    key: str | None,
    sort: bool,
    raw: bool,
    timeout_s: float,
    quiet: bool,
) -> None:
    r"""Publish the events of files to the topic of STREAM, as fast as Kafka takes them.

    Files are .jsonl or .csv, also .gz; - is standard input. Several are merged by time, as in a replay. Exit 1 if a
    line was refused, 3 if Kafka cannot be reached or did not take everything.

    \b
    tocsin send calls march.jsonl.gz --broker localhost:9092
    tocsin send network outages.csv --map map.yaml --speed 60 --broker localhost:9092
    """
    import logging

    from streams.access import AccessRefused
    from streams.files import UnreadableError, WrongInputError, open_inputs
    from streams.merge import TooManyEventsError
    from streams.sendable import Sendable
    from streams.sending import Pace, Sender, Unreachable
    from streams.topics import stream_topic

    if rate is not None and speed is not None:
        raise click.UsageError("--rate and --speed exclude each other.")
    site = site_or_stop(context, "tocsin send", settings_path, None)
    known_stream(site, stream, "'STREAM'")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what matters of it is said once, by us
    brokers, access = reached(context, "tocsin send", brokers, settings_path)
    binder = _map(context, map_path, site.streams[stream])
    source = Sendable(stream, _Refusals(quiet=quiet), raw=raw, streams=site.streams)
    key = key or site.streams[stream].key
    pace = Pace(time.monotonic, time.sleep, rate=rate, speed=speed) if rate or speed else None
    began_s = time.monotonic()
    sender, opened = None, ExitStack()
    try:
        inputs = open_inputs(files, stream=stream, binder=binder, ask_names=False, streams=site.streams)
        for one in inputs:
            opened.callback(one.close)
        sender = Sender(brokers, stream_topic(stream), timeout_ms=round(timeout_s * 1_000), access=access)
        with _progress(inputs, sender, quiet=quiet):
            _send(_runs(inputs, source, sort=sort or bool(binder and binder.sort)), sender, pace, key)
        code = 0
    except (UnreadableError, Unreachable, AccessRefused) as error:
        code = _say(str(error), 3)
    except (WrongInputError, TooManyEventsError) as error:
        code = _say(str(error), 2)
    except KeyboardInterrupt:
        code = _say("interrupted", 130)
    opened.close()
    if sender is not None:
        try:
            sender.finish(_FINISH_S if code == 0 and not sender.failed else _FINISH_EARLY_S)
        except KeyboardInterrupt:
            code = _say("interrupted; not all of the last events were acknowledged", 130)
        if sender.failed:
            whys = ", ".join(f"{why} {number:,}" for why, number in sender.failed.most_common())
            code = _say(f"{sender.failed.total():,} events were not acknowledged: {whys}", code or 3)
        if not quiet:
            click.echo(_summary(sender, source, stream, time.monotonic() - began_s), err=True)
    context.exit(code or int(source.refused > 0))


def _map(context: click.Context, path: Path | None, stream: Stream) -> Map | None:
    from detectors.vocabulary import STREAMS
    from streams.mapfile import MapError, load_map

    if path is None:
        return None
    try:
        mine = load_map(path, {**STREAMS, stream.name: stream}).only(stream.name)
    except MapError as error:
        click.echo(str(error), err=True)
        context.exit(2)
    if not mine.templates:
        context.exit(_say(f"{path} makes no events of the stream {stream.name}", 2))
    return mine


def _runs(inputs: list[Input], source: Sendable, *, sort: bool) -> Iterator[Run[bytes]]:
    from streams.merge import merge, sort_by_time

    runs = merge([source.runs(one) for one in inputs])
    return sort_by_time(runs) if sort else runs


def _send(runs: Iterator[Run[bytes]], sender: Sender, pace: Pace | None, key: str | None) -> None:
    """Send all, or until the broker stops taking them: what comes after that would only be lost too."""
    from streams.sendable import key_of

    for times_ms, values in runs:
        for time_ms, value in zip(times_ms.tolist(), values, strict=True):
            if pace is not None:
                pace.wait(time_ms)
            sender.send(value, key_of(value, key) if key else None)
            if sender.failed:
                return


def _progress(inputs: list[Input], sender: Sender, *, quiet: bool) -> AbstractContextManager[None]:
    if quiet or not sys.stderr.isatty():
        return nullcontext()
    from streams.progress import shown

    sizes = [one.size_bytes for one in inputs]
    size_bytes = None if None in sizes else sum(size or 0 for size in sizes)
    return shown(lambda: (sum(one.done_bytes for one in inputs), size_bytes, sender.acknowledged))


class _Refusals:
    """Shows the first lines that are refused."""

    def __init__(self, *, quiet: bool) -> None:
        self._left = 0 if quiet else SHOWN_MAX

    def __call__(self, refusal: Refusal) -> None:
        if self._left:
            self._left -= 1
            click.echo(f"refused {refusal}", err=True)


def _summary(sender: Sender, source: Sendable, stream: str, took_s: float) -> str:
    parts = [
        f"{sender.sent:,} events sent to tocsin.{stream} in {took_s:.1f} s ({sender.sent / max(took_s, 1e-9):,.0f}/s)",
        f"{sender.acknowledged:,} acknowledged",
    ]
    failed = sender.failed.total()
    counts = ((failed, "failed"), (source.refused, "refused"), (source.others, "of other streams left out"))
    parts += [f"{number:,} {what}" for number, what in counts if number]
    return "; ".join(parts)


def _say(message: str, code: int) -> int:
    click.echo(f"tocsin send: {message}", err=True)
    return code
