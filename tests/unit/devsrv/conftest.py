# SPDX-License-Identifier: MIT
"""Test boards: compiled once, one process for each test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.devsrv.board import Board, build_link_board, build_server_board


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both boards' programs."""
    folder = tmp_path_factory.mktemp("devsrv")
    return {"link": build_link_board(folder), "server": build_server_board(folder)}


@pytest.fixture(params=["link", "server"])
def board(request: pytest.FixtureRequest, programs: dict[str, Path]) -> Iterator[Board]:
    """A board with each of both servers."""
    running = Board(programs[request.param])
    yield running
    assert running.close() == 0


@pytest.fixture
def link_board(programs: dict[str, Path]) -> Iterator[Board]:
    """A board with the link core alone."""
    running = Board(programs["link"])
    yield running
    assert running.close() == 0
