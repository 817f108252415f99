"""Suites: versioned lists of tasks, so that "the same tasks" means the same to everybody.

A suite names each task with its version. A task of another version is an error and not another result: what two versions of a
task measured is never put side by side. Listing and completion use this module, so it loads nothing but pyyaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surveyeval.errors import ConfigError, Problem, did_you_mean
from surveyeval.task.catalogue import summaries as task_summaries
from surveyeval.task.document import Document, load_document

if TYPE_CHECKING:
    from surveyeval.task.task import Task

__all__ = ["Member", "Suite", "check_version", "find_suite", "read_suite", "shipped_suites", "suite_names"]

_PACKAGE = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"[a-z0-9][a-z0-9_.+-]*")
_KEYS = ("name", "version", "title", "description", "tasks")
_MEMBER_KEYS = ("name", "version", "profile_set")


@dataclass(frozen=True)
class Member:
    """One task of a suite.

    Parameters
    ----------
    name : str
        Name of a shipped or registered task, or path of a task file, relative to the suite's.
    version : str
        The version of the task file that the suite means.
    profile_set : str, optional
        Default: the task's first.
    """

    name: str
    version: str
    profile_set: str | None = None


@dataclass(frozen=True)
class Suite:
    """A versioned list of tasks."""

    name: str
    version: str
    title: str
    description: str
    tasks: tuple[Member, ...]
    path: Path

    def place(self, member: Member) -> str:
        """What `load_task` finds a member by: its name, or the path of a file beside the suite's."""
        beside = self.path.parent / member.name
        return str(beside) if member.name.endswith((".yaml", ".yml")) or "/" in member.name else member.name


def suites_folder() -> Path:
    """The checkout's own suites if there is one, else the packaged copy."""
    checkout = _PACKAGE.parent / "suites"
    if (_PACKAGE.parent / "pyproject.toml").is_file() and checkout.is_dir():
        return checkout
    return _PACKAGE / "_suites"


def suite_names() -> list[str]:
    """Names of the shipped suites."""
    return sorted(path.stem for path in suites_folder().glob("*.yaml"))


def shipped_suites() -> list[Suite]:
    """Every shipped suite, by name."""
    return [read_suite(suites_folder() / f"{name}.yaml") for name in suite_names()]


def find_suite(name: str | Path) -> Suite:
    """A suite by the name of a shipped one, or by the path of a file.

    Raises
    ------
    ConfigError
        When there is neither, or the file is wrong; with every mistake at once.
    """
    known = suite_names()
    if str(name) in known:
        return read_suite(suites_folder() / f"{name}.yaml")
    if str(name).endswith((".yaml", ".yml")):
        return read_suite(Path(name))
    hint = did_you_mean(str(name), known) or f"suites: {', '.join(known)}; one of your own is given by its path"
    raise ConfigError(f"there is no suite {str(name)[:80]!r}", hint=hint)


def read_suite(path: Path) -> Suite:
    """Read and check a suite file.

    Raises
    ------
    ConfigError
        With every mistake at once, each with file, line and field.
    """
    document = load_document(path)
    problems = list(_problems(document))
    if problems:
        raise ConfigError(problems=problems)
    value = document.value
    tasks = tuple(Member(one["name"], one["version"], one.get("profile_set")) for one in value["tasks"])
    return Suite(value["name"], value["version"], value["title"], value.get("description") or "", tasks, path)


def _problems(document: Document) -> Iterator[Problem]:
    value = document.value
    yield from _keys(document, (), value, _KEYS, ("name", "version", "title", "tasks"))
    for key in ("name", "version", "title", "description"):
        if key in value and not isinstance(value[key], str):
            yield document.problem((key,), "is no text", hint="write one line of text")
    if isinstance(value.get("name"), str) and not _NAME.fullmatch(value["name"]):
        yield document.problem(("name",), f"{value['name']!r} is no name", hint="lower case letters, digits, - and _")
    tasks = value.get("tasks")
    if "tasks" in value and not (isinstance(tasks, list) and tasks):
        yield document.problem(("tasks",), "is no list of tasks", hint="write `- name: anes96` and `version:` below it")
        return
    seen: set[tuple[str, str | None]] = set()
    for number, one in enumerate(tasks or []):
        place = ("tasks", number)
        if not isinstance(one, dict):
            yield document.problem(place, "names no version", hint="write `name:` and `version:` of the task")
            continue
        yield from _keys(document, place, one, _MEMBER_KEYS, ("name", "version"))
        for key, said in one.items():
            if key in _MEMBER_KEYS and not isinstance(said, str):
                yield document.problem((*place, key), "is no text", hint="write its name or number")
        which = (str(one.get("name")), one.get("profile_set"))
        if which in seen:
            yield document.problem(place, f"task {which[0]!r} stands twice", hint="take one away")
        seen.add(which)


def _keys(
    document: Document, place: tuple[str | int, ...], value: dict[str, Any], known: tuple[str, ...], needed: tuple[str, ...]
) -> Iterator[Problem]:  # fmt: skip
    for key in value:
        if key not in known:
            hint = did_you_mean(str(key), known) or f"keys: {', '.join(known)}"
            yield document.problem((*place, key), "unknown key", hint=hint, key=True)
    for key in needed:
        if key not in value:
            yield document.problem(place, f"{key} is missing", hint=f"a suite says {', '.join(needed)}")


def check_version(suite: Suite, member: Member, task: Task) -> None:
    """Refuse a task of another version than the suite means.

    Raises
    ------
    ConfigError
    """
    if task.version != member.version:
        raise ConfigError(
            f"suite {suite.name!r} {suite.version} means task {task.name!r} in version {member.version}, and the task file "
            f"has version {task.version}",
            file=task.file,
            hint="use a suite that names this version (raise the suite's version with it), or surveyeval with the other one",
        )


def synthetic_members(suite: Suite) -> frozenset[str]:
    """Names of a suite's tasks whose rows are synthetic, as far as the shipped and registered task files tell."""
    kinds = {one.name: one.provenance for one in task_summaries()}
    return frozenset(one.name for one in suite.tasks if kinds.get(one.name) == "synthetic")
