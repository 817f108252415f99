"""Submissions for tests: exported once, then changed as a stranger might."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from surveyeval.board.submission import Submission, hashes, open_submission
from surveyeval.data.files import digest

Parts = dict[str, Any]


def changed(submission: Submission, change: Callable[[Parts], None], *, hashed: bool = True) -> Submission:
    """A copy with other content; hashes are those of the new content unless told otherwise."""
    parts = copy.deepcopy(dict(submission.parts))
    change(parts)
    return Submission(parts, hashes(parts) if hashed else dict(submission.stated))


def identified(parts: Parts) -> None:
    """Give the parts the identity that follows from them."""
    manifest = parts["manifest"]
    fingerprint = manifest["model"]["fingerprint"]
    manifest["identity"] |= {
        "task": manifest["task"]["hash"], "profile_set": manifest["task"]["profile_set"], "data": manifest["data"]["sha256"],
        "split": manifest["split"]["hash"], "test": manifest["split"]["test_ids"], "options": manifest["options"],
        "model": f"{fingerprint['kind']}:{fingerprint['value']}",
    }  # fmt: skip
    manifest["id"] = digest(manifest["identity"])
    parts["metrics"]["identity"] = manifest["id"]


def renamed(parts: Parts, name: str, string: str = "hf:org/other", value: str = "f" * 64) -> None:
    """Make it the submission of another model."""
    manifest = parts["manifest"]
    old = manifest["model"]["name"]
    manifest["model"] |= {"name": name, "string": string}
    manifest["model"]["fingerprint"]["value"] = value
    for row in parts["metrics"]["estimates"]:
        if row["model"] == old and row["quantity"] not in ("reference", "floor"):
            row["model"] = name
    identified(parts)


def written(submission: Submission, path: Path) -> Path:
    """The file."""
    path.write_bytes(submission.to_bytes(as_json=path.suffix == ".json"))
    return path


def reread(submission: Submission, path: Path) -> Submission:
    """As a leaderboard reads it."""
    return open_submission(written(submission, path))
