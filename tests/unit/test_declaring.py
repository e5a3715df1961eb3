"""Streams that a site declares in its settings: what is taken, and what an operator reads who slipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.vocabulary import Field, FieldType
from streams.settings import SettingsError
from streams.settingsfile import read_settings

LOCKERS = """
custom_streams:
  lockers:
    thing: locker
    key: outlet
    fields:
      locker: {required: true}
      state: {type: string, required: true, one_of: [free, full, broken]}
      doors: number
      cold: boolean
      until: time
      outlet: string
"""


def test_a_stream_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(LOCKERS + "streams: [calls, lockers]\nexpect_every: {lockers: 2m}\n")
    settings = read_settings(tmp_path / "site.yaml", {})
    lockers = settings.custom_streams["lockers"]
    assert (lockers.name, lockers.thing, lockers.key) == ("lockers", "locker", "outlet")
    assert lockers.fields == {
        "locker": Field(required=True),
        "state": Field(required=True, one_of=("free", "full", "broken")),
        "doors": Field(FieldType.NUMBER),
        "cold": Field(FieldType.BOOLEAN),
        "until": Field(FieldType.TIME),
        "outlet": Field(),
    }
    assert (settings.streams, settings.expect_every) == (("calls", "lockers"), {"lockers": 120_000})


def declared(text: str) -> str:
    return "custom_streams: {lockers: {" + text + "}}"


MISTAKES = {
    "custom_streams: [lockers]": "1:17: custom_streams: must be a mapping of streams, by name, not a list",
    "custom_streams: {calls: {fields: {a: string}}}": '1:18: custom_streams.calls: "calls" is a stream already: '
    "choose another name",
    "custom_streams: {late: {fields: {a: string}}}": '1:18: custom_streams.late: "late" is the name of a topic of '
    "ours: choose another",
    "custom_streams: {Lockers: {fields: {a: string}}}": "1:18: custom_streams.Lockers: must be a name of a-z, 0-9 and "
    '-, 40 at most, not "Lockers"',
    "custom_streams: {lockers: {}}": '1:27: custom_streams.lockers: "fields" is missing',
    declared("fields: {a: string}, thing: b"): '1:56: custom_streams.lockers.thing: unknown field "b": there are a',
    declared("fields: {a: string}, thing: a"): "1:56: custom_streams.lockers.thing: every event names its thing: "
    '"a" must be a required string, of any value: write a: {required: true}',
    declared("fields: {outlet: string}, key: outlt"): '1:59: custom_streams.lockers.key: unknown field "outlt": did '
    'you mean "outlet"?',
    declared("feilds: {a: string}, fields: {a: string}"): '1:28: custom_streams.lockers.feilds: unknown key "feilds": '
    'did you mean "fields"?',
    declared("fields: {}"): "1:36: custom_streams.lockers.fields: is empty: name at least one field",
    declared("fields: {a: text}"): '1:40: custom_streams.lockers.fields.a: unknown type "text": there are string, '
    "number, boolean, time",
    declared("fields: {a: strin}"): '1:40: custom_streams.lockers.fields.a: unknown type "strin": did you mean '
    '"string"?',
    declared("fields: {id: string}"): '1:37: custom_streams.lockers.fields.id: "id" belongs to every event: it is not '
    "declared",
    declared("fields: {a-b: string}"): "1:37: custom_streams.lockers.fields.a-b: must be a name of a-z, 0-9 and _, 40 "
    'at most, not "a-b"',
    declared("fields: {_other_0: string}"): "1:37: custom_streams.lockers.fields._other_0: must be a name of a-z, 0-9 "
    'and _, 40 at most, not "_other_0"',
    declared("fields: {a: {requird: true}}"): '1:41: custom_streams.lockers.fields.a.requird: unknown key "requird": '
    'did you mean "required"?',
    declared("fields: {a: {required: yes}}"): "1:51: custom_streams.lockers.fields.a.required: must be true or false, "
    'not the text "yes"',
    declared("fields: {a: {type: number, one_of: [a]}}"): '1:55: custom_streams.lockers.fields.a.one_of: "one_of" is '
    "for strings, and this is a number",
    declared("fields: {a: {one_of: []}}"): "1:49: custom_streams.lockers.fields.a.one_of: is an empty list: no event "
    "could ever be right",
    declared("fields: {a: {one_of: [b, b]}}"): '1:53: custom_streams.lockers.fields.a.one_of[1]: "b" is in the list '
    "already",
    "streams: [locker]\n" + declared("fields: {a: string}"): '1:11: streams[0]: unknown stream "locker": did you mean '
    '"lockers"?',
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_with_its_place(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("site.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        read_settings(Path("site.yaml"), {})
    assert str(refused.value) == f"site.yaml:{MISTAKES[text]}"


def test_all_mistakes_of_all_streams_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("custom_streams: {a: {fields: {x: strin, id: time}}, calls: {}}\ngroup: 7\n")
    with pytest.raises(SettingsError) as refused:
        read_settings(tmp_path / "s.yaml", {})
    places = [line.split(": ")[1] for line in str(refused.value).splitlines()]
    assert sorted(places) == [
        "custom_streams.a.fields.id",
        "custom_streams.a.fields.x",
        "custom_streams.calls",
        "group",
    ]


def test_the_environment_declares_streams_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_CUSTOM_STREAMS", '{"lockers": {"fields": {"doors": "number"}}}')
    assert read_settings(None, {}).custom_streams["lockers"].fields == {"doors": Field(FieldType.NUMBER)}
    monkeypatch.setenv("TOCSIN_CUSTOM_STREAMS", '{"lockers": {"fields": {"doors": "nmber"}}}')
    with pytest.raises(SettingsError) as refused:
        read_settings(None, {})
    said = 'TOCSIN_CUSTOM_STREAMS: lockers.fields.doors: unknown type "nmber": did you mean "number"?'
    assert str(refused.value) == said
