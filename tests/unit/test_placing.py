"""What lies around the place of a key, by the site's table."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.placing import Places
from alerts.scopes import EVERYWHERE, Scopes
from detectors.rules import Kind, Measure, Rule
from tests.unit.test_topology import topology


@pytest.mark.parametrize(
    ("key", "around"),
    [
        ({"outlet": "o1"}, ("芙蓉", "长沙", "湖南")),
        ({"outlet": "o2"}, ("株洲", "湖南")),
        ({"region": "芙蓉", "category": "network"}, ("长沙", "湖南")),
        ({"province": "湖南"}, ()),
        ({"outlet": "unknown", "city": "长沙"}, ("湖南",)),
        ({"outlet": "unknown"}, ()),
        ({"queue": "vip"}, ()),
        ({"outlet": 7}, ()),
    ],
)
def test_places_around(key: dict[str, Any], around: tuple[str, ...]) -> None:
    places = Places(topology())
    assert [places.above(key), places.above(key)] == [around, around]


def test_alerts_of_an_outlet_belong_to_the_places_around_it() -> None:
    outages = Rule(id="outages", stream="network", measure=Measure(Kind.COUNT), levels=(), title={}, by=("outlet",))
    scopes = Scopes({"outages": outages}, Places(topology()))
    assert scopes.of("outages", {"outlet": "o1"}).chain == ("芙蓉", "长沙", "湖南", EVERYWHERE)
