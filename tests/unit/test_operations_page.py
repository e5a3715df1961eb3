"""What docs/operations.md tells an operator to type and to install is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from app import COMMANDS, main

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
(UNIT,) = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
COMMAND_LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
SPOKEN = [part.strip() for line in COMMAND_LINES for part in line.split("&&")]


def unit() -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for line in UNIT.splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            told.setdefault(name, []).append(value)
    return told


def parsed(arguments: list[str]) -> click.Context:
    """Parse as `tocsin` would, files that are not here aside, and run nothing."""
    context = click.Context(main)
    group: click.Group = main  # type: ignore[assignment]
    while arguments:
        command = group.get_command(context, arguments[0])
        assert command is not None, arguments
        if not isinstance(command, click.Group):
            known = {name for one in command.params for name in one.opts}
            unknown = [one for one in arguments[1:] if one.startswith("--") and one not in known]
            assert not unknown, unknown
            return context
        group, arguments = command, arguments[1:]
    return context


@pytest.mark.parametrize("line", SPOKEN)
def test_every_command_is_one_of_ours(line: str) -> None:
    program, *arguments = shlex.split(line)
    assert program == "tocsin"
    assert arguments[0] in COMMANDS
    parsed(arguments)


def test_the_unit_comes_back_and_is_shut_in() -> None:
    told = unit()
    program, *arguments = told["ExecStart"][0].split()
    assert program.endswith("/bin/tocsin")
    parsed(arguments)
    assert told["Restart"] == ["always"]
    assert int(told["TimeoutStopSec"][0]) > 10, "the time a worker may take to leave"
    assert told["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    for name in ("NoNewPrivileges", "PrivateTmp", "DynamicUser"):
        assert told[name] == ["yes"]
    assert told["ProtectSystem"] == ["strict"]
    assert told["StateDirectory"] == ["tocsin"], "the outbox needs a place"
    credential = told["LoadCredential"][0].partition(":")[0]
    assert told["Environment"] == [f"TOCSIN_SECURITY__PASSWORD_FILE=%d/{credential}"]


def test_the_secure_example_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from streams.settingsfile import read_settings

    (block,) = re.findall(r"```\n(security:.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("tocsin.yaml").write_text(block, encoding="utf-8")
    security = read_settings(Path("tocsin.yaml"), {}).security
    assert (security.protocol, security.mechanism, security.username) == ("sasl_tls", "SCRAM-SHA-512", "tocsin")


def test_the_channels_of_the_example_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from streams.channelsettings import KINDS
    from streams.settingsfile import read_settings

    (block,) = re.findall(r"```\n(channels:.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("tocsin.yaml").write_text(block, encoding="utf-8")
    channels = read_settings(Path("tocsin.yaml"), {}).channels
    assert {channel.type for channel in channels.values()} == KINDS.keys() - {"console"}
