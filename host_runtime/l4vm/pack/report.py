# SPDX-License-Identifier: MIT
"""The report of an image: what is in it, how large it is, who may run when, and whether all deadlines hold.

`report_json` gives the facts (schema 1: the keys below, all integers in bytes or us); `report_text` the same to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from l4vm.description import Description, Resolved
from l4vm.formats.system_table import MemoryFlags

SCHEMA = 1


def report_json(
    description: Description, resolved: Resolved, programs: Mapping[str, bytes], image_bytes: int, boot_bytes: int
) -> dict[str, Any]:
    """Return the report's facts."""
    table = resolved.table
    return {
        "schema": SCHEMA,
        "board": description.board.name,
        "image": description.image.name,
        "bytes": {"image": image_bytes, "boot_file": boot_bytes, "blobs": len(resolved.blobs), "ram": resolved.ram_bytes},
        "programs": {name: len(data) for name, data in sorted(programs.items())},
        "tasks": [
            {
                "name": task.name,
                "kind": task.kind.name.lower(),
                "restart": task.restart.name.lower(),
                "channel": task.channel,
                "priority": table.thread[i].priority,
                "budget_us": table.sched[table.thread[i].sched].budget_us,
                "period_us": table.sched[table.thread[i].sched].period_us,
                "kernel_memory": task.account_bytes,
            }
            for i, task in enumerate(table.task)
        ],
        "memory": [
            {"name": m.name, "bytes": m.bytes, "in_image": bool(m.flags & MemoryFlags.IN_IMAGE)} for m in table.memory
        ],
        "channels": resolved.channels,
        "schedule": [
            {"task": a.name, "priority": a.share.priority, "response_us": a.response_us, "deadline_us": a.deadline_us}
            for a in description.analysis
        ],
    }


def _table(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def report_text(report: dict[str, Any]) -> str:
    """Return the report to read."""
    size = report["bytes"]
    lines = [f"image {report['image']} for board {report['board']}", ""]
    lines.append(f"boot file {size['boot_file'] // 1024} KiB, packed image {size['image'] // 1024} KiB, RAM taken {size['ram'] // 1024} KiB")
    if report["tasks"]:
        rows = [["task", "kind", "priority", "budget/period us", "channel", "on failure"]]
        for t in report["tasks"]:
            channel = "-" if t["channel"] == 255 else str(t["channel"])
            rows.append([t["name"], t["kind"], str(t["priority"]), f"{t['budget_us']}/{t['period_us']}", channel, t["restart"]])
        lines += ["", *_table(rows)]
    if report["schedule"]:
        rows = [["longest response", "us", "deadline us"]]
        rows += [[a["task"], str(a["response_us"]), str(a["deadline_us"])] for a in report["schedule"]]
        lines += ["", *_table(rows)]
    if report["memory"]:
        rows = [["memory", "KiB", "where"]]
        rows += [[m["name"], str(m["bytes"] // 1024), "image" if m["in_image"] else "RAM"] for m in report["memory"]]
        lines += ["", *_table(rows)]
    return "\n".join(lines) + "\n"
