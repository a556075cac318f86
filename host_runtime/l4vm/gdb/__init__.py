# SPDX-License-Identifier: MIT
"""A GDB remote stub for guest machines: `target remote` from any GDB that knows the guest's CPU."""

from l4vm.gdb.debugged import Debugged
from l4vm.gdb.server import Server
from l4vm.gdb.stub import Stub

__all__ = ["Debugged", "Server", "Stub"]
