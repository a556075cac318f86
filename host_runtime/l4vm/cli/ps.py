# SPDX-License-Identifier: MIT
"""`l4vm ps`: the tasks of a board that `l4vm run` or `l4vm console` talks to, in another terminal.

l4vm ps                       a line for each task
l4vm guest stop leon1         also pause, resume, restart
"""

from __future__ import annotations

import json

import click

from l4vm.errors import L4vmError
from l4vm.exit_codes import ExitCode

STATUS_HINTS = {
    "NO_SUCH_TASK": "`l4vm ps` lists the tasks",
    "REFUSED": "its state does not allow it, or the board needs it to answer: see `l4vm ps`",
}
on_option = click.option("--on", metavar="NAME", help="Which conversation, when several run: its image, or its door.")


@click.command()
@on_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(on: str | None, as_json: bool) -> None:
    """List the tasks of the board: kind, state, share of the processor, restarts."""
    from l4vm.console.door import knock

    tasks = knock(on, {"do": "tasks"})["tasks"]
    if as_json:
        click.echo(json.dumps(tasks, indent=2))
        return
    assert isinstance(tasks, list)
    head = f"{'task':<16}{'kind':<8}{'state':<10}{'priority':>8}{'budget/period us':>20}"
    click.echo(f"{head}{'run ms':>10}{'restarts':>10}")
    for task in tasks:
        share = f"{task['budget_us']}/{task['period_us']}"
        line = f"{task['name']:<16}{task['kind']:<8}{task['state']:<10}{task['priority']:>8}{share:>20}"
        click.echo(f"{line}{task['run_ms']:>10}{task['restarts']:>10}")


def act(name: str, action: str, on: str | None) -> None:
    """Stop, pause, resume or restart a task of the board.

    Raises:
        L4vmError: root refused.
    """
    from l4vm.console.door import knock

    status = str(knock(on, {"do": "task", "name": name, "action": action.upper()})["status"])
    if status != "OK":
        raise L4vmError(f"{action} {name}: {status}", STATUS_HINTS.get(status, ""), ExitCode.USAGE)
    click.echo(f"{name}: {action} done", err=True)


def action_command(action: str, sentence: str) -> click.Command:
    """Return the command `l4vm guest ACTION NAME`."""

    @click.command(
        name=action,
        help=f"{sentence} NAME, a task of the board that `l4vm run` or `console` talks to.",
        short_help=f"{sentence} a task of a running board.",
    )
    @click.argument("name")
    @on_option
    def made(name: str, on: str | None) -> None:
        act(name, action, on)

    return made
