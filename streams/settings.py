"""Settings: a YAML file, the environment over it (`TOCSIN_WEB__PORT=8020`), the command line over both.

`streams.settingsfile` reads them. Secrets never stand in the file: they lie in files of their own, and settings name
those; what lets us in to a channel may also come from the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, SecretStr
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from detectors.declaring import read_streams
from detectors.hours import Almanac
from detectors.places import Place, Problem, quoted
from detectors.vocabulary import Stream
from streams.calendars import OFFICIAL, almanac_of
from streams.channelsettings import AnyChannel, ConsoleChannel
from streams.noticesettings import NoticeSettings
from streams.security import Security
from streams.spans import Span

SHIPPED_RULES = Path(__file__).resolve().parent.parent / "rules"
DEFAULT_RULES = (SHIPPED_RULES / "telecom", SHIPPED_RULES / "service.yaml")
"""One trade, and the watcher itself: all trades together would tell of one trouble by the rules of five."""
_PORT_MAX = 65_535
_PAGE_URL_CHARS_MAX = 200  # it is a line of every digest


class SettingsError(ValueError):
    """Settings that cannot be used; its text names every one of them, a line each."""


def bootstrap_of(brokers: str) -> tuple[str, ...]:
    """Read brokers as the command line gives them.

    >>> bootstrap_of("kafka://one:9092,two:9092")
    ('one:9092', 'two:9092')
    """
    addresses = tuple(part.strip() for part in brokers.removeprefix("kafka://").split(",") if part.strip())
    for address in addresses:
        _address(address)
    if not addresses:
        raise ValueError("no broker is named: kafka://HOST:PORT")
    return addresses


def _address(text: str) -> str:
    if "@" in text:  # not quoted: what stands before it may be a password
        raise ValueError("a broker's address holds no user and password: they belong under security")
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) <= _PORT_MAX) or set("@/ ") & set(host):
        raise ValueError(f"{quoted(text)} is not HOST:PORT")
    return text


def _brokers(value: object) -> object:
    if value == []:
        raise ValueError("must name at least one broker, as HOST:PORT")
    return bootstrap_of(value) if isinstance(value, str) else value


def _names(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class WrongPartError(ValueError):
    """A part of the settings that is read by its own reader, and all that is wrong with it, by paths within it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


def _custom_streams(value: object) -> Mapping[str, Stream]:
    place = Place(value, (), [])
    streams = read_streams(place)
    if place.problems:
        raise WrongPartError(place.problems)
    return streams


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: the name of a folder of zones
        raise ValueError(f"unknown time zone {quoted(name)}: a name as Asia/Shanghai is asked for") from error
    return name


def _channel_name(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", name):
        raise ValueError(f"{quoted(name)}: a channel's name is a label: small letters, digits, - and _, 32 at most")
    return name


def _page_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("is no address of a page, as in https://noc.example:8010") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds no user and password: it stands in every message")  # not quoted: it may be a secret
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be http:// or https:// with a host, and neither ? nor #, as in https://noc.example")
    if len(text) > _PAGE_URL_CHARS_MAX or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"must be at most {_PAGE_URL_CHARS_MAX} printable ASCII characters, without spaces")
    return text.rstrip("/")


def _day(value: object) -> object:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and value != OFFICIAL else value
    except ValueError:
        raise ValueError(f"{quoted(str(value))} is no date, as in 2026-10-01, nor china") from None


ChannelName = Annotated[str, AfterValidator(_channel_name)]

Holiday = Annotated[date | Literal["china"], BeforeValidator(_day)]
"""A day, or the word for all official days off."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Operator(_Part):
    """Somebody who gives commands: known by a token of their own."""

    token_file: Path
    role: Literal["viewer", "operator", "approver"] = "operator"  # approver: customer notices too


class Web(_Part):
    """Where the page, the metrics and the API are served."""

    host: str = "127.0.0.1"
    port: int = Field(default=8010, ge=0, le=_PORT_MAX)  # 0 takes a free one
    token_file: Path | None = None  # asked for where the address is open to other machines
    operators: Mapping[str, Operator] = {}  # who may give commands; none named: whoever has the token, by any name
    hosts: tuple[str, ...] = ()  # names under which the page may be asked for besides loopback
    url: Annotated[str, AfterValidator(_page_url)] | None = None  # how people reach it: messages link to it


class Breaker(_Part):
    """When a partition is read slowly: where `share` of at least `events` events within a minute cannot be used."""

    share: float = Field(default=0.9, gt=0, le=1)
    events: int = Field(default=1_000, ge=1)


class Heartbeat(_Part):
    """An alert that always fires, posted to somebody outside who raises an alarm once it stops."""

    url: SecretStr | None = None  # mostly a secret: whoever knows it can keep the alarm quiet
    url_file: Path | None = None
    every: Span = 60_000
    private: bool = False


class Calendars(_Part):
    """How on-call calendars are fetched that the file of people names by their address."""

    every: Span = 900_000
    private: bool = False  # whether they may lie in the site's own network, and be asked by plain http


class Settings(BaseSettings):
    """All that a site can choose, with the defaults in this one place."""

    model_config = SettingsConfigDict(
        env_prefix="TOCSIN_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
        validate_default=False,  # a default is as it is used, and not as a file would write it
    )

    broker: Annotated[tuple[Annotated[str, AfterValidator(_address)], ...], BeforeValidator(_brokers), NoDecode] = (
        "localhost:9092",
    )
    security: Security = Security()
    group: str = "tocsin"  # consumer group, and the owner of the saved state
    # files and folders; those shipped for a mobile operator, where nothing is said
    rules: Annotated[tuple[Path, ...], BeforeValidator(_names), NoDecode] = DEFAULT_RULES
    # listened to, besides those of the rules and those declared here
    streams: Annotated[tuple[str, ...], BeforeValidator(_names), NoDecode] = (
        "calls",
        "complaints",
        "network",
        "plans",  # planned work keeps its alerts quiet, whatever the rules read
    )
    custom_streams: Annotated[Mapping[str, Stream], PlainValidator(_custom_streams)] = {}
    topology: Path | None = None  # the table of places
    stream_partitions: int = Field(default=8, ge=1)  # of topics that are not there yet
    judge_partitions: int = Field(default=4, ge=1)
    replicas: int = -1  # -1: what the broker does by default
    lateness: Span = 5_000
    expect_every: Mapping[str, Span] = {}
    breaker: Breaker = Breaker()
    zone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    # days that `holiday` means in rules; the official days off, and others by their dates
    holidays: Annotated[tuple[Holiday, ...], BeforeValidator(_names), NoDecode] = ("china",)
    lang: Literal["zh", "en"] = "zh"
    web: Web = Web()
    people: Path | None = None  # ladders, roles, rotas, who hears by what
    calendars: Calendars = Calendars()
    channels: Mapping[ChannelName, AnyChannel] = {"console": ConsoleChannel(type="console")}
    windows: Path | None = None  # maintenance windows, in a file of their own
    receivers: Mapping[str, tuple[str, ...]] = {}  # receiver of a rule's `notify` → channels; not named: all
    notices: NoticeSettings = NoticeSettings()  # who is told of them, in which order
    state_dir: Path | None = None  # of the outbox; not named: STATE_DIRECTORY, or ~/.local/state/tocsin
    heartbeat: Heartbeat = Heartbeat()

    @property
    def almanac(self) -> Almanac:
        """The site's clock and calendar, as rules need them."""
        return almanac_of(self.zone, self.holidays)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  pydantic hands all of them over
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  a .env file is not read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  secrets are no settings
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the environment says, over what is given."""
        return (env_settings, init_settings)


def secret_of(path: Path) -> str:
    """Read a secret from its file. Raise SettingsError if there is none, or others may read it."""
    try:
        text = path.read_text(encoding="utf-8").strip()
        mode = path.stat().st_mode & 0o077
    except OSError as error:
        raise SettingsError(f"{path}: the secret cannot be read: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: the secret is not UTF-8") from None  # the reason would quote a part of it
    if not text:
        raise SettingsError(f"{path}: the secret is empty")
    if mode and not _is_credential(path):
        raise SettingsError(f"{path}: others may read this secret: chmod 600 it")
    return text


def _is_credential(path: Path) -> bool:
    """Say whether systemd keeps this file for this service alone; by its access list the group seems to read it."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and path.resolve().is_relative_to(Path(folder).resolve())
