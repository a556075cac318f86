# SPDX-License-Identifier: MIT
"""Hooks stop exactly where they shall, in every engine, and leave no trace in what the guest does."""

from __future__ import annotations

import pytest

from l4vm.binding import Engine, Hit, Machine, On, Stop, Time
from l4vm.errors import L4vmError
from tests.insn.words import DATA, memory, put
from tests.unit.binding.conftest import BRANCH, LOAD, LOOP, LOOP_INSNS, SLOT, STORE, WORDS, loop_in

UART_DATA, UART_STATUS = 0x80000100, 0x80000104
ANYWHERE = [LOOP, STORE, LOAD, BRANCH, SLOT]


def ignore(machine: Machine, hit: Hit) -> None:
    """A call that lets the run go on."""


@pytest.mark.parametrize("address", ANYWHERE)
def test_run_until_stops_before_the_instruction_each_round(machine: Machine, address: int) -> None:
    machine.run(1000 * LOOP_INSNS)  # so that blocks and regions exist that hold the address
    before = (address - LOOP) // 4
    for turn in range(1000, 1003):
        assert machine.run_until(address) == (Stop.HOOK)
        assert (machine["pc"], machine.insns) == (address, turn * LOOP_INSNS + before)
        assert machine["o0"] == turn + (before > 0)
    assert [hit.pc for hit in machine.hits()] == [address]


def test_run_until_at_the_address_returns_at_once_and_then_goes_on(machine: Machine) -> None:
    assert machine.run_until(LOOP) == Stop.HOOK
    assert machine.insns == 0
    assert machine.run_until(LOOP) == Stop.HOOK
    assert machine.insns == LOOP_INSNS


def test_run_until_ends_with_its_instructions(machine: Machine) -> None:
    assert machine.run_until(LOOP + 0x100, 777) == Stop.BUDGET
    assert machine.insns == 777


def test_code_hook_calls_before_every_instruction_of_a_range(machine: Machine) -> None:
    seen: list[tuple[int, int]] = []
    machine.hook(On.CODE, LOOP, SLOT, lambda m, hit: seen.append((m.insns, hit.pc)))
    assert machine.run(2 * LOOP_INSNS) == Stop.BUDGET
    assert seen == [(n, LOOP + 4 * (n % LOOP_INSNS)) for n in range(2 * LOOP_INSNS)]


def test_call_may_change_what_runs_and_end_the_run(machine: Machine) -> None:
    def jump(m: Machine, hit: Hit) -> bool:
        m["o0"] = 100
        return m.insns > 3 * LOOP_INSNS

    machine.hook(On.CODE, STORE, call=jump)
    assert machine.run(1000) == Stop.HOOK
    assert machine.insns == 3 * LOOP_INSNS + 1
    assert machine["o0"] == 100


def test_removed_hook_is_not_hit_and_costs_nothing(machine: Machine) -> None:
    machine.run(5000)
    free = machine.stats()
    with machine.hook(On.CODE, STORE, call=ignore), machine.hook(On.READ, DATA + 0x20, call=ignore):
        machine.run(5000)
    machine.run(50_000)
    before = machine.stats()["insns_interp"], machine.stats()["exits"]
    assert machine.run(500_000) == Stop.BUDGET
    assert machine.hits() == []
    if machine.engine != Engine.INTERP:
        spent = machine.stats()["insns_interp"] - before[0], machine.stats()["exits"] - before[1]
        assert spent[0] < 1000, (free, spent)
        assert spent[1] < 1000, (free, spent)


def test_watch_stops_behind_the_store_with_its_value(machine: Machine) -> None:
    machine.run(1000 * LOOP_INSNS)
    machine.hook(On.WRITE, DATA + 10, DATA + 10)
    for turn in range(1001, 1004):
        assert machine.run(10_000) == Stop.HOOK
        assert machine.hits() == [Hit(1, On.WRITE, DATA + 8, turn, 4, STORE)]
        assert machine["pc"] == LOAD
        assert machine.insns == (turn - 1) * LOOP_INSNS + 2


def test_watch_tells_reads_from_writes(machine: Machine) -> None:
    seen: list[Hit] = []
    machine.hook(On.READ | On.WRITE, DATA, DATA + 0x2F, lambda m, hit: seen.append(hit))
    machine.run(LOOP_INSNS)
    expected = [(On.WRITE, DATA + 8, 1), (On.READ, DATA + 0x20, 0x1234)]
    assert [(hit.on, hit.address, hit.value) for hit in seen] == expected


def test_watch_of_the_neighbour_is_not_hit(machine: Machine) -> None:
    machine.hook(On.READ | On.WRITE, DATA + 12, DATA + 0x1F)
    assert machine.run(5000) == Stop.BUDGET


def test_exchange_is_a_read_and_a_write_of_one_instruction(machine: Machine) -> None:
    put(machine, memory(0x0F, 8, 1, 0))  # swap [%g1], %o0
    machine["o0"] = 7
    machine.write(DATA, b"\x00\x00\x00\x05")
    machine.hook(On.READ | On.WRITE, DATA, DATA + 3)
    assert machine.run(100) == Stop.HOOK
    assert [(hit.on, hit.value) for hit in machine.hits()] == [(On.READ, 5), (On.WRITE, 7)]
    assert (machine["o0"], machine.insns) == (5, 1)


def test_device_hook_tells_what_was_written(machine: Machine) -> None:
    machine["g1"] = UART_DATA
    machine["o0"] = ord("x")
    put(machine, memory(0x04, 8, 1, 0), memory(0x00, 10, 1, 4))
    machine.hook(On.DEVICE_READ | On.DEVICE_WRITE, UART_DATA, UART_STATUS + 3)
    machine.boot(machine["pc"])  # switches the UART on
    machine["g1"], machine["o0"] = UART_DATA, ord("x")
    assert machine.run(100) == Stop.HOOK
    assert [(hit.on, hit.address, hit.value) for hit in machine.hits()] == [(On.DEVICE_WRITE, UART_DATA, ord("x"))]
    assert machine.run(100) == Stop.HOOK
    assert [(hit.on, hit.value) for hit in machine.hits()] == [(On.DEVICE_READ, machine["o2"])]
    assert machine.console_read() == b"x"


@pytest.mark.parametrize("on", [*list(On), On.READ | On.WRITE])
def test_hooked_run_ends_as_a_plain_one(on: On) -> None:
    hashes = set()
    for engine in Engine:
        for hooked in (False, True):
            with Machine("leon3", 16, engine, Time.EXACT, code_mib=1) as machine:
                loop_in(machine)
                machine.run(999)
                if hooked:
                    machine.hook(on, LOOP, DATA + 0x40, call=ignore)
                machine.run(2000)
                hashes.add((machine.insns, machine.state_hash(with_ram=True)))
    assert len(hashes) == 1


def test_hooks_end_at_their_number_and_refuse_what_is_no_range(machine: Machine) -> None:
    for first, last, on in ((5, 4, On.CODE), (1 << 32, None, On.READ), (-1, None, On.CODE), (0, 1, On.CODE | On.READ)):
        with pytest.raises(L4vmError, match="cannot be made"):
            machine.hook(on, first, last)
    for n in range(64):
        machine.hook(On.CODE, 4 * n)
    with pytest.raises(L4vmError, match="a machine has 64"):
        machine.hook(On.CODE, 0)
    machine.unhook(7)
    machine.unhook(7)
    assert machine.hook(On.CODE, 0).number == 7


def test_self_modifying_code_at_a_hook(machine: Machine) -> None:
    machine.run(1000)
    machine.hook(On.CODE, STORE, call=ignore)
    machine.run(1000)
    machine.write(STORE, WORDS[0].to_bytes(4, "big"))
    count = machine["o0"]
    machine.run(10 * LOOP_INSNS)
    assert machine["o0"] == count + 20
