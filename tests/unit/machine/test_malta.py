# SPDX-License-Identifier: MIT
"""The Malta's devices, register by register at the manual's addresses, by loads and stores of its CPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from l4vm.binding import Stop
from l4vm.guests import read_machine_map
from tests.unit.machine.malta_board import Board

MAP = read_machine_map("malta")
DATA, IER, IIR, LCR, MCR, LSR, MODEM, SCRATCH = range(8)
LOOP, IP4, IP5 = 0x10, 1 << 12, 1 << 13
BUS_ERROR = 7
GT = MAP.device("GT64120").base
CAUSE, CAUSE_MASK, CONFIG_ADDRESS, CONFIG_DATA, MASTER_ABORT = 0xC18, 0xC1C, 0xCF8, 0xCFC, 1 << 18
BRIDGE, ISA, IDE, USB, POWER = (0, 0), (10, 0), (10, 1), (10, 2), (10, 3)
ONES = 0xFFFFFFFF


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as made:
        yield made


def com1(register: int) -> int:
    return MAP.device("COM1").base + register


def cbus(register: int) -> int:
    return MAP.device("CBUS_UART").base + 8 * register


def choose(board: Board, function: tuple[int, int], register: int, bus: int = 0) -> None:
    address = 1 << 31 | bus << 16 | function[0] << 11 | function[1] << 8 | register & 0xFC
    board.write(GT + CONFIG_ADDRESS, address, "SW")


def config(board: Board, function: tuple[int, int], register: int, bus: int = 0) -> int:
    choose(board, function, register, bus)
    return board.read(GT + CONFIG_DATA, "LW")


def configure(board: Board, function: tuple[int, int], register: int, value: int, name: str = "SW") -> None:
    choose(board, function, register)
    board.write(GT + CONFIG_DATA + (register & 3), value, name)


def test_addresses_are_those_of_the_manual() -> None:
    assert [(device.name, device.base, device.irq) for device in MAP.devices] == [
        ("GT64120", 0x1BE00000, 5),
        ("FLASH", 0x1E000000, 0),
        ("FPGA", 0x1F000000, 0),
        ("CBUS_UART", 0x1F000900, 4),
        ("BOOT", 0x1FC00000, 0),
        ("COM1", 0x180003F8, 4),
        ("COM2", 0x180002F8, 3),
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


def test_lights_keep_what_is_written_and_switches_read_as_0(board: Board) -> None:
    fpga = MAP.device("FPGA")
    kept = {0x408: 0x42, 0x508: 0x42}
    for offset in range(0, fpga.size_bytes, 8):
        if offset != 0x500:
            board.write(fpga.base + offset, 0x42, "SW")
            assert board.read(fpga.base + offset, "LW") == kept.get(offset, 0), hex(offset)


def test_the_right_word_resets_the_board(board: Board) -> None:
    reset = MAP.device("FPGA").base + 0x500
    board.write(reset, 0x41, "SW")
    assert board.machine.run(0) is Stop.BUDGET
    board.write(reset, 0x42, "SW")
    assert (board.machine.run(1), board.machine.exit_code) == (Stop.HALT, 0)


def test_flash_is_erased_and_says_where_it_starts_which_board_this_is(board: Board) -> None:
    flash, boot = MAP.device("FLASH"), MAP.device("BOOT")
    for address in (flash.base, flash.base + flash.size_bytes - 4, boot.base, boot.base + 0x14):
        board.write(address, 0, "SW")
        assert board.read(address, "LW") == ONES
    assert board.read(boot.base + 0x10, "LW") == 0x420
    assert (board.read(boot.base + 0x11), board.read(boot.base + 0x12, "LHU")) == (4, 0)


@pytest.mark.parametrize("address", [0x1C000000, 0x1BDFFFFC, 0x1F000940])
def test_where_nothing_is_the_bus_says_so(board: Board, address: int) -> None:
    board.machine["status"] = 0
    board.read(address, "LW")
    assert board.machine["cause"] >> 2 & 31 == BUS_ERROR


@pytest.mark.parametrize("address", [0x10000000, 0x17FFFFFC, 0x18000000, 0x18001000, 0x181FFFFC])
def test_pci_reads_ones_where_nobody_answers(board: Board, address: int) -> None:
    board.machine["cause"] = 0
    assert (board.read(address, "LW"), board.read(address, "LHU"), board.read(address + 1)) == (ONES, 0xFFFF, 0xFF)
    board.write(address, 0x1234, "SW")
    assert not board.machine["cause"] & 0x7C


def test_address_decoders_are_as_yamon_leaves_them(board: Board) -> None:
    words = {0x048: 0xC0, 0x050: 0x40, 0x058: 0x80, 0x060: 0x3F, 0x068: 0xDF, 0x080: 0xC1, 0x088: 0x5E, 0x0F0: 0}
    assert {off: board.read(GT + off, "LW") for off in words} == words
    board.write(GT + 0x0F0, ONES, "SW")
    assert board.read(GT + 0x0F0, "LW") == 0x7FF
    board.write(GT + 0x0F0, 0, "SB")
    assert (board.read(GT + 0x0F0, "LW"), board.read(GT + 0x0F1)) == (0x700, 7)


def test_what_the_controller_has_not_reads_as_0(board: Board) -> None:
    for offset in (0x448, 0x800, 0x850, 0xC24, 0xFFC):
        board.write(GT + offset, ONES, "SW")
        assert board.read(GT + offset, "LW") == 0, hex(offset)


IDENTITIES = {
    BRIDGE: (0x462011AB, 0x060000),
    ISA: (0x71108086, 0x060100),
    IDE: (0x71118086, 0x010180),
    USB: (0x71128086, 0x0C0300),
    POWER: (0x71138086, 0x068000),
}


def test_functions_on_the_bus_say_who_they_are(board: Board) -> None:
    found = {}
    for device in range(32):
        for number in range(8):
            identity = config(board, (device, number), 0)
            if identity != ONES:
                found[device, number] = (identity, config(board, (device, number), 8) >> 8)
    assert found == IDENTITIES
    assert config(board, ISA, 0xC) >> 16 & 0xFF == 0x80, "it has several functions"


def test_nobody_at_home_is_a_master_abort(board: Board) -> None:
    board.write(GT + CAUSE, 0, "SW")
    assert config(board, BRIDGE, 0) != ONES
    assert board.read(GT + CAUSE, "LW") & MASTER_ABORT == 0
    for where in ({"function": (11, 0)}, {"function": ISA, "bus": 1}, {"function": (10, 4)}, {"function": (0, 1)}):
        assert config(board, **where, register=0) == ONES  # type: ignore[arg-type]
        assert board.read(GT + CAUSE, "LW") & MASTER_ABORT
        board.write(GT + CAUSE, ONES & ~MASTER_ABORT, "SW")
        assert board.read(GT + CAUSE, "LW") & MASTER_ABORT == 0
    board.write(GT + CONFIG_ADDRESS, 0x7FFFFFFF, "SW")
    assert board.read(GT + CONFIG_ADDRESS, "LW") == 0x00FFFFFC
    assert board.read(GT + CONFIG_DATA, "LW") == ONES, "not enabled"


def test_a_cause_that_is_let_through_interrupts_the_cpu(board: Board) -> None:
    config(board, (11, 0), 0)
    assert not board.machine["cause"] & IP5
    board.write(GT + CAUSE_MASK, MASTER_ABORT, "SW")
    assert board.machine["cause"] & IP5
    board.write(GT + CAUSE, 0, "SW")
    assert not board.machine["cause"] & IP5


def test_base_registers_tell_how_much_they_decode(board: Board) -> None:
    for function, register, size, kind in ((IDE, 0x20, 16, 1), (USB, 0x20, 32, 1), (BRIDGE, 0x20, 4096, 0)):
        configure(board, function, register, ONES)
        assert config(board, function, register) & 0xFFFF == 0x10000 - size | kind
    configure(board, IDE, 0x10, ONES)
    assert config(board, IDE, 0x10) == 0


def test_parts_of_a_configuration_register_are_written_alone(board: Board) -> None:
    configure(board, ISA, 0x60, 0x0B0A0903)
    configure(board, ISA, 0x62, 0x80, "SB")
    assert config(board, ISA, 0x60) == 0x0B800903
    configure(board, ISA, 0x60, 0x0C05, "SH")
    assert config(board, ISA, 0x60) == 0x0B800C05
    board.write(GT + CONFIG_ADDRESS, 0, "SW")
    board.write(GT + CONFIG_ADDRESS + 3, 0x80, "SB")
    assert board.read(GT + CONFIG_DATA, "LW") == IDENTITIES[BRIDGE][0]


def test_status_bits_are_cleared_by_a_written_1(board: Board) -> None:
    configure(board, USB, 0xC0, 0xFFFF, "SH")
    assert config(board, USB, 0xC0) & 0xFFFF == 0x20BF
    assert config(board, USB, 4) >> 16 == 0x0280
