"""Every stream as section 2 of the contract declares it, field by field."""

from __future__ import annotations

import pytest

from detectors.vocabulary import STREAMS, FieldType

# Required fields in *stars*, closed vocabularies in brackets, as the contract's table has them.
CONTRACT = {
    "calls": "*outcome*(answered|abandoned|blocked) line queue region outlet purpose wait_s talk_s wrap_s agent "
    "customer tier brand",
    "complaints": "*category* reason region outlet channel brand provider customer tier severity repeat major call",
    "network": "*element* *state*(down|degraded|up) kind region outlet users cause eta",
    "cases": "*case* *step*(opened|signed|dispatched|promised|extended|paused|resumed|replied|resolved|closed|reopened)"
    " class region department owner until",
    "shipments": "*shipment* *step* customer tier region outlet lane planned_s actual_s",
    "claims": "*claim* *step*(opened|settled) region division kind channel asked paid premium days",
    "surveys": "*satisfied* region outlet score",
    "agents": "*agent* *state*(ready|talking|wrap|away|out) queue region score cost",
    "plans": "*kind*(planned|outside) *starts* ends region title affects plan told",  # the last two: decision 0028
}
THINGS = {
    "network": "element",
    "cases": "case",
    "shipments": "shipment",
    "claims": "claim",
    "agents": "agent",
    "plans": "plan",
}
NUMBERS = {"users", "severity", "asked", "paid", "premium", "days", "score", "cost"}
BOOLEANS = {"repeat", "major", "satisfied", "told"}
TIMES = {"eta", "starts", "ends", "until"}


def test_the_streams_are_those_of_the_contract() -> None:
    assert list(STREAMS) == list(CONTRACT)
    assert {name: stream.thing for name, stream in STREAMS.items() if stream.thing} == THINGS


@pytest.mark.parametrize("name", CONTRACT)
def test_the_fields_of_a_stream_are_those_of_the_contract(name: str) -> None:
    told = {}
    for word in CONTRACT[name].split():
        field, _, closed = word.partition("(")
        told[field.strip("*")] = ("*" in field, tuple(closed.rstrip(")").split("|")) if closed else ())
    assert {f: (d.required, d.one_of) for f, d in STREAMS[name].fields.items()} == told


@pytest.mark.parametrize("name", CONTRACT)
def test_a_field_has_the_type_the_contract_gives_it(name: str) -> None:
    for field, declared in STREAMS[name].fields.items():
        number = field in NUMBERS or field.endswith("_s")
        wanted = FieldType.NUMBER if number else FieldType.BOOLEAN if field in BOOLEANS else FieldType.STRING
        assert declared.type is (FieldType.TIME if field in TIMES else wanted), field
