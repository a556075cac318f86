# SPDX-License-Identifier: MIT
"""Options of a scripted run, shared by `run`, `guest run` and `console`.

What is here: the click options --headless, --timeout, --until, --send and --json, and `StepCommand`, a
command class that keeps --until and --send in the order of the command line.

Rules of use:
    @click.command(cls=StepCommand)
    @script_options
    @click.pass_context
    def verb(ctx, headless, timeout, json_path): script = Script(steps_of(ctx))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from l4vm.cli.files import WritableFile
from l4vm.console.script import READERS, Step, StepError

STEPS_KEY = "l4vm.steps"

F = TypeVar("F", bound=Callable[..., Any])


class StepCommand(click.Command):
    """A command that records its --until and --send options in the order given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does, and keep the steps in ctx.meta."""
        values, _, order = self.make_parser(ctx).parse_args(list(args))
        taken = dict.fromkeys(READERS, 0)
        steps: list[Step] = []
        for param in order:
            name = param.name or ""
            if name not in READERS:
                continue
            argument = values[name][taken[name]]
            taken[name] += 1
            try:
                steps.append(READERS[name](argument))
            except StepError as bad:
                raise click.UsageError(str(bad), ctx) from bad
        ctx.meta[STEPS_KEY] = tuple(steps)
        return super().parse_args(ctx, args)


def steps_of(ctx: click.Context) -> tuple[Step, ...]:
    """Return the steps of the command line, in its order."""
    steps: tuple[Step, ...] = ctx.meta[STEPS_KEY]
    return steps


def script_options(function: F) -> F:
    """Add the options of a scripted run to a command of class StepCommand."""
    for add in reversed(
        [
            click.option(
                "--headless", is_flag=True, help="No keyboard, no screen: the script only."
            ),
            click.option(
                "--timeout",
                type=click.FloatRange(min=0, min_open=True),
                metavar="S",
                help="Give up after S seconds with exit code 4.",
            ),
            click.option(
                "--until",
                multiple=True,
                expose_value=False,
                metavar="CHANNEL=REGEX",
                help="Wait for a pattern; with --send obeyed in the order given.",
            ),
            click.option(
                "--send",
                multiple=True,
                expose_value=False,
                metavar="CHANNEL=TEXT",
                help="Send text with C escapes to a channel.",
            ),
            click.option(
                "--json",
                "json_path",
                type=WritableFile(),
                metavar="FILE",
                help="Write the result to FILE ('-': standard output).",
            ),
        ]
    ):
        function = add(function)
    return function
