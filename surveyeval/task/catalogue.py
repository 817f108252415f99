"""Where task files are. Imports nothing heavy: `ls tasks` and completion use it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surveyeval.errors import ConfigError, did_you_mean

__all__ = ["TaskSummary", "find_task", "summaries", "task_names"]


@dataclass(frozen=True)
class TaskSummary:
    """What a listing shows of a task."""

    name: str
    title: str
    version: str
    provenance: str
    items: int
    tags: tuple[str, ...]
    path: Path


def _folder() -> Path:
    """The checkout's own tasks (an editable install would read a stale copy), else the packaged ones."""
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent / "tasks"
    return checkout if (package.parent / "pyproject.toml").exists() and checkout.is_dir() else package / "_tasks"


def task_names() -> list[str]:
    """Names of the shipped tasks."""
    return sorted(path.parent.name for path in _folder().glob("*/task.yaml"))


def find_task(name: str) -> Path:
    """The file of a task given by name, or by the path of a file or folder.

    Raises
    ------
    ConfigError
    """
    path = Path(name)
    if name.endswith((".yaml", ".yml")) or "/" in name or "\\" in name:
        found = path / "task.yaml" if path.is_dir() else path
        if not found.is_file():
            raise ConfigError("there is no such task file", file=name, hint="give a file, or a folder with a task.yaml")
        return found
    shipped = _folder() / name / "task.yaml"
    if name in task_names():
        return shipped
    if (path / "task.yaml").is_file():
        return path / "task.yaml"
    from surveyeval.plugins import registry

    registered = {entry.name: entry for entry in registry().all("task")}
    if name in registered:
        return _packaged(registered[name].target)
    names = [*task_names(), *registered]
    raise ConfigError(f"there is no task {name!r}", hint=did_you_mean(name, names) or f"tasks: {', '.join(names)}")


def _packaged(target: str) -> Path:
    from importlib.resources import files

    package, _, inside = target.partition(":")
    return Path(str(files(package))) / inside


def summaries() -> list[TaskSummary]:
    """One summary for each shipped task that can be read."""
    import yaml

    found = []
    for name in task_names():
        path = _folder() / name / "task.yaml"
        try:
            content: Any = yaml.load(path.read_text(), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506 - text only
            provenance = content["source"]["provenance"]
            summary = TaskSummary(name, content["title"], content["version"], provenance, len(content["items"]),
                                  tuple(content.get("tags", ())), path)
        except (OSError, yaml.YAMLError, KeyError, TypeError):
            summary = TaskSummary(name, "unreadable: see `surveyeval validate`", "", "", 0, (), path)
        found.append(summary)
    return found
