"""A shell completes commands and options, and `tocsin completion` writes what it needs for that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from app import COMMANDS, main

ROOT = Path(__file__).parents[2]


def completed(words: str) -> list[str]:
    """What bash would offer for the words so far, the last of which is being written."""
    asked = {"_TOCSIN_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    run = "import sys; sys.argv[0] = 'tocsin'; from app import main; main(prog_name='tocsin')"
    done = subprocess.run(
        [sys.executable, "-c", run], cwd=ROOT, env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("tocsin ", list(COMMANDS)),
        ("tocsin re", ["replay", "reload", *(["report"] if "report" in COMMANDS else [])]),
        ("tocsin incidents ac", ["accept", "ack"]),
        ("tocsin replay --dra", ["--drain"]),
        ("tocsin nothing", []),
    ],
)
def test_words_are_completed(words: str, offered: list[str]) -> None:
    assert sorted(completed(words)) == sorted(offered)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert f"_TOCSIN_COMPLETE={shell}_complete" in done.stdout
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=done.stdout, text=True, check=True)


@pytest.mark.parametrize(("login", "code"), [("/bin/zsh", 0), ("/bin/csh", 2), ("", 2)])
def test_the_shell_in_use_is_the_default(login: str, code: int) -> None:
    done = CliRunner().invoke(main, ["completion"], env={"SHELL": login})
    assert done.exit_code == code
    assert ("zsh_complete" in done.stdout) if code == 0 else ("Name one: bash, zsh, fish" in done.stderr)
