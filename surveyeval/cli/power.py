"""`surveyeval power`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from surveyeval.cli.completion import complete_task
from surveyeval.cli.output import make_folder_of, one_line, say, say_json, say_whole
from surveyeval.cli.sections import Entry, print_sections
from surveyeval.errors import ConfigError

if TYPE_CHECKING:
    from surveyeval.engine.power import Power

__all__ = ["power", "print_power"]


@click.command()
@click.argument("task", shell_complete=complete_task)
@click.option("--people", type=click.IntRange(min=1), metavar="N",
              help="Plan for N people, pilot and test people together.  [default: all of them]")  # fmt: skip
@click.option("--pilot", type=click.FloatRange(min=0, min_open=True), default=0.25,
              help="People set aside: share (below 1) or number.  [default: 0.25]")  # fmt: skip
@click.option("--splits", type=click.IntRange(min=2), help="Random half splits.  [default: 10]")
@click.option("--seed", type=int, default=0, help="Root seed of resampling.  [default: 0]")
@click.option("--profile-set", help="One of the task's profile sets.  [default: the first]")
@click.option("--data", metavar="TASK=PATH", help="Other human rows for the task; needs --provenance.")
@click.option("--provenance", type=click.Choice(["human", "synthetic"]), help="What the rows of --data are.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--output", "-o", help="Write the plan to a Markdown file.", type=click.Path(dir_okay=False))
def power(
    task: str, people: int | None, pilot: float, splits: int | None, seed: int, profile_set: str | None, data: str | None,
    provenance: str | None, as_json: bool, output: str | None,
) -> None:  # fmt: skip
    """What a task's people can decide, before any model runs.

    What two halves of the people reach, what naive stand-ins reach, the smallest excess and the smallest margin that can be
    decided, and groups that are too small. TASK is a name or the path of a task file.
    """
    from surveyeval import api
    from surveyeval.cli.progress import progress_for_terminal
    from surveyeval.cli.run import data_path

    if output is not None and not output.lower().endswith(".md"):
        raise ConfigError(f"--output {output!r} is no Markdown file", hint="let its name end in .md")
    if output is not None:  # before anything is computed, so that nothing is lost
        make_folder_of(Path(output))
    result = api.power(
        task, people=people, pilot=pilot, splits=splits, seed=seed, profile_set=profile_set,
        data=data_path(data, task) if data else None, provenance=provenance, progress=progress_for_terminal(),
    )  # fmt: skip
    if output is not None:
        from surveyeval.data.files import write_atomically
        from surveyeval.reporting.power import markdown

        write_atomically(Path(output), markdown(result))
    if as_json:
        say_json(_content(result), allow_nan=False)
        return
    print_power(result)
    if output is not None:
        say()
        say_whole(f"Plan: {output}")


def _content(result: Power) -> dict[str, object]:
    from surveyeval.engine.estimates import to_records

    tables = {name: to_records(getattr(result, name)) for name in ("table", "margins", "groups", "items")}
    head = {
        "task": result.task, "provenance": result.provenance, "basis": result.basis, "sizes": dict(result.sizes),
        "not_applicable": {key: list(reasons) for key, reasons in result.not_applicable.items()},
    }  # fmt: skip
    return {**head, "measures": tables.pop("table"), **tables}


def print_power(result: Power) -> None:
    """Print the plan in words and tables."""
    from surveyeval.reporting.power import (
        HEADS,
        MARGIN_HEADS,
        groups_said,
        introduction,
        lines,
        margin_lines,
        reading,
        silent,
    )

    say()
    say(one_line(result.title), style="bold")
    if result.provenance != "human":
        say("SYNTHETIC reference: a pipeline check that ranks nobody.", style="bold yellow")
    for text in introduction(result):
        say(one_line(text))
    say()
    say("What can be seen", style="bold")
    print_sections([(title, [Entry(label, cells) for label, cells in rows]) for title, rows in lines(result)], HEADS)
    say()
    for text in (*reading(result), *silent(result)):
        say(one_line(text))
    say()
    say("Margins of equivalence", style="bold")
    entries = [Entry(label, cells) for label, cells in margin_lines(result)]
    declared = "declared by the task" if result.margins["margin"].notna().any() else "the task declares none"
    print_sections([(f"{declared}; decidable: with one simulated answer for each person", entries)], MARGIN_HEADS)
    say()
    say("Arms and groups", style="bold")
    for text in groups_said(result):
        say(one_line(text), indent=2)
