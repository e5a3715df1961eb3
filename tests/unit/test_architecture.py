"""The shape of the code: which folder imports which, and what a file must and must not hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("streams", "alerts", "detectors", "dashboards")
LINES_MAX = 400
MAY_PRINT = ("streams/commands/", "alerts/senders/")

MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
each_module = pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in MODULES])


def test_the_import_contracts_hold() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    done = subprocess.run([*command, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@each_module
def test_a_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_bytes())), "no docstring"


@each_module
def test_a_module_is_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LINES_MAX


@each_module
def test_only_commands_and_senders_print(path: Path) -> None:
    if str(path.relative_to(ROOT)).startswith(MAY_PRINT):
        return
    calls = [node.func for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if isinstance(call, ast.Name) and call.id == "print"]


def _imported(path: Path) -> Iterator[str]:
    """Yield the top-level name of everything a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("path", sorted((ROOT / "detectors").rglob("*.py")), ids=lambda path: path.name)
def test_a_detector_needs_numpy_and_the_standard_library_only(path: Path) -> None:
    assert set(_imported(path)) <= {"detectors", "numpy", *sys.stdlib_module_names}


def _files() -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_place_on_one_machine() -> None:
    places = re.compile(rb"(?<![\w.~$}/-])/(?:work|root|Users|home/\w+)/\w")
    found = [
        f"{path.relative_to(ROOT)}:{text.count(bytes([10]), 0, match.start()) + 1}: {match[0].decode()}"
        for path in _files()
        for text in [path.read_bytes()]
        for match in places.finditer(text)
    ]
    assert found == []


def test_the_makefile_names_every_target_it_describes_as_phony() -> None:
    text = (ROOT / "Makefile").read_text()
    described = re.findall(r"^([a-z-]+):.*##", text, re.MULTILINE)
    assert described == re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
