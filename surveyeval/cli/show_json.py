"""What `surveyeval show` shows, as plain data for ``--json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surveyeval.registration import Registration

__all__ = ["shown"]


def shown(kind: str, found: Any) -> dict[str, Any]:
    """A task, suite or run by name, or something registered, with its kind.

    Parameters
    ----------
    kind : str
        ``task``, ``suite``, ``run``, or a kind of registration.
    found : str or Registration
    """
    facts = {"task": _task, "suite": _suite, "run": _run}.get(kind, _registered)(found)
    return {"kind": kind, **facts}


def _task(name: str) -> dict[str, Any]:
    from surveyeval.task.load import load_task

    task = load_task(name)
    spec = task.spec
    return {
        "name": task.name, "version": task.version, "title": task.title, "description": spec.description, "tags": list(spec.tags),
        "file": task.file, "sha256": task.content_hash, "source": spec.source.model_dump(mode="json"),
        "comparable": spec.comparable is not False and spec.source.provenance == "human",
        "profile": list(task.profile), "profile_sets": {key: list(value) for key, value in spec.profile_sets.items()},
        "arms": [{"key": arm.key, "label": arm.label} for arm in task.arms] if task.is_experiment else [],
        "items": [
            {
                "name": item.name, "role": item.role, "kind": item.kind, "question": item.words, "wording": item.spec.wording,
                "options": dict(zip(item.codes, item.labels, strict=True)),
            }
            for item in task.items
        ],
        "subgroups": list(spec.subgroups), "coherence": [one.model_dump(mode="json") for one in spec.coherence],
        "associations": [one.model_dump(mode="json") for one in spec.associations],
        "regressions": [one.model_dump(mode="json") for one in spec.regressions],
        "equivalence": None if spec.equivalence is None else spec.equivalence.model_dump(mode="json"),
    }  # fmt: skip


def _suite(name: str) -> dict[str, Any]:
    from surveyeval.task.suites import find_suite, synthetic_members

    suite = find_suite(name)
    synthetic = synthetic_members(suite)
    tasks = [
        {"name": one.name, "version": one.version, "profile_set": one.profile_set, "synthetic": one.name in synthetic}
        for one in suite.tasks
    ]
    return {
        "name": suite.name, "version": suite.version, "title": suite.title, "description": suite.description, "file": str(suite.path),
        "tasks": tasks,
    }  # fmt: skip


def _run(folder: str) -> dict[str, Any]:
    from surveyeval.cli.listing import run_state
    from surveyeval.engine.run import Run

    run = Run(folder)
    return {
        "folder": str(run.folder), "state": run_state(run)[0], "scored": run.scored, "card": str(run.card),
        "manifest": run.manifest,
    }  # fmt: skip


def _registered(entry: Registration) -> dict[str, Any]:
    import inspect

    loaded = entry.load()
    facts: dict[str, Any] = {
        "name": entry.name, "qualified": entry.qualified, "owner": entry.owner, "summary": entry.summary,
        "documentation": inspect.getdoc(loaded) or "",
    }  # fmt: skip
    if entry.options:
        fields = entry.load_options().model_fields
        facts["options"] = [
            {"name": name, "default": None if one.is_required() else one.default, "description": one.description or ""}
            for name, one in fields.items()
        ]
    if entry.kind == "metric":
        from surveyeval.reporting.metric_page import metric_page

        page = metric_page(loaded)
        facts |= {"label": page.label, "facts": dict(page.facts)}
    return facts
