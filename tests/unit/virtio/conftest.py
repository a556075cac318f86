# SPDX-License-Identifier: MIT
"""The fake machine, compiled once; a disk and a network device for each test that asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.virtio.rig import DISK, NET, Rig, load_rig


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The fake machine as a library."""
    return load_rig(tmp_path_factory.mktemp("virtio"))


@pytest.fixture
def make(library: Any) -> Iterator[Callable[..., Rig]]:
    """Make devices with other settings than the usual."""
    made: list[Rig] = []

    def rig(*args: Any, **options: Any) -> Rig:
        made.append(Rig(library, *args, **options))
        return made[-1]

    yield rig
    for item in made:
        item.close()


@pytest.fixture
def disk(make: Callable[..., Rig]) -> Rig:
    """A disk whose driver has started it."""
    rig = make(DISK)
    rig.start()
    return rig


@pytest.fixture
def net(make: Callable[..., Rig]) -> Rig:
    """A network device whose driver has started it."""
    rig = make(NET)
    rig.start()
    return rig
