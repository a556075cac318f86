# SPDX-License-Identifier: MIT
"""Build the translator core for this workstation as a cffi extension, in API mode.

The declarations come from the C headers themselves (`gcc -E`), so they are said once. The result
lies in the cache under the hash of everything it is made
from; the build writes to a scratch folder and renames, so that two builds at once do no harm.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path

from l4vm.binding.sources import TRANSLATOR
from l4vm.errors import L4vmError

_MODULE = "_xl"
_ROOMS = ("ir", "opt", "interp", "rt", "host/x64", "guest/*", "machine", "port/linux")
_HEADERS = ("xl/xl.h", "xl_linux.h")
FLAGS = [
    *("-std=c11", "-O2", "-g", "-fno-strict-aliasing", "-fvisibility=hidden"),
    *("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion"),
]


def sources() -> list[Path]:
    """Return the C and assembly files of the core with the workstation's port, sorted."""
    found = [p for room in _ROOMS for p in TRANSLATOR.glob(f"{room}/*.[cS]")]
    return sorted(found)


def declarations() -> str:
    """Return what cffi shall declare: the preprocessed lines that come from our own headers."""
    include = [f"-I{TRANSLATOR / 'include'}", f"-I{TRANSLATOR / 'port/linux'}"]
    text = "".join(f'#include "{header}"\n' for header in _HEADERS)
    done = subprocess.run(
        ["gcc", "-E", "-std=c11", *include, "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise L4vmError(f"gcc -E refuses the translator's headers: {done.stderr.strip()}", exit_code=3)
    kept, ours = [], False
    for line in done.stdout.splitlines():
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            ours = marker[1].startswith(str(TRANSLATOR))
        elif ours:
            kept.append(line)
    return "\n".join(kept)


def write_decoders(folder: Path) -> None:
    """Write the C header of every guest's decode table into a folder."""
    from l4vm.decode.emit import write_header

    for table in TRANSLATOR.glob("guest/*/insn.decode"):
        write_header(table, folder / f"{table.parent.name}_dec_gen.h")


def build(target: Path, flags: list[str] | None = None) -> Path:
    """Compile the extension into folder `target` (made whole or not at all).

    Returns:
        The path of the extension module.

    Raises:
        L4vmError: the compiler is missing or refuses (exit code 3); its words are in the sentence.
    """
    from cffi import FFI

    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".build-", dir=target.parent))
    try:
        write_decoders(scratch)
        ffi = FFI()
        ffi.cdef(declarations())
        ffi.set_source(_MODULE, "".join(f'#include "{header}"\n' for header in _HEADERS))
        ffi.emit_c_code(str(scratch / f"{_MODULE}.c"))
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        module = scratch / f"{_MODULE}{suffix}"
        _compile(scratch, module, [*FLAGS, *(flags or [])])
        for item in scratch.iterdir():
            if item.suffix == ".o":
                item.unlink()
        if not target.is_dir():
            scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return next(target.glob(f"{_MODULE}*.so"))


def _compile(scratch: Path, module: Path, flags: list[str]) -> None:
    include = [f"-I{p}" for p in (scratch, TRANSLATOR, TRANSLATOR / "include", TRANSLATOR / "port/linux")]
    python = f"-I{sysconfig.get_path('include')}"
    jobs = []
    for path in [*sources(), scratch / f"{_MODULE}.c"]:
        relative = path.relative_to(TRANSLATOR) if path.is_relative_to(TRANSLATOR) else path.name
        name = str(relative).replace("/", "_")
        own = [python, "-w", "-fvisibility=default"] if path.parent == scratch else ["-Werror"]
        jobs.append(["gcc", *flags, *own, "-fPIC", *include, "-c", str(path), "-o", str(scratch / f"{name}.o")])
    width = os.cpu_count() or 1
    for start in range(0, len(jobs), width):
        running = [
            subprocess.Popen(job, stderr=subprocess.PIPE, text=True) for job in jobs[start : start + width]
        ]
        failed = [words for process in running if (words := process.communicate()[1]) and process.returncode]
        if failed:
            raise L4vmError(f"the translator does not compile:\n{failed[0].strip()}", exit_code=3)
    objects = [job[-1] for job in jobs]
    link = ["gcc", "-shared", *flags, *objects, "-o", str(module)]
    done = subprocess.run(link, capture_output=True, text=True, check=False)
    if done.returncode:
        raise L4vmError(f"the translator does not link:\n{done.stderr.strip()}", exit_code=3)
