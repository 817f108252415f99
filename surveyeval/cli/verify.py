"""`surveyeval verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from surveyeval.cli.completion import complete_task

if TYPE_CHECKING:
    from surveyeval.engine.verify import Verified

__all__ = ["verify"]

_STYLES = {"agrees": "green", "differs": "bold red", "unchecked": "yellow"}


@click.command()
@click.argument("run")
@click.option(
    "--task", "-t", help="Where the task is now.  [default: where the run found it]", shell_complete=complete_task
)
@click.option("--data", metavar="PATH", help="Where the rows of people are now, of a run with --data.")
@click.option("--output", "-o", default="runs", help="Folder of run directories.  [default: runs]")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def verify(run: str, task: str | None, data: str | None, output: str, as_json: bool) -> None:
    """Compute again what can be without the model, and compare with what a run holds.

    RUN is a directory, wherever it lies now, or the beginning of a name. The exit code is 1 when something differs; what
    cannot be checked is no difference.
    """
    from surveyeval import api
    from surveyeval.cli.progress import progress_for_terminal

    found = api.verify(run, task=task, data=data, folder=output, progress=progress_for_terminal())
    if as_json:
        from surveyeval.cli.output import say_json

        say_json(found.to_dict())
    else:
        _print(found)
    if not found.ok:
        raise click.exceptions.Exit(1)


def _print(found: Verified) -> None:
    from surveyeval.cli.output import one_line, plural, print_entries, say

    for outcome in ("agrees", "differs", "unchecked"):
        those = [one for one in found.findings if one.outcome == outcome]
        if those:
            say({"agrees": "Agrees", "differs": "DIFFERS", "unchecked": "Not checked"}[outcome], style=_STYLES[outcome])
            print_entries(((one.part, [one_line(one.said)]) for one in those), indent=2)
            say()
    differing = sum(one.outcome == "differs" for one in found.findings)
    name = one_line(found.run.folder.name)
    say(f"{name}: nothing differs." if found.ok else f"{name}: {plural(differing, 'difference')}.", style="bold")
