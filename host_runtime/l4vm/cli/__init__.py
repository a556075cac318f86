# SPDX-License-Identifier: MIT
"""The `l4vm` command. Its verbs are in verbs.py; a plain `guest run` goes past them (quick.py)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from l4vm.errors import L4vmError
from l4vm.exit_codes import ExitCode


def _run(words: Sequence[str]) -> int:
    if list(words[:2]) == ["guest", "run"]:
        from l4vm.cli.quick import quick_options

        options = quick_options(words[2:])
        if options:
            from l4vm.cli.guest_run import run_guest

            return run_guest(options)
    from l4vm.cli.verbs import call

    return call(words)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and end the process with its documented code."""
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        code = int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        code = int(ExitCode.FAILURE)
    except L4vmError as bad:
        print(f"l4vm: {bad}", file=sys.stderr)
        code = bad.exit_code
    sys.exit(code)
