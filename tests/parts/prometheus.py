"""A real Prometheus that scrapes what a test gives it."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.parts import program
from tests.parts.process import Process, Server, answers, free_ports, wait_until


class Prometheus(Server):
    """A server that scrapes `targets` ("host:port") each second, on a port of its own.

    `rule_files` are its recording and alerting rules; `alertmanager` ("host:port") is where it sends alerts.
    """

    def __init__(
        self,
        folder: Path,
        targets: Sequence[str],
        *,
        metrics_path: str = "/metrics",
        rule_files: Sequence[Path] = (),
        alertmanager: str | None = None,
        scrape_interval: str = "1s",
    ) -> None:
        """Write the configuration and start. Raises scripts.parts.Missing, NotReady."""
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        config: dict[str, Any] = {
            "global": {"scrape_interval": scrape_interval, "evaluation_interval": scrape_interval},
            "rule_files": [str(path.resolve()) for path in rule_files],
            "scrape_configs": [
                {"job_name": "tocsin", "metrics_path": metrics_path, "static_configs": [{"targets": list(targets)}]}
            ],
        }
        if alertmanager is not None:
            config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
        path = folder / "prometheus.json.yml"  # JSON is YAML, and needs no library to write
        path.write_text(json.dumps(config, ensure_ascii=False))
        command = [
            program("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
        ]
        self._process = Process(command, folder / "prometheus.log")
        self._process.wait_ready(lambda: answers(f"{self.url}/-/ready"))

    def api(self, path: str, **params: str) -> Any:
        """Ask the HTTP API; give its `data`. Raises urllib.error.HTTPError with the answer for a bad request."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(params)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Evaluate an expression now; give its samples: `{"metric": labels, "value": [time, "text"]}`."""
        samples: list[dict[str, Any]] = self.api("query", query=expr)["result"]
        return samples

    def value(self, expr: str) -> float | None:
        """The one value of an expression, None while there is none."""
        samples = self.query(expr)
        return float(samples[0]["value"][1]) if len(samples) == 1 else None

    def targets(self) -> list[dict[str, Any]]:
        """What it scrapes, with `health` and `lastError`."""
        active: list[dict[str, Any]] = self.api("targets", state="active")["activeTargets"]
        return active

    def wait_for(self, expr: str, *, timeout_s: float = 15.0) -> None:
        """Wait until an expression has a sample (`up == 1`). Raises TimeoutError."""
        wait_until(lambda: bool(self.query(expr)), what=expr, timeout_s=timeout_s)
