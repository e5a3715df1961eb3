"""Every row of the domain has a rule or says what does it; every rule has a row, and tests that show it."""

from __future__ import annotations

from collections import Counter

import pytest

from streams.rulefile import load
from tests.domain import PACKS, PAGE, ROOT, Row, Serves, fires_in, page, rows, served, silent_in

RULES = {rule.id for rule in load([PACKS]).rules}
NAMES = {(row.section, row.name) for row in rows()}


def test_the_rows_are_told_apart_and_none_is_lost() -> None:
    assert len(NAMES) == len(rows())
    assert Counter(row.section for row in rows()) == {"1": 15, "2": 13, "3": 6, "4": 21, "5": 6, "service": 3}


def test_the_comments_are_read_of_every_rule() -> None:
    assert {serves.rule for serves in served()} == RULES


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.section} {row.name}")
def test_a_row_has_a_rule_or_says_what_does_it(row: Row) -> None:
    rule = any((row.section, row.name) in serves.rows for serves in served())
    assert rule or row.part, "no rule names this row in a comment `# domain: …`"
    assert rule or row.tests or not row.part, "nothing shows that the part does it"
    for test in row.tests:
        assert (ROOT / test).is_file()


@pytest.mark.parametrize("serves", served(), ids=lambda serves: serves.rule)
def test_a_rule_serves_a_row_and_has_its_tests(serves: Serves) -> None:
    assert serves.rows, "the comment above the rule names no row: # domain: 1 · Major complaint"
    assert set(serves.rows) <= NAMES, "the comment names a row that there is not"
    assert fires_in(serves.rule), "no test wants it to rise"
    assert silent_in(serves.rule), "no test wants it to be silent"


def test_the_page_is_what_the_packs_say(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), "pytest tests/unit/test_domain.py --update-golden"
