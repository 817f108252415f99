"""What leaves this machine: columns of people's rows that a model behind a server would be sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jinja2 import Environment, meta

from surveyeval.task.task import Task

__all__ = ["Leaving", "leaving"]


@dataclass(frozen=True)
class Leaving:
    """Columns of people's rows that would be sent.

    Parameters
    ----------
    profile : tuple of str
        Columns of profile fields that the conversation shows.
    answers : tuple of str
        Columns of people's own answers, which examples show, and which stand in the conversation when the probability of a
        person's answer is asked for given the earlier ones.
    """

    profile: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.profile or self.answers)

    def __str__(self) -> str:
        parts = [("profile", self.profile), ("people's answers", self.answers)]
        return "; ".join(f"{what}: {', '.join(columns)}" for what, columns in parts if columns)


def leaving(task: Task, hidden: Iterable[str] = (), *, examples: bool = False, scored: bool = True) -> Leaving:
    """Columns that conversations about a task hold.

    Identifiers and weights are never sent.

    Parameters
    ----------
    task : Task
    hidden : iterable of str
        Profile fields that are not shown.
    examples : bool
        Whether interviews of pilot people stand before each interview.
    scored : bool
        Whether probabilities of people's own answers are asked for.
    """
    shown = [name for name in task.profile if name not in set(hidden) and name in _mentioned(task)]
    declared, items = task.spec.profile, {item.name: item for item in task.items}
    columns = []
    for name in shown:
        # a profile set may show items as known
        spec = declared.get(name)
        columns.append(spec.column if spec is not None else _column(task, name))
    follow = task.spec.interview.mode == "sequential" and len(task.items) > 1 and scored
    answered = [_column(task, name) for name in items] if examples or follow else []
    return Leaving(tuple(dict.fromkeys(columns)), tuple(dict.fromkeys(answered)))


def _column(task: Task, item: str) -> str:
    spec = next((one for one in task.spec.items if one.name == item), None)
    return (spec.column if spec is not None else None) or item


def _mentioned(task: Task) -> set[str]:
    """Names that some template of the task puts in; all profile fields where the profile is not a template."""
    interview = task.spec.interview
    templates = [interview.system, interview.introduction, interview.profile, interview.instruction]
    templates += [arm.vignette for arm in task.arms]
    templates += [item.question for item in task.items]
    found = set() if interview.profile else set(task.profile)
    for template in templates:
        if template:
            found |= meta.find_undeclared_variables(Environment().parse(template))  # noqa: S701 - nothing is rendered
    return found
