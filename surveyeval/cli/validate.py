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

    Without names, every shipped task is checked, and nothing is downloaded: where the people of a task are not on this
    machine, its file alone is checked. Needs no model.
    """
    from surveyeval.errors import SurveyevalError
    from surveyeval.task.catalogue import shipped_names

    failed: SurveyevalError | None = None
    count = 0
    for name in tasks or shipped_names():
        try:
            _validate(name, fetch=bool(tasks))
        except SurveyevalError as error:
            failed = failed or error
            count += len(error.problems)
            for problem in error.problems:
                print_problem(problem)
    if failed:
        say(f"{plural(count, 'problem')}.", stderr=True)
        raise SystemExit(failed.exit_code)


def _validate(name: str, *, fetch: bool) -> None:
    from surveyeval.data.sources import wanting
    from surveyeval.errors import MissingExtraError, Problem
    from surveyeval.task.check import notes
    from surveyeval.task.human import load_human
    from surveyeval.task.load import load_task

    task = load_task(name)
    source = task.spec.source
    found: dict[Problem, None] = {}
    rows = "people" if source.provenance == "human" else f"{source.provenance} rows"
    absent = None if fetch else wanting(source.use, task.folder, source.sha256)
    try:
        for profile_set in [*task.spec.profile_sets] or ["default"]:
            if absent is None:
                people = load_human(load_task(name, profile_set=profile_set))
                found |= dict.fromkeys(people.notes)
    except MissingExtraError as error:
        if fetch:
            raise
        (problem,) = error.problems
        absent = f"{problem.message}: {problem.hint}"
    arms = f", {len(task.arms)} arms" if task.is_experiment else ""
    count = f"{people.sample.n} {rows}" if absent is None else f"{rows} not looked at"
    say(f"{task.name} {task.version}: ok, {count}, {plural(len(task.all_items), 'item')}{arms}")
    if absent is not None:
        say(f"note: the {rows} of this task are not on this machine; {absent}", indent=2)
    for note in [*notes(task), *found]:
        print_problem(note, indent=2, prefix="note: ")
