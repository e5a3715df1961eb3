"""Matchers in Alertmanager's words: a label's name, one of four operators, and a value or an expression.

Expressions are RE2's, as there: whatever somebody writes, matching takes time in proportion to the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

VALUE_LEN_MAX = 1_000
MATCHERS_LEN_MAX = 50

_WRITTEN = re.compile(r'([^\s=!~{},"\'`\\]+)\s*(=~|!=|!~|=)(.*)', re.DOTALL)
_ESCAPED = re.compile(r'\\([\\"])')
_MEMORY_BYTES_MAX = 1 << 20


class LabelMatcher(msgspec.Struct, frozen=True):
    """One matcher. A label that is not there counts as empty. Expressions must fit the whole value."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether labels are meant.

        >>> region = LabelMatcher("key_region", "长沙|株.*", is_regex=True)
        >>> region.matches({"key_region": "株洲"}), region.matches({"key_region": "大长沙"}), region.matches({})
        (True, False, False)
        """
        value = labels.get(self.name, "")
        found = _compiled(self.value).fullmatch(value) is not None if self.is_regex else value == self.value
        return found == self.is_equal

    @property
    def text(self) -> str:
        r"""Write it as `read_label_matcher` reads it.

        >>> LabelMatcher("rule", 'say "hi"', is_equal=False).text
        'rule!="say \\"hi\\""'
        """
        operator = ("!~" if self.is_regex else "!=") if not self.is_equal else ("=~" if self.is_regex else "=")
        value = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.name}{operator}"{value}"'


def label_matcher(name: str, value: str, *, is_regex: bool = False, is_equal: bool = True) -> LabelMatcher:
    """Make one. Raise ValueError if there can be no such matcher."""
    if not name or not name.isprintable() or not value.isprintable() or len(name) + len(value) > VALUE_LEN_MAX:
        raise ValueError(f"a matcher has a name, and is at most {VALUE_LEN_MAX} printable characters")
    if is_regex:
        _compiled(value)
    return LabelMatcher(name, value, is_regex, is_equal)


def read_label_matcher(text: str) -> LabelMatcher:
    r"""Read one: a name, an operator, and a value that may stand in double quotes. Raise ValueError if it is none.

    >>> read_label_matcher('level=~"orange|red"')
    LabelMatcher(name='level', value='orange|red', is_regex=True, is_equal=True)
    >>> read_label_matcher("key_region != 长沙").text
    'key_region!="长沙"'
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'{text[:80]!r} is not a matcher, as in level=~"orange|red"')
    name, operator, value = found[1], found[2], found[3].strip()
    if value.startswith('"') and value.endswith('"') and len(value) > 1:
        value = value[1:-1]
        if '"' in _ESCAPED.sub("", value):
            raise ValueError(f"{text[:80]!r} has a quote inside its value that is not escaped")
        value = _ESCAPED.sub(r"\1", value)
    elif '"' in value:
        raise ValueError(f"{text[:80]!r} has half a pair of quotes")
    return label_matcher(name, value, is_regex="~" in operator, is_equal="!" not in operator)


@lru_cache(maxsize=1_024)
def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES_MAX
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else error.args[0]
        raise ValueError(f"{pattern[:80]!r} is not an expression: {said}") from error
