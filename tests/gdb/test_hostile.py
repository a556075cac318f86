# SPDX-License-Identifier: MIT
"""Requests that are malformed, hostile or drawn at random do no harm: an answer or none, and the stub lives."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l4vm.binding import Machine, Stop
from l4vm.gdb import Debugged, Stub
from l4vm.gdb.packets import PAYLOAD_MAX, Deframer, Signal, frame
from l4vm.gdb.stub import State
from tests.insn.words import CODE
from tests.unit.binding.conftest import loop_in

MALFORMED = [
    b"p", b"pzz", b"p1000", b"p-1", b"P", b"P44=", b"P44=123", b"P44=1234567g", b"Pff=00000000", b"G", b"G00",
    b"m", b"m,", b"m40000000", b"m40000000,-1", b"m100000000,4", b"m40000000,fffffffffffffffff",
    b"M40000000,4:0011", b"M40000000,4", b"M40000000,1:0", b"X40000000,4:abc", b"cx", b"c100000000", b"sx",
    b"C", b"C1ff", b"Z", b"Z9,0,4", b"Z0", b"Z0,0", b"Z0,x,4", b"Z2,ffffffff,ffffffff0", b"vCont;", b"vCont;x",
    b"vCont;s:2", b"vCont;C", b"vCont;c1", b"T", b"Tx", b"qXfer:features:read:target.xml:",
    b"qXfer:features:read:target.xml:0", b"qRcmd,0", b"qRcmd,zz", b"P0= 0 0 0 0",
]  # fmt: skip
HEX = st.text("0123456789abcdefg", max_size=18)
PLACE = st.builds(lambda a, n: f"{a},{n}", HEX | st.just("40002000"), HEX | st.sampled_from(["1", "4", "800"]))
TAIL = st.one_of(
    st.binary(max_size=40),
    HEX.map(str.encode),
    PLACE.map(str.encode),
    st.builds(lambda p, v: f"{p}:{v}".encode(), PLACE, HEX),
    st.builds(lambda k, p: f"{k},{p}".encode(), st.integers(0, 6), PLACE),
    st.builds(lambda k, v: f"{k}={v}".encode(), HEX, HEX),
    st.sampled_from([b"Cont;c", b"Cont;s:1", b"Cont;s:1;c", b"Cont?", b"Supported:a+", b"StartNoAckMode", b"Kill;1"]),
)
LETTER = st.sampled_from([bytes((letter,)) for letter in b"?gGpPmMXcsCSZzHTDkqQvR!#x"])
REQUEST = st.builds(lambda letter, tail: letter + tail, LETTER, TAIL)


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine("leon3", 16, code_mib=1) as made:
        yield loop_in(made)


@pytest.mark.parametrize("payload", MALFORMED, ids=repr)
def test_malformed_request_is_an_error_and_changes_nothing(machine: Machine, payload: bytes) -> None:
    stub = Stub(machine)
    before = machine.state_hash(with_ram=True)
    reply = stub.answer(payload)
    assert reply is not None and reply.startswith(b"E"), reply
    assert stub.state == State.HALTED
    assert machine.state_hash(with_ram=True) == before


def test_request_while_the_guest_runs_is_refused(machine: Machine) -> None:
    stub = Stub(machine)
    assert stub.answer(b"c") is None
    assert stub.answer(b"G" + b"00" * 288) == b"E02"
    assert stub.interrupt() == b"T02thread:1;"
    assert stub.interrupt() is None


def test_registers_come_and_go_as_one(machine: Machine) -> None:
    stub = Stub(machine)
    machine["l3"], machine["i6"], machine["f7"] = 0x11111111, 0x22222222, 0x33333333
    everything = stub.answer(b"g")
    assert everything is not None and len(everything) == 8 * 72
    before = machine.state_hash()
    assert stub.answer(b"G" + everything) == b"OK"
    assert machine.state_hash() == before
    assert stub.answer(b"p13") == b"11111111"
    assert stub.answer(b"P13=89abcdef") == b"OK"
    assert machine["l3"] == 0x89ABCDEF
    assert stub.answer(b"P0=00000001") == b"E01"  # %g0


def test_powerpc_registers_come_and_go_as_one() -> None:
    with Machine("bamboo", 16, code_mib=1) as machine:
        stub = Stub(machine)
        machine["r31"], machine["f31"], machine["srr0"] = 0x11111111, 0xC00CAFE000000000, 0x22222220
        everything = stub.answer(b"g")
        assert everything is not None and len(everything) == 2 * (32 * 4 + 32 * 8 + 7 * 4 + 24 * 4)
        before = machine.state_hash()
        assert stub.answer(b"G" + everything) == b"OK"
        assert machine.state_hash() == before
        assert stub.answer(b"p3f") == b"c00cafe000000000"
        assert stub.answer(b"P45=20000000") == b"OK"
        assert machine["xer"] == 0x20000000
        assert stub.answer(b"P40=00000100") == b"OK"
        assert machine["pc"] == 0x100
        assert stub.answer(b"P20=00000000") == b"E01"  # too short for f0


def test_register_with_a_value_that_the_cpu_has_not_is_refused(machine: Machine) -> None:
    assert Stub(machine).answer(b"P41=0000001f") == b"E01"  # PSR with a CWP of 31


def test_points_end_at_the_machine_s_number(machine: Machine) -> None:
    stub = Stub(machine)
    replies = [stub.answer(b"Z0,%x,4" % (CODE + 4 * n)) for n in range(65)]
    assert replies == [b"OK"] * 64 + [b"E1c"]
    assert stub.answer(b"z0,%x,4" % CODE) == b"OK"
    assert stub.answer(b"Z0,0,4") == b"OK"
    stub.release()
    assert stub.state == State.FREE
    assert machine.hook(1, 0).number  # type: ignore[arg-type]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=st.lists(REQUEST, max_size=12))
def test_random_requests_are_answered(machine: Machine, requests: list[bytes]) -> None:
    stub = Stub(machine)
    for payload in requests:
        reply = stub.answer(payload)
        assert reply is None or len(reply) <= PAYLOAD_MAX
        if stub.state in (State.RUNNING, State.STEPPING):
            assert stub.answer(b"g") == b"E02"
            if stub.stopped(machine.run(100), 100) is None and machine.run(0) != Stop.HALT:
                stub.interrupt()
    stub.release()


@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_any_bytes_make_the_same_payloads_in_any_pieces(data: bytes, cut: int) -> None:
    whole, pieces = Deframer(), Deframer()
    assert whole.feed(data) == pieces.feed(data[:cut]) + pieces.feed(data[cut:])


@given(payloads=st.lists(st.binary(max_size=80), max_size=5))
def test_payloads_come_back(payloads: list[bytes]) -> None:
    assert Deframer().feed(b"".join(b"+" + frame(p) for p in payloads)) == [
        item for p in payloads for item in (Signal.ACK, p)
    ]


def test_endless_and_damaged_frames_are_reported_once() -> None:
    deframer = Deframer()
    assert deframer.feed(b"$" + b"a" * (1 << 20)) == []
    assert len(deframer._body) <= 2 * PAYLOAD_MAX
    assert deframer.feed(b"#00") == [Signal.BAD]
    assert deframer.feed(b"$g#00") == [Signal.BAD]
    assert deframer.feed(b"$g}#e4") == [Signal.BAD]
    assert deframer.feed(b"$m4000$g#67") == [Signal.BAD, b"g"]
    assert deframer.feed(b"\x03") == [Signal.BREAK]


def test_client_that_goes_away_in_a_frame_leaves_a_running_guest() -> None:
    with Debugged("leon3", 16, code_mib=1) as machine:
        loop_in(machine)
        place = machine.listen("0")
        with socket.create_connection(("127.0.0.1", int(place.rpartition(":")[2]))) as gdb:
            machine.run_for(wall_s=5)
            gdb.sendall(b"\xff\x00$zzz" + frame(b"?"))
            machine.run_for(wall_s=5)
            assert gdb.recv(100) == b"-+" + frame(b"T05thread:1;")
            gdb.sendall(b"$g#6")
        before = machine.insns
        for _ in range(20):
            machine.run_for(insns=10_000, wall_s=1)
        assert machine.insns > before
        assert machine.server.stub.state == State.FREE
