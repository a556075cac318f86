# SPDX-License-Identifier: MIT
"""Compare the golden translations with what the translator makes now, or accept that.

    python -m tests.golden            the differences; exit code 1 when there are any
    python -m tests.golden accept     rewrite the files; read `git diff` before committing it, alone
"""

from __future__ import annotations

import difflib
import sys

from tests.golden.programs import FOLDER, files, text


def check() -> list[str]:
    """Return the differences as unified diffs, with a line for each file too many."""
    wanted = files()
    lines = [f"{path.name}: no program has it" for path in sorted(FOLDER.glob("*.txt")) if path not in wanted]
    for path, (name, switch) in wanted.items():
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        new = text(name, switch)
        lines += difflib.unified_diff(old.splitlines(), new.splitlines(), path.name, "now", lineterm="")
    return lines


def accept() -> None:
    """Write every file, and remove those that no program has."""
    wanted = files()
    for path in FOLDER.glob("*.txt"):
        if path not in wanted:
            path.unlink()
    for path, (name, switch) in wanted.items():
        path.write_text(text(name, switch), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Do what the arguments say."""
    if arguments == ["accept"]:
        accept()
        return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    lines = check()
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
