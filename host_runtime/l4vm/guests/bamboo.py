# SPDX-License-Identifier: MIT
"""What the Bamboo's firmware does: a device tree from the machine map, and kernel, RAM disk and tree in RAM.

    0                  the kernel, where its uImage or ELF file wants it
    below the tree     the initial RAM disk
    end of RAM - 64 K  the device tree (MACHINE tree_bytes); the CPU starts with its address in r3

A screen takes the last 1 MiB of RAM (MACHINE screen_bytes), of which the kernel is told as a display and not as
memory; the tree then ends there.

A tree that the user gives is edited as ours is made: memory size, clocks, command line, RAM disk.
Source: PPC440EP User's Manual (devices); Devicetree Specification 0.4; ePAPR 1.1, 5.4 (boot conventions).
"""

from __future__ import annotations

from l4vm.errors import L4vmError
from l4vm.guests.device_tree import Node, cells, flatten, parse, text
from l4vm.guests.elf import Executable, Segment, parse_executable
from l4vm.guests.machine_map import Device, MachineMap, VirtioPlace, read_machine_map
from l4vm.guests.uimage import build_uimage, is_uimage, parse_uimage

_UIC = (1, 2)  # phandles of UIC0 and UIC1
_LEVEL_HIGH, _EDGE_RISING = 4, 1
APPEND_BYTES_MAX = 1023
_NEXT_STEP = "leave --dtb out: the built-in tree has it"
PAGE = 4096


def bamboo_tree(machine: MachineMap) -> Node:
    """Return the tree of the board; memory size, command line and RAM disk are filled in by `personal`."""
    facts = machine.facts
    root = Node({"#address-cells": cells(2), "#size-cells": cells(1)})
    root.properties |= {"model": text("amcc,bamboo"), "compatible": text("amcc,bamboo"), "dcr-parent": cells(3)}
    root.child("aliases")
    cpus = root.child("cpus")
    cpus.properties = {"#address-cells": cells(1), "#size-cells": cells(0)}
    cache = {f"{side}-cache-{what}": cells(n) for side in "id" for what, n in (("line-size", 32), ("size", 32768))}
    cpus.child("cpu@0").properties = {
        "device_type": text("cpu"),
        "model": text("PowerPC,440EP"),
        "reg": cells(0),
        "phandle": cells(3),
        **cache,
        "dcr-controller": b"",
        "dcr-access-method": text("native"),
    }
    root.child("memory").properties = {"device_type": text("memory")}
    for number in sorted({0, *(device.controller for device in machine.devices)}):  # UIC1 only where it is used
        uic = root.child(f"interrupt-controller{number}").properties
        uic |= {
            "compatible": text("ibm,uic-440ep", "ibm,uic"),
            "interrupt-controller": b"",
            "phandle": cells(_UIC[number]),
        }
        uic |= {"cell-index": cells(number), "dcr-reg": cells(*machine.dcrs[f"UIC{number}"])}
        uic |= {"#address-cells": cells(0), "#size-cells": cells(0), "#interrupt-cells": cells(2)}
        if number:
            lines = (facts["uic_cascade"], _LEVEL_HIGH, facts["uic_cascade"] + 1, _LEVEL_HIGH)
            uic |= {"interrupts": cells(*lines), "interrupt-parent": cells(_UIC[0])}
    for name in ("SDR0", "CPR0"):
        kind = name[:-1].lower()
        root.child(kind).properties = {"compatible": text(f"ibm,{kind}-440ep"), "dcr-reg": cells(*machine.dcrs[name])}
    _plb(root.child("plb"), root, machine)
    root.child("chosen").properties = {"stdout-path": root.children["aliases"].properties["serial0"]}
    return root


def _plb(plb: Node, root: Node, machine: MachineMap) -> None:
    facts = machine.facts
    plb.properties = {"compatible": text("ibm,plb-440ep", "ibm,plb-440gp", "ibm,plb4")}
    plb.properties |= {"#address-cells": cells(2), "#size-cells": cells(1), "ranges": b""}
    plb.properties["clock-frequency"] = cells(facts["plb_hz"])
    sdram = ("ibm,sdram-440ep", "ibm,sdram-405gp")
    plb.child("sdram").properties = {"compatible": text(*sdram), "dcr-reg": cells(*machine.dcrs["SDRAM0"])}
    opb = plb.child("opb")
    opb.properties = {"compatible": text("ibm,opb-440ep", "ibm,opb-440gp", "ibm,opb")}
    opb.properties |= {"#address-cells": cells(1), "#size-cells": cells(1)}
    opb.properties["ranges"] = cells(0, 0, 0, 0x80000000, 0x80000000, 0, 0x80000000, 0x80000000)
    opb.properties["clock-frequency"] = cells(facts["opb_hz"])
    ebc = opb.child("ebc").properties
    ebc |= {"compatible": text("ibm,ebc-440ep", "ibm,ebc-440gp", "ibm,ebc")}
    ebc |= {"#address-cells": cells(2), "#size-cells": cells(1), "dcr-reg": cells(*machine.dcrs["EBC0"])}
    ebc |= {"clock-frequency": cells(facts["opb_hz"])}
    for number, uart in enumerate(machine.devices):
        name = f"serial@{uart.base:x}"
        opb.child(name).properties = _uart(uart, facts["uart_hz"])
        root.children["aliases"].properties[f"serial{number}"] = text(f"/plb/opb/{name}")
    plb.child(f"pci@{facts['pci_config'] & 0xFF000000:x}").properties = _pci(facts)


def _uart(uart: Device, clock_hz: int) -> dict[str, bytes]:
    return {
        "device_type": text("serial"),
        "compatible": text("ns16550"),
        "reg": cells(uart.base, uart.size_bytes),
        "virtual-reg": cells(uart.base),
        "clock-frequency": cells(clock_hz),
        "current-speed": cells(115200),
        "interrupt-parent": cells(_UIC[uart.controller]),
        "interrupts": cells(uart.irq, _LEVEL_HIGH),
    }


def _pci(facts: dict[str, int]) -> dict[str, bytes]:
    """The bridge: configuration, acknowledge and special cycle, registers; one memory and one I/O window."""
    memory, io = facts["pci_memory"], facts["pci_io"]
    ack = (0, facts["pci_ack"], 4)
    return {
        "device_type": text("pci"),
        "#interrupt-cells": cells(1),
        "#size-cells": cells(2),
        "#address-cells": cells(3),
        "compatible": text("ibm,plb440ep-pci", "ibm,plb-pci"),
        "primary": b"",
        "reg": cells(0, facts["pci_config"], 8, *ack, *ack, 0, facts["pci_registers"], 0x40),
        "ranges": cells(0x02000000, 0, memory, 0, memory, 0, 0x20000000, 0x01000000, 0, 0, 0, io, 0, 0x10000),
        "dma-ranges": cells(0x42000000, 0, 0, 0, 0, 0, 0x80000000),
    }


def personal(tree: Node, machine: MachineMap, memory_bytes: int, append: str, initrd: tuple[int, int] | None) -> None:
    """Fill in what differs between two starts: RAM, clocks, command line, where the RAM disk lies."""
    memory = next((n for n in tree.walk() if n.properties.get("device_type") == text("memory")), None)
    if memory is None:
        memory = tree.child("memory")
        memory.properties["device_type"] = text("memory")
    memory.properties["reg"] = cells(0, machine.facts["ram_base"], memory_bytes)
    for node in tree.walk():
        if node.properties.get("device_type") == text("cpu"):
            for key in ("clock-frequency", "timebase-frequency"):
                node.properties[key] = cells(machine.facts["clock_hz"])
    chosen = tree.child("chosen").properties
    chosen["bootargs"] = text(append)
    for key in ("linux,initrd-start", "linux,initrd-end"):
        chosen.pop(key, None)
    if initrd:
        chosen["linux,initrd-start"], chosen["linux,initrd-end"] = cells(initrd[0]), cells(initrd[1])


def _bus(tree: Node, compatible: str) -> Node:
    """Return the bus of a kind."""
    for node in tree.walk():
        if text(compatible) in node.properties.get("compatible", b""):
            return node
    raise L4vmError(f"the device tree has no {compatible} bus for this guest's devices", _NEXT_STEP)


def _controller(tree: Node, number: int) -> bytes:
    """Return the phandle of an interrupt controller."""
    for at in (node.properties for node in tree.walk()):
        if "interrupt-controller" in at and "phandle" in at and at.get("cell-index") == cells(number):
            return at["phandle"]
    raise L4vmError(
        f"the device tree has no interrupt controller with cell-index {number} for this guest's devices", _NEXT_STEP
    )


def add_screen(tree: Node, machine: MachineMap, memory_end: int) -> None:
    """Add a display behind the end of memory, and a keyboard.

    Raises:
        L4vmError: the tree has not the buses or not the interrupt controller for them.
    """
    facts = machine.facts
    width, height = facts["screen_width"], facts["screen_height"]
    _bus(tree, "ibm,plb4").child(f"framebuffer@{memory_end:x}").properties = {
        "compatible": text("simple-framebuffer"),
        "reg": cells(0, memory_end, width * height * 2),
        "width": cells(width),
        "height": cells(height),
        "stride": cells(width * 2),
        "format": text("r5g6b5"),
    }
    for device in machine.screen:
        _bus(tree, "ibm,opb").child(f"GAISLER_{device.name}@{device.base:x}").properties = {
            "reg": cells(device.base, device.size_bytes),
            "interrupt-parent": _controller(tree, device.controller),
            "interrupts": cells(device.irq, _EDGE_RISING),
            "freq": cells(facts["opb_hz"]),
        }


def add_virtio(tree: Node, places: list[VirtioPlace]) -> None:
    """Add disks and networks below the peripheral bus, where Linux looks for devices.

    Raises:
        L4vmError: the tree has no such bus, or no interrupt controller 0.
    """
    if not places:
        return
    opb, uic = _bus(tree, "ibm,opb"), _controller(tree, 0)
    for place in places:
        opb.child(f"virtio@{place.base:x}").properties = {
            "compatible": text("virtio,mmio"),
            "reg": cells(place.base, place.size_bytes),
            "interrupt-parent": uic,
            "interrupts": cells(place.irq, _LEVEL_HIGH),
        }


def kernel_image(vmlinux: bytes, where: str) -> bytes:
    """Return the uImage of a plain vmlinux: its memory from physical 0 on, started at 0."""
    executable = parse_executable(vmlinux, where, "ppc")
    memory = bytearray(max(segment.pa + len(segment.data) for segment in executable.segments))
    for segment in executable.segments:
        memory[segment.pa : segment.pa + len(segment.data)] = segment.data
    return build_uimage(bytes(memory), 0, 0, "Linux")


def board_tree(ram_bytes: int, append: str) -> bytes:
    """Return our own tree as a .dtb file, for other emulators and for the eye."""
    machine = read_machine_map("bamboo")
    tree = bamboo_tree(machine)
    personal(tree, machine, ram_bytes, append, None)
    return flatten(tree)


def place(
    kernel: bytes,
    where: str,
    ram_bytes: int,
    append: str = "",
    initrd: bytes | None = None,
    dtb: bytes | None = None,
    disks: int = 0,
    nets: int = 0,
    screen: bool = False,
) -> Executable:
    """Lay out everything that RAM holds when the CPU starts.

    Args:
        kernel: a uImage or a PowerPC ELF file.
        where: how to name it in an error.
        ram_bytes: size of RAM, within the machine's range.
        append: kernel command line.
        initrd: initial RAM disk.
        dtb: a device tree in the place of ours.
        disks: how many virtio disks the tree tells of.
        nets: how many virtio networks.
        screen: whether it tells of a display and a keyboard.

    Raises:
        L4vmError: a file is none of its kind, or something does not fit.
    """
    machine = read_machine_map("bamboo")
    if len(append) > APPEND_BYTES_MAX or not append.isascii() or not append.isprintable():
        raise L4vmError(
            f"the kernel command line has {len(append)} characters", f"at most {APPEND_BYTES_MAX}, printable ASCII"
        )
    program = program_of(kernel, where)
    tree_bytes = machine.facts["tree_bytes"]
    memory_bytes = ram_bytes - (machine.facts["screen_bytes"] if screen else 0)
    tree_at = machine.facts["ram_base"] + memory_bytes - tree_bytes
    end = max(segment.pa + segment.mem_bytes for segment in program.segments)
    pieces = []
    at = None
    if initrd:
        start = (tree_at - len(initrd)) & -PAGE
        if start < end:
            raise L4vmError(
                f"the initial RAM disk has {len(initrd)} bytes, {max(0, tree_at - end)} are free behind {where}",
                "give the guest more RAM, or a smaller initial RAM disk",
            )
        at = (start, start + len(initrd))
        pieces.append(Segment(start, start, initrd, len(initrd)))
    if end > tree_at:
        raise L4vmError(f"{where}: ends at 0x{end:x}, the device tree lies at 0x{tree_at:x}", "give the guest more RAM")
    tree = parse(dtb, "the device tree") if dtb is not None else bamboo_tree(machine)
    add_virtio(tree, machine.virtio_places(disks, nets))
    if screen:
        add_screen(tree, machine, machine.facts["ram_base"] + memory_bytes)
    personal(tree, machine, memory_bytes, append, at)
    blob = flatten(tree)
    if len(blob) > tree_bytes:
        raise L4vmError(f"the device tree has {len(blob)} bytes, at most {tree_bytes}", "leave nodes out")
    pieces.append(Segment(tree_at, tree_at, blob, len(blob)))
    return Executable(program.entry, (*program.segments, *pieces))


def program_of(kernel: bytes, where: str) -> Executable:
    """Return what a uImage or ELF file puts into RAM, and where the CPU starts.

    Raises:
        L4vmError: it is neither, or for another CPU.
    """
    if not is_uimage(kernel):
        elf = parse_executable(kernel, where, "ppc")
        offset = next((s.va - s.pa for s in elf.segments if s.va <= elf.entry < s.va + s.mem_bytes), 0)
        return Executable(elf.entry - offset, elf.segments)  # the CPU starts with addresses mapped one to one
    image = parse_uimage(kernel, where)
    return Executable(image.entry, (Segment(image.load, image.load, image.data, len(image.data)),))
