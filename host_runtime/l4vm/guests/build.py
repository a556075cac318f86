# SPDX-License-Identifier: MIT
"""The long steps of a guest's recipe: Debian's Linux, cross compiled or as Debian built it, and a klibc userland.

A recipe's tables `linux`, `klibc` and `userland` say all that differs between guests; `linux` names a source package
(`archive`, `config`) or a kernel of Debian's for the guest's architecture (`architecture`, `image`). Nothing here
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
        """Make the kernel, and the headers that the userland is compiled with."""
        self.log.write_bytes(b"")
        if "image" in self.recipe["linux"]:
            self._debian_linux(result)
        else:
            self._compiled_linux(result)

    def _debian_linux(self, result: Path) -> None:
        """Fetch Debian's kernel of the recipe's version for the guest's architecture."""
        facts = self.recipe["linux"]
        self.progress(f"fetching {facts['package']}")
        options = self._apt("deb", facts["architecture"])
        folder = self.scratch / "packages"
        folder.mkdir()
        for package in (facts["package"], facts["headers"]):
            try:
                self.run(["apt-get", *options, "download", f"{package}={facts['version']}"], folder)
            except L4vmError as error:
                raise L4vmError(
                    f"Debian's {package} {facts['version']} for {facts['architecture']} does not come: {error}",
                    "when Debian has a newer one, put its name and version into recipe.toml",
                    exit_code=3,
                ) from error
            (archive,) = folder.glob(f"{package}_*.deb")
            self.run(["dpkg-deb", "-x", str(archive), str(self.scratch / package)], folder)
        include = self.scratch / "headers" / "include"
        include.parent.mkdir()
        (self.scratch / facts["headers"] / "usr" / "include").rename(include)
        for asm in include.glob("*/asm"):
            asm.rename(include / "asm")
        result.write_bytes((self.scratch / facts["package"] / facts["image"]).read_bytes())

    def _compiled_linux(self, result: Path) -> None:
        """Build the kernel; two to four minutes on two cores."""
        facts = self.recipe["linux"]
        archive = Path(facts["archive"])
        if not archive.is_file():
            raise L4vmError(
                f"{archive} is missing",
                f"install the Debian package {facts['package']} (./kit does it)",
                exit_code=3,
            )
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

    def _apt(self, kind: str, architecture: str = "") -> list[str]:
        """Return apt's options for a private copy of the system's sources, brought up to date.

        Args:
            kind: "deb" or "deb-src".
            architecture: of packages, where it is not the workstation's: none of it is installed then.
        """
        apt = self.scratch / f"apt-{kind}"
        for folder in ("lists/partial", "cache/archives/partial", "parts"):
            (apt / folder).mkdir(parents=True)
        text = []
        for path in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
            lines = path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if not line.startswith("Architectures:")]
            text.append("\n".join(f"Types: {kind}" if x.startswith("Types:") else x for x in kept))
        (apt / "parts" / "l4vm.sources").write_text("\n\n".join(text) + "\n", encoding="utf-8")
        classic = Path("/etc/apt/sources.list")
        lines = classic.read_text(encoding="utf-8").splitlines() if classic.is_file() else []
        ours = [kind + line[3:] for line in lines if line.startswith("deb ")]
        (apt / "parts" / "l4vm.list").write_text("\n".join(ours) + "\n", encoding="utf-8")
        options = [
            "-oDir::Etc::sourcelist=/dev/null",
            f"-oDir::Etc::sourceparts={apt / 'parts'}",
            f"-oDir::State::lists={apt / 'lists'}",
            f"-oDir::Cache={apt / 'cache'}",
            "-oAPT::Sandbox::User=root",
        ]
        if architecture:
            (apt / "status").write_bytes(b"")
            options += [f"-oAPT::Architecture={architecture}", f"-oAPT::Architectures={architecture}"]
            options += [f"-oDir::State::status={apt / 'status'}"]
        self.run(["apt-get", *options, "update"], apt)
        return options

    def _source(self, package: str) -> Path:
        """Fetch and unpack a Debian source package, by a private copy of the system's sources."""
        self.progress(f"fetching the source of {package}")
        download = self.scratch / "download"
        download.mkdir()
        self.run(["apt-get", *self._apt("deb-src"), "source", "--download-only", package], download)
        tree = self.scratch / package
        tree.mkdir()
        archives = sorted(download.glob(f"{package}_*.orig.tar.*"))
        if not archives:
            raise L4vmError(f"no source archive of {package} came", f"see {self.log}", exit_code=3)
        self.run(["tar", "-xf", str(archives[0]), "-C", str(tree), "--strip-components=1"], tree)
        return tree
