# SPDX-License-Identifier: MIT
"""What a Malta's kernel finds in RAM and registers: YAMON's arguments, environment and the initial RAM disk."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from l4vm.binding import Machine
from l4vm.errors import L4vmError
from l4vm.guests import Executable, Load, Segment, Start, lay_out
from l4vm.guests.malta import APPEND_BYTES_MAX, START, place
from tests.guests.unpacked import elf

RAM_MIB = 16
RAM_BYTES = RAM_MIB << 20
KSEG0 = 0x80000000
ENTRY = KSEG0 + 0x100000
CODE = struct.pack("<2I", 0x1000FFFF, 0)  # b .; nop
KERNEL = Executable(ENTRY, (Segment(0x100000, ENTRY, CODE, 0x200000),))
START_INSNS = 14
FILE = elf(ENTRY, ENTRY, CODE)


class Kernel:
    """A machine at the first instruction of its kernel."""

    def __init__(self, executable: Executable) -> None:
        self.machine = Machine("malta", RAM_MIB)
        self.machine.load_executable(executable)
        self.machine.run(START_INSNS)

    def word(self, va: int) -> int:
        return int.from_bytes(self.machine.read(va - KSEG0, 4), "little")

    def text(self, va: int) -> str:
        return self.machine.read(va - KSEG0, 4096).partition(b"\0")[0].decode()

    def table(self, va: int) -> list[str]:
        """Return the texts of a table of pointers that ends with 0."""
        texts = []
        while pointer := self.word(va + 4 * len(texts)):
            texts.append(self.text(pointer))
        return texts


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    made = Kernel(place(KERNEL, "vmlinux", RAM_BYTES, "console=ttyS0 quiet", b"disk" * 20000))
    yield made
    made.machine.close()


def test_kernel_is_entered_with_counts_tables_memory_and_a_stack(kernel: Kernel) -> None:
    machine = kernel.machine
    found = [machine[name] for name in ("pc", "r4", "r7", "r29", "status")]
    assert found == [ENTRY, 2, RAM_BYTES, KSEG0 + RAM_BYTES - 64, 0x400000]


def test_command_line_tells_of_the_initial_ram_disk(kernel: Kernel) -> None:
    name, line = kernel.table(kernel.machine["r5"])
    assert name == "linux"
    start, size, rest = line.split(" ", 2)
    assert (size, rest) == ("rd_size=80000", "console=ttyS0 quiet")
    at = int(start.removeprefix("rd_start="), 16)
    assert at % 0x10000 == 0
    assert kernel.machine.read(at - KSEG0, 80000) == b"disk" * 20000


def test_environment_is_pairs_of_names_and_values(kernel: Kernel) -> None:
    pairs = kernel.table(kernel.machine["r6"])
    found = dict(zip(pairs[::2], pairs[1::2], strict=True))
    assert found == {"memsize": str(RAM_BYTES), "ememsize": str(RAM_BYTES), "modetty0": "38400,n,8,1,none"}


def test_without_a_ram_disk_the_command_line_is_as_given() -> None:
    made = Kernel(lay_out(Start("malta", FILE, "vmlinux", RAM_MIB, append="quiet")).executable)
    assert made.table(made.machine["r5"]) == ["linux", "quiet"]
    made.machine.close()


def test_a_bare_program_starts_at_its_own_entry() -> None:
    load: Load = lay_out(Start("malta", FILE, "program", RAM_MIB))
    assert (load.executable.entry, len(load.executable.segments)) == (ENTRY, 1)


@pytest.mark.parametrize(
    ("program", "append", "initrd", "sentence"),
    [
        (KERNEL, "x" * (APPEND_BYTES_MAX + 1), None, "the kernel command line has 3501 characters"),
        (KERNEL, "tab\t", None, "printable ASCII"),
        (KERNEL, "", bytes(RAM_BYTES), "the initial RAM disk has 16777216 bytes, 13565952 are free behind vmlinux"),
        (
            Executable(ENTRY, (Segment(START + 0x1000, KSEG0, b"", 4),)),
            "",
            None,
            "vmlinux: has something between 0x2000 and 0x4000",
        ),
    ],
)
def test_what_does_not_fit_is_refused(program: Executable, append: str, initrd: bytes | None, sentence: str) -> None:
    with pytest.raises(L4vmError, match=sentence):
        place(program, "vmlinux", RAM_BYTES, append, initrd)


def test_the_longest_command_line_fits() -> None:
    made = Kernel(place(KERNEL, "vmlinux", RAM_BYTES, "x" * APPEND_BYTES_MAX, b"disk"))
    block = made.machine.read(START, 0x2000)
    assert made.table(made.machine["r5"])[1].endswith(" " + "x" * APPEND_BYTES_MAX)
    assert not any(block[-64:])
    made.machine.close()


def test_a_device_tree_is_refused() -> None:
    for wish in ({"append": "quiet"}, {}):
        with pytest.raises(L4vmError, match="a device tree: machine malta"):
            lay_out(Start("malta", FILE, "vmlinux", RAM_MIB, dtb=b"", **wish))  # type: ignore[arg-type]
