"""`tocsin notify test`: what came of each channel, in words and in the exit code."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import main
from tests.parts.process import free_ports
from tests.parts.receivers import says
from tests.sink import Answer, sink, status


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOCSIN_CHANNELS__BOT__KEY", "hunter2")


def write(text: str) -> None:
    Path("site.yaml").write_text(text, encoding="utf-8")


async def tried(answer: Answer, *arguments: str, more: str = "") -> Result:
    """Run the command beside a receiver that answers so."""
    async with sink(answer) as server:
        write(f"channels:\n  bot: {{type: wecom, url: '{server.url}', private: true}}\n{more}")
        command = ["notify", "test", "--settings", "site.yaml", *arguments]
        return await asyncio.to_thread(CliRunner().invoke, main, command)


async def test_all_is_well() -> None:
    done = await tried(says({"errcode": 0}), more="  out: {type: console}\n")
    assert (done.exit_code, done.stdout) == (0, "bot  delivered\nout  delivered\n")
    assert "测试消息" in done.stderr


async def test_one_refuses_and_says_why() -> None:
    done = await tried(says({"errcode": 93000, "errmsg": "invalid webhook url"}))
    assert (done.exit_code, done.stdout) == (1, "bot  refused, code 93000: the key is not that of a bot\n")
    assert "hunter2" not in done.output
    done = await tried(says({"errcode": 93000}), "--output", "json")
    assert json.loads(done.stdout) == {
        "bot": {"type": "wecom", "result": "refused", "code": 93000, "hint": "the key is not that of a bot"}
    }


async def test_a_redirect_is_a_problem() -> None:
    done = await tried(status(302, location="http://127.0.0.1:1/"))
    assert (done.exit_code, done.stdout) == (1, "bot  redirected, code 302\n")


async def test_one_cannot_be_reached() -> None:
    more = f"  hook: {{type: webhook, private: true, url: 'http://127.0.0.1:{free_ports(1)[0]}/'}}\n"
    done = await tried(says({"errcode": 0}), more=more)
    assert (done.exit_code, done.stdout) == (3, "bot   delivered\nhook  unreachable\n")
    done = await tried(says({"errcode": 0}), "--channel", "bot", more=more)
    assert done.exit_code == 0


async def test_what_is_wrong_in_the_settings_is_told_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOCSIN_CHANNELS__BOT__KEY")
    more = "  hook: {type: webhook, url: 'http://hook.example/'}\n"
    done = await tried(status(200), more=more)
    assert done.exit_code == 2
    assert done.stderr == (
        "tocsin notify test: channels.bot: key_file is missing\n"
        "tocsin notify test: channels.hook: an address outside must be https\n"
    )


async def test_a_channel_that_is_not_there() -> None:
    done = await tried(status(200), "--channel", "bto")
    assert done.exit_code == 2
    assert done.stderr == 'tocsin notify test: --channel: unknown channel "bto": did you mean "bot"?\n'
