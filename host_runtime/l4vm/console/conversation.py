# SPDX-License-Identifier: MIT
"""A conversation with a board: line, script, screen, keyboard and logs in one loop.

What is here: `Conversation.run`, which `l4vm run` and `l4vm console` call, and its `Outcome`.

Rules of use: one thread runs the loop; everything that happens comes through one queue (line bytes,
keys, the end of QEMU). The loop ends when the script is done (headless), the time is up, the board
panicked, what it talks to ended, or the user quits. Real-time statistics are asked for over the
management channel before it ends.
"""

from __future__ import annotations

import base64
import contextlib
import queue
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from construct import ConstructError

from l4vm.console.door import Asked
from l4vm.console.keys import HELP, Command, KeyBytes, Keys, Typed
from l4vm.console.logs import Logs
from l4vm.console.screen import MERGE_S, Screen
from l4vm.console.script import Script
from l4vm.errors import L4vmError
from l4vm.exit_codes import ExitCode
from l4vm.formats import link as wire
from l4vm.link.connection import BOOT, ChannelText
from l4vm.link.line import Closed, Inbox, Line, Received
from l4vm.link.lines import Connections
from l4vm.link.management import Listing, realtime_json, realtime_listing, tasks_json, tasks_listing
from l4vm.link.session import Dropped, Lost, Opened, Refused, Replied

PANIC = re.compile(rb"\bPANIC\b")
PANIC_LISTEN_S = 1.5
"""After a panic's first line the rest of it (registers, backtrace) is read for so long."""
STATISTICS_S = 60.0
"""Longest wait for the statistics at the end; an emulated board is slow."""
REOPEN_S = 1.0


@dataclass(frozen=True)
class Ended:
    """What the line led to ended (QEMU, for one), with a sentence that says how."""

    sentence: str


@dataclass
class Outcome:
    """How a conversation ended."""

    code: ExitCode = ExitCode.OK
    reason: str = ""
    realtime: list[dict[str, object]] = field(default_factory=list)
    board_time_ns: int = 0
    board_ticks: int = 0
    panic: bytes = b""


@dataclass(frozen=True)
class Manner:
    """How a conversation is led.

    Attributes:
        headless: end when the script is done.
        timeout_s: end after so many seconds; None: never.
        reopen: opens the line again after it closed; None: the line's owner says by `Ended`
            that it is over.
        statistics: ask for real-time statistics at the end.
        preset: session that the board was started with; 0: greet it.
    """

    headless: bool = False
    timeout_s: float | None = None
    reopen: Callable[[], Line] | None = None
    statistics: bool = True
    preset: int = 0


class Conversation:
    """Talk to one board until there is a reason to stop, over its line and `further` ones."""

    def __init__(
        self,
        line: Line,
        inbox: Inbox,
        script: Script,
        screen: Screen | None,
        logs: Logs,
        manner: Manner,
        further: Sequence[Line] = (),
    ) -> None:
        self.outcome = Outcome()
        self._began = time.monotonic()
        self.connection = Connections([line, *further], self._began, manner.preset)
        self._line = line
        self._inbox = inbox
        self._script = script
        self._screen = screen
        self._logs = logs
        self._manner = manner
        self._keys = Keys()
        self._over = False
        self._panic_since: float | None = None
        self._boot_text = bytearray()
        self._asked: float | None = None
        self._reopen_at: float | None = None
        self._visitors: deque[Asked] = deque()
        for name in (BOOT,):
            self._logs.open(name)

    def run(self) -> Outcome:
        """Lead the conversation to its end."""
        self._script.begin()
        try:
            while not self._over:
                self._turn()
        except KeyboardInterrupt:
            self._end(ExitCode.INTERRUPTED, "stopped by the user")
        finally:
            if self._screen is not None:
                self._screen.end()
        return self.outcome

    def close(self) -> None:
        """Close the line."""
        self._line.close()

    # ---- the loop ----

    def _turn(self) -> None:
        now = time.monotonic()
        wait = max(0.0, self._next_due(now) - now)
        with contextlib.suppress(queue.Empty):
            self._take(self._inbox.get(timeout=wait) if wait else self._inbox.get_nowait())
        now = time.monotonic()
        if self._reopen_at is None:
            self.connection.tick(now)
        elif now >= self._reopen_at:
            self._try_reopen(now)
        self._events(now)
        self._answer_visitor()
        if self._screen is not None and self._screen.has_unfinished:
            self._screen.tick(now)
        self._check(now)

    def _next_due(self, now: float) -> float:
        due = now + 0.5
        if self._reopen_at is None:
            due = min(due, self.connection.next_tick())
        if self._manner.timeout_s is not None:
            due = min(due, self._began + self._manner.timeout_s)
        if self._screen is not None and self._screen.has_unfinished:
            due = min(due, now + MERGE_S)
        return due

    def _take(self, item: object) -> None:
        if isinstance(item, Received):
            self.connection.received(item.data, time.monotonic(), item.line)
        elif isinstance(item, KeyBytes):
            for key in self._keys.feed(item.data):
                self._typed(key.data) if isinstance(key, Typed) else self._command(key)
        elif isinstance(item, Asked):
            self._visitors.append(item)
        elif isinstance(item, Ended):
            self._line_ends(item.sentence)
        elif isinstance(item, Closed) and self._reopen_at is None:
            self._closed(item.reason)

    def _events(self, now: float) -> None:
        for event in self.connection.take_events():
            if isinstance(event, ChannelText):
                self._channel_text(event, now)
            elif isinstance(event, Opened):
                self._opened(event)
            elif isinstance(event, Lost):
                self._note("the board forgot the session; greeting it again")
            elif isinstance(event, Dropped):
                self._note(f"channel {event.channel}: {event.count} bytes were dropped unheard")
            elif isinstance(event, Refused):
                self._end(ExitCode.ENVIRONMENT, event.sentence)
        self._play()

    def _check(self, now: float) -> None:
        """End if there is a reason to."""
        if self._over:
            return
        if self._panic_since is not None:
            if now - self._panic_since >= PANIC_LISTEN_S:
                self._panicked()
            return
        if self._asked is not None:
            if now - self._asked >= STATISTICS_S:
                self._end(self.outcome.code, self.outcome.reason + "; no statistics came")
            return
        if self._script.done and self._manner.headless and self._script.steps:
            self._finish(ExitCode.OK, "every step was taken")
        elif self._manner.timeout_s is not None and now - self._began >= self._manner.timeout_s:
            self._timed_out()

    def _timed_out(self) -> None:
        limit = f"{self._manner.timeout_s:g} s"
        if self._script.done:
            self._finish(ExitCode.OK, f"ran for {limit}")
            return
        waiting = self._script.waiting
        wish = f"'{waiting.regex}' on {waiting.channel}" if waiting else "the session"
        met = len(self._script.matches)
        reason = f"{limit} passed while waiting for {wish} ({met} matches before)"
        if not self.connection.is_open:
            reason += "; the board never answered on its link"
        self._finish(ExitCode.TIMEOUT, reason)

    # ---- what comes in ----

    def _channel_text(self, event: ChannelText, now: float) -> None:
        self._logs.write(event.name, event.data)
        if self._screen is not None:
            self._screen.write(event.name, event.data, now)
        self._script.feed(event.name, event.data, event.board_time_ns)
        if event.name == BOOT:
            self._boot_text = (self._boot_text + event.data)[-65536:]
            if self._panic_since is None and PANIC.search(self._boot_text):
                self._panic_since = now

    def _opened(self, event: Opened) -> None:
        names = [info.name for info in event.channels]
        for name in names:
            self._logs.open(name)
            if self._screen is not None:
                self._screen.add(name)
        unknown = sorted(self._script.channels - set(names) - {BOOT})
        if unknown:
            self._end(
                ExitCode.USAGE,
                f"no channel '{unknown[0]}': this board has {', '.join([BOOT, *names])}",
            )
        if self._screen is not None and self._screen.selected not in names:
            guests = [info.name for info in event.channels if info.number >= 8]
            self._screen.select((guests or names or [None])[0])  # type: ignore[list-item]

    def _play(self) -> None:
        """Send what the script says next, once the board listens."""
        while not self._over and self.connection.is_open:
            step = self._script.next_send()
            if step is None:
                return
            if step.channel == BOOT:
                self._end(ExitCode.USAGE, f"--send {BOOT}=...: boot text goes one way, to here")
                return
            self.connection.send(step.channel, step.data)

    def _closed(self, reason: str) -> None:
        if self._manner.reopen is None:
            return
        self._note(f"the line ended ({reason}); opening it again")
        self._reopen_at = time.monotonic() + REOPEN_S

    def _try_reopen(self, now: float) -> None:
        assert self._manner.reopen is not None
        try:
            self._line.close()
            self._line = self._manner.reopen()
        except L4vmError:
            self._reopen_at = now + REOPEN_S
            return
        self._reopen_at = None
        self._note("the line is back")
        self.connection.reopen(self._line, now)

    def _line_ends(self, sentence: str) -> None:
        """What we talk to is gone; keep an earlier verdict if there is one."""
        if self._panic_since is not None:
            self._panicked()
        elif self._asked is not None:
            self._end(self.outcome.code, self.outcome.reason)
        elif self._script.done and self._script.steps:
            self._end(ExitCode.OK, "every step was taken")
        elif not self._over:
            self._end(ExitCode.ENDED_EARLY, sentence)

    def _panicked(self) -> None:
        start = PANIC.search(self._boot_text)
        begin = self._boot_text.rfind(b"\n", 0, start.start()) + 1 if start else 0
        self.outcome.panic = bytes(self._boot_text[begin:])
        first = self.outcome.panic.split(b"\n", 1)[0].decode("ascii", "replace").strip()
        self._end(ExitCode.BOARD_PANIC, f"the board panicked: {first}")

    # ---- who comes through the door ----

    def _answer_visitor(self) -> None:
        """Begin the next question of another command, when root has answered the one before."""
        if not self._visitors or self._over or not self.connection.is_open or self.connection.is_asking:
            return
        asked = self._visitors.popleft()
        what, request = asked.request.get("do"), asked.request
        actions = [action.name for action in wire.TaskAction]
        if what == "tasks":
            self.connection.ask(tasks_listing(), lambda listing: asked.answer.put(_tasks(listing)))
        elif what == "task" and request.get("action") in actions:
            name = str(request.get("name", ""))[: wire.NAME_BYTES]
            action = wire.TaskAction[str(request["action"])]
            try:
                arguments = wire.TaskArgs.build({"name": name, "action": action})
            except ConstructError:
                asked.answer.put({"error": f"'{name}' is no name of a task"})
                return
            self.connection.do(wire.Op.TASK, arguments, lambda reply: asked.answer.put(_status(reply)))
        elif what == "picture":
            try:
                wanted = {"name": request.get("name", ""), "offset": request.get("offset", 0)}
                arguments = wire.PictureArgs.build(wanted)
            except (ConstructError, TypeError, AttributeError):
                asked.answer.put({"error": f"{request!r}: no name of a place and an offset"})
                return
            self.connection.do(wire.Op.PICTURE, arguments, lambda reply: asked.answer.put(_status(reply)))
        else:
            known = f"do is tasks, task with one of {actions}, or picture"
            asked.answer.put({"error": f"unknown request {request!r}: {known}"})

    # ---- the end ----

    def _finish(self, code: ExitCode, reason: str) -> None:
        """End with a verdict, after asking for the statistics."""
        self.outcome.code, self.outcome.reason = code, reason
        if not (self._manner.statistics and self.connection.is_open):
            self._end(code, reason)
            return
        self._asked = time.monotonic()
        try:
            self.connection.ask(realtime_listing(), self._statistics)
        except RuntimeError:
            self._end(code, reason)

    def _statistics(self, listing: Listing | L4vmError) -> None:
        if isinstance(listing, L4vmError):
            self._end(self.outcome.code, f"{self.outcome.reason}; no statistics: {listing}")
            return
        self.outcome.realtime = realtime_json(listing)
        self.outcome.board_time_ns = listing.board_time_ns
        self.outcome.board_ticks = listing.board_ticks
        self._end(self.outcome.code, self.outcome.reason)

    def _end(self, code: ExitCode, reason: str) -> None:
        if not self._over:
            self.outcome.code, self.outcome.reason = code, reason
            self._over = True

    # ---- the user ----

    def _note(self, text: str) -> None:
        if self._screen is not None:
            self._screen.note(text)

    def _typed(self, data: bytes) -> None:
        assert self._screen is not None
        name = self._screen.selected
        if name is not None and name in self.connection.names:
            self.connection.send(name, data)

    def _command(self, command: Command) -> None:
        screen = self._screen
        assert screen is not None
        names = list(self.connection.names)
        key = command.key
        if key == "q":
            self._finish(ExitCode.OK, "ended by the user")
        elif key == "t":
            screen.timestamps = not screen.timestamps
        elif key == "a":
            screen.only_selected = not screen.only_selected
            self._note("selected channel only" if screen.only_selected else "all channels")
        elif key == "m" and screen.selected:
            off = screen.mute(screen.selected)
            self._note(f"{screen.selected} is {'muted' if off else 'shown'}")
        elif key == "r" and self.connection.is_open and self._asked is None:
            self.connection.ask(realtime_listing(), self._show_statistics)
        elif key == "l":
            self._note("\n".join(f"{i}  {name}" for i, name in enumerate(names)))
            self._note(f"logs: {self._logs.folder}")
        elif key in "np" and names:
            at = names.index(screen.selected) if screen.selected in names else 0
            self._select(names[(at + (1 if key == "n" else -1)) % len(names)])
        elif key.isdigit() and int(key) < len(names):
            self._select(names[int(key)])
        else:
            self._note(HELP)

    def _select(self, name: str) -> None:
        assert self._screen is not None
        self._note(f"typing to {name}")
        self._screen.select(name)

    def _show_statistics(self, listing: Listing | L4vmError) -> None:
        if isinstance(listing, L4vmError):
            self._note(str(listing))
            return
        for task in realtime_json(listing):
            latency = task["latency_insns"]
            self._note(
                f"{task['task']}: {task['periods']} periods, {task['misses']} misses, "
                f"latency in ticks {latency}"
            )


def _tasks(listing: Listing | L4vmError) -> dict[str, object]:
    return {"error": str(listing)} if isinstance(listing, L4vmError) else {"tasks": tasks_json(listing)}


def _status(reply: Replied | L4vmError) -> dict[str, object]:
    if isinstance(reply, L4vmError):
        return {"error": str(reply)}
    answer: dict[str, object] = {"status": wire.ReplyStatus(reply.status).name}
    return answer | {"data": base64.b64encode(reply.data).decode()} if reply.data else answer
