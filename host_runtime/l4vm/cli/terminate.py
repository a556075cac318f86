# SPDX-License-Identifier: MIT
"""SIGTERM ends a verb as Ctrl-C does, so that all ends in order."""

from __future__ import annotations

from types import FrameType


def on_terminate(_number: int, _frame: FrameType | None) -> None:
    """Treat the signal as Ctrl-C."""
    raise KeyboardInterrupt
