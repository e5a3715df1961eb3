"""What every test may ask for: the real parts, golden files, Hypothesis profiles; and no silent skips in CI."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import hypothesis
import pytest

from scripts.parts import Missing, program

if TYPE_CHECKING:
    from tests.parts.alertmanager import Alertmanager
    from tests.parts.kafka import Kafka
    from tests.parts.prometheus import Prometheus

T = TypeVar("T")
DATA = Path(__file__).parent / "data"
IN_CI = os.environ.get("CI") == "true"
_MARKS = {"kafka": "kafka", "prometheus": "prometheus", "chromium": "browser", "golden": "golden"}  # fixture → mark

hypothesis.settings.register_profile("dev", deadline=None)  # the machine is shared: a slow moment is no bug
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True, database=None)
hypothesis.settings.load_profile("ci" if IN_CI else "dev")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our option."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files; review the difference")


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by the fixtures it asks for, so that `-m "not kafka"` is never wrong."""
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in _MARKS:
                item.add_marker(_MARKS[fixture])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure in CI: a test that did not run has shown nothing."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        _fail_skipped(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same for a file that skips itself whole."""
    report = yield
    if IN_CI and report.skipped:
        _fail_skipped(report, collector.nodeid)
    return report


def _fail_skipped(report: pytest.TestReport | pytest.CollectReport, what: str) -> None:
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{what} was skipped, which CI does not allow: {why}"


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what workers under test keep for a restart out of the user's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.delenv("STATE_DIRECTORY", raising=False)
        yield


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with a file under tests/data: `golden("alerts/raised.json", text)`."""
    update: bool = request.config.getoption("--update-golden")

    def compare(name: str, text: str) -> None:
        path = DATA / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
        if not path.exists():
            pytest.fail(f"no golden file {name}: write it with --update-golden and read it")
        assert text == path.read_bytes().decode(), f"{name} differs (if it should: --update-golden)"

    return compare


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One real broker for the session. Use topic and group names of your own; to break a broker, start your own."""
    from tests.parts.kafka import Kafka

    with ExitStack() as stack:
        yield stack.enter_context(_or_skip(lambda: Kafka(tmp_path_factory.mktemp("kafka"))))


@pytest.fixture
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Prometheus]]:
    """Start a Prometheus on the given targets: `prometheus(["127.0.0.1:8000"], rule_files=[…])`."""
    from tests.parts.prometheus import Prometheus

    with ExitStack() as stack:

        def start(targets: list[str], **settings: object) -> Prometheus:
            folder = tmp_path_factory.mktemp("prometheus")
            return stack.enter_context(_or_skip(lambda: Prometheus(folder, targets, **settings)))  # type: ignore[arg-type]

        yield start


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    """One real Alertmanager, empty."""
    from tests.parts.alertmanager import Alertmanager

    with _or_skip(lambda: Alertmanager(tmp_path)) as server:
        yield server


@pytest.fixture(scope="session")
def amtool() -> str:
    """The path of Alertmanager's command line."""
    return _or_skip(lambda: program("amtool"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium."""
    return _or_skip(lambda: program("chromium"))


def _or_skip(start: Callable[[], T]) -> T:
    try:
        return start()
    except Missing as missing:
        pytest.skip(str(missing))
