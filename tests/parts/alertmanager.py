"""A real Alertmanager, alone, that takes alerts and tells what it holds."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from scripts.parts import program
from tests.parts.process import Process, Server, answers, free_ports


class Alertmanager(Server):
    """A server on a port of its own; `webhook` (a URL) hears of every alert."""

    def __init__(self, folder: Path, *, webhook: str | None = None) -> None:
        """Write the configuration and start. Raises scripts.parts.Missing, NotReady."""
        (port,) = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        self.url = f"http://{self.address}"
        receiver: dict[str, Any] = {"name": "all"}
        if webhook is not None:
            receiver["webhook_configs"] = [{"url": webhook, "send_resolved": True}]
        route = {"receiver": "all", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
        path = folder / "alertmanager.json.yml"  # JSON is YAML, and needs no library to write
        path.write_text(json.dumps({"route": route, "receivers": [receiver]}))
        command = [
            program("prometheus-alertmanager"),
            f"--config.file={path}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",  # alone: no gossip port
            "--log.level=warn",
        ]
        self._process = Process(command, folder / "alertmanager.log")
        self._process.wait_ready(lambda: answers(f"{self.url}/-/ready"))

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts it holds that are not resolved."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=10) as answer:
            held: list[dict[str, Any]] = json.load(answer)
            return held

    def post(self, alerts: list[dict[str, Any]]) -> None:
        """Hand it alerts, as its API takes them. Raises urllib.error.HTTPError."""
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts",
            data=json.dumps(alerts).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()
