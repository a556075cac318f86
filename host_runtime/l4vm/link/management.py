# SPDX-License-Identifier: MIT
"""Questions to a board over its management channel, and their answers as plain data.

What is here: one class per question. A question is sent in steps, because lists come in pieces that
fit a frame: `arguments` gives the next request's arguments, `take` swallows a reply and says
whether that was
the last. No I/O; `l4vm.link.connection` carries them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from construct import Construct, ConstructError

from l4vm.errors import L4vmError
from l4vm.formats import link as wire


def _entries(data: bytes, layout: Construct) -> tuple[Any, list[Any]]:
    """Parse a list reply.

    Raises:
        L4vmError: its length does not fit its head.
    """
    size = layout.sizeof()
    head_bytes = wire.ListHead.sizeof()
    try:
        head = wire.ListHead.parse(data)
    except ConstructError as bad:
        raise L4vmError(f"reply of {len(data)} bytes is too short for a list", "", 1) from bad
    if len(data) != head_bytes + head.count * size:
        raise L4vmError(
            f"reply of {len(data)} bytes does not hold {head.count} records of {size} bytes", "", 1
        )
    return head, [layout.parse(data[at : at + size]) for at in range(head_bytes, len(data), size)]


@dataclass
class Listing:
    """A list asked for piece by piece.

    Attributes:
        op: the listing operation.
        layout: its record.
        records: what came so far.
        board_time_ns: board time of the last piece; board_ticks the same in TSC ticks.
    """

    op: wire.Op
    layout: Construct
    records: list[Any] = field(default_factory=list)
    board_time_ns: int = 0
    board_ticks: int = 0
    tsc_khz: int = 0

    def arguments(self) -> bytes:
        """Return the arguments of the next request."""
        built: bytes = wire.ListArgs.build({"first": len(self.records)})
        return built

    def take(self, status: int, data: bytes) -> bool:
        """Take a reply; True when the list is whole.

        Raises:
            L4vmError: the board refused, or the reply makes no sense.
        """
        if status != wire.ReplyStatus.OK:
            raise L4vmError(f"the board answered {self.op.name} with status {status}", "", 1)
        head, records = _entries(data, self.layout)
        if head.first != len(self.records):
            raise L4vmError(
                f"the board sent records from {head.first}, {len(self.records)} expected", "", 1
            )
        self.records += records
        self.board_time_ns, self.board_ticks = head.board_time_ns, head.board_ticks
        self.tsc_khz = head.tsc_khz
        return not records or len(self.records) >= head.total


def realtime_listing() -> Listing:
    """Return the question for the statistics of all real-time tasks."""
    return Listing(wire.Op.REALTIME, wire.RealtimeEntry)


def tasks_listing() -> Listing:
    """Return the question for all tasks."""
    return Listing(wire.Op.TASKS, wire.TaskEntry)


def tasks_json(listing: Listing) -> list[dict[str, object]]:
    """Return tasks as plain data; run_ms is the processor time they had."""
    return [
        {
            "name": record.name.rstrip("\0"),
            "kind": wire.TaskKind(record.kind).name.lower(),
            "state": wire.TaskState(record.state).name.lower(),
            "priority": record.priority,
            "budget_us": record.budget_us,
            "period_us": record.period_us,
            "restarts": record.restarts,
            "run_ms": record.run_ticks // max(listing.tsc_khz, 1),
        }
        for record in listing.records
    ]


def realtime_json(listing: Listing) -> list[dict[str, object]]:
    """Return the statistics as they stand in a result file: integers, latencies in instructions.

    A latency is counted in TSC ticks; under `-icount shift=0` a tick is an instruction.
    `elapsed_ns` is the board time from the task's first release to the making of the list.
    """
    return [
        {
            "task": record.name.rstrip("\0"),
            "period_us": record.period_us,
            "periods": record.periods,
            "misses": record.misses,
            "start_ticks": record.start_ticks,
            "last_ticks": record.last_ticks,
            "elapsed_ns": (listing.board_ticks - record.start_ticks)
            * 1_000_000
            // max(listing.tsc_khz, 1),
            "latency_insns": {
                "min": record.min_ticks,
                "median": record.median_ticks,
                "max": record.max_ticks,
            },
            "latency_ns": {
                "min": record.min_ns,
                "median": record.median_ns,
                "max": record.max_ns,
            },
            "histogram": list(record.histogram),
        }
        for record in listing.records
    ]
