"""Settings: whose word counts, and what an operator reads who mistyped one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.channelsettings import WebhookChannel
from streams.settings import Settings, SettingsError, Web, bootstrap_of, secret_of
from streams.settingsfile import read_settings

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write `site.yaml` into the working folder, so that messages begin with that name."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        Path("site.yaml").write_text(text, encoding="utf-8")
        return Path("site.yaml")

    return write


def test_the_documented_defaults_are_the_defaults_and_load(write: Write) -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert read_settings(write(block), {}) == Settings() == read_settings(None, {})
    named = set(re.findall(r"^(\w+):", block, re.MULTILINE))
    assert named == Settings.model_fields.keys() - {"rules"}, "the path of the rules shipped depends on the site"


def test_environment_over_file_and_command_line_over_both(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("lateness: 10s\ngroup: file\nzone: UTC\nweb: {port: 1, hosts: [noc]}\nbroker: ['file:1']")
    assert read_settings(path, {}).lateness == 10_000
    monkeypatch.setenv("TOCSIN_GROUP", "environment")
    monkeypatch.setenv("TOCSIN_LATENESS", "2s")
    monkeypatch.setenv("TOCSIN_WEB__PORT", "2")
    monkeypatch.setenv("TOCSIN_BROKER", "kafka://one:1,two:2")
    settings = read_settings(path, {"group": "command line"})
    assert (settings.zone, settings.lateness, settings.group) == ("UTC", 2_000, "command line")
    assert settings.web == Web(port=2, hosts=("noc",)), "a variable changes one thing, and leaves the others"
    assert settings.broker == ("one:1", "two:2")


def test_lists_and_mappings_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_STREAMS", "calls, network")
    monkeypatch.setenv("TOCSIN_RULES", "rules/freight")
    assert read_settings(None, {}).rules == (Path("rules/freight"),), "one path will do"
    monkeypatch.setenv("TOCSIN_RULES", "rules/freight, rules/service.yaml")
    assert read_settings(None, {}).rules == (Path("rules/freight"), Path("rules/service.yaml"))
    monkeypatch.setenv("TOCSIN_EXPECT_EVERY", '{"network": "2m"}')
    monkeypatch.setenv("TOCSIN_CHANNELS__HOOK__TYPE", "webhook")
    monkeypatch.setenv("TOCSIN_CHANNELS__HOOK__URL", "https://hook.example")
    settings = read_settings(None, {})
    assert (settings.streams, settings.expect_every) == (("calls", "network"), {"network": 120_000})
    assert settings.channels["hook"] == WebhookChannel(type="webhook", url="https://hook.example")


MISTAKES = {
    "latenes: 5s": '1:1: latenes: unknown key "latenes": did you mean "lateness"?',
    "_env_file: x": f'1:1: _env_file: unknown key "_env_file": there are {", ".join(Settings.model_fields)}',
    "web: {prot: 1}": '1:7: web.prot: unknown key "prot": did you mean "port"?',
    "web: {port: 99999}": "1:13: web.port: must be at most 65535, not the number 99999",
    "web: {port: -1}": "1:13: web.port: must be at least 0, not the number -1",
    "web: {port: http}": '1:13: web.port: must be a whole number, not the text "http"',
    "web: {port: 5.5}": "1:13: web.port: must be a whole number, not the number 5.5",
    "web: {url: 'ftp://noc.example'}": "1:12: web.url: must be http:// or https:// with a host, and neither ? nor #, "
    "as in https://noc.example",
    "web: {url: 'https://noc.example/#x'}": "1:12: web.url: must be http:// or https:// with a host, and neither ? "
    "nor #, as in https://noc.example",
    "web: {url: 'https://an:secret@noc.example'}": "1:12: web.url: holds no user and password: it stands in every "
    "message",
    "web: {url: 'https://noc.example:99999'}": "1:12: web.url: is no address of a page, as in https://noc.example:8010",
    "web: {url: 'https://noc.example/%s'}"
    % ("x" * 200): "1:12: web.url: must be at most 200 printable ASCII characters, without spaces",
    "web: 8010": "1:6: web: must be a mapping, not the number 8010",
    "group: 7": "1:8: group: must be text, not the number 7",
    "rules: 7": "1:8: rules: must be a list, not the number 7",
    "broker: [here]": '1:10: broker[0]: "here" is not HOST:PORT',
    "broker: ['kafka://a:1']": '1:10: broker[0]: "kafka://a:1" is not HOST:PORT',
    "broker: []": "1:9: broker: must name at least one broker, as HOST:PORT",
    "broker: 7": "1:9: broker: must be a list, not the number 7",
    "streams: [cals]": '1:11: streams[0]: unknown stream "cals": did you mean "calls"?',
    "stream_partitions: 0": "1:20: stream_partitions: must be at least 1, not the number 0",
    "lateness: 5": "1:11: lateness: must be a duration with its unit, as in 10s, not the number 5",
    "lateness: soon": "1:11: lateness: is not a duration: write a number and ms, s, m, h or d, as in 10s",
    "expect_every: {cals: 5m}": '1:16: expect_every.cals: unknown stream "cals": did you mean "calls"?',
    "expect_every: {calls: often}": "1:23: expect_every.calls: is not a duration: write a number and ms, s, m, h or d, "
    "as in 10s",
    "security: {protocol: ssl}": "1:22: security.protocol: must be plaintext, tls, sasl_tls or sasl_plaintext, "
    'not the text "ssl"',
    "security: {pasword_file: x}": '1:12: security.pasword_file: unknown key "pasword_file": did you mean '
    '"password_file"?',
    "security: {protocol: sasl_tls}": "1:11: security: sasl_tls needs username and password_file",
    "breaker: {shar: 0.5}": '1:11: breaker.shar: unknown key "shar": did you mean "share"?',
    "breaker: {share: 0}": "1:18: breaker.share: must be more than 0.0, not the number 0",
    "breaker: {share: all}": '1:18: breaker.share: must be a number, not the text "all"',
    "zone: Mars": '1:7: zone: unknown time zone "Mars": a name as Asia/Shanghai is asked for',
    "holidays: [2026-02-30]": '1:12: holidays[0]: "2026-02-30" is no date, as in 2026-10-01, nor china',
    "zone: ../etc": '1:7: zone: unknown time zone "../etc": a name as Asia/Shanghai is asked for',
    "lang: fr": '1:7: lang: must be zh or en, not the text "fr"',
    "channels: [a]": "1:11: channels: must be a mapping, not a list",
    "channels: {a: {type: webhok}}": '1:22: channels.a.type: unknown type "webhok": did you mean "webhook"?',
    "channels: {a: {url: x}}": '1:15: channels.a: "type" is missing: one of console, wecom, dingtalk, feishu, email, '
    "sms, webhook, alertmanager, kafka, apprise",
    "channels: {a: {type: webhook}}": "1:15: channels.a.url: is missing",
    "channels: {a: {type: webhook, url: x, urll: y}}": '1:39: channels.a.urll: unknown key "urll": did you mean "url"?',
    "channels: {a: {type: webhook, url: x, private: maybe}}": "1:48: channels.a.private: must be true or false, "
    'not the text "maybe"',
    "receivers: {noc: console}": '1:18: receivers.noc: must be a list, not the text "console"',
    "receivers: {noc: [consle]}": '1:19: receivers.noc[0]: unknown channel "consle": did you mean "console"?',
    "{channels: {}, receivers: {noc: [a]}}": '1:34: receivers.noc[0]: unknown channel "a": there are none',
    "notices: {audiences: []}": "1:22: notices.audiences: names 0 audiences: there is one at least, and 8 at most",
    "notices: {audiences: [{tier: ' vip'}]}": '1:30: notices.audiences[0].tier: " vip" is no tier: at most 32 '
    "printable characters, as in vip",
    "notices: {audiences: [{tier: vip, tehn: 5m}]}": '1:35: notices.audiences[0].tehn: unknown key "tehn": did you '
    'mean "then"?',
    "notices: {audience: []}": '1:11: notices.audience: unknown key "audience": did you mean "audiences"?',
    "notices: {audiences: [{tier: vip}, {tier: vip}]}": '1:22: notices.audiences: names "vip" twice: nobody is told a '
    "notice twice",
    "notices: {templates: {queue: [{tier: vip, then: 3h}, {tier: all}]}}": "1:30: notices.templates.queue: the head "
    "starts add up to 3 h: all must have heard 3 h after the fault",
    "zone: UTC\nzone: UTC": "2:1: zone: duplicate key: it is on line 1 already",
    "zone: [": "1:8: (file): expected the node content, but found '<stream end>' (while parsing a flow node from "
    "line 1)",
    "- zone": "1:1: (file): must be a mapping of settings, not a list",
    "": "1:1: (file): is empty",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_in_one_line_with_its_place(write: Write, text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(write(text), {})
    assert str(refused.value) == f"site.yaml:{MISTAKES[text]}"


def test_all_mistakes_are_told_at_once(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_JUDGE_PARTITIONS", "none")
    with pytest.raises(SettingsError) as refused:
        read_settings(write("latenes: 5s\nlang: fr\nweb: {prot: 3}\n"), {})
    places = [line.split(": ")[0] for line in str(refused.value).splitlines()]
    assert places == ["site.yaml:1:1", "TOCSIN_JUDGE_PARTITIONS", "site.yaml:2:7", "site.yaml:3:7"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TOCSIN_WEB__PORT", "http", 'TOCSIN_WEB__PORT: must be a whole number, not the text "http"'),
        ("TOCSIN_STREAMS", "calls,cals", 'TOCSIN_STREAMS: [1]: unknown stream "cals": did you mean "calls"?'),
        ("TOCSIN_EXPECT_EVERY", '{"cals": "1m"}', 'TOCSIN_EXPECT_EVERY: cals: unknown stream "cals": did you mean'),
        ("TOCSIN_EXPECT_EVERY", "network:2m", "TOCSIN_EXPECT_EVERY: must be JSON, as in TOCSIN_EXPECT_EVERY='{"),
        ("TOCSIN_WEB__HOSTS", "noc", "TOCSIN_WEB__HOSTS: must be JSON, as in TOCSIN_EXPECT_EVERY='{"),
    ],
)
def test_a_variable_is_named_when_it_is_to_blame(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings(write("web: {port: 80}"), {})
    assert str(refused.value).startswith(said)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"site\.yaml:1:1: \(file\): cannot be read: no such file or directory"):
        read_settings(tmp_path / "site.yaml", {})
    (tmp_path / "site.yaml").write_bytes(b"zone: \xff")
    with pytest.raises(SettingsError, match=r"site\.yaml:1:7: \(file\): is not UTF-8: byte 0xff"):
        read_settings(tmp_path / "site.yaml", {})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "no broker is named: kafka://HOST:PORT"),
        ("kafka://", "no broker is named: kafka://HOST:PORT"),
        ("localhost", '"localhost" is not HOST:PORT'),
        (":9092", '":9092" is not HOST:PORT'),
        ("a:0", '"a:0" is not HOST:PORT'),
        ("a:70000", '"a:70000" is not HOST:PORT'),
        ("a:1,b", '"b" is not HOST:PORT'),
        ("user:secret@a:1", "a broker's address holds no user and password: they belong under security"),
        ("http://a:1", '"http://a:1" is not HOST:PORT'),
    ],
)
def test_a_bad_broker(given: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        bootstrap_of(given)


def test_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with pytest.raises(SettingsError, match=r"secret: the secret cannot be read: no such file or directory$"):
        secret_of(path)
    path.write_text("hush\n")
    path.chmod(0o640)
    with pytest.raises(SettingsError, match=r"secret: others may read this secret: chmod 600 it$") as refused:
        secret_of(path)
    assert "hush" not in str(refused.value)
    path.chmod(0o400)
    assert secret_of(path) == "hush"
    path.chmod(0o600)
    path.write_text(" \n")
    with pytest.raises(SettingsError, match=r"secret: the secret is empty$"):
        secret_of(path)
    path.write_bytes(b"hush\xff")
    with pytest.raises(SettingsError, match=r"secret: the secret is not UTF-8$"):
        secret_of(path)


def test_the_address_of_the_page_is_kept_without_a_slash_at_its_end() -> None:
    assert Web(url="https://noc.example:8443/").url == "https://noc.example:8443"
    assert Web().url is None
