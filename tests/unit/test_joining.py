"""What commands that run the service have in common: a trouble is one clear line and an exit code."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from aiohttp import web
from aiokafka.errors import KafkaConnectionError
from click.testing import CliRunner

from alerts.records import parse_time
from streams.beside import every
from streams.commands.joining import configured, ending, joined
from streams.door import ExposedError
from streams.hosting import DataLost
from streams.report import ReportError
from streams.running import run
from streams.settings import Calendars, Settings, SettingsError, Web
from streams.snapshots import SnapshotError
from streams.topics import BrokerUnreachable, TopicError
from tests.sink import sink

DUTY = Path(__file__).parents[1] / "data" / "duty.ics"
ON_DUTY = ("2026-03-02T00:00:00Z", "an")

RULE = """
version: 1
rules:
  - {id: surge, title: {en: Surge, zh: 激增}, stream: complaints, measure: count, levels: {red: 4}, notice: outage}
"""


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """Leave the root logger as it was: `ending` configures it for the process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize(
    ("trouble", "code", "said"),
    [
        (SettingsError("site.yaml:1:1: one\nsite.yaml:2:1: two"), 2, "x: site.yaml:1:1: one\nx: site.yaml:2:1: two\n"),
        (TopicError("a topic is wrong"), 2, "x: a topic is wrong\n"),
        (ExposedError("set a token first"), 2, "x: set a token first\n"),
        (DataLost("the log was made anew"), 2, "x: the log was made anew\n"),
        (SnapshotError("for 3 partitions"), 2, "x: for 3 partitions\n"),
        (ReportError("of another version"), 2, "x: of another version\n"),
        (BrokerUnreachable("no Kafka broker answers at a:1"), 3, "x: no Kafka broker answers at a:1\n"),
        (KafkaConnectionError("Unable to bootstrap"), 3, "x: KafkaConnectionError: Unable to bootstrap\n"),
        (OSError(98, "address already in use"), 3, "x: address already in use\n"),
        (TimeoutError(), 3, "x: something needed did not answer in time\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_a_trouble_is_told_and_has_its_exit_code(trouble: BaseException, code: int, said: str) -> None:
    @click.command()
    @click.pass_context
    def command(context: click.Context) -> None:
        with ending(context, "x"):
            raise trouble

    result = CliRunner().invoke(command)
    assert (result.exit_code, result.stderr, result.stdout) == (code, said, "")


def test_our_own_mistakes_are_not_hidden() -> None:
    @click.command()
    @click.pass_context
    def command(context: click.Context) -> None:
        with ending(context, "x"):
            raise ZeroDivisionError

    assert isinstance(CliRunner().invoke(command).exception, ZeroDivisionError)


def settings(rules: Path, **changed: object) -> Settings:
    return Settings().model_copy(update={"rules": (rules,), "web": Web(port=0), "broker": ("127.0.0.1:1",), **changed})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("version: 1\nrules: []", "no rules", id="no rules"),
        pytest.param(
            RULE.replace("outage", "outrage"),
            'rules.yaml:4:107: rules[0].notice: unknown notice template "outrage": did you mean "outage"?',
            id="a notice",
        ),
        pytest.param(
            RULE.replace("count", "cout"), 'rules.yaml:4:74: rules[0].measure: unknown measure "cout"', id="a measure"
        ),
    ],
)
def test_wrong_rules_are_told_before_anything_is_opened(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "rules.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        joined(settings(tmp_path / "rules.yaml"), clock=lambda: 0)
    assert said in str(refused.value)


def test_the_command_line_names_broker_rules_and_port(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULE, encoding="utf-8")
    service = configured(None, broker="kafka://a:1,b:2", rules=[tmp_path / "rules.yaml"], web_port=0)
    assert service.settings.broker == ("a:1", "b:2")
    assert [rule.id for rule in service.rules] == ["surge"]
    assert service.settings.web.port == 0
    assert service.streams == ("calls", "complaints", "network", "plans")
    with pytest.raises(SettingsError, match=r'^--broker: "here" is not HOST:PORT$'):
        configured(None, broker="here", web_port=None)


def test_what_ends_the_host_is_raised_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULE, encoding="utf-8")
    service = joined(settings(tmp_path / "rules.yaml"), clock=lambda: 0)
    with pytest.raises(KafkaConnectionError):
        run(service, lambda: None)


def test_what_fails_beside_the_service_ends_it_and_is_raised_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules.yaml").write_text(RULE, encoding="utf-8")
    service = joined(settings(tmp_path / "rules.yaml"), clock=lambda: 0)
    stopped = asyncio.Event()
    monkeypatch.setattr(service, "stop", stopped.set)

    async def serve(_on_ready: object) -> None:
        await stopped.wait()

    async def fail() -> None:
        raise BrokenPipeError

    monkeypatch.setattr(service, "run", serve)
    with pytest.raises(BrokenPipeError):
        run(service, lambda: None, fail())


async def test_a_refresh_that_fails_ends_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules.yaml").write_text(RULE, encoding="utf-8")
    service = joined(settings(tmp_path / "rules.yaml"), clock=lambda: 0)
    failed: list[BaseException] = []
    monkeypatch.setattr(service.host, "fail", failed.append)

    async def act() -> None:
        raise ZeroDivisionError

    await every(0, act, service.host.fail)
    assert [type(reason) for reason in failed] == [ZeroDivisionError]


async def test_what_is_done_at_once_is_done_before_the_first_wait() -> None:
    done: list[str] = []

    async def act() -> None:
        done.append("done")
        raise ZeroDivisionError

    await every(3_600, act, lambda reason: done.append(type(reason).__name__), at_once=True)
    assert done == ["done", "ZeroDivisionError"]


async def test_the_service_answers_by_the_calendars_it_fetched(tmp_path: Path) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=DUTY.read_text(encoding="utf-8"))

    (tmp_path / "rules.yaml").write_text(RULE, encoding="utf-8")
    async with sink(answer) as server:
        people = f"version: 1\nroles:\n  duty: {{calendar: '{server.url}'}}\npeople: {{an: {{}}}}\n"
        (tmp_path / "people.yaml").write_text(people, encoding="utf-8")
        chosen = settings(tmp_path / "rules.yaml").model_copy(
            update={
                "people": tmp_path / "people.yaml",
                "calendars": Calendars(private=True),
                "state_dir": tmp_path / "state",
            }
        )
        service = joined(chosen, clock=lambda: 0)
        at_ms = parse_time(ON_DUTY[0])
        roster = service._crew.roster
        assert roster.on("duty", {}, at_ms) == ()
        await service._feeds.refresh()
        assert roster.on("duty", {}, at_ms) == (ON_DUTY[1],)
    again = joined(chosen, clock=lambda: 0)
    assert again._crew.roster.on("duty", {}, at_ms) == (ON_DUTY[1],), "the copy outlives the worker"
    await again._feeds.refresh()
    assert again.reasons() == service.reasons(), "it blocks nothing"
    assert len(again.warnings()) == 1
