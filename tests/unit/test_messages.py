"""What a person reads: golden pages in both languages, and text from events that stays text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from alerts.digests import digest
from alerts.messages import SHIPPED, WORDS, Said, read_lines, write
from alerts.notifications import Facts, Notification, Reason
from alerts.records import AlertRecord
from alerts.senders.alertmanager import posted
from alerts.senders.console import ConsoleSender
from alerts.senders.topic import written
from alerts.senders.webhook import payload
from alerts.site import Site
from alerts.texts import LANGUAGES
from tests.alerting import CHINA, SURGE, history, notification, record
from tests.happenings import OUTAGE, alert, asks, between
from tests.timeline import Timeline

PAGE = "https://tocsin.example"
LINES = read_lines()
OUTAGE_SAID = replace(
    OUTAGE,
    title={"en": "Users without service", "zh": "用户无法使用业务"},
    summary={"en": "{value} users in {region} have no service", "zh": "{region} {value} 户无法使用业务"},
    action={"en": "Ask the network duty officer for cause and time of repair", "zh": "向网络值班确认原因与恢复时间"},
)
SURGE_SAID = replace(SURGE, id="surge")


def paged() -> dict[str, Notification]:
    """One page of each kind, as a desk gives them through a day."""
    day = Timeline(rules=(OUTAGE_SAID, SURGE_SAID), site=Site(page=PAGE))
    pages: dict[str, Notification] = {}
    day.at("10:00", alert(SURGE_SAID, "yellow", value=31, region="长沙", category="network"))
    pages["unexplained"] = day.want(between("10:00", "10:00"), "first orange surge 长沙 network")
    day.at("10:06", alert(OUTAGE_SAID, "red", value=12600, region="长沙"))
    pages["explained"] = day.want(between("10:06", "10:06"), "raised red outage 长沙")
    day.do(asks("ack", "王工", day.incident.id))
    day.at("10:08", alert(SURGE_SAID, "red", value=140, region="长沙", category="network"))
    pages["grew"] = day.want(between("10:08", "10:09"), "grew red outage 长沙")
    day.at("10:30", alert(OUTAGE_SAID, "yellow", value=2100, region="长沙"))
    day.at("10:31", alert(SURGE_SAID, "yellow", value=40, region="长沙", category="network"))
    pages["lowered"] = day.want(between("10:31", "10:31"), "lowered yellow outage 长沙")
    day.at("10:40", alert(SURGE_SAID, "green", value=5, region="长沙", category="network"))
    day.at("11:00", alert(OUTAGE_SAID, "green", value=0, region="长沙"))
    pages["resolved"] = day.want(between("11:00", "11:00"), "resolved green outage 长沙")
    return pages


def test_pages(golden: Callable[[str, str], None]) -> None:
    texts = [
        f"== {name}, {language}\n{write(Said(page, language, CHINA), LINES).text}\n"
        for name, page in paged().items()
        for language in LANGUAGES
    ]
    golden("messages/pages.txt", "\n".join(texts))


def test_a_page_is_short_enough_to_be_read_in_five_seconds() -> None:
    for page in paged().values():
        for language in LANGUAGES:
            message = write(Said(page, language, CHINA), LINES)
            assert len(message.subject) <= 80
            assert len(message.lines) <= 10


def hostile(text: str) -> Notification:
    said: AlertRecord = changed(
        record(key=(text, text)), title={"en": "T", "zh": "题"}, summary={"en": text, "zh": text}
    )
    facts = Facts(owner=text, red_names=({"en": text, "zh": text},), newly_red=1, cause=said, latest=said)
    return changed(notification(said), facts=facts, action={"en": text, "zh": text})


@pytest.mark.parametrize(
    "text",
    ["{value}", "{{7*7}}", "{% for x in y %}", "{0.__class__}", "%s", "${HOME}", "{unheard}", "\u202e\x1b[31mred\n\nx"],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_text_from_events_is_data(text: str, language: str) -> None:
    message = write(Said(hostile(text), language, CHINA), LINES)  # type: ignore[arg-type]
    shown = "".join(sign for sign in text.replace("\n\n", " ") if sign.isprintable())
    assert shown in message.subject
    assert all(line.isprintable() and "\n" not in line for line in (message.subject, *message.lines))
    assert "63" in message.text  # the template's own words are filled in
    assert "49" not in message.text


def test_a_value_that_is_not_known_is_left_out_and_never_zero() -> None:
    (start, end) = history(["red", "green"])
    gone = changed(end, value=None)
    message = write(Said(changed(notification(gone), reason=Reason.RESOLVED), "en", CHINA), LINES)
    assert "Now" not in message.text
    assert "Now 63" in write(Said(notification(start), "en", CHINA), LINES).text


def test_every_word_is_used_by_what_is_shipped() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert [name for name in WORDS if f"{{{name}}}" not in text] == []


ZH_ALONE = '[zh]\nsubject = "a"\nfiring = []\nresolved = []\nwindow_subject = "a"\nwindow = []\n'


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        pytest.param(
            '[zh]\nsubject = "a"\nfiring = []\nresolved = []\nwindow_subject = "a"\nwindow = []\n',
            r"has no \[en\]",
            id="one language",
        ),
        pytest.param("[zh]\nsubject = 3\n", "Expected `str`", id="no text"),
        pytest.param("[zh", "Expected ']'", id="no TOML"),
    ],
)
def test_templates_that_cannot_be_used_are_refused(text: str, trouble: str, tmp_path: Path) -> None:
    path = tmp_path / "page.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=trouble):
        read_lines(path)


def test_a_misspelt_word_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "page.toml"
    path.write_text(SHIPPED.read_text(encoding="utf-8").replace("{summary}", "{sumary}"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"\[zh\] knows no \{sumary\}: there are action, also, around"):
        read_lines(path)


def test_every_message_leads_to_its_incident_on_the_page_and_a_digest_to_the_page() -> None:
    pages = list(paged().values())
    (incident,) = {page.record.incident for page in pages}
    assert {page.link for page in pages} == {f"{PAGE}/#incident={incident}"}
    assert digest(pages, CHINA, "en", 2_048).splitlines()[-1] == f"{PAGE}/"
    assert payload(pages[0])["externalURL"] == f"{PAGE}/"
    assert payload(pages[0])["alerts"][0]["generatorURL"] == pages[0].link
    assert posted(pages[0], 0, 0)[0]["generatorURL"] == pages[0].link
    assert written(pages[0]).count(pages[0].link.encode()) == 1


def test_without_an_address_of_the_page_nothing_is_linked() -> None:
    bare = notification()
    assert (bare.link, bare.page) == ("", "")
    assert "generatorURL" not in posted(bare, 0, 0)[0]
    assert digest([bare, bare], CHINA, "en", 2_048).count("\n") == 1


async def test_the_console_says_the_link_at_the_end_of_the_line() -> None:
    lines: list[str] = []
    page = paged()["explained"]
    await ConsoleSender(lines.append, CHINA, languages=("en",)).send(page)
    assert lines[0].endswith(f" · {page.link}")


@pytest.mark.parametrize("count", [8, 40])
def test_the_reds_of_a_digest_and_its_link_fit_into_the_smallest_message(count: int) -> None:
    long = "https://noc.example/" + "x" * 180
    wordy = {"en": "x" * 400, "zh": "长" * 400}
    told = [changed(record("red"), incident=f"inc-{number}", summary=wordy) for number in range(8)]
    reds = [changed(notification(each), link=f"{long}/#incident=1") for each in told]
    others = [changed(notification(), link=f"{long}/#incident=2") for _ in range(count)]
    text = digest([*reds, *others], CHINA, "zh", 2_048)
    assert len(text.encode()) <= 2_048
    assert text.count("RED 红色") == 8
    assert text.splitlines()[-1] == f"{long}/"
