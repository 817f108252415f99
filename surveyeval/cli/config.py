"""The file of ``--config``: the options of `surveyeval run`, with located errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from surveyeval.errors import ConfigError, Problem, did_you_mean

__all__ = ["read_config"]

#: key -> (type, what would be right)
_KEYS: dict[str, tuple[type, str]] = {
    "task": (str, "a task name or path"),
    "suite": (str, "a suite name or path"),
    "models": (list, "a list of model strings"),
    "settings": (dict, "model name -> option -> value"),
    "profile_set": (str, "a profile set of the task"),
    "limit": (int, "a whole number"),
    "seed": (int, "a whole number"),
    "draws": (int, "a whole number"),
    "pilot": (float, "a share below 1, or a number of people"),
    "elicitation": (str, "choice, generate, verbalized, with options as in generate?max_tokens=64"),
    "splits": (int, "a whole number"),
    "hide": (list, "a list of profile fields"),
    "no_profile": (bool, "true or false"),
    "data": (str, "path of a data file"),
    "provenance": (str, "human or synthetic"),
    "output": (str, "folder of run directories"),
    "no_cache": (bool, "true or false"),
    "send_profiles": (bool, "true or false"),
    "executor": (str, "local, or ray with options as in ray?workers=4"),
}


def read_config(path: str) -> dict[str, Any]:
    """Read and check a config file; every mistake is reported at once.

    Raises
    ------
    ConfigError
    """
    from surveyeval.task.document import load_document

    document = load_document(Path(path))
    values, problems = {}, []
    for key, value in document.value.items():
        line, column = document.position((key,))
        if key not in _KEYS:
            hint = did_you_mean(key, _KEYS) or f"keys: {', '.join(_KEYS)}"
            problems.append(Problem("unknown key", path, line, column, key, hint))
            continue
        kind, right = _KEYS[key]
        try:
            values[key] = _convert(value, kind)
        except (ValueError, TypeError):
            problems.append(Problem(f"{value!r} does not fit", path, line, column, key, f"give {right}"))
    if problems:
        raise ConfigError(problems=problems)
    return values


def _convert(value: Any, kind: type) -> Any:
    if kind is bool:
        return {"true": True, "false": False}[value.lower()] if value.lower() in ("true", "false") else _refuse(value)
    if kind in (list, dict, str):
        return value if isinstance(value, kind) else _refuse(value)
    return kind(value)


def _refuse(value: Any) -> Any:
    raise ValueError(value)
