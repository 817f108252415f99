"""`surveyeval validate`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from surveyeval.cli.completion import complete_task
from surveyeval.cli.output import plural, print_problem, say

__all__ = ["validate"]


@click.command()
@click.argument("tasks", nargs=-1, shell_complete=complete_task)
def validate(tasks: Sequence[str]) -> None:
    """Find everything wrong in task files: schema, columns, codes, templates, rules, formulas.

    Without names, every shipped task is checked. Needs no model.
    """
    from surveyeval.errors import SurveyevalError
    from surveyeval.task.catalogue import shipped_names

    failed: SurveyevalError | None = None
    count = 0
    for name in tasks or shipped_names():
        try:
            _validate(name)
        except SurveyevalError as error:
            failed = failed or error
            count += len(error.problems)
            for problem in error.problems:
                print_problem(problem)
    if failed:
        say(f"{plural(count, 'problem')}.", stderr=True)
        raise SystemExit(failed.exit_code)


def _validate(name: str) -> None:
    from surveyeval.task.check import notes
    from surveyeval.task.human import load_human
    from surveyeval.task.load import load_task

    task = load_task(name)
    for profile_set in [*task.spec.profile_sets] or ["default"]:
        people = load_human(load_task(name, profile_set=profile_set))
    arms = f", {len(task.arms)} arms" if task.is_experiment else ""
    rows = "people" if people.provenance == "human" else f"{people.provenance} rows"
    say(f"{task.name} {task.version}: ok, {people.sample.n} {rows}, {plural(len(task.all_items), 'item')}{arms}")
    for note in notes(task):
        print_problem(note, indent=2, prefix="note: ")
