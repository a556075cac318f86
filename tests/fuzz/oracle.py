# SPDX-License-Identifier: MIT
"""Unicorn 2 as an independent implementation, in a process of its own: what it dies of ends nothing else.

A batch of programs runs in one emulator, each at its own address, because code is translated once for an address.
"""

from __future__ import annotations

import importlib
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from tests.fuzz.guest import FuzzGuest

_CODE = 0x40000  # from the start of RAM
_STEP = 0x800  # bytes between programs
BATCH = 64
_MAPPED = _CODE + BATCH * _STEP


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


def _emulate(guest: FuzzGuest, tasks: Sequence[Task]) -> list[Answer]:
    how = guest.emulator
    constants = importlib.import_module(f"unicorn.{how.constants}")
    unicorn: Any = importlib.import_module("unicorn")
    mode = sum(getattr(unicorn, name) for name in how.modes)
    emulator = unicorn.Uc(getattr(unicorn, how.arch), mode)
    how.prepare(emulator, constants)
    emulator.mem_map(guest.ram, _MAPPED)
    answers = []
    for index, task in enumerate(tasks):
        code, count = guest.ram + _CODE + index * _STEP, len(task.words)
        assert 4 * count + 64 <= _STEP
        emulator.mem_write(code, guest.code_of([*task.words, *[guest.nop] * 16]))
        emulator.mem_write(guest.data_start, task.data)
        numbers = {name: getattr(constants, how.prefix + how.name(name)) for name in task.registers}
        for name, value in task.registers.items():
            emulator.reg_write(numbers[name], value)
        emulator.emu_start(code, code + 4 * count)
        found = {name: emulator.reg_read(number) & 0xFFFFFFFF for name, number in numbers.items()}
        answers.append(Answer(found, bytes(emulator.mem_read(guest.data_start, guest.data_bytes))))
    return answers


def _serve(guest: FuzzGuest, pipe: Connection) -> None:
    while (tasks := pipe.recv()) is not None:
        pipe.send(_emulate(guest, tasks))


class Oracle:
    """The emulating process, started again when it dies."""

    def __init__(self, guest: FuzzGuest) -> None:
        self._guest = guest
        self._process: Any = None
        self._pipe: Any = None

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._guest, theirs), daemon=True)
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
