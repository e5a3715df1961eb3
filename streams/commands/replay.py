"""`tocsin replay`: what the rules would have raised in March."""

from __future__ import annotations

import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from streams.commands.options import Duration
from streams.commands.siting import known_stream, site_options, site_or_stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from alerts.records import AlertRecord
    from detectors.rules import Rule
    from detectors.transition import Transition
    from streams.history import History, Refusal
    from streams.outputs import Output
    from streams.replay import Replay
    from streams.site import Site

SHOWN_MAX = 5  # refused lines shown one by one; the rest are counted


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--rules", "rule_paths", required=True, multiple=True, type=click.Path(exists=True, path_type=Path),
              help="Rule file or folder; may be given several times.")  # fmt: skip
@click.option("--alerts", type=click.Path(dir_okay=False, path_type=Path),
              help="Write alert records here, not to standard output.")  # fmt: skip
@click.option("--map", "map_path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="How to read the rows of a foreign CSV file.")  # fmt: skip
@site_options
@click.option("--lateness", type=Duration(), default=0,
              help="How far behind the newest event one may come.  [default: 0s]")  # fmt: skip
@click.option("--stream", help="The stream of files whose name does not tell it.")
@click.option("--sort", is_flag=True, help="Sort all events by time first.")
@click.option("--drain", is_flag=True, help="Go on after the last event until all is green, at most a day.")
@click.option("--dead-letters", type=click.Path(dir_okay=False, path_type=Path),
              help="Write every refused line here, with its place and reason.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="Write nothing to standard error but errors.")
@click.pass_context
def command(
    context: click.Context,
    files: tuple[str, ...],
    rule_paths: tuple[Path, ...],
    alerts: Path | None,
    map_path: Path | None,
    settings_path: Path | None,
    topology: Path | None,
    lateness: int,
    stream: str | None,
    sort: bool,
    drain: bool,
    dead_letters: Path | None,
    quiet: bool,
) -> None:
    r"""Run history through the rules, by event time, as fast as it can be read.

    Alert records go to standard output, one JSON object a line. Files are .jsonl or .csv, also .gz; - is standard
    input. An event says its stream in its field `stream`, or its file does in its name (calls-march.jsonl).

    \b
    tocsin replay march.jsonl.gz --rules rules/telecom > alerts.jsonl
    tocsin replay outages.csv --map map.yaml --rules outages.yaml --drain
    """
    from streams.files import open_inputs
    from streams.history import History
    from streams.outputs import Output, check_apart
    from streams.replay import Replay

    site = site_or_stop(context, "tocsin replay", settings_path, topology)
    rules = _rules(context, rule_paths, site)
    binder = _map(context, map_path, site)
    known_stream(site, stream, "'--stream'")
    others = [path for path in (map_path, settings_path, topology) if path]
    with ExitStack() as stack, _mendable(context):
        check_apart({"--alerts": alerts, "--dead-letters": dead_letters}, [*files, *_rule_files(rule_paths), *others])
        inputs = open_inputs(files, stream=stream, binder=binder, streams=site.streams)
        outputs = {path: Output(path, sys.stdout.buffer) for path in (alerts, dead_letters)}  # None: standard output
        for output in outputs.values():
            stack.callback(output.drop)
        talk = _Talk(quiet=quiet)

        def refuse(refusal: Refusal) -> None:
            talk.refused(refusal)
            if dead_letters:
                outputs[dead_letters].write([_letter(refusal)])

        replay = Replay(rules, lateness_ms=lateness, site=site)
        history = History(
            inputs, replay.fields, refuse, sort=sort or bool(binder and binder.sort), streams=site.streams
        )
        writer = _Writer({rule.id: rule for rule in rules}, outputs[alerts], talk, site)
        ended = _play(history, replay, writer, drain=drain)
        for output in outputs.values():
            output.keep()
        talk.summary(history, replay, "" if ended else "interrupted: ")
        context.exit(0 if ended else 130)


@contextmanager
def _mendable(context: click.Context) -> Iterator[None]:
    """Turn what the user can mend into one line and its exit code."""
    from streams.files import UnreadableError, WrongInputError
    from streams.merge import TooManyEventsError
    from streams.outputs import OutputError, OverwriteError

    try:
        yield
    except (UnreadableError, OutputError) as error:
        _stop(context, str(error), 3)
    except (WrongInputError, TooManyEventsError, OverwriteError) as error:
        _stop(context, str(error), 2)
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        sys.stdout = None  # nothing more is flushed into it at exit
        context.exit(0)


def _play(history: History, replay: Replay, writer: _Writer, *, drain: bool) -> bool:
    """Replay the history; return whether it came to its end, or was interrupted."""
    try:
        with writer.talk.progress(history, replay):
            for times, rows in history:
                writer.write(replay.feed(times, rows))
            writer.write(replay.finish(drain=drain))
    except KeyboardInterrupt:
        return False
    return True


def _rule_files(paths: Iterable[Path]) -> list[Path]:
    return [file for path in paths for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]


def _rules(context: click.Context, paths: Iterable[Path], site: Site) -> tuple[Rule, ...]:
    from streams.rulefile import load

    found = load(list(paths), site.streams, site.almanac)
    if found.problems:
        for problem in found.problems:
            click.echo(str(problem), err=True)
        context.exit(2)
    if not found.rules:
        _stop(context, f"no rules in {', '.join(map(str, paths))}", 2)
    return found.rules


def _map(context: click.Context, path: Path | None, site: Site):  # type: ignore[no-untyped-def]  # noqa: ANN202
    from streams.mapfile import MapError, load_map

    if path is None:
        return None
    try:
        return load_map(path, site.streams)
    except MapError as error:
        _stop(context, str(error), 2)


def _stop(context: click.Context, message: str, code: int) -> NoReturn:
    click.echo(f"tocsin replay: {message}", err=True)
    context.exit(code)


class _Writer:
    """Writes transitions as alert records, and lets them be counted."""

    def __init__(self, rules: Mapping[str, Rule], out: Output, talk: _Talk, site: Site) -> None:
        self.talk = talk
        self._english = site.english
        self._rules = rules
        self._out = out

    def write(self, transitions: Iterable[Transition]) -> None:
        from alerts.records import alert_record, encode

        records = [alert_record(transition, self._rules[transition.rule], self._english) for transition in transitions]
        if records:
            self._out.write(encode(record) + b"\n" for record in records)
            self.talk.alerts(records)


def _letter(refusal: Refusal) -> bytes:
    import base64

    import msgspec

    return (
        msgspec.json.encode(
            {
                "file": refusal.file,
                "line": refusal.line,
                "reason": refusal.reason,
                "detail": refusal.detail,
                "bytes": base64.b64encode(refusal.raw).decode(),
            }
        )
        + b"\n"
    )


class _Talk:
    """What is said on standard error: refusals as they come, progress on a terminal, a summary at the end."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._began_s = time.perf_counter()
        self._levels: Counter[str] = Counter()
        self._refused = 0

    def refused(self, refusal: Refusal) -> None:
        self._refused += 1
        if not self._quiet and self._refused <= SHOWN_MAX:
            click.echo(f"refused {refusal}", err=True)

    def alerts(self, records: list[AlertRecord]) -> None:
        self._levels.update(record.level for record in records if record.reason == "raised")

    @contextmanager
    def progress(self, history: History, replay: Replay) -> Iterator[None]:
        """Show a bar after two seconds, if anybody is looking."""
        if self._quiet or not sys.stderr.isatty():
            yield
            return
        from streams.progress import shown

        with shown(lambda: (history.done_bytes, history.size_bytes, replay.accepted)):
            yield

    def summary(self, history: History, replay: Replay, prefix: str = "") -> None:
        if self._quiet:
            return
        from streams.faults import Reason

        took_s = max(time.perf_counter() - self._began_s, 1e-9)
        refused = sum(history.refused.values())
        total = replay.accepted + replay.late + replay.duplicates + refused
        parts = [f"{total:,} events in {took_s:.1f} s ({total / took_s:,.0f}/s)", f"{replay.accepted:,} accepted"]
        parts += [
            f"{number:,} {what}"
            for number, what in ((replay.late, "late"), (replay.duplicates, "duplicate"), (refused, "refused"))
            if number
        ]
        if refused:
            parts[-1] += f" ({', '.join(f'{reason} {number:,}' for reason, number in history.refused.most_common())})"
        if unknown := replay.unknown_places():
            parts.append(f"{unknown:,} of unknown places")
        click.echo(f"{prefix}{'; '.join(parts)}", err=True)
        raised = ", ".join(f"{self._levels[level]:,} {level}" for level in _order(self._levels)) or "none"
        click.echo(f"{prefix}raised: {raised}", err=True)
        if history.refused[Reason.UNKNOWN_STREAM]:
            hint = "name the file after the stream (calls-march.jsonl), or give --stream NAME"
            click.echo(f"{prefix}note: where events do not say their stream, {hint}", err=True)
        elif refused and refused == history.refused[Reason.MISSING_FIELD] and not total - refused:
            hint = "--map FILE, a map that says which column is what and makes ids"
            click.echo(f"{prefix}note: if this is a table with columns of its own, it wants {hint}", err=True)


def _order(levels: Mapping[str, int]) -> list[str]:
    from detectors.rules import LEVEL_CODE

    return sorted(levels, key=LEVEL_CODE.__getitem__, reverse=True)
