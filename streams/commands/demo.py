"""`tocsin demo`: the whole service with nothing set up, in a simulated province."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from streams.commands.joining import ending, joined
from streams.commands.options import LANG, Duration, spoken

if TYPE_CHECKING:
    from alerts.texts import Language
    from streams.console import Console
    from streams.demo import DemoClock
    from streams.script import Scenario
    from streams.service import Service

PORT = 8010
PARTITIONS = 2  # of each stream: enough to show that they are shared, few enough that none falls silent


@click.command()
@click.option("--scenario", "name", default="backbone-cut", show_default=True,
              help="What goes wrong; `list` names all there are.")  # fmt: skip
@click.option("--speed", type=click.FloatRange(0.1, 100),
              help="Event time runs this much faster than ours.  [default: 30]")  # fmt: skip
@click.option("--for", "for_ms", type=Duration(), help="End by itself after this long, counted from being up.")
@LANG
@click.option("--seed", type=click.IntRange(0), help="Another seed, another day.")
@click.option("--port", type=click.IntRange(0, 65535), help=f"Port of the page.  [default: {PORT}, or a free one]")
@click.option("--quiet", is_flag=True, help="Say nothing but changes of level and notices.")
@click.pass_context
def command(
    context: click.Context,
    name: str,
    speed: float | None,
    for_ms: int | None,
    lang: Language | None,
    seed: int | None,
    port: int | None,
    quiet: bool,
) -> None:
    r"""Watch a simulated province: everything runs in this one process, and nothing is kept.

    \b
    tocsin demo
    tocsin demo --scenario provider-wave --lang en --for 60s
    """
    from streams.broker import EmbeddedBroker
    from streams.scenarios import SPEED

    scenario = _scenario(context, name)
    with ending(context, "tocsin demo"), EmbeddedBroker() as broker, TemporaryDirectory() as folder:
        clock = _clock(speed or SPEED)
        service = _service(broker.bootstrap, clock, _free(port), Path(folder))
        for topic in service.topics:
            broker.create(topic.name, topic.partitions)
        console = _console(lang or spoken(), quiet=quiet)
        context.exit(_run(service, scenario, clock, console, seed, for_ms))


def _run(
    service: Service, scenario: Scenario, clock: DemoClock, console: Console, seed: int | None, for_ms: int | None
) -> int:
    import asyncio

    from streams import province
    from streams.demo import Voice, end_after, play
    from streams.running import run
    from streams.simulator import DEFAULT_SEED, Simulator

    simulator = Simulator(province.build(), scenario, DEFAULT_SEED if seed is None else seed, clock())
    service.listeners.others.append(Voice(console))
    up = asyncio.Event()

    def ready() -> None:
        console.header(scenario.title, {"page 页面": f"{service.url}/", "metrics 指标": f"{service.url}/metrics"})
        up.set()

    work = [play(service, simulator, clock, console, up)]
    if for_ms is not None:
        work.append(end_after(for_ms / 1000, up, service.stop))
    return run(service, ready, *work)


def _scenario(context: click.Context, name: str) -> Scenario:
    import difflib

    from streams.scenarios import SCENARIOS

    if name == "list":
        for scenario in SCENARIOS.values():
            click.echo(f"{scenario.name:16}{scenario.title['zh']} · {scenario.title['en']}")
        context.exit(0)
    if name not in SCENARIOS:
        near = difflib.get_close_matches(name, SCENARIOS, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else f" One of: {', '.join(SCENARIOS)}."
        raise click.BadParameter(f"no scenario '{name}'.{hint}", param_hint="'--scenario'")
    return SCENARIOS[name]


def _clock(speed: float) -> DemoClock:
    from streams.demo import DemoClock
    from streams.volumes import working_morning_ms

    return DemoClock(working_morning_ms(time.time_ns() // 1_000_000), speed)


def _service(bootstrap: str, clock: DemoClock, port: int, folder: Path) -> Service:
    from streams import province
    from streams.settings import SHIPPED_RULES, Settings, Web
    from streams.site import site_of

    # The site's own settings do not touch the demo: it is the same everywhere.
    settings = Settings.model_construct(
        **{name: field.get_default() for name, field in Settings.model_fields.items()}
        | {
            "broker": (bootstrap,),
            "rules": (SHIPPED_RULES / "telecom",),  # the province is a mobile operator's
            "stream_partitions": PARTITIONS,
            "judge_partitions": PARTITIONS,
            "web": Web(port=port),
            "channels": {},
            "state_dir": folder,
        }
    )
    return joined(settings, clock=clock, site=site_of({}, province.places(province.build()), almanac=settings.almanac))


def _console(lang: Language, *, quiet: bool) -> Console:
    from zoneinfo import ZoneInfo

    from streams import province
    from streams.console import Console, wants_colour
    from streams.settings import Settings

    zone = ZoneInfo(Settings.model_fields["zone"].get_default())
    out = sys.stdout
    words = province.build().words(lang)
    return Console(out, lang=lang, zone=zone, colour=wants_colour(out, os.environ), quiet=quiet, words=words)


def _free(port: int | None) -> int:
    """Take the usual port if nobody has it; one that was asked for is taken as it is."""
    import socket

    if port is not None:
        return port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return 0
    return PORT
