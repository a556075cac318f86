# SPDX-License-Identifier: MIT
"""`python -m l4vm.decode TABLE HEADER`: write the C header of an instruction table."""

from __future__ import annotations

import sys
from pathlib import Path

from l4vm.decode.emit import write_header
from l4vm.errors import L4vmError


def main(arguments: list[str]) -> int:
    """Write the header named second from the table named first; return the exit code."""
    if len(arguments) != 2:
        print("usage: python -m l4vm.decode TABLE HEADER", file=sys.stderr)
        return 2
    try:
        write_header(Path(arguments[0]), Path(arguments[1]))
    except L4vmError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
