"""Customer notices: drafted in time in two languages, out only by people, ended with the incident."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from alerts.audiences import Audience, Audiences
from alerts.book import IncidentBook
from alerts.bulletins import SHIPPED, Kind, read_templates, write
from alerts.joining import Joining
from alerts.noticebook import NoticeBook
from alerts.notices import Notice, NoticeChange, NoticeError, NoticeState
from alerts.records import AlertRecord
from tests.alerting import CHINA, START_MS, history, record

NOW_MS = START_MS + 240_000
MINUTE_MS = 60_000


ONE = Audiences(site=(Audience(tier="everybody"),))


class Site:
    """A book of notices that follows a book of incidents."""

    def __init__(self, template: str | None = "outage", audiences: Audiences = ONE) -> None:
        self.template = template
        self.incidents = IncidentBook()
        self.notices = NoticeBook(read_templates(), CHINA, audiences=audiences)

    def tell(self, each: AlertRecord) -> NoticeChange | None:
        changes = Joining(self.incidents).apply(each)
        return self.notices.follow(changes[0], self.template, NOW_MS) if changes else None

    def walk(self, levels: Sequence[str]) -> list[str]:
        """Take one alert through levels; name what each step did to its notice."""
        changes = [self.tell(each) for each in history(levels)]
        return ["" if each is None else f"{each.notice.state.value} {each.notice.kind.value}" for each in changes]


def published(site: Site, at_ms: int) -> list[Notice]:
    return [each.notice for each in site.notices.publish(notice_of(site), by="李值班", at_ms=at_ms)]


def notice_of(site: Site) -> str:
    (notice,) = site.notices.notices()
    return notice.id


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        pytest.param(["yellow", "green"], ["", ""], id="yellow is no matter for customers"),
        pytest.param(["orange"], ["draft first"], id="orange is"),
        pytest.param(["red"], ["draft first"], id="so is red at once"),
        pytest.param(["orange", "red"], ["draft first", "draft first"], id="red rewrites the draft"),
        pytest.param(["red", "orange", "yellow", "orange"], ["draft first", "", "", ""], id="once per incident"),
        pytest.param(["orange", "green"], ["draft first", "withdrawn first"], id="over before it was out"),
    ],
)
def test_what_an_incident_asks_of_its_notice(levels: list[str], told: list[str]) -> None:
    assert Site().walk(levels) == told


def test_without_a_template_nothing_is_drafted() -> None:
    assert Site(template=None).walk(["red", "green"]) == ["", ""]


def test_the_deadline_is_three_hours_after_the_fault_began() -> None:
    site = Site()
    site.walk(["yellow", "orange"])
    (notice,) = site.notices.notices()
    assert (notice.fault_ms, notice.deadline_ms) == (START_MS, START_MS + 180 * MINUTE_MS)
    for now_ms, late in ((notice.deadline_ms, []), (notice.deadline_ms + 1, [(notice, notice.deadline_ms)])):
        assert site.notices.beat(now_ms, lambda _incident: None) == []
        assert list(site.notices.late(now_ms)) == late


def test_the_whole_life_of_a_notice() -> None:
    site = Site()
    up, worse, over = history(["orange", "red", "green"])
    site.tell(up)
    name = notice_of(site)
    site.notices.approve(name, by="张经理", at_ms=NOW_MS)
    (out,) = published(site, NOW_MS + MINUTE_MS)
    assert (out.state, out.published_ms, out.next_update_ms) == (
        NoticeState.PUBLISHED,
        NOW_MS + MINUTE_MS,
        NOW_MS + 61 * MINUTE_MS,
    )
    assert out.dues_ms == (NOW_MS + 61 * MINUTE_MS,)  # nothing but the promised update

    site.tell(worse)
    site.notices.approve(name, by="张经理", at_ms=NOW_MS + 2 * MINUTE_MS)
    (updated,) = published(site, NOW_MS + 3 * MINUTE_MS)
    assert (updated.state, updated.level) == (NoticeState.UPDATED, "red")
    assert updated.published_ms == NOW_MS + MINUTE_MS  # customers first heard then
    assert updated.text["zh"].headline.startswith("【更新】")

    site.tell(over)
    site.notices.approve(name, by="张经理", at_ms=NOW_MS + 4 * MINUTE_MS)
    (ended,) = published(site, NOW_MS + 5 * MINUTE_MS)
    assert (ended.state, ended.next_update_ms, ended.is_closed) == (NoticeState.ALL_CLEAR, None, True)
    assert [f"{step.state.value} {step.by}".strip() for step in ended.steps] == [
        "draft",
        "approved 张经理",
        "published 李值班",
        "draft",
        "approved 张经理",
        "updated 李值班",
        "draft",
        "approved 张经理",
        "all-clear 李值班",
    ]


def test_people_approve_words_so_a_rewritten_text_is_a_draft_again() -> None:
    site = Site()
    up, worse = history(["orange", "red"])
    site.tell(up)
    name = notice_of(site)
    site.notices.approve(name, by="张经理", at_ms=NOW_MS)
    site.tell(worse)
    with pytest.raises(NoticeError, match=r"cannot publish notice ntc-\w+: it is draft \(first\), not approved"):
        site.notices.publish(name, by="李值班", at_ms=NOW_MS)


def test_steps_that_cannot_be_taken_say_why() -> None:
    site = Site()
    site.walk(["orange"])
    name = notice_of(site)
    with pytest.raises(NoticeError, match="cannot approve notice ntc-none: there is no such notice"):
        site.notices.approve("ntc-none", by="x", at_ms=NOW_MS)
    site.notices.approve(name, by="x", at_ms=NOW_MS)
    with pytest.raises(NoticeError, match="it is approved"):
        site.notices.approve(name, by="x", at_ms=NOW_MS)
    site.notices.publish(name, by="x", at_ms=NOW_MS)
    with pytest.raises(NoticeError, match=r"cannot cancel .*: it is published"):
        site.notices.cancel(name, by="x", at_ms=NOW_MS)


def test_a_cancelled_notice_stays_withdrawn() -> None:
    site = Site()
    up, worse, over = history(["orange", "red", "green"])
    site.tell(up)
    site.notices.cancel(notice_of(site), by="张经理", at_ms=NOW_MS)
    assert site.tell(worse) is None
    assert site.tell(over) is None
    assert site.notices.counts()[NoticeState.WITHDRAWN] == 1
    assert site.notices.counts()[NoticeState.DRAFT] == 0


def test_closed_notices_are_bounded() -> None:
    incidents, notices = IncidentBook(), NoticeBook(read_templates(), CHINA, closed_len_max=3)
    for number in range(5):
        for each in history(["red", "green"], started_ms=START_MS + number * 3_600_000):
            (change,) = Joining(incidents).apply(each)
            notices.follow(change, "outage", NOW_MS)
    assert [each.fault_ms for each in notices.notices()] == [START_MS + number * 3_600_000 for number in (4, 3, 2)]


def test_a_book_goes_on_from_its_dump() -> None:
    site, again = Site(), Site()
    site.walk(["orange"])
    site.notices.approve(notice_of(site), by="张经理", at_ms=NOW_MS)
    again.notices.load(msgspec.json.decode(msgspec.json.encode(site.notices.dump())))
    assert again.notices.dump() == site.notices.dump()
    again.notices.publish(notice_of(again), by="李值班", at_ms=NOW_MS)
    with pytest.raises(ValueError, match="not a book of notices"):
        again.notices.load([{"id": 1}])


@pytest.mark.parametrize("template", sorted(read_templates()))
def test_the_text_of_each_template(template: str, golden: Callable[[str, str], None]) -> None:
    up = record("orange", "yellow", minute=2.5)
    over = record("green", "orange", minute=95, value=3.0)
    texts = [
        f"== {kind.value} {language}\n{text.headline}\n\n{text.body}\n\n[{text.agents}]\n\nSMS: {text.short}\n"
        for kind, told in ((Kind.FIRST, up), (Kind.UPDATE, up), (Kind.ALL_CLEAR, over))
        for language, text in write(read_templates()[template], kind, told, CHINA).items()
    ]
    golden(f"notices/{template}.txt", "\n".join(texts))


def test_the_record_of_a_notice(golden: Callable[[str, str], None]) -> None:
    change = Site(audiences=Audiences()).tell(history(["orange"])[0])
    assert change is not None
    golden("notices/record.json", json.dumps(json.loads(change.encode()), ensure_ascii=False, indent=1) + "\n")


def test_hostile_places_stay_data() -> None:
    told = record(key=("\u202e{value}\n<b>", "network"))
    text = write(read_templates()["outage"], Kind.FIRST, told, CHINA)["en"]
    assert text.headline == "Service disturbed for some customers in {value} <b>"
    assert "Where: {value} <b>\nSince: 2026-03-01 17:18 +08:00\n" in text.body


def test_an_unknown_place_is_said_vaguely_and_no_person_is_named() -> None:
    told = msgspec.structs.replace(record(), key={"region": "", "customer": "13900000000"})
    text = write(read_templates()["outage"], Kind.FIRST, told, CHINA)
    assert "in some areas" in text["en"].headline
    assert "13900000000" not in str(text)


def test_a_template_that_is_not_as_it_should_be_names_its_file(tmp_path: Path) -> None:
    shipped = (SHIPPED / "queue.toml").read_text(encoding="utf-8")
    (tmp_path / "queue.toml").write_text(shipped.replace("effect", "efect"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"queue\.toml: Object .* unknown field `efect`|queue\.toml: .*missing"):
        read_templates(tmp_path)


@pytest.mark.parametrize("template", sorted(read_templates()))
def test_a_short_text_fits_one_sms_whatever_the_place_is_called(template: str) -> None:
    chosen = read_templates()[template]
    for region in ("长沙", "湘西土家族苗族自治州" * 8):
        for kind in Kind:
            told = write(chosen, kind, record(key=(region, "network")), CHINA)
            assert len(told["zh"].short) <= 70
            assert len(told["en"].short) <= 160
            assert "…" not in told["zh"].short + told["en"].short, "it is not cut in the middle of a word"
    assert "…" in write(msgspec.structs.replace(chosen, sms_zh_chars=10), Kind.ALL_CLEAR, record(), CHINA)["zh"].short


def test_a_notice_from_before_there_were_audiences_reads_as_what_was_meant_then() -> None:
    site = Site(audiences=Audiences())
    site.walk(["orange"])
    site.notices.approve(notice_of(site), by="张经理", at_ms=NOW_MS)
    site.notices.publish(notice_of(site), by="李值班", at_ms=NOW_MS, everybody=True)
    (dumped,) = site.notices.dump()
    new = ("audiences", "next_ms", "late_ms")
    old = {name: value for name, value in dumped.items() if name not in new}
    old["steps"] = [{name: each[name] for name in each if name != "audience"} for each in dumped["steps"][:2]] + [
        {"time_ms": NOW_MS, "kind": "first", "state": "published", "by": "李值班"}
    ]
    old["text"] = {
        lang: {name: text[name] for name in ("headline", "body", "agents")} for lang, text in old["text"].items()
    }
    again = Site(audiences=Audiences())
    again.notices.load([old])
    (notice,) = again.notices.notices()
    assert [each.first_ms for each in notice.audiences] == [NOW_MS] * 3
    assert (notice.waiting, notice.unaware) == ((), ())
    assert notice.message("vip")["zh"] == notice.text["zh"].headline, "there was no short text"

    draft = {**old, "state": "draft", "published_ms": None, "next_update_ms": None, "steps": old["steps"][:1]}
    again.notices.load([draft])
    assert notice_of(again)
    (notice,) = again.notices.notices()
    assert notice.unaware == ("vip", "contract", "everybody")


def test_every_state_has_a_word_on_the_page() -> None:
    words = (Path(__file__).parents[2] / "streams/page/words.js").read_text(encoding="utf-8")
    named = re.findall(r'^  "?([a-z-]+)"?: \[', words, re.MULTILINE)
    assert {state.value for state in NoticeState} - set(named) == set()
