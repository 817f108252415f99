"""`surveyeval leaderboard` and `surveyeval export`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from surveyeval.cli.output import one_line, plural, say, say_whole
from surveyeval.errors import ConfigError, DataError, Problem

if TYPE_CHECKING:
    from surveyeval.board.findings import Checked

__all__ = ["export", "leaderboard"]


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option(
    "--output", "-o", default="site", help="Folder of the site.  [default: site]", type=click.Path(file_okay=False)
)
@click.option("--folder", default="runs", help="Where runs named by a beginning are looked up.  [default: runs]")
@click.option("--check", is_flag=True, help="Check submissions against themselves, and write nothing.")
def leaderboard(runs: Sequence[str], output: str, folder: str, check: bool) -> None:
    """Make a static site of runs and submissions, ranked where that is fair.

    RUNS are run directories, folders of them, beginnings of names of runs, or files that `surveyeval export` made. Needs no
    model. What differs in task, data, people, pilot, profile set, random halves or way of asking is not ranked together;
    synthetic tasks are not ranked at all.
    """
    from surveyeval import api
    from surveyeval.cli.progress import progress_for_terminal

    if check:
        _check(runs)
        return
    site = api.leaderboard(runs, output=output, folder=folder, progress=progress_for_terminal())
    say()
    say(f"{plural(site.boards, 'board')} with a ranking, {site.unranked} without.")
    for note in site.notes:
        say(one_line(note), style="yellow")
    say_whole(f"Leaderboard: {site.index}")


def _check(files: Sequence[str]) -> None:
    from pathlib import Path

    from surveyeval import api

    wrong: list[Problem] = []
    for file in files:
        if Path(file).is_dir():
            raise ConfigError(f"{file} is a folder", hint="--check takes files that `surveyeval export` made")
        checked = api.check_submission(file)
        _print(file, checked)
        wrong += [Problem(problem, file=file) for problem in checked.problems]
    if wrong:
        raise DataError(problems=wrong)


def _print(file: str, checked: Checked) -> None:
    say()
    say(f"{one_line(file)}: {one_line(checked.model)} on {one_line(checked.task)}", style="bold")
    for title, said, style in (
        ("Holds", checked.confirmed, ""),
        ("Cannot be checked from a submission", checked.open, ""),
    ):
        if said:
            say(f"{title}:", style=style, indent=2)
            for one in said:
                say(one_line(one), indent=4)
    say("Does not hold: see below." if checked.problems else "Nothing was found that does not hold.", indent=2)


@click.command()
@click.argument("run")
@click.option(
    "--output", "-o", help="A .zip or .json file.  [default: TASK-MODEL-ID.zip]", type=click.Path(dir_okay=False)
)
@click.option("--folder", default="runs", help="Where a run named by a beginning is looked up.  [default: runs]")
def export(run: str, output: str | None, folder: str) -> None:
    """Write a submission of RUN for a leaderboard, without respondent-level data.

    It holds the manifest, estimates, tables without cells of fewer than ten people, and the card; no answers, no ids, no
    paths, no keys.
    """
    from surveyeval import api

    target = api.export(run, output=output, folder=folder)
    say_whole(f"Submission: {target}")
