"""Inputs: files, plain or gzipped, and standard input, opened, and read as runs of event bytes."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, cast

from detectors.vocabulary import STREAMS, Stream
from streams.lines import Lines, read_lines, read_table
from streams.tables import Binder, NamedCells, TableError

_LINES_SUFFIXES = ("", ".jsonl", ".ndjson", ".json")  # no suffix: a pipe, as in <(command)


class UnreadableError(Exception):
    """An input that cannot be read: missing, a folder, forbidden, broken. Its text is one line for the user."""


class WrongInputError(ValueError):
    """An input that was asked for wrongly. Its text is one line for the user."""


class Input:
    """One opened input. `stream` is what its events belong to unless they say otherwise.

    `size_bytes` and `done_bytes` tell how much of the file as it lies on disk there is, and is read: for a progress
    bar, which may ask from another thread. A pipe has no size.
    """

    def __init__(
        self, name: str, file: BinaryIO, *, stream: str | None = None, binder: Binder | None = None, label: str = ""
    ) -> None:
        """Take an opened binary file: CSV if there is a `binder`, else JSON Lines.

        `label` goes into ids that are made up.
        """
        self.name = "<stdin>" if name == "-" else name
        self._label = label
        self.stream = stream
        self._raw = file
        self._binder = binder
        self._gzipped = name.lower().endswith(".gz")
        status = os.fstat(file.fileno()) if _has_descriptor(file) else None
        self.size_bytes = status.st_size if status and S_ISREG(status.st_mode) else None
        self.done_bytes = 0

    def close(self) -> None:
        """Give the file back; needed only where `batches` was not read to its end."""
        self._raw.close()

    def batches(self) -> Iterator[Lines]:
        """Read the input once, in runs of about 4,096 events. Raises UnreadableError, WrongInputError."""
        with readable(self.name), self._raw:
            content = cast("BinaryIO", gzip.GzipFile(fileobj=self._raw)) if self._gzipped else self._raw
            batches = read_lines(content) if self._binder is None else read_table(content, self._binder, self._label)
            for lines in batches:
                if self.size_bytes is not None:
                    self.done_bytes = self._raw.tell()
                yield lines


def open_inputs(  # noqa: PLR0913  each is a choice of whoever reads
    names: Sequence[str],
    *,
    stream: str | None = None,
    binder: Binder | None = None,
    stdin: BinaryIO | None = None,
    ask_names: bool = True,
    streams: Mapping[str, Stream] = STREAMS,
) -> list[Input]:
    """Open every input before any is read, so that a wrong name is told at once.

    `stream` is used where a file's name does not say its stream, or for all files unless `ask_names`. With a `binder`
    (a map) CSV files and standard input go through it. Raises UnreadableError, WrongInputError.
    """
    if names.count("-") > 1:
        raise WrongInputError("standard input (-) can be read only once")
    tables = [binder is not None if name == "-" else _is_table(name) for name in names]
    if binder and not any(tables):
        raise WrongInputError("a map reads CSV, and no input is")
    inputs: list[Input] = []
    try:
        for name, label, is_table in zip(names, _labels(names), tables, strict=True):
            own = (stream_of(name, streams) if ask_names else None) or stream
            own_binder = (binder or NamedCells(own, streams)) if is_table else None
            inputs.append(Input(name, _open(name, stdin), stream=own, binder=own_binder, label=label))
    except (UnreadableError, WrongInputError):
        for opened in inputs:
            opened.close()
        raise
    return inputs


def stream_of(name: str, streams: Collection[str] = tuple(STREAMS)) -> str | None:
    """Return the stream a file's name speaks of: the longest name it begins with.

    >>> stream_of("/exports/calls-2026-03.jsonl.gz"), stream_of("march.csv")
    ('calls', None)
    """
    base = Path(name).name.lower()
    return max((stream for stream in streams if base.startswith(stream)), key=len, default=None)


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn what the system and gzip say while `name` is read into UnreadableError with one clear line."""
    try:
        yield
    except gzip.BadGzipFile as error:
        raise UnreadableError(f"{name}: not a gzip file, or followed by something else: {error}") from error
    except EOFError as error:
        raise UnreadableError(f"{name}: the gzip file is cut off: its end is missing") from error
    except zlib.error as error:
        raise UnreadableError(f"{name}: the gzip file is damaged: {error}") from error
    except UnicodeError as error:
        raise UnreadableError(f"{name}: not the encoding it is read as: {error}") from error
    except TableError as error:
        raise WrongInputError(f"{name}:1: {error}") from error
    except OSError as error:
        raise UnreadableError(f"{name}: cannot be read: {error.strerror or error}") from error


def _labels(names: Sequence[str]) -> list[str]:
    """Name each input for the ids made up for its rows: by its file, or its whole path where files share a name."""
    stems = ["stdin" if name == "-" else Path(name).name.partition(".")[0] for name in names]
    labels = [stem if stems.count(stem) == 1 else name for name, stem in zip(names, stems, strict=True)]
    return [label.encode(errors="replace").decode() for label in labels]


def _has_descriptor(file: BinaryIO) -> bool:
    try:
        file.fileno()
    except (OSError, io.UnsupportedOperation):
        return False
    return True


def _is_table(name: str) -> bool:
    path = Path(name)
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    if suffix.lower() in _LINES_SUFFIXES:
        return False
    if suffix.lower() == ".csv":
        return True
    raise WrongInputError(f"{name}: expected .jsonl or .csv (also .gz), not {suffix}")


def _open(name: str, stdin: BinaryIO | None) -> BinaryIO:
    if name == "-":
        return stdin or sys.stdin.buffer
    with readable(name):
        return Path(name).open("rb")
