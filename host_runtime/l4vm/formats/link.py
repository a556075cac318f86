# SPDX-License-Identifier: MIT
"""Frames of the serial link between a workstation and a board.

What is here: the layout of every frame, request and reply (construct), and the rules that give
them meaning. Both ends are written from this page: `l4vm.link` (Python) and the serial server (C,
through the generated header `link_gen.h`). All numbers are little-endian and unsigned unless said.

The wire
    A frame travels as `0x00 COBS(frame) 0x00`. A run between two zero bytes is one of three things:
    a frame; `boot` text, when every byte is printable ASCII (0x20..0x7e), ESC, CR or LF;
    or garbage, which is counted and skipped. Empty runs mean nothing.
    The upper byte of `flags` is always 0, therefore COBS gives every frame a first wire byte of
    1..4: a run that begins with a text byte is never a frame, and text can be shown at once.

    frame = FrameHeader | payload (0..MAX_PAYLOAD bytes) | crc32 of all before (zlib's CRC-32)

Session
    The workstation opens a session: HELLO {session, version, window}. The board answers
    HELLO_REPLY with the same session number and one ChannelEntry per channel. Any HELLO whose
    number differs from the current one starts a new session and ends the old one; a HELLO with the
    current number is answered again and changes nothing else. Nothing but a HELLO (or a reboot of
    the board) ends a session: the board keeps no timers for the link. The workstation ignores all
    frames but HELLO_REPLY until its session is confirmed. A restarted serial server goes on with
    the session and the offsets it finds in its root-owned memory.

    A board can start with a session open: the loader's command line says `session=NUMBER window=BYTES`.
    It then sends the HELLO_REPLY by itself and goes on as if it had been greeted so. The workstation that
    started it so says nothing until it has something to say; under counted time nothing from outside then
    reaches the board, and two runs are the same. Its DATA frames are STAMPED with the board time at which
    they were built, so that what came when can be compared between runs.

Offsets
    Each channel has two byte streams, numbered by byte modulo 2**32. `offset` of a DATA frame is the
    number of its first payload byte. A receiver takes only the byte it expects next: what lies
    before it is a duplicate and is dropped (a frame may be taken from its middle); what lies after
    it is a gap, and the frame is dropped. Compare offsets by their difference as a signed 32-bit.
    ChannelEntry.tx_offset is the first byte the board will send in this session; all before it is
    acknowledged or was dropped. ChannelEntry.rx_offset is the first byte it expects.

Acknowledgement and credit
    ACK {window}: `offset` is the next byte expected; the sender may have bytes up to
    offset + window (exclusive) on the way, never more. Acknowledgements are cumulative; one that moves
    backwards or past what was sent is dropped. At the start of a session the window towards the
    workstation is Hello.window for each channel, towards the board ChannelEntry.rx_window.
    The board's own data stays in its ring until acknowledged. The board sends an ACK when
    it took DATA, and again when a window that was smaller than MAX_PAYLOAD grew.

Recovery (driven by the workstation alone)
    POLL {session, sequence, count, count x PollEntry}: for each channel named the next byte the
    workstation expects, which acknowledges all before it. With PollEntry.flags bit RETRANSMIT the
    board goes back to that offset and sends again from there. The board answers each POLL whose
    session is current with STATUS {..., sequence of the poll}; entries cover all channels.
    The line keeps order, so whoever sees STATUS knows: every byte below StatusEntry.tx_sent that
    has not arrived was lost (next POLL asks for RETRANSMIT), and every byte sent to the board
    before that POLL and not below StatusEntry.rx_offset was lost (the workstation sends from
    rx_offset again). The board first writes STATUS (with tx_sent as before the POLL), then obeys
    RETRANSMIT. A POLL for a session that is not current gets STATUS with the board's own session
    number (0: none) and no entries; the workstation then says HELLO with a new number.
    A PollEntry grants no window: what the last ACK (or the HELLO) granted counts from its offset.
    The workstation polls when it saw a gap, when the line was idle for a while with something
    outstanding, and as a heartbeat. Loss of POLL or STATUS is healed by the next POLL.

Without a session
    The board writes no frames. Output gathers in the rings; the log channel and the guests' rings
    drop the oldest bytes when full, which moves tx_offset forward and adds to
    ChannelEntry.dropped.

Requests (channel 1)
    REQUEST {id, op, arguments}, offset 0; REPLY {id, op, status, data}, offset 0. The workstation has one request
    outstanding, ids grow by one from 1 within a session. No REPLY after a later STATUS: it sends
    the same frame again. A REQUEST with the id answered last is not executed again if its op
    changes something (TASK, SHUTDOWN): the board repeats its status; other ops may run again.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from construct import Int8ul, Int16ul, Int32ul, Int64ul, PaddedString, Struct

VERSION = 1
"""Protocol version; a board and a workstation with different versions refuse each other."""

MAX_PAYLOAD = 1024
PLACE_BYTES = 24
"""Of the name of a place that the console server shows."""
"""Largest payload of a frame, bytes."""

MAX_CHANNELS = 24
"""Most channels of a board: their entries fit one HELLO_REPLY and one STATUS."""

WINDOW_BYTES = 4096
"""Unacknowledged bytes per channel and direction that the workstation grants."""

PRESET_WINDOW_BYTES = 65536
"""Window of a session that a board starts with: all of a channel's ring."""

NAME_BYTES = 16
"""Size of a channel's or task's name, NUL padded; a name of 16 bytes has no NUL."""

CRC_BYTES = 4
HEADER_BYTES = 8
MAX_FRAME = HEADER_BYTES + MAX_PAYLOAD + CRC_BYTES
MAX_ENCODED = MAX_FRAME + MAX_FRAME // 254 + 1
"""Longest COBS form of a frame, without its two zero bytes."""

HISTOGRAM_BUCKETS = 32
"""Bucket 0 counts latencies below 2 ticks, bucket n those in [2**n, 2**(n+1)), the last all above."""


class FrameType(IntEnum):
    """What a frame carries."""

    DATA = 0
    ACK = 1
    HELLO = 2
    HELLO_REPLY = 3
    REQUEST = 4
    REPLY = 5
    POLL = 6
    STATUS = 7


class Channel(IntEnum):
    """Channel numbers with a fixed meaning; the rest is the image's choice."""

    CONTROL = 0
    MANAGEMENT = 1
    LOG = 2


class ChannelKind(IntEnum):
    """Who speaks on a channel."""

    CONTROL = 0
    MANAGEMENT = 1
    LOG = 2
    RT = 3
    GUEST = 4
    OTHER = 5


class FrameFlags(IntFlag):
    """Bits of FrameHeader.flags."""

    STAMPED = 1  # DATA of a session that was open at the start: u64 board time in ns before the bytes


class PollFlags(IntFlag):
    """Bits of PollEntry.flags."""

    RETRANSMIT = 1


class Op(IntEnum):
    """Management operations, with their arguments and the data of their replies."""

    PING = 0  # any bytes -> the same bytes
    TASKS = 1  # ListArgs -> ListHead, TaskEntry...
    REALTIME = 2  # ListArgs -> ListHead, RealtimeEntry...
    TASK = 3  # TaskArgs -> nothing
    MEMORY = 4  # ListArgs -> ListHead, MemoryEntry...
    SHUTDOWN = 5  # ShutdownArgs -> nothing (sent before the board stops)
    PICTURE = 6  # PictureArgs -> PictureHead, then what its kind says; BUSY until the console server has answered


class PictureKind(IntEnum):
    """What follows a PictureHead."""

    NAMES = 0  # names of places, a line each: the answer to an empty name
    CELLS = 1  # CellRun...: a terminal, row after row
    PIXELS = 2  # PixelRun...: a guest's screen, row after row; 0 by 0 while it is off


class ReplyStatus(IntEnum):
    """Outcome of a request."""

    OK = 0
    UNKNOWN_OP = 1
    BAD_ARGUMENT = 2
    NO_SUCH_TASK = 3
    REFUSED = 4
    BUSY = 5


class TaskAction(IntEnum):
    """What Op.TASK does to a task."""

    STOP = 0
    PAUSE = 1
    RESUME = 2
    RESTART = 3


class TaskState(IntEnum):
    """State of a task as the supervisor sees it."""

    RUNNING = 0
    PAUSED = 1
    STOPPED = 2
    FAULTED = 3
    EXITED = 4


class TaskKind(IntEnum):
    """What a task is in its image."""

    SERVER = 0
    GUEST = 1
    RT = 2
    ROOT = 3


Name = PaddedString(NAME_BYTES, "ascii")

# channel of the stream; type is a FrameType; flags are FrameFlags, upper byte 0 for ever.
FrameHeader = Struct(
    "channel" / Int8ul,
    "type" / Int8ul,
    "flags" / Int16ul,
    "offset" / Int32ul,
)

# payload of ACK (frame offset = next byte expected); window in bytes beyond that offset.
Ack = Struct("window" / Int32ul)

# payload of HELLO, on channel 0, offset 0; session is never 0.
Hello = Struct(
    "session" / Int32ul,
    "version" / Int32ul,
    "window" / Int32ul,
)

# head of HELLO_REPLY, followed by channel_count ChannelEntry. boot_id differs from boot to boot
# (TSC at start); server_epoch counts starts of the serial server since boot.
HelloReply = Struct(
    "session" / Int32ul,
    "version" / Int32ul,
    "boot_id" / Int64ul,
    "server_epoch" / Int32ul,
    "max_payload" / Int32ul,
    "channel_count" / Int32ul,
    "reserved" / Int32ul,
)

# one channel; dropped = bytes lost since boot because nobody listened.
ChannelEntry = Struct(
    "number" / Int8ul,
    "kind" / Int8ul,
    "reserved" / Int16ul,
    "tx_offset" / Int32ul,
    "rx_offset" / Int32ul,
    "rx_window" / Int32ul,
    "dropped" / Int32ul,
    "name" / Name,
)

# head of POLL, on channel 0, offset 0, followed by count PollEntry.
Poll = Struct(
    "session" / Int32ul,
    "sequence" / Int32ul,
    "count" / Int32ul,
)

PollEntry = Struct(
    "number" / Int8ul,
    "flags" / Int8ul,
    "reserved" / Int16ul,
    "offset" / Int32ul,
)

# head of STATUS, on channel 0, offset 0, followed by count StatusEntry (0 when session differs
# from the poll's). Counters are those of this serial server since boot, modulo 2**32.
Status = Struct(
    "session" / Int32ul,
    "sequence" / Int32ul,
    "boot_id" / Int64ul,
    "board_time_ns" / Int64ul,
    "server_epoch" / Int32ul,
    "frames_received" / Int32ul,
    "frames_sent" / Int32ul,
    "crc_errors" / Int32ul,
    "garbage_bytes" / Int32ul,
    "uart_overruns" / Int32ul,
    "count" / Int32ul,
    "reserved" / Int32ul,
)

StatusEntry = Struct(
    "number" / Int8ul,
    "flags" / Int8ul,
    "reserved" / Int16ul,
    "tx_sent" / Int32ul,
    "tx_end" / Int32ul,
    "rx_offset" / Int32ul,
    "rx_window" / Int32ul,
    "dropped" / Int32ul,
)

# head of REQUEST, on channel 1; the rest of the payload is the op's argument struct.
Request = Struct(
    "id" / Int32ul,
    "op" / Int16ul,
    "reserved" / Int16ul,
)

# head of REPLY, on channel 1; data follows only when status is OK.
Reply = Struct(
    "id" / Int32ul,
    "op" / Int16ul,
    "status" / Int16ul,
)

# arguments of the listing ops: index of the first record wanted.
ListArgs = Struct("first" / Int32ul)

# head of a list: total records there are, index of the first and number of those that follow.
# `time` pair: board time at which the list was made (ns since boot, and TSC ticks).
ListHead = Struct(
    "total" / Int32ul,
    "first" / Int32ul,
    "count" / Int32ul,
    "tsc_khz" / Int32ul,
    "board_time_ns" / Int64ul,
    "board_ticks" / Int64ul,
)

TaskEntry = Struct(
    "name" / Name,
    "kind" / Int8ul,
    "state" / Int8ul,
    "priority" / Int8ul,
    "channel" / Int8ul,
    "restarts" / Int32ul,
    "budget_us" / Int32ul,
    "period_us" / Int32ul,
    "run_ticks" / Int64ul,
)

# statistics of a real-time task. Latency: from the release time programmed to the first instruction
# the task does after its wait. A tick is a TSC tick (one instruction under -icount shift=0).
# With periods == 0 all latencies are 0. The first release was due at start_ticks.
RealtimeEntry = Struct(
    "name" / Name,
    "period_us" / Int32ul,
    "budget_us" / Int32ul,
    "deadline_us" / Int32ul,
    "reserved" / Int32ul,
    "start_ticks" / Int64ul,
    "last_ticks" / Int64ul,
    "periods" / Int64ul,
    "misses" / Int64ul,
    "min_ticks" / Int64ul,
    "median_ticks" / Int64ul,
    "max_ticks" / Int64ul,
    "min_ns" / Int64ul,
    "median_ns" / Int64ul,
    "max_ns" / Int64ul,
    "histogram" / Int32ul[HISTOGRAM_BUCKETS],
)

TaskArgs = Struct(
    "name" / Name,
    "action" / Int32ul,
)

# a place of the console server, and the first cell or pixel wanted, counted row after row.
PictureArgs = Struct(
    "name" / PaddedString(PLACE_BYTES, "ascii"),
    "offset" / Int32ul,
)

# head of a piece of a picture; next: the offset behind its last run, width * height at the end.
PictureHead = Struct(
    "kind" / Int8ul,
    "reserved" / Int8ul,
    "width" / Int16ul,
    "height" / Int16ul,
    "runs" / Int16ul,
    "next" / Int32ul,
)

# equal cells: the character (bit 31: underlined), two colours 0x00rrggbb, how many.
CellRun = Struct(
    "code" / Int32ul,
    "fore" / Int32ul,
    "back" / Int32ul,
    "count" / Int32ul,
)

# equal pixels: 0x00rrggbb, how many.
PixelRun = Struct(
    "colour" / Int32ul,
    "count" / Int32ul,
)

MemoryEntry = Struct(
    "name" / Name,
    "account_bytes" / Int64ul,
    "used_bytes" / Int64ul,
)

# exit code the board hands to the debug-exit port: QEMU then ends with 2 * code + 1.
ShutdownArgs = Struct("code" / Int32ul)

C_PREFIX = "link_"

C_STRUCTS = {
    "frame_header": FrameHeader,
    "ack": Ack,
    "hello": Hello,
    "hello_reply": HelloReply,
    "channel_entry": ChannelEntry,
    "poll": Poll,
    "poll_entry": PollEntry,
    "status": Status,
    "status_entry": StatusEntry,
    "request": Request,
    "reply": Reply,
    "list_args": ListArgs,
    "list_head": ListHead,
    "task_entry": TaskEntry,
    "realtime_entry": RealtimeEntry,
    "task_args": TaskArgs,
    "picture_args": PictureArgs,
    "picture_head": PictureHead,
    "cell_run": CellRun,
    "pixel_run": PixelRun,
    "memory_entry": MemoryEntry,
    "shutdown_args": ShutdownArgs,
}
"""C struct name (after the prefix) -> layout; the header generator writes these."""

C_CONSTANTS = {
    "VERSION": VERSION,
    "MAX_PAYLOAD": MAX_PAYLOAD,
    "MAX_CHANNELS": MAX_CHANNELS,
    "WINDOW_BYTES": WINDOW_BYTES,
    "NAME_BYTES": NAME_BYTES,
    "MAX_FRAME": MAX_FRAME,
    "MAX_ENCODED": MAX_ENCODED,
    "HISTOGRAM_BUCKETS": HISTOGRAM_BUCKETS,
}

C_ENUMS = {
    "type": FrameType,
    "channel": Channel,
    "kind": ChannelKind,
    "frame_flag": FrameFlags,
    "poll_flag": PollFlags,
    "op": Op,
    "picture_kind": PictureKind,
    "reply_status": ReplyStatus,
    "task_action": TaskAction,
    "task_state": TaskState,
    "task_kind": TaskKind,
}
"""C enum name -> Python enum; values are spelt PREFIX_NAME_MEMBER in upper case."""
