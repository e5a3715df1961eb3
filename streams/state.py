"""Where this machine keeps what a restart must find again."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder(given: Path | None) -> Path:
    """Give the folder that the settings name, else systemd's `STATE_DIRECTORY`, else the user's own."""
    if given is not None:
        return given
    of_systemd = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if of_systemd:
        return Path(of_systemd)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "tocsin"
