"""How many configurations were tried on a task on this machine: a log that cards and disclosures quote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from surveyeval.memo import cache_folder

__all__ = ["Tried", "count_tried", "log_tried", "tried_now"]


@dataclass(frozen=True)
class Tried:
    """What the log of this machine says of a run's task.

    Parameters
    ----------
    n : int
        Configurations that were tried on the task, that of the run included.
    before : int
        Those that were there before that of the run.
    until : str
        The day of the count, in UTC: what is tried later is not in it.
    """

    n: int
    before: int
    until: str


def _path() -> Path:
    return cache_folder() / "tried.jsonl"


def _of(task: str, path: Path) -> list[str]:
    """Identities of the configurations of a task, the first that was tried first. A damaged line costs itself alone."""
    found: dict[str, None] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("task") == task and isinstance(entry.get("identity"), str):
            found[entry["identity"]] = None
    return list(found)


def log_tried(task: str, identities: Sequence[str]) -> None:
    """Record configurations of a task. A log that cannot be written costs the count, not the run."""
    path = _path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        known = _of(task, path) if path.exists() else []
        fresh = [one for one in dict.fromkeys(identities) if one not in known]
        if fresh:
            with path.open("a", encoding="utf-8") as stream:
                stream.write("".join(json.dumps({"task": task, "identity": one}) + "\n" for one in fresh))
    except OSError:
        return


def count_tried(task: str, identity: str) -> int:
    """Record one configuration and return how many different ones this task has seen, this one included."""
    log_tried(task, [identity])
    try:
        return max(len(_of(task, _path())), 1)
    except OSError:
        return 1


def tried_now(manifest: Mapping[str, Any]) -> Tried | None:
    """Count again what was tried on the task of a run, until today.

    Parameters
    ----------
    manifest : mapping
        Of the run.

    Returns
    -------
    Tried or None
        None where this machine's log does not know the run: it was made elsewhere, or the log is gone. Then the number in the
        manifest is all there is.
    """
    try:
        seen = _of(str(manifest["task"]["name"]), _path())
    except OSError:
        return None
    identity = str(manifest["id"])
    if identity not in seen:
        return None
    return Tried(len(seen), seen.index(identity), datetime.now(UTC).date().isoformat())
