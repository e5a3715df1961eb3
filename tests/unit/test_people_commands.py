"""`tocsin routes test`, `audit verify` and `incidents` as a user types them; routes are what then happens."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from alerts.duty import Person
from alerts.matchers import read_matchers
from alerts.records import parse_time
from alerts.routes import routes
from alerts.routing import Routing
from alerts.silences import Silence, read_silence
from app import main
from streams import asking
from tests.happenings import clock, does
from tests.timeline import NOTIFY, calling, crew, goes

PEOPLE = """
version: 1
roles:
  duty-officer:
    - {where: {region: 长沙}, people: [zhang]}
    - {people: [li]}
people:
  zhang: {channels: [console], quiet: "22:00-07:00"}
  li: {}
"""


SILENCE = Silence(
    id="s1",
    matchers=read_matchers({"rule": "surge", "region": ["长沙", "株洲"]}),
    author="王工",
    comment="割接",
    starts_ms=parse_time("2026-03-01T10:00:00Z"),
    ends_ms=parse_time("2026-03-01T12:00:00Z"),
)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    (tmp_path / "people.yaml").write_text(PEOPLE, encoding="utf-8")
    path = tmp_path / "tocsin.yaml"
    path.write_text(f"people: {tmp_path}/people.yaml\n", encoding="utf-8")
    return path


def test_routes_say_who_when_and_by_what(settings: Path) -> None:
    done = run("routes", "test", "level=red", "rule=users-affected", "region=长沙", "--at", "2026-03-01T03:00+08:00",
               "--settings", str(settings))  # fmt: skip
    assert done.exit_code == 0
    first, second, *_ = done.stdout.splitlines()
    assert first == "2026-03-01 03:00:00 +08:00  ladder:provincial  rung 1 duty-officer  zhang  by console"
    assert second.startswith("2026-03-01 03:05:00 +08:00  ladder:provincial  rung 2 shift-leader  (nobody)  by console")


def test_routes_know_quiet_hours_and_the_key(settings: Path) -> None:
    asked = ("routes", "test", "notify=ladder:provincial", "--at", "2026-03-01T03:00+08:00", "--output", "json",
             "--settings", str(settings))  # fmt: skip
    orange = [json.loads(line) for line in run(*asked, "level=orange", "region=长沙").stdout.splitlines()]
    assert (orange[0]["person"], orange[0]["held_until"]) == ("zhang", "2026-02-28T23:00:00Z")
    assert orange[1]["time"] == "2026-02-28T23:05:00Z", "the next rung waits until zhang has heard"
    assert json.loads(run(*asked, "level=orange", "region=株洲").stdout.splitlines()[0])["person"] == "li"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["level=red", "rule=users-affecte"], 'unknown rule "users-affecte": did you mean "users-affected"?'),
        (["level=purple", "rule=users-affected"], "name a level"),
        (["level=red"], "name a rule"),
        (["red"], "'red' is not NAME=VALUE"),
        (["level=red", "rule=users-affected", "--at", "2026-03-01T03:00"], "a time without an offset"),
        (["level=red", "rule=users-affected", "--at", "soon"], "soon"),
    ],
)
def test_a_slip_is_told_in_one_line(arguments: list[str], said: str) -> None:
    done = run("routes", "test", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("level", ["orange", "red"])
@pytest.mark.parametrize("start", ["10:00", "22:30"])
def test_what_routes_say_is_what_happens(level: str, start: str) -> None:
    made = crew(Person(id="bo", quiet=(22 * 60, 7 * 60)))
    day = calling(made, start=start)
    day.at(start, goes(level))
    routing = Routing(channels=("chat",), receivers={"noc": ()})
    stops = routes(NOTIFY[level], {"region": "长沙"}, level=level, at_ms=clock(start), crew=made, routing=routing)
    last_ms = max(parse_time(stop.held_until or stop.time) for stop in stops)
    day.pass_to(last_ms)
    told = {(one.notification.to, one.at_ms) for one in day.told}
    assert told == {(stop.person, parse_time(stop.held_until or stop.time)) for stop in stops}
    assert timedelta(milliseconds=last_ms - clock(start)) >= timedelta(minutes=15)


def test_audit_verify_finds_what_was_changed(tmp_path: Path) -> None:
    day = calling()
    day.at("10:00", goes("red"))
    day.at("10:01", does("ack", "an"), does("comment", "an", text="looking"), does("resolve", "an"))
    file = tmp_path / "audit.jsonl"
    file.write_bytes(b"\n".join(day.audit()) + b"\n")
    good = run("audit", "verify", str(file))
    assert (good.exit_code, good.stdout.split(";")[0]) == (0, "3 records, unbroken")
    file.write_bytes(b"\n".join(day.audit()).replace(b"looking", b"sleeping"))
    bad = run("audit", "verify", str(file), "--output", "json")
    assert bad.exit_code == 1
    assert "record 2 was changed" in json.loads(bad.stdout)["wrong"]


class Worker:
    """What a worker's page answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.outcome: str | None = "done"
        self.hidden: list[dict[str, Any]] = [{"incident": "inc-1", "level": "red", "rule": "surge", "hidden": 3}]

    def ask(self, _page: str, path: str, body: Any = None, *, token: str = "") -> tuple[int, dict[str, Any]]:  # noqa: ARG002
        self.asked.append((path, body))
        if path == "/api/v1/incidents":
            row = {"id": "inc-1", "level": "red", "state": "acknowledged", "owner": "an", "rule": "surge",
                   "key": {"region": "长沙"}, "since": "2026-03-01T00:00:00Z"}  # fmt: skip
            return 200, {"incidents": [row, row | {"id": "inc-2", "state": "resolved"}]}
        if path == "/api/v1/flow":
            return 200, {"now": "2026-03-01T10:00:00Z", "zone": "Asia/Shanghai"}
        if path == "/api/v1/silences":
            return 200, {"silences": [SILENCE.as_data()]}
        if path == "/api/v1/silences/s%2F1":
            return 200, SILENCE.as_data()
        if path == "/api/v1/preview/silence":
            return 200, {"incidents": self.hidden}
        if body is not None:
            return 202, {"command": "c1", "time": "2026-03-01T00:00:00Z"}
        return 200, {"outcome": self.outcome}


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    worker = Worker()
    monkeypatch.setattr(asking, "ask", worker.ask)
    monkeypatch.setattr("streams.commands.incidents._WAIT_S", 0.0)
    return worker


@pytest.mark.usefixtures("worker")
def test_incidents_are_listed_with_who_has_them() -> None:
    assert run("incidents", "list").stdout.splitlines() == [
        "inc-1  red     acknowledged · an  surge  region=长沙  since 2026-03-01T00:00:00Z"
    ]
    assert len(run("incidents", "list", "--all", "--output", "json").stdout.splitlines()) == 2


def test_a_verb_is_sent_as_a_command(worker: Worker) -> None:
    assert run("incidents", "ack", "inc-1", "--by", "an", "--comment", "查").exit_code == 0
    assert worker.asked[0] == (
        "/api/v1/commands",
        {"what": "ack", "on": "inc-1", "by": "an", "body": {"text": "查"}},
    )
    run("incidents", "promise", "inc-1", "--by", "an", "--within", "2h")
    until = next(body for _, body in worker.asked[1:] if body)["body"]["until"]
    assert until == "2026-03-01T12:00:00Z", "by the worker's clock: that of the demo is not the wall's"


@pytest.mark.parametrize(
    ("options", "body"),
    [
        pytest.param((), {}, id="one after the other"),
        pytest.param(("--audience", "vip"), {"audience": "vip"}, id="one"),
        pytest.param(("--all",), {"all": True}, id="all at once"),
    ],
)
def test_a_notice_is_published_to_whom_it_is_said(
    worker: Worker, options: tuple[str, ...], body: dict[str, object]
) -> None:
    assert run("notices", "publish", "ntc-1", "--by", "liu", *options).exit_code == 0
    asked = {"what": "notice-publish", "on": "ntc-1", "by": "liu"}
    assert worker.asked[0] == ("/api/v1/commands", asked | ({"body": body} if body else {}))


AUDIENCES = [
    {"audience": "vip", "form": "short", "waiting": False, "first": "09:50", "told": "10:00"},
    {"audience": "contract", "form": "short", "waiting": True, "first": None, "told": None},
    {"audience": "everybody", "form": "long", "waiting": True, "first": None, "told": None},
    {"audience": "press", "form": "long", "waiting": False, "first": None, "told": None},
]


@pytest.mark.parametrize(
    ("lang", "next_audience", "who"),
    [
        ("en", "10:10", "vip told 10:00 → contract next at 10:10 → everybody waits → press hears nothing"),
        ("en", None, "vip told 10:00 → contract waits → everybody waits → press hears nothing"),
        ("zh", "10:10", "vip 已告知 10:00 → contract 下一批 10:10 → everybody 待告知 → press 不通知"),
    ],
)
def test_a_notice_is_listed_and_shown_with_who_was_told(
    monkeypatch: pytest.MonkeyPatch, lang: str, next_audience: str | None, who: str
) -> None:
    step = {"time": "10:00", "kind": "first", "state": "publishing", "audience": "vip", "by": "liu"}
    text = {each: {"headline": "H", "body": "B", "agents": "", "short": "S"} for each in ("zh", "en")}
    whole = {"notice": "ntc-1", "level": "red", "state": "publishing", "incident": "inc-1", "deadline": "12:00",
             "text": text, "steps": [step], "audiences": AUDIENCES, "next_audience": next_audience}  # fmt: skip
    row = {"id": "ntc-1", "level": "red", "state": "publishing", "incident": "inc-1", "due": "12:00",
           "title": {"zh": "H", "en": "H"}, "audiences": AUDIENCES, "next_audience": next_audience}  # fmt: skip
    answers = {"/api/v1/notices": {"notices": [row]}, "/api/v1/history/notices/ntc-1": {"notice": whole}}
    monkeypatch.setattr(asking, "ask", lambda _page, path, *_args, **_more: (200, answers[path]))
    listed = f"ntc-1  red     publishing  due 12:00  inc-1  {who}  H\n"
    assert run("notices", "list", "--lang", lang).stdout == listed
    shown = run("notices", "show", "ntc-1", "--lang", lang).stdout.splitlines()
    head = "ntc-1  red  publishing  incident inc-1  due 12:00"
    assert shown == [head, who, "H", "B", "SMS: S", "10:00  first  publishing  vip  liu"]


def test_a_silence_is_tried_added_listed_and_ended(worker: Worker) -> None:
    asked = ("region=长沙", "region=株洲", "stream=network", "--for", "2h")
    assert run("silences", "preview", *asked).stdout == "inc-1  red     surge  3 alerts\n"
    done = run("silences", "add", *asked, "--comment", "割接", "--by", "王工")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "accepted; the desk is at another worker, which has not told yet: silence c1\n"
    assert run("silences", "expire", "s1", "--by", "王工").exit_code == 0
    assert run("silences", "show", "s/1").stdout == run("silences", "list").stdout
    tried, looked, added, ended = (body for _, body in worker.asked if body)
    assert tried["match"] == looked["match"] == {"region": ["长沙", "株洲"], "stream": ["network"]}
    assert added["body"]["ends"] == "2026-03-01T12:00:00Z", "two hours from what the worker's clock says"
    assert (added["what"], added["by"], added["body"]["comment"]) == ("silence-add", "王工", "割接")
    read_silence("s1", "王工", added["body"], 0)  # the desk can read it
    assert ended == {"what": "silence-expire", "on": "s1", "by": "王工"}
    said = run("silences", "list").stdout
    assert said == "s1  2026-03-01T10:00:00Z to 2026-03-01T12:00:00Z  rule=surge region=长沙|株洲  王工: 割接\n"


def test_a_silence_names_fields(worker: Worker) -> None:
    done = run("silences", "add", "长沙", "--comment", "x", "--by", "王工")
    assert (done.exit_code, worker.asked) == (2, [])
    assert "is not FIELD=NAME" in done.stderr


def test_a_silence_that_hides_nothing_says_so_and_holds(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.commands.incidents._WAIT_S", 1.0)
    worker.hidden = []
    done = run("silences", "add", "outlt=o1", "--comment", "x", "--by", "王工")
    assert (done.exit_code, done.stdout) == (0, "done: silence c1\n")
    assert done.stderr == "note: it hides nothing that fires now; if it should, look at the names again\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["notices", "publsh"], "No such command 'publsh'. Did you mean 'publish'?"),
        (["dashboards", "paint"], "No such command 'paint'. There are build, check, push."),
    ],
)
def test_a_command_that_is_not_there_names_those_that_are(words: list[str], said: str) -> None:
    done = run(*words)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr


def test_explain_takes_a_key_of_one_part_and_no_other_words(worker: Worker) -> None:
    assert run("explain", "--rule", "lockers-broken", "outlet=o1").exit_code == 2, "the fake worker knows no statements"
    assert worker.asked == [("/api/v1/explain?rule=lockers-broken&key=outlet%3Do1", None)]
    done = run("explain", "--rule", "lockers-broken", "o1")
    assert (done.exit_code, len(worker.asked)) == (2, 1)
    assert "'o1' is not FIELD=NAME" in done.stderr


def test_routes_know_the_streams_of_the_site(tmp_path: Path) -> None:
    rules, settings = tmp_path / "lockers.yaml", tmp_path / "site.yaml"
    settings.write_text("custom_streams: {lockers: {fields: {outlet: string}}}\n", encoding="utf-8")
    rules.write_text(
        "rules:\n  - {id: lockers, title: {en: L, zh: 柜}, stream: lockers, measure: count, levels: {red: 1}}\n",
        encoding="utf-8",
    )
    done = run("routes", "test", "level=red", "rule=lockers", "--rules", str(rules), "--settings", str(settings))
    assert (done.exit_code, done.stdout.count("by console")) == (0, 1), done.stderr


def test_a_refusal_is_told_and_ends_in_1(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.commands.incidents._WAIT_S", 1.0)
    worker.outcome = "refused: bo has incident inc-1: take it over instead"
    done = run("incidents", "ack", "inc-1", "--by", "an")
    assert (done.exit_code, done.stdout.strip()) == (1, worker.outcome)


def test_where_the_desk_is_elsewhere_it_says_that_it_was_accepted(worker: Worker) -> None:
    worker.outcome = None
    done = run("incidents", "resolve", "inc-1", "--by", "an")
    assert done.exit_code == 0
    assert "accepted" in done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("web: {operators: {an: {token_file: t, rol: operator}}}", 'unknown key "rol": did you mean "role"?'),
        ("web: {operators: {an: {token_file: t, role: boss}}}", "must be viewer, operator or approver"),
        ("web: {operators: {an: {role: viewer}}}", "web.operators.an.token_file: is missing"),
        ("web: {operators: {an: {token_file: no-such}}}", "no-such: the secret cannot be read"),
        ("people: no-such.yaml", "no-such.yaml:1:1: (file): cannot be read"),
    ],
)
def test_a_worker_says_what_is_wrong_with_operators_and_people(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "tocsin.yaml"
    path.write_text(text, encoding="utf-8")
    done = run("worker", "--settings", str(path))
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["explain", "inc-1"], "tocsin explain: no worker answers"),
        (["incidents", "list"], "tocsin incidents: no worker answers"),
        (["report", "weekly"], "tocsin report: no worker answers"),
        (["report", "incident", "inc-1"], "tocsin report: no worker answers"),
    ],
)
def test_where_nobody_answers_the_line_names_the_command(words: list[str], said: str) -> None:
    done = CliRunner().invoke(main, [*words, "--page", "http://127.0.0.1:1"])
    assert (done.exit_code, done.stderr.startswith(said), done.stderr.count("\n")) == (3, True, 1)
