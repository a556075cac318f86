# SPDX-License-Identifier: MIT
"""Scripts: order, what a pattern may match, escapes, and the sentences of bad steps."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from l4vm.cli.run import command as run
from l4vm.console.script import Script, Send, StepError, Until, read_send, read_until, unescape


def test_steps_are_taken_in_the_order_given() -> None:
    script = Script([Until("g", "# "), Send("g", b"ls\n"), Until("g", "bin")])
    assert script.next_send() is None
    script.feed("g", b"bin # ")
    assert script.next_send() == Send("g", b"ls\n")
    assert script.next_send() is None
    assert not script.done
    script.feed("g", b"ls\r\nbin\r\n")
    assert script.done
    assert [match.text for match in script.matches] == ["# ", "bin"]


def test_text_before_the_send_does_not_match_the_pattern_behind_it() -> None:
    script = Script([Until("g", "# "), Send("g", b"x"), Until("g", "sparc")])
    script.feed("g", b"# sparc sparc")
    script.next_send()
    assert script.waiting == Until("g", "sparc")
    script.feed("g", b"sparc")
    assert script.done


def test_text_behind_a_match_counts_for_the_next_pattern() -> None:
    script = Script([Until("g", "one"), Until("g", "two")])
    script.feed("g", b"two one two")
    assert script.done


def test_channels_are_conversations_of_their_own() -> None:
    script = Script([Until("a", "x"), Until("b", "y"), Send("a", b"go"), Until("b", "z"), Until("a", "x")])
    script.feed("b", b"yz")
    script.feed("a", b"x x")
    assert script.next_send() == Send("a", b"go")
    script.feed("a", b"")
    assert script.waiting == Until("a", "x")  # what came before the send is too old
    script.feed("a", b"x")
    assert script.done


def test_a_pattern_is_found_across_pieces_and_broken_characters() -> None:
    script = Script([Until("g", "gr\u00fc\u00df")])
    for byte in "say gr\u00fc\u00df".encode():
        script.feed("g", bytes([byte]))
    assert script.done


def test_times_count_from_begin() -> None:
    now = [100.0]
    script = Script([Until("g", "x")], clock=lambda: now[0])
    now[0] = 110.0
    script.begin()
    now[0] = 112.5
    script.feed("g", b"x")
    assert script.matches[0].time_s == 2.5


@given(st.text())
def test_text_without_a_backslash_is_sent_as_it_is(text: str) -> None:
    plain = text.replace("\\", "").encode("utf-8", "ignore").decode()
    assert unescape(plain) == plain.encode()


def test_c_escapes_become_bytes() -> None:
    assert unescape(r"uname -m\n\r\t\e\x1b\x7\0\177\\\"") == b'uname -m\n\r\t\x1b\x1b\x07\0\x7f\\"'


@pytest.mark.parametrize("text", ["\\q", "\\", "\\x", "\\400", "ab\\"])
def test_bad_escapes_are_refused_with_their_place(text: str) -> None:
    with pytest.raises(StepError, match="is not known: use"):
        unescape(text)


@pytest.mark.parametrize("argument", ["leon0", "=x", "leon0="])
def test_a_step_without_channel_or_text_is_refused(argument: str) -> None:
    with pytest.raises(StepError, match="write CHANNEL=TEXT"):
        read_until(argument)
    with pytest.raises(StepError, match="write CHANNEL=TEXT"):
        read_send(argument)


def test_a_bad_pattern_ends_the_program_with_a_sentence_and_code_2() -> None:
    result = CliRunner().invoke(run, ["demo", "--until", "leon0=("])
    assert result.exit_code == 2
    assert "not a regular expression" in result.output


def test_a_match_has_the_board_time_of_its_own_channel() -> None:
    script = Script([read_until("first=one"), read_until("second=two")])
    script.feed("second", b"two", 10)
    script.feed("first", b"one", 20)
    assert [(match.channel, match.board_time_ns) for match in script.matches] == [("first", 20), ("second", 10)]
