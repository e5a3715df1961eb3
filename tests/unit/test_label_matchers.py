"""Matchers in Alertmanager's words: what they take and refuse, and silences made of them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.labelmatchers import VALUE_LEN_MAX, LabelMatcher, label_matcher, read_label_matcher
from alerts.matchers import read_matchers
from alerts.silences import SilenceBook, SilenceError, read_silence
from tests.alerting import record

OURS = record()  # complaint-surge at {region: 长沙, category: network}, orange


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param("alertname=complaint-surge", True, id="the rule"),
        pytest.param('rule="complaint-surge"', True, id="the rule by its other name"),
        pytest.param("severity=error", True, id="the severity"),
        pytest.param('level=~"yellow|orange"', True, id="any of the levels"),
        pytest.param("level!=red", True, id="another level"),
        pytest.param("level!~orange|red", False, id="none of the levels"),
        pytest.param('key_region=~"长.*"', True, id="a place by an expression"),
        pytest.param('key_region=~"沙"', False, id="an expression fits the whole"),
        pytest.param("key_element=bts-1", False, id="a field it does not have"),
        pytest.param('key_element=""', True, id="a field that is not there is empty"),
        pytest.param("key_element!=bts-1", True, id="and so it is not another"),
    ],
)
def test_what_matches(text: str, meant: bool) -> None:
    assert read_matchers({"labels": text}).match(OURS, "orange", "complaints") is meant


def test_all_that_is_said_must_hold() -> None:
    both = read_matchers({"labels": ["level=orange", "key_region=长沙"], "stream": "complaints"})
    assert both.match(OURS, "orange", "complaints")
    assert not both.match(OURS, "orange", "network")
    assert not both.match(OURS, "red", "complaints")


def test_a_value_with_signs_that_labels_leave_out_is_matched_as_it_is_shown() -> None:
    odd = record(key=("长沙\u3000县", "network"))
    assert read_matchers({"labels": "key_region=长沙 县"}).match(odd, "orange")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "is not a matcher", id="nothing"),
        pytest.param("level", "is not a matcher", id="no operator"),
        pytest.param("=x", "is not a matcher", id="no name"),
        pytest.param('level="red', "half a pair of quotes", id="half a pair"),
        pytest.param('level="a"b"', "is not escaped", id="a quote inside"),
        pytest.param('level=~"("', "is not an expression: missing )", id="no expression"),
        pytest.param(r'level=~"\1"', "is not an expression", id="a reference back, which RE2 has not"),
        pytest.param("level=\x00", "printable", id="a control character"),
        pytest.param("level=" + "x" * VALUE_LEN_MAX, "at most 1000", id="a long value"),
        pytest.param('level=~"(a{1000}){1000}"', "is not an expression", id="an expression too large"),
    ],
)
def test_what_is_no_matcher_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        read_label_matcher(text)


@given(
    st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=20),
    st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=' "\\'), max_size=50),
    st.booleans(),
)
def test_what_is_written_is_read_again(name: str, value: str, is_equal: bool) -> None:
    matcher = LabelMatcher(name, value, is_equal=is_equal)
    assert read_label_matcher(matcher.text) == matcher


def test_no_text_takes_long() -> None:
    began_s = time.perf_counter()
    evil = label_matcher("key_region", "(a+)+$", is_regex=True)
    assert not evil.matches({"key_region": "a" * 250 + "!"})
    with pytest.raises(ValueError, match="at most"):
        read_label_matcher("level=" + " " * 16_000 + "x" + " " * 16_000 + "y")
    assert time.perf_counter() - began_s < 1


def test_a_silence_by_labels_is_kept_and_told_by_them() -> None:
    asked = {
        "match": {"labels": ['level!="red"', "key_region=~长.*"]},
        "comment": "割接",
        "ends": "2026-03-01T12:00:00Z",
    }
    silence = read_silence("s1", "王工", asked, OURS.time_ms)
    book = SilenceBook()
    book.add(silence, OURS.time_ms)
    again = SilenceBook()
    again.load(book.dump())
    assert again.get("s1") == silence
    assert silence.as_data()["match"] == {"labels": ['level!="red"', 'key_region=~"长.*"']}
    assert read_silence("s1", "王工", {**asked, "match": silence.as_data()["match"]}, OURS.time_ms) == silence


@pytest.mark.parametrize("labels", [["level!=red"], ["alertname=~.*"], ["level!=red", 'key_x=""']])
def test_a_silence_of_everything_is_refused(labels: list[str]) -> None:
    asked = {"match": {"labels": labels}, "comment": "割接", "ends": "2026-03-01T12:00:00Z"}
    with pytest.raises(SilenceError, match="hides everything"):
        SilenceBook().add(read_silence("s1", "王工", asked, OURS.time_ms), OURS.time_ms)


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_that_could_not_be_written_again_is_refused(edge: str) -> None:
    asked = {"match": {"rule": "r"}, "comment": "割接", "starts": edge, "ends": "2026-03-01T12:00:00Z"}
    with pytest.raises(SilenceError, match="outside of the years 1 to 9999"):
        read_silence("s1", "王工", asked, OURS.time_ms)
