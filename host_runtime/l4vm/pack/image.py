# SPDX-License-Identifier: MIT
"""Pack an image: description, programs and guests in; boot file, disk image, report and manifest out.

Everything is made in a scratch folder and moved into place at the end, so that nothing is ever half-written.
Equal inputs give equal bytes.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from l4vm.binding import arena_bytes
from l4vm.description import Description, GuestImage, Resolved, load_description, resolve
from l4vm.description.devices import carriers
from l4vm.description.model import Guest
from l4vm.description.programs import parse_programs
from l4vm.description.schema import Place
from l4vm.errors import L4vmError, L4vmErrors
from l4vm.formats import system_table
from l4vm.guests import Start, build_guest, lay_out, read_machine_map, start_of_recipe
from l4vm.pack.disk import disk_image
from l4vm.pack.multiboot import boot_file, root_image
from l4vm.pack.report import report_json, report_text

MIB = 1 << 20
POOL_SHARE = 32
"""The kernel keeps this part of RAM for its own objects (kernel/core/main.c)."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Inputs:
    """Where everything comes from and goes to."""

    board: Path
    image: Path
    programs: Path
    kernel: Path
    out: Path


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise L4vmError(f"{what} {path}: {error.strerror}", "build it, or mend the path") from error


def _guest_image(guest: Guest, folder: Path, progress: Progress) -> GuestImage:
    """Lay out a guest's RAM from its recipe or its files."""
    initrd = _read(folder / guest.initrd, "initial RAM disk") if guest.initrd else None
    start = Start(guest.machine, b"", guest.kernel, guest.ram_mib, initrd, guest.append)
    start = replace(start, disks=len(guest.disks), nets=len(guest.nets), screen=guest.screen)
    if guest.recipe:
        start = start_of_recipe(build_guest(guest.recipe, progress), start)
    else:
        start = replace(start, kernel=_read(folder / guest.kernel, "guest kernel"))
    executable = lay_out(start).executable
    base = read_machine_map(guest.machine).facts["ram_base"]
    return GuestImage(executable, base, arena_bytes(guest.machine, guest.ram_mib, guest.code_cache_mib))


def _parts(
    description: Description, inputs: Inputs, progress: Progress
) -> tuple[dict[str, bytes], dict[str, GuestImage]]:
    """Return the files of the programs, and the guests.

    Raises:
        L4vmErrors: all that is missing or wrong, each with its place in the image file.
    """
    errors: list[L4vmError] = []
    files = {name: inputs.programs / f"{name}.elf" for name in description.programs}
    programs = {name: path.read_bytes() for name, path in files.items() if path.is_file()}
    try:
        parse_programs(description, programs)
    except L4vmErrors as found:
        errors += found.errors
    guests = {}
    for guest in description.image.guests:
        try:
            guests[guest.name] = _guest_image(guest, description.folder, progress)
        except L4vmError as error:
            where = description.where(guest.place, "recipe" if guest.recipe else "kernel")
            errors.append(L4vmError(f"{where}: {error.message}", error.hint, error.exit_code))
    if errors:
        raise L4vmErrors(errors)
    return programs, guests


def check_ram(description: Description, resolved: Resolved, image_bytes: int) -> None:
    """Refuse an image that does not fit the board's RAM.

    Raises:
        L4vmError: naming the largest parts.
    """
    have = description.board.ram_bytes
    want = resolved.ram_bytes + image_bytes + have // POOL_SHARE + 2 * MIB
    if want > have:
        largest = sorted(resolved.table.memory, key=lambda m: -m.bytes)[:3]
        names = ", ".join(f"{m.name} {-(-m.bytes // MIB)} MiB" for m in largest)
        where = description.where(Place("image", "image"), "name")
        raise L4vmError(
            f"{where} = '{description.image.name}': needs {-(-want // MIB)} MiB of RAM, "
            f"the board {description.board.name} has {have // MIB}",
            f"the largest parts are {names}: make one smaller",
        )


def _manifest(description: Description, resolved: Resolved, kernel: Path, out: Path) -> str:
    board, image = description.board, description.image
    manifest = {
        "image": image.name,
        "board": board.name,
        "kernel": f"{image.name}.elf",
        "disk": f"{image.name}.img",
        "symbols": {"kernel": os.path.relpath(kernel, out)},
        "channels": resolved.channels,
        "lines": [[uart.name for uart in board.uart].index(server.device) for server in carriers(image)],
        "uarts": len(board.uart),
        "guests": [guest.name for guest in image.guests],
        "realtime": [task.name for task in image.realtime],
        "qemu": {"memory_mib": board.qemu_memory_mib, "cpu": board.qemu_cpu, "extra": list(board.qemu_extra)},
    }
    return json.dumps(manifest, indent=2) + "\n"


def pack(inputs: Inputs, progress: Progress = lambda sentence: None) -> None:
    """Pack and write everything.

    Raises:
        L4vmError: an input is missing or wrong; nothing was written.
    """
    description = load_description(inputs.board, inputs.image)
    image = description.image
    programs, guests = _parts(description, inputs, progress)
    if image.root_program == "root":
        resolved = resolve(description, programs, guests)
    else:  # a program that is root itself needs no table
        resolved = Resolved(system_table.SystemTable(), b"", {})
    table = system_table.build(resolved.table)
    packed = root_image(programs[image.root_program], table, resolved.blobs)
    check_ram(description, resolved, len(packed))
    boot = boot_file(_read(inputs.kernel, "kernel"), packed)
    inputs.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=inputs.out, prefix=".pack-") as scratch:
        folder = Path(scratch)
        (folder / f"{image.name}.elf").write_bytes(boot)
        disk_image(boot, folder / f"{image.name}.img")
        report = report_json(description, resolved, programs, len(packed), len(boot))
        (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        (folder / "report.txt").write_text(report_text(report))
        manifest = _manifest(description, resolved, inputs.kernel.resolve(), inputs.out.resolve())
        (folder / "manifest.json").write_text(manifest)
        for path in sorted(folder.iterdir()):
            os.replace(path, inputs.out / path.name)
