"""What Faust and aiokafka may say: trouble, and each kind of it not more often than every half minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

REPEAT_S = 30.0

_CHATTY = ("faust", "mode", "kafka")
_FLOODING = (
    "aiokafka",
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.sender",
)


class Seldom(logging.Filter):
    """Lets a message through once in `REPEAT_S`: without a broker aiokafka says the same a hundred times a second."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._said_s: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether this kind of message was not heard lately."""
        kind, now_s = (record.name, str(record.msg)), self._monotonic()
        if now_s - self._said_s.get(kind, -REPEAT_S) < REPEAT_S:
            return False
        self._said_s[kind] = now_s
        return True


def quiet_libraries() -> None:
    """Let the libraries speak only of trouble, and seldom. What a host does, it says itself."""
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    seldom = Seldom()
    for name in _FLOODING:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if not any(isinstance(each, Seldom) for each in logger.filters):
            logger.addFilter(seldom)
