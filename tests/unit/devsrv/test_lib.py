# SPDX-License-Identifier: MIT
"""The device servers' library, compiled for the workstation: CRC-32, COBS, rings, arguments, words to root."""

from __future__ import annotations

import random
import subprocess
import zlib
from pathlib import Path

import pytest
from cobs import cobs

from l4vm.formats import args, link, system_table
from tests.unit.devsrv.board import HERE, LIB, ROOT, Board, Wire, build_serial_fuzz, compile_program, usual

REFUSED = 3


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program lib_check."""
    rest = [ROOT / "devsrv/lib" / name for name in ("args.c", "log.c")]
    return compile_program(tmp_path_factory.mktemp("lib"), "lib_check", [HERE / "lib_check.c", *rest, *LIB])


def run(check: Path, *words: object, data: bytes = b"") -> tuple[int, bytes]:
    done = subprocess.run([check, *map(str, words)], input=data, stdout=subprocess.PIPE, timeout=60)
    return done.returncode, done.stdout


@pytest.mark.parametrize("size", [0, 1, 2, 3, 255, 256, 4097])
def test_crc32_is_that_of_zlib(check: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert run(check, "crc32", data=data) == (0, b"%d\n" % zlib.crc32(data))


def test_crc32_knows_every_byte(check: Path) -> None:
    data = bytes(range(256))
    assert int(run(check, "crc32", data=data)[1]) == zlib.crc32(data)


def cobs_samples() -> list[bytes]:
    chance = random.Random(1)
    samples = [b"\0", b"\0\0", b"a", b"a\0", b"\0a"]
    for size in (253, 254, 255, 508, 509, link.MAX_FRAME):
        samples += [b"x" * size, b"x" * size + b"\0", b"\0" + b"x" * size, bytes(chance.choices(b"\0ab", k=size))]
    return samples


@pytest.mark.parametrize("data", cobs_samples(), ids=lambda data: f"{len(data)}_{zlib.crc32(data):08x}")
def test_cobs_is_the_usual_one_within_its_room(check: Path, data: bytes) -> None:
    coded = cobs.encode(data)
    assert run(check, "encode", len(coded), data=data) == (0, coded)
    assert run(check, "encode", len(coded) - 1, data=data) == (REFUSED, b"")
    assert run(check, "decode", len(data), data=coded) == (0, data)
    assert run(check, "decode", len(data) - 1, data=coded)[0] == REFUSED


@pytest.mark.parametrize("run_bytes", [b"\0", b"\x02", b"\x03a", b"\x03a\0", b"\x01\0", b"\xff" + b"x" * 253])
def test_what_is_no_cobs_is_refused(check: Path, run_bytes: bytes) -> None:
    with pytest.raises(cobs.DecodeError):
        cobs.decode(run_bytes)
    assert run(check, "decode", 4096, data=run_bytes)[0] == REFUSED


def test_longest_frame_fits_the_formats_bound(check: Path) -> None:
    code, coded = run(check, "encode", link.MAX_ENCODED, data=b"\1" * link.MAX_FRAME)
    assert code == 0 and len(coded) <= link.MAX_ENCODED


@pytest.mark.parametrize(
    ("size", "in_bytes", "expected"),
    [
        (4096 + 16384 + 4096, 4096, (16384, 4096)),
        (4096 + 16384 + 4096 + 4095, 4096, (16384, 4096)),
        (4096 + 1024 + 1024, 1024, (1024, 1024)),
        (4096 + 1024 + 1023, 1024, None),
        (4096 + 16384 + 1024, 512, None),
        (4096 + 16384 + 1024, 3000, None),
        (4096 + 16384, 0, None),
        (4096 + 16384, 1 << 31, None),
    ],
)
def test_a_ring_is_laid_out_or_refused(
    check: Path, size: int, in_bytes: int, expected: tuple[int, int] | None
) -> None:
    code, out = run(check, "format", size, in_bytes)
    assert code == (0 if expected else REFUSED)
    if expected:
        client, server, too_short, out_bytes, in_size = map(int, out.split())
        exact = size - 1 < 4096 + sum(expected)
        assert (client, server, too_short) == (1, 1, 0 if exact else 1)
        assert (out_bytes, in_size) == expected


def arguments() -> bytes:
    kind = args.ArgKind
    return args.build(
        "serial",
        [
            args.Argument(kind.CAP, "wake", slot=4),
            args.Argument(kind.RING, "log", slot=9, value=0x0202),
            args.Argument(kind.VALUE, "port", value=0x3F8),
            args.Argument(kind.TEXT, "machine", text="leon3"),
            args.Argument(kind.RING, "leon0", slot=10, value=0x0408),
            args.Argument(kind.VALUE, "a-name-of-16-byt", value=1 << 40),
            args.Argument(kind.TEXT, "empty", text=""),
        ],
        system_table.ARGS_VA,
    )


def test_arguments_are_found_by_kind_and_name(check: Path) -> None:
    code, out = run(check, "args", data=arguments())
    assert code == 0
    assert out.decode().splitlines() == [
        "task serial",
        "ring 0 slot 9 value 514",
        "ring 1 slot 10 value 1032",
        "wake 4 memory-wake 0",
        "port 1016 baud 9600",
        "machine 'leon3' none ''",
        f"long {1 << 40} 0",
    ]


def changed(at: int, value: int, size: int = 4) -> bytes:
    block = bytearray(arguments())
    block[at : at + size] = value.to_bytes(size, "little")
    return bytes(block)


TEXT_AT = args.ArgsHeader.sizeof() + 3 * args.Arg.sizeof()


@pytest.mark.parametrize(
    "block",
    [
        changed(0, 0),
        changed(8, 2),
        changed(12, args.ARGS_MAX_BYTES + 1),
        changed(16, 0xFFFFFFFF),
        changed(16, 8),
        changed(TEXT_AT + 8, 0, 8),
        changed(TEXT_AT + 8, system_table.ARGS_VA, 8),
        changed(TEXT_AT + 8, system_table.ARGS_VA + len(arguments()), 8),
        changed(TEXT_AT + 16, 0xFFFFFFFFFFFFFFFF, 8),
        changed(TEXT_AT + 16, 7, 8),
        changed(TEXT_AT + 16, 4, 8),
    ],
    ids=lambda block: f"{zlib.crc32(block):08x}",
)
def test_damaged_arguments_are_refused(check: Path, block: bytes) -> None:
    assert run(check, "args", data=block) == (REFUSED, b"")


@pytest.mark.parametrize("size", [0, 1, 8, 64, 65, 255, 256, 1000])
def test_a_log_line_goes_to_root_cut_at_its_limit(check: Path, size: int) -> None:
    text = bytes(0x21 + n % 90 for n in range(size))
    code, out = run(check, "log", data=text)
    words = (min(size, 256) + 7) // 8
    head = b"send slot %d label 1 words %d\n" % (0xFFFFFFFF, words)
    assert (code, out) == (0, head + text[:256].ljust(words * 8, b"\0"))


@pytest.mark.parametrize("exit_code", [0, 7])
def test_exit_tells_root_its_code(check: Path, exit_code: int) -> None:
    code, out = run(check, "exit", exit_code)
    assert (code, out) == (0, b"call slot 4294967295 label 2 words 1\n" + exit_code.to_bytes(8, "little"))


def test_hostile_rings_state_and_frames_stay_inside(tmp_path: Path) -> None:
    fuzz = build_serial_fuzz(tmp_path)
    done = subprocess.run([fuzz, "hostile", "20000", "1"], stdout=subprocess.PIPE, timeout=120, check=True)
    cases, frames, sent, opened = (int(word) for word in done.stdout.split() if word.isdigit())
    assert cases == 20_000
    assert frames > 50_000 and sent > 1_000_000 and opened > 90_000
    done = subprocess.run([fuzz, "raced", "3", "1"], stdout=subprocess.PIPE, timeout=120, check=True)
    cases, frames, sent, opened = (int(word) for word in done.stdout.split() if word.isdigit())
    assert cases == 3
    assert min(frames, sent, opened) > 100


def test_server_without_a_uart_says_so_and_ends(programs: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> None:
    board = Board(programs["server"], "no-uart")
    with pytest.raises(AssertionError, match="the board ended with code 1"):
        board.boot(usual())
        board.take()
    board.close()
    assert "no 16550 UART answers at this port" in capfd.readouterr().err


def test_overruns_of_the_uart_are_counted_and_repaired(programs: dict[str, Path]) -> None:
    board = Board(programs["server"], "overrun")
    try:
        board.boot(usual())
        line = Wire(board)
        line.open()
        for _ in range(20):
            line.session.send(8, b"faster than the server looks" * 40)
            line.step()
        line.settle()
        assert bytes(line.got[8]) == b"faster than the server looks" * 800
        assert board.state()["overruns"] > 0
    finally:
        board.close()
