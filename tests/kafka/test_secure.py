"""A Kafka that asks for TLS and a password: everything of ours gets in, and nothing of it is told to anybody."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from kafka import KafkaConsumer, TopicPartition

from scripts.parts import Missing
from streams.commands.send import command as send
from tests.parts.kafka import Kafka
from tests.parts.keys import Keys, make_keys
from tests.parts.process import Process, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PASSWORDS = {"ann": "plain-a7Kq2", "bob": "scram-9xWm4"}
LOGIN = "org.apache.kafka.common.security"
# Everything the libraries would say at their most talkative, ours included.
LOUD = """
import logging, sys
logging.basicConfig(level=logging.DEBUG)
logging.Logger.setLevel = lambda *_: None
from app import main
main(sys.argv[1:])
"""
RULES = """
version: 1
rules:
  - {id: surge, title: {en: a, zh: a}, stream: complaints, measure: count, window: 1m, levels: {red: 5}}
"""


@dataclass(frozen=True)
class Site:
    """A secure broker, the keys to it, and a folder for settings."""

    kafka: Kafka
    keys: Keys
    folder: Path

    def settings(self, address: str, /, **security: object) -> Path:
        """Write settings that trust our authority and show `security`."""
        path = self.folder / "settings.yaml"
        path.write_text(yaml.safe_dump({
            "broker": [address], "streams": ["complaints"], "stream_partitions": 1, "judge_partitions": 1,
            "security": {"protocol": "sasl_tls", "ca_file": str(self.keys.authority), **security},
        }))  # fmt: skip
        return path

    def user(self, name: str, mechanism: str, password: str | None = None) -> dict[str, str]:
        """Give the settings of a user, whose password lies in a file."""
        path = self.folder / f"{name}.password"
        path.touch(0o600)
        path.write_text(password or PASSWORDS[name])
        return {"username": name, "mechanism": mechanism, "password_file": str(path)}

    @property
    def address(self) -> str:
        return self.kafka.addresses["SASL_SSL"]


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kafka, Keys]]:
    folder = tmp_path_factory.mktemp("secure")
    try:
        keys = make_keys(tmp_path_factory.mktemp("keys"))
        plain = f'{LOGIN}.plain.PlainLoginModule required user_ann="{PASSWORDS["ann"]}";'
        settings = {
            **keys.listener("SASL_SSL"),
            **keys.listener("SSL"),
            "listener.name.ssl.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": plain,
            "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": f"{LOGIN}.scram.ScramLoginModule required;",
        }
        scram = [f"SCRAM-SHA-256=[name=bob,password={PASSWORDS['bob']}]"]
        kafka = Kafka(folder, settings, listeners=["SASL_SSL", "SSL"], scram=scram)
    except Missing as missing:
        pytest.skip(str(missing))
    with kafka:
        kafka.create_topic("tocsin.complaints")
        yield kafka, keys


@pytest.fixture
def site(secure: tuple[Kafka, Keys], tmp_path: Path) -> Site:
    return Site(*secure, tmp_path)


def alerts(kafka: Kafka) -> list[dict[str, Any]]:
    with closing(KafkaConsumer(bootstrap_servers=kafka.bootstrap)) as consumer:
        place = TopicPartition("tocsin.alerts", 0)
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        return [json.loads(record.value) for batch in consumer.poll(2_000).values() for record in batch]


def test_a_worker_watches_over_tls_and_tells_nobody_the_password(site: Site) -> None:
    settings = site.settings(site.address, **site.user("bob", "SCRAM-SHA-256"))
    (site.folder / "rules.yaml").write_text(RULES)
    events = [{"id": f"e{n}", "time": 1_772_355_600 + n, "category": "network"} for n in range(10)]
    events.append({"id": "end", "time": 1_772_355_800, "category": "network"})
    (site.folder / "complaints.jsonl").write_text("\n".join(map(json.dumps, events)))
    log = site.folder / "worker.log"
    argv = [sys.executable, "-c", LOUD, "worker", "--settings", str(settings), "--web-port", "0"]
    with ExitStack() as stack:
        worker = Process([*argv, "--rules", str(site.folder / "rules.yaml")], log)
        stack.callback(worker.stop)
        worker.wait_ready(lambda: "watching complaints" in log.read_text())
        plain = site.settings(site.address, **site.user("ann", "PLAIN"))
        arguments = ["complaints", str(site.folder / "complaints.jsonl"), "--settings", str(plain)]
        sent = CliRunner().invoke(send, arguments)
        assert sent.exit_code == 0, sent.stderr
        wait_until(lambda: any(record["level"] == "red" for record in alerts(site.kafka)), what="the alert")
        arguments_seen = Path(f"/proc/{worker.pid}/cmdline").read_bytes()
    said = log.read_text()
    assert "DEBUG:" in said, "the test must hear the libraries"
    for text in (said, sent.output, arguments_seen.decode()):
        assert not [password for password in PASSWORDS.values() if password in text]


def worker_ends(settings: Path, env: Mapping[str, str] | None = None) -> tuple[int, list[str]]:
    command = [sys.executable, "app.py", "worker", "--settings", str(settings), "--web-port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=env)
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize(("user", "mechanism"), [("bob", "SCRAM-SHA-256"), ("ann", "PLAIN")])
def test_a_wrong_password_is_one_line(site: Site, user: str, mechanism: str) -> None:
    settings = site.settings(site.address, **site.user(user, mechanism, "not-it-51"))
    code, lines = worker_ends(settings)
    wanted = f"tocsin worker: {site.address} refuses the user '{user}': wrong name or password ({mechanism})"
    assert (code, lines) == (3, [wanted])
    (site.folder / "complaints.jsonl").write_text("{}")
    arguments = ["complaints", str(site.folder / "complaints.jsonl"), "--settings", str(settings)]
    sent = CliRunner().invoke(send, arguments)
    assert (sent.exit_code, sent.output) == (3, wanted.replace("worker", "send") + "\n")


def test_a_port_without_tls_is_one_line(site: Site) -> None:
    bootstrap = site.kafka.bootstrap
    code, lines = worker_ends(site.settings(bootstrap, **site.user("bob", "SCRAM-SHA-256")))
    assert (code, lines) == (
        3,
        [f"tocsin worker: {bootstrap} does not speak TLS at this port, and TLS was asked for"],
    )


def test_a_mechanism_the_broker_does_not_take(site: Site) -> None:
    code, lines = worker_ends(site.settings(site.address, **site.user("bob", "SCRAM-SHA-512")))
    assert (code, lines) == (
        3,
        [f"tocsin worker: {site.address} does not take SCRAM-SHA-512: another security.mechanism is needed"],
    )


def test_an_authority_we_do_not_know(site: Site, tmp_path: Path) -> None:
    strangers = tmp_path / "strangers"
    strangers.mkdir()
    other = make_keys(strangers).authority
    settings = site.settings(site.address, **site.user("ann", "PLAIN"), ca_file=str(other))
    code, lines = worker_ends(settings)
    assert code == 3
    assert len(lines) == 1
    assert lines[0].startswith(f"tocsin worker: {site.address} shows a certificate that is not trusted: ")


def test_a_secure_port_asked_in_the_clear(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.topics._CONNECT_TIMEOUT_MS", 500)
    (site.folder / "complaints.jsonl").write_text("{}")
    arguments = ["complaints", str(site.folder / "complaints.jsonl"), "--broker", site.address, "--timeout", "1"]
    sent = CliRunner().invoke(send, arguments)
    assert sent.exit_code == 3
    assert "closes the connection at once: it may ask for TLS or a password" in sent.stderr


def test_a_certificate_of_our_own_opens_the_door(site: Site) -> None:
    ours = {"cert_file": str(site.keys.client), "key_file": str(site.keys.client_key)}
    settings = site.settings(site.kafka.addresses["SSL"], protocol="tls", **ours)
    (site.folder / "complaints.jsonl").write_text('{"id": "c", "time": 1772355600, "category": "other"}')
    site.keys.client_key.chmod(0o600)
    arguments = ["complaints", str(site.folder / "complaints.jsonl"), "--settings", str(settings)]
    sent = CliRunner().invoke(send, arguments)
    assert (sent.exit_code, "1 acknowledged" in sent.stderr) == (0, True), sent.output
