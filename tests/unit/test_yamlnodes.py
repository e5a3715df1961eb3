"""The quick reader of YAML reads as the slow one does: the same nodes, at the same lines and columns."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from streams import yamlnodes
from streams.yamlnodes import YamlSyntaxError, compose
from tests.conftest import DATA

ROOT = Path(__file__).parents[2]


def texts() -> list[str]:
    found = [*(ROOT / "rules").rglob("*.yaml"), *(DATA / "rules").rglob("*.yaml"), *(ROOT / "examples").rglob("*.yaml")]
    return [path.read_text(encoding="utf-8-sig", errors="ignore") for path in sorted(found)]


def flat(root: yaml.Node | None) -> list[Any]:
    """List every node once, with its tag, its place and what it holds."""
    told: list[Any] = []
    known: dict[int, int] = {}
    waiting = [] if root is None else [root]
    while waiting:
        node = waiting.pop()
        if id(node) in known:
            told.append(known[id(node)])
            continue
        known[id(node)] = len(known)
        held = node.value if isinstance(node, yaml.ScalarNode) else len(node.value)
        told.append((node.tag, node.start_mark.line, node.start_mark.column, held))
        children = [part for one in node.value for part in (one if isinstance(one, tuple) else (one,))]
        waiting += children if not isinstance(node, yaml.ScalarNode) else []
    return told


def read(text: str, *, quick: bool, monkeypatch: pytest.MonkeyPatch) -> list[Any] | str:
    with monkeypatch.context() as patch:
        if not quick:
            patch.setattr(yamlnodes, "CParser", None)
        try:
            return flat(compose(text))
        except YamlSyntaxError as error:
            return f"{error.line}:{error.column} {error}"


def test_all_files_of_ours_are_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    assert yamlnodes.CParser is not None, "PyYAML's wheels have libyaml"
    for text in texts():
        assert read(text, quick=True, monkeypatch=monkeypatch) == read(text, quick=False, monkeypatch=monkeypatch), text


@pytest.mark.parametrize("seed", range(4))
def test_what_both_take_they_read_alike(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random, known = Random(seed), [text for text in texts() if text]
    for _ in range(100):
        signs = list(random.choice(known)[:500])
        for _ in range(random.choice([1, 2, 3])):
            at = random.randrange(len(signs) + 1)
            signs[at : at + random.choice([0, 1])] = random.choice(
                [*":-{}[],#&*|>'\"%@`\n \t~.0é长", "---", "<<", ": ", "- "]
            )
        text = "".join(signs)
        slow = read(text, quick=False, monkeypatch=monkeypatch)
        quick = read(text, quick=True, monkeypatch=monkeypatch)
        assert quick == slow or isinstance(slow, str), text
