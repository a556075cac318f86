# SPDX-License-Identifier: MIT
"""`l4vm console URL`: talk to the channels of a board on a serial line.

URL is a port (/dev/ttyUSB0), `unix:PATH`, or any URL pyserial opens (socket://HOST:PORT,
rfc2217://…).
A line that ends is opened again; the session goes on where it was. Scripts work as in `l4vm run`.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from pathlib import Path

import click

from l4vm.cli.files import ExistingFile
from l4vm.cli.run import report
from l4vm.cli.scripted import StepCommand, script_options, steps_of
from l4vm.cli.terminate import on_terminate
from l4vm.console.backtrace import symbolise
from l4vm.console.conversation import Conversation, Manner
from l4vm.console.door import Door
from l4vm.console.keys import raw_keyboard
from l4vm.console.logs import Logs, default_folder
from l4vm.console.screen import Screen
from l4vm.console.script import Script
from l4vm.exit_codes import ExitCode
from l4vm.link.line import Inbox, Line, open_line


@click.command(cls=StepCommand)
@click.argument("url")
@click.option(
    "--baud", type=click.IntRange(300, 4_000_000), default=115200, show_default=True, help="Bits/s."
)
@click.option("--quiet", is_flag=True, help="Print no channel output.")
@click.option(
    "--symbols",
    type=ExistingFile(),
    help="Kernel ELF that names the addresses of a panic.",
)
@click.option(
    "--logs",
    "logs_folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the log files [default: a new one in ~/.local/state/l4vm/logs].",
)
@script_options
@click.pass_context
def command(
    ctx: click.Context,
    url: str,
    baud: int,
    quiet: bool,
    symbols: Path | None,
    logs_folder: Path | None,
    headless: bool,
    timeout: float | None,
    json_path: Path | None,
) -> None:
    """Talk to the channels of the board at URL.

    Exit codes: 0 every --until was met or you quit, 2 bad arguments, 3 the line cannot be opened,
    4 time out, 5 the board panicked.
    """
    inbox = Inbox()

    def reopen() -> Line:
        return open_line(url, inbox, baud)

    line = reopen()
    logs = Logs(logs_folder or default_folder("console"))
    script = Script(steps_of(ctx))
    terminal = sys.stdout.isatty() and not headless
    screen = None if quiet else Screen(sys.stderr if headless else sys.stdout, terminal)
    manner = Manner(headless=headless, timeout_s=timeout, reopen=reopen)
    keyboard = not headless and sys.stdin.isatty()
    previous = signal.signal(signal.SIGTERM, on_terminate)
    talk = Conversation(line, inbox, script, screen, logs, manner)
    try:
        with Door(inbox, "console"), raw_keyboard(inbox) if keyboard else contextlib.nullcontext():
            if screen is not None and keyboard:
                screen.note(f"ctrl-t ? helps, ctrl-t q quits; logs in {logs.folder}")
            outcome = talk.run()
    finally:
        signal.signal(signal.SIGTERM, previous)
        talk.close()
        logs.close()
    if outcome.panic:
        text = outcome.panic.decode("ascii", "replace")
        click.echo(symbolise(text, symbols) if symbols else text, err=True)
    report(json_path, outcome, script, logs, {"url": url, "link": talk.connection.counters()})
    if outcome.code is not ExitCode.OK or headless:
        click.echo(f"l4vm console: {outcome.reason} (logs: {logs.folder})", err=True)
    ctx.exit(int(outcome.code))
