# SPDX-License-Identifier: MIT
"""The PowerPC's floating-point arithmetic, called directly, against MPFR: results and FPSCR bit for bit.

`L4VM_FP_VECTORS` sets the vectors of each operation.
"""

from __future__ import annotations

import ctypes
import os
import random
import subprocess

import pytest

from l4vm.binding.build import FLAGS, TRANSLATOR
from tests.insn import ppc_fp_reference as ppc
from tests.insn.fp_reference import DOUBLE, SINGLE
from tests.insn.fp_reference import draw as draw_bits
from tests.insn.ppc_fp_vectors import COMPARES, KEPT, OPS, Vector, draw, fpscr

VECTORS = int(os.environ.get("L4VM_FP_VECTORS", "1000"))
BEFORE = 0x0123456789ABCDEF


class Fpu(ctypes.Structure):
    """struct ppc_fpu."""

    _fields_ = (
        ("f", ctypes.c_uint64 * 32),
        ("fpscr", ctypes.c_uint32),
        ("guard", ctypes.c_uint32),
        ("late_op", ctypes.c_uint32),
        ("free", ctypes.c_uint32),
        ("late", ctypes.c_uint64 * 3),
    )


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile the arithmetic alone, as the translator is compiled."""
    target = tmp_path_factory.mktemp("ppc_fpu") / "fpu.so"
    files = [str(TRANSLATOR / f"guest/ppc/{name}.c") for name in ("fpu_math", "fpu_state")]
    flags = [flag for flag in FLAGS if flag != "-fvisibility=hidden"] + ["-Werror", "-shared", "-fPIC"]
    subprocess.run(["gcc", *flags, f"-I{TRANSLATOR}", *files, "-o", str(target)], check=True)
    library = ctypes.CDLL(str(target))
    library.ppc_fp_from_single.restype = ctypes.c_uint64
    library.ppc_fp_to_single.restype = library.ppc_fpscr.restype = ctypes.c_uint32
    library.ppc_fp_select.restype = ctypes.c_uint64
    for name in ("ppc_fp_to_single", "ppc_fp_select"):
        getattr(library, name).argtypes = [ctypes.c_uint64] * (3 if name == "ppc_fp_select" else 1)
    return library


def fpu(vector: Vector) -> Fpu:
    guard = vector.fpscr & (ppc.XX | ppc.XE | ppc.FEX | 3) != ppc.XX
    made = Fpu(fpscr=vector.fpscr, guard=guard)
    made.f[0], made.f[1], made.f[2], made.f[3] = BEFORE, vector.a, vector.b, vector.c
    return made


def show(vector: Vector) -> str:
    return f"a {vector.a:016x} b {vector.b:016x} c {vector.c:016x} fpscr {vector.fpscr:08x}"


@pytest.mark.parametrize("name", OPS)
def test_operation_gives_the_bits_and_fpscr_of_mpfr(name: str, lib: ctypes.CDLL) -> None:
    op, wrong, quick = OPS[name], [], 0
    for vector in draw(op, random.Random(f"vectors of {name}"), VECTORS):
        state, wanted = fpu(vector), op.meaning(vector)
        lib.ppc_fp_do(ctypes.byref(state), op.number, op.word >> 26 == 59 or name == "frsp", 0, 1, 2, 3)
        quick += state.late_op != 0
        found = state.f[0], lib.ppc_fpscr(ctypes.byref(state))
        must = BEFORE if wanted.bits is None else wanted.bits, wanted.fpscr
        if found != must:
            wrong.append(f"{show(vector)}: {found[0]:016x} {found[1]:08x}, must be {must[0]:016x} {must[1]:08x}")
    assert not wrong, f"{len(wrong)} of {VECTORS}\n" + "\n".join(wrong[:10])
    if name.rstrip("s") in ("fadd", "fsub", "fmul", "fdiv", "frsp"):
        assert quick > VECTORS // 40  # the host's results are among those compared


@pytest.mark.parametrize("name", COMPARES)
def test_compare_gives_the_relation_and_fpscr(name: str, lib: ctypes.CDLL) -> None:
    rng = random.Random(name)
    for number in range(VECTORS):
        a = draw_bits(DOUBLE, rng)
        b = rng.choice((a, a ^ 1 << 63, draw_bits(DOUBLE, rng, a)))
        vector = Vector(a, b, 0, fpscr(rng, number % 4, bool(number // 4 % 2)))
        state, wanted = fpu(vector), COMPARES[name][1](vector)
        relation = lib.ppc_fp_do_compare(ctypes.byref(state), name == "fcmpo", 1, 2)
        assert (relation, state.fpscr) == (wanted.fpscr >> 12 & 15, wanted.fpscr), show(vector)


def test_singles_are_loaded_and_stored_unchanged(lib: ctypes.CDLL) -> None:
    rng = random.Random("lfs")
    for _ in range(VECTORS):
        word = draw_bits(SINGLE, rng)
        wide = lib.ppc_fp_from_single(word)
        if SINGLE.is_nan(word):
            assert wide == (word >> 31) << 63 | DOUBLE.infinity | (word & 0x7FFFFF) << 29
        else:
            assert DOUBLE.exact(wide) == SINGLE.exact(word)
            assert wide >> 63 == word >> 31
        assert lib.ppc_fp_to_single(wide) == word


def test_a_stored_single_is_cut_off(lib: ctypes.CDLL) -> None:
    rng = random.Random("stfs")
    for _ in range(VECTORS):
        exponent = rng.randrange(874, 1150)
        bits = rng.getrandbits(1) << 63 | exponent << 52 | rng.getrandbits(52)
        wanted = ppc.ref.convert(DOUBLE, SINGLE, bits, 1).bits
        assert lib.ppc_fp_to_single(bits) == wanted, f"{bits:016x}"


def test_select_takes_c_for_what_is_not_less_than_zero(lib: ctypes.CDLL) -> None:
    taken = {0: "c", 1 << 63: "c", 1: "c", 1 << 63 | 1: "b", DOUBLE.infinity: "c", 0x7FF8 << 48: "b", 0xFFF8 << 48: "b"}
    for a, wanted in taken.items():
        assert lib.ppc_fp_select(a, 0xB, 0xC) == int(wanted, 16)


def test_fpscr_bits_summarise_themselves(lib: ctypes.CDLL) -> None:
    rng = random.Random("fpscr")
    for _ in range(VECTORS):
        before = fpscr(rng, rng.randrange(4), True)
        state = Fpu(fpscr=before)
        bit, value = rng.randrange(32), rng.randrange(2)
        lib.ppc_fpscr_bit(ctypes.byref(state), bit, value)
        place = 1 << 31 - bit & KEPT
        wanted = before | place if value else before & ~place
        wanted |= ppc.FX if value and place & ppc.EXCEPTIONS & ~before else 0
        assert state.fpscr == ppc.summary(wanted)
        new, mask = rng.getrandbits(32), rng.getrandbits(32)
        lib.ppc_fpscr_put(ctypes.byref(state), new, mask)
        assert state.fpscr == ppc.summary((ppc.summary(wanted) & ~mask | new & mask) & KEPT)
        before, field = state.fpscr, rng.randrange(8)
        assert lib.ppc_fpscr_field_take(ctypes.byref(state), field) == before >> 28 - 4 * field & 15
        cleared = 15 << 28 - 4 * field & (ppc.FX | ppc.EXCEPTIONS)
        assert state.fpscr == ppc.summary(before & ~cleared)


def test_vectors_reach_every_event_untrapped_and_trapped() -> None:
    seen = set()
    pairs = [(ppc.OX, ppc.OE), (ppc.UX, ppc.UE), (ppc.ZX, ppc.ZE), (ppc.XX, ppc.XE)]
    invalid = (ppc.VXSNAN, ppc.VXISI, ppc.VXIDI, ppc.VXZDZ, ppc.VXIMZ, ppc.VXSQRT, ppc.VXCVI)
    pairs += [(event, ppc.VE) for event in invalid]
    for name, op in OPS.items():
        for vector in draw(op, random.Random(f"vectors of {name}"), VECTORS):
            events = op.meaning(vector).fpscr & ~vector.fpscr
            seen |= {(event, bool(vector.fpscr & enable)) for event, enable in pairs if events & event}
    assert seen == {(event, trapped) for event, _ in pairs for trapped in (False, True)}
