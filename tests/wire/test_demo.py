"""`tocsin demo` as a user starts it: one process, nothing set up, and it ends as it should."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.parts.process import wait_until
from tests.unit.test_metrics import CONTRACT

COMMAND = [sys.executable, "app.py", "demo", "--lang", "en", "--port", "0"]
ENVIRONMENT = {**os.environ, "PYTHONUNBUFFERED": "1"}
LOG_LINE = re.compile(r"\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b|Traceback")
pytestmark = pytest.mark.slow


class Demo:
    """A demo at work; what it says goes to files."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._out, self._err = folder / "out.txt", folder / "err.txt"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen([*COMMAND, *options], stdout=out, stderr=err, env=ENVIRONMENT)

    @property
    def said(self) -> str:
        return self._out.read_text(encoding="utf-8")

    @property
    def complained(self) -> str:
        return self._err.read_text(encoding="utf-8")

    def url(self) -> str:
        """Wait until it says where to look."""
        wait_until(lambda: "metrics" in self.said or self.process.poll() is not None, what="the demo is up")
        found = re.search(r"http://127\.0\.0\.1:\d+", self.said)
        assert found, self.complained
        return found[0]

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url() + path, timeout=5) as answer:
            return answer.read().decode()


@contextmanager
def demo(folder: Path, *options: str) -> Iterator[Demo]:
    one = Demo(folder, *options)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()


def test_it_climbs_to_red_drafts_a_notice_and_ends_by_itself(tmp_path: Path) -> None:
    with demo(tmp_path, "--for", "30s") as one:
        one.url()
        began_s = time.monotonic()
        wait_until(lambda: "customer notice drafted" in one.said, what="a notice")
        shown = list(text_string_to_metric_families(one.get("/metrics")))
        names = {
            sample.name: set(sample.labels)
            for family in shown
            for sample in family.samples
            if not sample.name.endswith(("_bucket", "_sum"))
        }
        no_channel = {"tocsin_notifications_total"}  # its counts are those of the channels, and the demo has none
        assert {name: names.get(name) for name in CONTRACT.keys() - no_channel - {"tocsin_series_folded_total"}} == {
            name: CONTRACT[name] for name in CONTRACT.keys() - no_channel - {"tocsin_series_folded_total"}
        }
        incidents: list[dict[str, Any]] = json.loads(one.get("/api/v1/incidents"))["incidents"]
        assert {"firing"} <= {incident["state"] for incident in incidents} <= {"firing", "resolved"}
        assert {"users-affected"} <= {incident["rule"] for incident in incidents}
        assert json.loads(one.get("/api/v1/notices"))["notices"][0]["state"] == "draft"
        tried = [sys.executable, "app.py", "silences", "preview", "rule=users-affected", "--including-red"]
        hidden = subprocess.run([*tried, "--page", one.url()], capture_output=True, text=True, timeout=20, check=True)
        assert "users-affected  1 alerts" in hidden.stdout
        flow = json.loads(one.get("/api/v1/flow"))
        assert flow["rates"].keys() == {"calls", "complaints", "network"}
        assert {stream for stream, lag in flow["lag"].items() if lag is not None} == flow["rates"].keys()
        assert flow["lag"].keys() - flow["rates"].keys() == {"cases", "plans"}, "rules listen, the province is silent"
        assert min(flow["rates"].values()) > 0
        wait_until(lambda: one.process.poll() is not None, what="the end")
        assert 29 < time.monotonic() - began_s < 40
    assert (one.process.returncode, one.complained) == (0, "")
    assert not LOG_LINE.search(one.said)
    changes = re.findall(r"(▲|▼)\s+([A-Z]+) \S+\s+(Users without service · Changsha)", one.said)
    assert [level for _, level, _ in changes] == ["YELLOW", "ORANGE", "RED"]
    assert one.said.index("RED") > one.said.index("✉")


@pytest.mark.parametrize(
    ("asked", "code"), [pytest.param(signal.SIGTERM, 0, id="SIGTERM"), pytest.param(signal.SIGINT, 130, id="SIGINT")]
)
def test_it_ends_when_asked(tmp_path: Path, asked: signal.Signals, code: int) -> None:
    with demo(tmp_path) as one:
        one.url()
        one.process.send_signal(asked)
        assert one.process.wait(10) == code
    assert one.complained == ""


def test_a_reader_who_has_seen_enough_ends_it(tmp_path: Path) -> None:
    script = f'"$@" 2> {tmp_path / "err.txt"} | head -3; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *COMMAND, "--speed", "100"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env=ENVIRONMENT,
    )
    assert done.stdout.splitlines()[3:] == ["0"]
    assert (tmp_path / "err.txt").read_text() == ""


def test_an_unknown_scenario(tmp_path: Path) -> None:
    with demo(tmp_path, "--scenario", "backbone-cutt") as one:
        assert one.process.wait(20) == 2
    assert "no scenario 'backbone-cutt'. Did you mean 'backbone-cut'?" in one.complained
    assert one.said == ""


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo(tmp_path, "--port", str(port)) as one:
            assert one.process.wait(20) == 3
    (line,) = one.complained.splitlines()
    assert line.startswith("tocsin demo: ")
    assert f"('127.0.0.1', {port})" in line
    assert "address already in use" in line
    assert one.said == ""
