# SPDX-License-Identifier: MIT
"""Session against a model of the board, over a wire that loses and damages bytes in order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from l4vm.formats import link as wire
from l4vm.link.frames import BootText, Deframer, Frame, encode
from l4vm.link.session import Data, Lost, Opened, Refused, Replied, Session, State
from tests.unit.link.board_model import BoardModel


class Wire:
    """Both ends and the line between them; `faults` says what happens to each write."""

    def __init__(self, board: BoardModel, faults: list[tuple[str, int]], preset: bool = False) -> None:
        self.board = board
        self.now = 0.0
        self.session = Session(41, self.now, preset)
        self.deframer = Deframer()
        self.received: dict[int, bytearray] = {}
        self.events: list[object] = []
        self.faults = faults

    def _line(self, data: bytes) -> bytes:
        """Carry bytes, or damage them as the next fault says."""
        if not data or not self.faults:
            return data
        kind, where = self.faults.pop(0)
        at = where % len(data)
        if kind == "lose":
            return b""
        if kind == "cut":
            return data[:at]
        if kind == "flip":
            return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
        if kind == "noise":
            return data[:at] + b"\xff\x00\x13noise\xfe" + data[at:]
        return data

    def step(self) -> None:
        """Let both ends speak once, and the clock go on."""
        self.now += 0.05
        self.session.tick(self.now)
        self.board.feed(self._line(self.session.take_output()))
        self.deframer.feed(self._line(self.board.take()), self._take)
        for event in self.session.take_events():
            self.events.append(event)
            if isinstance(event, Data):
                self.received.setdefault(event.channel, bytearray()).extend(event.data)

    def _take(self, item: Frame | BootText) -> None:
        if isinstance(item, Frame):
            self.session.receive(item, self.now)

    def settle(self, steps: int = 2000) -> None:
        """Run without new faults until both directions are empty."""
        self.faults.clear()
        for _ in range(steps):
            self.step()
            for number in self.board.channels:
                self.board.read(number, 700)
            idle = not any(
                channel.out or channel.waiting for channel in self.board.channels.values()
            )
            quiet = all(not self.session.unsent_bytes(number) for number in self.board.channels)
            if idle and quiet and self.session.state is State.OPEN:
                return

    def open(self) -> None:
        """Run until the session is open."""
        while self.session.state is not State.OPEN:
            self.step()


def opened(offset: int = 0) -> Wire:
    line = Wire(BoardModel(boot_id=7, first_offset=offset), [])
    line.open()
    return line


FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["lose", "cut", "flip", "noise", "pass", "pass"]), st.integers(0, 5000)
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(
    faults=FAULTS,
    down=st.lists(st.binary(min_size=1, max_size=3000), max_size=6),
    up=st.lists(st.binary(min_size=1, max_size=3000), max_size=6),
    offset=st.sampled_from([0, 0xFFFFFF00, 0x7FFFFFF0]),
)
def test_every_byte_arrives_once_and_in_order_whatever_the_line_loses(
    faults: list[tuple[str, int]], down: list[bytes], up: list[bytes], offset: int
) -> None:
    line = Wire(BoardModel(boot_id=7, first_offset=offset), list(faults))
    for index in range(max(len(down), len(up))):
        if index < len(down):
            line.board.channels[8].out += down[index]
            line.board.channels[2].out += down[index][::-1]
        if index < len(up):
            line.session.send(8, up[index])
        line.step()
        line.board.read(8, 500)
    line.settle()
    assert bytes(line.received.get(8, b"")) == b"".join(down)
    assert bytes(line.received.get(2, b"")) == b"".join(part[::-1] for part in down)
    assert bytes(line.board.channels[8].got) == b"".join(up)


@settings(max_examples=50, deadline=None)
@given(faults=FAULTS)
def test_a_request_gets_its_reply_whatever_the_line_loses(faults: list[tuple[str, int]]) -> None:
    line = opened()
    number = line.session.request(wire.Op.PING, b"are you there")
    line.faults = list(faults)
    for _ in range(4000):
        line.step()
        replies = [event for event in line.events if isinstance(event, Replied)]
        if replies:
            break
    assert replies == [Replied(number, wire.Op.PING, wire.ReplyStatus.OK, b"are you there")]


def test_hello_is_repeated_until_the_board_listens() -> None:
    line = Wire(BoardModel(boot_id=7), [("lose", 0)] * 5)
    for _ in range(60):
        line.step()
    assert line.session.state is State.OPEN
    assert [type(event) for event in line.events] == [Opened]


def test_a_board_that_rebooted_is_noticed_and_greeted_again() -> None:
    line = opened()
    line.board = BoardModel(boot_id=8)
    line.board.channels[8].out += b"second life"
    line.settle()
    kinds = [type(event) for event in line.events]
    assert kinds[:3] == [Opened, Lost, Opened]
    assert line.events[2].rebooted is True  # type: ignore[attr-defined]
    assert bytes(line.received[8]) == b"second life"


def test_a_reopened_line_loses_and_repeats_nothing() -> None:
    line = opened()
    line.board.channels[8].out += b"a" * 6000
    line.session.send(8, b"b" * 5000)
    line.step()
    line.faults = [("lose", 0)] * 2
    line.step()
    line.session.reconnect(line.now)
    line.settle()
    assert bytes(line.received[8]) == b"a" * 6000
    assert bytes(line.board.channels[8].got) == b"b" * 5000


def test_a_board_of_another_protocol_version_is_refused_with_a_sentence() -> None:
    session = Session(5, 0.0)
    session.tick(0.0)
    payload = wire.HelloReply.build(
        {
            "session": 5,
            "version": 99,
            "boot_id": 1,
            "server_epoch": 0,
            "max_payload": 1024,
            "channel_count": 0,
            "reserved": 0,
        }
    )
    session.receive(Frame(0, wire.FrameType.HELLO_REPLY, 0, payload), 0.0)
    (event,) = session.take_events()
    assert isinstance(event, Refused)
    assert "protocol 99" in event.sentence
    assert session.state is State.REFUSED


def test_malformed_payloads_are_counted_and_change_nothing() -> None:
    line = opened()
    for kind in set(wire.FrameType) - {wire.FrameType.DATA}:
        line.session.receive(Frame(8, kind, 0, b"\x01"), line.now)
    line.session.receive(Frame(200, wire.FrameType.DATA, 0, b"who"), line.now)
    assert line.session.counters.malformed >= 6
    line.board.channels[8].out += b"still fine"
    line.settle()
    assert bytes(line.received[8]) == b"still fine"


def test_frames_before_the_session_is_confirmed_are_ignored() -> None:
    session = Session(5, 0.0)
    session.receive(Frame(8, wire.FrameType.DATA, 0, b"stale"), 0.0)
    assert session.take_events() == []


def test_input_waits_for_credit() -> None:
    line = opened()
    line.session.send(8, b"x" * 10000)
    for _ in range(20):
        line.step()
    assert len(line.board.channels[8].waiting) == 3000
    line.settle()
    assert len(line.board.channels[8].got) == 10000


def test_a_second_request_before_the_reply_is_refused() -> None:
    line = opened()
    line.session.request(wire.Op.PING)
    try:
        line.session.request(wire.Op.PING)
    except RuntimeError as bad:
        assert "no reply yet" in str(bad)
    else:
        raise AssertionError("two requests at once were taken")


def test_frames_survive_encoding() -> None:
    seen: list[Frame | BootText] = []
    frame = Frame(8, wire.FrameType.DATA, 0xDEADBEEF, bytes(range(256)) * 4)
    Deframer().feed(encode(frame), seen.append)
    assert seen == [frame]


def preset_line() -> Wire:
    line = Wire(BoardModel(boot_id=7), [], preset=True)
    line.board.preset(41, wire.PRESET_WINDOW_BYTES)
    line.board.channels[8].out += b"x" * 5000
    return line


def test_a_session_open_at_the_start_is_silent_until_something_is_said() -> None:
    line = preset_line()
    heard = 0
    for _ in range(200):
        heard += len(line.session.take_output())
        line.step()
        heard += len(line.session.take_output())
    assert line.session.state is State.OPEN
    assert bytes(line.received[8]) == b"x" * 5000
    assert heard == 0 and line.session.counters.polls == 0
    line.session.send(8, b"hello")
    line.settle()
    assert bytes(line.board.channels[8].got + line.board.channels[8].waiting)[-5:] == b"hello"
    assert line.session.counters.polls > 0


def test_a_silent_session_acknowledges_before_a_ring_is_full() -> None:
    line = preset_line()
    line.board.channels[8].out += b"y" * 200000
    line.settle(20000)
    assert len(line.received[8]) == 205000


def test_a_board_that_did_not_take_the_session_is_greeted() -> None:
    line = Wire(BoardModel(boot_id=7), [], preset=True)
    for _ in range(3000):
        line.step()
    assert line.session.state is State.OPEN
