"""The real programs that the tests run against: looked for first, installed where that is possible.

`python scripts/parts.py kafka prometheus` installs what is missing of these parts: Debian packages as root, Kafka's
jars through Maven into the user's cache. Where it cannot, one line says what to install and the exit code is 3. The
tests import `program` and `kafka_jars`, which only look.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

KAFKA_VERSION = "4.3.0"  # the one in docker-compose.yml
JAVA_MIN = 17  # the oldest that a Kafka 4 broker runs on
_JARS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.slf4j:slf4j-simple:1.7.36",  # the broker's log on standard error; without it Kafka is mute
)
_COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

PACKAGES = {  # program → Debian package
    "java": "default-jre-headless",
    "openssl": "openssl",
    "mvn": "maven",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "chromium": "chromium",
}
PARTS = {  # part → programs it cannot do without once it is installed
    "kafka": ("java",),
    "prometheus": ("prometheus", "promtool"),
    "alertmanager": ("prometheus-alertmanager", "amtool"),
    "chromium": ("chromium",),
}
_UPSTREAM = {"prometheus-alertmanager": "alertmanager"}  # the name where it does not come from Debian
_POLICY = Path("/usr/sbin/policy-rc.d")  # Debian asks it before a freshly installed service is started


class Missing(Exception):
    """Something needed is not there. The message says, in one line, what to install."""


def program(name: str) -> str:
    """Find a program's path. Raises Missing."""
    path = shutil.which(name) or shutil.which(_UPSTREAM.get(name, name))
    if path is None:
        msg = f"{name} is not installed: run `make parts`, or install it (Debian package {PACKAGES[name]})"
        raise Missing(msg)
    return path


def kafka_jars() -> Path:
    """Find the folder of Kafka's jars. Raises Missing."""
    folder = _kafka_folder()
    if not folder.is_dir():
        msg = f"Kafka {KAFKA_VERSION} is not in {folder}: run `make parts`"
        raise Missing(msg)
    return folder


def install(parts: Sequence[str]) -> None:
    """See to it that every part is there. Raises Missing where it cannot be had."""
    wanted = [name for part in parts for name in PARTS[part]]
    if "kafka" in parts and not _kafka_folder().is_dir():
        wanted.append("mvn")
    _install_programs([name for name in wanted if not _is_there(name)])
    if "kafka" in parts:
        _check_java()
        if not _kafka_folder().is_dir():
            _fetch_kafka()


def _is_there(name: str) -> bool:
    try:
        return bool(program(name))
    except Missing:
        return False


def _install_programs(names: Sequence[str]) -> None:
    if not names:
        return
    packages = sorted({PACKAGES[name] for name in names})
    wish = f"{', '.join(names)} not found; install (Debian: apt-get install {' '.join(packages)}) and run again"
    apt_get = shutil.which("apt-get")
    if apt_get is None or os.geteuid() != 0:
        raise Missing(wish)
    _say(f"installing {' '.join(packages)}")
    quiet = [apt_get, "-qq", "-o", "DPkg::Lock::Timeout=300"]
    with _services_stay_stopped():
        for command in ([*quiet, "update"], [*quiet, "install", "-y", "--no-install-recommends", *packages]):
            _run(command, wish, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})


@contextmanager
def _services_stay_stopped() -> Iterator[None]:
    """Keep Debian from starting what it installs: the tests start their own, on free ports."""
    if _POLICY.exists():  # someone has decided already
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def _check_java() -> None:
    told = subprocess.run([program("java"), "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < JAVA_MIN:
        msg = f"Kafka {KAFKA_VERSION} needs Java {JAVA_MIN} or newer (Debian package {PACKAGES['java']})"
        raise Missing(msg)


def _fetch_kafka() -> None:
    folder = _kafka_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():  # another process was first
            return
        _say(f"fetching Kafka {KAFKA_VERSION} into {folder}")
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            (Path(work) / "pom.xml").write_text(_pom())
            command = [program("mvn"), "-B", "-q", "-C", "-f", work, _COPY_JARS, "-DincludeScope=runtime"]
            _run(
                [*command, f"-DoutputDirectory={work}/jars"],
                f"Kafka {KAFKA_VERSION} could not be fetched: Maven must reach its central repository",
            )
            (Path(work) / "jars").rename(folder)  # whole or not at all


def _pom() -> str:
    project = ET.Element("project", xmlns="http://maven.apache.org/POM/4.0.0")

    def put(parent: ET.Element, **texts: str) -> None:
        for tag, text in texts.items():
            ET.SubElement(parent, tag).text = text

    put(project, modelVersion="4.0.0", groupId="tocsin", artifactId="parts", version="1", packaging="pom")
    dependencies = ET.SubElement(project, "dependencies")
    for coordinate in _JARS:
        group, artifact, version = coordinate.split(":")
        put(ET.SubElement(dependencies, "dependency"), groupId=group, artifactId=artifact, version=version)
    return ET.tostring(project, encoding="unicode")


def _kafka_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "tocsin" / f"kafka-{KAFKA_VERSION}"


def _run(command: Sequence[str], wish: str, env: dict[str, str] | None = None) -> None:
    """Run a command in silence. If it fails, pass on what it said; raises Missing with `wish`."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout)
        raise Missing(wish)


def _say(text: str) -> None:
    sys.stderr.write(f"parts: {text}\n")


def main(names: Sequence[str]) -> int:
    """Install the named parts (all, if none is named). Return the exit code."""
    unknown = sorted(set(names) - set(PARTS))
    if unknown:
        _say(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
        return 2
    try:
        install(names or list(PARTS))
    except Missing as missing:
        _say(str(missing))
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
