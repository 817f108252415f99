"""What config.yaml of a run holds, and the commands that say the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from surveyeval.engine.manifest import RunOptions
from surveyeval.task.task import Task

__all__ = ["config_of", "run_command", "study_command"]


def config_of(
    task: str,
    models: Sequence[str],
    options: RunOptions,
    loaded: Task,
    data: str | None,
    provenance: str | None,
    send_profiles: bool,
) -> dict[str, Any]:
    """The configuration of a run; what is not said is left out.

    Parameters
    ----------
    task : str
        As it was named.
    models : sequence of str
        Model strings.
    options : RunOptions
    loaded : Task
    data, provenance : str or None
        Other human rows than the task's own, and what they are.
    send_profiles : bool
        Whether profiles were allowed to leave this machine.
    """
    config: dict[str, Any] = {"task": task, "models": list(models), "profile_set": loaded.profile_set}
    config |= {"limit": options.limit, "seed": options.seed, "draws": options.draws, "pilot": options.pilot}
    config |= {"elicitation": options.elicitation if options.elicitation != RunOptions().elicitation else None}
    config |= {"hide": list(options.hidden), "splits": options.splits, "data": data, "provenance": provenance}
    config |= {"send_profiles": send_profiles or None}
    return {key: value for key, value in config.items() if value not in (None, [])}


def run_command(config: Mapping[str, Any]) -> str:
    """The command of the terminal that makes the run of a configuration."""
    words = ["surveyeval", "run", "--task", str(config["task"])]
    for text in config["models"]:
        words += ["--model", text]
    defaults = RunOptions()
    for key in ("limit", "seed", "draws", "pilot", "elicitation", "splits"):
        if key in config and config[key] != getattr(defaults, key):
            words += [f"--{key}", str(config[key])]
    if config["profile_set"] != "default":
        words += ["--profile-set", config["profile_set"]]
    for name in config.get("hide", []):
        words += ["--hide", name]
    if "data" in config:
        words += ["--data", f"{config['task']}={config['data']}", "--provenance", config["provenance"]]
    if config.get("send_profiles"):
        words.append("--send-profiles")
    return shlex.join(words)


def study_command(file: str | Path, *, crossfit: int | None, holdout: Iterable[str], limit: int | None) -> str:
    """The command of the terminal that makes a study, with what overrides its file."""
    words = ["surveyeval", "study", str(file)]
    words += ["--crossfit", str(crossfit)] if crossfit is not None else []
    for held in holdout:
        words += ["--holdout", held]
    words += ["--limit", str(limit)] if limit is not None else []
    return shlex.join(words)
