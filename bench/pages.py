"""How long after its alert record a page is with its receiver in a storm; what a channel that hangs does to detection.

Ten thousand outlets fail within a minute, each an incident and a page of its own: the most that a storm can ask of the
desk and the outbox. They come back; then ten thousand others fail, while the receiver answers nothing at all.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from kafka import KafkaConsumer, TopicPartition

from bench.delay import percentile
from streams.topics import ALERTS
from tests.parts.kafka import Kafka
from tests.parts.process import Process, free_ports, wait_until

_OUTLETS, _SECONDS = 10_000, 60.0
_OUTLETS_QUICK, _SECONDS_QUICK = 500, 6.0
_TIMEOUT_S = 300.0
_BEAT_S = 0.02
_TOPIC = "tocsin.network"
_RULE = """\
version: 1
rules:
  - {id: outlet-down, title: {en: Outlet down, zh: 营业厅中断}, stream: network, measure: {now: count},
     where: {state: down}, by: [outlet], hop: 1s, levels: {red: 1}}
"""


@dataclass
class Receiver:
    """A webhook's receiver in a thread: writes down when each alert came, or, hanging, answers nothing."""

    came_s: dict[str, float] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    hangs: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def serve(self, port: int) -> ThreadingHTTPServer:
        """Begin to serve."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.hangs.is_set():
                    receiver.over.wait()
                    return
                told = json.loads(body)
                alert = told["alerts"][0]["annotations"]["alert"]
                receiver.came_s.setdefault(alert, time.time())
                if told["status"] == "resolved":
                    receiver.ended.add(alert)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


def pages(*, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Run a worker through two storms, the second with a receiver that hangs. Delays in seconds."""
    outlets, seconds = (_OUTLETS_QUICK, _SECONDS_QUICK) if quick else (_OUTLETS, _SECONDS)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        kafka = stack.enter_context(Kafka(folder))
        receiver, (port, page) = Receiver(), free_ports(2)
        stack.callback(receiver.serve(port).shutdown)
        stack.callback(receiver.over.set)
        worker = _worker(folder, kafka, port, page)
        stack.callback(worker.stop)
        say(f"{outlets:,} outlets fail in {seconds:g} s")
        _storm(kafka, 0, outlets, seconds)
        wait_until(lambda: len(receiver.came_s) >= outlets, what="all pages", timeout_s=_TIMEOUT_S)
        calm = _alerts(kafka, outlets)
        _storm(kafka, 0, outlets, seconds / 2, state="up")
        wait_until(lambda: len(receiver.ended) >= outlets, what="all ends", timeout_s=_TIMEOUT_S)
        say(f"{outlets:,} others fail, and the receiver hangs")
        receiver.hangs.set()
        _storm(kafka, outlets, outlets, seconds)
        hung = {name: found for name, found in _alerts(kafka, 2 * outlets).items() if name not in calm}
    delivered = [receiver.came_s[name] - written_s for name, (_, written_s) in calm.items()]
    well, hanging = ([written_s - boundary_s for boundary_s, written_s in each.values()] for each in (calm, hung))
    found = {"page": _figures(delivered), "detection_well": _figures(well), "detection_hanging": _figures(hanging)}
    return {
        "outlets": outlets,
        "in_s": seconds,
        **found,
        "hanging_to_well": {
            part: found["detection_hanging"][part] / found["detection_well"][part] for part in ("p50_s", "p99_s")
        },
    }


def _worker(folder: Path, kafka: Kafka, port: int, page: int) -> Process:
    (folder / "rules.yaml").write_text(_RULE, encoding="utf-8")
    settings = {
        "broker": [kafka.bootstrap],
        "rules": str(folder / "rules.yaml"),
        "streams": ["network"],
        "stream_partitions": 2,
        "judge_partitions": 1,
        "web": {"port": page},
        "channels": {"hook": {"type": "webhook", "url": f"http://127.0.0.1:{port}/hook", "private": True}},
        "state_dir": str(folder / "state"),
    }
    (folder / "tocsin.yaml").write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    command = [sys.executable, "app.py", "worker", "--settings", str(folder / "tocsin.yaml")]
    worker = Process(command, folder / "worker.log")
    worker.wait_ready(lambda: _is_ready(page))
    return worker


def _is_ready(page: int) -> bool:
    from streams.asking import NoAnswer, Refused, ask

    try:
        return ask(f"http://127.0.0.1:{page}", "/readyz")[0] == 200
    except (NoAnswer, Refused):
        return False


def _storm(kafka: Kafka, first: int, outlets: int, seconds: float, state: str = "down") -> None:
    """Let outlets fail, or come back, one after the other; then let time go on until all of it is judged."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 5, "log_level": 0})
    began_s, number = time.time(), 0
    while number < outlets:
        while number < outlets and number < (time.time() - began_s) / seconds * outlets:
            name = f"o{first + number:05}"
            event = {"id": f"{name}-{state}", "time": time.time(), "element": name, "outlet": name, "state": state}
            producer.produce(_TOPIC, json.dumps(event).encode(), name.encode(), number % 2)
            number += 1
        producer.poll(0)
        time.sleep(_BEAT_S)
    for _ in range(10):  # longer than the lateness
        for partition in (0, 1):
            producer.produce(_TOPIC, json.dumps({"heartbeat": True, "time": time.time()}).encode(), None, partition)
        producer.flush(60)
        time.sleep(1)


def _alerts(kafka: Kafka, wanted: int) -> Mapping[str, tuple[float, float]]:
    """Read the alert records: alert → (boundary, when Kafka had it), in seconds; wait until there are so many."""
    found: dict[str, tuple[float, float]] = {}
    deadline_s = time.monotonic() + _TIMEOUT_S
    with closing(KafkaConsumer(bootstrap_servers=kafka.bootstrap)) as consumer:
        place = TopicPartition(ALERTS, 0)
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        while len(found) < wanted:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{wanted} alert records: {len(found)} within {_TIMEOUT_S:g} s")
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    told = json.loads(record.value)
                    boundary_s = datetime.fromisoformat(told["time"]).timestamp()
                    found.setdefault(told["alert"], (boundary_s, record.timestamp / 1000))
    return found


def _figures(delays: list[float]) -> dict[str, float]:
    ordered = sorted(delays)
    return {
        "p50_s": percentile(ordered, 0.5),
        "p99_s": percentile(ordered, 0.99),
        "max_s": percentile(ordered, 1.0),
    }
