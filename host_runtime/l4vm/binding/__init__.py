# SPDX-License-Identifier: MIT
"""The translator core in Python: whole guest machines on the workstation, through cffi."""

from l4vm.binding.devices import Disk, Hub, Net, parse_mac
from l4vm.binding.hooks import Hit, Hook, On, Snapshot
from l4vm.binding.machine import Engine, Machine, Stop, Time, arena_bytes

__all__ = [
    "Disk",
    "Engine",
    "Hit",
    "Hook",
    "Hub",
    "Machine",
    "Net",
    "On",
    "Snapshot",
    "Stop",
    "Time",
    "arena_bytes",
    "parse_mac",
]
