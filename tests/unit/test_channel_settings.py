"""The settings of channels: what is wrong is told at its place, and no secret stands in the file or is shown."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.channelsettings import WeComChannel
from streams.settings import SettingsError
from streams.settingsfile import read_settings

Write = Callable[[str], Path]
SMS = "type: sms, url: x, sign_name: s, template: t"
MAIL = "type: email, host: h, sender: a@b.c, recipients: [b@c.d]"


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


def test_the_secret_of_a_channel_comes_from_the_environment_and_shows_nowhere(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_CHANNELS__NOC__KEY", "hunter2")
    settings = read_settings(write("channels: {noc: {type: wecom, fallback_after: 30s}}"), {})
    channel = settings.channels["noc"]
    assert isinstance(channel, WeComChannel)
    assert channel.key is not None
    assert (channel.key.get_secret_value(), channel.fallback_after) == ("hunter2", 30_000)
    assert "hunter2" not in f"{settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    monkeypatch.setenv("TOCSIN_CHANNELS__NOC__KEY_FILE", "/run/key")
    with pytest.raises(SettingsError, match="key and key_file both say where the secret is") as refused:
        read_settings(Path("site.yaml"), {})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ("{type: wecom, key: hunter2}", "name its file, as key_file, or set TOCSIN_CHANNELS__A__KEY"),
        ("{type: email, host: h, sender: a, recipients: [b@c.d]}", "channels.a.sender: is not a mail address"),
        ("{type: email, host: h, sender: a@b.c, recipients: []}", "channels.a.recipients: must name at least one"),
        (f"{{{MAIL}, username: u}}", "channels.a: username and password_file belong together"),
        (
            f"{{{MAIL}, username: u, password_file: p, tls: none}}",
            "channels.a: a password is not sent in the clear: tls must be starttls or tls",
        ),
        (f"{{{SMS}, numbers: []}}", "channels.a.numbers: must name at least one"),
        (
            f"{{{SMS}, numbers: ['+86 139']}}",
            "channels.a.numbers[0]: is not a telephone number: digits, with + before the country",
        ),
        (f"{{{SMS}, numbers: [13900000000]}}", "channels.a.numbers[0]: must be text, not what stands there"),
        ("{type: console, per_minute: 0}", "channels.a.per_minute: must be at least 1, not the number 0"),
        ("{type: console, fallback: b}", 'channels.a.fallback: unknown channel "b": '),
        ("{type: console, fallback: a}", "channels.a.fallback: leads back to a: a → a"),
        ("{type: apprise, urls_file: 7}", "channels.a.urls_file: must be the path of a file, not the number 7"),
    ],
)
def test_a_mistake_is_told_in_one_line(write: Write, channel: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(write(f"channels:\n  a: {channel}"), {})
    (line,) = str(refused.value).splitlines()
    assert line.startswith("site.yaml:2:")
    assert said in line
    assert "hunter2" not in line
    assert "139" not in line


def test_the_name_of_a_channel_is_a_label(write: Write) -> None:
    with pytest.raises(SettingsError, match=r"a channel's name is a label: small letters, digits, - and _, 32 at most"):
        read_settings(write("channels: {A b: {type: console}}"), {})


def test_a_circle_of_fallbacks_is_told_for_each(write: Write) -> None:
    said = ", ".join(f"{name}: {{type: console, fallback: {behind}}}" for name, behind in ("ab", "bc", "ca"))
    with pytest.raises(SettingsError) as refused:
        read_settings(write(f"channels: {{{said}}}"), {})
    ends = [line.rpartition(": ")[2] for line in str(refused.value).splitlines()]
    assert ends == ["a → b → c → a", "b → c → a → b", "c → a → b → c"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("heartbeat: {url: 'https://hunter2.example'}", "name its file, as url_file, or set TOCSIN_HEARTBEAT__URL"),
        ("heartbeat: {every: 5}", "heartbeat.every: must be a duration with its unit, as in 10s, not the number 5"),
        ("heartbeat: {evry: 5s}", 'heartbeat.evry: unknown key "evry": did you mean "every"?'),
    ],
)  # fmt: skip
def test_the_heartbeat(write: Write, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(write(text), {})
    (line,) = str(refused.value).splitlines()
    assert line.endswith(said)
