# SPDX-License-Identifier: MIT
"""A whole guest machine as a Python object: make it, load it, run it, look at it.

    machine = Machine("leon3", ram_mib=32)
    machine.load_executable(load_elf(path))
    machine.run(1_000_000)
    machine["pc"], machine.console_read()
    before = machine.snapshot()
    machine.run_until(0x40001234)
    machine.restore(before)

Long runs happen in C with Python's lock released. Exact: `run(n)` runs n guest instructions, no
more, unless the guest waits or ends or a hook is hit.
"""

from __future__ import annotations

import enum
import functools
import importlib.util
import os
import sys
import time as clock
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

from l4vm.binding.hooks import HITS_MAX, HOOKS_MAX, Call, Hit, Hook, On, Snapshot
from l4vm.binding.sources import source_key
from l4vm.errors import L4vmError
from l4vm.guests.cache import cache_root

if TYPE_CHECKING:
    from l4vm.binding.devices import Disk, Net
    from l4vm.guests.elf import Executable

_MODULES: dict[str, ModuleType] = {}


class Stop(enum.IntEnum):
    """Why a run ended; the values of enum xl_stop."""

    BUDGET = 0
    IDLE = 1
    HALT = 2
    REQUEST = 3
    HOOK = 4


class Engine(enum.IntEnum):
    """How instructions are run; the values of enum xl_engine."""

    INTERP = 0
    BLOCK = 1
    TIERS = 2


class Time(enum.IntEnum):
    """What guest time is made of; the values of enum xl_time."""

    HOST = 0
    INSN = 1
    EXACT = 2


@functools.cache
def _key(flags: tuple[str, ...]) -> str:
    return source_key(list(flags))


def _flags(flags: list[str] | None) -> list[str]:
    return os.environ.get("L4VM_TRANSLATOR_FLAGS", "").split() if flags is None else flags


def extension_path(flags: list[str] | None = None) -> Path:
    """Return where the extension module lies, built once per state of its sources.

    Args:
        flags: more compiler flags, for instance sanitizers; by default those of L4VM_TRANSLATOR_FLAGS.
    """
    target = cache_root() / "translator" / _key(tuple(_flags(flags)))
    found = list(target.glob("_xl*.so")) if target.is_dir() else []
    if found:
        return found[0]
    from l4vm.binding.build import build

    return build(target, _flags(flags))


def extension(flags: list[str] | None = None) -> Any:
    """Return the translator's extension module; `flags` as in `extension_path`."""
    key = _key(tuple(_flags(flags)))
    if key not in _MODULES:
        _MODULES[key] = _load(extension_path(flags))
    return _MODULES[key]


def switch_names() -> dict[str, int]:
    """Return the optimisations that can be left out, with their values in enum xl_switch: {"chain": 1, ...}."""
    values = extension().ffi.typeof("enum xl_switch").relements
    return {name.removeprefix("XL_NO_").lower(): int(value) for name, value in values.items()}


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("_xl", path)
    if spec is None or spec.loader is None:
        raise L4vmError(f"{path} is not a Python extension", "delete it; it is built again", exit_code=3)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Machine:
    """One guest machine.

    Args:
        name: a machine's name, "leon3".
        ram_mib: guest RAM in MiB, within the machine's range.
        engine: interpreter, blocks, or tiers: blocks of what runs more than once.
        time: what guest time is made of.
        ns_per_insn: guest nanoseconds per instruction for times INSN and EXACT; 0: the machine's clock.
        switches: sum of enum xl_switch values, optimisations to leave out.
        code_mib: size of the code cache.
        disks: at most 4; the guest sees them in this order.
        nets: at most 2.
        screen: the guest sees a display and a keyboard.

    Raises:
        L4vmError: an argument is outside its range; the sentence is the translator's own.
    """

    def __init__(
        self,
        name: str,
        ram_mib: int = 32,
        engine: Engine = Engine.BLOCK,
        time: Time = Time.INSN,
        ns_per_insn: int = 0,
        switches: int = 0,
        code_mib: int = 16,
        disks: Sequence[Disk] = (),
        nets: Sequence[Net] = (),
        screen: bool = False,
    ) -> None:
        module = extension()
        self.ffi, self.lib = module.ffi, module.lib
        self.engine, self.time = engine, time
        self._name = self.ffi.new("char[]", name.encode())
        config = self.ffi.new("struct xl_config *")
        config.machine = self._name
        config.ram_bytes = ram_mib << 20
        config.engine, config.time = int(engine), int(time)
        config.ns_per_insn, config.switches = ns_per_insn, switches
        config.code_bytes = code_mib << 20
        config.screen = screen
        io = self._io(config, disks, nets)
        error = self.ffi.new("char[200]")
        self._handle = self.lib.xl_linux_create(config, io, error, len(error))
        if self._handle == self.ffi.NULL:
            text = self.ffi.string(error).decode()
            raise L4vmError(f"machine {name} with {ram_mib} MiB RAM: {text}", "change the machine's settings")
        self._vm = self.lib.xl_linux_vm(self._handle)
        self._out = self.ffi.new("uint8_t[65536]")
        self._hits = self.ffi.new("struct xl_hit[]", HITS_MAX)
        self._hooks: dict[int, Hook] = {}

    def _io(self, config: Any, disks: Sequence[Disk], nets: Sequence[Net]) -> Any:
        """Describe disks and networks to the machine and to the port."""
        io = self.ffi.new("struct xl_linux_io *")
        if len(disks) > len(config.disk) or len(nets) > len(config.net):
            raise L4vmError(
                f"{len(disks)} disks and {len(nets)} networks",
                f"a guest has at most {len(config.disk)} disks and {len(config.net)} networks",
            )
        config.disks, config.nets = len(disks), len(nets)
        for n, disk in enumerate(disks):
            config.disk[n].sectors, config.disk[n].is_read_only = disk.sectors, disk.is_read_only
            name = disk.name.encode("ascii", "replace")[: len(config.disk[n].id)]
            self.ffi.memmove(config.disk[n].id, name, len(name))
            io.disk_fd[n] = disk.fd
        for n, net in enumerate(nets):
            self.ffi.memmove(config.net[n].mac, net.mac_bytes, len(config.net[n].mac))
            io.hub[n] = net.hub.handle
        self._kept = (tuple(disks), tuple(nets))
        return io

    def close(self) -> None:
        """Give all memory back; the object cannot be used any more."""
        if self._handle != self.ffi.NULL:
            self.lib.xl_linux_destroy(self._handle)
            self._handle = self.ffi.NULL

    def __enter__(self) -> Machine:
        """Return the machine itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def write(self, address: int, data: bytes | memoryview) -> None:
        """Write guest-physical RAM.

        Raises:
            L4vmError: the range is not all RAM.
        """
        if self.lib.xl_write(self._vm, address, self.ffi.from_buffer(data), len(data)):
            raise L4vmError(f"0x{address:x}, {len(data)} bytes: not in the guest's RAM")

    def read(self, address: int, count: int) -> bytes:
        """Read guest-physical RAM.

        Raises:
            L4vmError: the range is not all RAM.
        """
        buffer = self.ffi.new("uint8_t[]", max(count, 1))
        if self.lib.xl_read(self._vm, address, buffer, count):
            raise L4vmError(f"0x{address:x}, {count} bytes: not in the guest's RAM")
        return bytes(self.ffi.buffer(buffer, count))

    def load_executable(self, executable: Executable) -> None:
        """Put an executable's segments into RAM and the CPU at its entry, as firmware would."""
        for segment in executable.segments:
            self.write(segment.pa, segment.data)
            self.write(segment.pa + len(segment.data), bytes(segment.mem_bytes - len(segment.data)))
        self.boot(executable.entry)

    def boot(self, entry: int) -> None:
        """Set the registers as the machine's firmware leaves them for a program at `entry`."""
        self.lib.xl_boot(self._vm, entry)

    def reset(self) -> None:
        """Put CPU and devices into their state after power on; RAM stays as it is."""
        self.lib.xl_reset(self._vm)

    def run(self, insns: int) -> Stop:
        """Run exactly `insns` guest instructions; fewer only if the guest idles or ends, or a hook stops it.

        Frames that wait at its networks are offered first.
        """
        end = self.insns + insns
        while True:
            stop = Stop(self.lib.xl_linux_step(self._handle, end - self.insns))
            if stop != Stop.HOOK or self._tell():
                return stop

    def run_until(self, address: int, insns: int = 1 << 62) -> Stop:
        """Run until the instruction at guest-virtual `address` is the next one: then Stop.HOOK.

        Called again there, it runs to the next time. At most `insns` instructions are run.
        """
        with self.hook(On.CODE, address):
            return self.run(insns)

    def hook(self, on: On, first: int, last: int | None = None, call: Call | None = None) -> Hook:
        """Wait for something: see `On`, and the head of l4vm.binding.hooks.

        Args:
            on: CODE alone, READ and WRITE together or alone, or the two for devices.
            first: first address, guest-virtual; of devices guest-physical.
            last: last address; without it `first` alone.
            call: called as call(machine, hit); without one, or when it returns True, the run ends.

        Raises:
            L4vmError: no hook is left, or `on` or the range is not one that can be waited for.
        """
        end = first if last is None else last
        number = self.lib.xl_hook_add(self._vm, int(on), first, end) if 0 <= first <= end < 1 << 64 else 0
        if not number:
            known = f"a machine has {HOOKS_MAX}; give one kind of address and a range inside it"
            raise L4vmError(f"a hook on {on!r} at 0x{first:x} to 0x{end:x} cannot be made", known)
        made = Hook(self, number, call)
        self._hooks[number] = made
        return made

    def unhook(self, number: int) -> None:
        """Remove a hook by its number; one that is gone is left alone."""
        if self._hooks.pop(number, None) is not None and self._handle != self.ffi.NULL:
            self.lib.xl_hook_remove(self._vm, number)

    def hits(self) -> list[Hit]:
        """Return what the last run stopped for, in order."""
        count = self.lib.xl_hits(self._vm, self._hits, HITS_MAX)
        found = (self._hits[i] for i in range(count))
        return [Hit(h.hook, On(h.on), h.address, h.value, h.size, h.pc) for h in found]

    def _tell(self) -> bool:
        """Make the calls; returns whether the run shall end."""
        ends = False
        for hit in self.hits():
            hook = self._hooks.get(hit.hook)
            if hook is not None and (hook.call is None or hook.call(self, hit) is True):
                ends = True
        return ends

    def snapshot(self) -> Snapshot:
        """Return the whole state: CPU, RAM, devices, events, guest time, count, unread console bytes.

        Raises:
            L4vmError: the workstation has no memory for it.
        """
        insns, guest_ns = self.insns, self.guest_ns
        handle = self.lib.xl_linux_snapshot_take(self._handle)
        if handle == self.ffi.NULL:
            raise L4vmError("the workstation has no memory for a snapshot", "drop older ones", exit_code=3)
        return Snapshot(insns, guest_ns, self.ffi.gc(handle, self.lib.xl_linux_snapshot_free))

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of this machine. Hooks and counters stay as they are.

        Raises:
            L4vmError: it is another machine's.
        """
        if self.lib.xl_linux_snapshot_restore(self._handle, snapshot.handle):
            raise L4vmError("a snapshot can be restored in the machine that made it only")

    def chaos(self, seed: int, slice_max: int = 1000) -> None:
        """Throw caches and code away at random and end slices at random; the guest must not notice.

        Args:
            seed: names the run.
            slice_max: longest slice in instructions; 1 looks around before every one, 0 is off.
        """
        self.lib.xl_chaos(self._vm, seed & (1 << 64) - 1, slice_max)

    def first_ram_difference(self, other: Machine) -> int | None:
        """Return at which byte of its RAM another machine differs, None when it holds the same."""
        at = int(self.lib.xl_linux_ram_difference(self._handle, other._handle))
        return None if at == (1 << 64) - 1 else at

    def has_same_ram(self, other: Machine) -> bool:
        """Whether another machine's RAM holds the same bytes."""
        return self.first_ram_difference(other) is None

    def read_virtual(self, address: int, count: int) -> bytes:
        """Read guest-virtual memory through the MMU as it stands, whatever the rights; changes nothing.

        Raises:
            L4vmError: it is not mapped, or no RAM.
        """
        buffer = self.ffi.new("uint8_t[]", max(count, 1))
        if not 0 <= address < 1 << 32 or self.lib.xl_read_virtual(self._vm, address, buffer, count):
            raise L4vmError(f"0x{address:x}, {count} bytes: not mapped to RAM at this moment")
        return bytes(self.ffi.buffer(buffer, count))

    def write_virtual(self, address: int, data: bytes) -> None:
        """Write guest-virtual memory, whatever the rights: all of it or nothing.

        Raises:
            L4vmError: it is not mapped, or no RAM.
        """
        if not 0 <= address < 1 << 32 or self.lib.xl_write_virtual(self._vm, address, data, len(data)):
            raise L4vmError(f"0x{address:x}, {len(data)} bytes: not mapped to RAM at this moment")

    def physical(self, address: int) -> int | None:
        """Return the guest-physical address of a guest-virtual one, None when it is not mapped."""
        found = self.ffi.new("uint64_t *")
        if not 0 <= address < 1 << 32 or self.lib.xl_physical(self._vm, address, found):
            return None
        return int(found[0])

    def block_start(self, pc: int) -> int:
        """Return where the translated block that holds `pc` begins; `pc` when there is none."""
        return int(self.lib.xl_block_start(self._vm, pc))

    def advance(self, ns: int) -> None:
        """Let guest time go on to `ns`, no further than the next event."""
        self.lib.xl_advance_ns(self._vm, ns)

    @property
    def idle_until_ns(self) -> int:
        """Guest time of the next event; 2**64 - 1 when there is none."""
        return int(self.lib.xl_idle_until_ns(self._vm))

    def run_for(self, insns: int = 1 << 62, wall_s: float = 0.05, wake_fd: int = -1) -> Stop:
        """Run until `insns` are done, `wall_s` have passed, console bytes wait, or the guest ended; idling sleeps."""
        end, until = self.insns + insns, clock.monotonic() + wall_s
        while True:
            left_ns = int(max(until - clock.monotonic(), 0) * 1e9)
            stop = Stop(self.lib.xl_linux_run(self._handle, max(end - self.insns, 0), left_ns, wake_fd))
            if stop != Stop.HOOK or self._tell():
                return stop

    def console_read(self) -> bytes:
        """Take what the guest wrote to its console."""
        count = self.lib.xl_linux_console_read(self._handle, self._out, len(self._out))
        return bytes(self.ffi.buffer(self._out, count))

    def console_write(self, data: bytes) -> int:
        """Offer bytes to the guest's console; returns how many its FIFO took."""
        return int(self.lib.xl_console_in(self._vm, 0, data, len(data)))

    def screen(self) -> tuple[int, int, bytes]:
        """Return what the guest's screen shows now.

        Returns:
            Width and height in pixels, both 0 when it is off, and red, green, blue of each, row after row.
        """
        size = self.ffi.new("unsigned[2]")
        pixels = self.lib.xl_linux_screen(self._handle, size, size + 1)
        width, height = int(size[0]), int(size[1])
        if not width:
            return 0, 0, b""
        shadow = self.ffi.buffer(pixels, width * height * 4)[:]
        rgb = bytearray(width * height * 3)
        for i in range(3):  # a pixel is a little-endian number: blue comes first
            rgb[i::3] = shadow[2 - i :: 4]
        return width, height, bytes(rgb)

    @property
    def screen_changes(self) -> int:
        """How often rows of the screen changed, or its size."""
        return int(self.lib.xl_linux_screen_changes(self._handle))

    def keys(self, codes: bytes) -> int:
        """Press and release keys: scan codes of set 2; returns how many bytes the guest's keyboard took."""
        return int(self.lib.xl_keys_in(self._vm, codes, len(codes)))

    def request_stop(self) -> None:
        """Make a run in another thread return."""
        self.lib.xl_request_stop(self._vm)

    @property
    def insns(self) -> int:
        """Guest instructions executed so far."""
        return int(self.lib.xl_insns(self._vm))

    @property
    def guest_ns(self) -> int:
        """Guest time."""
        return int(self.lib.xl_guest_ns(self._vm))

    @property
    def exit_code(self) -> int:
        """What the guest ended with, after Stop.HALT."""
        return int(self.lib.xl_exit_code(self._vm))

    def register_names(self) -> list[str]:
        """Return the architectural registers' names."""
        names: list[str] = []
        while (name := self.lib.xl_reg_name(self._vm, len(names))) != self.ffi.NULL:
            names.append(self.ffi.string(name).decode())
        return names

    def __getitem__(self, name: str) -> int:
        """Read a register by its name in the manual."""
        value = self.ffi.new("uint64_t *")
        if self.lib.xl_reg_get(self._vm, name.encode(), value):
            raise KeyError(name)
        return int(value[0])

    def __setitem__(self, name: str, value: int) -> None:
        """Write a register by its name in the manual."""
        if self.lib.xl_reg_set(self._vm, name.encode(), value):
            raise KeyError(name)

    def dump(self, pc: int) -> str:
        """Return the text of the block at a guest-virtual address: guest words, IR before and after, host bytes."""
        room = self.lib.xl_dump(self._vm, pc, self.ffi.NULL, 0) + 1
        text = self.ffi.new("char[]", room)
        self.lib.xl_dump(self._vm, pc, text, room)
        return bytes(self.ffi.string(text)).decode()

    def stats(self) -> dict[str, int]:
        """Return the counters of struct xl_stats by name."""
        stats = self.ffi.new("struct xl_stats *")
        self.lib.xl_stats_get(self._vm, stats)
        return {name: int(getattr(stats, name)) for name, _ in self.ffi.typeof("struct xl_stats").fields}

    def state_hash(self, with_ram: bool = False) -> int:
        """Return a hash of all registers, and of RAM if asked."""
        return int(self.lib.xl_state_hash(self._vm, with_ram))


def arena_bytes(machine: str, ram_mib: int, code_mib: int) -> int:
    """Return how large the translator's tables are for a machine; the board's build of the core has the same."""
    module = extension()
    name = module.ffi.new("char[]", machine.encode())
    config = module.ffi.new("struct xl_config *")
    config.machine, config.ram_bytes, config.code_bytes = name, ram_mib << 20, code_mib << 20
    return int(module.lib.xl_arena_bytes(config))


def main() -> int:
    """Build the extension if it is missing and print where it lies; `python -m l4vm.binding.machine`."""
    print(extension_path())
    return 0


if __name__ == "__main__":
    sys.exit(main())
