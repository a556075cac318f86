# SPDX-License-Identifier: MIT
"""Build the translator core for this workstation as a cffi extension, in API mode.

The declarations come from the C headers themselves (`gcc -E`), so they are said once. The result
lies in the cache under the hash of everything it is made
from; the build writes to a scratch folder and renames, so that two builds at once do no harm.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from l4vm.binding.sources import TRANSLATOR, source_key
from l4vm.errors import L4vmError
from l4vm.guests.cache import cache_root

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

    every = [*FLAGS, *(flags or []), "-fPIC"]
    with _made_whole(target) as scratch:
        ffi = FFI()
        ffi.cdef(declarations())
        ffi.set_source(_MODULE, "".join(f'#include "{header}"\n' for header in _HEADERS))
        ffi.emit_c_code(str(scratch / f"{_MODULE}.c"))
        module = scratch / f"{_MODULE}{sysconfig.get_config_var('EXT_SUFFIX')}"
        python = [f"-I{sysconfig.get_path('include')}", "-w", "-fvisibility=default"]
        jobs = _jobs(scratch, sources(), [*every, "-Werror"])
        jobs += _jobs(scratch, [scratch / f"{_MODULE}.c"], [*every, *python])
        _compile(jobs, ["-shared", *every, "-o", str(module)])
    return next(target.glob(f"{_MODULE}*.so"))


def build_program(main: Path) -> Path:
    """Return the program of a C file with the core and the workstation's port; compiled once per state of all of them.

    Raises:
        L4vmError: as `build`.
    """
    key = hashlib.sha256(f"{source_key(FLAGS)} {main.name} ".encode() + main.read_bytes()).hexdigest()[:32]
    target = cache_root() / "translator" / key
    if not target.is_dir():
        with _made_whole(target) as scratch:
            jobs = _jobs(scratch, [*sources(), main], [*FLAGS, "-Werror"])
            _compile(jobs, ["-o", str(scratch / main.stem)])
    return target / main.stem


@contextlib.contextmanager
def _made_whole(target: Path) -> Iterator[Path]:
    """Hand out a folder with the decoders in it; if all goes well it becomes `target`, without its objects."""
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".build-", dir=target.parent))
    try:
        write_decoders(scratch)
        yield scratch
        for item in scratch.glob("*.o"):
            item.unlink()
        if not target.is_dir():
            scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _jobs(scratch: Path, paths: list[Path], flags: list[str]) -> list[list[str]]:
    """Return a compiler's command line for each file, ending with its object."""
    include = [f"-I{p}" for p in (scratch, TRANSLATOR, TRANSLATOR / "include", TRANSLATOR / "port/linux")]
    jobs = []
    for path in paths:
        relative = path.relative_to(TRANSLATOR) if path.is_relative_to(TRANSLATOR) else path.name
        target = scratch / f"{str(relative).replace('/', '_')}.o"
        jobs.append(["gcc", *flags, *include, "-c", str(path), "-o", str(target)])
    return jobs


def _compile(jobs: list[list[str]], link: list[str]) -> None:
    """Run the jobs and link their objects."""
    width = os.cpu_count() or 1
    for start in range(0, len(jobs), width):
        running = [
            subprocess.Popen(job, stderr=subprocess.PIPE, text=True) for job in jobs[start : start + width]
        ]
        failed = [words for process in running if (words := process.communicate()[1]) and process.returncode]
        if failed:
            raise L4vmError(f"the translator does not compile:\n{failed[0].strip()}", exit_code=3)
    done = subprocess.run(["gcc", *(job[-1] for job in jobs), *link], capture_output=True, text=True, check=False)
    if done.returncode:
        raise L4vmError(f"the translator does not link:\n{done.stderr.strip()}", exit_code=3)
