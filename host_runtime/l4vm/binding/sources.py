# SPDX-License-Identifier: MIT
"""Which state the translator's sources are in: a hash of everything that the extension is built from.

Reading all of it takes longer than many a guest runs. So what was hashed is noted in the cache beside size, inode and
time of change of every file, and while those are as they were the hash is too. A time of change that is not yet past
proves nothing (the file may change again within one tick of the clock), so then nothing is noted.
"""

from __future__ import annotations

import os
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from l4vm.guests.cache import cache_root

ROOT = Path(__file__).resolve().parents[3]
TRANSLATOR = ROOT / "translator"
_SUFFIXES = (".c", ".h", ".S", ".def", ".decode")
_KEY_CHARACTERS = 32
_SETTLED_NS = 2_000_000_000


def _files(folder: str, suffixes: tuple[str, ...]) -> Iterator[os.DirEntry[str]]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path, suffixes)
        elif entry.name.endswith(suffixes):
            yield entry


def _watched() -> list[os.DirEntry[str]]:
    """Return every file that the extension depends on, sorted by path."""
    here = Path(__file__).parent
    python = [*_files(str(here), (".py",)), *_files(str(here.with_name("decode")), (".py",))]
    return sorted([*_files(str(TRANSLATOR), _SUFFIXES), *python], key=lambda entry: entry.path)


def _hash(files: list[os.DirEntry[str]], flags: list[str]) -> str:
    import hashlib

    digest = hashlib.sha256(f"{sys.version} {sys.platform} {os.uname().machine} {flags}".encode())
    for file in files:
        path = Path(file.path)
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:_KEY_CHARACTERS]


def source_key(flags: list[str]) -> str:
    """Return the hash of everything the extension depends on, `flags` of the compiler included."""
    files = _watched()
    facts = [(entry.path, entry.stat()) for entry in files]
    listing = f"{sys.version} {flags}\n" + "".join(
        f"{path} {stat.st_size} {stat.st_ino} {stat.st_ctime_ns}\n" for path, stat in facts
    )
    note = cache_root() / "translator" / f"seen-{zlib.crc32(f'{ROOT} {flags}'.encode()):08x}"
    try:
        key, _, noted = note.read_text().partition("\n")
        if noted == listing:
            return key
    except (OSError, UnicodeDecodeError):
        pass
    key = _hash(files, flags)
    if max(stat.st_ctime_ns for _, stat in facts) < time.time_ns() - _SETTLED_NS:
        _write(note, f"{key}\n{listing}")
    return key


def _write(note: Path, text: str) -> None:
    """Put the note in place whole; without it all is hashed again."""
    scratch = note.with_name(f"{note.name}.{os.getpid()}")
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(text)
        scratch.replace(note)
    except OSError:
        scratch.unlink(missing_ok=True)
