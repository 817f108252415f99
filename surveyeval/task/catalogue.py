"""Shipped tasks: where they are and what they are called.

Loads nothing but pyyaml, so that listing and completion are fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from surveyeval.errors import ConfigError, did_you_mean

__all__ = ["TaskSummary", "find_task", "summaries", "task_names", "tasks_folder"]

_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class TaskSummary:
    """One line of a listing. ``error`` says why a file could not be read."""

    name: str
    title: str
    provenance: str
    version: str
    items: int
    tags: tuple[str, ...]
    path: Path
    error: str = ""


def tasks_folder() -> Path:
    """Folder of the shipped tasks: the checkout's own if there is one, else the packaged copy.

    An editable install would otherwise read a stale copy.
    """
    checkout = _PACKAGE.parent / "tasks"
    if (_PACKAGE.parent / "pyproject.toml").is_file() and checkout.is_dir():
        return checkout
    return _PACKAGE / "_tasks"


def _files(extra: Mapping[str, Path] | None) -> dict[str, Path]:
    folder = tasks_folder()
    found = {path.parent.name: path for path in sorted(folder.glob("*/task.yaml"))} if folder.is_dir() else {}
    for name, path in (extra or {}).items():
        found.setdefault(name, path / "task.yaml" if path.is_dir() else path)
    return found


def task_names(extra: Mapping[str, Path] | None = None) -> list[str]:
    """Names of shipped tasks, then of `extra` ones (name -> folder or file); a task is named after its folder."""
    return list(_files(extra))


def find_task(name: str | Path, extra: Mapping[str, Path] | None = None) -> Path:
    """The file of a task, by name or by path.

    A text with a slash, one that ends in .yaml or .yml, or a folder with a task.yaml is a path.

    Raises
    ------
    ConfigError
        Nothing of that name or at that path.
    """
    text, path = str(name), Path(name)
    try:
        is_path = any(mark in text for mark in "/\\") or path.suffix in (".yaml", ".yml")
        files = _files(extra)
        if not is_path and text in files:
            return files[text]
        if (path / "task.yaml").is_file():
            return path / "task.yaml"
        if is_path and path.is_file():
            return path
    except (OSError, ValueError) as error:  # for example a name too long for the file system
        raise ConfigError(f"there is no task {text[:80]!r}", hint="`surveyeval ls tasks` lists them") from error
    if is_path:
        what = "this folder holds no task.yaml" if path.is_dir() else "there is no such file"
        raise ConfigError(what, file=text, hint="give a task file, a folder with a task.yaml, or the name of a task")
    hint = did_you_mean(text, files) or f"tasks: {', '.join(files)}; a task file of your own is given by its path"
    raise ConfigError(f"there is no task {text[:80]!r}", hint=hint)


def summaries(extra: Mapping[str, Path] | None = None) -> list[TaskSummary]:
    """One line for each task, in order of name; a file that cannot be read still has its line."""
    return [_summary(name, path) for name, path in _files(extra).items()]


def _summary(name: str, path: Path) -> TaskSummary:
    top: dict[str, str] = {}
    provenance, items, tags = "", 0, []
    try:
        for keys, value in _scalars(path):
            if len(keys) == 1:
                top[str(keys[0])] = value
            elif keys == ("source", "provenance"):
                provenance = value
            elif keys[0] == "tags":
                tags.append(value)
            elif len(keys) == 3 and keys[0] == "items" and keys[2] == "name":
                items += 1
    except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        return TaskSummary(name, "(cannot be read; see `surveyeval validate`)", "", "", 0, (), path, reason)
    return TaskSummary(name, top.get("title", ""), provenance, top.get("version", ""), items, tuple(tags), path)


def _scalars(path: Path) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Every scalar with its path, as source text. Aliases are not followed, so this is linear in the file."""
    loader_class: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = loader_class(path.read_bytes())
    try:
        root = loader.get_single_node()
    finally:
        loader.dispose()
    todo: list[tuple[tuple[Any, ...], Any]] = [((), root)] if root is not None else []
    seen: set[int] = set()
    while todo:
        keys, node = todo.pop(0)
        if isinstance(node, yaml.ScalarNode):
            if keys:
                yield keys, str(node.value)
            continue
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += [((*keys, index), child) for index, child in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            todo += [((*keys, getattr(key, "value", "")), child) for key, child in node.value]
