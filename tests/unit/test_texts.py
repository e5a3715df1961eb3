"""Words for people: templates take known names only, and data stays data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.texts import LANGUAGES, LEVEL_WORDS, Language, Words, clean, duration, fill, number
from detectors.rules import LEVEL_CODE


def words(language: Language = "en", **changed: object) -> Words:
    given_: dict[str, object] = {
        "language": language,
        "key": {"region": "长沙", "outlet": ""},
        "level": "orange",
        "value": 0.083,
        "threshold": 12_600.0,
        "window_ms": 600_000,
    }
    return Words(**(given_ | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template", "en", "zh"),
    [
        pytest.param("{region}", "长沙", "长沙", id="a field of the key"),
        pytest.param("{outlet}", "(not given)", "（未填）", id="a field the event did not have"),
        pytest.param("{key}", "长沙 · (not given)", "长沙 · （未填）", id="the whole key"),
        pytest.param("{value}, {percent}", "0.083, 8.3 %", "0.083, 8.3 %", id="the value both ways"),
        pytest.param("{duration}", "83 ms", "83 毫秒", id="the value as a span"),
        pytest.param("{threshold}", "12,600", "12,600", id="thousands"),
        pytest.param("{level}", "ORANGE", "橙色", id="the level"),
        pytest.param("{window}", "10 min", "10 分钟", id="the window"),
        pytest.param("{city} {Value} {}", "{city} {Value} {}", "{city} {Value} {}", id="unknown names stay"),
        pytest.param("{value.__class__}", "{value.__class__}", "{value.__class__}", id="no attributes"),
        pytest.param("{value:>9}{value!r}", "{value:>9}{value!r}", "{value:>9}{value!r}", id="no formats"),
        pytest.param("%s $value 100%", "%s $value 100%", "%s $value 100%", id="no other template language"),
    ],
)
def test_fill(template: str, en: str, zh: str) -> None:
    assert (fill(template, words("en")), fill(template, words("zh"))) == (en, zh)


def test_a_series_of_everything_is_called_all() -> None:
    assert [fill("{key}", words(language, key={})) for language in LANGUAGES] == ["all", "全部"]


def test_an_unknown_value_is_said_to_be_unknown() -> None:
    assert fill("{value} {percent} {duration}", words("zh", value=None)) == "未知 未知 未知"


def test_a_value_in_seconds_is_said_as_a_span() -> None:
    assert [fill("{duration}", words(language, value=5_400.0)) for language in LANGUAGES] == [
        "1 h 30 min",
        "1 小时 30 分钟",
    ]
    assert fill("{duration} {duration}", words(value=1e300)) == "1e+300 1e+300", "no seconds at all"
    assert fill("{duration}", words(value=-2.0)) == "-2"


@given(st.text(), st.text())
def test_data_never_becomes_a_template_and_never_breaks_a_line(region: str, outlet: str) -> None:
    filled = fill("[{region}|{value}]", words(key={"region": region + "{threshold}", "outlet": outlet}))
    assert filled.isprintable()
    assert filled.endswith("|0.083]")
    assert "12,600" not in filled or "12,600" in region


@pytest.mark.parametrize("hostile", ["\u202e", "\u2066", "\x1b", "\x00", "\r\n", "\u2028", "\ud800", "\u200b", "\x7f"])
def test_control_and_direction_changing_characters_are_taken_out(hostile: str) -> None:
    assert hostile not in clean(f"a{hostile}b")


def test_a_long_value_is_cut() -> None:
    assert clean("长" * 500) == "长" * 119 + "…"


@given(st.floats(-1e300, 1e300))
def test_a_number_is_short_and_near(value: float) -> None:
    text = number(value)
    assert len(text) <= 24
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.01)


@given(st.integers(0, 10**11))
def test_a_duration_names_at_most_two_units(span_ms: int) -> None:
    assert len(duration(span_ms).split()) in (2, 4)


def test_every_level_has_its_words() -> None:
    assert LEVEL_WORDS.keys() == LEVEL_CODE.keys()
    assert all(set(each) == set(LANGUAGES) for each in LEVEL_WORDS.values())
