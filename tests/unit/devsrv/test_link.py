# SPDX-License-Identifier: MIT
"""The board's end of the link against the workstation's real Session, over a line that loses and damages."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l4vm.formats import link as wire
from l4vm.link.frames import BootText, Deframer, Frame, encode
from l4vm.link.session import Data, Dropped, Lost, Opened, Replied
from tests.unit.devsrv.board import MANAGEMENT, Board, Channel, Wire, usual

KINDS = ["lose", "cut", "flip", "noise", "twice", "restart", "pass", "pass"]
FAULTS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 5000)), max_size=40)
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def opened(board: Board, first: int = 0) -> Wire:
    board.boot(usual(first))
    line = Wire(board)
    line.open()
    return line


def frames_of(data: bytes) -> list[Frame]:
    seen: list[Frame | BootText] = []
    Deframer().feed(data, seen.append)
    return [item for item in seen if isinstance(item, Frame)]


def hello(board: Board, session: int, window: int = wire.WINDOW_BYTES, version: int = wire.VERSION) -> list[Frame]:
    payload = wire.Hello.build({"session": session, "version": version, "window": window})
    board.feed(encode(Frame(0, wire.FrameType.HELLO, 0, payload)))
    return frames_of(board.take())


def ack(number: int, offset: int, window: int) -> bytes:
    return encode(Frame(number, wire.FrameType.ACK, offset, wire.Ack.build({"window": window})))


def poll(session: int, sequence: int, *entries: tuple[int, int, int]) -> bytes:
    payload = wire.Poll.build({"session": session, "sequence": sequence, "count": len(entries)})
    for number, flags, offset in entries:
        payload += wire.PollEntry.build({"number": number, "flags": flags, "reserved": 0, "offset": offset})
    return encode(Frame(0, wire.FrameType.POLL, 0, payload))


@settings(QUICK, max_examples=120)
@given(
    faults=FAULTS,
    down=st.lists(st.binary(min_size=1, max_size=3000), max_size=6),
    up=st.lists(st.binary(min_size=1, max_size=3000), max_size=6),
    first=st.sampled_from([0, 0xFFFFFF00, 0x7FFFFFF0]),
    room=st.sampled_from([1, 16, 700, 1 << 16]),
)
def test_every_byte_arrives_once_and_in_order_whatever_the_line_loses(
    board: Board, faults: list[tuple[str, int]], down: list[bytes], up: list[bytes], first: int, room: int
) -> None:
    board.boot(usual(first))
    line = Wire(board, faults)
    line.take_room = room
    for index in range(max(len(down), len(up))):
        if index < len(down):
            line.write(8, down[index])
            line.write(2, down[index][::-1])
        if index < len(up):
            line.session.send(8, up[index])
        line.step(500)
    line.take_room = max(room, 2000)
    line.settle()
    assert not any(isinstance(event, Dropped) for event in line.events) or sum(map(len, down)) > 12000
    if sum(map(len, down)) <= 12000:
        assert bytes(line.received.get(8, b"")) == b"".join(down)
        assert bytes(line.received.get(2, b"")) == b"".join(part[::-1] for part in down)
    assert bytes(line.got.get(8, b"")) == b"".join(up)


@settings(QUICK, max_examples=60)
@given(faults=FAULTS)
def test_a_request_gets_its_reply_whatever_the_line_loses(board: Board, faults: list[tuple[str, int]]) -> None:
    line = opened(board)
    number = line.session.request(wire.Op.PING, b"are you there")
    line.faults = list(faults)
    replies: list[object] = []
    for _ in range(2000):
        line.step()
        replies = [event for event in line.events if isinstance(event, Replied)]
        if replies:
            break
    assert replies == [Replied(number, wire.Op.PING, wire.ReplyStatus.OK, b"are you there")]


def test_hello_is_repeated_until_the_board_listens(board: Board) -> None:
    board.boot(usual())
    line = Wire(board, [("lose", 0)] * 5)
    for _ in range(60):
        line.step()
    assert [type(event) for event in line.events] == [Opened]
    assert [info.name for info in line.session.channels] == ["management", "log", "leon0"]


def test_a_board_that_rebooted_is_noticed_and_greeted_again(board: Board) -> None:
    line = opened(board)
    board.boot(usual())
    line.write(8, b"second life")
    line.settle()
    assert [type(event) for event in line.events][:3] == [Opened, Lost, Opened]
    assert line.events[2].rebooted is True  # type: ignore[attr-defined]
    assert bytes(line.received[8]) == b"second life"


def test_a_reopened_line_loses_and_repeats_nothing(board: Board) -> None:
    line = opened(board)
    line.write(8, b"a" * 6000)
    line.session.send(8, b"b" * 5000)
    line.step()
    line.faults = [("lose", 0)] * 2
    line.step()
    line.session.reconnect(line.now)
    line.settle()
    assert bytes(line.received[8]) == b"a" * 6000
    assert bytes(line.got[8]) == b"b" * 5000


def test_a_restarted_server_goes_on_with_session_and_offsets(board: Board) -> None:
    line = opened(board)
    for count in range(30):
        line.write(8, bytes([count]) * 400)
        line.session.send(8, bytes([count ^ 255]) * 100)
        line.step()
        if count % 3 == 0:
            board.take(7)  # the middle of a frame is lost with the server
            board.restart()
    line.settle()
    assert bytes(line.received[8]) == b"".join(bytes([count]) * 400 for count in range(30))
    assert bytes(line.got[8]) == b"".join(bytes([count ^ 255]) * 100 for count in range(30))
    assert [type(event) for event in line.events if not isinstance(event, Data)] == [Opened]
    assert board.state()["epoch"] == 11


def test_input_waits_for_credit(board: Board) -> None:
    line = opened(board)
    line.session.send(8, b"x" * 10000)
    for _ in range(40):
        line.step(read=0)
    page = board.page(8)
    assert page["in_producer"] - page["in_consumer"] == 4096
    line.settle()
    assert bytes(line.got[8]) == b"x" * 10000


def test_output_waits_for_credit_and_goes_on_with_it(board: Board) -> None:
    board.boot(usual())
    assert hello(board, 5, window=0)[0].type is wire.FrameType.HELLO_REPLY
    board.write(8, b"0123456789")
    assert frames_of(board.take()) == []
    board.feed(ack(8, 0, 4))
    (frame,) = frames_of(board.take())
    assert (frame.type, frame.offset, frame.payload) == (wire.FrameType.DATA, 0, b"0123")
    board.feed(ack(8, 4, 0))
    assert frames_of(board.take()) == []
    board.feed(ack(8, 4, 100))
    (frame,) = frames_of(board.take())
    assert (frame.offset, frame.payload) == (4, b"456789")


def test_a_window_drawn_back_below_what_was_sent_stops_output(board: Board) -> None:
    board.boot(usual())
    hello(board, 5)
    board.write(8, b"0123456789")
    board.take()
    board.feed(ack(8, 2, 4))
    board.write(8, b"more")
    assert frames_of(board.take()) == []
    board.feed(poll(5, 1, (8, 0, 10)))  # grants no window of its own: the last one counts from its offset
    assert [frame.payload for frame in frames_of(board.take())][1:] == [b"more"]


def test_a_new_session_sends_again_and_forgets_the_old_ones_poll(board: Board) -> None:
    board.boot(usual())
    hello(board, 5)
    board.write(8, b"0123456789")
    assert frames_of(board.take())[-1].payload == b"0123456789"
    both = wire.Hello.build({"session": 6, "version": wire.VERSION, "window": 4096})
    board.feed(poll(5, 1)[:-1] + encode(Frame(0, wire.FrameType.HELLO, 0, both)))
    frames = [frame for frame in frames_of(board.take()) if frame.type is not wire.FrameType.STATUS]
    assert [frame.type for frame in frames] == [wire.FrameType.HELLO_REPLY, wire.FrameType.DATA]
    assert (frames[1].offset, frames[1].payload) == (0, b"0123456789")


def test_old_sessions_status_never_follows_the_new_ones_hello_reply(link_board: Board) -> None:
    link_board.boot(usual())
    hello(link_board, 5)
    new = wire.Hello.build({"session": 6, "version": wire.VERSION, "window": 4096})
    link_board.feed(poll(5, 1) + encode(Frame(0, wire.FrameType.HELLO, 0, new)))
    assert [frame.type for frame in frames_of(link_board.take())] == [wire.FrameType.HELLO_REPLY]


def test_requests_without_room_are_dropped_whole(board: Board) -> None:
    board.boot(usual())
    hello(board, 5)
    for number in range(1, 8):
        head = wire.Request.build({"id": number, "op": 0, "reserved": 0})
        board.feed(encode(Frame(MANAGEMENT, wire.FrameType.REQUEST, 0, head + b"q" * 1000)))
    board.root()  # asserts that records come whole
    assert [number for session, number, data in board.asked] == [1, 2, 3, 4]
    assert {(session, data) for session, number, data in board.asked} == {(5, b"q" * 1000)}


OUT_CONSUMER = 128


def test_a_state_that_disagrees_with_the_ring_is_made_sensible(board: Board) -> None:
    board.boot(usual())
    hello(board, 5, window=3)
    board.write(8, b"0123456789")
    board.take()
    board.op("P", board.channels[8], OUT_CONSUMER, (5).to_bytes(4, "little"))
    board.restart()
    board.feed(ack(8, 5, 100))
    data = [frame for frame in frames_of(board.take()) if frame.type is wire.FrameType.DATA]
    assert [(frame.offset, frame.payload) for frame in data] == [(5, b"56789")]


def test_acknowledgements_backwards_or_past_what_was_sent_are_dropped(board: Board) -> None:
    board.boot(usual())
    hello(board, 5)
    board.write(8, b"0123456789")
    board.take()
    for offset in (11, 0x80000000, 0xFFFFFFFF):
        board.feed(ack(8, offset, 4096))
        assert board.page(8)["out_consumer"] == 0
    board.feed(ack(8, 10, 4096))
    board.feed(ack(8, 3, 4096))
    assert board.page(8)["out_consumer"] == 10


def test_status_is_built_before_retransmit_is_obeyed(board: Board) -> None:
    board.boot(usual())
    hello(board, 5)
    board.write(8, b"0123456789")
    board.take()
    board.feed(poll(5, 77, (8, wire.PollFlags.RETRANSMIT, 6)))
    status, data = frames_of(board.take())
    head = wire.Status.parse(status.payload)
    entries = [
        wire.StatusEntry.parse(status.payload[at:])
        for at in range(wire.Status.sizeof(), len(status.payload), wire.StatusEntry.sizeof())
    ]
    assert (head.session, head.sequence, head.count) == (5, 77, 3)
    assert [(entry.number, entry.tx_sent, entry.tx_end) for entry in entries] == [(1, 0, 0), (2, 0, 0), (8, 10, 10)]
    assert (data.type, data.offset, data.payload) == (wire.FrameType.DATA, 6, b"6789")


def test_poll_of_another_session_is_answered_with_ours_and_no_entries(board: Board) -> None:
    board.boot(usual())
    for session in (0, 9):
        board.feed(poll(session, 3))
        (status,) = frames_of(board.take())
        head = wire.Status.parse(status.payload)
        assert (head.session, head.sequence, head.count, len(status.payload)) == (0, 3, 0, wire.Status.sizeof())
    hello(board, 5)
    board.write(8, b"abc")
    board.take()
    board.feed(poll(9, 4, (8, 1, 3)))
    head = wire.Status.parse(frames_of(board.take())[0].payload)
    assert (head.session, head.count) == (5, 0)
    assert board.page(8)["out_consumer"] == 0


def test_another_protocol_version_is_refused_without_ending_the_session(board: Board) -> None:
    board.boot(usual())
    hello(board, 5)
    (frame,) = hello(board, 6, version=99)
    head = wire.HelloReply.parse(frame.payload)
    assert (head.session, head.version, head.channel_count) == (6, wire.VERSION, 0)
    assert board.state()["session"] == 5


def test_repeated_hello_is_answered_again_and_changes_nothing(board: Board) -> None:
    board.boot(usual())
    hello(board, 5)
    board.write(8, b"abc")
    board.take()
    board.feed(ack(8, 2, 4096))
    (frame,) = hello(board, 5)
    entry = wire.ChannelEntry.parse(frame.payload[wire.HelloReply.sizeof() + 2 * wire.ChannelEntry.sizeof() :])
    assert (entry.number, entry.tx_offset, entry.rx_offset, entry.rx_window) == (8, 2, 77, 4096)
    assert entry.name.rstrip("\0") == "leon0"
    assert frames_of(board.take()) == []


def test_without_a_session_nothing_is_sent_and_the_oldest_is_dropped(board: Board) -> None:
    board.boot(usual())
    text = b"".join(b"%07d\n" % line for line in range(4000))
    for at in range(0, len(text), 1000):
        assert board.write(8, text[at : at + 1000]) == len(text[at : at + 1000])
    assert 8 in board.signals()
    assert frames_of(board.take()) == []
    page = board.page(8)
    assert page["dropped"] == page["out_consumer"] > len(text) - 16384
    assert board.write(MANAGEMENT, b"replies to nobody") == 17
    line = Wire(board)
    line.open()
    line.settle()
    assert bytes(line.received[8]) == text[page["dropped"] :]
    assert Dropped(8, page["dropped"]) in line.events


def test_a_full_ring_keeps_its_bytes_while_a_session_is_open(board: Board) -> None:
    board.boot(usual())
    hello(board, 5)
    assert board.write(8, b"z" * 20000) == 16384
    board.restart()
    board.take()
    page = board.page(8)
    assert (page["dropped"], page["out_producer"] - page["out_consumer"]) == (0, 16384)


def test_window_growth_is_told_once_it_is_worth_a_frame(board: Board) -> None:
    board.boot(usual())
    hello(board, 5)
    for at in range(0, 4096, 1024):
        board.feed(encode(Frame(8, wire.FrameType.DATA, 77 + at, b"d" * 1024)))
    windows = [wire.Ack.parse(f.payload).window for f in frames_of(board.take()) if f.type is wire.FrameType.ACK]
    assert windows[-1] == 0
    board.read(8, 100)
    assert frames_of(board.take()) == []
    board.read(8, 200)
    (frame,) = frames_of(board.take())
    assert (frame.type, frame.offset, wire.Ack.parse(frame.payload).window) == (wire.FrameType.ACK, 77 + 4096, 300)
    board.read(8, 4096)
    (frame,) = frames_of(board.take())
    assert wire.Ack.parse(frame.payload).window == 4096


def test_data_beyond_the_window_is_cut_and_gaps_are_dropped(board: Board) -> None:
    board.boot(usual())
    hello(board, 5)
    for at in range(0, 5120, 1024):
        board.feed(encode(Frame(8, wire.FrameType.DATA, 77 + at, bytes([at // 1024]) * 1024)))
    board.feed(encode(Frame(2, wire.FrameType.DATA, 78, b"gap")))
    assert board.read(8, 8192) == b"".join(bytes([n]) * 1024 for n in range(4))
    assert board.read(2, 100) == b""
    board.feed(encode(Frame(2, wire.FrameType.DATA, 77, b"abc")) + encode(Frame(2, wire.FrameType.DATA, 78, b"bcde")))
    assert board.read(2, 100) == b"abcde"


def test_garbage_and_boot_text_are_told_apart(board: Board) -> None:
    board.boot(usual())
    board.feed(b"\0GRUB loading.\r\n\x1b[2J\0")
    assert board.state()["garbage"] == 0
    board.feed(b"\x02\x02\x03\0" + b"\xff" * 3000 + b"\0")
    assert board.state()["garbage"] == 3003
    good = encode(Frame(0, wire.FrameType.HELLO, 0, wire.Hello.build({"session": 3, "version": 1, "window": 1})))
    flipped = bytearray(good)
    flipped[-2] ^= 0x80
    assert flipped[-2]
    board.feed(bytes(flipped))
    state = board.state()
    assert (state["crc_errors"], state["garbage"], state["session"]) == (1, 3003 + len(good) - 2, 0)
    board.feed(good)
    assert (board.state()["received"], board.state()["session"]) == (1, 3)


@pytest.mark.parametrize("kind", list(wire.FrameType))
def test_malformed_payloads_are_counted_and_change_nothing(board: Board, kind: wire.FrameType) -> None:
    line = opened(board)
    before = board.state()["malformed"]
    for number, payload in ((8, b"\x01"), (1, b"\x01"), (200, b"who"), (0, b""), (0, b"\0" * 13)):
        if (number, kind) != (8, wire.FrameType.DATA):
            board.feed(encode(Frame(number, kind, 77, payload)))
            before += 1
    assert board.state()["malformed"] == before
    line.write(8, b"still fine")
    line.settle()
    assert bytes(line.received[8]) == b"still fine"


def test_twenty_four_channels_carry_both_ways(board: Board) -> None:
    numbers = [MANAGEMENT, *range(2, 25)]
    board.boot([Channel(number, f"channel{number}") for number in numbers])
    line = Wire(board)
    line.open()
    assert len(line.session.channels) == wire.MAX_CHANNELS
    expected = {}
    for number in numbers[1:]:
        expected[number] = random.Random(number).randbytes(3000)
        board.write(number, expected[number])
        line.session.send(number, expected[number][::-1])
    line.settle()
    for number in numbers[1:]:
        assert bytes(line.received[number]) == expected[number]
        assert bytes(line.got[number]) == expected[number][::-1]


def test_data_goes_round_the_channels_by_frame(link_board: Board) -> None:
    numbers = list(range(2, 25))
    link_board.boot([Channel(number, f"channel{number}") for number in numbers])
    hello(link_board, 5)
    for number in numbers:
        link_board.write(number, b"t" * 1000)
    frames = frames_of(link_board.take())
    order = [frame.channel for frame in frames if frame.type is wire.FrameType.DATA]
    assert order == numbers * 2
    # A workstation that sends much and small cannot keep data from its turn: at most one ACK before each.
    link_board.write(2, b"t" * 2000)
    wire_bytes = b""
    for at in range(40):
        link_board.feed(encode(Frame(9, wire.FrameType.DATA, 77 + at, b"k")))
        wire_bytes += link_board.take(100)
    types = [frame.type for frame in frames_of(wire_bytes)]
    assert types[:8] == [wire.FrameType.ACK, wire.FrameType.DATA] * 4


def test_clients_are_signalled_when_their_ring_changed(board: Board) -> None:
    line = opened(board)
    board.signals()
    board.feed(encode(Frame(8, wire.FrameType.DATA, 77, b"typed")))
    assert board.signals() == {8}
    line.session.request(wire.Op.PING)
    board.feed(line.session.take_output())
    assert board.signals() == {MANAGEMENT}
    board.write(2, b"y" * 12000)
    board.take()
    board.feed(ack(2, 512, 4096))
    assert 2 in board.signals()


def test_records_of_another_session_are_dropped_and_damaged_ones_counted(board: Board) -> None:
    line = opened(board)
    session = board.state()["session"]
    reply = wire.Reply.build({"id": 1, "op": 0, "status": 0})

    def record(number: int, size: int = 8) -> bytes:
        return size.to_bytes(2, "little") + b"\0\0" + number.to_bytes(4, "little") + reply

    board.write(MANAGEMENT, record(session + 1) + record(session))
    assert [frame.payload for frame in frames_of(board.take())] == [reply]
    for size, more in ((7, b""), (9, b""), (1025, b""), (1025, b"x" * 1017), (8000, b"x" * 7992)):
        before = board.state()["malformed"]
        board.write(MANAGEMENT, record(session, size) + more)
        assert frames_of(board.take()) == []
        assert board.state()["malformed"] == before + 1
    assert line.board.page(MANAGEMENT)["out_producer"] == line.board.page(MANAGEMENT)["out_consumer"]


def test_a_session_open_at_the_start_needs_no_word_from_the_workstation(board: Board) -> None:
    board.boot(usual(), 65536, command_line=b"/boot/demo.elf session=41 window=65536")
    line = Wire(board, preset=True)
    line.write(8, b"x" * 40000)
    for _ in range(20):
        line.step()
    assert (bytes(line.received[8]), board.state()["received"]) == (b"x" * 40000, 0)
    board.restart()
    line.write(8, b"y" * 100000)
    line.session.send(8, b"hello")
    line.settle()
    assert bytes(line.received[8]) == b"x" * 40000 + b"y" * 100000
    assert bytes(line.got[8]) == b"hello"
    assert [event for event in line.events if isinstance(event, (Opened, Lost))] == line.events[:1]


@pytest.mark.parametrize(
    ("words", "session"),
    [
        (b"session=41 window=65536", 41),
        (b"window=1 a  session=4294967295 session", 4294967295),
        (b"session=4294967296 window=1", 0),
        (b"session=99999999999999999999999 window=1", 0),
        (b"session=1", 0),
        (b"session=1 window=0", 0),
        (b"session=1x window=9", 0),
        (b"xsession=1 window=9", 0),
        (b"session= window=9", 0),
        (b"a" * 235 + b" session=7 window=900", 7),
        (b"a" * 239 + b" session=7 window=900", 0),
        (b"", 0),
    ],
)
def test_command_line_opens_a_session_or_none(board: Board, words: bytes, session: int) -> None:
    board.boot(usual(), command_line=words)
    frames = frames_of(board.take())
    assert [frame.type for frame in frames] == ([wire.FrameType.HELLO_REPLY] if session else [])
    assert board.state()["session"] == session


OUT_PRODUCER, IN_CONSUMER = 64, 256


@pytest.mark.parametrize("ahead", [16385, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_indices_that_make_no_sense_are_an_empty_ring_and_a_full_one(board: Board, ahead: int) -> None:
    board.boot(usual())
    hello(board, 5)
    board.op("P", board.channels[8], OUT_PRODUCER, ahead.to_bytes(4, "little"))
    board.op("P", board.channels[8], IN_CONSUMER, (78).to_bytes(4, "little"))
    board.feed(encode(Frame(8, wire.FrameType.DATA, 77, b"no room")))
    (frame,) = frames_of(board.take())
    assert (frame.type, wire.Ack.parse(frame.payload).window, frame.offset) == (wire.FrameType.ACK, 0, 77)
    assert board.write(2, b"others go on") == 12
    assert [frame.payload for frame in frames_of(board.take())] == [b"others go on"]


ODD = st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 4096, 16384, 16385, 2**31, 2**32 - 1]))
POKES = st.lists(st.tuples(st.integers(0, 79).map(lambda word: 4 * word), ODD, st.booleans()), max_size=20)


@pytest.mark.parametrize("board", ["server"], indirect=True)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pokes=POKES)
def test_client_that_writes_anything_into_its_page_costs_the_other_channels_nothing(
    board: Board, pokes: list[tuple[int, int, bool]]
) -> None:
    """Now and then the server starts anew, with whatever then lies in the page."""
    line = opened(board)
    sent, typed = bytearray(), bytearray()
    for at, word, is_restart in pokes:
        board.op("P", board.channels[8], at, word.to_bytes(4, "little"))
        sent += b"%d good bytes;" % at * 20
        line.write(2, b"%d good bytes;" % at * 20)
        typed += b"%x typed;" % word
        line.session.send(2, b"%x typed;" % word)
        if is_restart:
            board.restart()
        line.step()
    for _ in range(300):
        line.step()
    assert bytes(line.received.get(2, b"")) == bytes(sent)
    assert bytes(line.got.get(2, b"")) == bytes(typed)


@pytest.mark.slow
def test_server_killed_after_any_instruction_leaves_what_the_protocol_repairs(link_board: Board) -> None:
    """The server runs in a process that is killed after so many instructions of a call."""
    chance = random.Random(5)
    line = opened(link_board)
    sent, typed, killed = bytearray(), bytearray(), 0
    for _ in range(60):
        data = chance.randbytes(chance.randrange(1, 300))
        sent += data
        line.write(8, data)
        typed += data[:90]
        line.session.send(8, data[:90])
        line.step()
        line.session.tick(line.now + 5)
        if chance.random() < 0.1:
            line.session.reconnect(line.now)
            line.session.tick(line.now)
        steps = int(10 ** chance.uniform(0, 4))
        if chance.random() < 0.5:
            killed += link_board.op("K", steps, 0, line.session.take_output())[0]
        else:
            link_board.feed(line.session.take_output())
            killed += link_board.op("k", steps, chance.choice([16, 600]))[0]
    line.settle()
    assert killed > 20
    assert bytes(line.received[8]) == bytes(sent)
    assert bytes(line.got[8]) == bytes(typed)
