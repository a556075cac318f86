# SPDX-License-Identifier: MIT
"""Guests: where their files come from, how they are built, wrapped and read.

`build_guest` makes (or finds in the cache) the files of a recipe in images/guests/NAME; `wrap.wrap`
puts the LEON PROM around a plain vmlinux, `place` lays out what a Bamboo's RAM holds at its start;
`lay_out` does for any machine what its firmware does for a kernel file; `load_elf` reads an
executable and refuses one that the guest CPU cannot run.

Names are imported when they are asked for, since a plain run needs few of them.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from l4vm.guests.bamboo import place
    from l4vm.guests.elf import Executable, Segment, check_fits, load_elf, parse_executable
    from l4vm.guests.firmware import (
        RAM_MIB_DEFAULT,
        Load,
        Start,
        lay_out,
        read_program,
        start_of_recipe,
        takes_arguments,
    )
    from l4vm.guests.machine_map import MachineMap, read_machine_map
    from l4vm.guests.recipe import GuestFiles, build_guest, recipe_names
    from l4vm.guests.wrap import is_leon_vmlinux, is_wrapped, wrapped_ram_bytes, wrapped_tells_of
else:

    def __getattr__(name: str) -> object:
        for module in ("firmware", "elf", "machine_map", "wrap", "bamboo", "recipe"):
            if name in __all__ and name in (found := vars(importlib.import_module(f"{__name__}.{module}"))):
                return found[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "RAM_MIB_DEFAULT",
    "Executable",
    "GuestFiles",
    "Load",
    "MachineMap",
    "Segment",
    "Start",
    "build_guest",
    "check_fits",
    "is_leon_vmlinux",
    "is_wrapped",
    "lay_out",
    "load_elf",
    "parse_executable",
    "place",
    "read_machine_map",
    "read_program",
    "recipe_names",
    "start_of_recipe",
    "takes_arguments",
    "wrapped_ram_bytes",
    "wrapped_tells_of",
]
