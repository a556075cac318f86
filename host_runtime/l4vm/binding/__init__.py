# SPDX-License-Identifier: MIT
"""The translator core in Python: whole guest machines on the workstation, through cffi."""

from l4vm.binding.machine import Engine, Machine, Stop, Time, arena_bytes

__all__ = ["Engine", "Machine", "Stop", "Time", "arena_bytes"]
