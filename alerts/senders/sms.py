"""Text messages through a gateway that takes signed JSON: approved templates and their parameters, and no free text.

That is how Chinese carriers want it. The gateway is the site's own small program, or a provider's, in front of the
provider's interface: it gets numbers, the signature's name, a template code and short parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from alerts.digests import digest_key
from alerts.notifications import ASIDES, Delivery, Notification, Result
from alerts.senders.signing import signed
from alerts.texts import LEVEL_WORDS, Language, clean, key_words, number

if TYPE_CHECKING:
    from alerts.senders.poster import Poster

PER_MINUTE = 30
PARAMETER_LEN_MAX = 35
"""Characters: longer parameters are refused by the carriers' checks."""

_CODES_OK = ("OK", "ok", "Ok", "0", 0)


@dataclass(frozen=True, slots=True)
class SmsPlan:
    """Who is told, and by which approved template. Numbers are personal: they are shown nowhere."""

    numbers: tuple[str, ...] = field(repr=False)
    sign_name: str
    template: str
    digest_template: str
    language: Language


class SmsSender:
    """Asks the gateway to send one message to all numbers."""

    def __init__(self, plan: SmsPlan, poster: Poster, *, now_ms: Callable[[], int], secret: str) -> None:
        self._plan = plan
        self._poster = poster
        self._now_ms = now_ms
        self._secret = secret.encode()

    async def send(self, notification: Notification) -> Delivery:
        """Tell it."""
        if notification.reason in ASIDES:
            return Delivery(Result.DELIVERED)  # it wakes nobody
        parameters = parameters_of(notification, self._plan.language)
        return await self._tell(self._plan.template, parameters, notification.idempotency_key)

    async def send_digest(self, notifications: Sequence[Notification]) -> Delivery:
        """Tell how many there are, and the worst."""
        notifications = [each for each in notifications if each.reason not in ASIDES]
        if not notifications:
            return Delivery(Result.DELIVERED)
        worst = min(notifications, key=lambda each: list(LEVEL_WORDS).index(each.record.level))
        reds = sum(each.record.level == "red" for each in notifications)
        parameters = parameters_of(worst, self._plan.language) | {"count": str(len(notifications)), "reds": str(reds)}
        return await self._tell(self._plan.digest_template, parameters, digest_key(notifications))

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()

    async def _tell(self, template: str, parameters: Mapping[str, str], key: str) -> Delivery:
        body = msgspec.json.encode(
            {
                "numbers": self._plan.numbers,
                "sign_name": self._plan.sign_name,
                "template": template,
                "parameters": parameters,
                "key": key,
            }
        )
        delivery, answer = await self._poster.ask(body, headers=signed(self._secret, self._now_ms(), body, key))
        if delivery.result is not Result.DELIVERED or not answer:
            return delivery
        try:
            said: Any = msgspec.json.decode(answer)
        except msgspec.DecodeError:
            return Delivery(Result.UNAVAILABLE)
        code = said.get("code", "OK") if isinstance(said, dict) else None
        return delivery if code in _CODES_OK else Delivery(Result.REFUSED, code=code if isinstance(code, int) else None)


def parameters_of(notification: Notification, language: Language) -> dict[str, str]:
    """Give what a template may use: level, title, where and value, each short."""
    record = notification.record
    said = {
        "level": LEVEL_WORDS[record.level][language],
        "title": record.title[language],
        "where": key_words(record.key, language),
        "value": number(record.value, language),
    }
    return {name: clean(text, PARAMETER_LEN_MAX) for name, text in said.items()}
