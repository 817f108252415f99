"""`surveyeval validate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import click

from surveyeval.cli.completion import complete_task
from surveyeval.cli.output import plural, print_problem, say, say_json
from surveyeval.errors import Problem

__all__ = ["validate"]


@click.command()
@click.argument("tasks", nargs=-1, shell_complete=complete_task)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def validate(tasks: Sequence[str], as_json: bool) -> None:
    """Find everything wrong in task files: schema, columns, codes, templates, rules, formulas.

    Without names, every shipped task is checked, and nothing is downloaded: where the people of a task are not on this
    machine, its file alone is checked. Needs no model.
    """
    from surveyeval.errors import SurveyevalError
    from surveyeval.task.catalogue import shipped_names

    failed: SurveyevalError | None = None
    count = 0
    checked: list[Checked] = []
    for name in tasks or shipped_names():
        try:
            found = _validate(name, fetch=bool(tasks))
            checked.append(found)
            if not as_json:
                _print(found)
        except SurveyevalError as error:
            failed = failed or error
            count += len(error.problems)
            checked.append(Checked(name, problems=error.problems))
            if not as_json:
                for problem in error.problems:
                    print_problem(problem)
    if as_json:
        say_json({"ok": not failed, "tasks": [asdict(one) for one in checked]})
    elif failed:
        say(f"{plural(count, 'problem')}.", stderr=True)
    if failed:
        raise SystemExit(failed.exit_code)


@dataclass(frozen=True)
class Checked:
    """What was found in one task file; ``people`` is None where the rows were not looked at, and ``absent`` says why."""

    task: str
    version: str | None = None
    provenance: str | None = None
    people: int | None = None
    items: int | None = None
    arms: int | None = None
    absent: str | None = None
    notes: Sequence[Problem] = ()
    problems: Sequence[Problem] = ()


def _validate(name: str, *, fetch: bool) -> Checked:
    from surveyeval.data.sources import wanting
    from surveyeval.errors import MissingExtraError
    from surveyeval.task.check import notes
    from surveyeval.task.human import load_human
    from surveyeval.task.load import load_task

    task = load_task(name)
    source = task.spec.source
    found: dict[Problem, None] = {}
    people = None
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
    return Checked(
        task.name, task.version, source.provenance, people.sample.n if people is not None and absent is None else None,
        len(task.all_items), len(task.arms) if task.is_experiment else 0, absent, [*notes(task), *found],
    )  # fmt: skip


def _print(one: Checked) -> None:
    rows = "people" if one.provenance == "human" else f"{one.provenance} rows"
    arms = f", {one.arms} arms" if one.arms else ""
    count = f"{rows} not looked at" if one.people is None else f"{one.people} {rows}"
    say(f"{one.task} {one.version}: ok, {count}, {plural(one.items or 0, 'item')}{arms}")
    if one.absent is not None:
        say(f"note: the {rows} of this task are not on this machine; {one.absent}", indent=2)
    for note in one.notes:
        print_problem(note, indent=2, prefix="note: ")
