# SPDX-License-Identifier: MIT
"""Exit codes of every `l4vm` verb, said once; `l4vm --help` prints this table."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a verb ends with."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    ENVIRONMENT = 3
    TIMEOUT = 4
    BOARD_PANIC = 5
    ENDED_EARLY = 6
    INTERRUPTED = 130


MEANING = {
    ExitCode.OK: "done; every --until was met",
    ExitCode.FAILURE: "a check failed, or something of our own went wrong",
    ExitCode.USAGE: "wrong arguments or bad input (image, board, guest file); nothing was started",
    ExitCode.ENVIRONMENT: "a tool, port, right or built image that is needed is missing",
    ExitCode.TIMEOUT: "the time given by --timeout ran out before every --until was met",
    ExitCode.BOARD_PANIC: "the board or the guest panicked",
    ExitCode.ENDED_EARLY: "the board, QEMU or the guest ended before every --until was met",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C or SIGTERM",
}


def table() -> str:
    """Return the codes as lines of text."""
    return "\n".join(f"{code.value:4d}  {text}" for code, text in MEANING.items())
