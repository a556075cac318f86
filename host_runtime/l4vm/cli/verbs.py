# SPDX-License-Identifier: MIT
"""The verbs of the `l4vm` command: one per module of this package, imported when used.

What is here: the table of verbs and the click group of them. A verb's module has a click command
named `command`. Verbs return nothing for success or end by `ctx.exit(ExitCode...)`; an L4vmError
that leaves a verb is printed as its sentence and ends the program with its own code (l4vm.cli.main).
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import click

from l4vm.errors import L4vmError, nearest
from l4vm.exit_codes import ExitCode, table

VERBS = {
    "run": "Boot a built image in QEMU and talk to its channels.",
    "console": "Talk to the channels of a board on a serial port.",
    "ps": "List the tasks of a board that `run` or `console` talks to.",
    "screenshot": "Write what a terminal or a guest's screen of a running board shows to a picture file.",
    "guest": "Run a guest on the workstation, with the same translator.",
    "bench": "Measure the translator against its peers.",
    "doctor": "Look at this machine: tools, ports, rights, packages.",
}
"""Verb -> its sentence; the code is in the module of the same name."""


class Verbs(click.Group):
    """A group that imports a verb's module only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and return its command."""
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"l4vm.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb that the arguments begin with.

        Raises:
            L4vmError: there is no such verb.
        """
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            raise L4vmError(f"no verb is called {args[0]!r}", nearest(args[0], list(VERBS)))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


def _version() -> str:
    """Return the version of the installed package, or of the source tree."""
    from importlib import metadata

    try:
        return metadata.version("l4vm")
    except metadata.PackageNotFoundError:
        return "0 (source tree)"


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"l4vm {_version()}")
        ctx.exit()


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExit codes:\n" + table(),
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version)
def group() -> None:
    """Build kit, consoles and tests of L4VM, from the workstation."""


def call(words: Sequence[str]) -> int:
    """Run the verb that the words begin with; returns the exit code.

    Raises:
        L4vmError: as the verb.
    """
    try:
        code = group.main(args=list(words), prog_name="l4vm", standalone_mode=False)
    except click.ClickException as bad:
        bad.show()
        return int(ExitCode.USAGE)
    except click.Abort as stopped:
        raise KeyboardInterrupt from stopped
    return code if isinstance(code, int) else int(ExitCode.OK)
