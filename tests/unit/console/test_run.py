# SPDX-License-Identifier: MIT
"""`l4vm run` with a real QEMU and a tiny program instead of an image."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.console.test_conversation import board_at

pytestmark = pytest.mark.skipif(
    not (shutil.which("qemu-system-x86_64") and shutil.which("gcc")), reason="needs QEMU and gcc"
)

SOURCE = Path(__file__).resolve().parents[3] / "host_runtime"

PROGRAM = """
    .code32
    .section .text
    .long 0x1badb002, 0, -0x1badb002
    .globl _start
_start:
    movl $text, %esi
    movw $0x3fd, %dx
1:  inb %dx, %al
    testb $0x20, %al
    jz 1b
    lodsb
    testb %al, %al
    jz 2f
    movw $0x3f8, %dx
    outb %al, %dx
    movw $0x3fd, %dx
    jmp 1b
2:  END
3:  hlt
    jmp 3b
text: .asciz "TEXT"
"""


def tree(folder: Path, text: str, end: str = "nop") -> Path:
    """Make a checkout with one built image, `tiny`, that prints a text and ends."""
    build = folder / "build" / "b-tiny-release"
    build.mkdir(parents=True)
    (folder / "SConstruct").touch()
    (folder / "images" / "tiny").mkdir(parents=True)
    (folder / "images" / "tiny" / "image.toml").write_text('board = "b"\n')
    source = PROGRAM.replace("TEXT", text).replace("END", end)
    flags = ["-m32", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x100000,-n,--build-id=none"]
    words = ["gcc", *flags, "-x", "assembler", "-", "-o", str(build / "tiny.elf")]
    subprocess.run(words, input=source, text=True, check=True)
    facts = {"image": "tiny", "kernel": "tiny.elf", "disk": "tiny.img"}
    facts |= {"symbols": {"kernel": "tiny.elf"}, "qemu": {"memory_mib": 64}}  # type: ignore[dict-item]
    (build / "manifest.json").write_text(json.dumps(facts))
    return folder


def l4vm(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "l4vm", *arguments]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    words = l4vm("run", "tiny", "--no-build", *arguments)
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


SCRIPT = ("--headless", "--until", "boot=hello", "--json", "out.json")


def test_boot_text_is_a_channel_of_its_own(tmp_path: Path) -> None:
    done = run(tree(tmp_path, "hello board\\r\\n"), *SCRIPT, "--timeout", "60")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["exit_code"] == 0
    assert b"hello board\r\n" in Path(result["channels"]["boot"]).read_bytes()
    assert "boot | hello board" in done.stderr


@pytest.mark.parametrize(
    ("option", "path", "sentence"),
    [("--json", "no/out.json", "there is no folder no"), ("--logs", "/proc/logs", "/proc/logs: no folder for logs")],
)
def test_results_that_cannot_be_kept_are_refused_first(tmp_path: Path, option: str, path: str, sentence: str) -> None:
    done = run(tree(tmp_path, "hello board\\r\\n"), "--headless", "--timeout", "60", option, path)
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert "hello" not in done.stderr


def test_counted_time_works_too(tmp_path: Path) -> None:
    done = run(tree(tmp_path, "hello board\\r\\n"), *SCRIPT, "--timeout", "60", "--icount")
    assert done.returncode == 0, done.stderr


def test_a_board_that_ends_itself_is_told_with_its_code(tmp_path: Path) -> None:
    end = "movw $0xf4, %dx; movl $5, %eax; outl %eax, %dx"
    done = run(tree(tmp_path, "bye\\n", end), *SCRIPT, "--timeout", "60")
    assert done.returncode == 6
    assert "with code 5" in done.stderr


def test_a_panic_ends_with_its_own_code_and_names(tmp_path: Path) -> None:
    done = run(tree(tmp_path, "PANIC: at 00100010\\n"), *SCRIPT, "--timeout", "60")
    assert done.returncode == 5
    assert "the board panicked: PANIC: at 00100010" in done.stderr
    assert "<- _start" in done.stderr


def test_a_missing_image_is_refused_with_the_nearest(tmp_path: Path) -> None:
    folder = tree(tmp_path, "x")
    words = l4vm("run", "tony")
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no image 'tony'" in done.stderr
    assert "did you mean 'tiny'?" in done.stderr


def _qemu_of(folder: Path) -> list[int]:
    """Return the QEMU processes that run this folder's image."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{entry}/cmdline").read_bytes()
        except OSError:
            continue
        if words.startswith(b"qemu-system") and str(folder).encode() in words:
            found.append(int(entry))
    return found


def _heed_signals() -> None:
    """Undo what a caller in the background ignores, and so its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 130), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_no_qemu_outlives_the_run(tmp_path: Path, number: int, code: int) -> None:
    folder = tree(tmp_path, "hello\\n")
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    words = l4vm("run", "tiny", "--no-build", "--headless", "--until", "boot=never")
    with subprocess.Popen(
        words, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=_heed_signals
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "hello" in line:
                break
        assert _qemu_of(folder)
        process.send_signal(number)
        process.stderr.read()
        assert process.wait() == code
    for _ in range(100):
        if not _qemu_of(folder):
            return
        time.sleep(0.05)
    raise AssertionError("QEMU still runs")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`l4vm console` on a pseudo terminal, with a model of the board."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(SOURCE), "TERM": "xterm"}
    words = l4vm("console", f"unix:{tmp_path}/line", "--logs", str(tmp_path / "logs"))
    with (
        board_at(tmp_path / "line"),
        subprocess.Popen(
            words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        ) as process,
    ):
        os.close(theirs)
        yield ours, process
        process.kill()
    os.close(ours)


def _read_until(terminal: int, wanted: bytes) -> bytes:
    """Read the terminal until a text appears."""
    seen = b""
    while wanted not in seen:
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, f"{wanted!r} did not appear in {seen!r}"
        seen += os.read(terminal, 4096)
    return seen


def test_keys_go_to_the_selected_channel_and_the_prefix_commands(
    terminal: tuple[int, subprocess.Popen[bytes]],
) -> None:
    screen, process = terminal
    _read_until(screen, b"# ")
    os.write(screen, b"uname -m\n")
    assert b"leon0 |" in _read_until(screen, b"sparc")
    os.write(screen, b"\x14?")
    _read_until(screen, b"ctrl-t is the command key")
    os.write(screen, b"\x14r")
    _read_until(screen, b"heartbeat: 1234 periods, 0 misses")
    os.write(screen, b"\x14q")
    assert process.wait(timeout=30) == 0
