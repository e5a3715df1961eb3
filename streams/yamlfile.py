"""A YAML file: its plain data, what is wrong with it, and the line and column of every part."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from detectors.places import Path as DataPath
from detectors.places import Problem, printable, quoted
from streams.yamlnodes import Entries, Plain, YamlSyntaxError, compose

FILE_BYTES_MAX = 512 * 1024

_PLAIN_STEP = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True, order=True)
class Located:
    """One thing that is wrong, and where: line and column count from 1."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        """Write it as compilers do, so that editors can jump there."""
        return f"{printable(self.file)}:{self.line}:{self.column}: {self.path}: {self.message}"


def path_text(path: DataPath) -> str:
    """Write a path the way people read it.

    >>> path_text(("rules", 2, "levels", "orange")), path_text(("rules", 0, "a b")), path_text(())
    ('rules[2].levels.orange', 'rules[0]["a b"]', '(file)')
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if _PLAIN_STEP.fullmatch(step) else f"[{quoted(step)}]"
    return text.removeprefix(".") or "(file)"


@dataclass(slots=True)
class YamlFile:
    """One file, read. `data` is None just when it could not be read; then `problems` says why."""

    file: str
    data: object = None
    problems: list[Located] = field(default_factory=list)
    _root: yaml.Node | None = None
    _entries: dict[int, Entries] = field(default_factory=dict)

    def locate(self, problem: Problem) -> Located:
        """Give a problem its place: that of the value at its path (or the key), or of the nearest part above."""
        node = spot = self._root
        for step in problem.path:
            if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = spot = node.value[step]
            elif isinstance(node, yaml.MappingNode) and step in self._entries[id(node)]:
                key, node = self._entries[id(node)][str(step)]
                spot = key if problem.at_key else node
            else:
                break
        return _located(self.file, spot, problem.path, problem.message)


def _located(file: str, node: yaml.Node | None, path: DataPath, message: str) -> Located:
    mark = node.start_mark if node is not None else None
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return Located(file, line, column, path_text(path), message)


def read_yaml(path: Path) -> YamlFile:
    """Read a file. What cannot be read or is no YAML is a problem, never an exception."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as trouble:  # ValueError: a NUL in the name
        reason = (getattr(trouble, "strerror", None) or str(trouble)).lower()
        return _unread(str(path), f"cannot be read: {reason}")
    return parse_yaml(content, str(path))


def parse_yaml(content: bytes, file: str) -> YamlFile:
    """Read the bytes of one document; `file` is the name it goes by in messages."""
    if len(content) > FILE_BYTES_MAX:
        return _unread(file, f"is larger than {FILE_BYTES_MAX // 1024} KiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as trouble:
        before = content[: trouble.start].decode("utf-8-sig", "replace").split("\n")
        message = f"is not UTF-8: byte 0x{trouble.object[trouble.start]:02x}"
        return _unread(file, message, line=len(before), column=len(before[-1]) + 1)
    try:
        root = compose(text)
    except YamlSyntaxError as trouble:
        return _unread(file, str(trouble), line=trouble.line + 1, column=trouble.column + 1)
    plain = Plain()
    data = None if root is None else plain.read(root)
    problems = [_located(file, note.node, note.path, note.message) for note in plain.notes]
    if data is None and not problems:
        return _unread(file, "is empty")
    return YamlFile(file, data, problems, root, plain.entries)


def _unread(file: str, message: str, *, line: int = 1, column: int = 1) -> YamlFile:
    return YamlFile(file, problems=[Located(file, line, column, "(file)", message)])
