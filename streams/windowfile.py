"""The file of maintenance windows: `windows:` and a list, beside the settings that name it."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path

from alerts.windows import Window, read_windows
from streams.settings import SettingsError
from streams.yamlfile import read_yaml


def windows_of(path: Path | None, zone: tzinfo) -> tuple[Window, ...]:
    """Read the windows of a file; without one there are none. Raise SettingsError for what is wrong."""
    if path is None:
        return ()
    file = read_yaml(path)
    if file.problems:
        raise SettingsError("\n".join(map(str, file.problems)))
    if not isinstance(file.data, dict) or file.data.keys() != {"windows"}:
        raise SettingsError(f'{path}: must hold "windows:" and a list of maintenance windows')
    try:
        return read_windows(file.data["windows"], zone)
    except ValueError as error:
        raise SettingsError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error
