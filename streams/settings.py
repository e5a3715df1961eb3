"""Settings: a YAML file, the environment over it (`TOCSIN_WEB__PORT=8020`), the command line over both.

Secrets are not settings: they lie in files of their own, and settings name the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

from detectors.durations import parse_duration
from detectors.vocabulary import STREAMS

SHIPPED_RULES = Path(__file__).resolve().parent.parent / "rules"


class SettingsError(ValueError):
    """Settings that cannot be used; its text names every one of them, a line each."""


def _span_ms(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _known_stream(name: str) -> str:
    if name not in STREAMS:
        msg = f"unknown stream '{name}': one of {', '.join(STREAMS)}"
        raise ValueError(msg)
    return name


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        msg = f"unknown time zone '{name}'"
        raise ValueError(msg) from error
    return name


Span = Annotated[int, BeforeValidator(_span_ms), Field(ge=0)]
"""A duration as in rule files, in milliseconds."""

StreamName = Annotated[str, AfterValidator(_known_stream)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Web(_Part):
    """Where the page, the metrics and the API are served."""

    host: str = "127.0.0.1"
    port: int = Field(default=8010, ge=0, le=65535)  # 0 takes a free one
    token_file: Path | None = None  # asked for where the address is open to other machines
    hosts: tuple[str, ...] = ()  # names under which the page may be asked for besides loopback


class ConsoleChannel(_Part):
    """Lines on standard error."""

    type: Literal["console"]


class WebhookChannel(_Part):
    """Posts in the form of Alertmanager's webhook, signed where there is a secret."""

    type: Literal["webhook"]
    url: str
    secret_file: Path | None = None
    private: bool = False  # whether the address may lie in the site's own network


class AlertmanagerChannel(_Part):
    """Posts to a running Alertmanager and keeps its alerts alive."""

    type: Literal["alertmanager"]
    url: str


Channel = Annotated[ConsoleChannel | WebhookChannel | AlertmanagerChannel, Field(discriminator="type")]


class Settings(BaseSettings):
    """All that a site can choose, with the defaults in this one place."""

    model_config = SettingsConfigDict(
        env_prefix="TOCSIN_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    broker: tuple[str, ...] = ("localhost:9092",)
    group: str = "tocsin"  # consumer group, and the owner of the saved state
    rules: Path = SHIPPED_RULES
    streams: tuple[StreamName, ...] = ("calls", "complaints", "network")  # listened to, besides those of the rules
    stream_partitions: int = Field(default=8, ge=1)  # of topics that are not there yet
    judge_partitions: int = Field(default=4, ge=1)
    replicas: int = -1  # -1: what the broker does by default
    lateness: Span = 5_000
    expect_every: Mapping[StreamName, Span] = {}
    zone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    lang: Literal["zh", "en"] = "zh"
    web: Web = Web()
    channels: Mapping[str, Channel] = {"console": ConsoleChannel(type="console")}
    receivers: Mapping[str, tuple[str, ...]] = {}  # receiver of a rule's `notify` → channels; not named: all

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic hands it over; a .env file is not read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  nor are secrets settings
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, then environment, then file."""
        return (init_settings, env_settings, YamlConfigSettingsSource(settings_cls))


def read_settings(path: Path | None, given: Mapping[str, Any]) -> Settings:
    """Read the settings of a file (if there is one), the environment, and what the command line gave.

    Raise SettingsError naming everything that is wrong.
    """
    where = str(path) if path else "settings"

    class Read(Settings):
        model_config = SettingsConfigDict(yaml_file=path, yaml_file_encoding="utf-8")

    try:
        return Read(**given)
    except ValidationError as error:
        lines = [f"{where}: {_path(problem['loc'])}: {problem['msg']}" for problem in error.errors()]
        raise SettingsError("\n".join(lines)) from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{where}: {' '.join(str(error).split())}") from error


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "the file"


def bootstrap_of(brokers: str) -> tuple[str, ...]:
    """Read brokers as the command line gives them.

    >>> bootstrap_of("kafka://one:9092,two:9092")
    ('one:9092', 'two:9092')
    """
    addresses = tuple(part.strip() for part in brokers.removeprefix("kafka://").split(",") if part.strip())
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or "@" in address or "/" in address:
            msg = f"'{address}' is not HOST:PORT"
            raise ValueError(msg)
    if not addresses:
        msg = "no broker is named: kafka://HOST:PORT"
        raise ValueError(msg)
    return addresses


def secret_of(path: Path) -> str:
    """Read a secret from its file. Raise SettingsError if there is none, or others may read it."""
    try:
        text = path.read_text(encoding="utf-8").strip()
        mode = path.stat().st_mode & 0o077
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise SettingsError(f"{path}: the secret cannot be read: {why}") from error
    if not text:
        raise SettingsError(f"{path}: the secret is empty")
    if mode:
        raise SettingsError(f"{path}: others may read this secret: chmod 600 it")
    return text
