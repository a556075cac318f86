# SPDX-License-Identifier: MIT
"""Guests: where their files come from, how they are built, wrapped and read.

`build_guest` makes (or finds in the cache) the files of a recipe in images/guests/NAME; `wrap` puts
the LEON PROM around a plain vmlinux, `place` lays out what a Bamboo's RAM holds at its start;
`load_elf` reads an executable and refuses one that the guest CPU cannot run.
"""

from l4vm.guests.bamboo import place
from l4vm.guests.elf import Executable, Segment, check_fits, load_elf, parse_executable
from l4vm.guests.machine_map import MachineMap, read_machine_map
from l4vm.guests.recipe import GuestFiles, build_guest, recipe_names
from l4vm.guests.wrap import is_leon_vmlinux, is_wrapped, wrap, wrapped_ram_bytes, wrapped_tells_of

__all__ = [
    "Executable",
    "GuestFiles",
    "MachineMap",
    "Segment",
    "build_guest",
    "check_fits",
    "is_leon_vmlinux",
    "is_wrapped",
    "load_elf",
    "parse_executable",
    "place",
    "read_machine_map",
    "recipe_names",
    "wrap",
    "wrapped_ram_bytes",
    "wrapped_tells_of",
]
