"""The peers' own environment: in the user's cache, from their own lock, never among the project's dependencies."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

LOCK = Path(__file__).resolve().parent / "requirements-peers.lock"
PEERS = ("quixstreams", "bytewax")


class NoPeers(RuntimeError):
    """The peers cannot be installed here. The message says why, in one line."""


def python() -> str:
    """Give the interpreter of the peers' environment, which is made if need be. Raises NoPeers."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tocsin"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache / f"peers-{version}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    program = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(program), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        wheels = ["--only-binary", ":all:", "--require-hashes", "-r", str(LOCK)]
        done = subprocess.run([*command, *wheels], capture_output=True, text=True, check=False)
        if done.returncode:
            reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise NoPeers(f"no wheels for Python {version}: {(reasons or [done.stderr])[-1].strip()}")
        (folder / "complete").touch()
    return str(program)


def versions(program: str) -> dict[str, str]:
    """Say which versions are installed there."""
    ask = f"import importlib.metadata as m; print(*(m.version(one) for one in {PEERS!r}))"
    told = subprocess.run([program, "-c", ask], capture_output=True, text=True, check=True).stdout.split()
    return dict(zip(PEERS, told, strict=True))
