# SPDX-License-Identifier: MIT
"""The deframer: frames, boot text and garbage, in pieces of any size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from l4vm.formats import link as wire
from l4vm.link.frames import BootText, Deframer, Frame, encode

FRAMES = st.builds(
    Frame,
    channel=st.integers(0, 255),
    type=st.sampled_from(list(wire.FrameType)),
    offset=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=wire.MAX_PAYLOAD),
)


def run(data: bytes, piece: int = 1 << 20) -> tuple[list[Frame], bytes, Deframer]:
    deframer = Deframer()
    frames: list[Frame] = []
    text = bytearray()

    def emit(item: Frame | BootText) -> None:
        if isinstance(item, Frame):
            frames.append(item)
        else:
            text.extend(item.data)

    for at in range(0, len(data), piece):
        deframer.feed(data[at : at + piece], emit)
    return frames, bytes(text), deframer


@given(frames=st.lists(FRAMES, max_size=5), piece=st.integers(1, 50))
def test_frames_arrive_whole_in_pieces_of_any_size(frames: list[Frame], piece: int) -> None:
    got, text, deframer = run(b"".join(encode(frame) for frame in frames), piece)
    assert got == frames
    assert text == b""
    assert deframer.counters.garbage_bytes == 0


@given(
    noise=st.binary(max_size=3000).map(lambda data: data + b"\xff"),
    frame=FRAMES,
    piece=st.integers(1, 700),
)
def test_the_frame_after_any_garbage_is_delivered(noise: bytes, frame: Frame, piece: int) -> None:
    got, _, deframer = run(noise + encode(frame), piece)
    assert got[-1] == frame
    assert deframer.counters.garbage_bytes + deframer.counters.bad_frames > 0


@given(frame=FRAMES)
def test_no_frame_begins_like_text(frame: Frame) -> None:
    assert encode(frame)[1] in (1, 2, 3, 4)


def test_text_between_frames_is_boot_text_line_by_line() -> None:
    frame = Frame(8, wire.FrameType.DATA, 0, b"hello")
    deframer = Deframer()
    seen: list[Frame | BootText] = []
    deframer.feed(b"GRUB loading\r\n\x1b[1mL4VM\r\nwait", seen.append)
    assert seen == [BootText(b"GRUB loading\r\n\x1b[1mL4VM\r\n")]
    deframer.flush(seen.append)
    assert seen[1:] == [BootText(b"wait")]
    deframer.feed(b"ing\0" + encode(frame), seen.append)
    assert seen[2:] == [BootText(b"ing"), frame]
    assert deframer.counters.garbage_bytes == 0


def test_a_run_with_one_byte_that_is_not_text_is_garbage_and_counted() -> None:
    frames, text, deframer = run(b"\0almost text\x07\0")
    assert (frames, text) == ([], b"")
    assert deframer.counters.garbage_bytes == len(b"almost text\x07")


def test_a_damaged_frame_is_counted_as_a_crc_error_and_the_next_is_delivered() -> None:
    good = Frame(8, wire.FrameType.DATA, 0, b"good one")
    bad = bytearray(encode(Frame(8, wire.FrameType.DATA, 0, b"A" * 40)))
    bad[-12] ^= 0x20
    frames, _, deframer = run(bytes(bad) + encode(good))
    assert frames == [good]
    assert deframer.counters.crc_errors == 1


def test_an_endless_run_is_dropped_in_bounded_memory() -> None:
    deframer = Deframer()
    seen: list[Frame | BootText] = []
    for _ in range(1000):
        deframer.feed(b"\xaa" * 1000, seen.append)
    good = Frame(1, wire.FrameType.REPLY, 0, b"12345678")
    deframer.feed(encode(good), seen.append)
    assert seen == [good]
    assert deframer.counters.garbage_bytes == 1_000_000


def test_endless_text_without_a_line_end_is_shown_in_bounded_memory() -> None:
    _, text, deframer = run(b"x" * 100_000, 777)
    assert len(text) > 90_000
    assert deframer.counters.garbage_bytes == 0


def test_unknown_types_and_flags_are_bad_frames() -> None:
    import zlib

    from cobs import cobs

    for head in (b"\x01\x63\0\0\0\0\0\0", b"\x01\x00\x01\0\0\0\0\0"):
        body = head + b"payload"
        data = cobs.encode(body + zlib.crc32(body).to_bytes(4, "little"))
        frames, _, deframer = run(b"\0" + data + b"\0")
        assert frames == []
        assert deframer.counters.bad_frames == 1
