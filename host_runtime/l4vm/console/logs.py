# SPDX-License-Identifier: MIT
"""One log file per channel, always on: the bytes as they came.

What is here: `Logs`, a folder of NAME.log files. A channel's file exists from its announcement
on, even if it stays
empty. Each write is flushed, so that a killed run leaves its logs.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import BinaryIO

from l4vm.errors import L4vmError


def default_folder(what: str) -> Path:
    """Return a new folder name for the logs of one run, under the user's state folder."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return state / "l4vm" / "logs" / f"{what}-{stamp}-{os.getpid()}"


class Logs:
    """The log files of one run; the folder is made.

    Raises:
        L4vmError: it cannot be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as bad:
            raise L4vmError(f"{folder}: no folder for logs: {bad.strerror}", "give another one by --logs") from bad
        self._files: dict[str, BinaryIO] = {}

    def open(self, channel: str) -> None:
        """Make a channel's file, if it is not there."""
        if channel not in self._files:
            name = re.sub(r"[^A-Za-z0-9._-]", "_", channel) or "unnamed"
            self._files[channel] = (self.folder / f"{name}.log").open("wb")

    def write(self, channel: str, data: bytes) -> None:
        """Append bytes to a channel's log."""
        self.open(channel)
        file = self._files[channel]
        file.write(data)
        file.flush()

    def paths(self) -> dict[str, str]:
        """Return the path of each channel's log."""
        return {channel: file.name for channel, file in sorted(self._files.items())}

    def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            file.close()
