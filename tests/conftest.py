# SPDX-License-Identifier: MIT
"""Settings for all tests: property tests have no deadline, because times are never asserted."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("l4vm", deadline=None)
settings.load_profile("l4vm")
