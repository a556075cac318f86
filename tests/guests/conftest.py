# SPDX-License-Identifier: MIT
"""Every Linux guest in turn."""

from __future__ import annotations

import pytest

from tests.guests.linux import RECIPES, Linux, linux_of


@pytest.fixture(scope="session", params=RECIPES)
def linux(request: pytest.FixtureRequest) -> Linux:
    return linux_of(request.param)
