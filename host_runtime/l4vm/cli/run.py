# SPDX-License-Identifier: MIT
"""`l4vm run IMAGE`: boot a built image in QEMU and talk to its channels.

The image is built first, if something it is made of changed. A scripted run (--headless with
--until
and --send) ends with a documented exit code and a result file; an interactive one shows all
channels, labelled, and sends keys to one of them (ctrl-t ? helps).
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import click

from l4vm.cli.scripted import StepCommand, script_options, steps_of
from l4vm.cli.terminate import on_terminate
from l4vm.console.backtrace import symbolise
from l4vm.console.conversation import Conversation, Manner, Outcome
from l4vm.console.door import Door
from l4vm.console.keys import raw_keyboard
from l4vm.console.logs import Logs
from l4vm.console.qemu import Boot, Manifest, Qemu, command_line, line_paths
from l4vm.console.screen import Screen
from l4vm.console.script import Script
from l4vm.errors import L4vmError, nearest
from l4vm.exit_codes import ExitCode
from l4vm.link.line import Inbox

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def tree_root() -> Path:
    """Return the folder of the checkout this program runs in or belongs to.

    Raises:
        L4vmError: neither is one (exit code 3).
    """
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if (folder / "SConstruct").is_file() and (folder / "images").is_dir():
                return folder
    raise L4vmError("no L4VM checkout here", "change into the folder with SConstruct", 3)


def board_of(root: Path, image: str, board: str | None) -> str:
    """Return the board of an image: the one asked for, or the one its description names.

    Raises:
        L4vmError: there is no such image, or a name is no name (exit code 2).
    """
    for what, value in (("image", image), ("board", board or "x")):
        if not NAME.fullmatch(value):
            raise L4vmError(f"{what} '{value}' is no name", "use letters, digits, '-' and '_'")
    description = root / "images" / image / "image.toml"
    if not description.is_file():
        known = sorted(path.parent.name for path in root.glob("images/*/image.toml"))
        raise L4vmError(f"no image '{image}'", nearest(image, known))
    if board:
        return board
    try:
        return str(tomllib.loads(description.read_text())["board"])
    except (tomllib.TOMLDecodeError, KeyError) as bad:
        raise L4vmError(f"{description}: no board: {bad}", 'write board = "x86-embedded"') from bad


def build(root: Path, board: str, image: str, mode: str) -> None:
    """Bring the image up to date.

    Raises:
        L4vmError: the build failed, with its exit code, or there is no scons.
    """
    beside = Path(sys.executable).parent / "scons"
    scons = str(beside) if beside.exists() else shutil.which("scons")
    if scons is None:
        raise L4vmError("scons is not installed", "run this through ./kit l4vm ...", 3)
    words = [scons, "-s", f"board={board}", f"image={image}", f"mode={mode}", "image"]
    done = subprocess.run(words, cwd=root, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise L4vmError(f"the image {image} was not built", "see above", done.returncode)


def report(
    path: Path | None, outcome: Outcome, script: Script, logs: Logs, extra: dict[str, object]
) -> None:
    """Write the result file, if one was asked for."""
    if path is None:
        return
    result: dict[str, object] = {
        "exit_code": int(outcome.code),
        "reason": outcome.reason,
        "matches": [match.as_json() for match in script.matches],
        "channels": logs.paths(),
        "realtime": outcome.realtime,
        "board_time_ns": outcome.board_time_ns,
        "board_ticks": outcome.board_ticks,
    }
    text = json.dumps(result | extra, indent=2) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
    else:
        path.write_text(text)


def hold(
    conversation_of: type[Conversation],
    qemu: Qemu,
    inbox: Inbox,
    script: Script,
    logs: Logs,
    manner: Manner,
    quiet: bool,
) -> tuple[Outcome, Conversation]:
    """Lead the conversation with a started QEMU, with keyboard and screen as they fit."""
    screen = (
        None
        if quiet
        else Screen(
            sys.stderr if manner.headless else sys.stdout,
            sys.stdout.isatty() and not manner.headless,
        )
    )
    conversation = conversation_of(qemu.line, inbox, script, screen, logs, manner, qemu.lines[1:])
    keyboard = not manner.headless and sys.stdin.isatty()
    with raw_keyboard(inbox) if keyboard else contextlib.nullcontext():
        if screen is not None and keyboard:
            screen.note(f"ctrl-t ? helps, ctrl-t q quits; logs in {logs.folder}")
        return conversation.run(), conversation


@click.command(cls=StepCommand)
@click.argument("image")
@click.option("--board", help="Board it was built for [default: the board of its image.toml].")
@click.option(
    "--mode", type=click.Choice(["debug", "release"]), default="release", show_default=True
)
@click.option("--display", is_flag=True, help="Open QEMU's window.")
@click.option("--icount", is_flag=True, help="Count instructions as time: deterministic.")
@click.option("--paced", is_flag=True, help="As --icount, but no faster than the wall clock: to sit in front of.")
@click.option("--disk", is_flag=True, help="Boot the disk image instead of the kernel file.")
@click.option("--no-build", is_flag=True, help="Take the image as it is.")
@click.option("--quiet", is_flag=True, help="Print no channel output.")
@click.option(
    "--logs",
    "logs_folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the log files [default: logs/ beside the image].",
)
@script_options
@click.pass_context
def command(
    ctx: click.Context,
    image: str,
    board: str | None,
    mode: str,
    display: bool,
    icount: bool,
    paced: bool,
    disk: bool,
    no_build: bool,
    quiet: bool,
    logs_folder: Path | None,
    headless: bool,
    timeout: float | None,
    json_path: Path | None,
) -> None:
    """Boot IMAGE in QEMU and talk to its channels.

    Exit codes: 0 every --until was met, 2 bad arguments or image, 3 something is missing, 4
    timeout,
    5 the board panicked, 6 it ended early.
    """
    root = tree_root()
    board = board_of(root, image, board)
    if not no_build:
        build(root, board, image, mode)
    folder = root / "build" / f"{board}-{image}-{mode}"
    manifest = Manifest.load(folder / "manifest.json")
    stamp = time.strftime("%Y%m%d-%H%M%S")
    logs = Logs(logs_folder or Path(tempfile.mkdtemp(prefix=f"{stamp}-", dir=_made(folder))))
    script = Script(steps_of(ctx))
    inbox = Inbox()
    boot = Boot(disk=disk, icount=icount, display=display, paced=paced)
    manner = Manner(headless=headless, timeout_s=timeout, preset=boot.preset)
    previous = signal.signal(signal.SIGTERM, on_terminate)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="l4vm-") as scratch:
            path = f"{scratch}/line"
            words = command_line(manifest, boot, path)
            with Door(inbox, image), Qemu(words, line_paths(manifest, path), inbox) as qemu:
                outcome, talk = hold(Conversation, qemu, inbox, script, logs, manner, quiet)
    finally:
        signal.signal(signal.SIGTERM, previous)
        logs.close()
    if outcome.panic:
        text = symbolise(outcome.panic.decode("ascii", "replace"), manifest.symbols)
        click.echo(text, err=True)
    extra: dict[str, object] = {
        "image": image,
        "elapsed_s": round(time.monotonic() - began, 3),
        "qemu": words,
        "link": talk.connection.counters(),
    }
    report(json_path, outcome, script, logs, extra)
    if outcome.code is not ExitCode.OK or headless:
        click.echo(f"l4vm run: {outcome.reason} (logs: {logs.folder})", err=True)
    ctx.exit(int(outcome.code))


def _made(folder: Path) -> Path:
    """Return the folder for logs beside an image, made."""
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    return logs
