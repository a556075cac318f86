# SPDX-License-Identifier: MIT
"""The door of a running conversation: questions come in, answers go out, nonsense harms nobody."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from l4vm.console.door import Asked, Door, door_folder, doors, knock
from l4vm.errors import L4vmError
from l4vm.link.line import Inbox


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def answering(inbox: Inbox) -> Iterator[None]:
    """A conversation that says what it was asked."""

    def answer() -> None:
        while isinstance(item := inbox.get(), Asked):
            item.answer.put({"heard": item.request})

    thread = threading.Thread(target=answer)
    thread.start()
    yield
    inbox.put(None)
    thread.join()


@pytest.mark.usefixtures("answering")
def test_an_answer_comes_back_whoever_is_named(inbox: Inbox) -> None:
    with Door(inbox, "demo") as door:
        for name in (None, "demo", door.path.name):
            assert knock(name, {"do": "tasks"}) == {"heard": {"do": "tasks"}}
    with pytest.raises(L4vmError, match="no conversations run here"):
        knock(None, {"do": "tasks"})


@pytest.mark.usefixtures("answering")
def test_two_doors_want_a_name(inbox: Inbox) -> None:
    with Door(inbox, "demo"), Door(inbox, "trio"):
        with pytest.raises(L4vmError, match=r"2 conversations run here\n  name one by --on: demo-\d+, trio-\d+"):
            knock(None, {})
        assert knock("trio", {"do": "x"})["heard"] == {"do": "x"}


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize("line", [b"\n", b"[1]\n", b"{\n", b"\xff\n", b"x" * 70000])
def test_nonsense_gets_an_error(inbox: Inbox, line: bytes) -> None:
    with Door(inbox, "demo") as door, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.connect(str(door.path))
        peer.sendall(line)
        assert b"no JSON object" in peer.recv(4096)
        assert "heard" in knock("demo", {})


def test_the_folder_is_closed_to_others_and_the_dead_leave_no_door(inbox: Inbox) -> None:
    assert door_folder().stat().st_mode & 0o077 == 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(door_folder() / "demo-1"))
    assert doors() == {}
    assert list(door_folder().iterdir()) == []


def test_a_folder_open_to_others_is_refused() -> None:
    door_folder().chmod(0o755)
    with pytest.raises(L4vmError, match="open to others"):
        door_folder()
