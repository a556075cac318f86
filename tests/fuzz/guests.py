# SPDX-License-Identifier: MIT
"""The guest architectures that are fuzzed: a new one adds its line here."""

from __future__ import annotations

from tests.fuzz import mips, ppc, sparc

GUESTS = (sparc.GUEST, ppc.GUEST, mips.GUEST)
