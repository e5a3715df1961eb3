"""The libraries speak of trouble, seldom."""

from __future__ import annotations

import logging

from streams.quiet import REPEAT_S, Seldom


def said(text: str, name: str = "aiokafka") -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, __file__, 1, text, ("127.0.0.1",), None)


def test_the_same_is_said_once_in_a_while() -> None:
    now_s = 100.0
    seldom = Seldom(lambda: now_s)
    assert seldom.filter(said("no connection to %s"))
    assert not seldom.filter(said("no connection to %s"))
    assert seldom.filter(said("something else about %s"))
    assert seldom.filter(said("no connection to %s", "aiokafka.conn"))
    now_s += REPEAT_S
    assert seldom.filter(said("no connection to %s"))
