# SPDX-License-Identifier: MIT
"""`l4vm guest` with bare programs of a few words: console, ends, refusals, result file."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner

from l4vm.cli.guest import command
from l4vm.cli.verbs import group
from l4vm.errors import L4vmError
from l4vm.exit_codes import ExitCode

RAM = 0x40000000
UART_TO_G1 = [0x03200000, 0x82106100]  # sethi %hi(0x80000100), %g1; or %g1, 0x100, %g1
HALT = [0x91D02000, 0x01000000]  # ta 0; nop
LOOP = [0x10800000, 0x01000000]  # ba .; nop
ECHO = [  # 1: ld [%g1 + 4], %g2; andcc %g2, 1, %g0; be 1b; nop; ld [%g1], %g2; st %g2, [%g1]; ba 1b; nop
    0xC4006004,
    0x80888000 | 0x2001,
    0x02BFFFFE,
    0x01000000,
    0xC4006000,
    0xC4206000,
    0x10BFFFFA,
    0x01000000,
]


def say(text: str) -> list[int]:
    """Return words that write a text to the UART: or %g0, c, %g2; st %g2, [%g1]."""
    return [word for c in text.encode() for word in (0x84102000 | c, 0xC4206000)]


def elf(words: list[int], address: int = RAM, machine: int = 2) -> bytes:
    """Return an ELF32 executable of instruction words."""
    code = struct.pack(f">{len(words)}I", *words)
    ident = b"\x7fELF" + bytes([1, 2, 1]) + bytes(9)
    header = struct.pack(">HHIIIIIHHHHHH", 2, machine, 1, address, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    program = struct.pack(">8I", 1, 84, address, address, len(code), len(code), 7, 4)
    return ident + header + program + code


def run(tmp_path: Path, words: list[int], *options: str) -> tuple[int, str, dict[str, object]]:
    """Run words as a guest; returns exit code, everything printed, and the result file."""
    program, result = tmp_path / "program.elf", tmp_path / "result.json"
    program.write_bytes(elf(words))
    arguments = ["run", "--kernel", str(program), "--headless", "--timeout", "20", "--quiet", "--json", str(result)]
    done = CliRunner().invoke(command, [*arguments, *options])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output, json.loads(result.read_text())


@pytest.mark.parametrize("engine", ["interp", "block"])
@pytest.mark.parametrize("time_mode", ["host", "insn", "exact"])
def test_program_that_halts_ends_with_success(tmp_path: Path, engine: str, time_mode: str) -> None:
    words = [*UART_TO_G1, *say("hello"), *HALT]
    code, _, result = run(tmp_path, words, "--engine", engine, "--time", time_mode, "--until", "console=^hello")
    assert (code, result["guest_exit_code"]) == (ExitCode.OK, 0)
    assert result["insns"] == 2 + 2 * 5 + 1


def test_halt_before_the_pattern_is_an_early_end(tmp_path: Path) -> None:
    code, output, _ = run(tmp_path, HALT, "--until", "console=never")
    assert code == ExitCode.ENDED_EARLY
    assert "the guest ended before --until console=never" in output


def test_error_mode_is_told_with_its_trap(tmp_path: Path) -> None:
    code, output, result = run(tmp_path, [0x00000000, 0x01000000])  # unimp
    assert (code, result["guest_exit_code"]) == (ExitCode.BOARD_PANIC, 2)
    assert "code 0x2, pc 0x40000000" in output


def test_timeout_names_what_it_waited_for(tmp_path: Path) -> None:
    code, output, _ = run(tmp_path, LOOP, "--until", "console=x", "--timeout", "0.2")
    assert code == ExitCode.TIMEOUT
    assert "before --until console=x" in output


def test_sent_text_reaches_the_guest_whole(tmp_path: Path) -> None:
    text = "the quick brown fox jumps over the lazy dog, twice as long as a FIFO"
    words = [*UART_TO_G1, *say("?"), *ECHO]
    code, _, _ = run(
        tmp_path, words, "--until", r"console=\?", "--send", f"console={text}", "--until", f"console={text}"
    )
    assert code == ExitCode.OK


def test_exact_time_gives_the_same_run_twice(tmp_path: Path) -> None:
    words = [*UART_TO_G1, *say("?"), *ECHO]
    options = ["--time", "exact", "--until", r"console=\?", "--send", "console=abc", "--until", "console=abc"]
    first, second = run(tmp_path, words, *options)[2], run(tmp_path, words, *options)[2]
    same = ("insns", "guest_ns", "state_hash")
    assert [first[key] for key in same] == [second[key] for key in same]


def refusal(*arguments: str) -> L4vmError:
    """Run a command that must be refused, and return its error."""
    done = CliRunner().invoke(command, list(arguments))
    assert isinstance(done.exception, L4vmError), done.output
    return done.exception


def test_one_guest_must_be_named() -> None:
    assert "name one guest" in str(refusal("run"))


def test_unknown_recipe_lists_the_known_ones() -> None:
    assert "leon3-linux" in str(refusal("run", "no-such-guest"))


def test_foreign_elf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v9.elf"
    path.write_bytes(elf(HALT, machine=18))
    assert "EM_SPARC32PLUS" in str(refusal("run", "--kernel", str(path)))


def test_program_outside_ram_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "high.elf"
    path.write_bytes(elf(HALT, address=RAM + (64 << 20)))
    assert "outside RAM" in str(refusal("run", "--kernel", str(path), "--ram", "32"))


def test_ram_outside_the_machine_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "program.elf"
    path.write_bytes(elf(HALT))
    assert "takes 8 to 1024 MiB" in str(refusal("run", "--kernel", str(path), "--ram", "4"))


def test_initrd_for_a_bare_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "program.elf"
    path.write_bytes(elf(HALT))
    assert "0xf0004000" in str(refusal("run", "--kernel", str(path), "--initrd", str(path)))


def test_other_channels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "program.elf"
    path.write_bytes(elf(HALT))
    assert "'console'" in str(refusal("run", "--kernel", str(path), "--until", "uart=x"))


def test_length_of_an_instruction_needs_a_time_of_instructions(tmp_path: Path) -> None:
    path = tmp_path / "program.elf"
    path.write_bytes(elf(HALT))
    assert "--time insn" in str(refusal("run", "--kernel", str(path), "--time", "host", "--ns-per-insn", "20"))


def test_only_a_vmlinux_can_be_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "program.elf"
    path.write_bytes(elf(HALT))
    assert "only Linux needs wrapping" in str(refusal("wrap", str(path), "-o", str(tmp_path / "out")))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "leon3-linx"], "no guest is called 'leon3-linx'\n  did you mean 'leon3-linux'?"),
        (["run", "{}/program.elf"], "'{0}/program.elf'\n  give the file as --kernel {0}/program.elf"),
        (["run", "{}/progam.elf"], "nor is there such a file\n  did you mean '{0}/program.elf'?"),
        (["run", "--kernel", "{}/progam.elf"], "--kernel {0}/progam.elf: there is no such file\n  did you mean"),
        (["run", "--kernel", "{}/nowhere/p.elf"], "there is no such file\n  there is no folder {0}/nowhere"),
        (["run", "--kernel", "{}"], "--kernel {0}: a folder, not a file"),
        (["wrap", "{}/zzz", "-o", "x"], "zzz: there is no such file\n  look into {0}"),
    ],
)
def test_names_that_are_not_there_are_refused_with_the_nearest(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "program.elf").write_bytes(elf(HALT))
    done = CliRunner().invoke(command, [word.format(tmp_path) for word in arguments])
    assert isinstance(done.exception, L4vmError)
    assert sentence.format(tmp_path) in str(done.exception)


def test_a_verb_that_is_not_there_is_refused_with_the_nearest() -> None:
    done = CliRunner().invoke(group, ["gest", "run"])
    assert isinstance(done.exception, L4vmError)
    assert str(done.exception) == "no verb is called 'gest'\n  did you mean 'guest'?"


def test_a_program_of_another_cpu_is_refused_with_its_machine(tmp_path: Path) -> None:
    (tmp_path / "program.elf").write_bytes(elf(HALT, machine=20))
    done = CliRunner().invoke(command, ["run", "--kernel", str(tmp_path / "program.elf")])
    assert isinstance(done.exception, L4vmError)
    assert "e_machine is EM_PPC" in done.exception.message
    assert done.exception.hint.endswith("by --machine or an image's machine =: bamboo")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "--kernel", "FILE", "--json", "FOLDER"], "--json FOLDER: a folder, not a file"),
        (["run", "--kernel", "FILE", "--json", "FOLDER/no/x"], "--json FOLDER/no/x: there is no folder FOLDER/no"),
        (["run", "--kernel", "FILE", "--screen", "--screenshot", "FOLDER"], "--screenshot FOLDER: a folder"),
        (["wrap", "FILE", "-o", "FOLDER/no/x"], "-o FOLDER/no/x: there is no folder FOLDER/no"),
        (["run", "leon3-linux", "--machine", "bamboo"], "the guest leon3-linux is for machine leon3"),
    ],
)
def test_what_cannot_come_to_a_good_end_does_not_begin(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    (tmp_path / "program.elf").write_bytes(elf([*UART_TO_G1, *HALT]))
    places = {"FILE": str(tmp_path / "program.elf"), "FOLDER": str(tmp_path)}

    def placed(text: str) -> str:
        for name, path in places.items():
            text = text.replace(name, path)
        return text

    done = CliRunner().invoke(command, [placed(word) for word in arguments])
    assert isinstance(done.exception, L4vmError), done.output
    assert placed(sentence) in str(done.exception)
    assert not done.output


def test_a_recipe_may_be_given_with_its_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_build(name: str, say: object) -> None:
        raise L4vmError(f"building {name}")

    monkeypatch.setattr("l4vm.guests.recipe.build_guest", no_build)
    done = CliRunner().invoke(command, ["run", "bamboo-linux", "--machine", "bamboo"])
    assert str(done.exception) == "building bamboo-linux"
