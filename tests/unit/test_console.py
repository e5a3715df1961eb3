"""What the demo says on a terminal, in both languages, with data kept harmless."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO, StringIO, TextIOWrapper
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from alerts.bulletins import Bulletin, Kind
from alerts.notices import Notice, NoticeState, Step
from alerts.records import AlertRecord, parse_time
from alerts.texts import Language
from streams.console import HEARTBEAT_EVERY_MS, Console, Status, wants_colour
from streams.province import build
from streams.scenarios import SCENARIOS

T0_MS = parse_time("2026-03-02T02:00:00Z")
STATUS = Status(time_ms=T0_MS, events_per_second=541.7, incidents_open=2, watermark_lag_ms=5_400)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def record(**changes: object) -> AlertRecord:
    fields: dict[str, object] = {
        "alert": "9f2c",
        "rule": "users-affected",
        "key": {"region": "长沙"},
        "level": "red",
        "was": "orange",
        "time": "2026-03-02T02:07:30Z",
        "started": "2026-03-02T02:02:30Z",
        "value": 11_300.0,
        "threshold": 10_000.0,
        "window_s": 300,
        "reason": "raised",
        "title": {"zh": "受影响用户", "en": "Users affected"},
        "summary": {"zh": "", "en": ""},
        "incident": "inc-1ee1a6c11021",
        **changes,
    }
    return AlertRecord(**fields)  # type: ignore[arg-type]


def notice() -> Notice:
    return Notice(
        id="ntc-1ee1a6c11021",
        incident="inc-1ee1a6c11021",
        rule="users-affected",
        key={"region": "长沙"},
        template="outage",
        level="orange",
        state=NoticeState.DRAFT,
        kind=Kind.FIRST,
        text={
            "en": Bulletin("Mobile service disturbed in 长沙", "…", "…"),
            "zh": Bulletin("长沙移动通信服务受影响", "…", "…"),
        },
        fault_ms=T0_MS,
        deadline_ms=T0_MS,
        steps=(Step(T0_MS + 310_000, Kind.FIRST, NoticeState.DRAFT),),
    )


def console(out: StringIO, lang: Language = "en", *, colour: bool = False, quiet: bool = False) -> Console:
    words = build().words(lang)
    return Console(out, lang=lang, zone=ZoneInfo("Asia/Shanghai"), colour=colour, quiet=quiet, words=words)


def story(out: StringIO, lang: Language, *, colour: bool = False, quiet: bool = False) -> str:
    """Say one of everything."""
    voice = console(out, lang, colour=colour, quiet=quiet)
    cut = SCENARIOS["backbone-cut"]
    voice.header(cut.title, {"page": "http://127.0.0.1:8080/", "metrics": "http://127.0.0.1:8080/metrics"})
    voice.scene(T0_MS + 150_000, cut.scenes[0].text)
    voice.alert(record(level="yellow", was="green", value=2_400.0, threshold=2_000.0))
    voice.notice(notice())
    voice.alert(record())
    voice.alert(
        record(
            key={"region": "株洲", "category": "network"},
            level="orange",
            was="yellow",
            value=0.3127,
            threshold=0.3,
            title={"zh": "放弃率", "en": "Abandonment"},
        ),
    )
    voice.alert(record(level="act", was="green", key={}, value=1.0, threshold=1.0))
    voice.alert(record(level="green", was="red", value=None, threshold=10_000.0, reason="unknown"))
    voice.alert(record(level="green", was="red", value=80.0, threshold=2_000.0, reason="cleared"))
    voice.heartbeat(STATUS, now_ms=0)
    voice.heartbeat(STATUS, now_ms=HEARTBEAT_EVERY_MS)
    return out.getvalue()


@pytest.mark.parametrize(
    ("lang", "said"),
    [("zh", "10:05:10 +08:00 ✉ 客户通知正在分级发布 → vip  ntc-1ee1a6c11021"),
     ("en", "10:05:10 +08:00 ✉ customer notice on its way, audience by audience → vip  ntc-1ee1a6c11021")],
)  # fmt: skip
def test_a_notice_names_who_is_told(lang: Language, said: str) -> None:
    out = StringIO()
    told = Step(T0_MS + 310_000, Kind.FIRST, NoticeState.PUBLISHING, "liu", "v\x1bip")
    console(out, lang).notice(replace(notice(), state=NoticeState.PUBLISHING, steps=(told,)))
    assert out.getvalue().splitlines()[0] == said


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_whole_story(lang: Language, golden: Callable[[str, str], None]) -> None:
    golden(f"console/{lang}.txt", story(StringIO(), lang))


def test_colour_changes_nothing_but_the_colour() -> None:
    coloured = story(StringIO(), "zh", colour=True)
    assert "\x1b[1;97;41m RED 红色" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == story(StringIO(), "zh")


def test_quiet_says_only_levels_and_notices() -> None:
    said = story(StringIO(), "en", quiet=True)
    assert "http" not in said
    assert "digger" not in said
    assert "events/s" not in said
    assert said.count("Users affected") == 5
    assert "notice drafted" in said


@pytest.mark.parametrize(
    ("out", "environ", "expected"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (StringIO(), {}, False),
    ],
    ids=["terminal", "empty NO_COLOR", "NO_COLOR", "dumb", "file"],
)
def test_colour_only_where_it_is_wanted(out: StringIO, environ: dict[str, str], expected: bool) -> None:
    assert wants_colour(out, environ) is expected


def test_data_cannot_write_to_the_terminal() -> None:
    out = StringIO()
    evil = "长沙\x1b[2J\x07\u202e\n\x9b31m"
    console(out).alert(record(key={"region": evil}, incident=f"\x1b]0;{evil}", title={"en": evil, "zh": evil}))
    assert not set(out.getvalue()) & set("\x1b\x07\u202e\x9b")
    assert out.getvalue().count("\n") == 1


def test_a_heartbeat_comes_only_in_silence() -> None:
    out = StringIO()
    voice = console(out)
    voice.heartbeat(STATUS, now_ms=0)
    voice.heartbeat(STATUS, now_ms=HEARTBEAT_EVERY_MS - 1)
    voice.alert(record())
    voice.heartbeat(STATUS, now_ms=HEARTBEAT_EVERY_MS)
    assert "events/s" not in out.getvalue()
    for now_ms in range(HEARTBEAT_EVERY_MS, 4 * HEARTBEAT_EVERY_MS, 1_000):
        voice.heartbeat(STATUS, now_ms=now_ms)
    assert out.getvalue().count("events/s") == 2


def test_a_poor_terminal_gets_question_marks() -> None:
    raw = BytesIO()
    out = TextIOWrapper(raw, encoding="ascii")
    Console(out, lang="en", zone=ZoneInfo("Asia/Shanghai")).alert(record())
    assert b"RED ??" in raw.getvalue()
