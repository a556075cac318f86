# SPDX-License-Identifier: MIT
"""Read a board file and an image file and check them against each other; all errors in one run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l4vm.description import checks, model
from l4vm.description.model import Board, Disk, Guest, Image, IrqRoute, Net, Ram, Realtime, Screen, Server, Share, Uart
from l4vm.description.positions import Document, join, read
from l4vm.description.schedule import Analysis, analyse
from l4vm.description.schema import TOP, Place, Reader, Schema
from l4vm.errors import L4vmError, L4vmErrors
from l4vm.guests import recipe_names

SHARE = ("priority", "budget_us", "period_us")
RECIPES = Path(__file__).resolve().parents[3] / "images/guests"


@dataclass(frozen=True)
class Description:
    """A board and an image that fit each other."""

    board: Board
    image: Image
    folder: Path  # of the image file: its relative paths begin there
    analysis: tuple[Analysis, ...]
    document: Document  # the image file's

    @property
    def programs(self) -> tuple[str, ...]:
        """Names of the programs that the image needs, each once; root's first."""
        image = self.image
        names = [image.root_program, *(s.program for s in image.servers), *(t.program for t in image.realtime)]
        return tuple(dict.fromkeys([*names, *(["vm"] if image.guests else [])]))

    @property
    def files(self) -> tuple[Path, ...]:
        """Files beside the two descriptions that the image is made from."""
        found: list[Path] = [self.folder / disk.file for disk in self.image.disks if disk.file]
        for guest in self.image.guests:
            found += [self.folder / name for name in (guest.kernel, guest.initrd) if name]
            if guest.recipe in recipe_names():
                found += sorted(path for path in (RECIPES / guest.recipe).glob("*") if path.is_file())
        return tuple(found)

    def where_program(self, name: str) -> str:
        """Return how an error begins about a program that the image names, where it is named first."""
        named: list[Server | Realtime] = [*self.image.servers, *self.image.realtime]
        place = next((task.place for task in named if task.program == name), None)
        if place is None:
            return f"{self.where(Place('image', 'image'), 'root')} = '{name}'"
        return f"{self.where(place, 'program')} = '{name}'"

    def where(self, place: Place, key: str) -> str:
        """Return how an error begins that is found later: `file:line: guest.leon0.kernel`."""
        return f"{self.document.place(join(place.path, key))}: {join(place.shown, key)}"


def _each(reader: Reader, name: str, array: Any, schema: Schema) -> Iterator[dict[str, Any]]:
    """Read an array of tables; each with its place, and with a share where the schema has one."""
    for place, values in reader.tables(name, array, schema):
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        if "priority" in schema:
            values["share"] = Share(*(values.pop(key) for key in SHARE))
        yield {**values, "place": place}


def _board(reader: Reader) -> Board:
    top = reader.table(TOP, reader.document.values, model.BOARD_TOP)
    qemu = reader.table(Place("qemu", "qemu"), top["qemu"], model.QEMU)
    return Board(
        name=top["name"],
        arch=top["arch"],
        ram=tuple(Ram(**values) for values in _each(reader, "ram", top["ram"], model.RAM)),
        uart=tuple(Uart(**values) for values in _each(reader, "uart", top["uart"], model.UART)),
        screen=tuple(Screen(**values) for values in _each(reader, "screen", top["screen"], model.SCREEN)),
        irq=tuple(IrqRoute(**values) for values in _each(reader, "irq", top["irq"], model.IRQ)),
        qemu_memory_mib=qemu["memory_mib"],
        qemu_cpu=qemu["cpu"],
        qemu_extra=tuple(qemu["extra"]),
    )


def _realtime(reader: Reader, array: Any) -> Iterator[Realtime]:
    for values in _each(reader, "rt", array, model.RT):
        values["deadline_us"] = values["deadline_us"] or values["share"].period_us
        yield Realtime(**values)


def _image(reader: Reader) -> Image:
    top = reader.table(TOP, reader.document.values, model.IMAGE_TOP)
    head = reader.table(Place("image", "image"), top["image"], model.IMAGE)
    root = reader.table(Place("root", "root"), top["root"], model.ROOT)
    return Image(
        name=head["name"],
        board=top["board"],
        root_program=head["root"],
        root=Share(*(root[key] for key in SHARE)),
        servers=tuple(Server(**values) for values in _each(reader, "server", top["server"], model.SERVER)),
        disks=tuple(Disk(**values) for values in _each(reader, "disk", top["disk"], model.DISK)),
        nets=tuple(Net(**values) for values in _each(reader, "net", top["net"], model.NET)),
        realtime=tuple(_realtime(reader, top["rt"])),
        guests=tuple(Guest(**values) for values in _each(reader, "guest", top["guest"], model.GUEST)),
    )


def _shown(path: Path) -> str:
    """Return how errors call a file: boards/NAME.toml, images/NAME/image.toml."""
    return "/".join(path.resolve().parts[-3 if path.name == "image.toml" else -2 :])


def load_description(board_file: Path, image_file: Path) -> Description:
    """Read and check both files.

    Raises:
        L4vmErrors: everything that is wrong with either, the board's first (exit code 2).
    """
    readers, broken = [], []
    for path in (board_file, image_file):
        try:
            readers.append(Reader(read(path, _shown(path))))
        except L4vmError as error:
            broken.append(error)
    if broken:
        raise L4vmErrors(broken)
    boards, images = readers
    board, image = _board(boards), _image(images)
    checks.check_board(boards, board)
    checks.check_image(images, image, image_file.parent)
    if not boards.errors:
        checks.check_pair(images, image, board)
    analysis: tuple[Analysis, ...] = ()
    if not images.errors:  # shares that are wrong themselves would only give sentences about themselves
        analysis = analyse(image)
        checks.check_schedule(images, analysis)
    if boards.errors or images.errors:
        raise L4vmErrors([*boards.errors, *images.errors])
    return Description(board, image, image_file.parent, analysis, images.document)
