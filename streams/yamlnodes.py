"""YAML text → nodes that know their place → plain data, as YAML 1.2 reads it.

PyYAML's own constructors follow YAML 1.1, where `no` is false, `1:30` is ninety and a date is an object. Here only
`true` and `false` are booleans, and what is not a number is text. Anchors, aliases and merge keys work, but neither
they nor deep nesting may grow past a bound.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from detectors.places import Path, quoted

try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs have its loaders alone
except ImportError:  # a PyYAML that was built without libyaml
    CParser = None  # type: ignore[assignment,misc]

DEPTH_MAX = 32
PARTS_MAX = 200_000
"""Parts a document may have once its aliases are expanded."""

_TAG = "tag:yaml.org,2002:"
_NUMBER = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
_CORE = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}", list("-+0123456789")),
    "float": (rf"{_NUMBER}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+.0123456789")),
    "merge": (r"<<", ["<"]),
}
RESOLVERS = {
    _TAG + name: (re.compile(rf"(?:{pattern})\Z", re.ASCII), first) for name, (pattern, first) in _CORE.items()
}
"""By which text a scalar without quotes is no text: tag → pattern, and the characters it may begin with."""
_ODD = re.compile(r"[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Tabs, other ends of lines and what is not printable: where readers of YAML differ."""
_INT_DIGITS_MAX = 18  # what fits 64 bits; a longer number is read as a float


class YamlSyntaxError(ValueError):
    """The text is no YAML: what, and where (line and column count from 0)."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class _Composing(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML's loader without its constructors, with our scalars and a bound on depth."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Read one node, if it is not nested too deep."""
        if self._depth >= DEPTH_MAX:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it out
            raise yaml.MarkedYAMLError(problem=f"is nested more than {DEPTH_MAX} deep", problem_mark=mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Doubtful(Exception):
    """The quick reader may place or take something otherwise than the other."""


class _Quick(Composer, BaseResolver, CParser or object):  # type: ignore[misc]  # libyaml's parser, where PyYAML has it
    """The same over libyaml's events: five times as fast. It is asked first, and whatever it minds the other tells."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Read one node; nothing that is nested deep, nor an empty value, of which libyaml tells another place."""
        event = self.peek_event()
        if self._depth >= DEPTH_MAX or (
            isinstance(event, yaml.ScalarEvent) and event.value == "" and event.implicit[0]
        ):
            raise _Doubtful
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


for _tag, (_pattern, _first) in RESOLVERS.items():
    _Composing.add_implicit_resolver(_tag, _pattern, _first)
    _Quick.add_implicit_resolver(_tag, _pattern, _first)


def compose(text: str) -> yaml.Node | None:
    """Read one document as nodes; None if the text is empty. Raise YamlSyntaxError."""
    if CParser is not None and not _ODD.search(text):
        with suppress(yaml.YAMLError, _Doubtful, ValueError, OverflowError):
            node: yaml.Node | None = _Quick(text).get_single_node()
            return node
    return _compose(text)


def _compose(text: str) -> yaml.Node | None:
    composing = None
    try:
        composing = _Composing(text)
        return composing.get_single_node()
    except ReaderError as trouble:
        code = trouble.character if isinstance(trouble.character, int) else ord(trouble.character)
        before = text[: trouble.position].split("\n")
        message = f"YAML does not allow the character U+{code:04X}"
        raise YamlSyntaxError(message, len(before) - 1, len(before[-1])) from None
    except yaml.MarkedYAMLError as trouble:
        mark = trouble.problem_mark or trouble.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        first = trouble.context_mark.line if trouble.context_mark else line
        wide = next(filter(None, map(_wide_colon, enumerate(text.split("\n")[first : line + 1], first))), None)
        message, line, column = wide or (_said(trouble), line, column)
        raise YamlSyntaxError(message, line, column) from None
    except (ValueError, OverflowError):  # an escape such as "\UFFFFFFFF", which PyYAML hands to chr() unchecked
        mark = composing.get_mark() if composing else None
        line, column = (mark.line, mark.column) if mark else (0, 0)
        raise YamlSyntaxError("an escape names no character", line, column) from None


def _wide_colon(numbered: tuple[int, str]) -> tuple[str, int, int] | None:
    """Find a key that a Chinese keyboard ended with its own colon: message, line and column."""
    line, text = numbered
    found = re.match(r"\s*(?:- +)?[A-Za-z_-]+(：)", text)
    return None if found is None else ('a full-width colon stands where YAML wants ": "', line, found.start(1))


def _said(trouble: yaml.MarkedYAMLError) -> str:
    problem = trouble.problem or trouble.context or "is no YAML"
    if "'\\t'" in problem:
        return "a tab stands where YAML allows only spaces"
    if "another document" in problem:
        return "a second document starts here: a file holds one"
    if trouble.context and trouble.context_mark:
        return f"{problem} ({trouble.context} from line {trouble.context_mark.line + 1})"
    return problem


@dataclass(frozen=True, slots=True)
class Note:
    """Something wrong with a part that parses: the node, the path to it, and what."""

    node: yaml.Node
    path: Path
    message: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A node's data, how many parts it has with its aliases expanded, and how deep it goes."""

    data: object
    size: int = 1
    depth: int = 1


Entries = dict[str, tuple[yaml.Node, yaml.Node]]


@dataclass(slots=True)
class Plain:
    """Nodes → dicts, lists and scalars. A node under several aliases is read once and shared.

    `fatal`: the document has no finite data to give. `entries`: a mapping node's id → its keys and values.
    """

    notes: list[Note] = field(default_factory=list)
    entries: dict[int, Entries] = field(default_factory=dict)
    fatal: bool = False
    _parts: dict[int, _Part | None] = field(default_factory=dict)

    def read(self, node: yaml.Node) -> object:
        """Read a whole document."""
        part = self._read(node, ())
        if not self.fatal and (part.size > PARTS_MAX or part.depth > DEPTH_MAX):
            self._refuse(node, (), f"its aliases expand to more than {PARTS_MAX} parts, or {DEPTH_MAX} deep")
            self.fatal = True
        return None if self.fatal else part.data

    def _refuse(self, node: yaml.Node, path: Path, message: str) -> None:
        self.notes.append(Note(node, path, message))

    def _read(self, node: yaml.Node, path: Path) -> _Part:
        if id(node) in self._parts:
            known = self._parts[id(node)]
            if known is None:
                self._refuse(node, path, "contains itself through an alias")
                self.fatal = True
            return known or _Part(None)
        self._parts[id(node)] = None  # under way: to meet it again is to go in a circle
        if isinstance(node, yaml.MappingNode):
            part = self._mapping(node, path)
        elif isinstance(node, yaml.SequenceNode):
            part = self._sequence(node, path)
        else:
            part = _Part(self._scalar(node, path))
        self._parts[id(node)] = part
        return part

    def _sequence(self, node: yaml.SequenceNode, path: Path) -> _Part:
        self._expect_tag(node, "seq", path)
        parts = [self._read(child, (*path, index)) for index, child in enumerate(node.value)]
        return _gather([part.data for part in parts], parts)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> _Part:
        self._expect_tag(node, "map", path)
        own: Entries = {}
        merged: Entries = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, path, "a key must be a text")
            elif key.tag == _TAG + "merge":
                merged = {**self._merge(value, path), **merged}
            elif key.value in own:
                first = own[key.value][0].start_mark
                self._refuse(key, (*path, key.value), f"duplicate key: it is on line {first.line + 1} already")
            else:
                own[key.value] = (key, value)
        entries = {**merged, **own}
        self.entries[id(node)] = entries
        parts = {key: self._read(value, (*path, key)) for key, (_, value) in entries.items()}
        return _gather({key: part.data for key, part in parts.items()}, list(parts.values()))

    def _merge(self, node: yaml.Node, path: Path) -> Entries:
        """Take over the entries of one mapping, or of several: the first that has a key wins."""
        entries: Entries = {}
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            self._read(source, (*path, "<<"))
            if isinstance(source, yaml.MappingNode):
                entries = {**self.entries.get(id(source), {}), **entries}
            else:
                self._refuse(source, (*path, "<<"), "only mappings can be merged")
        return entries

    def _scalar(self, node: yaml.Node, path: Path) -> object:
        text = str(node.value)
        kind = node.tag.removeprefix(_TAG)
        if kind in _CORE and re.fullmatch(_CORE[kind][0], text, re.ASCII):
            return _core_value(kind, text)
        if kind not in {"str", "merge"}:
            self._refuse(node, path, f"{quoted(text)} cannot be read with the tag {quoted(node.tag)}")
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._refuse(node, path, f"{quoted(text)} holds half a character (a lone surrogate)")
        return text

    def _expect_tag(self, node: yaml.Node, kind: str, path: Path) -> None:
        if node.tag != _TAG + kind:
            self._refuse(node, path, f"the tag {quoted(node.tag)} is not known here")


def _core_value(kind: str, text: str) -> object:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "merge":  # "<<" as a value is a text like any other
        return text
    if kind == "int" and text[:2] in {"0x", "0o"}:
        return int(text, 0)
    if kind == "int" and len(text) <= _INT_DIGITS_MAX:
        return int(text)
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _gather(data: object, parts: list[_Part]) -> _Part:
    size = 1 + sum(part.size for part in parts)
    return _Part(data, size, 1 + max((part.depth for part in parts), default=0))
