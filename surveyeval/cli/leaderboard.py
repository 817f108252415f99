"""`surveyeval leaderboard` and `surveyeval export`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from surveyeval.cli.completion import complete_task
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
@click.option("--json", "as_json", is_flag=True, help="With --check: print everything as JSON.")
def leaderboard(runs: Sequence[str], output: str, folder: str, check: bool, as_json: bool) -> None:
    """Make a static site of runs and submissions, ranked where that is fair.

    RUNS are run directories, folders of them, beginnings of names of runs, or files that `surveyeval export` made. Needs no
    model. What differs in task, data, people, pilot, profile set, random halves or way of asking is not ranked together;
    synthetic tasks are not ranked at all.
    """
    from surveyeval import api
    from surveyeval.cli.progress import progress_for_terminal

    if check:
        _check(runs, as_json=as_json)
        return
    if as_json:
        raise ConfigError("--json goes with --check", hint="a site has its rows in leaderboard.json")
    site = api.leaderboard(runs, output=output, folder=folder, progress=progress_for_terminal())
    say()
    say(f"{plural(site.boards, 'board')} with a ranking, {site.unranked} without.")
    for note in site.notes:
        say(one_line(note), style="yellow")
    say_whole(f"Leaderboard: {site.index}")


def _check(files: Sequence[str], *, as_json: bool) -> None:
    from pathlib import Path

    from surveyeval import api

    wrong: list[Problem] = []
    outcomes = []
    for file in files:
        if Path(file).is_dir():
            raise ConfigError(f"{file} is a folder", hint="--check takes files that `surveyeval export` made")
        checked = api.check_submission(file)
        outcomes.append({"file": file, **checked.to_dict()})
        if not as_json:
            _print(file, checked)
        wrong += [Problem(problem, file=file) for problem in checked.problems]
    if as_json:
        from surveyeval.cli.output import say_json

        say_json(outcomes)
        if wrong:
            raise click.exceptions.Exit(DataError.exit_code)
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
@click.option("--output", "-o", type=click.Path(),
              help="A .zip or .json file; with --tier a folder.  [default: TASK-MODEL-ID.zip, TASK-tier-N]")  # fmt: skip
@click.option("--folder", default="runs", help="Where a run named by a beginning is looked up.  [default: runs]")
@click.option("--tier", type=click.IntRange(1, 3),
              help="Of the Silicon Sample Benchmark: 1 simulated respondents, 2 means of conditions, 3 effects.")  # fmt: skip
@click.option(
    "--task",
    "-t",
    help="With --tier: the task of a table that `surveyeval simulate` wrote.",
    shell_complete=complete_task,
)
@click.option("--control", metavar="ARM",
              help="With --tier: the arm that effects are against.  [default: the one called control, else the first]")  # fmt: skip
@click.option("--team", default="example-team", help="With --tier: id of the team.  [default: example-team]")
@click.option("--entry", default="primary", help="With --tier: primary or secondary-K.  [default: primary]")
def export(
    run: str, output: str | None, folder: str, tier: int | None, task: str | None, control: str | None, team: str, entry: str
) -> None:  # fmt: skip
    """Write a submission of RUN for a leaderboard, without respondent-level data.

    It holds the manifest, estimates, tables without cells of fewer than ten people, and the card; no answers, no ids, no
    paths, no keys.

    With --tier: a folder with predictions as the Silicon Sample Benchmark takes them, of a run or of a table that
    `surveyeval simulate` wrote. Tier 1 holds simulated respondents.
    """
    from surveyeval import api

    if tier is not None:
        written = api.export_tier(
            run, tier, output=output, folder=folder, task=task, control=control, team=team, entry=entry
        )
        for path in written.files:
            say_whole(f"Wrote {path}")
        if written.paired:
            say("The profiles in it are those of people: what the data's licence says of them holds for this file.")
        say(
            "metadata.json: a team writes its name, contact, registration and disclosure class; nothing is attested for it."
        )
        return
    if task or control:
        raise ConfigError("--task and --control go with --tier", hint="say which tier: --tier 1, 2 or 3")
    target = api.export(run, output=output, folder=folder)
    say_whole(f"Submission: {target}")
