# SPDX-License-Identifier: MIT
"""What GDB's requests do to a machine. No socket and no time in here: a payload in, a payload out.

The guest has one thread, number 1. While it runs every request but the break byte is refused. A
request that is malformed, or asks for what is not there, is answered by an error and changes
nothing; one that is not known is answered by nothing, as the protocol wants.

Source: Debugging with GDB, appendix E, Packets, Stop Reply Packets, General Query Packets.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from l4vm.binding import Hit, Hook, Machine, On, Snapshot, Stop
from l4vm.errors import L4vmError
from l4vm.gdb.packets import PAYLOAD_MAX, hexadecimal
from l4vm.gdb.target import Register, cpu_of

MEMORY_MAX = (PAYLOAD_MAX - 16) // 2
PAGE = 4096
_MALFORMED, _RUNNING, _NOT_THERE, _NO_ROOM = b"E01", b"E02", b"E0e", b"E1c"
_TRAP, _INTERRUPT = 5, 2
_POINTS = {0: On.CODE, 1: On.CODE, 2: On.WRITE, 3: On.READ, 4: On.READ | On.WRITE}
_WATCH_NAMES = {2: b"watch", 3: b"rwatch", 4: b"awatch"}
_HELP = "snapshot  keep the whole state\nrestore   go back to it\ninsns     count and guest time\n"


class State(enum.Enum):
    """What the guest does."""

    HALTED = "waits for GDB"
    RUNNING = "runs"
    STEPPING = "runs one instruction"
    FREE = "runs, GDB has let go"
    KILLED = "GDB wants it ended"


class Stub:
    """One machine and what one GDB knows of it.

    Attributes:
        state: what the guest shall do now.
        acknowledges: whether frames are acknowledged; GDB switches it off.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.cpu = cpu_of(machine)
        self.state = State.HALTED
        self.acknowledges = True
        self._why = _stopped(_TRAP)
        self._points: dict[tuple[int, int, int], Hook] = {}
        self._kept: Snapshot | None = None
        self._commands: dict[bytes, Callable[[bytes], bytes | None]] = {
            b"?": lambda rest: self._why,
            b"g": lambda rest: b"".join(self._get(row) for row in self.cpu.registers.values()),
            b"G": self._set_all,
            b"p": lambda rest: self._get(self.cpu.registers[hexadecimal(rest)]),
            b"P": self._set_one,
            b"m": self._read,
            b"M": self._write_hex,
            b"X": self._write_binary,
            b"c": lambda rest: self._resume(State.RUNNING, rest),
            b"s": lambda rest: self._resume(State.STEPPING, rest),
            b"C": lambda rest: self._resume_signal(State.RUNNING, rest),
            b"S": lambda rest: self._resume_signal(State.STEPPING, rest),
            b"Z": self._point_add,
            b"z": self._point_remove,
            b"H": lambda rest: b"OK",
            b"T": lambda rest: b"OK" if hexadecimal(rest) == 1 else _NOT_THERE,
            b"D": self._detach,
            b"k": self._kill,
            b"q": self._query,
            b"Q": self._set_mode,
            b"v": self._verbose,
        }

    # --- from the server ---

    def attach(self) -> None:
        """A GDB connected: the guest halts."""
        self.state, self.acknowledges, self._why = State.HALTED, True, _stopped(_TRAP)

    def release(self) -> None:
        """GDB is gone: its points are removed, the guest runs."""
        for hook in self._points.values():
            hook.remove()
        self._points.clear()
        if self.state != State.KILLED:
            self.state = State.FREE

    def answer(self, payload: bytes) -> bytes | None:
        """Do one request; returns the reply, None when it comes later by `stopped` or never."""
        if self.state in (State.RUNNING, State.STEPPING):
            return _RUNNING
        try:
            command = self._commands.get(payload[:1])
            return command(payload[1:]) if command else b""
        except (ValueError, KeyError, OverflowError):
            return _MALFORMED
        except L4vmError:
            return _NOT_THERE

    def interrupt(self) -> bytes | None:
        """The break byte came; returns the stop reply if the guest ran."""
        if self.state not in (State.RUNNING, State.STEPPING):
            return None
        return self._halt(_stopped(_INTERRUPT))

    def stopped(self, stop: Stop, moved: int) -> bytes | None:
        """A piece of the run is over; returns the stop reply if the guest is to wait now.

        Args:
            stop: why it ended.
            moved: how many instructions it ran.
        """
        if self.state not in (State.RUNNING, State.STEPPING):
            return None
        if stop == Stop.HALT:
            return self._halt(b"W%02x" % (self.machine.exit_code & 0xFF))
        if stop == Stop.HOOK:
            return self._halt(self._told(self.machine.hits()))
        if self.state == State.STEPPING and moved:
            return self._halt(_stopped(_TRAP))
        return None

    def _halt(self, why: bytes) -> bytes:
        self.state, self._why = State.HALTED, why
        return why

    def _told(self, hits: list[Hit]) -> bytes:
        """Return the stop reply for hits; a watched access before anything else, for only it says where."""
        for (kind, _, _), hook in self._points.items():
            for hit in hits:
                if hit.hook == hook.number and kind in _WATCH_NAMES:
                    return _stopped(_TRAP) + _WATCH_NAMES[kind] + b":%x;" % hit.address
        return _stopped(_TRAP)

    # --- registers ---

    def _get(self, row: Register) -> bytes:
        value = self.machine[row.own] if row.own else 0
        return value.to_bytes(row.size, "big").hex().encode()

    def _set(self, row: Register, text: bytes) -> None:
        """Set a register; one that the CPU keeps at its value (%g0) stays there."""
        value = int.from_bytes(_bytes(text, row.size), "big")
        if row.own and self.machine[row.own] != value:
            self.machine[row.own] = value

    def _set_one(self, rest: bytes) -> bytes:
        number, value = _split(rest, b"=")
        self._set(self.cpu.registers[hexadecimal(number)], value)
        return b"OK"

    def _set_all(self, rest: bytes) -> bytes:
        rows = self.cpu.registers.values()
        _bytes(rest, sum(row.size for row in rows))
        for row in rows:
            self._set(row, rest[: 2 * row.size])
            rest = rest[2 * row.size :]
        return b"OK"

    # --- memory ---

    def _read(self, rest: bytes) -> bytes:
        address, count = _range(rest)
        count = min(count, MEMORY_MAX)
        try:
            return self.machine.read_virtual(address, count).hex().encode()
        except L4vmError:  # as much as there is
            first = PAGE - address % PAGE
            if first >= count:
                raise
            return self.machine.read_virtual(address, first).hex().encode()

    def _write(self, place: bytes, data: bytes) -> bytes:
        address, count = _range(place)
        if count != len(data):
            raise ValueError(place)
        self.machine.write_virtual(address, data)
        return b"OK"

    def _write_hex(self, rest: bytes) -> bytes:
        place, text = _split(rest, b":")
        return self._write(place, _bytes(text, len(text) // 2))

    def _write_binary(self, rest: bytes) -> bytes:
        place, data = _split(rest, b":")
        return self._write(place, data)

    # --- running ---

    def _resume(self, state: State, rest: bytes) -> None:
        if rest:
            self.machine["pc"] = hexadecimal(rest, 1 << 32)
        self.state = state

    def _resume_signal(self, state: State, rest: bytes) -> None:
        """Go on; a guest takes no signals, so the number is checked and dropped."""
        signal, _, address = rest.partition(b";")
        hexadecimal(signal, 256)
        self._resume(state, address)

    def _point(self, rest: bytes) -> tuple[int, int, int]:
        kind, place = _split(rest, b",")
        address, size = _range(place.partition(b";")[0])
        number = hexadecimal(kind, 10)
        if number not in _POINTS:
            raise ValueError(rest)
        return number, address, max(size, 1) if number > 1 else 1

    def _point_add(self, rest: bytes) -> bytes:
        point = self._point(rest)
        if point not in self._points:
            number, address, size = point
            try:
                self._points[point] = self.machine.hook(_POINTS[number], address, address + size - 1)
            except L4vmError:
                return _NO_ROOM
        return b"OK"

    def _point_remove(self, rest: bytes) -> bytes:
        hook = self._points.pop(self._point(rest), None)
        if hook is not None:
            hook.remove()
        return b"OK"

    def _detach(self, rest: bytes) -> bytes:
        self.release()
        return b"OK"

    def _kill(self, rest: bytes) -> None:
        self.state = State.KILLED

    # --- queries ---

    def _query(self, rest: bytes) -> bytes:
        name, _, arguments = rest.partition(b":")
        if name == b"Supported":
            features = b"PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+"
            return features % PAYLOAD_MAX
        if name == b"Xfer":
            return self._description(arguments)
        if rest.startswith(b"Rcmd,"):
            return self._monitor(_bytes(rest[5:], len(rest[5:]) // 2))
        return {b"C": b"QC1", b"fThreadInfo": b"m1", b"sThreadInfo": b"l", b"Attached": b"1"}.get(name, b"")

    def _description(self, arguments: bytes) -> bytes:
        what, _, place = arguments.rpartition(b":")
        if what != b"features:read:target.xml":
            return b"" if not what.startswith(b"features:read:") else b"E00"
        offset, count = _range(place)
        text = self.cpu.description()
        piece = text[offset : offset + min(count, PAYLOAD_MAX // 2)]
        return (b"l" if offset + len(piece) >= len(text) else b"m") + piece

    def _monitor(self, command: bytes) -> bytes:
        text = _HELP
        if command == b"snapshot":
            self._kept = self.machine.snapshot()
            text = f"kept at instruction {self._kept.insns}\n"
        elif command == b"restore" and self._kept is None:
            text = "there is no snapshot: make one by `monitor snapshot`\n"
        elif command == b"restore" and self._kept is not None:
            self.machine.restore(self._kept)
            text = f"back at instruction {self._kept.insns}; `maintenance flush register-cache` shows it\n"
        elif command == b"insns":
            text = f"{self.machine.insns} instructions, {self.machine.guest_ns} ns\n"
        return text.encode().hex().encode()

    def _set_mode(self, rest: bytes) -> bytes:
        if rest != b"StartNoAckMode":
            return b""
        self.acknowledges = False
        return b"OK"

    def _verbose(self, rest: bytes) -> bytes | None:
        if rest == b"Cont?":
            return b"vCont;c;C;s;S"
        if rest.startswith(b"Cont;"):
            return self._continue(rest[5:])
        if rest.startswith(b"Kill;"):
            self.state = State.KILLED
            return b"OK"
        return b""

    def _continue(self, actions: bytes) -> bytes | None:
        """Do the first action that means thread 1."""
        for action in actions.split(b";"):
            what, _, thread = action.partition(b":")
            if thread in (b"", b"1", b"01", b"-1", b"0") and what[:1] in (b"c", b"s", b"C", b"S"):
                if what[:1].isupper():
                    hexadecimal(what[1:], 256)
                elif len(what) > 1:
                    raise ValueError(action)
                self.state = State.STEPPING if what[:1].lower() == b"s" else State.RUNNING
                return None
        raise ValueError(actions)


def _stopped(signal: int) -> bytes:
    return b"T%02xthread:1;" % signal


def _split(text: bytes, at: bytes) -> tuple[bytes, bytes]:
    first, found, second = text.partition(at)
    if not found:
        raise ValueError(text)
    return first, second


def _range(text: bytes) -> tuple[int, int]:
    """Return address and count of `address,count`, both below 4 GiB."""
    address, count = _split(text, b",")
    return hexadecimal(address, 1 << 32), hexadecimal(count, 1 << 32)


def _bytes(text: bytes, count: int) -> bytes:
    """Return exactly `count` bytes written in hexadecimal."""
    if len(text) != 2 * count or b" " in text:
        raise ValueError(text)
    data = bytes.fromhex(text.decode("ascii"))
    if len(data) != count:
        raise ValueError(text)
    return data
