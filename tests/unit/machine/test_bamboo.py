# SPDX-License-Identifier: MIT
"""The Bamboo's devices, register by register, without a CPU (bamboo_core.c beside this file)."""

from __future__ import annotations

import ctypes
import itertools
import random
import subprocess
from pathlib import Path

import pytest

from l4vm.guests import read_machine_map
from l4vm.guests.machine_map import VirtioPlace

ROOT = Path(__file__).resolve().parents[3]
FLAGS = [
    *("-std=c11", "-O1", "-g", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"),
    *("-fsanitize=undefined", "-fno-sanitize-recover"),
]
MAP = read_machine_map("bamboo")
UIC0, UIC1 = MAP.dcrs["UIC0"][0], MAP.dcrs["UIC1"][0]
SR, SRS, ER, CR, PR, TR, MSR, VR, VCR = range(9)
UART = MAP.device("UART0").base
DATA, IER, IIR, LCR, MCR, LSR, MODEM = (UART + n for n in range(7))
CONFIG = MAP.facts["pci_config"]
MIB = 1 << 20


class Board:
    """The board with 16 MiB; DCRs as items, registers in memory by `read` and `write`."""

    def __init__(self, library: ctypes.CDLL, screen: bool = False) -> None:
        self.library = library
        library.board_read.restype = ctypes.c_uint32
        library.bamboo_begin.restype = library.board_dcr_read.restype = ctypes.c_bool
        library.board_dcr_write.restype = library.board_virtio_line.restype = ctypes.c_bool
        library.board_boot.restype = library.board_screen.restype = ctypes.c_uint64
        assert library.bamboo_begin(ctypes.c_uint64(16 * MIB), screen)

    def __getitem__(self, number: int) -> int:
        value = ctypes.c_uint32()
        if not self.library.board_dcr_read(number, ctypes.byref(value)):
            raise KeyError(number)
        return value.value

    def __setitem__(self, number: int, value: int) -> None:
        if not self.library.board_dcr_write(number, ctypes.c_uint32(value)):
            raise KeyError(number)

    def read(self, address: int, size: int = 1) -> int:
        return int(self.library.board_read(ctypes.c_uint32(address), size))

    def write(self, address: int, value: int, size: int = 1) -> None:
        self.library.board_write(ctypes.c_uint32(address), size, ctypes.c_uint32(value))

    @property
    def inputs(self) -> int:
        return int(self.library.test_level())

    @property
    def sent(self) -> bytes:
        out = ctypes.create_string_buffer(256)
        count = self.library.test_sent(out)
        return out.raw[:count]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile the board with the test's core."""
    target = tmp_path_factory.mktemp("machine") / "bamboo.so"
    here, machine = Path(__file__).parent, ROOT / "translator/machine"
    sources = [here / "core.c", here / "bamboo_core.c", machine / "bamboo.c", machine / "ns16550.c"]
    sources += [machine / name for name in ("apbps2.c", "ps2_keyboard.c", "screen.c")]
    sources += sorted(machine.glob("grlib_*.c")) + sorted(machine.glob("ppc4xx_*.c"))
    include = [f"-I{ROOT / 'translator'}", f"-I{ROOT / 'translator/include'}"]
    subprocess.run(["gcc", *FLAGS, *include, *map(str, sources), "-o", str(target)], check=True)
    return ctypes.CDLL(str(target))


@pytest.fixture
def board(library: ctypes.CDLL) -> Board:
    return Board(library)


def bit(line: int) -> int:
    return 0x80000000 >> line


def test_screen_takes_the_end_of_ram_and_the_keyboard_its_line(library: ctypes.CDLL) -> None:
    board, keyboard = Board(library, screen=True), MAP.device("APBPS2")
    end = 16 * MIB - MAP.facts["screen_bytes"]
    assert board.library.board_boot(ctypes.c_uint64(0x1000), 1) == end - MAP.facts["tree_bytes"]
    assert board.library.board_screen() == end
    board[UIC0 + ER] = bit(keyboard.irq)
    board[UIC0 + TR] = bit(keyboard.irq)
    board.write(keyboard.base + 8, 5, 4)
    assert board.library.board_key(0x1C) == 1
    board.library.test_advance(ctypes.c_uint64(2_000_000))
    assert (board.inputs, board.read(keyboard.base, 4)) == (1, 0x1C)
    board[UIC0 + SR] = bit(keyboard.irq)
    assert board.inputs == 0


def test_boot_leaves_tree_and_stack_at_the_end_of_ram(board: Board) -> None:
    tree = 16 * MIB - MAP.facts["tree_bytes"]
    values = [board.library.board_boot(ctypes.c_uint64(0x1000), n) for n in range(3)]
    assert values == [tree - 16, tree, 0x1000]


def test_level_interrupt_stays_until_its_cause_is_gone(board: Board) -> None:
    board[UIC0 + ER] = bit(0)
    board.write(IER, 1)
    assert board.library.board_receive(0, b"a", 1) == 1
    assert (board.inputs, board[UIC0 + MSR]) == (1, bit(0))
    board[UIC0 + SR] = bit(0)
    assert board.inputs == 1  # the line is still high
    assert board.read(DATA) == ord("a")
    board[UIC0 + SR] = bit(0)
    assert (board.inputs, board[UIC0 + SR]) == (0, 0)


@pytest.mark.parametrize("place", MAP.virtio, ids=lambda place: f"{place.kind}{place.n}")
def test_disks_and_networks_have_a_line_of_their_own(board: Board, place: VirtioPlace) -> None:
    kind = {"NET": 1, "DISK": 2}[place.kind]
    board[UIC0 + ER] = 0xFFFFFFFF
    assert board.library.board_virtio_line(kind, place.n, True)
    assert (board.inputs, board[UIC0 + MSR]) == (1, bit(place.irq))
    board.library.board_virtio_line(kind, place.n, False)
    board[UIC0 + SR] = bit(place.irq)
    assert board.inputs == 0


def test_no_two_devices_share_a_line_or_an_address() -> None:
    devices = [*MAP.devices, *MAP.screen, *MAP.virtio]
    assert len({(getattr(device, "controller", 0), device.irq) for device in devices}) == len(devices)
    ranges = sorted((device.base, device.base + device.size_bytes) for device in devices)
    assert all(end <= base for (_, end), (base, _) in itertools.pairwise(ranges))


def test_critical_lines_reach_the_critical_input_with_their_vector(board: Board) -> None:
    board[UIC0 + ER] = board[UIC0 + CR] = bit(5) | bit(9)
    board[UIC0 + TR] = 0xFFFFFFFF
    board[UIC0 + VCR] = 0x1000 | 1
    board[UIC0 + SRS] = bit(5) | bit(9)
    assert (board.inputs, board[UIC0 + VR]) == (2, 0x1000 + 5 * 512)
    board[UIC0 + VCR] = 0x1000
    assert board[UIC0 + VR] == 0x1000 + (31 - 9) * 512


def test_second_controller_reaches_the_cpu_through_the_first(board: Board) -> None:
    board[UIC1 + TR] = 0xFFFFFFFF
    board[UIC1 + ER] = bit(7) | bit(8)
    board[UIC1 + CR] = bit(8)
    board[UIC0 + ER] = bit(30) | bit(31)
    board[UIC1 + SRS] = bit(7)
    assert (board.inputs, board[UIC0 + MSR]) == (1, bit(30))
    board[UIC1 + SRS] = bit(8)
    assert board[UIC0 + MSR] == bit(30) | bit(31)
    board[UIC1 + SR] = bit(7) | bit(8)
    board[UIC0 + SR] = bit(30) | bit(31)
    assert (board.inputs, board[UIC0 + MSR]) == (0, 0)


@pytest.mark.parametrize("number", [0x0B, 0x14, 0xBF, 0xC9, 0xCF, 0xD9, 0x3FF, 0xFFFFFFFF])
def test_there_is_nothing_behind_other_dcrs(board: Board, number: int) -> None:
    with pytest.raises(KeyError):
        board[number]
    with pytest.raises(KeyError):
        board[number] = 0


@pytest.mark.parametrize("name", ["CPR0", "SDR0", "SDRAM0", "EBC0"])
def test_windows_keep_what_is_written_and_no_more_than_they_have_room_for(board: Board, name: str) -> None:
    first = MAP.dcrs[name][0]
    for n in range(40):
        board[first], board[first + 1] = n * 0x20, 100 + n
    for n in range(40):
        board[first] = n * 0x20
        assert board[first + 1] == (100 + n if n < 32 else 0)


def test_uart_sends_and_tells_when_it_is_empty(board: Board) -> None:
    board[UIC0 + ER] = bit(0)
    board.write(IER, 2)
    assert (board.inputs, board.read(IIR) & 15) == (1, 2)
    board[UIC0 + SR] = bit(0)
    assert (board.inputs, board.read(IIR) & 15) == (0, 1)
    for c in b"hi":
        board.write(DATA, c)
    assert board.sent == b"hi"
    assert board.read(LSR) & 0x60 == 0x60
    assert board.inputs == 1


def test_uart_keeps_what_the_console_has_no_room_for(board: Board) -> None:
    board.write(IIR, 1)
    board.library.test_room(0)
    for c in range(20):
        board.write(DATA, c)
    assert (board.sent, board.read(LSR) & 0x60) == (b"", 0)
    board.library.test_room(256)
    board.library.test_advance(ctypes.c_uint64(1_000_000))
    assert (board.sent, board.read(LSR) & 0x60) == (bytes(range(16)), 0x60)


def test_uart_takes_no_more_than_its_fifo(board: Board) -> None:
    assert board.library.board_receive(0, bytes(range(5)), 5) == 1
    board.write(IIR, 1)
    assert board.library.board_receive(0, bytes(range(40)), 40) == 16
    assert [board.read(DATA) for _ in range(17)] == [*range(16), 0]


def test_uart_divisor_is_apart_from_its_data(board: Board) -> None:
    board.write(LCR, 0x83)
    board.write(DATA, 6)
    board.write(IER, 1)
    assert (board.read(DATA), board.read(IER), board.sent) == (6, 1, b"")
    board.write(LCR, 3)
    assert (board.read(IER), board.read(LCR)) == (0, 3)


def test_uart_loops_back(board: Board) -> None:
    board.write(MCR, 0x1A)  # what a driver probes with: RTS and OUT2 come back as CTS and DCD
    assert board.read(MODEM) & 0xF0 == 0x90
    board.write(DATA, 0x55)
    assert (board.read(DATA), board.sent) == (0x55, b"")
    board.write(DATA, 1)
    board.write(DATA, 2)
    assert board.read(LSR) & 3 == 3
    assert board.read(LSR) & 3 == 1


def test_pci_bus_holds_the_bridge_alone(board: Board) -> None:
    def select(device: int, register: int) -> None:
        board.write(CONFIG, int.from_bytes((0x80000000 | device << 11 | register).to_bytes(4, "little"), "big"), 4)

    select(0, 0)
    assert board.read(CONFIG + 4, 4) == 0x14107F02  # 1014:027f, little-endian
    select(0, 8)
    assert board.read(CONFIG + 7, 1) == 0x06
    select(0, 0x10)
    board.write(CONFIG + 4, 0xFFFFFFFF, 4)
    assert board.read(CONFIG + 4, 4) == 0
    for device in range(1, 32):
        select(device, 0)
        assert board.read(CONFIG + 4, 4) == 0xFFFFFFFF


def test_devices_hold_up_when_a_guest_writes_anything_anywhere(board: Board) -> None:
    dice = random.Random(1)
    dcrs = [first + n for first, count in MAP.dcrs.values() for n in range(count)]
    places = [UART, MAP.device("UART1").base, CONFIG, MAP.facts["pci_registers"]]
    for _ in range(20_000):
        size = dice.choice([1, 2, 4])
        address = dice.choice(places) + dice.randrange(0, 8, size)
        choice = dice.randrange(5)
        if choice == 0:
            board[dice.choice(dcrs)] = dice.getrandbits(32)
        elif choice == 1:
            assert board[dice.choice(dcrs)] <= 0xFFFFFFFF
        elif choice == 2:
            board.write(address, dice.getrandbits(8 * size), size)
        elif choice == 3:
            assert board.read(address, size) < 1 << 8 * size
        else:
            data = dice.randbytes(20)
            assert board.library.board_receive(dice.randrange(3), data, len(data)) <= 16
    assert board.inputs in range(4)
