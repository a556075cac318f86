# SPDX-License-Identifier: MIT
"""Build guests from their recipes, images/guests/NAME/recipe.toml, into a cache outside the checkout.

The cache key is the hash of everything that the result depends on: the recipe's files, this room's
code, the machine map, the compiler's and the source packages' versions.
A guest is built in a scratch folder and moved into place when it is whole, so that a build that is
cut off leaves nothing behind; a lock keeps two builds apart.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l4vm.errors import L4vmError
from l4vm.guests import cpio
from l4vm.guests.machine_map import machine_map_path
from l4vm.guests.wrap import wrap

_ROOT = Path(__file__).resolve().parents[3]
_RECIPES = _ROOT / "images" / "guests"
_KBUILD = {
    "KBUILD_BUILD_USER": "l4vm",
    "KBUILD_BUILD_HOST": "l4vm",
    "KBUILD_BUILD_TIMESTAMP": "1970-01-01",
    "KBUILD_BUILD_VERSION": "1",
    "LC_ALL": "C",
}
Progress = Callable[[str], None]


@dataclass(frozen=True)
class GuestFiles:
    """The files of a built guest.

    kernel is what boots (wrapped for the machine), vmlinux the plain kernel, initrd the initial RAM disk.
    """

    name: str
    machine: str
    cpu: str
    ram_mib: int
    append: str
    kernel: Path
    vmlinux: Path
    initrd: Path


def recipe_names() -> list[str]:
    """Return the names of the guests that can be built."""
    return sorted(path.parent.name for path in _RECIPES.glob("*/recipe.toml"))


def cache_root() -> Path:
    """Return the folder for downloads and built guests: $L4VM_CACHE or ~/.cache/l4vm."""
    return Path(os.environ.get("L4VM_CACHE") or Path.home() / ".cache" / "l4vm")


def read_recipe(name: str) -> dict[str, Any]:
    """Read the recipe of guest `name`.

    Raises:
        L4vmError: there is no such guest.
    """
    path = _RECIPES / name / "recipe.toml"
    if not path.is_file():
        raise L4vmError(f"no guest is called {name!r}", f"known guests: {', '.join(recipe_names())}")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def recipe_key(name: str) -> str:
    """Return the cache key of guest `name`: hex SHA-256 of all that its files depend on."""
    recipe = read_recipe(name)
    digest = hashlib.sha256()
    here = Path(__file__).parent
    sources = sorted(path for path in (_RECIPES / name).iterdir() if path.is_file())
    sources += sorted(here.glob("*.py")) + sorted((here / "prom").iterdir())
    for path in [*sources, machine_map_path(recipe["machine"])]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(_output([recipe["cross"] + "gcc", "--version"]))
    digest.update(_output(["dpkg-query", "-W", "-f", "${Version}", recipe["linux"]["package"]]))
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
    guests = cache_root() / "guests"
    guests.mkdir(parents=True, exist_ok=True)
    target = guests / recipe_key(name)[:32]
    if not target.is_dir():
        with (guests / f".lock-{name}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.is_dir():
                _build(name, recipe, target, progress or (lambda sentence: None))
    return GuestFiles(
        name=name,
        machine=recipe["machine"],
        cpu=recipe["cpu"],
        ram_mib=recipe["ram_mib"],
        append=recipe["append"],
        kernel=target / f"{name}.elf",
        vmlinux=target / "vmlinux",
        initrd=target / "initramfs.cpio.gz",
    )


def _build(name: str, recipe: dict[str, Any], target: Path, progress: Progress) -> None:
    scratch = Path(tempfile.mkdtemp(prefix=f".build-{name}-", dir=target.parent))
    try:
        out = scratch / "out"
        out.mkdir()
        steps = _Steps(recipe, _RECIPES / name, scratch, target.parent / f"{name}.log", progress)
        steps.linux(out / "vmlinux")
        steps.userland(out / "initramfs.cpio.gz")
        progress(f"{name}: wrapping")
        wrapped = wrap(
            (out / "vmlinux").read_bytes(),
            (out / "initramfs.cpio.gz").read_bytes(),
            recipe["append"],
            recipe["ram_mib"] << 20,
        )
        (out / f"{name}.elf").write_bytes(wrapped)
        out.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@dataclass(frozen=True)
class _Steps:
    """The steps of one build; everything printed goes to one log."""

    recipe: dict[str, Any]
    folder: Path
    scratch: Path
    log: Path
    progress: Progress

    def run(self, command: list[str], cwd: Path, **environment: str) -> None:
        with self.log.open("ab") as log:
            done = subprocess.run(
                command,
                cwd=cwd,
                env={**os.environ, **_KBUILD, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise L4vmError(
                f"guest build: `{' '.join(command)}` ended with {done.returncode}",
                f"its output is at the end of {self.log}",
                exit_code=1,
            )

    def linux(self, result: Path) -> None:
        """Build the kernel; about two minutes on two cores."""
        facts = self.recipe["linux"]
        archive = Path(facts["archive"])
        if not archive.is_file():
            raise L4vmError(
                f"{archive} is missing",
                f"install the Debian package {facts['package']} (./kit does it)",
                exit_code=3,
            )
        self.log.write_bytes(b"")
        self.progress(f"unpacking {archive.name}")
        tree = self.scratch / "linux"
        tree.mkdir()
        self.run(["tar", "-xf", str(archive), "-C", str(tree), "--strip-components=1"], tree)
        make = ["make", "-s", f"ARCH={facts['arch']}", f"CROSS_COMPILE={self.recipe['cross']}"]
        config = self.folder / facts["config"]
        self.run([*make, "tinyconfig"], tree)
        merge = ["scripts/kconfig/merge_config.sh", "-m", ".config", str(config)]
        self.run(merge, tree, ARCH=facts["arch"])
        self.run([*make, "olddefconfig"], tree)
        self._check_config(config, tree / ".config")
        self.progress("building Linux (about 2 minutes)")
        self.run([*make, f"-j{os.cpu_count() or 1}", "vmlinux"], tree)
        headers = f"INSTALL_HDR_PATH={self.scratch / 'headers'}"
        self.run([*make, "headers_install", headers], tree)
        strip = [self.recipe["cross"] + "strip", "-s", "-o", str(result), "vmlinux"]
        self.run(strip, tree)

    def _check_config(self, fragment: Path, config: Path) -> None:
        """Refuse a fragment that Kconfig did not take as it stands."""
        have = set(config.read_text(encoding="utf-8").splitlines())
        wanted = fragment.read_text(encoding="utf-8").splitlines()
        lost = [line for line in wanted if line.endswith("=y") and line not in have]
        if lost:
            raise L4vmError(
                f"{fragment}: Kconfig did not take {', '.join(lost)}",
                "an option it depends on is missing from the fragment",
            )

    def userland(self, result: Path) -> None:
        """Build klibc's shell and tools and pack them with the init script."""
        facts, user = self.recipe["klibc"], self.recipe["userland"]
        tree = self._source(facts["source"])
        self.progress("building klibc")
        cross = self.recipe["cross"]
        self.run(
            [
                "make",
                f"-j{os.cpu_count() or 1}",
                f"ARCH={facts['arch']}",
                f"KLIBCARCH={facts['arch']}",
                f"CROSS_COMPILE={cross}",
                f"KLIBCKERNELSRC={self.scratch / 'headers'}",
                f"KLIBCOPTFLAGS={facts['options']}",
                f"LD={cross}{facts['linker']}",
            ],
            tree,
        )
        entries = [cpio.directory(name) for name in user["directories"]]
        entries.append(cpio.character_device("dev/console", 5, 1))
        entries.append(cpio.program("init", (self.folder / user["init"]).read_bytes()))
        entries.append(cpio.program("bin/sh", (tree / user["shell"]).read_bytes()))
        for path in sorted((tree / user["tools"]).iterdir()):
            if path.suffix == ".g" or path.name.startswith("."):
                continue
            if path.is_symlink():
                entries.append(cpio.symlink(f"bin/{path.name}", os.readlink(path)))
            else:
                entries.append(cpio.program(f"bin/{path.name}", path.read_bytes()))
        result.write_bytes(cpio.compressed(entries))

    def _source(self, package: str) -> Path:
        """Fetch and unpack a Debian source package, by a private copy of the system's sources."""
        self.progress(f"fetching the source of {package}")
        apt = self.scratch / "apt"
        for folder in ("lists/partial", "cache/archives/partial", "download"):
            (apt / folder).mkdir(parents=True)
        text = []
        for path in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
            lines = path.read_text(encoding="utf-8").splitlines()
            text.append("\n".join("Types: deb-src" if x.startswith("Types:") else x for x in lines))
        (apt / "l4vm.sources").write_text("\n\n".join(text) + "\n", encoding="utf-8")
        classic = Path("/etc/apt/sources.list")
        lines = classic.read_text(encoding="utf-8").splitlines() if classic.is_file() else []
        source_lines = ["deb-src" + line[3:] for line in lines if line.startswith("deb ")]
        (apt / "l4vm.list").write_text("\n".join(source_lines) + "\n", encoding="utf-8")
        (apt / "parts").mkdir()
        for name in ("l4vm.sources", "l4vm.list"):
            (apt / name).rename(apt / "parts" / name)
        options = [
            "-oDir::Etc::sourcelist=/dev/null",
            f"-oDir::Etc::sourceparts={apt / 'parts'}",
            f"-oDir::State::lists={apt / 'lists'}",
            f"-oDir::Cache={apt / 'cache'}",
            "-oAPT::Sandbox::User=root",
        ]
        self.run(["apt-get", *options, "update"], apt)
        self.run(["apt-get", *options, "source", "--download-only", package], apt / "download")
        tree = self.scratch / package
        tree.mkdir()
        archives = sorted((apt / "download").glob(f"{package}_*.orig.tar.*"))
        if not archives:
            raise L4vmError(f"no source archive of {package} came", f"see {self.log}", exit_code=3)
        self.run(["tar", "-xf", str(archives[0]), "-C", str(tree), "--strip-components=1"], tree)
        return tree


def _output(command: list[str]) -> bytes:
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise L4vmError(
            f"`{' '.join(command)}` does not run ({error})",
            "install the packages listed in kit.packages (./kit does it)",
            exit_code=3,
        ) from error
