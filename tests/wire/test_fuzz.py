"""The API is asked all that its document allows, and much that it does not; each answer is one the document names."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alerts.commands import Verb
from streams.api.pace import Pace
from streams.door import Door
from streams.historyfile import HistoryFile
from streams.web import Server, serve
from tests.apibench import TEAM, Bench
from tests.recounted import take
from tests.shelf import Shelf
from tests.unit.test_history import LOG

pytestmark = pytest.mark.slow

EXAMPLES = 15  # an operation
SECONDS_MAX = 40
REFUSED = '[checks.negative_data_rejection]\nexpected-statuses = ["4xx"]\n'  # too long (413) is refused, too


@contextmanager
def served(bench: Bench) -> Iterator[str]:
    """Serve in a thread of its own, so that the fuzzer may wait; give the address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> Server:
        return await serve(bench.app(Door("main", operators=TEAM)))

    async def stop(server: Server) -> None:
        await server.stop()
        if bench.shelf.file is not None:
            bench.shelf.file.close()

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def eventful_history(folder: Path) -> HistoryFile:
    file = HistoryFile.open(folder, "tocsin")
    take(file, LOG)
    return file


def test_no_request_finds_a_mistake_and_every_answer_fits_the_document(tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(REFUSED)
    bench = Bench(pace=Pace(lambda: 0.0, burst=10_000_000), shelf=Shelf(make=lambda: eventful_history(tmp_path)))
    with served(bench) as address:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/api/v1/openapi.json"),
            *("--header", "Authorization: Bearer b"),  # an approver may ask for anything
            *("--exclude-path", "/api/v1/events"),  # it has no end
            *("--exclude-checks", "positive_data_acceptance"),  # no schema says which times are ahead
            *("--max-examples", str(EXAMPLES), "--max-time", str(SECONDS_MAX)),
            *("--generation-deterministic", "--continue-on-failure"),
            *("--no-color", "--warnings", "off"),
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    print(done.stdout)  # noqa: T201  pytest shows it whole where the test fails
    assert done.returncode == 0, done.stderr
    assert bench.counted(500) == 0
    assert bench.counted(200) > 300, "it gets past the door"
    assert {command.what for command in bench.entered} > {Verb.ACK, Verb.NOTICE_PUBLISH, Verb.SILENCE_ADD}
