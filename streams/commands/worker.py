"""`tocsin worker`: a worker of the consumer group, on a real Kafka."""

from __future__ import annotations

from pathlib import Path

import click

from streams.commands.joining import configured, ending


@click.command()
@click.option("--broker", help="Kafka: kafka://HOST:PORT[,HOST:PORT…].  [default: the settings', or localhost:9092]")
@click.option("--rules", type=click.Path(exists=True, path_type=Path), multiple=True,
              help="Rule file or folder; may be given again.  [default: the settings', or rules/telecom and "
              "rules/service.yaml as shipped]")  # fmt: skip
@click.option("--settings", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              envvar="TOCSIN_SETTINGS", help="Settings file (YAML).")  # fmt: skip
@click.option("--topology", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Table of places (CSV).  [default: the settings']")  # fmt: skip
@click.option("--web-port", type=click.IntRange(0, 65535), help="Port of the page and /metrics; 0 takes a free one.")
@click.option("--quiet", is_flag=True, help="Say nothing but alerts and errors.")
@click.pass_context
def command(
    context: click.Context,
    broker: str | None,
    rules: tuple[Path, ...],
    path: Path | None,
    web_port: int | None,
    topology: Path | None,
    quiet: bool,
) -> None:
    r"""Watch the topics tocsin.<stream> of a Kafka. Start as many workers as there are partitions to share.

    \b
    tocsin worker --broker kafka://localhost:9092
    tocsin worker --settings tocsin.yaml --rules rules/freight --rules rules/service.yaml --web-port 0
    """
    from streams.topics import ensure

    with ending(context, "tocsin worker"):
        service = configured(path, broker=broker, rules=rules, web_port=web_port, topology=topology)
        settings = service.settings
        made = ensure(settings.broker, service.topics, replicas=settings.replicas, access=service.access)
        if made and not quiet:
            click.echo(f"created the topics {', '.join(sorted(made))}", err=True)

        def up() -> None:
            if not quiet:
                click.echo(f"watching {', '.join(service.streams)} with {len(service.rules)} rules", err=True)
                click.echo(f"page {service.url}/  metrics {service.url}/metrics", err=True)

        from streams.running import run

        context.exit(run(service, up, takes_hangup=True))
