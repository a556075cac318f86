# SPDX-License-Identifier: MIT
"""The long steps of a guest's recipe: Debian's Linux and a klibc userland, cross compiled.

A recipe's tables `linux`, `klibc` and `userland` say all that differs between guests. Nothing here
knows a CPU or a machine; boot.py puts around the results what the machine's firmware wants.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l4vm.errors import L4vmError
from l4vm.guests import cpio

KBUILD = {
    "KBUILD_BUILD_USER": "l4vm",
    "KBUILD_BUILD_HOST": "l4vm",
    "KBUILD_BUILD_TIMESTAMP": "1970-01-01",
    "KBUILD_BUILD_VERSION": "1",
    "LC_ALL": "C",
}
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Steps:
    """The steps of one build; everything printed goes to one log."""

    recipe: dict[str, Any]
    folder: Path
    scratch: Path
    log: Path
    progress: Progress

    def run(self, command: list[str], cwd: Path, **environment: str) -> None:
        """Run one command; what it prints goes to the log."""
        with self.log.open("ab") as log:
            done = subprocess.run(
                command,
                cwd=cwd,
                env={**os.environ, **KBUILD, **environment},
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
        """Build the kernel; two to four minutes on two cores."""
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
        self.progress("building Linux (2 to 4 minutes)")
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
