# SPDX-License-Identifier: MIT
"""The machine with display and keyboard, compiled once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.screen.rig import Desk, load_desk


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The machine as a library."""
    return load_desk(tmp_path_factory.mktemp("screen"))


@pytest.fixture
def desk(library: Any) -> Iterator[Desk]:
    """A machine after power on."""
    made = Desk(library)
    yield made
    made.close()
