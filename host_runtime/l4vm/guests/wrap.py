# SPDX-License-Identifier: MIT
"""Wrap a plain LEON vmlinux: put the PROM, its tree, page tables and the initial RAM disk around it.

The result is one ELF32 executable at the start of RAM that boots on our LEON3 machine, on `qemu-
system-sparc -M leon3_generic`, and in form on a real board:

    RAM + 0        PROM code, romvec (prom/)            virtual 0xf0000000
    behind it      page tables, node tree, arguments    below 16 KiB, which Linux keeps
    RAM + 0x4000   the kernel                           virtual 0xf0004000
    behind _end    the initial RAM disk

Source: facts of arch/sparc (head_32.S, openprom.h, bootmem); SPARC V8 appendix H for the page table words.
"""

from __future__ import annotations

import functools
import struct
from pathlib import Path

from l4vm.errors import L4vmError
from l4vm.guests.elf import Executable, parse_executable
from l4vm.guests.machine_map import MachineMap, read_machine_map
from l4vm.guests.prom_tree import Node, layout, leon_tree, words

KERNEL_BASE_VA = 0xF000_0000
KERNEL_ENTRY_VA = 0xF000_4000
PROM_BYTES_MAX = 0x4000
APPEND_BYTES_MAX = 255
_MARK = b"L4VMPROM"
_MARK_OFFSET = 80
_FACTS_OFFSET = 16
_FACTS = struct.Struct(">10I")
_SECTION_BYTES = 16 << 20
_PTE_FLAGS = 0x9E  # cacheable, ACC 7 (supervisor: read, write, execute), ET 2 (entry)
_PTD_FLAGS = 0x01
_INITRD_GAP_BYTES = 0x1_0000
_HEADER_OFFSETS = (0x6000, 0x4000)  # where "HdrS" lies from KERNEL_BASE_VA, newest first


def is_wrapped(data: bytes) -> bool:
    """Tell whether an ELF file is one that `wrap` made."""
    return data[:4] == b"\x7fELF" and data.find(_MARK, _MARK_OFFSET, 0x2000 + _MARK_OFFSET) >= 0


def wrapped_ram_bytes(data: bytes) -> int:
    """Return the RAM size that a wrapped file was made for: its PROM tells the kernel so."""
    prom = data.index(_MARK, _MARK_OFFSET) - _MARK_OFFSET
    return int(_FACTS.unpack_from(data, prom + _FACTS_OFFSET)[-1])


def wrapped_tells_of(data: bytes, machine: MachineMap, disks: int, nets: int, screen: bool) -> bool:
    """Tell whether a wrapped file's tree has nodes for so many disks and networks, and for a screen."""
    places = [words(place.base, place.size_bytes) for place in machine.virtio_places(disks, nets)]
    places += [words(device.base, device.size_bytes) for device in machine.screen if screen]
    return all(place in data[: 0x2000 + PROM_BYTES_MAX] for place in places)


def is_leon_vmlinux(executable: Executable) -> bool:
    """Tell whether an executable is a plain SPARC32 Linux kernel, which needs wrapping."""
    return executable.entry == KERNEL_ENTRY_VA


@functools.cache
def prom_code(tool_prefix: str = "sparc64-linux-gnu-") -> bytes:
    """Assemble, compile and link the PROM.

    Returns:
        Its bytes from virtual 0xf0000000 on, a multiple of 1024.

    Raises:
        L4vmError: the SPARC tools are missing (exit code 3) or refuse the source.
    """
    import shutil
    import tempfile

    source = Path(__file__).parent / "prom"
    if not shutil.which(tool_prefix + "gcc"):
        raise L4vmError(
            f"{tool_prefix}gcc is not installed, so the LEON PROM cannot be built",
            "install the packages listed in kit.packages (./kit does it)",
            exit_code=3,
        )
    with tempfile.TemporaryDirectory() as scratch:
        objects = []
        common = [tool_prefix + "gcc", "-m32", "-mcpu=v8", "-O2", "-ffreestanding", "-fno-pic"]
        flat = ["-mflat", "-fno-stack-protector", "-Wall", "-Wextra", "-Werror"]
        for name, flags in (("start.S", []), ("prom.c", flat)):
            target = f"{scratch}/{name}.o"
            _tool([*common, *flags, "-c", str(source / name), "-o", target])
            objects.append(target)
        linker = [tool_prefix + "ld", "-m", "elf32_sparc", "-T", str(source / "prom.ld")]
        _tool([*linker, "-z", "noexecstack", *objects, "-o", f"{scratch}/prom.elf"])
        data = Path(f"{scratch}/prom.elf").read_bytes()
    segments = parse_executable(data, "the LEON PROM").segments
    code = bytes(segments[0].data)
    if len(segments) != 1 or code[_MARK_OFFSET : _MARK_OFFSET + 8] != _MARK:
        raise AssertionError("prom.ld and start.S disagree with wrap.py")
    return code + bytes(-len(code) % 1024)


def _tool(command: list[str]) -> None:
    import subprocess

    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise L4vmError(f"{Path(command[0]).name}: {done.stderr.strip()}", "the PROM does not build")


def wrap(
    vmlinux: bytes,
    initrd: bytes | None,
    append: str,
    ram_bytes: int,
    machine: MachineMap | None = None,
    where: str = "the kernel",
    disks: int = 0,
    nets: int = 0,
    screen: bool = False,
) -> bytes:
    """Wrap a plain vmlinux.

    Args:
        vmlinux: the kernel's ELF file, linked at 0xf0004000.
        initrd: initial RAM disk (a cpio archive, also compressed), or None.
        append: kernel command line, at most 255 ASCII characters.
        ram_bytes: size of the guest's RAM, within the machine's range.
        machine: the machine's map; LEON3 by default.
        where: how to name the kernel in an error.
        disks: how many disks the tree shall tell of.
        nets: how many networks.
        screen: whether it shall tell of display and keyboard.

    Returns:
        The wrapped ELF file.

    Raises:
        L4vmError: the file is wrapped already, is no LEON vmlinux, or something does not fit.
    """
    machine = machine or read_machine_map("leon3")
    ram_base = machine.facts["ram_base"]
    if is_wrapped(vmlinux):
        raise L4vmError(f"{where}: is wrapped already", "give the plain vmlinux, or run this file as it is")
    kernel = parse_executable(vmlinux, where)
    if not is_leon_vmlinux(kernel):
        raise L4vmError(
            f"{where}: entry 0x{kernel.entry:x} is not that of a SPARC32 vmlinux (0x{KERNEL_ENTRY_VA:x})",
            "only Linux needs wrapping; run other programs as they are",
        )
    _check_arguments(append, ram_bytes, machine)
    body = bytearray(_kernel_bytes(kernel))
    end = kernel.end_va - KERNEL_BASE_VA
    initrd_at = (end + _INITRD_GAP_BYTES + 0xFFF) & ~0xFFF
    needed = initrd_at + len(initrd) if initrd else end
    lowmem = min(ram_bytes, 192 << 20)
    if needed > lowmem:
        raise L4vmError(
            f"{where}: kernel and initial RAM disk need {needed} bytes, the guest can place {lowmem}",
            "give the guest more RAM, or a smaller initial RAM disk (192 MiB is Linux's own limit)",
        )
    if initrd:
        _set_initrd(body, KERNEL_BASE_VA + initrd_at, len(initrd), where)
    prom = _prom(machine, append, ram_bytes, leon_tree(machine, disks, nets, screen))
    pieces = [(ram_base, prom + bytes(PROM_BYTES_MAX - len(prom)) + bytes(body), end)]
    if initrd:
        pieces.append((ram_base + initrd_at, initrd, len(initrd)))
    return _elf(ram_base, pieces)


def _check_arguments(append: str, ram_bytes: int, machine: MachineMap) -> None:
    if len(append) > APPEND_BYTES_MAX or not append.isascii() or not append.isprintable():
        raise L4vmError(
            f"the kernel command line has {len(append)} characters",
            f"at most {APPEND_BYTES_MAX}, printable ASCII",
        )
    low, high = machine.facts["ram_min"], machine.facts["ram_max"]
    if not low <= ram_bytes <= high or ram_bytes % (1 << 20):
        raise L4vmError(
            f"RAM of {ram_bytes} bytes is outside {low >> 20}..{high >> 20} MiB of machine {machine.name}",
            "give a whole number of MiB in that range",
        )


def _kernel_bytes(kernel: Executable) -> bytes:
    """Return the kernel's file contents from its entry address on."""
    end = max(s.va + len(s.data) for s in kernel.segments)
    out = bytearray(end - KERNEL_BASE_VA)
    for segment in kernel.segments:
        if segment.va < KERNEL_BASE_VA:
            raise L4vmError(f"the kernel's segment at 0x{segment.va:x} lies below 0xf0000000", "")
        at = segment.va - KERNEL_BASE_VA
        out[at : at + len(segment.data)] = segment.data
    return bytes(out[KERNEL_ENTRY_VA - KERNEL_BASE_VA :])


def _set_initrd(body: bytearray, va: int, size: int, where: str) -> None:
    for offset in _HEADER_OFFSETS:
        at = body.find(b"HdrS", offset - PROM_BYTES_MAX, offset - PROM_BYTES_MAX + 0x2000)
        if at >= 0:
            struct.pack_into(">II", body, at + 16, va, size)
            return
    raise L4vmError(
        f"{where}: no boot header (HdrS) in the kernel's head, so it cannot take an initial RAM disk",
        "build the kernel with CONFIG_BLK_DEV_INITRD",
    )


def _prom(machine: MachineMap, append: str, ram_bytes: int, root: Node) -> bytes:
    code = prom_code()
    ram_base = machine.facts["ram_base"]
    level1_at, context_at = len(code), len(code) + 1024
    tree_at = context_at + 1024
    level1 = [0] * 256
    for i in range(min(16, (ram_bytes + _SECTION_BYTES - 1) // _SECTION_BYTES)):
        entry = ((ram_base + i * _SECTION_BYTES) >> 4) | _PTE_FLAGS
        level1[(KERNEL_BASE_VA >> 24) + i] = entry
        level1[(ram_base >> 24) + i] = entry
    context = [((ram_base + level1_at) >> 4) | _PTD_FLAGS] + [0] * 255
    tree, nodes = layout(root, KERNEL_BASE_VA + tree_at)
    arguments_at = tree_at + len(tree)
    out = bytearray(code)
    out += struct.pack(">256I", *level1) + struct.pack(">256I", *context)
    out += tree + append.encode("ascii") + b"\0"
    if len(out) > PROM_BYTES_MAX:
        raise AssertionError(f"the PROM has {len(out)} bytes, more than {PROM_BYTES_MAX}")
    scaler = machine.facts["clock_hz"] // 1_000_000 - 1
    _FACTS.pack_into(
        out,
        _FACTS_OFFSET,
        KERNEL_BASE_VA + tree_at,
        nodes,
        KERNEL_BASE_VA + arguments_at,
        machine.device("APBUART").base,
        machine.device("GPTIMER").base,
        scaler,
        (ram_base + context_at) >> 4,
        KERNEL_ENTRY_VA,
        ram_base,
        ram_bytes,
    )
    return bytes(out)


def _elf(entry: int, pieces: list[tuple[int, bytes, int]]) -> bytes:
    """Build an ELF32 big-endian SPARC executable of (address, bytes, memory size) pieces."""
    page = 0x1000
    ident = b"\x7fELF" + bytes([1, 2, 1]) + bytes(9)
    header = ident + struct.pack(
        ">HHIIIIIHHHHHH", 2, 2, 1, entry, 52, 0, 0, 52, 32, len(pieces), 0, 0, 0
    )
    table, data, offset = b"", b"", page
    for address, content, mem_bytes in pieces:
        size = max(len(content), mem_bytes)
        table += struct.pack(">8I", 1, offset, address, address, len(content), size, 7, page)
        data += content + bytes(-len(content) % page)
        offset = page + len(data)
    head = header + table
    return head + bytes(page - len(head)) + data
