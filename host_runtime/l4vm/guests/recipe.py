# SPDX-License-Identifier: MIT
"""Build guests from their recipes, images/guests/NAME/recipe.toml, into a cache outside the checkout.

Two stages, each cached under the hash of everything that it depends on: the compiled parts (kernel and
userland: the recipe's build tables and files, build.py, the compiler's and the source packages'
versions), and the boot files made of them (boot.py and what it uses, the machine map), which take no
time, so that a change there compiles nothing.
A folder is made as scratch and moved into place when it is whole, so that a build that is cut off
leaves nothing behind; a lock keeps two builds apart.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from l4vm.errors import L4vmError, nearest
from l4vm.guests.boot import boot_files
from l4vm.guests.build import Progress, Steps
from l4vm.guests.cache import cache_root
from l4vm.guests.machine_map import machine_map_path

_ROOT = Path(__file__).resolve().parents[3]
_RECIPES = _ROOT / "images" / "guests"
_BUILD_TABLES = ("cross", "linux", "klibc", "userland")
_BUILD_CODE = ("build.py", "cpio.py")


@dataclass(frozen=True)
class GuestFiles:
    """The files of a built guest.

    kernel is what boots: an ELF file wrapped for the LEON3, a uImage for the Bamboo, Debian's vmlinuz
    for the Malta. vmlinux is the plain kernel, initrd the initial RAM disk; dtb a device tree, None where
    the machine has none.
    """

    name: str
    machine: str
    cpu: str
    ram_mib: int
    append: str
    kernel: Path
    vmlinux: Path
    initrd: Path
    dtb: Path | None
    append_screen: str = ""

    def append_of(self, screen: bool) -> str:
        """Return the kernel's command line; more comes first, for the last console named is the first process's."""
        return f"{self.append_screen} {self.append}" if screen else self.append


def recipe_names() -> list[str]:
    """Return the names of the guests that can be built."""
    return sorted(path.parent.name for path in _RECIPES.glob("*/recipe.toml"))


def read_recipe(name: str) -> dict[str, Any]:
    """Read the recipe of guest `name`.

    Raises:
        L4vmError: there is no such guest.
    """
    path = _RECIPES / name / "recipe.toml"
    if not path.is_file():
        raise L4vmError(f"no guest is called {name!r}", nearest(name, recipe_names()))
    return tomllib.loads(path.read_text(encoding="utf-8"))


def parts_key(name: str) -> str:
    """Return the cache key of what is compiled for guest `name`: hex SHA-256."""
    recipe = read_recipe(name)
    digest = hashlib.sha256()
    digest.update(json.dumps({table: recipe[table] for table in _BUILD_TABLES}, sort_keys=True).encode())
    folder = _RECIPES / name
    sources = [folder / name for name in (recipe["linux"].get("config"), recipe["userland"]["init"]) if name]
    for path in [*sources, *(Path(__file__).with_name(module) for module in _BUILD_CODE)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(_output([recipe["cross"] + "gcc", "--version"]))
    if "archive" in recipe["linux"]:
        digest.update(_output(["dpkg-query", "-W", "-f", "${Version}", recipe["linux"]["package"]]))
    return digest.hexdigest()


def recipe_key(name: str) -> str:
    """Return the cache key of guest `name`: hex SHA-256 of all that its files depend on."""
    recipe = read_recipe(name)
    here = Path(__file__).parent
    digest = hashlib.sha256(parts_key(name).encode())
    sources = sorted(here.glob("*.py")) + sorted(path for path in (here / "prom").iterdir() if path.is_file())
    for path in [*sources, _RECIPES / name / "recipe.toml", machine_map_path(recipe["machine"])]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def build_guest(name: str, progress: Progress | None = None) -> GuestFiles:
    """Return the files of guest `name`, building what is not in the cache.

    Args:
        name: a folder of images/guests.
        progress: called with a sentence at each step.

    Raises:
        L4vmError: no such guest, a tool or source package is missing (exit code 3), or a
            build step failed; the sentence names its log.
    """
    recipe = read_recipe(name)
    say = progress or (lambda sentence: None)

    def compile_parts(out: Path, scratch: Path) -> None:
        steps = Steps(recipe, _RECIPES / name, scratch, cache_root() / "guests" / f"{name}.log", say)
        steps.linux(out / "vmlinux")
        steps.userland(out / "initramfs.cpio.gz")

    def pack(out: Path, scratch: Path) -> None:
        parts = _cached(name, f"parts-{parts_key(name)[:32]}", compile_parts, say)
        for path in parts.iterdir():
            os.link(path, out / path.name)
        for file_name, data in boot_files(recipe, (out / "vmlinux"), (out / "initramfs.cpio.gz")).items():
            (out / file_name).write_bytes(data)

    target = _cached(name, recipe_key(name)[:32], pack, say)
    dtb = target / "board.dtb"
    return GuestFiles(
        name=name,
        machine=recipe["machine"],
        cpu=recipe["cpu"],
        ram_mib=recipe["ram_mib"],
        append=recipe["append"],
        kernel=target / "kernel",
        vmlinux=target / "vmlinux",
        initrd=target / "initramfs.cpio.gz",
        dtb=dtb if dtb.is_file() else None,
        append_screen=recipe["append_screen"],
    )


def _lock(lock: IO[str], name: str, say: Progress) -> None:
    """Take a lock; who has to wait for another build says so."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"waiting: another process builds {name}")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _cached(name: str, key: str, make: Callable[[Path, Path], None], say: Progress) -> Path:
    """Return the cache folder `key`, made by `make(out, scratch)` if it is not there."""
    guests = cache_root() / "guests"
    guests.mkdir(parents=True, exist_ok=True)
    target = guests / key
    if target.is_dir():
        return target
    kind = key.partition("-")[0] if "-" in key else "boot"
    with (guests / f".lock-{name}-{kind}").open("w") as lock:
        _lock(lock, name, say)
        if not target.is_dir():
            scratch = Path(tempfile.mkdtemp(prefix=f".build-{name}-", dir=guests))
            try:
                (scratch / "out").mkdir()
                make(scratch / "out", scratch)
                (scratch / "out").rename(target)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    return target


def _output(command: list[str]) -> bytes:
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise L4vmError(
            f"`{' '.join(command)}` does not run ({error})",
            "install the packages listed in kit.packages (./kit does it)",
            exit_code=3,
        ) from error
