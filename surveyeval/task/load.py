"""From a task's name or path to a `Task`."""

from __future__ import annotations

import hashlib
import json

from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.task.catalogue import find_task
from surveyeval.task.check import check_document
from surveyeval.task.document import load_document
from surveyeval.task.task import Task

__all__ = ["load_task"]


def load_task(name_or_path: str, *, profile_set: str | None = None) -> Task:
    """Load and check a task.

    Parameters
    ----------
    name_or_path : str
        Name of a shipped or registered task, or path of a task file or its folder.
    profile_set : str, optional
        Default: the task's first.

    Raises
    ------
    ConfigError
        With every problem of the file at once, each with line, column and field.
    """
    path = find_task(name_or_path)
    document = load_document(path)
    spec, problems = check_document(document)
    if problems or spec is None:
        raise ConfigError(problems=problems)
    sets = list(spec.profile_sets) or ["default"]
    if profile_set is not None and profile_set not in sets:
        raise ConfigError(f"task {spec.name!r} has no profile set {profile_set!r}",
                          hint=did_you_mean(profile_set, sets) or f"profile sets: {', '.join(sets)}")
    canonical = json.dumps(document.value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Task(spec, path.parent, str(path), hashlib.sha256(canonical.encode()).hexdigest(), profile_set or sets[0], document.text)
