"""What things are called in texts: places by their English names, fields in words, contributors with their shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from alerts.texts import KeyValue, Language, key_value, percent
from detectors.transition import Contributor

English = Mapping[str, Mapping[str, str]]
"""Field → name of a place → what it is called in English."""

NO_NAMES: English = MappingProxyType({})

_FIELD_WORDS: Mapping[str, str] = {
    "brand": "品牌",
    "category": "类别",
    "cause": "原因",
    "channel": "渠道",
    "city": "地市",
    "class": "类型",
    "county": "区县",
    "department": "部门",
    "district": "大区",
    "division": "事业部",
    "element": "网元",
    "kind": "类型",
    "lane": "线路",
    "line": "专线",
    "outlet": "网点",
    "owner": "责任人",
    "provider": "提供商",
    "province": "省",
    "purpose": "来电目的",
    "queue": "队列",
    "reason": "原因",
    "region": "地区",
    "state": "状态",
    "step": "环节",
    "store": "门店",
    "tier": "客户等级",
}


def spoken_key(key: Mapping[str, KeyValue], language: Language, english: English) -> Mapping[str, KeyValue]:
    """Give a key with its places named as the language names them.

    >>> spoken_key({"city": "长沙", "queue": "长沙"}, "en", {"city": {"长沙": "Changsha"}})
    {'city': 'Changsha', 'queue': '长沙'}
    """
    if language == "zh" or not english:
        return key
    return {field: _place(field, value, english) for field, value in key.items()}


def _place(field: str, value: KeyValue, english: English) -> KeyValue:
    return english.get(field, {}).get(value, value) if isinstance(value, str) else value


TOLD_MAX = 3
"""Contributors that stand behind a summary which does not place them itself: more is not read in passing."""


def foremost(top: Sequence[Contributor]) -> list[Contributor]:
    """Choose who is named behind a summary: of one field three, of two two and one, of three one each.

    >>> top = [Contributor(field, name, 0.3) for field in ("outlet", "kind") for name in "abc"]
    >>> [(one.field, one.value) for one in foremost(top)]
    [('outlet', 'a'), ('outlet', 'b'), ('kind', 'a')]
    """
    fields: dict[str, list[Contributor]] = {}
    for one in top:
        fields.setdefault(one.field, []).append(one)
    each, more = divmod(TOLD_MAX, max(len(fields), 1))
    return [one for at, named in enumerate(fields.values()) for one in named[: each + (at < more)]]


def top_words(top: Sequence[Contributor], language: Language, english: English) -> str:
    """Say who drives a value.

    >>> top = [Contributor("outlet", "o12", 0.4), Contributor("outlet", "o7", 0.125), Contributor("kind", "cell", 1)]
    >>> top_words(top, "en", {})
    'outlet o12 40 %, o7 12.5 %; kind cell 100 %'
    >>> top_words(top, "zh", {})
    '网点 o12 40 %、o7 12.5 %；类型 cell 100 %'
    """
    comma, semicolon = ("、", "；") if language == "zh" else (", ", "; ")
    fields: dict[str, list[str]] = {}
    for one in top:
        name = one.value if language == "zh" else _place(one.field, one.value, english)
        fields.setdefault(one.field, []).append(f"{key_value(name, language)} {percent(one.share, language)}")
    said = ((_FIELD_WORDS.get(field, field) if language == "zh" else field, named) for field, named in fields.items())
    return semicolon.join(f"{field} {comma.join(named)}" for field, named in said)
