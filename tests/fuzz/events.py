# SPDX-License-Identifier: MIT
"""What happens while a program of the fuzz runs is run: counted by steps of one instruction, from outside.

A name stands for a class of events that engines can get wrong: kinds of traps, where they came, slots, windows, states.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator

from l4vm.binding.machine import Machine, Stop
from l4vm.decode.table import Entry, Table, read
from l4vm.errors import L4vmError
from tests.fuzz import ppc
from tests.fuzz.guest import FuzzGuest, Program

State = dict[str, int]
Classify = Callable[[State, State, Entry | None, int], Iterator[str]]  # before and after, what was run, its word
_PAGE = 0xFFFFF000

_SPARC_TRAPS = {
    0x01: "fetch fault", 0x02: "illegal", 0x03: "privileged", 0x04: "FPU off", 0x05: "window overflow",
    0x06: "window underflow", 0x07: "misaligned", 0x08: "floating-point exception", 0x09: "data fault",
    0x0A: "tag overflow", 0x24: "coprocessor off", 0x2A: "division by zero",
}  # fmt: skip
_PPC_TRAPS = (
    "critical", "machine check", "data storage", "fetch storage", "external", "misaligned", "program", "FPU off",
    "system call", "auxiliary unit off", "decrementer", "interval timer", "watchdog", "data TLB miss", "fetch TLB miss",
    "debug",
)  # fmt: skip
_PPC_PROGRAM = {0x08000000: "illegal", 0x04000000: "privileged", 0x02000000: "trap instruction"}
_MIPS_TRAPS = (
    "interrupt", "TLB modified", "TLB load", "TLB store", "misaligned load", "misaligned store", "bus fetch",
    "bus data", "system call", "breakpoint", "reserved", "coprocessor off", "integer overflow", "trap instruction",
)  # fmt: skip
_TRANSFERS = ("CALL", "JMPL", "RETT", "Bicc", "FBfcc")
_SPARC_SHOWN = ("SAVE", "RESTORE", "RETT", "WRPSR", "WRWIM", "WRTBR", "FLUSH", "STA", "SWAP", "LDSTUB", "CASA")
_PPC_SHOWN = ("RFI", "RFCI", "RFMCI", "MTMSR", "WRTEE", "WRTEEI", "TLBWE", "TLBRE", "STWCX_", "LMW")
_MIPS_SHOWN = ("ERET", "MTC0", "TLBWI", "TLBWR", "TLBR", "TLBP", "SC", "DI", "EI", "JR", "JALR", "J", "JAL")
_LIKELY = ("BEQL", "BNEL", "BLEZL", "BGTZL", "BLTZL", "BGEZL", "BLTZALL", "BGEZALL")


def _sparc(old: State, new: State, entry: Entry | None, word: int) -> Iterator[str]:
    in_slot, name = old["npc"] != old["pc"] + 4, entry.name if entry else ""
    is_user = not old["psr"] & 0x80
    if new["tbr"] == new["pc"] != old["npc"] and old["psr"] & 0x20 and not new["psr"] & 0x20:
        number = new["tbr"] >> 4 & 0xFF
        kind = _SPARC_TRAPS.get(number, "interrupt" if number < 0x20 else "trap instruction")
        yield kind
        yield "trap of the user" if is_user else "trap of the supervisor"
        if in_slot:
            yield f"{'interrupt' if kind == 'interrupt' else 'trap'} in a slot"
        return
    yield "user" if is_user else "supervisor"
    if in_slot:
        yield "transfer in a slot" if name.startswith(_TRANSFERS) else "slot"
    if name in ("Bicc", "FBfcc") and word >> 29 & 1 and not in_slot:
        untaken = word >> 25 & 15 != 8 and new["pc"] == old["pc"] + 8
        if untaken or new["npc"] == new["pc"] + 4 != old["pc"] + 8:
            yield "slot annulled"
    if name.startswith(_SPARC_SHOWN):
        yield name[:-2] if name[-2] == "_" else name


def _ppc(old: State, new: State, entry: Entry | None, word: int) -> Iterator[str]:
    is_user, in_handler = old["msr"] & 0x4000, old["pc"] < ppc.VECTORS * ppc.VECTOR_BYTES
    vector, rest = divmod(new["pc"], ppc.VECTOR_BYTES)
    if vector < ppc.VECTORS and not rest and not (in_handler and new["pc"] == old["pc"] + 4):
        yield _PPC_TRAPS[vector]
        if vector == 6:
            yield next((name for bit, name in _PPC_PROGRAM.items() if new["esr"] & bit), "other program")
        yield "trap of the user" if is_user else "trap in a handler" if in_handler else "trap of the supervisor"
        return
    yield "user" if is_user else "supervisor"
    if new["tsr"] & new["tcr"] << 1 & 0x08000000 and not new["msr"] & 0x8000:
        yield "decrementer held back"
    if entry and entry.name in _PPC_SHOWN:
        yield entry.name
    if entry and entry.name in ("BC", "BCLR", "BCCTR"):
        yield "branch" if new["pc"] == old["pc"] + 4 else "branch taken"


def _mips(old: State, new: State, entry: Entry | None, word: int) -> Iterator[str]:
    is_user = old["status"] & 0x16 == 0x10
    if new["pc"] & 0xBFFFFFFF in (0x80000000, 0x80000180, 0x80000200) and new["status"] & 2:
        code = new["cause"] >> 2 & 31
        yield _MIPS_TRAPS[code] if code < len(_MIPS_TRAPS) else f"exception {code}"
        if new["pc"] == 0x80000000:
            yield "TLB refill"
        yield "trap of the user" if is_user else "trap of the kernel"
        if old["status"] & 2:
            yield "trap while EXL is set"
        elif new["cause"] >> 31:
            yield "trap in a slot"
        return
    yield "user" if is_user else "kernel"
    name = entry.name if entry else ""
    if name in _LIKELY:
        yield "slot annulled" if new["pc"] == old["pc"] + 8 else "likely branch taken"
    elif name.startswith("B"):
        yield "branch"
    elif name in _MIPS_SHOWN:
        yield name


_WATCHED: dict[str, tuple[tuple[str, ...], Classify]] = {
    "leon3": (("pc", "npc", "psr", "tbr"), _sparc),
    "bamboo": (("pc", "msr", "esr", "tsr", "tcr"), _ppc),
    "malta": (("pc", "status", "cause"), _mips),
}


@functools.cache
def _decode(table: Table, word: int) -> Entry | None:
    return table.decode(word)


MUST_HAPPEN: dict[str, set[str]] = {
    "leon3": {
        *_SPARC_TRAPS.values(), *_SPARC_SHOWN, "trap instruction", "interrupt", "interrupt in a slot", "trap in a slot",
        "slot", "transfer in a slot", "slot annulled", "user", "supervisor", "trap of the user",
        "trap of the supervisor", "LDSTUBA", "SWAPA", "halt", "device", "into the next page",
    },
    "bamboo": {
        *_PPC_SHOWN, *_PPC_PROGRAM.values(), "critical", "machine check", "data storage", "fetch storage", "misaligned",
        "program", "FPU off", "system call", "decrementer", "data TLB miss", "fetch TLB miss", "trap of the user",
        "trap of the supervisor", "trap in a handler", "decrementer held back", "branch", "branch taken", "user",
        "supervisor", "device", "into the next page",
    },
    "malta": {
        *_MIPS_SHOWN, *_MIPS_TRAPS, "TLB refill", "trap of the user", "trap of the kernel", "trap while EXL is set",
        "trap in a slot", "slot annulled", "likely branch taken", "branch", "user", "kernel", "device",
        "into the next page",
    } - {"bus fetch"},
}  # fmt: skip


def count(guest: FuzzGuest, machine: Machine, program: Program, data: bytes, steps: int, found: Counter[str]) -> Stop:
    """Run a program for so many instructions, one at a time, and count what happens into `found`."""
    names, classify = _WATCHED[guest.machine]
    table = read(guest.table)
    guest.put(machine, program, data)
    state, devices, stop = {name: machine[name] for name in names}, machine.stats()["mmio"], Stop.BUDGET
    for _ in range(steps):
        try:
            word = int.from_bytes(machine.read_virtual(state["pc"], 4), guest.order)
            entry = _decode(table, word)
        except L4vmError:
            word, entry = 0, None
        stop, old = machine.run(1), state
        state = {name: machine[name] for name in names}
        found.update(classify(old, state, entry, word))
        if state["pc"] == old["pc"] + 4 and (state["pc"] ^ old["pc"]) & _PAGE:
            found["into the next page"] += 1
        if stop is not Stop.BUDGET:
            found[stop.name.lower()] += 1
            break
    found["device"] += machine.stats()["mmio"] - devices
    return stop
