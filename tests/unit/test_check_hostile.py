"""Whatever a file holds, it is read or refused with a place: nothing raises, nothing hangs."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.checker import FILE_KEYS, RULE_KEYS, check_rules
from detectors.measures import MEASURES
from detectors.testfile import check_tests
from detectors.vocabulary import STREAMS
from streams.rulefile import RuleSet, load
from streams.yamlfile import parse_yaml
from tests.conftest import DATA

GOOD = (DATA / "rules" / "good" / "every-key.yaml").read_bytes()
TESTS = (DATA / "rules" / "good" / "tests.yaml").read_bytes()
LINE = re.compile(r"[^\n]+:[0-9]+:[0-9]+: [^\n]+: [^\n]+")
PIECES = [
    b"\t",
    b"\r",
    b"{",
    b"}",
    b"[",
    b"]",
    b"&a ",
    b"*a",
    b"<<: ",
    b"- ",
    b": ",
    b"? ",
    b"!!int ",
    b"!x ",
    b"| ",
    b">",
    b"'",
    b'"',
]
PIECES += [
    b"\\U00110000",
    b"\\ud800",
    b"%YAML 9.9\n",
    b"---\n",
    b"...\n",
    b"\0",
    b"\xff",
    b"\xe2\x80\xa8",
    b".nan",
    b"-1",
    b"true",
    b"~",
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["count", "red", "10s", "{value}"])
)
words = st.sampled_from([*FILE_KEYS, *RULE_KEYS, *MEASURES, "tests", "en", "zh", "calls", "outcome", "red", "act"])
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(), inner, max_size=6),
    max_leaves=25,
)


def read(content: bytes, folder: Path) -> RuleSet:
    """Load one file of these bytes, and see that each problem is one line with a place inside the file."""
    path = folder / "fuzz.yaml"
    path.write_bytes(content)
    found = load([path])
    lines = len(re.split(rb"[\n\r]|\xc2\x85|\xe2\x80[\xa8\xa9]", content))
    for problem in found.problems:
        assert LINE.fullmatch(str(problem))
        assert str(problem).encode()
        assert 1 <= problem.line <= lines
        assert problem.column >= 1
    return found


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(content=b"%YAML 1.\xd9\xa1\n---\n")
@example(content=b'"\\xZZ"')
@example(content=b"? [a]\n: b")
@example(content=b"!<tag:yaml.org,2002:int> x")
@example(content=b"&a [*a]")
@example(content=b"<<: {<<: [a, {b: c}]}")
def test_any_bytes_are_read_or_refused(content: bytes, folder: Path) -> None:
    found = read(content, folder)
    assert found.problems, "no random bytes are a rule file"


@given(data=st.data())
@settings(max_examples=200)
def test_a_damaged_rule_file_is_read_or_refused(data: st.DataObject, folder: Path) -> None:
    source = data.draw(st.sampled_from([GOOD, TESTS]))
    damaged = source
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(damaged)))
        end = start + data.draw(st.integers(0, 12))
        damaged = damaged[:start] + data.draw(st.sampled_from(PIECES) | st.binary(max_size=3)) + damaged[end:]
    found = read(damaged, folder)
    assert found.rules or found.problems or found.test_files


@given(document=plain)
@settings(max_examples=200)
def test_any_plain_data_is_checked_to_its_end(document: object) -> None:
    checked = check_rules(document, STREAMS)
    assert checked.rules or checked.problems or document.get("rules") == []  # type: ignore[attr-defined]
    check_tests(document, STREAMS)


@given(
    rule=st.dictionaries(
        st.sampled_from(["where", "measure", "by", "levels", "notify", "clear", "window", "for"]), plain
    )
)
@settings(max_examples=200)
def test_any_part_of_a_rule_is_checked(rule: dict[str, object]) -> None:
    head = {"id": "x", "title": {"en": "X", "zh": "某"}, "stream": "calls", "measure": "count", "levels": {"red": 1}}
    checked = check_rules({"rules": [{**head, **rule}]})
    assert len(checked.rules) + bool(checked.problems) == 1


HUGE = {
    "digits": b"version: " + b"9" * 100_000,
    "float digits": b"version: 1." + b"9" * 100_000,
    "one word": b"version: " + b"x" * 400_000,
    "unknown key": b"k" * 400_000 + b": 1",
    "open brackets": b"[" * 400_000,
    "open mappings": b"{a: " * 100_000,
    "dashes": b"- " * 200_000,
    "questions": b"? " * 200_000,
    "anchors": b"".join(b"- &a%d x\n" % i for i in range(20_000)),
    "unknown keys": b"".join(b"k%d: 1\n" % i for i in range(20_000)),
    "quotes": b'"' + b"\\n" * 200_000,
    "tags": b"!" * 400_000,
    "percent": b"%" * 400_000,
    "tag escapes": b"!%41" * 100_000,
    "merges": b"&m0 {a: 1}\n".join([b"- "] * 2) + b"".join(b"- &m%d {<<: [*m0, *m0]}\n" % i for i in range(1, 10_000)),
    "a chain of aliases": b"- &a0 [x]\n" + b"".join(b"- &a%d [*a%d]\n" % (i, i - 1) for i in range(1, 10_000)),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", HUGE)
def test_a_huge_file_is_refused_in_bounded_time(case: str, folder: Path) -> None:
    start = time.process_time()
    assert read(HUGE[case], folder).problems
    assert time.process_time() - start < 20


def test_a_problem_in_a_shared_part_stands_where_the_part_is_written() -> None:
    document = parse_yaml(b"rules:\n  - levels: &l {red: x}\n  - levels: *l\n", "x.yaml")
    problems = [document.locate(problem) for problem in check_rules(document.data).problems]
    reds = [(problem.line, problem.column, problem.path) for problem in problems if "red" in problem.path]
    assert reds == [(2, 22, "rules[0].levels.red"), (2, 22, "rules[1].levels.red")]


def test_a_map_among_rule_files_is_passed_over_but_not_when_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("events: []\n", encoding="utf-8")
    (tmp_path / "rules.yaml").write_text("version: 1\nrules: []\n", encoding="utf-8")
    assert tmp_path / "map.yaml" not in load([tmp_path]).files
    assert load([tmp_path / "map.yaml"]).problems
