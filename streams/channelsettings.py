"""The settings of channels: by what people hear. A secret lies in a file that is named, or in the environment.

`key_file: /etc/tocsin/wecom-key`, or `TOCSIN_CHANNELS__NOC__KEY` for the channel `noc`; never in the settings file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from alerts.senders import apprise, dingtalk, email, feishu, sms, wecom
from streams.spans import Span

_PORT_MAX = 65_535
_NUMBER = re.compile(r"\+?[0-9]{5,15}")
_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")

SECRETS = ("key", "token", "secret", "password")
"""Fields that hold a secret; each may come from the file that `<field>_file` names."""


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise ValueError("is not a telephone number: digits, with + before the country")  # not quoted: it is personal
    return text


def _mail_address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("is not a mail address")
    return text


def _some(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise ValueError("must name at least one")
    return values


MailAddress = Annotated[str, AfterValidator(_mail_address)]


class Channel(BaseModel):
    """What every channel may say."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    type: str
    fallback: str | None = None  # the channel that is told what this one does not take
    fallback_after: Span = 120_000  # what is about red is told there too if it waited this long
    per_minute: int | None = Field(default=None, ge=1)  # messages; what is more is told in digests where it can be

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        for name in SECRETS:
            if getattr(self, f"{name}_file", None) is not None and getattr(self, name, None) is not None:
                raise ValueError(f"{name} and {name}_file both say where the secret is: one of them")
        return self


class ConsoleChannel(Channel):
    """Lines on standard error."""

    type: Literal["console"]


class TopicChannel(Channel):
    """JSON records on the topic `tocsin.notifications`."""

    type: Literal["kafka"]


class WebhookChannel(Channel):
    """Posts in the form of Alertmanager's webhook, signed where there is a secret."""

    type: Literal["webhook"]
    url: str
    secret: SecretStr | None = None
    secret_file: Path | None = None
    private: bool = False  # whether the address may lie in the site's own network


class AlertmanagerChannel(Channel):
    """Posts to a running Alertmanager and keeps its alerts alive."""

    type: Literal["alertmanager"]
    url: str


class WeComChannel(Channel):
    """A WeCom group bot."""

    type: Literal["wecom"]
    key: SecretStr | None = None
    key_file: Path | None = None
    url: str = wecom.URL
    private: bool = False
    per_minute: int | None = Field(default=wecom.PER_MINUTE, ge=1)


class DingTalkChannel(Channel):
    """A DingTalk group bot."""

    type: Literal["dingtalk"]
    token: SecretStr | None = None
    token_file: Path | None = None
    secret: SecretStr | None = None
    secret_file: Path | None = None
    url: str = dingtalk.URL
    private: bool = False
    per_minute: int | None = Field(default=dingtalk.PER_MINUTE, ge=1)


class FeishuChannel(Channel):
    """A Feishu group bot."""

    type: Literal["feishu"]
    token: SecretStr | None = None
    token_file: Path | None = None
    secret: SecretStr | None = None
    secret_file: Path | None = None
    url: str = feishu.URL
    private: bool = False
    per_minute: int | None = Field(default=feishu.PER_MINUTE, ge=1)


class SmsChannel(Channel):
    """Text messages through a signed HTTP gateway, by approved templates."""

    type: Literal["sms"]
    url: str
    numbers: Annotated[tuple[Annotated[str, AfterValidator(_number)], ...], AfterValidator(_some)] = Field(repr=False)
    sign_name: str
    template: str
    digest_template: str | None = None  # with the parameters count and reds besides; none: no digests
    secret: SecretStr | None = None
    secret_file: Path | None = None
    private: bool = False
    per_minute: int | None = Field(default=sms.PER_MINUTE, ge=1)


class EmailChannel(Channel):
    """Mails by SMTP."""

    type: Literal["email"]
    host: str
    port: int = Field(default=587, ge=1, le=_PORT_MAX)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    sender: MailAddress
    recipients: Annotated[tuple[MailAddress, ...], AfterValidator(_some)]
    username: str = ""
    password: SecretStr | None = None
    password_file: Path | None = None
    per_minute: int | None = Field(default=email.PER_MINUTE, ge=1)

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        has_password = self.password is not None or self.password_file is not None
        if has_password and self.tls == "none":
            raise ValueError("a password is not sent in the clear: tls must be starttls or tls")
        if has_password != bool(self.username):
            raise ValueError("username and password_file belong together")
        return self


class AppriseChannel(Channel):
    """The services that Apprise knows; the file holds an address a line."""

    type: Literal["apprise"]
    urls_file: Path
    per_minute: int | None = Field(default=apprise.PER_MINUTE, ge=1)


KINDS: Mapping[str, type[Channel]] = {
    "console": ConsoleChannel,
    "wecom": WeComChannel,
    "dingtalk": DingTalkChannel,
    "feishu": FeishuChannel,
    "email": EmailChannel,
    "sms": SmsChannel,
    "webhook": WebhookChannel,
    "alertmanager": AlertmanagerChannel,
    "kafka": TopicChannel,
    "apprise": AppriseChannel,
}
AnyChannel = Annotated[
    ConsoleChannel
    | WeComChannel
    | DingTalkChannel
    | FeishuChannel
    | EmailChannel
    | SmsChannel
    | WebhookChannel
    | AlertmanagerChannel
    | TopicChannel
    | AppriseChannel,
    Field(discriminator="type"),
]
