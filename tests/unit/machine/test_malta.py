# SPDX-License-Identifier: MIT
"""The Malta's devices, register by register at the manual's addresses, by loads and stores of its CPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from l4vm.binding import Machine, Stop
from l4vm.guests import read_machine_map
from tests.insn.mips_words import CODE, LAYOUT, op

MAP = read_machine_map("malta")
UNCACHED = 0xA0000000
DATA, IER, IIR, LCR, MCR, LSR, MODEM, SCRATCH = range(8)
LOOP, IP4 = 0x10, 1 << 12
BUS_ERROR = 7


class Board:
    """The board; memory by `read` and `write` of physical addresses, each an instruction in the uncached window."""

    def __init__(self) -> None:
        self.machine = Machine("malta", ram_mib=16, code_mib=1)
        self.machine.boot(0x80000000 | CODE)

    def _run(self, word: int, address: int) -> None:
        self.machine.write(CODE, LAYOUT.code_of(word))
        self.machine["pc"], self.machine["r3"] = 0x80000000 | CODE, UNCACHED | address
        self.machine.run(1)

    def read(self, address: int, name: str = "LBU") -> int:
        self._run(op(name, rt=4, base=3), address)
        return self.machine["r4"]

    def write(self, address: int, value: int, name: str = "SB") -> None:
        self.machine["r4"] = value
        self._run(op(name, rt=4, base=3), address)


@pytest.fixture
def board() -> Iterator[Board]:
    made = Board()
    yield made
    made.machine.close()


def com1(register: int) -> int:
    return MAP.device("COM1").base + register


def cbus(register: int) -> int:
    return MAP.device("CBUS_UART").base + 8 * register


def test_addresses_are_those_of_the_manual() -> None:
    assert [(device.name, device.base, device.irq) for device in MAP.devices] == [
        ("COM1", 0x180003F8, 0),
        ("FPGA", 0x1F000000, 0),
        ("CBUS_UART", 0x1F000900, 4),
    ]


def test_firmware_leaves_memory_size_stack_and_boot_vectors(board: Board) -> None:
    registers = {name: board.machine[name] for name in ("r4", "r5", "r6", "r7", "r29", "status")}
    assert registers == {"r4": 0, "r5": 0, "r6": 0, "r7": 16 << 20, "r29": 0x80FFFFC0, "status": 0x400000}


def test_com1_sends_and_receives(board: Board) -> None:
    assert board.read(com1(LSR)) == 0x60
    board.write(com1(DATA), ord("x"))
    assert board.machine.console_read() == b"x"
    assert board.machine.console_write(b"y") == 1
    assert (board.read(com1(LSR)), board.read(com1(DATA)), board.read(com1(LSR))) == (0x61, ord("y"), 0x60)


def test_a_wide_access_has_its_first_register_in_the_low_byte(board: Board) -> None:
    board.write(com1(SCRATCH), 0x5A)
    board.write(com1(LCR), 3)
    assert board.read(com1(IIR), "LHU") == 0x0301
    board.write(com1(MODEM), 0xA500, "SH")
    assert board.read(com1(SCRATCH)) == 0xA5


def test_the_boards_own_uart_interrupts_until_its_byte_is_taken(board: Board) -> None:
    board.write(cbus(MCR), LOOP)
    board.write(cbus(IER), 1)
    assert not board.machine["cause"] & IP4
    board.write(cbus(DATA), 0x77)
    assert board.machine["cause"] & IP4
    assert board.read(cbus(LSR)) & 1
    assert board.read(cbus(DATA)) == 0x77
    assert not board.machine["cause"] & IP4


def test_lights_and_switches_read_as_0_and_take_anything(board: Board) -> None:
    fpga = MAP.device("FPGA")
    for offset in range(0, fpga.size_bytes, 8):
        if offset != 0x500:
            board.write(fpga.base + offset, 0x42, "SW")
            assert board.read(fpga.base + offset, "LW") == 0


def test_the_right_word_resets_the_board(board: Board) -> None:
    reset = MAP.device("FPGA").base + 0x500
    board.write(reset, 0x41, "SW")
    assert board.machine.run(0) is Stop.BUDGET
    board.write(reset, 0x42, "SW")
    assert (board.machine.run(1), board.machine.exit_code) == (Stop.HALT, 0)


def test_there_is_no_flash(board: Board) -> None:
    board.machine["status"] = 0
    board.read(0x1FC00000, "LW")
    assert board.machine["cause"] >> 2 & 31 == BUS_ERROR
