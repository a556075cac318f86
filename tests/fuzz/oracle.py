# SPDX-License-Identifier: MIT
"""Unicorn 2 as an independent SPARC, in a process of its own: what it dies of ends nothing else.

A batch of programs runs in one emulator, each at its own address, because code is translated once for an address.

Deviations of Unicorn 2.1.4 from the V8 manual, left out of the comparison:
  UDIVcc, SDIVcc overflow (B.19), odd rd of LDD and STD (B.1), tagged instructions that trap (B.16, B.17).
  ADDXcc, SUBXcc after an instruction that clears C (B.13, B.15): 0xf13cbacc + 0x40008814 must carry, Unicorn says no.
It gives no access to Y and icc: the programs set and read them by instructions.
"""

from __future__ import annotations

import importlib
import multiprocessing
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from l4vm.decode.table import read
from tests.fuzz.programs import DATA, DATA_BYTES, NOP, RAM, TABLE

_LEFT_OUT = ("UDIVcc", "SDIVcc", "RD", "WR", "TADDccTV", "TSUBccTV", "LDSTUBA", "SWAPA", "ADDXcc", "SUBXcc")
_CODE = RAM + 0x40000
_STEP = 0x800  # bytes between programs
BATCH = 64
_MAPPED = 0x40000 + BATCH * _STEP


@dataclass(frozen=True)
class Task:
    """A program, its visible registers and its data."""

    words: list[int]
    registers: dict[str, int]
    data: bytes


@dataclass(frozen=True)
class Answer:
    """Registers and data after it."""

    registers: dict[str, int]
    data: bytes


def entries() -> list[str]:
    """Return the entries that are compared: integer arithmetic, loads and stores."""
    names = []
    for entry in read(TABLE).entries:
        integer = entry.value >> 30 == 2 and (entry.value >> 19 & 63) < 0x28
        memory = entry.value >> 30 == 3 and (entry.value >> 19 & 63) < 0x10
        if (integer or memory or entry.name == "SETHI") and not entry.name.startswith(_LEFT_OUT):
            names.append(entry.name)
    return names


def _emulate(tasks: Sequence[Task]) -> list[Answer]:
    uc = importlib.import_module("unicorn.sparc_const")
    unicorn: Any = importlib.import_module("unicorn")
    emulator = unicorn.Uc(unicorn.UC_ARCH_SPARC, unicorn.UC_MODE_SPARC32 | unicorn.UC_MODE_BIG_ENDIAN)
    emulator.mem_map(RAM, _MAPPED)
    answers = []
    for index, task in enumerate(tasks):
        code, count = _CODE + index * _STEP, len(task.words)
        assert 4 * count + 64 <= _STEP
        emulator.mem_write(code, struct.pack(f">{count + 16}I", *task.words, *[NOP] * 16))
        emulator.mem_write(DATA - DATA_BYTES // 2, task.data)
        numbers = {name: getattr(uc, f"UC_SPARC_REG_{name.upper()}") for name in task.registers}
        for name, value in task.registers.items():
            emulator.reg_write(numbers[name], value)
        emulator.emu_start(code, code + 4 * count)
        found = {name: emulator.reg_read(number) & 0xFFFFFFFF for name, number in numbers.items()}
        answers.append(Answer(found, bytes(emulator.mem_read(DATA - DATA_BYTES // 2, DATA_BYTES))))
    return answers


def _serve(pipe: Connection) -> None:
    while (tasks := pipe.recv()) is not None:
        pipe.send(_emulate(tasks))


class Oracle:
    """The emulating process, started again when it dies."""

    def __init__(self) -> None:
        self._process: Any = None
        self._pipe: Any = None

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            if self._process.is_alive():
                self._pipe.send(None)
            self._process.join()
            self._pipe.close()
            self._process = None

    def run(self, tasks: Sequence[Task]) -> list[Answer | None]:
        """Run up to BATCH programs; None for one that kills the emulator, or that it takes for an exception."""
        if self._process is None:
            self._start()
        try:
            self._pipe.send(list(tasks))
            return list(self._pipe.recv())
        except (EOFError, OSError):
            self._process.join()
            self._pipe.close()
            self._process = None
        if len(tasks) == 1:
            return [None]
        return [answer for task in tasks for answer in self.run([task])]
