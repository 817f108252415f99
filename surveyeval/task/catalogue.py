"""Tasks by name: the shipped ones, and those that plugins register.

Listing and completion load nothing but pyyaml here: what plugins registered is remembered (`surveyeval.memo`), and a
task file inside a package is found without importing the package.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from surveyeval.errors import ConfigError, PluginError, did_you_mean

if TYPE_CHECKING:
    from surveyeval.registration import Registration

__all__ = ["TaskSummary", "find_task", "known_task", "shipped_names", "summaries", "task_names", "tasks_folder"]

_PACKAGE = Path(__file__).resolve().parent.parent
#: A name, or ``distribution/name``.
_NAME = re.compile(r"(?:[A-Za-z0-9_.+-]+/)?[a-z0-9][a-z0-9_.+-]*")


@dataclass(frozen=True)
class TaskSummary:
    """One line of a listing. ``owner`` is the distribution of a plugin's task; ``error`` says why a file could not be read."""

    name: str
    title: str
    provenance: str
    version: str
    items: int
    tags: tuple[str, ...]
    path: Path
    error: str = ""
    owner: str = ""


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


def _registered(*, load: bool) -> dict[str, Registration]:
    """Tasks of plugins, each under the shortest name that means it."""
    from surveyeval.plugins import installed

    entries = [entry for plugin in installed(load=load) for entry in plugin.registered if entry.kind == "task"]
    claims = Counter([*_files(None), *(entry.name for entry in entries)])
    return {entry.name if claims[entry.name] == 1 else entry.qualified: entry for entry in entries}


def task_names(extra: Mapping[str, Path] | None = None, *, load: bool = True) -> list[str]:
    """Names of shipped tasks, then of `extra` ones (name -> folder or file), then of plugins'.

    A shipped task is named after its folder; a plugin's task whose bare name is taken is named ``distribution/name``.
    With ``load=False`` no plugin is imported, and those never seen before are left out.
    """
    return [*_files(extra), *_registered(load=load)]


def shipped_names() -> list[str]:
    """Names of shipped tasks alone."""
    return list(_files(None))


def known_task(name: str | Path, extra: Mapping[str, Path] | None = None) -> Path | None:
    """The file of a task, by name or by path; None when there is none.

    A shipped task comes first, then a plugin's, then a path: a task file, or a folder with a task.yaml. A path that
    reads like ``distribution/name`` can be written ``./distribution/name``.

    Raises
    ------
    PluginError
        When several plugins claim the name, or the package does not hold the file.
    """
    text, path = str(name), Path(name)
    files = _files(extra)
    if text in files:
        return files[text]
    is_yaml = path.suffix in (".yaml", ".yml")
    if _NAME.fullmatch(text) and not is_yaml:
        from surveyeval.plugins import registry

        entry = registry().find("task", text)
        if entry is not None:
            return entry.file()
    try:
        if (path / "task.yaml").is_file():
            return path / "task.yaml"
        return path if (is_yaml or _has_slash(text)) and path.is_file() else None
    except (OSError, ValueError):  # for example a name too long for the file system
        return None


def find_task(name: str | Path, extra: Mapping[str, Path] | None = None) -> Path:
    """Like `known_task`, but nothing of that name or at that path is an error.

    Raises
    ------
    ConfigError
        Nothing of that name or at that path.
    PluginError
        When several plugins claim the name, or the package does not hold the file.
    """
    found = known_task(name, extra)
    if found is not None:
        return found
    text, path = str(name), Path(name)
    if _has_slash(text) or path.suffix in (".yaml", ".yml"):
        what = "this folder holds no task.yaml" if _is_folder(path) else "there is no such file"
        hint = "give a task file, a folder with a task.yaml, or the name of a task"
        raise ConfigError(what, file=text[:200], hint=hint)
    names = task_names(extra)
    hint = did_you_mean(text[:80], names) or f"tasks: {', '.join(names)}; a task file of your own is given by its path"
    raise ConfigError(f"there is no task {text[:80]!r}", hint=f"{hint}{_failures()}")


def _has_slash(text: str) -> bool:
    return "/" in text or "\\" in text


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _failures() -> str:
    from surveyeval.plugins import registry

    failed = [plugin.distribution for plugin in registry().plugins if plugin.error]
    return f"; plugins that failed to load: {', '.join(failed)} (`surveyeval ls plugins`)" if failed else ""


def summaries(extra: Mapping[str, Path] | None = None) -> list[TaskSummary]:
    """One line for each task, in the order of `task_names`; a file that cannot be read still has its line."""
    lines = [_summary(name, path) for name, path in _files(extra).items()]
    for name, entry in _registered(load=True).items():
        try:
            line = _summary(name, entry.file())
        except PluginError as error:
            line = TaskSummary(name, entry.summary, "", "", 0, (), Path(), error.problems[0].message)
        lines.append(replace(line, owner=entry.owner, title=line.title or entry.summary))
    return lines


def _summary(name: str, path: Path) -> TaskSummary:
    top: dict[str, str] = {}
    provenance, items, tags = "", 0, []
    stated: set[tuple[Any, Any]] = set()
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
            elif len(keys) > 3 and keys[0] == "items" and keys[2] == "items":  # of a battery
                stated.add((keys[1], keys[3]))
    except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        return TaskSummary(name, "(cannot be read; see `surveyeval validate`)", "", "", 0, (), path, reason)
    return TaskSummary(
        name, top.get("title", ""), provenance, top.get("version", ""), items + len(stated), tuple(tags), path
    )


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
