"""The stack in containers, as far as it can be checked without an engine: schema, structure, mounted configuration."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # comes with check-jsonschema
import pytest
import yaml

from dashboards.overview import DATASOURCE_UID
from scripts.parts import KAFKA_VERSION
from streams.settings import Settings
from streams.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {name for name, service in SERVICES.items() if service["restart"] == "no"}
LASTING = sorted(SERVICES.keys() - ONE_SHOT)


def mounts(service: dict[str, Any]) -> list[list[str]]:
    return [volume.split(":") for volume in service.get("volumes", [])]


def test_it_is_a_compose_file() -> None:
    spec = find_spec("check_jsonschema")  # for the schema it ships; its command line is not needed
    assert spec is not None
    assert spec.origin is not None
    schema = Path(spec.origin).parent / "builtin_schemas/vendor/compose-spec.json"
    validator = jsonschema.validators.validator_for(json.loads(schema.read_text()))(json.loads(schema.read_text()))
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []
    misspelt = COMPOSE | {"services": {"kafka": {"image": "x", "helthcheck": {}}}}
    assert list(validator.iter_errors(misspelt)), "the schema must see a mistake"


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_full_version(name: str) -> None:
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])


def test_versions_are_those_of_the_project() -> None:
    assert SERVICES["worker"]["image"] == f"tocsin:{VERSION}"
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    tags = set(re.findall(r"^FROM python:(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert len(tags) == 1
    assert re.fullmatch(r"3\.\d+\.\d+-slim-\w+", tags.pop())


@pytest.mark.parametrize("name", LASTING)
def test_lasting_services_are_watched_and_come_back(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"].keys() >= {"test", "interval", "timeout", "retries", "start_period"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_contained(name: str) -> None:
    service = SERVICES[name]
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only", False) or name == "kafka"
    assert service.get("user") != "root" or (name in ONE_SHOT and service["network_mode"] == "none")
    assert not service.get("privileged", False)


@pytest.mark.parametrize("name", SERVICES)
def test_every_port_is_on_loopback(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:"), port


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_exists_and_cannot_be_changed(name: str) -> None:
    for source, _, *mode in mounts(SERVICES[name]):
        if source.startswith("."):
            assert (ROOT / source).exists(), source
            assert mode == ["ro"], source
        else:
            assert source in COMPOSE["volumes"], source


@pytest.mark.parametrize("name", SERVICES)
def test_who_is_waited_for_says_when_it_is_ready(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert wait == {"condition": expected}


def test_the_worker_gets_settings_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICES["worker"]["environment"].items():
        assert name.startswith("TOCSIN_")
        monkeypatch.setenv(name, re.sub(r"\$\{\w+:-(.*)\}", r"\1", value))
    settings = Settings()
    assert (settings.web.host, settings.web.port) == ("0.0.0.0", 8010)  # noqa: S104  inside a container
    assert settings.web.token_file == Path("/run/tocsin/web_token")
    assert (settings.zone, settings.lang) == ("Asia/Shanghai", "zh")


def test_no_secret_is_written_down() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|TOKEN", name):
                assert name.endswith(("__FILE", "TOKEN_FILE")), name
                assert value.startswith("/run/tocsin/")


def test_the_example_settings_are_the_defaults_and_all_of_them() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))
    lines = (line for line in (ROOT / ".env.example").read_text().splitlines() if line and not line.startswith("#"))
    assert dict(line.split("=", 1) for line in lines) == defaults


def test_secrets_are_made_once_for_those_who_need_them(tmp_path: Path) -> None:
    tools, made = tmp_path / "bin", tmp_path / "made"
    tools.mkdir()
    made.mkdir()
    (tools / "chown").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/owners\n')  # changing owners takes root
    (tools / "chown").chmod(0o755)
    command = ["sh", str(ROOT / "dashboards/provisioning/secrets.sh"), str(made)]
    environment = {"PATH": f"{tools}:{os.environ['PATH']}"}
    subprocess.run(command, check=True, env=environment)
    first = {path.name: path.read_text() for path in made.iterdir()}
    subprocess.run(command, check=True, env=environment)
    assert {path.name: path.read_text() for path in made.iterdir()} == first
    assert first.keys() == {"web_token", "grafana_password"}
    assert all(re.fullmatch("[0-9a-f]{64}", secret) for secret in first.values())
    assert len(set(first.values())) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.iterdir()} == {0o400}
    lines = [line.split() for line in (tmp_path / "owners").read_text().splitlines()]
    owners = {name: owner for owner, name in lines}
    assert owners == {"web_token": "65534", "grafana_password": "472"}
    assert SERVICES["worker"]["user"] == SERVICES["prometheus"]["user"] == "65534:65534"
    assert SERVICES["grafana"]["user"] == "472:472"


def test_grafana_finds_its_data_and_its_dashboards() -> None:
    (source,) = yaml.safe_load((ROOT / "dashboards/provisioning/datasources/tocsin.yaml").read_text())["datasources"]
    assert source["uid"] == DATASOURCE_UID
    assert source["url"] == "http://prometheus:9090"
    board = json.loads((ROOT / "dashboards/json/overview.json").read_text())
    (chosen,) = [each for each in board["templating"]["list"] if each["type"] == "datasource"]
    assert chosen["current"]["value"] == source["uid"]
    (provider,) = yaml.safe_load((ROOT / "dashboards/provisioning/dashboards/tocsin.yaml").read_text())["providers"]
    folders = {target: source for source, target, *_ in mounts(SERVICES["grafana"])}
    assert folders[provider["options"]["path"]] == "./dashboards/json"
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (ROOT / folders[str(home.parent)] / home.name).exists()
    scrape = yaml.safe_load((ROOT / "dashboards/prometheus.yml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scrape


def test_prometheus_finds_the_workers() -> None:
    config = yaml.safe_load((ROOT / "dashboards/prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    (by_name,) = job["dns_sd_configs"]
    assert by_name["names"] == ["worker"]
    assert str(by_name["port"]) == SERVICES["worker"]["environment"]["TOCSIN_WEB__PORT"]
    assert job["authorization"]["credentials_file"] == SERVICES["worker"]["environment"]["TOCSIN_WEB__TOKEN_FILE"]
    assert config["rule_files"] == ["/etc/prometheus/rules/tocsin.rules.yml"]


def test_the_image_holds_what_the_wheel_holds() -> None:
    copied = set(re.findall(r"^COPY (?!--)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    names = {name for line in copied for name in line.split()}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == names
    assert names >= {"app.py", "streams", "detectors", "alerts", "dashboards", "rules", "pyproject.toml"}


def test_the_outbox_has_a_place_that_outlives_the_container() -> None:
    image = (ROOT / "Dockerfile").read_text()
    (folder,) = re.findall(r"STATE_DIRECTORY=(\S+)", image)
    assert ["outbox", folder] in [mount[:2] for mount in mounts(SERVICES["worker"])]
    user = SERVICES["worker"]["user"].partition(":")[0]
    assert f"-o {user} -g {user} {folder}" in image, "a volume takes over who owns the folder"
    assert "outbox" in COMPOSE["volumes"]
