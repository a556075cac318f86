# SPDX-License-Identifier: MIT
"""The device tree of a LEON PROM, built from the machine map.

A node has a name, properties and children; `layout` turns a tree into the tables that `prom/prom.c`
walks: an array of nodes, arrays of
properties, names and values, all big-endian, with virtual pointers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from l4vm.guests.machine_map import Device, MachineMap, VirtioPlace

_NODE = struct.Struct(">IIII")
_PROPERTY = struct.Struct(">IIi")


@dataclass
class Node:
    """One node; properties keep their order."""

    properties: dict[str, bytes]
    children: list[Node] = field(default_factory=list)


def text(value: str) -> bytes:
    """Return a property value that holds a string."""
    return value.encode("ascii") + b"\0"


def words(*values: int) -> bytes:
    """Return a property value that holds 32-bit numbers."""
    return struct.pack(f">{len(values)}I", *values)


def idprom(machine_type: int = 0x32) -> bytes:
    """Return the 32 bytes of an identification PROM, format 1, with its XOR checksum in byte 15."""
    head = bytes([1, machine_type, 0x02, 0, 0, 0, 0, 1]) + bytes(4) + bytes([0, 0, 1])
    checksum = 0
    for byte in head:
        checksum ^= byte
    return head + bytes([checksum]) + bytes(16)


def _registers(device: Device) -> dict[str, bytes]:
    return {"reg": words(device.base, device.size_bytes)}


def _virtio(place: VirtioPlace) -> Node:
    """A disk or a network; what it is the driver reads from its registers."""
    return Node(
        {
            "name": text("virtio"),
            "compatible": text("virtio,mmio"),
            "reg": words(place.base, place.size_bytes),
            "interrupts": words(place.irq),
        }
    )


def _desk(machine: MachineMap, clock_hz: int) -> list[Node]:
    """Display and keyboard."""
    nodes = []
    for device in machine.screen:
        node = Node({"name": text(f"GAISLER_{device.name}"), **_registers(device)})
        if device.irq:
            node.properties |= {"interrupts": words(device.irq), "freq": words(clock_hz)}
        nodes.append(node)
    return nodes


def leon_tree(machine: MachineMap, disks: int = 0, nets: int = 0, screen: bool = False) -> Node:
    """Return the tree that Linux needs to find CPU, interrupt controller, timer, serial port and what more there is."""
    clock = machine.facts["clock_hz"]
    irqmp, timer, uart = (machine.device(n) for n in ("IRQMP", "GPTIMER", "APBUART"))
    amba = Node({"name": text("ambapp0"), "device_type": text("ambapp")})
    amba.properties["systemid"] = words(machine.facts["system_id"])
    amba.children = [
        Node({"name": text("GAISLER_IRQMP"), **_registers(irqmp)}),
        Node(
            {
                "name": text("GAISLER_GPTIMER"),
                **_registers(timer),
                "interrupts": words(timer.irq),
                "freq": words(clock),
            }
        ),
        Node(
            {
                "name": text("GAISLER_APBUART"),
                **_registers(uart),
                "interrupts": words(uart.irq),
                "freq": words(clock),
                "device_type": text("serial"),
            }
        ),
        *(_desk(machine, clock) if screen else ()),
        *(_virtio(place) for place in machine.virtio_places(disks, nets)),
    ]
    cpu = Node(
        {
            "name": text("cpu"),
            "device_type": text("cpu"),
            "mid": words(0),
            "mmu-nctx": words(256),
            "clock-frequency": words(clock),
        }
    )
    return Node(
        {"name": text(""), "compatible": text("leon"), "idprom": idprom()}, [amba, cpu]
    )


def layout(root: Node, base_va: int) -> tuple[bytes, int]:
    """Lay a tree out for the PROM.

    Args:
        root: node number 1.
        base_va: virtual address of the first byte; a multiple of 8.

    Returns:
        The bytes (the node array comes first) and how many nodes there are.
    """
    order: list[Node] = []
    number: dict[int, int] = {}

    def visit(node: Node) -> None:
        order.append(node)
        number[id(node)] = len(order)
        for child in node.children:
            visit(child)

    visit(root)
    sibling: dict[int, int] = {}
    for node in order:
        for child, after in zip(node.children, node.children[1:], strict=False):
            sibling[id(child)] = number[id(after)]
    property_at = base_va + _NODE.size * len(order)
    count = sum(len(node.properties) for node in order)
    pool_at = property_at + _PROPERTY.size * count
    nodes, properties, pool = bytearray(), bytearray(), bytearray()

    def intern(data: bytes) -> int:
        at = pool_at + len(pool)
        pool.extend(data + bytes(-len(data) % 4))
        return at

    for node in order:
        first = number[id(node.children[0])] if node.children else 0
        nodes += _NODE.pack(
            sibling.get(id(node), 0), first, property_at + len(properties), len(node.properties)
        )
        for name, value in node.properties.items():
            properties += _PROPERTY.pack(intern(text(name)), intern(value), len(value))
    return bytes(nodes + properties + pool), len(order)
