"""Files a command writes: never over what it reads, and an old one stays until the new one is whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


class OutputError(Exception):
    """Something that cannot be written. Its text is one line for the user."""


class OverwriteError(ValueError):
    """An output that would destroy an input, or another output. Its text is one line for the user."""


class Output:
    """Bytes for a file, or for standard output if there is no path.

    A file is written beside its place, as NAME.part, and takes it by `keep`; without, it is left there.
    """

    def __init__(self, path: Path | None, standard: BinaryIO) -> None:
        """Open it. Raise OutputError if it cannot be."""
        self._path = path if path is None or path.is_file() or not path.exists() else None
        self._name = str(path) if path else "standard output"
        self._part = None if self._path is None else self._path.with_name(self._path.name + ".part")
        try:
            # A device or a pipe (/dev/stderr, >(command)) has no place to be taken.
            self._file = (self._part or path).open("wb") if path else standard
        except OSError as error:
            raise OutputError(f"{self._name}: cannot be written: {error.strerror}") from error

    def write(self, lines: Iterable[bytes]) -> None:
        """Write lines, each with its end. Raise OutputError; BrokenPipeError if the reader has gone."""
        self._guarded(self._file.writelines, lines)

    def keep(self) -> None:
        """Have all of it written, and put the file in its place."""
        self._guarded(self._file.flush)
        if self._part is not None and self._path is not None:
            self._guarded(self._file.close)
            self._part.replace(self._path)

    def drop(self) -> None:
        """Close it, whatever it holds."""
        with suppress(OSError):
            if self._name != "standard output":
                self._file.close()

    def _guarded(self, act: Callable[..., object], *arguments: object) -> None:
        try:
            act(*arguments)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"{self._name}: {error.strerror}") from error


def check_apart(outputs: Mapping[str, Path | None], read: Iterable[str | Path]) -> None:
    """Raise OverwriteError if an output (option → path) is something that is read, or two of them are one file."""
    seen: dict[object, str] = {}
    for path in read:
        if (place := _place(Path(path))) is not None:
            seen[place] = ""
    for option, output in outputs.items():
        if output is None:
            continue
        place = _place(output) or os.path.realpath(output)
        if place in seen:
            other = seen[place]
            raise OverwriteError(f"{option} and {other} are one file" if other else f"{option} {output} is read too")
        seen[place] = option


def _place(path: Path) -> object:
    """Tell files apart, whatever they are called; None if there is none, or it is a device."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if path.is_file() else None
