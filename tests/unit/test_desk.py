"""The desk: who hears of what, once; and what follows for customers."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from alerts.desk import Desk, Effect
from alerts.incidents import IncidentChange
from alerts.notices import NoticeChange
from alerts.notifications import Notification
from alerts.records import AlertRecord, alert_record
from alerts.routing import Routing
from detectors.rules import LEVEL_CODE, Rule
from detectors.transition import Transition
from tests.alerting import CHINA, START_MS, SURGE, history

ROUTING = Routing(
    channels=("console", "hook", "pager"), receivers={"noc": ("console",), "duty": ("hook",), "nobody": ()}
)


def desk(rule: Rule = SURGE) -> Desk:
    return Desk([rule], CHINA, ROUTING)


def said(effects: list[Effect]) -> str:
    """Write effects in short: what the incident did, reason@channel, notice state."""
    short = []
    for effect in effects:
        match effect:
            case IncidentChange():
                short.append(effect.what.value)
            case Notification():
                short.append(f"{effect.reason.value}@{effect.channel}")
            case NoticeChange():
                short.append(f"notice {effect.notice.state.value}")
    return ", ".join(short)


def test_the_way_of_an_alert_over_the_desk() -> None:
    one = desk()
    told = [said(one.handle(each, START_MS)) for each in history(["yellow", "orange", "red", "orange", "green"])]
    assert told == [
        "opened, first@console",
        "raised, raised@console, raised@hook, notice draft",
        "raised, raised@console, raised@hook, raised@pager, notice draft",  # a ladder nobody configured: everywhere
        "lowered, lowered@console, lowered@hook, lowered@pager",
        "resolved, resolved@console, resolved@hook, resolved@pager, notice withdrawn",  # all who were told
    ]


def test_a_record_handled_before_gives_nothing() -> None:
    one, log = desk(), history(["yellow", "orange", "green"])
    for each in log:
        one.handle(each, START_MS)
    before = one.dump()
    assert [one.handle(each, START_MS + 1) for each in log] == [[], [], []]
    assert one.dump() == before


@pytest.mark.parametrize(
    ("notify", "channels"),
    [
        pytest.param({}, "console hook pager", id="a rule that names nobody tells all"),
        pytest.param({"orange": ("noc",)}, "console", id="one receiver"),
        pytest.param({"orange": ("duty", "noc", "noc")}, "console hook", id="each channel once, in the site's order"),
        pytest.param({"orange": ("noc", "typo")}, "console hook pager", id="an unknown receiver loses no page"),
        pytest.param({"red": ("noc",)}, "console hook pager", id="nor does a level that is not named"),
        pytest.param({"orange": ("nobody",)}, "", id="a receiver configured to hear nothing"),
    ],
)
def test_routing(notify: dict[str, tuple[str, ...]], channels: str) -> None:
    effects = desk(replace(SURGE, notify=notify)).handle(history(["orange"])[0], START_MS)
    assert " ".join(each.channel for each in effects if isinstance(each, Notification)) == channels


def test_a_notification_says_what_to_do_with_the_words_of_the_alert() -> None:
    (told,) = [each for each in desk().handle(history(["yellow"])[0], START_MS) if isinstance(each, Notification)]
    assert told.action == {"en": "Find the cause in 长沙", "zh": "核查长沙投诉原因"}


def test_the_same_telling_has_the_same_key_and_no_other_has() -> None:
    log = history(["yellow", "orange", "red", "orange"])
    first, second = desk(), desk()
    keys = [each.idempotency_key for log_ in log for each in first.handle(log_, 1) if isinstance(each, Notification)]
    again = [each.idempotency_key for log_ in log for each in second.handle(log_, 2) if isinstance(each, Notification)]
    assert keys == again
    assert len(set(keys)) == len(keys)


def test_what_fires_can_be_said_again_to_those_who_were_told() -> None:
    one = desk()
    for each in [*history(["yellow"]), *history(["red"], region="株洲"), *history(["red", "green"], region="湘潭")]:
        one.handle(each, START_MS)
    assert [each.record.key["region"] for each in one.firing("console")] == ["株洲", "长沙"]
    assert [said([each]) for each in one.firing("hook")] == ["repeat@hook"]


def test_a_desk_goes_on_from_its_dump() -> None:
    log = history(["yellow", "orange", "red", "green"])
    whole, first, second = desk(), desk(), desk()
    for each in log[:2]:
        first.handle(each, START_MS)
    second.load(msgspec.msgpack.decode(msgspec.msgpack.encode(first.dump())))
    effects = [said(second.handle(each, START_MS)) for each in log]
    assert effects == ["", "", *[said(whole.handle(each, START_MS)) for each in log][2:]]
    assert second.dump() == whole.dump()


@pytest.mark.parametrize("data", [None, [], {"incidents": []}])
def test_what_is_no_dump_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="not a desk"):
        desk().load(data)


def test_a_notice_template_that_is_not_there_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="rule complaint-surge: no notice template 'outrage'; there are: billing, "):
        desk(replace(SURGE, notice="outrage"))


def test_a_rule_that_is_no_longer_in_force_still_resolves() -> None:
    start, end = history(["red", "green"])
    old, new = desk(), Desk([], CHINA, ROUTING)
    old.handle(start, START_MS)
    new.load(old.dump())
    assert said(new.handle(end, START_MS)).startswith("resolved, resolved@console, resolved@hook, resolved@pager")


@pytest.mark.parametrize("level", [level for level in LEVEL_CODE if level not in ("green", "act")])
def test_each_colour_reaches_a_sender(level: str) -> None:
    assert said(desk().handle(history([level])[0], START_MS)).startswith("opened, first@")


def act() -> AlertRecord:
    rule = replace(SURGE, levels=(("act", 1.0),), by=())
    moved = Transition(SURGE.id, (), "act", "green", START_MS, START_MS, 4.0, 1.0, "raised")
    return alert_record(moved, rule)


def test_act_is_told_and_drafts_nothing() -> None:
    assert said(desk().handle(act(), START_MS)) == "opened, first@console, first@hook, first@pager"
