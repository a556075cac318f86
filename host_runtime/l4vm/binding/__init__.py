# SPDX-License-Identifier: MIT
"""The translator core in Python: whole guest machines on the workstation, through cffi.

Names are imported when they are asked for, since a plain run needs few of them.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from l4vm.binding.checked import Checked, Difference
    from l4vm.binding.devices import Disk, Hub, Net, parse_mac
    from l4vm.binding.hooks import Hit, Hook, On, Snapshot
    from l4vm.binding.machine import Engine, Machine, Stop, Time, arena_bytes, switch_names
else:

    def __getattr__(name: str) -> object:
        for module in ("machine", "hooks", "devices", "checked"):
            if name in __all__ and name in (found := vars(importlib.import_module(f"{__name__}.{module}"))):
                return found[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
