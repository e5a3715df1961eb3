"""All streams at once under all shipped packs: `tocsin replay` of a mixed file, beside one rule over the same file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from bench.backlog import Stretch, calls
from bench.compare import RULES
from bench.job import BEGIN_MS, SPAN_MS, rule, thresholds
from bench.replay import replay_file
from bench.turns import Figures

Say = Callable[[str], None]

_SHARES = {
    "calls": 60, "complaints": 10, "network": 10, "cases": 6, "shipments": 6, "claims": 3, "surveys": 3, "agents": 2,
}  # fmt: skip
"""Of a hundred events: a centre has far more calls than anything else."""
_REGIONS = [f"r{number}" for number in range(14)]
_STEPS = ("opened", "signed", "replied", "closed")


def mixed(*, quick: bool, runs: int, say: Say) -> dict[str, Any]:
    """Measure both in turns. Give events a second, the median ratio and the memory of the whole process."""
    events = 50_000 if quick else 300_000
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        folder = Path(name)
        file, one_rule = folder / "mixed.jsonl", folder / "rule.yaml"
        with file.open("wb") as out:
            out.writelines(backlog(events))
        one_rule.write_text(rule(thresholds(events * _SHARES["calls"] // 100)), encoding="utf-8")
        for turn in range(runs):
            figures.add("one_rule", replay_file(folder, events, file, one_rule))
            figures.add("all_packs", replay_file(folder, events, file, RULES))
            rate = figures.rounds["all_packs"][-1]["events_per_s"]
            say(f"round {turn + 1} of {runs}: all streams, all packs {rate:,.0f} events/s")
    return {
        "events": events,
        "one_rule_events_per_s": figures.middle("one_rule"),
        "all_packs_events_per_s": figures.middle("all_packs"),
        "ratio": figures.ratio("all_packs", "one_rule"),
        "one_rule_rss_mb": figures.middle("one_rule", "rss_mb"),
        "all_packs_rss_mb": figures.middle("all_packs", "rss_mb"),
    }


def backlog(events: int) -> Iterator[bytes]:
    """Give events of all streams, in the order of their times, as lines of one file."""
    random = Random(7)
    streams = random.choices(list(_SHARES), list(_SHARES.values()), k=events)
    of_calls = calls(Stretch(streams.count("calls")))
    for number, stream in enumerate(streams):
        if stream == "calls":
            yield b'{"stream":"calls",' + next(of_calls)[1][1:] + b"\n"
            continue
        time_s = (BEGIN_MS + number * SPAN_MS // events) / 1000
        event = {"stream": stream, "id": f"{number}", "time": time_s, **_fields(stream, random)}
        yield json.dumps(event).encode() + b"\n"


def _fields(stream: str, random: Random) -> dict[str, Any]:
    outlet = random.randrange(500)
    place = {"region": _REGIONS[outlet % 14], "outlet": f"o{outlet}"}
    thing = f"{random.randrange(20_000)}"
    more: dict[str, Any]
    match stream:
        case "complaints":
            category = random.choice(["billing", "network", "provider", "service-quality", "damage", "loss"])
            more = {"reason": f"reason {random.randrange(40)}", "provider": f"p{random.randrange(60)}"}
            return {**place, **more, "category": category, "severity": random.randrange(4), "tier": "gold"}
        case "network":
            state, kind = random.choice(["down", "up", "up"]), random.choice(["cell", "transmission", "outlet", "hub"])
            return {**place, "element": f"e{random.randrange(3_000)}", "state": state, "kind": kind, "users": outlet}
        case "cases":
            of = {"class": random.choice(["ordinary", "difficult", "vip"]), "department": f"d{random.randrange(20)}"}
            return {"case": thing, "step": random.choice(_STEPS), "region": place["region"], **of}
        case "shipments":
            step = random.choice(["collected", "sorted", "departed", "arrived", "signed"])
            more = {"lane": f"l{random.randrange(80)}", "customer": f"k{random.randrange(300)}", "tier": "contract"}
            return {**place, **more, "shipment": thing, "step": step, "planned_s": 3_600, "actual_s": outlet * 10}
        case "claims":
            step, kind = random.choice(["opened", "settled"]), random.choice(["damage", "loss", "delay"])
            more = {"division": f"v{random.randrange(9)}", "asked": outlet * 10, "paid": outlet, "days": outlet % 40}
            return {"claim": thing, "step": step, "region": place["region"], "kind": kind, **more}
        case "surveys":
            return {**place, "satisfied": outlet % 7 > 0}
        case _:
            state = random.choice(["ready", "talking", "wrap", "away", "out"])
            return {"agent": f"a{random.randrange(900)}", "state": state, "queue": f"q{outlet % 40}"}
