"""What `surveyeval ls` lists, as plain data for ``--json``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surveyeval.registration import Plugin, Registration

__all__ = ["listed"]


def listed(kind: str, output: str) -> dict[str, Any]:
    """The entries of one kind, and the plugins that failed to load.

    Parameters
    ----------
    kind : str
        As `surveyeval ls` names it.
    output : str
        Folder of run directories.
    """
    entries, plugins = _KINDS.get(kind, _registered)(kind, output)
    failed = [{"distribution": one.distribution, "error": one.error} for one in plugins if one.error]
    return {"kind": kind, "entries": entries, "failed": failed}


def _tasks(kind: str, output: str) -> tuple[list[dict[str, Any]], list[Plugin]]:
    from surveyeval.plugins import installed
    from surveyeval.task.catalogue import summaries

    entries = [
        {
            "name": one.name, "title": one.title, "version": one.version, "provenance": one.provenance, "items": one.items,
            "tags": list(one.tags), "file": str(one.path), "owner": one.owner or "surveyeval", "error": one.error or None,
        }
        for one in summaries()
    ]  # fmt: skip
    return entries, installed(load=False)


def _suites(kind: str, output: str) -> tuple[list[dict[str, Any]], list[Plugin]]:
    from surveyeval.task.suites import shipped_suites

    entries = [
        {
            "name": one.name, "version": one.version, "title": one.title, "description": one.description, "file": str(one.path),
            "tasks": [{"name": task.name, "version": task.version, "profile_set": task.profile_set} for task in one.tasks],
        }
        for one in shipped_suites()
    ]  # fmt: skip
    return entries, []


def _studies(kind: str, output: str) -> tuple[list[dict[str, Any]], list[Plugin]]:
    from surveyeval.grid.catalogue import find_study, summaries

    found = summaries()
    entries = [
        {"name": name, "title": title, "tasks": tasks.split(", "), "file": str(find_study(name))}
        for name, title, tasks in found
    ]
    return entries, []


def _registered(kind: str, output: str) -> tuple[list[dict[str, Any]], list[Plugin]]:
    from surveyeval.plugins import registry

    known = registry()
    return [_entry(one) for one in known.all(kind.removesuffix("s"))], known.plugins


def _entry(one: Registration) -> dict[str, Any]:
    details = {key: list(value) if isinstance(value, tuple) else value for key, value in one.details.items()}
    return {"name": one.name, "qualified": one.qualified, "summary": one.summary, "owner": one.owner, **details}


def _plugins(kind: str, output: str) -> tuple[list[dict[str, Any]], list[Plugin]]:
    from surveyeval.memo import find_module
    from surveyeval.plugins import registry

    found = registry().plugins
    entries = [
        {
            "distribution": one.distribution, "version": one.version, "entry_point": one.name, "module": one.module,
            "file": None if (file := find_module(one.module.partition(":")[0])[0]) is None else str(file), "error": one.error,
            "registered": [{"kind": entry.kind, "name": entry.name, "summary": entry.summary} for entry in one.registered],
        }
        for one in found
    ]  # fmt: skip
    return entries, found


def _runs(kind: str, output: str) -> tuple[list[dict[str, Any]], list[Plugin]]:
    from surveyeval.cli.listing import run_state
    from surveyeval.engine.run import find_runs

    entries = []
    for run in sorted(find_runs(output), key=lambda one: (str(one.manifest.get("created", "")), one.folder.name)):
        task, model = run.manifest["task"], run.manifest["model"]
        entries.append(
            {
                "folder": str(run.folder), "id": run.manifest.get("id"), "created": run.manifest.get("created"),
                "task": task["name"], "version": task.get("version"), "provenance": task.get("provenance"),
                "model": model["name"], "string": model.get("string"), "state": run_state(run)[0],
                "test": run.manifest.get("split", {}).get("test"), "limited": run.manifest.get("limited"), "scored": run.scored,
            }
        )  # fmt: skip
    return entries, []


_KINDS: dict[str, Callable[[str, str], tuple[list[dict[str, Any]], list[Plugin]]]] = {
    "tasks": _tasks,
    "suites": _suites,
    "studies": _studies,
    "plugins": _plugins,
    "runs": _runs,
}
