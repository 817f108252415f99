"""How many configurations were tried on a task on this machine: a log that cards quote."""

from __future__ import annotations

import json
import os
from pathlib import Path

__all__ = ["count_tried"]


def _path() -> Path:
    cache = os.environ.get("SURVEYEVAL_CACHE")
    return (Path(cache) if cache else Path.home() / ".cache" / "surveyeval") / "tried.jsonl"


def count_tried(task: str, identity: str) -> int:
    """Record one configuration and return how many different ones this task has seen, this one included.

    A log that cannot be written costs the count, not the run.
    """
    path = _path()
    line = json.dumps({"task": task, "identity": identity})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        known = set(path.read_text().splitlines()) if path.exists() else set()
        if line not in known:
            with path.open("a") as stream:
                stream.write(line + "\n")
        seen = [json.loads(entry) for entry in known | {line}]
    except (OSError, ValueError):
        return 1
    return sum(entry["task"] == task for entry in seen)
