# SPDX-License-Identifier: MIT
"""The Malta's south bridge: interrupt controllers, timer, clock, USB, power, port by port, by loads and stores."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest

from l4vm.binding import Stop, Time
from l4vm.guests import read_machine_map
from tests.unit.machine.malta_board import Board

GT = read_machine_map("malta").device("GT64120").base
ACKNOWLEDGE, IP2 = GT + 0xC34, 1 << 10
FIRST, SECOND, ELCR = 0x20, 0xA0, 0x4D0
COM = {4: 0x3F8, 3: 0x2F8}  # by interrupt
TIMER, CONTROL, PORT61 = 0x40, 0x43, 0x61
HZ, SECOND_NS = 1193182, 1_000_000_000
SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, A, B, C, D = 0, 2, 4, 6, 7, 8, 9, 10, 11, 12, 13
UIP, SET, BINARY, H24, PIE, AIE, UIE = 0x80, 0x80, 4, 2, 0x40, 0x20, 0x10
EOI, ISR, IRR, POLL = 0x20, 0x0B, 0x0A, 0x0C


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as made:
        yield made


def initialise(board: Board, icw4: int = 1, mask: int = 0) -> None:
    """Both controllers, vectors 0x20 and 0x28, cascaded, with this mask of all sixteen."""
    for port, vector, cascade in ((FIRST, 0x20, 4), (SECOND, 0x28, 2)):
        board.outb(port, 0x11)
        board.outb(port + 1, vector, cascade, icw4, mask & 0xFF)
        mask >>= 8


def uart(board: Board, irq: int, high: bool) -> None:
    """Raise or lower an input: a byte in a looped UART, or its being taken."""
    port = COM[irq]
    board.outb(port + 4, 0x10)
    board.outb(port + 1, 1)
    if high:
        board.outb(port, 0x55)
    else:
        board.inb(port)


def asks(board: Board) -> bool:
    return bool(board.machine["cause"] & IP2)


def acknowledge(board: Board) -> int:
    return board.read(ACKNOWLEDGE, "LW")


def read_command(board: Board, port: int, which: int) -> int:
    board.outb(port, which)
    return board.inb(port)


def test_an_edge_interrupts_once_until_it_is_acknowledged_and_ended(board: Board) -> None:
    initialise(board)
    assert not asks(board)
    uart(board, 4, True)
    assert asks(board)
    assert read_command(board, FIRST, IRR) == 0x10
    assert (acknowledge(board), asks(board)) == (0x24, False)
    assert (read_command(board, FIRST, ISR), read_command(board, FIRST, IRR)) == (0x10, 0)
    uart(board, 4, False)
    uart(board, 4, True)
    assert not asks(board), "what is in service holds it back"
    board.outb(FIRST, EOI)
    assert asks(board)
    assert acknowledge(board) == 0x24
    board.outb(FIRST, 0x64)
    assert not asks(board), "no new edge"


def test_a_mask_holds_a_request_back(board: Board) -> None:
    initialise(board, mask=0x10)
    uart(board, 4, True)
    assert (asks(board), board.inb(FIRST + 1)) == (False, 0x10)
    board.outb(FIRST + 1, 0)
    assert asks(board)


def test_a_lower_number_goes_first_and_interrupts_a_higher_one(board: Board) -> None:
    initialise(board)
    uart(board, 4, True)
    assert acknowledge(board) == 0x24
    uart(board, 3, True)
    assert acknowledge(board) == 0x23
    board.outb(FIRST, EOI)
    assert read_command(board, FIRST, ISR) == 0x10, "the higher priority ended"
    board.outb(FIRST, EOI)
    assert read_command(board, FIRST, ISR) == 0


def test_priorities_rotate_when_asked(board: Board) -> None:
    initialise(board)
    board.outb(FIRST, 0xC3)  # 3 is the lowest from now on
    uart(board, 3, True)
    uart(board, 4, True)
    assert acknowledge(board) == 0x24
    board.outb(FIRST, 0xA0)  # ended, and the lowest
    assert acknowledge(board) == 0x23
    board.outb(FIRST, 0xE3)
    uart(board, 3, False)
    uart(board, 4, False)
    uart(board, 3, True)
    uart(board, 4, True)
    assert acknowledge(board) == 0x24, "3 is the lowest again"


def test_in_special_mask_mode_the_mask_lets_lower_ones_through(board: Board) -> None:
    initialise(board)
    uart(board, 3, True)
    assert acknowledge(board) == 0x23
    uart(board, 4, True)
    assert not asks(board)
    board.outb(FIRST, 0x68)
    assert acknowledge(board) == 0x24
    board.outb(FIRST, 0x48)
    assert not asks(board)


def test_automatic_end(board: Board) -> None:
    initialise(board, icw4=3)
    uart(board, 4, True)
    assert (acknowledge(board), read_command(board, FIRST, ISR)) == (0x24, 0)
    uart(board, 4, False)
    uart(board, 4, True)
    assert acknowledge(board) == 0x24


def test_a_level_asks_as_long_as_it_is_high(board: Board) -> None:
    initialise(board)
    board.outb(ELCR, 0xFF)
    board.outb(ELCR + 1, 0xFF)
    assert (board.inb(ELCR), board.inb(ELCR + 1)) == (0xF8, 0xDE)
    uart(board, 4, True)
    assert acknowledge(board) == 0x24
    board.outb(FIRST, EOI)
    assert asks(board)
    uart(board, 4, False)
    assert not asks(board)


def test_what_went_away_is_answered_with_7_and_not_in_service(board: Board) -> None:
    initialise(board)
    uart(board, 4, True)
    uart(board, 4, False)
    assert (asks(board), acknowledge(board), read_command(board, FIRST, ISR)) == (False, 0x27, 0)


def test_a_poll_acknowledges(board: Board) -> None:
    initialise(board)
    assert read_command(board, FIRST, POLL) == 0
    uart(board, 4, True)
    assert read_command(board, FIRST, POLL) == 0x84
    assert (asks(board), read_command(board, FIRST, ISR)) == (False, 0x10)


def clock(board: Board, register: int, value: int | None = None) -> int:
    port = 0x70 if register < 128 else 0x72
    board.outb(port, register & 127)
    if value is None:
        return board.inb(port + 1)
    board.outb(port + 1, value)
    return value


def date(board: Board) -> list[int]:
    return [clock(board, register) for register in (YEAR, MONTH, DAY, WEEKDAY, HOURS, MINUTES, SECONDS)]


def set_date(board: Board, mode: int, *values: int) -> None:
    clock(board, B, SET | mode)
    for register, value in zip((YEAR, MONTH, DAY, WEEKDAY, HOURS, MINUTES, SECONDS), values, strict=True):
        clock(board, register, value)
    clock(board, B, mode)


def test_the_second_controller_interrupts_through_the_first(board: Board) -> None:
    initialise(board)
    clock(board, B, UIE | H24)
    board.wait(SECOND_NS)
    assert (asks(board), clock(board, C) & 0xB0) == (True, 0x90)
    clock(board, B, H24)
    board.wait(SECOND_NS)
    clock(board, B, UIE | H24)  # an update was before: its flag is still there
    assert acknowledge(board) == 0x28
    assert (read_command(board, FIRST, ISR), read_command(board, SECOND, ISR)) == (4, 1)
    board.outb(SECOND, 0x60)
    board.outb(FIRST, 0x62)
    assert (read_command(board, FIRST, ISR), read_command(board, SECOND, ISR)) == (0, 0)


def test_the_clock_starts_at_its_first_second_and_goes_on(board: Board) -> None:
    assert date(board) == [0, 1, 1, 7, 0, 0, 0]
    board.wait(11 * SECOND_NS)
    assert date(board) == [0, 1, 1, 7, 0, 0, 0x11]
    assert clock(board, D) == 0x80
    board.machine.reset()
    assert date(board)[6] == 0x11


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((24, 2, 28, 4, 23, 59, 59), [24, 2, 29, 5, 0, 0, 0]),
        ((23, 2, 28, 3, 23, 59, 59), [23, 3, 1, 4, 0, 0, 0]),
        ((99, 12, 31, 6, 23, 59, 59), [0, 1, 1, 7, 0, 0, 0]),
        ((10, 4, 30, 7, 23, 59, 59), [10, 5, 1, 1, 0, 0, 0]),
        ((10, 7, 5, 2, 9, 9, 59), [10, 7, 5, 2, 9, 10, 0]),
    ],
)
def test_a_second_later(board: Board, before: tuple[int, ...], after: list[int]) -> None:
    set_date(board, BINARY | H24, *before)
    board.wait(SECOND_NS)
    assert date(board) == after


def test_hours_by_twelve_and_decimal_digits(board: Board) -> None:
    set_date(board, 0, 0x99, 0x12, 0x31, 6, 0x92, 0x59, 0x59)  # 12 in the afternoon
    board.wait(SECOND_NS)
    assert date(board) == [0x99, 0x12, 0x31, 6, 0x81, 0, 0]
    clock(board, B, BINARY | H24)
    assert date(board) == [99, 12, 31, 6, 13, 0, 0]
    set_date(board, 0, 0, 1, 1, 7, 0x12, 0, 0)
    clock(board, B, BINARY | H24)
    assert clock(board, HOURS) == 0


def test_time_stands_still_while_it_is_set(board: Board) -> None:
    clock(board, B, SET | H24)
    board.wait(3 * SECOND_NS)
    assert (clock(board, SECONDS), clock(board, A) & UIP) == (0, 0)
    clock(board, B, H24)
    board.wait(SECOND_NS)
    assert clock(board, SECONDS) == 1


def test_the_first_update_comes_half_a_second_after_the_divider_is_let_go(board: Board) -> None:
    clock(board, A, 0x60)
    board.wait(3 * SECOND_NS)
    clock(board, A, 0x20)
    board.wait(SECOND_NS * 4 // 10)
    assert clock(board, SECONDS) == 0
    board.wait(SECOND_NS * 2 // 10)
    assert clock(board, SECONDS) == 1


def test_an_update_is_announced(board: Board) -> None:
    assert not clock(board, A) & UIP
    board.wait(SECOND_NS - board.machine.guest_ns - 2_000_000)
    assert (clock(board, A) & UIP, clock(board, SECONDS)) == (UIP, 0)
    board.wait(2_000_000)
    assert (clock(board, A) & UIP, clock(board, SECONDS)) == (0, 1)


def test_whoever_only_waits_for_an_update_waits_as_if_asleep(board: Board) -> None:
    """Guest time is exact to the instruction; what is skipped costs none."""
    board.outb(0x70, A)
    edges = []
    was, insns = 0, board.machine.insns
    while len(edges) < 3:
        now = board.inb(0x71) & UIP
        if now != was and now:
            edges.append(board.machine.guest_ns)
        was = now
    assert board.machine.insns - insns < 200
    assert [later - sooner for sooner, later in itertools.pairwise(edges)] == [SECOND_NS] * 2


def test_in_the_workstations_time_whoever_only_waits_is_ahead_of_it() -> None:
    with Board(Time.HOST) as board:
        board.outb(0x70, A)
        guest_ns, host_s, was, updates = board.machine.guest_ns, time.monotonic(), 0, 0
        while updates < 5:
            now = board.inb(0x71) & UIP
            updates += bool(now and not was)
            was = now
        assert board.machine.guest_ns - guest_ns > 4 * SECOND_NS
        assert time.monotonic() - host_s < 3


def test_slow_readers_of_the_flag_skip_nothing(board: Board) -> None:
    board.outb(0x70, A)
    for _ in range(100):
        board.inb(0x71)
        board.wait(200_000)
    assert board.machine.guest_ns < SECOND_NS // 10


def test_an_alarm_comes_at_its_second_whatever_is_not_looked_at(board: Board) -> None:
    initialise(board)
    set_date(board, H24, 0, 1, 1, 7, 0x10, 0x20, 0x30)
    for register, value in ((1, 0x33), (3, 0x20), (5, 0xC0)):
        clock(board, register, value)
    clock(board, C)
    clock(board, B, AIE | H24)
    board.wait(2 * SECOND_NS)
    assert not asks(board)
    board.wait(SECOND_NS)
    assert asks(board)
    assert clock(board, C) & 0xA0 == 0xA0
    assert clock(board, C) == 0, "read once"


@pytest.mark.parametrize(("rate", "period_ns"), [(6, 976562), (15, 500_000_000), (1, 3906250), (2, 7812500)])
def test_periodic_interrupts(board: Board, rate: int, period_ns: int) -> None:
    initialise(board)
    clock(board, A, 0x20 | rate)
    clock(board, C)
    clock(board, B, PIE | H24)
    start = board.machine.guest_ns
    while not asks(board):
        board.wait(10_000)
    assert board.machine.guest_ns - start <= period_ns + 20_000
    assert clock(board, C) & 0xC0 == 0xC0
    acknowledge(board)
    board.outb(SECOND, 0x60)
    board.outb(FIRST, 0x62)
    start = board.machine.guest_ns
    while not asks(board):
        board.wait(10_000)
    assert abs(board.machine.guest_ns - start - period_ns) < 40_000


def test_memory_behind_the_clock_in_both_halves(board: Board) -> None:
    for register in (*range(14, 128), *range(128, 256)):
        clock(board, register, register ^ 0x5A)
    assert all(clock(board, register) == register ^ 0x5A for register in range(14, 256))


def count_of(board: Board, counter: int) -> int:
    board.outb(CONTROL, counter << 6)
    low = board.inb(TIMER + counter)
    return low | board.inb(TIMER + counter) << 8


def start(board: Board, counter: int, mode: int, count: int, bcd: int = 0) -> None:
    board.outb(CONTROL, counter << 6 | 0x30 | mode << 1 | bcd)
    board.outb(TIMER + counter, count & 255, count >> 8)


def test_the_timer_counts_its_clock(board: Board) -> None:
    start(board, 0, 2, 0xFFFF)
    board.wait(10_000_000)
    assert abs(0xFFFF - count_of(board, 0) - HZ // 100) < 20
    board.wait(SECOND_NS)
    assert abs((0xFFFF - count_of(board, 0)) - (HZ + HZ // 100) % 0xFFFF) < 40


def test_decimal_counts(board: Board) -> None:
    start(board, 0, 0, 0x5000, bcd=1)
    board.wait(1_000_000)
    count = int(f"{count_of(board, 0):x}")
    assert abs(5000 - count - HZ // 1000) < 20


def test_counts_and_status_are_latched_together_and_read_in_order(board: Board) -> None:
    start(board, 0, 2, 50000)
    board.outb(CONTROL, 0xC2)
    assert board.inb(TIMER) & 0xBF == 0xB4
    latched = board.inb(TIMER) | board.inb(TIMER) << 8
    board.outb(CONTROL, 0xD2)
    board.wait(5_000_000)
    later = board.inb(TIMER) | board.inb(TIMER) << 8
    assert 0 <= latched - later < 30, "latched before the wait"
    board.outb(CONTROL, 0x10)
    board.outb(CONTROL, 0xE2)
    assert board.inb(TIMER) & 0x7F == 0x50, "no count yet, low byte only, mode 0"


def test_one_shot_counter_interrupts_once(board: Board) -> None:
    initialise(board)
    start(board, 0, 0, HZ // 100)
    board.wait(9_000_000)
    assert not asks(board)
    board.wait(2_000_000)
    assert asks(board)
    assert acknowledge(board) == 0x20
    board.outb(FIRST, EOI)
    board.wait(100_000_000)
    assert not asks(board)


@pytest.mark.parametrize("mode", [2, 3, 6, 7])
def test_periodic_counter_interrupts_each_period(board: Board, mode: int) -> None:
    initialise(board)
    start(board, 0, mode, HZ // 250)
    ticks = 0
    for _ in range(100):
        board.wait(1_000_000)
        if asks(board):
            assert acknowledge(board) == 0x20
            board.outb(FIRST, EOI)
            ticks += 1
    assert 24 <= ticks <= 26


def test_strobe_interrupts_once(board: Board) -> None:
    initialise(board)
    start(board, 0, 4, HZ // 1000)
    acknowledge(board)  # the output went high when the mode was set
    board.outb(FIRST, EOI)
    board.wait(2_000_000)
    assert asks(board)
    acknowledge(board)
    board.outb(FIRST, EOI)
    board.wait(100_000_000)
    assert not asks(board)


def test_a_guest_that_was_held_up_past_a_square_waves_high_half_has_its_interrupt() -> None:
    with Board(Time.HOST) as board:
        initialise(board)
        start(board, 0, 3, 0)  # 55 ms, of which 27 ms are high
        acknowledge(board)
        board.outb(FIRST, EOI)
        time.sleep(0.09)
        board.inb(PORT61)
        assert asks(board)


@pytest.mark.parametrize("mode", [1, 4, 5])
def test_a_new_count_leaves_an_output_high_that_counting_has_not_lowered(board: Board, mode: int) -> None:
    initialise(board)
    board.outb(CONTROL, 0x30 | mode << 1)
    acknowledge(board)
    board.outb(FIRST, EOI)
    for count in (0x1000, 0x2000):
        board.outb(TIMER, count & 255, count >> 8)
        assert not asks(board), hex(count)


def test_one_byte_counts(board: Board) -> None:
    board.outb(CONTROL, 0x14)  # low byte, mode 2
    board.outb(TIMER, 200)
    assert 1 <= board.inb(TIMER) <= 200
    board.outb(CONTROL, 0x20)  # high byte, mode 0
    board.outb(TIMER, 0x12)
    assert board.inb(TIMER) in (0x11, 0x12)


def test_the_speakers_counter_has_a_gate_and_its_output_can_be_read(board: Board) -> None:
    start(board, 2, 0, HZ // 1000)
    board.wait(5_000_000)
    assert not board.inb(PORT61) & 0x20, "its gate is off"
    board.outb(PORT61, 1)
    board.wait(2_000_000)
    assert board.inb(PORT61) & 0x21 == 0x21
    start(board, 2, 1, HZ // 1000)
    board.wait(2_000_000)
    assert board.inb(PORT61) & 0x20
    board.outb(PORT61, 0)
    board.outb(PORT61, 1)
    assert not board.inb(PORT61) & 0x20, "a rising gate starts it"
    board.wait(2_000_000)
    assert board.inb(PORT61) & 0x20
    refreshes = set()
    for _ in range(50):
        refreshes.add(board.inb(PORT61) & 0x10)
        board.wait(7_000)
    assert refreshes == {0, 0x10}


def test_a_gate_that_goes_off_stops_a_counter(board: Board) -> None:
    board.outb(PORT61, 1)
    start(board, 2, 0, 60000)
    board.wait(1_000_000)
    board.outb(PORT61, 0)
    stopped = count_of(board, 2)
    board.wait(1_000_000)
    assert count_of(board, 2) == stopped
    board.outb(PORT61, 1)
    board.wait(1_000_000)
    assert abs(stopped - count_of(board, 2) - HZ // 1000) < 20


def configure(board: Board, number: int, register: int, value: int, name: str) -> None:
    board.write(GT + 0xCF8, 1 << 31 | 10 << 11 | number << 8 | register & 0xFC, "SW")
    board.write(GT + 0xCFC + (register & 3), value, name)


def test_power_registers_are_where_they_are_put_and_switch_the_machine_off(board: Board) -> None:
    configure(board, 3, 0x40, 0x1000, "SW")
    assert board.inb(0x1004) == 0xFF
    configure(board, 3, 0x80, 1, "SB")
    board.outb(0x1002, 0x20)
    assert (board.inb(0x1000), board.inb(0x1002), board.inb(0x1004)) == (0, 0x20, 0)
    board.outb(0x1005, 0x24)  # another kind of sleep
    assert board.machine.run(0) is Stop.BUDGET
    board.outb(0x1005, 0x20)
    assert (board.machine.run(1), board.machine.exit_code) == (Stop.HALT, 0)


def test_usb_controller_is_reset_runs_and_halts(board: Board) -> None:
    configure(board, 2, 0x20, 0x1040, "SW")
    assert board.inb(0x1040) == 0xFF
    configure(board, 2, 0x04, 1, "SH")
    assert [board.inb(0x1040 + off) for off in (0, 2, 0xC, 0x10, 0x12)] == [0, 0x20, 0x40, 0x80, 0x80]
    board.outb(0x1040, 0xC1)
    assert (board.inb(0x1040), board.inb(0x1042)) == (0xC1, 0)
    board.outb(0x1049, 0x12)
    board.outb(0x104C, 0xFF)
    assert (board.inb(0x1049), board.inb(0x104C)) == (0x10, 0x7F)
    board.outb(0x1040, 2)
    assert [board.inb(0x1040 + off) for off in (0, 2, 9, 0xC)] == [0, 0x20, 0, 0x40]


def test_reset_control_resets_at_its_rising_bit(board: Board) -> None:
    board.outb(0xCF9, 2)
    assert (board.inb(0xCF9), board.machine.run(0)) == (2, Stop.BUDGET)
    board.outb(0xCF9, 6)
    assert (board.machine.run(1), board.machine.exit_code) == (Stop.HALT, 0)
