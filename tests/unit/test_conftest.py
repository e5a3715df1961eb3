"""What tests/conftest.py promises: no silent skip in CI, and golden files that are rewritten only on demand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a test file of its own under our conftest."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run_(source: str, *args: str, ci: str = "true") -> pytest.RunResult:
        monkeypatch.setenv("CI", ci)
        pytester.makepyfile(source)
        return pytester.runpytest_subprocess("-p", "tests.conftest", "-p", "no:randomly", *args)

    return run_


SKIPS = """
import pytest

def test_skipped():
    pytest.skip("no such part")

@pytest.mark.skip(reason="not now")
def test_marked(): ...

@pytest.mark.xfail(reason="known")
def test_known():
    assert False
"""


def test_a_skip_fails_in_ci_and_says_why(run: Run) -> None:
    result = run(SKIPS)
    result.assert_outcomes(failed=1, errors=1, xfailed=1)  # a skip at setup is an error there
    result.stdout.fnmatch_lines(["*test_skipped was skipped, which CI does not allow: Skipped: no such part"])


def test_a_skip_is_a_skip_elsewhere(run: Run) -> None:
    run(SKIPS, ci="").assert_outcomes(skipped=2, xfailed=1)


def test_a_file_that_skips_itself_fails_in_ci(run: Run) -> None:
    result = run("import pytest\npytest.importorskip('no_such_library')")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*CI does not allow: *no_such_library*"])


def test_a_missing_part_fails_in_ci_with_the_line_that_helps(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    result = run("def test_it(prometheus):\n    prometheus(['127.0.0.1:1'])")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*prometheus is not installed: run `make parts`, or install it (Debian package *"])


def test_golden_compares_and_rewrites_on_demand(run: Run, pytester: pytest.Pytester) -> None:
    golden = pytester.path / "said.txt"
    source = f"def test_it(golden):\n    golden({str(golden)!r}, 'new 新\\n')"
    run(source).stdout.fnmatch_lines(["*no golden file*--update-golden*"])
    golden.write_text("old\n")
    run(source).stdout.fnmatch_lines(["*differs (if it should: --update-golden)*"])
    run(source, "--update-golden").assert_outcomes(passed=1)
    assert golden.read_text("utf-8") == "new 新\n"
    run(source, "-m", "golden").assert_outcomes(passed=1)
    run(source, "-m", "not golden").assert_outcomes(deselected=1)
