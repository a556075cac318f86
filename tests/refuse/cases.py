# SPDX-License-Identifier: MIT
"""The refusal fixtures: each breaks one rule of a board or image file, and ends with the sentence it must get.

NAME.toml is an image for good.board.toml, NAME.board.toml a board for good.toml. The comment `# expect:` at its end
holds all that must be said, line by line. Guest programs are small ELF files made here.
"""

from __future__ import annotations

import functools
import shutil
import struct
from pathlib import Path

from l4vm.description import load_description
from l4vm.errors import L4vmErrors
from l4vm.guests.wrap import KERNEL_ENTRY_VA, wrap

FOLDER = Path(__file__).resolve().parent
MARK = "# expect:\n"
EM_386, EM_SPARC = 3, 2


def elf32(machine: int, order: str, address: int) -> bytes:
    """Return an ELF32 executable of one word at an address; order is '>' or '<'."""
    ident = b"\x7fELF" + bytes([1, 2 if order == ">" else 1, 1]) + bytes(9)
    header = struct.pack(order + "HHIIIIIHHHHHH", 2, machine, 1, address, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    segment = struct.pack(order + "8I", 1, 84, address, address, 4, 4, 5, 4)
    return ident + header + segment + bytes(4)


@functools.cache
def wrapped() -> bytes:
    """Return a kernel of one word, wrapped for 64 MiB."""
    return wrap(elf32(EM_SPARC, ">", KERNEL_ENTRY_VA), None, "", 64 << 20)


GUEST_FILES = {
    "sparc.elf": elf32(EM_SPARC, ">", 0x4000_0000),
    "x86.elf": elf32(EM_386, "<", 0x4000_0000),
    "little.elf": elf32(EM_SPARC, "<", 0x4000_0000),
    "far.elf": elf32(EM_SPARC, ">", 0x4200_0000),
    "text.elf": b"no program\n",
    "empty.img": b"",
    "disk.img": bytes(2048),
}


def fixtures() -> list[Path]:
    """Return all fixtures."""
    return [path for path in sorted(FOLDER.glob("*.toml")) if not path.name.startswith("good.")]


def expected(path: Path) -> str:
    """Return the sentence that a fixture must get."""
    comment = path.read_text(encoding="utf-8").rpartition(MARK)[2]
    return "\n".join(line.removeprefix("#   ") for line in comment.splitlines())


def load(board: Path, image: Path, scratch: Path) -> None:
    """Load a pair from a folder called `refuse`, where the guest programs lie too.

    Raises:
        L4vmErrors: it is refused.
    """
    folder = scratch / "refuse"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in GUEST_FILES.items():
        (folder / name).write_bytes(data)
    (folder / "wrapped.elf").write_bytes(wrapped())
    for path in (board, image):
        shutil.copy(path, folder)
    load_description(folder / board.name, folder / image.name)


def refusal(path: Path, scratch: Path) -> str:
    """Return what a fixture gets said; empty when it is taken."""
    good_board, good_image = FOLDER / "good.board.toml", FOLDER / "good.toml"
    is_board = path.name.endswith(".board.toml")
    try:
        load(path if is_board else good_board, good_image if is_board else path, scratch)
    except L4vmErrors as errors:
        assert errors.exit_code == 2
        return str(errors)
    return ""
