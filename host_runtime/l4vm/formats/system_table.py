# SPDX-License-Identifier: MIT
"""The system table: what the root task makes of an image, record by record.

    TableHeader | Task[] | Thread[] | Sched[] | Memory[] | Load[] | Map[] | Irq[] | Ioport[] | Object[]
                | Cap[] | Bind[] | Ring[] | Realtime[]

All numbers are little-endian. A record names others by their index in their array; task 0 is root
itself, whose address space and first thread exist already. Root makes the objects in array order and
executes nothing that no record says. Byte positions (`blob`) count from the image's blobs.

On parse: `parse` checks magic, version, sizes and every index; L4vmError names record and field.
On build: `build` fills the header in. Size: header plus the arrays, every record a multiple of 8.
Refuses: an index outside its array, a name longer than 16 bytes, a range outside the blobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum, IntFlag

from construct import ConstructError, Int8ul, Int16ul, Int32ul, Int64ul, PaddedString, StringError, Struct

from l4vm.errors import L4vmError

MAGIC = 0x31424154_4D56344C  # "L4VMTAB1"
VERSION = 1
NAME_BYTES = 16
NONE = 0xFFFF_FFFF
"""An index that names nothing."""

TASKS_MAX = 64

STATES_FRAME = 64
"""In the memory `states`: the byte behind the tasks' states, 1 when the display's frame was found."""

ARGS_VA = 0x200000
"""Where every task but root finds its arguments (formats/args.py), read-only."""

Name = PaddedString(NAME_BYTES, "ascii")


class TaskKind(IntEnum):
    """What a task is in its image; the values of link.TaskKind."""

    SERVER = 0
    GUEST = 1
    RT = 2
    ROOT = 3


class Restart(IntEnum):
    """What root does when a task faults or exits."""

    STOP = 0
    RESTART = 1
    REBOOT = 2
    IGNORE = 3


class MemoryFlags(IntFlag):
    """How root makes a memory object."""

    IN_IMAGE = 1  # the blobs' bytes themselves, from `blob` on; read-only for all
    LARGE = 2  # physically aligned to 2 MiB
    BOOT_INFO = 8  # root fills its first page with struct k_boot_info
    DISPLAY = 16  # the board's display memory, from the physical address `blob` on; never cleared
    FRAME = 32  # the frame of the PCI display `blob` (vendor | device << 16), never cleared; RAM when there is none
    KEEP = 4  # survives restarts of the tasks that map it; else loads are done again and the rest is zeroed


class ObjectKind(IntEnum):
    """Kinds of plain objects, with the values of k_object.def."""

    ENDPOINT = 3
    REPLY = 4
    NOTIFICATION = 5


class CapKind(IntEnum):
    """In which array a capability's object lies."""

    TASK = 1
    THREAD = 2
    OBJECT = 3
    SCHED = 6
    MEMORY = 7
    IRQ = 8
    IOPORT = 9
    SYSTEM = 12  # no index: the right to stop the board


class BindKind(IntEnum):
    """What is tied to what before the threads start."""

    NOTIFICATION_THREAD = 0  # object: Object, target: Thread
    NOTIFICATION_VIEW = 1  # object: Object, target: Task, value: address of the read-only page
    IRQ_NOTIFICATION = 2  # object: Irq, target: Object, value: bits
    IOPORT_TASK = 3  # object: Ioport, target: Task


class IrqFlags(IntFlag):
    """Values of K_IRQ_LEVEL and K_IRQ_LOW."""

    LEVEL = 1
    LOW = 2


HEADER_ARRAYS = (
    "task", "thread", "sched", "memory", "load", "map", "irq", "ioport", "object", "cap", "bind", "ring", "realtime",
)  # fmt: skip

ArrayRef = Struct("offset" / Int32ul, "count" / Int32ul)

TableHeader = Struct(
    "magic" / Int64ul,
    "version" / Int32ul,
    "header_bytes" / Int32ul,
    "total_bytes" / Int32ul,
    "arrays" / Int32ul,
    *(name / ArrayRef for name in HEADER_ARRAYS),
)
"""Offsets of the arrays count from the table's first byte."""

Task = Struct(
    "name" / Name,
    "kind" / Int8ul,
    "restart" / Int8ul,
    "channel" / Int8ul,
    "reserved" / Int8ul,
    "cap_slots" / Int32ul,
    "account_bytes" / Int64ul,
)
"""channel: the task's own console channel, 255: none. account_bytes pays for its kernel memory."""

Thread = Struct(
    "task" / Int32ul,
    "sched" / Int32ul,
    "priority" / Int32ul,
    "flags" / Int32ul,
    "entry" / Int64ul,
    "stack_top" / Int64ul,
    "utcb_va" / Int64ul,
    "argument" / Int64ul,
)
"""flags: K_THREAD_*. A fault of the thread goes to root's endpoint with the task's index as badge."""

Sched = Struct("budget_us" / Int32ul, "period_us" / Int32ul)

Memory = Struct(
    "name" / Name,
    "bytes" / Int64ul,
    "blob" / Int64ul,
    "flags" / Int32ul,
    "reserved" / Int32ul,
)

Load = Struct("memory" / Int32ul, "reserved" / Int32ul, "offset" / Int64ul, "blob" / Int64ul, "bytes" / Int64ul)
"""Copy bytes of the blobs to `offset` of a memory object."""

Map = Struct(
    "task" / Int32ul,
    "memory" / Int32ul,
    "va" / Int64ul,
    "offset" / Int64ul,
    "bytes" / Int64ul,
    "rights" / Int32ul,
    "reserved" / Int32ul,
)
"""rights: K_RIGHT_*; writable and executable together is refused."""

Irq = Struct("gsi" / Int32ul, "flags" / Int32ul)
Ioport = Struct("first" / Int32ul, "count" / Int32ul)
Object = Struct("kind" / Int32ul, "reserved" / Int32ul)

Cap = Struct(
    "task" / Int32ul,
    "slot" / Int32ul,
    "kind" / Int32ul,
    "object" / Int32ul,
    "rights" / Int32ul,
    "reserved" / Int32ul,
    "badge" / Int64ul,
)

Bind = Struct("kind" / Int32ul, "object" / Int32ul, "target" / Int32ul, "reserved" / Int32ul, "value" / Int64ul)

Ring = Struct(
    "name" / Name,
    "memory" / Int32ul,
    "channel" / Int8ul,
    "kind" / Int8ul,
    "reserved" / Int16ul,
    "client" / Int32ul,
    "server" / Int32ul,
)
"""A pair of byte rings in one memory object (devsrv/ring.h); root bumps its epoch when client or server restarts."""

Realtime = Struct(
    "task" / Int32ul,
    "memory" / Int32ul,
    "period_us" / Int32ul,
    "budget_us" / Int32ul,
    "deadline_us" / Int32ul,
    "reserved" / Int32ul,
)
"""memory: the page of the task's statistics (devsrv/rt.h)."""

C_PREFIX = "sys_"
C_STRUCTS = {
    "array": ArrayRef,
    "table": TableHeader,
    "task": Task,
    "thread": Thread,
    "sched": Sched,
    "memory": Memory,
    "load": Load,
    "map": Map,
    "irq": Irq,
    "ioport": Ioport,
    "object": Object,
    "cap": Cap,
    "bind": Bind,
    "ring": Ring,
    "realtime": Realtime,
}
C_CONSTANTS = {
    "VERSION": VERSION,
    "NAME_BYTES": NAME_BYTES,
    "ARGS_VA": ARGS_VA,
    "TASKS_MAX": TASKS_MAX,
    "STATES_FRAME": STATES_FRAME,
    "ARRAYS": len(HEADER_ARRAYS),
}
C_ENUMS = {
    "task_kind": TaskKind,
    "restart": Restart,
    "memory_flag": MemoryFlags,
    "object_kind": ObjectKind,
    "cap_kind": CapKind,
    "bind_kind": BindKind,
}


@dataclass(frozen=True)
class TaskRecord:
    """One Task."""

    name: str
    kind: TaskKind
    restart: Restart
    channel: int
    cap_slots: int
    account_bytes: int


@dataclass(frozen=True)
class ThreadRecord:
    """One Thread."""

    task: int
    sched: int
    priority: int
    flags: int
    entry: int
    stack_top: int
    utcb_va: int
    argument: int = 0


@dataclass(frozen=True)
class SchedRecord:
    """One Sched."""

    budget_us: int
    period_us: int


@dataclass(frozen=True)
class MemoryRecord:
    """One Memory."""

    name: str
    bytes: int
    blob: int = 0
    flags: int = 0


@dataclass(frozen=True)
class LoadRecord:
    """One Load."""

    memory: int
    offset: int
    blob: int
    bytes: int


@dataclass(frozen=True)
class MapRecord:
    """One Map."""

    task: int
    memory: int
    va: int
    offset: int
    bytes: int
    rights: int


@dataclass(frozen=True)
class IrqRecord:
    """One Irq."""

    gsi: int
    flags: IrqFlags


@dataclass(frozen=True)
class IoportRecord:
    """One Ioport."""

    first: int
    count: int


@dataclass(frozen=True)
class ObjectRecord:
    """One Object."""

    kind: ObjectKind


@dataclass(frozen=True)
class CapRecord:
    """One Cap."""

    task: int
    slot: int
    kind: CapKind
    object: int
    rights: int
    badge: int = 0


@dataclass(frozen=True)
class BindRecord:
    """One Bind."""

    kind: BindKind
    object: int
    target: int
    value: int = 0


@dataclass(frozen=True)
class RingRecord:
    """One Ring."""

    name: str
    memory: int
    channel: int
    kind: int
    client: int
    server: int


@dataclass(frozen=True)
class RealtimeRecord:
    """One Realtime."""

    task: int
    memory: int
    period_us: int
    budget_us: int
    deadline_us: int


@dataclass(frozen=True)
class SystemTable:
    """A whole table; the fields are the arrays in their order."""

    task: tuple[TaskRecord, ...] = ()
    thread: tuple[ThreadRecord, ...] = ()
    sched: tuple[SchedRecord, ...] = ()
    memory: tuple[MemoryRecord, ...] = ()
    load: tuple[LoadRecord, ...] = ()
    map: tuple[MapRecord, ...] = ()
    irq: tuple[IrqRecord, ...] = ()
    ioport: tuple[IoportRecord, ...] = ()
    object: tuple[ObjectRecord, ...] = ()
    cap: tuple[CapRecord, ...] = ()
    bind: tuple[BindRecord, ...] = ()
    ring: tuple[RingRecord, ...] = ()
    realtime: tuple[RealtimeRecord, ...] = ()


_LAYOUTS = {
    "task": (Task, TaskRecord), "thread": (Thread, ThreadRecord), "sched": (Sched, SchedRecord),
    "memory": (Memory, MemoryRecord), "load": (Load, LoadRecord), "map": (Map, MapRecord), "irq": (Irq, IrqRecord),
    "ioport": (Ioport, IoportRecord), "object": (Object, ObjectRecord), "cap": (Cap, CapRecord),
    "bind": (Bind, BindRecord), "ring": (Ring, RingRecord), "realtime": (Realtime, RealtimeRecord),
}  # fmt: skip

_INDEX_FIELDS = {
    "thread": {"task": "task", "sched": "sched"},
    "load": {"memory": "memory"},
    "map": {"task": "task", "memory": "memory"},
    "ring": {"memory": "memory", "client": "task", "server": "task"},
    "realtime": {"task": "task", "memory": "memory"},
}
_CAP_ARRAYS = {
    CapKind.TASK: "task", CapKind.THREAD: "thread", CapKind.OBJECT: "object", CapKind.SCHED: "sched",
    CapKind.MEMORY: "memory", CapKind.IRQ: "irq", CapKind.IOPORT: "ioport",
}  # fmt: skip
_BIND_ARRAYS = {
    BindKind.NOTIFICATION_THREAD: ("object", "thread"),
    BindKind.NOTIFICATION_VIEW: ("object", "task"),
    BindKind.IRQ_NOTIFICATION: ("irq", "object"),
    BindKind.IOPORT_TASK: ("ioport", "task"),
}
_ENUM_FIELDS = {
    ("task", "kind"): TaskKind, ("task", "restart"): Restart, ("memory", "flags"): MemoryFlags,
    ("irq", "flags"): IrqFlags, ("object", "kind"): ObjectKind, ("cap", "kind"): CapKind, ("bind", "kind"): BindKind,
}  # fmt: skip


def check(table: SystemTable, where: str = "the system table") -> None:
    """Hold every index to its array.

    Raises:
        L4vmError: an index lies outside; the sentence names record and field.
    """

    def index(array: str, number: int, name: str, value: int, of: str, optional: bool = False) -> None:
        count = len(getattr(table, of))
        if value >= count and not (optional and value == NONE):
            raise L4vmError(f"{where}: {array}[{number}].{name} = {value}: there are {count} of '{of}'")

    for array, names in _INDEX_FIELDS.items():
        for number, record in enumerate(getattr(table, array)):
            for name, of in names.items():
                index(array, number, name, getattr(record, name), of, name == "sched")
    for number, cap in enumerate(table.cap):
        index("cap", number, "task", cap.task, "task")
        if cap.kind in _CAP_ARRAYS:
            index("cap", number, "object", cap.object, _CAP_ARRAYS[cap.kind])
    for number, bind in enumerate(table.bind):
        first, second = _BIND_ARRAYS[bind.kind]
        index("bind", number, "object", bind.object, first)
        index("bind", number, "target", bind.target, second)


def _build_record(array: str, number: int, record: object, where: str) -> bytes:
    layout, kind = _LAYOUTS[array]
    values = {f.name: getattr(record, f.name) for f in fields(kind)}
    try:
        data: bytes = layout.build({"reserved": 0, **values})
    except (ConstructError, StringError) as error:
        raise L4vmError(f"{where}: {array}[{number}] {values}: {error}") from error
    if "name" in values and len(values["name"].encode()) > NAME_BYTES:
        raise L4vmError(f"{where}: {array}[{number}].name = {values['name']!r}: longer than {NAME_BYTES} bytes")
    return data


def build(table: SystemTable, where: str = "the system table") -> bytes:
    """Return the table's bytes.

    Raises:
        L4vmError: an index lies outside its array, or a value does not fit its field.
    """
    check(table, where)
    at = TableHeader.sizeof()
    refs: dict[str, dict[str, int]] = {}
    body = b""
    for array in HEADER_ARRAYS:
        records: Sequence[object] = getattr(table, array)
        refs[array] = {"offset": at + len(body), "count": len(records)}
        body += b"".join(_build_record(array, i, record, where) for i, record in enumerate(records))
    header: bytes = TableHeader.build(
        {
            "magic": MAGIC,
            "version": VERSION,
            "header_bytes": at,
            "total_bytes": at + len(body),
            "arrays": len(HEADER_ARRAYS),
            **refs,
        }
    )
    return header + body


def parse(data: bytes, where: str = "the system table") -> SystemTable:
    """Parse and check a table.

    Raises:
        L4vmError: magic, version, a size or an index is wrong.
    """
    try:
        header = TableHeader.parse(data)
    except ConstructError as error:
        raise L4vmError(f"{where}: {len(data)} bytes are fewer than the header's") from error
    if header.magic != MAGIC or header.version != VERSION or header.header_bytes != TableHeader.sizeof():
        raise L4vmError(f"{where}: magic 0x{header.magic:x}, version {header.version}, not {VERSION}")
    if header.total_bytes != len(data):
        raise L4vmError(f"{where}: total_bytes is {header.total_bytes}, there are {len(data)}")
    arrays: dict[str, tuple[object, ...]] = {}
    for array in HEADER_ARRAYS:
        layout, kind = _LAYOUTS[array]
        ref, size = header[array], layout.sizeof()
        if ref.offset + ref.count * size > len(data):
            raise L4vmError(f"{where}: array '{array}' ({ref.count} records at {ref.offset}) lies outside")
        records = []
        for i in range(ref.count):
            raw = layout.parse(data[ref.offset + i * size : ref.offset + (i + 1) * size])
            values = {f.name: raw[f.name] for f in fields(kind)}
            try:
                for name in values:
                    if (array, name) in _ENUM_FIELDS:
                        values[name] = _ENUM_FIELDS[array, name](values[name])
            except ValueError as error:
                raise L4vmError(f"{where}: {array}[{i}]: {error}") from error
            records.append(kind(**values))
        arrays[array] = tuple(records)
    table = SystemTable(**arrays)  # type: ignore[arg-type]
    check(table, where)
    return table
