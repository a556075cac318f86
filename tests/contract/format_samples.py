# SPDX-License-Identifier: MIT
"""One sample of every format, and the bytes that its version once had, in formats/NAME-vVERSION.txt.

Who changes a layout raises its VERSION and runs `python -m tests.contract.format_samples`, which writes the files that
are not there yet and never touches one that is.
"""

from __future__ import annotations

from pathlib import Path

from l4vm.formats import args, boot_image, link, system_table
from l4vm.formats.system_table import (
    BindKind,
    BindRecord,
    CapKind,
    CapRecord,
    IoportRecord,
    IrqFlags,
    IrqRecord,
    LoadRecord,
    MapRecord,
    MemoryRecord,
    ObjectKind,
    ObjectRecord,
    RealtimeRecord,
    Restart,
    RingRecord,
    SchedRecord,
    SystemTable,
    TaskKind,
    TaskRecord,
    ThreadRecord,
)
from l4vm.link.frames import Frame, encode

FOLDER = Path(__file__).parent / "formats"
ROW = 16

TABLE = SystemTable(
    task=(TaskRecord("serial", TaskKind(1), Restart(1), 3, 64, 65536),),
    thread=(ThreadRecord(0, 0, 200, 1, 0x400000, 0x7F0000, 0x7F1000, 0x123456789A),),
    sched=(SchedRecord(250, 1000),),
    memory=(MemoryRecord("ring", 8192, 0, 0),),
    load=(LoadRecord(0, 4096, 512, 100),),
    map=(MapRecord(0, 0, 0x40000000, 0, 8192, 3),),
    irq=(IrqRecord(4, IrqFlags.LEVEL),),
    ioport=(IoportRecord(0x3F8, 8),),
    object=(ObjectRecord(ObjectKind.NOTIFICATION),),
    cap=(CapRecord(0, 9, CapKind.MEMORY, 0, 3, 0x55),),
    bind=(BindRecord(BindKind.IRQ_NOTIFICATION, 0, 0, 7),),
    ring=(RingRecord("log", 0, 4, 2, 0, 0),),
    realtime=(RealtimeRecord(0, 0, 1000, 100, 900),),
)
IMAGE = boot_image.BootImage(
    0x400000, (boot_image.RootSegment(0x400000, b"code", 4096, 5),), system_table.build(TABLE), b"guest"
)
ARGUMENTS = (
    args.Argument(args.ArgKind.CAP, "self", slot=5),
    args.Argument(args.ArgKind.RING, "console", 6, 0x40000000, 8192, 0x204),
    args.Argument(args.ArgKind.TEXT, "machine", text="leon3"),
)


def samples() -> dict[str, bytes]:
    """Return NAME-vVERSION and the bytes of its sample."""
    frames = [Frame(7, kind, 0x1234, b"\0payload\0") for kind in link.FrameType]
    return {
        f"args-v{args.VERSION}": args.build("serial", ARGUMENTS, 0x10000),
        f"boot_image-v{boot_image.VERSION}": boot_image.build(IMAGE),
        f"link-v{link.VERSION}": b"".join(encode(frame) for frame in frames),
        f"system_table-v{system_table.VERSION}": system_table.build(TABLE),
    }


def dump(data: bytes) -> str:
    """Return data as hexadecimal text, a row of 16 bytes a line, equal rows once with a star as hexdump does."""
    lines, last = [], b""
    for at in range(0, len(data), ROW):
        row = data[at : at + ROW]
        if row != last:
            lines.append(f"{at:08x}  {row.hex(' ')}")
        elif lines[-1] != "*":
            lines.append("*")
        last = row
    return "\n".join([*lines, f"{len(data):08x}"]) + "\n"


if __name__ == "__main__":
    for name, data in samples().items():
        path = FOLDER / f"{name}.txt"
        if not path.exists():
            path.write_text(dump(data), encoding="ascii")
            print(f"wrote {path}")
