# SPDX-License-Identifier: MIT
"""What a user of a machine is told of, and what he keeps of it: hooks, hits, snapshots.

    with machine.hook(On.WRITE, 0x40008000, 0x40008003, call=lambda m, hit: print(hit)):
        machine.run(1_000_000)

A hook without a call, or whose call returns True, ends the run with Stop.HOOK. What no hook touches
runs as if there were none. Calls happen between two instructions: they may read and change
everything, add and remove hooks, but not run the machine.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from l4vm.binding.machine import Machine

HOOKS_MAX = 64
HITS_MAX = 8


class On(enum.IntFlag):
    """What a hook waits for; the values of enum xl_on.

    CODE: before an instruction. READ, WRITE: behind an access to guest-virtual memory. DEVICE_READ,
    DEVICE_WRITE: behind an access to a device at a guest-physical address.
    """

    CODE = 1
    READ = 2
    WRITE = 4
    DEVICE_READ = 8
    DEVICE_WRITE = 16


@dataclass(frozen=True)
class Hit:
    """One thing that a hook waited for.

    value is what was read or written, 0 for code; pc is the instruction's.
    """

    hook: int
    on: On
    address: int
    value: int
    size: int
    pc: int


Call = Callable[["Machine", Hit], object]


@dataclass(frozen=True)
class Hook:
    """A hook in a machine. Leaving its `with` block removes it."""

    machine: Machine
    number: int
    call: Call | None

    def remove(self) -> None:
        """Remove it; once more does nothing."""
        self.machine.unhook(self.number)

    def __enter__(self) -> Hook:
        """Return the hook itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove it."""
        self.remove()


@dataclass(frozen=True)
class Snapshot:
    """The whole state of one machine at one moment; its memory goes when the object does."""

    insns: int
    guest_ns: int
    handle: Any
