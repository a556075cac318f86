# SPDX-License-Identifier: MIT
"""`l4vm guest`: run a guest on the workstation, in the translator that the board uses too.

    l4vm guest run leon3-linux                            build (or find) the guest and talk to it
    l4vm guest run --kernel program.elf --headless        run a bare program to its end
    l4vm guest run --machine bamboo --kernel uImage --initrd FILE --append "console=ttyS0,115200"
    l4vm guest run --machine malta --kernel vmlinuz --initrd FILE --append "console=ttyS0"
    l4vm guest run leon3-linux --disk disk.img --net lab.sock
    l4vm guest run leon3-linux --screen --send 'keyboard=ls' --screenshot screen.png
    l4vm guest wrap vmlinux -o linux.elf --append TEXT    put the PROM around a plain vmlinux

The guest's channel is called `console`; with --screen what is sent to `keyboard` is typed there. Scripts work as in
`l4vm run`. A guest that ends itself (SPARC: `ta 0` with traps off, the PROM's halt; PowerPC: a reset by DBCR0; Malta: a
reset or power-off) ends the run with exit code 0, if every --until was met.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from l4vm.cli.files import ExistingFile, WritableFile
from l4vm.cli.guest_devices import device_options
from l4vm.cli.guest_run import CHOICES, Options, read_bytes, read_optional, run_guest
from l4vm.cli.ps import action_command
from l4vm.cli.scripted import StepCommand, script_options, steps_of
from l4vm.guests import RAM_MIB_DEFAULT
from l4vm.guests.wrap import wrap


def options_of(ctx: click.Context, given: dict[str, Any]) -> Options:
    """Return what click has read; `json_path` is what the scripted verbs call --json."""
    return Options(steps=steps_of(ctx), json=given.pop("json_path"), **given)


@click.group(name="guest")
def command() -> None:
    """Run a guest on the workstation, with the same translator."""


@command.command(name="run", cls=StepCommand)
@click.argument("recipe", required=False)
@click.option(
    "--kernel",
    type=ExistingFile(),
    help="Bare program, plain vmlinux, wrapped vmlinux, or uImage.",
)
@click.option("--machine", help="Board that --kernel is for [default: leon3].")
@click.option("--ram", type=click.IntRange(min=1), metavar="MIB", help="Guest RAM.")
@click.option(
    "--initrd",
    type=ExistingFile(),
    help="Initial RAM disk for a kernel or a recipe.",
)
@click.option("--append", metavar="TEXT", help="Kernel command line.")
@click.option(
    "--dtb",
    type=ExistingFile(),
    help="Device tree in the place of ours (bamboo).",
)
@click.option(
    "--engine",
    type=click.Choice(CHOICES["engine"]),
    help="interp: walk the IR; block: compile it; tiers: compile what runs more than once [default: tiers; block with "
    "--check and --chaos].",
)
@click.option(
    "--time",
    type=click.Choice(CHOICES["time"]),
    default="host",
    show_default=True,
    help="Guest time: the workstation's clock, instructions, or instructions with idling skipped.",
)
@click.option(
    "--ns-per-insn",
    type=click.IntRange(1, 100_000),
    help="Length of an instruction for --time insn and exact [default: the machine's clock].",
)
@device_options
@click.option("--screen", is_flag=True, help="Give the guest a display and a keyboard.")
@click.option(
    "--screenshot",
    type=WritableFile(),
    metavar="FILE",
    help="Write what the screen shows at the end as PNG.",
)
@click.option("--gdb", metavar="PORT", help="Wait for a GDB on a local TCP port (0: any) or Unix socket.")
@click.option("--check", is_flag=True, help="Compare with a partner in another engine; needs --time exact.")
@click.option(
    "--check-every",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Guest instructions between comparisons.",
)
@click.option(
    "--partner", type=click.Choice(CHOICES["partner"]), default="interp", show_default=True, help="Engine of --check."
)
@click.option("--partner-without", multiple=True, metavar="NAME", help="An optimisation the partner leaves out.")
@click.option("--chaos", type=int, metavar="SEED", help="Throw caches and code away at random.")
@click.option(
    "--chaos-slice",
    type=click.IntRange(1, 1 << 31),
    default=1000,
    show_default=True,
    help="Longest slice under --chaos; 1 looks around before every instruction.",
)
@click.option("--without", multiple=True, metavar="NAME", help="An optimisation to leave out; may be repeated.")
@click.option("--quiet", is_flag=True, help="Print no console output.")
@click.option("--stats", is_flag=True, help="Print the translator's counters at the end.")
@script_options
@click.pass_context
def run_command(ctx: click.Context, /, **given: Any) -> None:
    """Run the guest RECIPE, or --kernel FILE, and talk to its console.

    Exit codes: 0 every --until was met or the guest ended itself, 2 bad arguments or file, 3
    something is missing, 4 timeout, 5 the guest's CPU stopped in an error, 6 it ended early.
    """
    ctx.exit(run_guest(options_of(ctx, given)))


for _action, _sentence in (
    ("stop", "Stop"),
    ("pause", "Pause"),
    ("resume", "Resume"),
    ("restart", "Start anew"),
):
    command.add_command(action_command(_action, _sentence))


@command.command(name="wrap")
@click.argument("vmlinux", type=ExistingFile())
@click.option(
    "-o",
    "--output",
    required=True,
    type=WritableFile(),
    help="ELF file to write.",
)
@click.option(
    "--initrd",
    type=ExistingFile(),
    help="Initial RAM disk.",
)
@click.option("--append", default="", metavar="TEXT", help="Kernel command line.")
@click.option(
    "--ram",
    "ram_mib",
    type=click.IntRange(min=1),
    default=RAM_MIB_DEFAULT,
    show_default=True,
    metavar="MIB",
    help="Guest RAM.",
)
@click.option("--disks", type=click.IntRange(0, 4), default=0, help="How many disks the guest will have.")
@click.option("--nets", type=click.IntRange(0, 2), default=0, help="How many networks.")
@click.option("--screen", is_flag=True, help="The guest will have a display and a keyboard.")
def wrap_command(
    vmlinux: Path,
    output: Path,
    initrd: Path | None,
    append: str,
    ram_mib: int,
    disks: int,
    nets: int,
    screen: bool,
) -> None:
    """Put the LEON PROM, its device tree and an initial RAM disk around a plain VMLINUX."""
    disk = read_optional(initrd, "an initial RAM disk")
    data = read_bytes(vmlinux, "a plain vmlinux")
    where, ram_bytes = str(vmlinux), ram_mib << 20
    output.write_bytes(wrap(data, disk, append, ram_bytes, None, where, disks, nets, screen))
    click.echo(f"{output}: {output.stat().st_size} bytes, for {ram_mib} MiB RAM", err=True)
