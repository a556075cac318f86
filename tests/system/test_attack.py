# SPDX-License-Identifier: MIT
"""Tasks that loop, crash, flood, return, use up their account, call the kernel at random or run what they may not."""

from __future__ import annotations

import re

from l4vm.console.qemu import Boot
from l4vm.exit_codes import ExitCode
from tests.system.conftest import Board

ROW_MAX = 5
"""Restarts in a row that devsrv/root/supervise.c allows."""


def test_hostile_tasks_disturb_neither_deadlines_nor_the_guest(attack: Board) -> None:
    run = attack.run(["leon0=# ", ">leon0=uname -m\\n", "leon0=sparc"], 900.0, Boot(icount=True))
    assert run.outcome.code is ExitCode.OK, run.outcome.reason
    heartbeat = {task["task"]: task for task in run.outcome.realtime}["heartbeat"]
    assert heartbeat["misses"] == 0
    assert int(str(heartbeat["periods"])) > 1000
    log = run.log("log").decode()
    assert "crashes: page fault at rip" in log
    assert log.count("crashes: started anew") == ROW_MAX
    assert "crashes: failed too often, stays stopped" in log
    assert "jumps: exception 13" in log
    assert "returns: ended with code 3" in log
    assert "returns: stays stopped" in log
    assert re.search(r"exhausts: made [1-9]\d* threads, then: NO_MEMORY", log)
    for innocent in ("heartbeat", "leon0", "serial"):
        assert f"{innocent}: " not in log
