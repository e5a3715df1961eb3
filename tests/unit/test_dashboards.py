"""Dashboards as code: what is committed is what is built, and asks only for what the service has."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from dashboards.boards import committed, render
from dashboards.command import command
from dashboards.lint import check_all, check_dashboard
from dashboards.promql import METRICS, check_query, known_metrics
from scripts.parts import Missing, program
from streams.handling import HandlingCollector
from streams.hosting import Tally
from streams.metrics import Metrics
from tests.alerting import SURGE

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "dashboards/rules"
KNOWN = known_metrics()
TOKEN = "glsa_no-secret"  # noqa: S105  it opens nothing


class TwoSeries:
    """A view whose bound of one folds one of two."""

    def levels(self) -> list[tuple[str, str, float, float]]:
        return [("r", "one", 1.0, 1.0), ("r", "two", 1.0, 1.0)]


def test_the_list_of_metrics_is_what_the_service_has() -> None:
    metrics = Metrics(CollectorRegistry(), version="0")
    metrics.show_levels(TwoSeries(), series_max=1)
    metrics.show_targets(lambda: [replace(SURGE, targets={"target": 1.0})], lambda: 0)
    metrics.registry.register(HandlingCollector(Tally, list))
    names: dict[str, set[str]] = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            names.setdefault(sample.name, set()).update(sample.labels)
    lines = [f"{name}{{{','.join(sorted(labels))}}}\n" for name, labels in sorted(names.items())]
    assert METRICS.read_text() == "".join(lines), "write what the service has into dashboards/metrics.txt"


def test_what_is_committed_is_good_and_what_is_built_twice_is_the_same() -> None:
    assert check_all(committed(), render()) == []
    assert render() == render()


def test_every_panel_of_the_wall_is_there() -> None:
    board = json.loads(committed()["overview.json"])
    queries = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    rules = (RULES / "tocsin.rules.yml").read_text()
    for name in known_metrics().keys() - {"tocsin_build_info"}:
        assert name in queries or name in rules or name.endswith(("_sum", "_count")), name
    kinds = [panel["type"] for panel in board["panels"]]
    assert kinds.count("state-timeline") == 2


@pytest.mark.parametrize(
    ("expr", "legend", "found"),
    [
        pytest.param("max by (rule) (tocsin_level)", "{{rule}}", [], id="good"),
        pytest.param('up{job="tocsin"} == 0', "{{instance}}", [], id="of the target"),
        pytest.param("tocsin_levels", "", ["there is no metric tocsin_levels"], id="metric"),
        pytest.param('tocsin_level{region="x"}', "", ["tocsin_level has no label region"], id="label"),
        pytest.param("max by (region) (tocsin_level)", "", ["nothing here has a label region"], id="grouping"),
        pytest.param("tocsin_level * on (stream) tocsin_measure", "", ["nothing here has a label stream"], id="join"),
        pytest.param("tocsin_level", "{{place}}", ["nothing here has a label place"], id="legend"),
        pytest.param(
            "sum(tocsin_events_total)",
            "",
            ["tocsin_events_total is a counter: it says something only as a rate or an increase"],
            id="counter",
        ),
        pytest.param("sum(rate(tocsin_events_total[$__rate_interval]))", "", [], id="rate"),
        pytest.param('tocsin_level{rule=~"$rule"} > 0 or -tocsin_level', "", [], id="variables and operators"),
    ],
)
def test_queries_are_read(expr: str, legend: str, found: list[str]) -> None:
    assert list(check_query(expr, legend, KNOWN)) == found


def test_what_is_no_promql_is_said_on_one_line() -> None:
    (line,) = check_query("sum(", "", KNOWN)
    assert line.startswith("not PromQL: ")
    assert "\n" not in line


def _mistake(change: str) -> list[str]:
    """Make one mistake in the committed dashboard and give what is said of it."""
    board: dict[str, Any] = json.loads(committed()["overview.json"])
    panel = board["panels"][3]
    exec(change, {"board": board, "panel": panel, "query": panel["targets"][0]})  # noqa: S102  the cases below
    return list(check_dashboard(board, KNOWN))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("board['uid'] = ''", "no uid"),
        ("board['editable'] = True", "editable"),
        ("board['title'] = 'Overview'", "title: not in both languages"),
        ("panel['title'] = '事件速率'", "title: not in both languages"),
        ("panel['description'] = 'What to do'", "description: not in both languages"),
        ("panel['id'] = 1", "panel id 1"),
        ("del panel['id']", "panel id None"),
        ("del panel['fieldConfig']['defaults']['unit']", "no unit"),
        ("del panel['fieldConfig']['defaults']['noValue']", "no data"),
        ("panel['targets'] = []", "no query"),
        ("query['refId'] = ''", "refId ''"),
        ("query['datasource']['uid'] = 'prom'", "${datasource}"),
        ("query['expr'] = 'sum(rate(tocsin_events_total[5m]))'", "$__rate_interval"),
        ("query['expr'] = 'nothing'", "there is no metric nothing"),
        ("panel['gridPos']['x'] = 22", "runs off the right side"),
        ("panel['gridPos']['x'] = 0", "lies over"),
        ("board['templating']['list'][1]['query'] = 'rules'", "label_values"),
        ("board['templating']['list'][1]['query'] = 'label_values(tocsin_level, region)'", "label region"),
    ],
)
def test_a_mistake_in_a_dashboard_is_said(change: str, said: str) -> None:
    assert any(said in line for line in _mistake(change)), _mistake(change)


def test_drift_is_said() -> None:
    good = committed()
    assert check_all({}, good) == ["overview.json: not committed; run `tocsin dashboards build`"]
    assert "old.json: built by nothing; delete it" in check_all(good | {"old.json": good["overview.json"]}, good)
    assert "overview.json: differs from what is built; run `tocsin dashboards build`" in check_all(
        {"overview.json": good["overview.json"] + "\n"}, good
    )
    assert any("not JSON" in line for line in check_all({"overview.json": "{"}, good))


def test_alerts_on_the_service_ask_for_what_there_is_and_speak_both_languages() -> None:
    (group,) = yaml.safe_load((RULES / "tocsin.rules.yml").read_text())["groups"]
    for rule in group["rules"]:
        assert list(check_query(rule["expr"], "", KNOWN)) == [], rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "error", "warning"}
        for text in rule["annotations"].values():
            zh, en = text.split(" / ")
            assert any("\u4e00" <= char <= "\u9fff" for char in zh), rule["alert"]
            assert en.isascii(), rule["alert"]


def test_every_alert_on_the_service_has_a_test() -> None:
    (group,) = yaml.safe_load((RULES / "tocsin.rules.yml").read_text())["groups"]
    tests = (RULES / "tocsin.rules.test.yml").read_text()
    assert [rule["alert"] for rule in group["rules"] if rule["alert"] not in tests] == []


@pytest.mark.prometheus
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["check", "rules", "--lint=all", "--lint-fatal", "tocsin.rules.yml"], id="rules"),
        pytest.param(["test", "rules", "tocsin.rules.test.yml"], id="tests"),
        pytest.param(["check", "config", "prometheus.yml"], id="config"),
    ],
)
def test_promtool_agrees(arguments: list[str], tmp_path: Path) -> None:
    import subprocess

    try:
        promtool = program("promtool")
    except Missing as missing:
        pytest.skip(str(missing))
    for path in RULES.iterdir():
        shutil.copy(path, tmp_path)
    (tmp_path / "web_token").touch()
    config = (ROOT / "dashboards/prometheus.yml").read_text()
    config = config.replace("/etc/prometheus/rules/", f"{tmp_path}/").replace("/run/tocsin/", f"{tmp_path}/")
    (tmp_path / "prometheus.yml").write_text(config)
    done = subprocess.run([promtool, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


class Grafana(ThreadingHTTPServer):
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.body = status, body
        self.asked: list[tuple[str, str | None, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Grafana

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def grafana(request: pytest.FixtureRequest) -> Iterator[Grafana]:
    status, body = getattr(request, "param", (200, b'{"url": "/d/tocsin-overview/tocsin", "status": "success"}'))
    server = Grafana(status, body)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def pushed(url: str, *arguments: str, token: str | None = TOKEN) -> Result:
    return CliRunner().invoke(command, ["push", "--url", url, *arguments], env={"TOCSIN_GRAFANA_TOKEN": token})


def test_push_writes_over_the_dashboard_with_the_same_uid(grafana: Grafana) -> None:
    result = pushed(f"{grafana.url}/graf/", "--message", "更新")
    assert (result.exit_code, result.stdout) == (0, f"{grafana.url}/d/tocsin-overview/tocsin\n")
    ((path, authorization, body),) = grafana.asked
    assert (path, authorization) == ("/graf/api/dashboards/db", f"Bearer {TOKEN}")
    assert (body["overwrite"], body["message"], body["dashboard"]["uid"]) == (True, "更新", "tocsin-overview")


def test_the_token_may_come_from_a_file(grafana: Grafana, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert pushed(grafana.url, "--token-file", str(tmp_path / "token"), token=None).exit_code == 0
    assert grafana.asked[0][1] == "Bearer from-file"


@pytest.mark.parametrize(
    ("grafana", "code", "said"),
    [
        pytest.param((401, b'{"message": "Invalid\\nAPI key"}'), 1, "Grafana refused: 401 Unauthorized", id="401"),
        pytest.param((412, b'{"message": "newer\\u001b[31m"}'), 1, "Client Error 412: newer?[31m", id="412"),
        pytest.param((500, b"oops"), 1, "Grafana refused: 500 Server Error 500: oops", id="500"),
        pytest.param((200, b"<html>"), 3, "no Grafana at", id="another server"),
        pytest.param((200, b"[]"), 3, "is no Grafana", id="another JSON"),
        pytest.param((302, b""), 3, "no Grafana at", id="a redirect is not followed"),
    ],
    indirect=["grafana"],
)
def test_trouble_is_one_line(grafana: Grafana, code: int, said: str) -> None:
    result = pushed(grafana.url)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert TOKEN not in result.output
    assert len(grafana.asked) == 1


def test_nobody_there_is_exit_3_and_one_line() -> None:
    result = pushed("http://127.0.0.1:1")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "no Grafana at http://127.0.0.1:1 (ConnectionError)\n"


@pytest.mark.parametrize(
    ("url", "token"),
    [
        pytest.param("ftp://127.0.0.1", TOKEN, id="scheme"),
        pytest.param("127.0.0.1:3000", TOKEN, id="no scheme"),
        pytest.param("http://admin:hunter2@127.0.0.1", TOKEN, id="a password in the address"),
        pytest.param("http://127.0.0.1:99999", TOKEN, id="port"),
        pytest.param("http://127.0.0.1:1", None, id="no token"),
        pytest.param("http://127.0.0.1:1", "a\nb", id="a token of two lines"),
    ],
)
def test_wrong_usage_is_exit_2(url: str, token: str | None) -> None:
    result = pushed(url, token=token)
    assert result.exit_code == 2, result.output
    assert "hunter2" not in result.output


def test_check_says_that_all_is_good() -> None:
    result = CliRunner().invoke(command, ["check"])
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "dashboards are good\n")


def test_check_says_every_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("dashboards.boards.FOLDER", tmp_path)
    (tmp_path / "old.json").write_text("{}")
    result = CliRunner().invoke(command, ["check"])
    assert result.exit_code == 1
    assert "overview.json: not committed" in result.stdout
    assert "old.json: built by nothing" in result.stdout
    assert result.stderr.endswith(" problems\n")
    assert CliRunner().invoke(command, ["build"]).exit_code == 0
    assert (tmp_path / "overview.json").read_text() == render()["overview.json"]


def test_without_the_dev_extra_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> dict[str, str]:
        raise ModuleNotFoundError(name="grafana_foundation_sdk")

    monkeypatch.setattr("dashboards.boards.render", missing)
    for verb in ("build", "check"):
        result = CliRunner().invoke(command, [verb])
        assert result.exit_code == 2
        assert "grafana_foundation_sdk is not installed: pip install 'tocsin[dev]'" in result.stderr
