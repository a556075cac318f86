# SPDX-License-Identifier: MIT
"""Talk to the test board: build its programs, drive their ops (board.h), and hold a real Session against them."""

from __future__ import annotations

import contextlib
import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from l4vm import font
from l4vm.formats import args, cheader, link, system_table
from l4vm.link.frames import BootText, Deframer, Frame
from l4vm.link.session import Data, Session, State

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
LIB = [ROOT / "devsrv/lib" / name for name in ("ring.c", "cobs.c", "crc32.c")]
LINK = [ROOT / "devsrv/serial" / name for name in ("link.c", "link_in.c", "link_out.c", "preset.c")]
SHARED = ("block/disk.c", "net/switch.c", "lib/queue.c", "lib/block.c", "lib/net.c")
DRAWING = ("terminal.c", "grid.c", "modes.c", "vga.c", "display.c", "frame.c", "picture.c", "bochs.c")
ROOMS = ("include", "console", "serial", "block", "net")
PARTS = (*(f"devsrv/{room}" for room in ROOMS), "kernel/include", "kernel/user/include")
INCLUDE = [HERE, *(ROOT / part for part in PARTS)]
FLAGS = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror"]
FLAGS += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
MANAGEMENT = 1
HEAD = struct.Struct("<HHI")  # ds_management_head


def compile_program(folder: Path, name: str, sources: Iterable[Path], *flags: str) -> Path:
    """Compile C sources with both sanitizers; returns the program (or object, with -c)."""
    generated = folder / "gen"
    for module in (args, link, system_table):
        path = generated / f"{module.__name__.rsplit('.', 1)[1]}_gen.h"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text(cheader.header(module), encoding="utf-8")
    (generated / "font_gen.h").write_text(font.header(font.load()), encoding="utf-8")
    include = [f"-I{path}" for path in [*INCLUDE, generated]]
    program = folder / name
    command = ["gcc", *FLAGS, *include, *flags, *map(str, sources), "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def build_link_board(folder: Path) -> Path:
    """The board whose server is the link core alone."""
    return compile_program(folder, "board_link", [HERE / "board.c", HERE / "board_link.c", *LIB, *LINK])


def build_server_board(folder: Path) -> Path:
    """The board that runs the whole serial server."""
    main = compile_program(folder, "main.o", [ROOT / "devsrv/serial/main.c"], "-Dmain=serial_main", "-c")
    own = [HERE / name for name in ("board.c", "board_server.c", "uart_model.c")]
    rest = [ROOT / "devsrv" / name for name in ("serial/uart16550.c", "lib/args.c", "lib/log.c", "lib/server.c")]
    return compile_program(folder, "board_server", [*own, main, *rest, *LIB, *LINK])


def build_serial_fuzz(folder: Path) -> Path:
    """Hostile rings, state and frames against the link core."""
    return compile_program(folder, "fuzz", [HERE / "fuzz.c", HERE / "lives.c", *LIB, *LINK], "-O2")


def build_sharers(folder: Path) -> Path:
    """Hostile and killed runs of the block and the net server's cores."""
    sources = [HERE / "sharers.c", HERE / "lives.c", *(ROOT / "devsrv" / name for name in SHARED)]
    return compile_program(folder, "sharers", sources)


def build_switch(folder: Path) -> Path:
    """The net server's switch, and clients at its ports."""
    sources = [ROOT / "devsrv" / name for name in ("net/switch.c", "lib/queue.c", "lib/net.c")]
    return compile_program(folder, "switch_run", [HERE / "switch_run.c", HERE / "lives.c", *sources])


def build_terminal(folder: Path) -> Path:
    """A virtual terminal alone."""
    sources = [ROOT / "devsrv/console" / name for name in ("terminal.c", "grid.c", "modes.c")]
    return compile_program(folder, "terminal_run", [HERE / "terminal_run.c", *sources])


def build_keyboard(folder: Path) -> Path:
    """A keyboard's decoder alone."""
    return compile_program(folder, "keyboard_run", [HERE / "keyboard_run.c", ROOT / "devsrv/console/keyboard.c"])


def build_console(folder: Path) -> Path:
    """The whole console server under hostile clients."""
    sources = [ROOT / "devsrv/console" / name for name in ("keyboard.c", "i8042.c", "shot.c", *DRAWING)]
    lib = [ROOT / "devsrv/lib" / name for name in ("ring.c", "screen.c")]
    return compile_program(folder, "console_run", [HERE / "console_run.c", HERE / "lives.c", *sources, *lib])


def build_frame(folder: Path) -> Path:
    """Terminals and pictures on a frame."""
    sources = [ROOT / "devsrv/console" / name for name in DRAWING]
    return compile_program(folder, "frame_run", [HERE / "frame_run.c", *sources, ROOT / "devsrv/lib/screen.c"])


@dataclass(frozen=True)
class Channel:
    """One channel of a board; `first` is where both its streams begin."""

    number: int
    name: str
    kind: link.ChannelKind = link.ChannelKind.GUEST
    first: int = 0

    def packed(self) -> bytes:
        head = struct.pack("<BB16s", self.number, self.kind, self.name.encode())
        return head + struct.pack("<II", self.first, (self.first + 77) & 0xFFFFFFFF if self.number != MANAGEMENT else 0)


def usual(first: int = 0) -> list[Channel]:
    """The channels of the Python model of a board."""
    return [
        Channel(MANAGEMENT, "management", link.ChannelKind.MANAGEMENT),
        Channel(2, "log", link.ChannelKind.LOG, first),
        Channel(8, "leon0", link.ChannelKind.GUEST, first),
    ]


class Board:
    """A running test board: its rings' clients are here, its server in the program."""

    def __init__(self, program: Path, *arguments: str) -> None:
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.channels: dict[int, int] = {}
        self.asked: list[tuple[int, int, bytes]] = []
        self.last_reply: tuple[int, bytes] = (0, b"")

    def op(self, name: str, a: int = 0, b: int = 0, data: bytes = b"") -> bytes:
        """One op of board.c."""
        stdin, stdout = cast(BinaryIO, self.process.stdin), cast(BinaryIO, self.process.stdout)
        stdin.write(struct.pack("<cIII", name.encode(), a, b, len(data)) + data)
        stdin.flush()
        head = stdout.read(4)
        assert len(head) == 4, f"the board ended with code {self.process.wait()}"
        return stdout.read(struct.unpack("<I", head)[0])

    def close(self) -> int:
        """End the board; returns its exit code."""
        with contextlib.suppress(BrokenPipeError):
            cast(BinaryIO, self.process.stdin).close()
        code = self.process.wait()
        cast(BinaryIO, self.process.stdout).close()
        return code

    def boot(
        self, channels: list[Channel], out_bytes: int = 16384, in_bytes: int = 4096, command_line: bytes = b""
    ) -> None:
        """Begin with fresh memory."""
        self.op("B", data=command_line)
        self.channels = {channel.number: index for index, channel in enumerate(channels)}
        self.op("O", out_bytes, in_bytes, b"".join(channel.packed() for channel in channels))
        self.asked.clear()
        self.last_reply = (0, b"")

    def restart(self) -> None:
        """End the server where it is and start it again."""
        self.op("R")

    def feed(self, data: bytes) -> None:
        """Bytes from the workstation."""
        self.op("F", data=data)

    def take(self, room: int = 1 << 16) -> bytes:
        """Bytes to the workstation."""
        return self.op("T", room)

    def write(self, number: int, data: bytes) -> int:
        """A client writes; returns how many bytes fitted."""
        return int.from_bytes(self.op("W", self.channels[number], data=data), "little")

    def read(self, number: int, count: int) -> bytes:
        """A client reads."""
        return self.op("G", self.channels[number], count)

    def signals(self) -> set[int]:
        """Numbers of the channels whose clients were signalled since the last call."""
        word = int.from_bytes(self.op("S"), "little")
        return {number for number, index in self.channels.items() if word >> index & 1}

    def state(self) -> dict[str, int]:
        """The state page's head."""
        names = "magic boot_id epoch session window received sent crc_errors garbage overruns malformed reserved"
        values = struct.unpack_from("<QQ10I", self.op("Q"))
        return dict(zip(names.split(), values, strict=True))

    def page(self, number: int) -> dict[str, int]:
        """Indices and `dropped` of a ring's page."""
        data = self.op("I", self.channels[number])
        names = ("out_producer", "out_consumer", "in_producer", "in_consumer")
        indices = {name: struct.unpack_from("<I", data, 64 * (i + 1))[0] for i, name in enumerate(names)}
        return indices | {"dropped": struct.unpack_from("<I", data, 20)[0]}

    def root(self) -> None:
        """Do root's part of the management channel: answer each request with its own arguments."""
        if MANAGEMENT not in self.channels:
            return
        pending = self.read(MANAGEMENT, 1 << 16)
        while pending:
            size, reserved, session = HEAD.unpack_from(pending)
            assert reserved == 0 and size <= len(pending) - HEAD.size, "records come whole"
            payload, pending = pending[HEAD.size : HEAD.size + size], pending[HEAD.size + size :]
            head = link.Request.parse(payload)
            self.asked.append((session, head.id, payload[link.Request.sizeof() :]))
            reply = link.Reply.build({"id": head.id, "op": head.op, "status": 0}) + payload[link.Request.sizeof() :]
            self.write(MANAGEMENT, HEAD.pack(len(reply), 0, session) + reply)


class Wire:
    """A session, a board, and the line between; `faults` says what happens to each write."""

    def __init__(self, board: Board, faults: Iterable[tuple[str, int]] = (), preset: bool = False) -> None:
        self.board = board
        self.now = 0.0
        self.session = Session(41, self.now, preset)
        self.deframer = Deframer()
        self.received: dict[int, bytearray] = {}
        self.got: dict[int, bytearray] = {}
        self.unwritten: dict[int, bytes] = {}
        self.events: list[object] = []
        self.faults = list(faults)
        self.take_room = 1 << 16

    def write(self, number: int, data: bytes) -> None:
        """Let a client write, as its ring has room."""
        self.unwritten[number] = self.unwritten.get(number, b"") + data

    def _line(self, data: bytes) -> bytes:
        """Carry bytes, or damage them as the next fault says."""
        if not data or not self.faults:
            return data
        kind, where = self.faults.pop(0)
        at = where % len(data)
        if kind == "restart":
            self.board.restart()
        return {
            "lose": b"",
            "cut": data[:at],
            "flip": data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :],
            "noise": data[:at] + b"\xff\x00\x13noise\xfe" + data[at:],
            "twice": data + data,
        }.get(kind, data)

    def step(self, read: int = 700) -> None:
        """Let clients, root and both ends work once, and the clock go on."""
        self.now += 0.05
        for number, data in self.unwritten.items():
            if data:
                self.unwritten[number] = data[self.board.write(number, data) :]
        self.board.root()
        self.session.tick(self.now)
        self.board.feed(self._line(self.session.take_output()))
        self.deframer.feed(self._line(self.board.take(self.take_room)), self._take)
        for number in self.board.channels:
            if read and number != MANAGEMENT:
                self.got.setdefault(number, bytearray()).extend(self.board.read(number, read))
        for event in self.session.take_events():
            self.events.append(event)
            if isinstance(event, Data):
                self.received.setdefault(event.channel, bytearray()).extend(event.data)

    def _take(self, item: Frame | BootText) -> None:
        if isinstance(item, Frame):
            self.session.receive(item, self.now)

    def is_idle(self) -> bool:
        """Whether nothing is on its way in either direction."""
        for number in set(self.board.channels) - {MANAGEMENT}:
            page = self.board.page(number)
            if page["out_producer"] != page["out_consumer"] or page["in_producer"] != page["in_consumer"]:
                return False
            if self.session.unsent_bytes(number) or self.unwritten.get(number):
                return False
        return self.session.state is State.OPEN

    def settle(self, steps: int = 3000) -> None:
        """Run without new faults until both directions are empty."""
        self.faults.clear()
        for _ in range(steps):
            self.step()
            if self.is_idle():
                return
        raise AssertionError(f"still busy after {steps} steps: {self.board.state()}")

    def open(self) -> None:
        """Run until the session is open."""
        for _ in range(200):
            if self.session.state is State.OPEN:
                return
            self.step()
        raise AssertionError("the session does not open")
