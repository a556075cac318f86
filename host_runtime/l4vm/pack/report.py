# SPDX-License-Identifier: MIT
"""The report of an image: what is in it, how large it is, who may run when, and whether all deadlines hold.

`report_json` gives the facts in the form of report.schema.json beside this file (integers in bytes or us);
`report_text` the same to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from l4vm.description import Description, Resolved
from l4vm.description.schedule import utilisation
from l4vm.formats.system_table import MemoryFlags, SystemTable

SCHEMA = 1
NO_CHANNEL = 255


def report_json(
    description: Description, resolved: Resolved, programs: Mapping[str, bytes], image_bytes: int, boot_bytes: int
) -> dict[str, Any]:
    """Return the report's facts."""
    table, size = resolved.table, {"image": image_bytes, "boot_file": boot_bytes}
    reserved = utilisation([entry.share for entry in description.analysis]) if table.task else 0
    return {
        "schema": SCHEMA,
        "board": description.board.name,
        "image": description.image.name,
        "bytes": {**size, "blobs": len(resolved.blobs), "ram": resolved.ram_bytes},
        "programs": {name: len(data) for name, data in sorted(programs.items())},
        "tasks": _tasks(table),
        "memory": [
            {"name": m.name, "bytes": m.bytes, "in_image": bool(m.flags & MemoryFlags.IN_IMAGE)} for m in table.memory
        ],
        "maps": [
            {
                "task": table.task[m.task].name,
                "memory": table.memory[m.memory].name,
                "va": m.va,
                "bytes": m.bytes,
                "rights": "".join(c if m.rights & bit else "-" for c, bit in (("r", 1), ("w", 2), ("x", 4))),
            }
            for m in sorted(table.map, key=lambda m: (m.task, m.va))
        ],
        "channels": resolved.channels,
        "schedule": [
            {"task": a.name, "priority": a.share.priority, "response_us": a.response_us, "deadline_us": a.deadline_us}
            for a in (description.analysis if table.task else ())
        ],
        "processor_permille": {"reserved": round(reserved * 1000), "left_for_guests": 1000 - round(reserved * 1000)},
    }


def _tasks(table: SystemTable) -> list[dict[str, Any]]:
    return [
        {
            "name": task.name,
            "kind": task.kind.name.lower(),
            "restart": task.restart.name.lower(),
            "channel": None if task.channel == NO_CHANNEL else task.channel,
            "priority": table.thread[i].priority,
            "budget_us": table.sched[table.thread[i].sched].budget_us,
            "period_us": table.sched[table.thread[i].sched].period_us,
            "kernel_memory": task.account_bytes,
        }
        for i, task in enumerate(table.task)
    ]


def _columns(*rows: list[str]) -> list[str]:
    """Return rows of cells, the first their heads, as aligned lines after an empty one; nothing without rows."""
    if len(rows) < 2:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return ["", *(f"  {line}".rstrip() for line in lines)]


def report_text(report: dict[str, Any]) -> str:
    """Return the report to read."""
    size, processor = report["bytes"], report["processor_permille"]
    lines = [f"image {report['image']} for board {report['board']}", ""]
    kib = {name: f"{value // 1024} KiB" for name, value in size.items()}
    lines.append(f"boot file {kib['boot_file']}, packed image {kib['image']}, RAM taken {kib['ram']}")
    lines += _columns(["program", "KiB"], *([name, str(n // 1024)] for name, n in report["programs"].items()))
    tasks = []
    for t in report["tasks"]:
        channel, share = "-" if t["channel"] is None else str(t["channel"]), f"{t['budget_us']}/{t['period_us']}"
        tasks.append([t["name"], t["kind"], str(t["priority"]), share, channel, t["restart"]])
    lines += _columns(["task", "kind", "priority", "budget/period us", "channel", "on failure"], *tasks)
    lines += _columns(["channel", "name"], *([str(n), name] for name, n in report["channels"].items()))
    schedule = [[a["task"], str(a["response_us"]), str(a["deadline_us"])] for a in report["schedule"]]
    lines += _columns(["longest response of", "us", "deadline us"], *schedule)
    if schedule:
        reserved, left = (f"{processor[key] / 10:.1f} %" for key in ("reserved", "left_for_guests"))
        lines += ["", f"  reserved of the processor {reserved}, left for guests {left} at least"]
    memory = [[m["name"], str(m["bytes"] // 1024), "image" if m["in_image"] else "RAM"] for m in report["memory"]]
    lines += _columns(["memory", "KiB", "where"], *memory)
    maps = [[m["task"], f"0x{m['va']:x}", str(m["bytes"] // 1024), m["rights"], m["memory"]] for m in report["maps"]]
    lines += _columns(["task", "address", "KiB", "rights", "memory"], *maps)
    return "\n".join(lines) + "\n"
