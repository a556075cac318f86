# SPDX-License-Identifier: MIT
"""The translator core in Python: whole guest machines on the workstation, through cffi."""

from l4vm.binding.checked import Checked, Difference
from l4vm.binding.devices import Disk, Hub, Net, parse_mac
from l4vm.binding.hooks import Hit, Hook, On, Snapshot
from l4vm.binding.machine import Engine, Machine, Stop, Time, arena_bytes, switch_names

__all__ = [
    "Checked",
    "Difference",
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
    "switch_names",
]
