"""From a task's name or path to a `Task`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.task.catalogue import find_task
from surveyeval.task.check import check_document
from surveyeval.task.document import load_document
from surveyeval.task.expand import expand
from surveyeval.task.identity import content_hash
from surveyeval.task.task import Task

__all__ = ["load_task"]


def load_task(
    name_or_path: str | Path, *, profile_set: str | None = None, extra: Mapping[str, Path] | None = None
) -> Task:
    """Load and check a task.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a shipped or registered task, or path of a task file or of its folder.
    profile_set : str, optional
        One of the task's profile sets; default: the first.
    extra : mapping, optional
        Further tasks by name: a folder or file each.

    Raises
    ------
    ConfigError
        With every problem of the file at once, each with line, column and field.

    Examples
    --------
    >>> load_task("anes96").items[-1].labels
    ('Bill Clinton', 'Bob Dole')
    """
    path = find_task(name_or_path, extra)
    document = expand(load_document(path), path.parent)
    spec, problems = check_document(document)
    if problems or spec is None:
        raise ConfigError(problems=problems)
    sets = list(spec.profile_sets) or ["default"]
    if profile_set is not None and profile_set not in sets:
        hint = did_you_mean(profile_set, sets) or f"profile sets: {', '.join(sets)}"
        raise ConfigError(f"task {spec.name!r} has no profile set {profile_set!r}", file=str(path), hint=hint)
    return Task(spec, path.parent, str(path), content_hash(spec), profile_set or sets[0], document.text)
