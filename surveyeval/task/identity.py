"""What makes a task the same task: a hash of what its file says, and of nothing that it leaves unsaid."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel

__all__ = ["content_hash"]


def content_hash(spec: BaseModel) -> str:
    """sha256 of the typed content of a task file.

    Comments, layout and the order of a part's own fields do not count, nor does a field that is said at its default: it is the
    same as one that is not said. So a version of surveyeval with further fields gives the tasks of an earlier one the same hash.
    The order of options, arms, items and of everything else that the author named counts.

    Parameters
    ----------
    spec : BaseModel
        A `surveyeval.task.schema.TaskSpec`.

    Returns
    -------
    str
        64 hexadecimal digits.

    Notes
    -----
    A default that changed would change tasks under their hash: another default needs another field.
    """
    text = json.dumps(_said(spec), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _said(value: Any) -> Any:
    """Plain data of what is not at its default."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        given = {
            name: getattr(value, name)
            for name, field in sorted(fields.items())
            if field.is_required() or getattr(value, name) != field.get_default(call_default_factory=True)
        }
        return {name: _said(one) for name, one in given.items()}
    if isinstance(value, dict):
        return {key: _said(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_said(one) for one in value]
    return value
