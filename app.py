"""`tocsin`: the command line, and the place where the parts are joined. No work at import time.

Each command lives in a file of its own and is imported when it is asked for, so that `tocsin --help` answers at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click
from click.shell_completion import CompletionItem

from streams.commands.grouping import NearGroup
from streams.version import VERSION

# name → (module that holds `command`, what the help says of it)
COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("streams.commands.demo", "Run the whole service on an embedded broker, with a simulated province."),
    "worker": ("streams.commands.worker", "Run a worker on a real Kafka."),
    "replay": ("streams.commands.replay", "Run history through the same code, at full speed, by event time."),
    "check": ("streams.commands.check", "Check rule files; every error at once."),
    "test": ("streams.commands.test", "Try rules on made-up events: tests beside the rules."),
    "schema": ("streams.commands.schema", "Write the JSON Schema of rule files, for editors."),
    "reload": ("streams.commands.reload", "Let running workers read their rules again."),
    "incidents": ("streams.commands.incidents", "List, show, acknowledge, promise, comment and end incidents."),
    "silences": ("streams.commands.silences", "List, try, add and end silences."),
    "notices": ("streams.commands.notices", "List, show, approve, publish and cancel customer notices."),
    "explain": ("streams.commands.explain", "Say why an alert did, or did not, fire or page."),
    "history": ("streams.commands.history", "Ask what happened: incidents, alerts, who was told."),
    "report": ("streams.commands.report", "Report on a week, a month or an incident."),
    "routes": ("streams.commands.routes", "Ask who would be told, by what, and when."),
    "audit": ("streams.commands.audit", "Verify the record of who did what."),
    "deadletters": ("streams.commands.deadletters", "List, show and send again what could not be used."),
    "notify": ("streams.commands.notify", "Send a test message by each channel."),
    "send": ("streams.commands.send", "Publish a file to Kafka."),
    "dashboards": ("dashboards.command", "Build, check and push the Grafana dashboards."),
    "completion": ("streams.commands.completion", "Write the script by which a shell completes commands."),
    "bench": ("streams.commands.bench", "Measure against raw clients, plain Faust, quixstreams and bytewax."),
}


class LazyGroup(NearGroup):
    """A group that imports a command when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  the shape click asks for
        """Name the commands, in the order a new user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  the same
        """Import a command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        _keep_lines(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  the same
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command without importing them all."""
        named = [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]
        return named + click.Command.shell_complete(self, ctx, incomplete)


def _keep_lines(command: click.Command) -> None:
    r"""Let `\b` in a help text mean to click what it should (keep these lines): in raw docstrings it is two letters."""
    if command.help is not None:
        command.help = command.help.replace("\\b", "\b")
    for part in command.commands.values() if isinstance(command, click.Group) else ():
        _keep_lines(part)


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  tocsin demo                                          watch a simulated province
  tocsin replay march.jsonl --rules rules/             what would have been raised in March?
  tocsin worker --broker kafka://localhost:9092        the real thing

Exit codes: 0 good, 1 found problems, 2 wrong usage or configuration, 3 something cannot be reached,
130 interrupted.""",
)
@click.version_option(VERSION, prog_name="tocsin")
def main() -> None:
    """Tocsin watches live streams of calls, complaints and network events, and warns before the phones ring."""


if __name__ == "__main__":
    main()
