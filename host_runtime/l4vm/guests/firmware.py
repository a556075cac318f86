# SPDX-License-Identifier: MIT
"""From a kernel file to what RAM holds when the CPU starts: one function a machine, the part its firmware played.

    leon3    a bare program or a wrapped kernel as it is; a plain vmlinux gets the PROM around it (wrap.py)
    bamboo   a uImage or an ELF file, the initial RAM disk and a device tree, as U-Boot lays them out (bamboo.py)
    malta    an ELF file; with an initial RAM disk or a command line also YAMON's arguments (malta.py)
    others   a bare program as it is

The command line, the packer and the checks of image files all come here, so that they take and refuse the same files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from l4vm.errors import L4vmError
from l4vm.guests.elf import Executable, check_fits, cpu_of_machine, parse_executable
from l4vm.guests.machine_map import read_machine_map
from l4vm.guests.wrap import is_leon_vmlinux, is_wrapped, wrap, wrapped_ram_bytes, wrapped_tells_of

if TYPE_CHECKING:
    from l4vm.guests.recipe import GuestFiles

RAM_MIB_DEFAULT = 32
MIB = 1 << 20


@dataclass(frozen=True)
class Start:
    """What a guest starts with, as its user says it: None and 0 where he says nothing.

    where names the kernel in an error.
    """

    machine: str
    kernel: bytes
    where: str
    ram_mib: int | None = None
    initrd: bytes | None = None
    append: str | None = None
    dtb: bytes | None = None
    disks: int = 0
    nets: int = 0
    screen: bool = False


@dataclass(frozen=True)
class Load:
    """What is run: a machine with its RAM, and an executable that fits into it."""

    machine: str
    ram_mib: int
    executable: Executable


def start_of_recipe(files: GuestFiles, wish: Start) -> Start:
    """Return how a built guest starts; `wish` says what its user wants otherwise, its kernel is not looked at."""
    ram_mib = wish.ram_mib or files.ram_mib
    has_more = wish.disks or wish.nets or wish.screen
    is_as_built = wish.initrd is None and wish.append is None and ram_mib == files.ram_mib and not has_more
    if files.machine == "leon3" and is_as_built:
        return replace(
            wish, machine="leon3", kernel=files.kernel.read_bytes(), where=str(files.kernel), ram_mib=ram_mib
        )
    return replace(
        wish,
        machine=files.machine,
        kernel=files.vmlinux.read_bytes(),
        where=str(files.vmlinux),
        ram_mib=ram_mib,
        initrd=files.initrd.read_bytes() if wish.initrd is None else wish.initrd,
        append=files.append_of(wish.screen) if wish.append is None else wish.append,
    )


def lay_out(start: Start) -> Load:
    """Lay out RAM for a guest's start.

    Raises:
        L4vmError: the machine cannot run the file, or something does not fit or go together.
    """
    facts = read_machine_map(start.machine).facts
    low, high = facts["ram_min"] // MIB, facts["ram_max"] // MIB
    ram_mib = start.ram_mib or min(RAM_MIB_DEFAULT, high)
    if start.machine == "leon3" and is_wrapped(start.kernel):
        made_for = wrapped_ram_bytes(start.kernel) // MIB
        ram_mib = max(made_for, start.ram_mib or 0)
    if not low <= ram_mib <= high:
        raise L4vmError(f"{ram_mib} MiB of RAM: machine {start.machine} takes {low} to {high} MiB", "change --ram")
    executable = _MACHINES.get(start.machine, _bare)(start, ram_mib)
    check_fits(executable, start.where, facts["ram_base"], ram_mib * MIB)
    return Load(start.machine, ram_mib, executable)


def read_program(machine: str, kernel: bytes, where: str) -> Executable:
    """Return what a kernel file puts into RAM by itself.

    Raises:
        L4vmError: the machine cannot run the file.
    """
    if machine == "bamboo":
        from l4vm.guests.bamboo import program_of

        return program_of(kernel, where)
    return parse_executable(kernel, where, cpu_of_machine(read_machine_map(machine).facts))


def takes_arguments(machine: str, kernel: bytes, where: str) -> bool:
    """Whether an initial RAM disk and a command line would reach the kernel.

    Raises:
        L4vmError: the machine cannot run the file.
    """
    program = read_program(machine, kernel, where)
    return machine in ("bamboo", "malta") or (is_leon_vmlinux(program) and not is_wrapped(kernel))


def _leon3(start: Start, ram_mib: int) -> Executable:
    data, where = start.kernel, start.where
    if start.dtb is not None:
        raise L4vmError("a device tree: machine leon3 takes none", "its PROM tells of the devices; leave it out")
    executable = parse_executable(data, where)
    if is_wrapped(data) and start.initrd is None and start.append is None:
        made_for = wrapped_ram_bytes(data) // MIB
        if start.ram_mib is not None and start.ram_mib < made_for:
            raise L4vmError(
                f"{start.ram_mib} MiB of RAM: {where} was wrapped for {made_for} MiB",
                "give it that much, or wrap its vmlinux again with --ram",
            )
        if not wrapped_tells_of(data, read_machine_map(start.machine), start.disks, start.nets, start.screen):
            screen = ", or for no screen" if start.screen else ""
            raise L4vmError(
                f"{where} was wrapped for fewer than {start.disks} disks or {start.nets} networks{screen}",
                "run its plain vmlinux, or wrap that again with --disks, --nets and --screen",
            )
        return executable
    if is_leon_vmlinux(executable) or start.initrd is not None or start.append is not None:
        ram_bytes, append = ram_mib * MIB, start.append or ""
        board, devices = read_machine_map(start.machine), (start.disks, start.nets, start.screen)
        wrapped = wrap(data, start.initrd, append, ram_bytes, board, where, *devices)
        return parse_executable(wrapped, where)
    return executable


def _bamboo(start: Start, ram_mib: int) -> Executable:
    from l4vm.guests.bamboo import place

    kernel, append, ram_bytes = start.kernel, start.append or "", ram_mib * MIB
    devices = start.disks, start.nets, start.screen
    return place(kernel, start.where, ram_bytes, append, start.initrd, start.dtb, *devices)


def _malta(start: Start, ram_mib: int) -> Executable:
    if start.initrd is None and start.append is None:
        return _bare(start, ram_mib)
    from l4vm.guests.malta import place

    program = _bare(replace(start, initrd=None, append=None), ram_mib)
    return place(program, start.where, ram_mib * MIB, start.append or "", start.initrd)


def _bare(start: Start, ram_mib: int) -> Executable:
    given = {"an initial RAM disk": start.initrd, "a command line": start.append, "a device tree": start.dtb}
    for what, value in given.items():
        if value is not None:
            raise L4vmError(f"{what}: machine {start.machine} runs bare programs, which take none", "leave it out")
    machine = read_machine_map(start.machine)
    machine.virtio_places(start.disks, start.nets)
    if start.screen and not machine.screen:
        raise L4vmError(f"a screen: machine {start.machine} has none", "leave it out")
    return read_program(start.machine, start.kernel, start.where)


_MACHINES: dict[str, Callable[[Start, int], Executable]] = {
    "leon3": _leon3,
    "bamboo": _bamboo,
    "malta": _malta,
}
