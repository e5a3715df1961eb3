"""Statements in both languages: sentences of a file, in which names are replaced by words of the same language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from alerts.texts import LANGUAGES, fill

Text = Mapping[str, str]
"""The same in each language."""

BETWEEN: Text = {"en": "; ", "zh": "；"}
COMMA: Text = {"en": ", ", "zh": "、"}
SPACE: Text = {"en": " ", "zh": " "}
COLON: Text = {"en": ": ", "zh": "："}


@cache
def _sentences() -> Mapping[str, Mapping[str, str]]:
    raw = files("alerts").joinpath("templates", "explain", "statements.toml").read_text(encoding="utf-8")
    return tomllib.loads(raw)


def state(name: str, /, **words: str | Text) -> Text:
    """Say a sentence. A word is a text in each language, or one that is the same in all.

    >>> state("nobody")["en"]
    'Nobody has acknowledged it, as far as the history goes'
    >>> state("by", by="王工")["zh"]
    '，由 王工'
    """
    sentence = _sentences()[name]
    told: dict[str, str] = {}
    for language in LANGUAGES:
        spoken = {key: word if isinstance(word, str) else word[language] for key, word in words.items()}
        told[language] = fill(sentence[language], spoken.get)
    return told


def joined(texts: Sequence[Text], by: Text = BETWEEN) -> Text:
    """Put texts behind each other."""
    return {language: by[language].join(text[language] for text in texts) for language in LANGUAGES}


NOTHING: Text = dict.fromkeys(LANGUAGES, "")
