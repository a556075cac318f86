# SPDX-License-Identifier: MIT
"""A machine that a GDB may hold: `run_for` serves GDB and runs the guest when GDB lets it run.

It waits at its first instruction until a GDB connects and continues it. When GDB detaches or goes
away the guest runs on, and the next GDB that connects halts it.
"""

from __future__ import annotations

from l4vm.binding import Machine, Stop
from l4vm.gdb.server import Server
from l4vm.gdb.stub import State, Stub


class Debugged(Machine):
    """A Machine with a GDB server."""

    server: Server

    def listen(self, place: str) -> str:
        """Open the server at a port or path; returns what to give GDB's `target remote`."""
        self.server = Server(Stub(self), place)
        return self.server.place

    def close(self) -> None:
        """Close the server too."""
        if hasattr(self, "server"):
            self.server.close()
        super().close()

    def run_for(self, insns: int = 1 << 62, wall_s: float = 0.05, wake_fd: int = -1) -> Stop:
        """Serve GDB, and run as Machine.run_for does while GDB lets the guest run.

        A guest that GDB killed ends the run with Stop.HALT.
        """
        stub = self.server.stub
        self.server.serve(wall_s if stub.state == State.HALTED else 0)
        if stub.state == State.KILLED:
            return Stop.HALT
        if stub.state == State.HALTED:
            return Stop.BUDGET
        before = self.insns
        piece = 1 if stub.state == State.STEPPING else insns
        waits_for_gdb = wake_fd < 0 or stub.state != State.FREE
        stop = super().run_for(piece, wall_s, self.server.descriptor if waits_for_gdb else wake_fd)
        self.server.tell(stub.stopped(stop, self.insns - before))
        return stop
