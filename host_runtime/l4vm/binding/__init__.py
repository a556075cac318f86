# SPDX-License-Identifier: MIT
"""The translator core in Python: whole guest machines on the workstation, through cffi."""

from l4vm.binding.hooks import Hit, Hook, On, Snapshot
from l4vm.binding.machine import Engine, Machine, Stop, Time, arena_bytes

__all__ = ["Engine", "Hit", "Hook", "Machine", "On", "Snapshot", "Stop", "Time", "arena_bytes"]
