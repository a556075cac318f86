# SPDX-License-Identifier: MIT
"""The LEON3 machine's devices, register by register, without a CPU (core.c beside this file)."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FLAGS = [
    *("-std=c11", "-O1", "-g", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"),
    *("-fsanitize=undefined", "-fno-sanitize-recover"),
]
UART, IRQMP, GPTIMER, APB_PNP = 0x100, 0x200, 0x300, 0xFF000
DATA, STATUS, CONTROL = UART, UART + 4, UART + 8
PENDING, FORCE0, CLEAR, MASK, FORCE = (IRQMP + offset for offset in (4, 8, 0xC, 0x40, 0x80))
SCALER, SCALER_RELOAD, CONFIG = GPTIMER, GPTIMER + 4, GPTIMER + 8
COUNTER1, RELOAD1, CONTROL1 = GPTIMER + 0x10, GPTIMER + 0x14, GPTIMER + 0x18
COUNTER2, RELOAD2, CONTROL2 = GPTIMER + 0x20, GPTIMER + 0x24, GPTIMER + 0x28
EN, RS, LD, IE, IP, CH = 1, 2, 4, 8, 16, 32


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile the device models with the test's core."""
    target = tmp_path_factory.mktemp("machine") / "devices.so"
    sources = [str(Path(__file__).with_name("core.c"))]
    sources += [str(path) for path in sorted((ROOT / "translator/machine").glob("grlib_*.c"))]
    include = [f"-I{ROOT / 'translator'}", f"-I{ROOT / 'translator/include'}"]
    subprocess.run(["gcc", *FLAGS, *include, *sources, "-o", str(target)], check=True)
    return ctypes.CDLL(str(target))


class Devices:
    """The devices behind the APB bridge; offsets count from 0x80000000."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.test_begin()
        library.test_read.restype = ctypes.c_uint32
        library.test_add.restype = ctypes.c_bool

    def __getitem__(self, offset: int) -> int:
        return int(self._library.test_read(ctypes.c_uint32(offset)))

    def __setitem__(self, offset: int, value: int) -> None:
        self._library.test_write(ctypes.c_uint32(offset), ctypes.c_uint32(value))

    def add(self, base: int, size: int) -> bool:
        return bool(self._library.test_add(ctypes.c_uint32(base), ctypes.c_uint32(size)))

    def advance_us(self, us: int) -> None:
        self._library.test_advance(ctypes.c_uint64(us * 1000))

    @property
    def level(self) -> int:
        return int(self._library.test_level())

    def ack(self, level: int) -> None:
        self._library.test_ack(level)

    def receive(self, data: bytes) -> int:
        return int(self._library.test_receive(data, len(data)))

    def room(self, count: int) -> None:
        self._library.test_room(count)

    @property
    def sent(self) -> bytes:
        out = ctypes.create_string_buffer(256)
        count = int(self._library.test_sent(out))
        return out.raw[:count]


@pytest.fixture
def devices(library: ctypes.CDLL) -> Iterator[Devices]:
    """Fresh devices after reset, the scaler at 1 MHz."""
    fresh = Devices(library)
    fresh[SCALER_RELOAD] = 49
    yield fresh


def test_highest_unmasked_line_reaches_the_cpu(devices: Devices) -> None:
    devices[MASK] = 1 << 3 | 1 << 9
    devices[FORCE0] = 1 << 3 | 1 << 9 | 1 << 12
    assert devices.level == 9
    devices[MASK] = 1 << 3
    assert devices.level == 3


def test_upper_priority_level_goes_first(devices: Devices) -> None:
    devices[MASK] = 0xFFFE
    devices[FORCE0] = 1 << 4 | 1 << 11
    devices[IRQMP] = 1 << 4
    assert devices.level == 4


def test_acknowledge_clears_force_before_pending(devices: Devices) -> None:
    devices[MASK] = devices[PENDING] = 0
    devices[MASK] = 1 << 5
    devices[PENDING] = 1 << 5
    devices[FORCE0] = 1 << 5
    devices.ack(5)
    assert (devices[FORCE0], devices[PENDING], devices.level) == (0, 1 << 5, 5)
    devices.ack(5)
    assert (devices[PENDING], devices.level) == (0, 0)


def test_clear_and_force_clear_take_only_written_ones(devices: Devices) -> None:
    devices[PENDING] = 0xFFFF
    assert devices[PENDING] == 0xFFFE
    devices[CLEAR] = 0x00F0
    assert devices[PENDING] == 0xFF0E
    devices[FORCE] = 0x0006
    devices[FORCE] = 1 << 17 | 0x0008
    assert devices[FORCE] == 0x000C


def test_timer_counts_in_scaler_ticks_and_reloads(devices: Devices) -> None:
    devices[RELOAD1] = 999
    devices[CONTROL1] = EN | RS | LD | IE
    assert devices[CONTROL1] == EN | RS | IE
    devices.advance_us(400)
    assert devices[COUNTER1] == 599
    devices.advance_us(600)
    assert devices[COUNTER1] == 999
    assert devices[CONTROL1] & IP
    assert devices[PENDING] == 1 << 6
    devices.advance_us(1)
    assert devices[COUNTER1] == 998


def test_timer_pending_clears_by_writing_one_and_keeps_counting(devices: Devices) -> None:
    devices[RELOAD1] = 9
    devices[CONTROL1] = EN | RS | LD | IE
    devices.advance_us(13)
    devices[CONTROL1] = EN | RS | IE
    assert devices[CONTROL1] & IP
    devices[CONTROL1] = EN | RS | IE | IP
    assert not devices[CONTROL1] & IP
    assert devices[COUNTER1] == 6


def test_one_shot_timer_stops_below_zero(devices: Devices) -> None:
    devices[RELOAD1] = 4
    devices[CONTROL1] = EN | LD
    devices.advance_us(50)
    assert devices[COUNTER1] == 0xFFFFFFFF
    assert devices[CONTROL1] == 0
    assert devices[PENDING] == 0


def test_chained_timer_counts_underflows(devices: Devices) -> None:
    devices[RELOAD1], devices[RELOAD2] = 9, 2
    devices[CONTROL2] = EN | RS | LD | IE | CH
    devices[CONTROL1] = EN | RS | LD
    devices.advance_us(20)
    assert devices[COUNTER2] == 0
    assert devices[PENDING] == 0
    devices.advance_us(10)
    assert devices[COUNTER2] == 2
    assert devices[PENDING] == 1 << 7


def test_timer_configuration_tells_timers_and_interrupt(devices: Devices) -> None:
    assert devices[CONFIG] == 2 | 6 << 3 | 1 << 8
    assert devices[GPTIMER + 0x30] == 0
    devices.advance_us(0)
    assert devices[SCALER] == 49


def test_uart_sends_only_when_its_transmitter_is_on(devices: Devices) -> None:
    devices[DATA] = ord("a")
    assert devices.sent == b""
    assert devices[STATUS] >> 20 & 63 == 1
    devices[CONTROL] = 2
    devices[DATA] = ord("b")
    assert devices.sent == b"ab"
    assert devices[STATUS] & 6 == 6


def test_uart_waits_for_a_full_console(devices: Devices) -> None:
    devices[CONTROL] = 2 | 8
    devices.room(0)
    for _ in range(20):
        devices[DATA] = ord("x")
    assert devices[STATUS] & (1 << 9)
    assert devices[STATUS] >> 20 & 63 == 16
    assert devices[PENDING] == 0
    devices.room(256)
    devices.advance_us(1000)
    assert devices.sent == b"x" * 16
    assert devices[PENDING] == 1 << 3


def test_uart_receives_into_its_fifo_and_refuses_more(devices: Devices) -> None:
    assert devices.receive(b"no") == 0
    devices[CONTROL] = 1 | 4
    assert devices.receive(bytes(range(20))) == 16
    assert devices[STATUS] & 1
    assert devices[STATUS] & (1 << 10)
    assert devices[PENDING] == 1 << 3
    assert [devices[DATA] for _ in range(16)] == list(range(16))
    assert not devices[STATUS] & 1


def test_uart_loops_back(devices: Devices) -> None:
    devices[CONTROL] = 1 | 2 | 1 << 7
    devices[DATA] = 0x5A
    assert devices[DATA] == 0x5A
    assert devices.sent == b""
    assert devices.receive(b"z") == 0


def test_apb_records_name_every_device(devices: Devices) -> None:
    records = [(devices[APB_PNP + 8 * i], devices[APB_PNP + 8 * i + 4]) for i in range(5)]
    assert records == [
        (0x0400F000, 0x0000FFF1),
        (0x0100C023, 0x0010FFF1),
        (0x0100D040, 0x0020FFF1),
        (0x01011006, 0x0030FFF1),
        (0, 0),
    ]


@pytest.mark.parametrize(
    ("base", "size", "fits"),
    [
        (0x80000400, 0x100, True),
        (0x800FEF00, 0x100, True),
        (0x80000380, 0x100, False),  # into the timers
        (0x800003FF, 1, False),
        (0x80000000, 0x1000, False),  # around all
        (0x7FFFFF00, 0x100, False),  # before the bridge
        (0x80100000, 0x100, False),
        (0x800FEFC0, 0x100, False),  # into the records
        (0x80000400, 0, False),
        (0x80000400, 0xFFFFFFFF, False),
    ],
)
def test_a_device_has_its_own_place_behind_the_bridge(devices: Devices, base: int, size: int, fits: bool) -> None:
    assert devices.add(base, size) is fits


def test_memory_controller_registers_store(devices: Devices) -> None:
    devices[4] = 0x12345678
    assert devices[4] == 0x12345678
    assert devices[0x5000] == 0
