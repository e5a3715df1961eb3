"""A program of ours as a child process: ready when it says so, and gone when we are."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

_LOG_TAIL_LINES = 20


class NotReady(Exception):
    """A program ended, or took too long, before it was ready. The message holds the end of its log."""


def free_ports(count: int) -> list[int]:
    """Find free loopback ports, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def wait_until(holds: Callable[[], bool], *, what: str, timeout_s: float = 30.0) -> None:
    """Ask until it holds. Raises TimeoutError, naming what was waited for."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            msg = f"{what}: not within {timeout_s:g} s"
            raise TimeoutError(msg)
        time.sleep(0.05)


class Process:
    """One child process, its log in a file.

    The kernel ends it (SIGKILL) when the thread that started it is gone, so that nothing outlives a killed test run.
    """

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        """Start it. Its output is appended to `log`."""
        self.log = log
        setpriv = shutil.which("setpriv")  # Linux; elsewhere a killed test run leaves its processes behind
        leash = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
        with log.open("ab") as out:
            self._popen = subprocess.Popen(
                [*leash, *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,  # an interrupt at the keyboard is for the tests, which then end us in order
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def alive(self) -> bool:
        """Say whether it runs (or is paused)."""
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended: below zero the signal, None while it runs."""
        return self._popen.poll()

    def wait_ready(self, ready: Callable[[], bool], *, timeout_s: float = 60.0) -> None:
        """Wait until it is ready; if it is not, end it. Raises NotReady."""

        def over() -> bool:
            return not self.alive() or ready()

        try:
            wait_until(over, what=f"{self.log.stem} ready", timeout_s=timeout_s)
            if self.alive():
                return
            why = f"{self.log.stem} ended with exit code {self._popen.returncode}"
        except TimeoutError as late:
            why = str(late)
        except BaseException:
            self.kill()
            raise
        self.kill()
        raise NotReady("\n".join([f"{why}; the end of its log:", *self.log_tail()]))

    def log_tail(self) -> list[str]:
        """The last lines of its log."""
        return self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]

    def pause(self) -> None:
        """Freeze it."""
        self._popen.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._popen.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._popen.kill()
        self._popen.wait()

    def stop(self, *, timeout_s: float = 15.0) -> None:
        """Ask it to end, paused or not, and make it after `timeout_s`."""
        self._popen.terminate()
        self._popen.send_signal(signal.SIGCONT)
        try:
            self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()


class Server:
    """What the parts share: a process under a name of its own. A context manager: leaving it ends the process."""

    _process: Process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        self._process.pause()

    def resume(self) -> None:
        """Let it go on."""
        self._process.resume()

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()

    def stop(self) -> None:
        """End it in order."""
        self._process.stop()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End it."""
        self.stop()


def answers(url: str) -> bool:
    """Say whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
