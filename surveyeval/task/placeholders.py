"""Places of a task file that somebody still has to fill in: a drafted file is reported until they are."""

from __future__ import annotations

from typing import Any

from surveyeval.task.document import Route
from surveyeval.task.findings import Findings

__all__ = ["MARK", "check_placeholders"]

#: What a text begins with that only a person can write.
MARK = "FILL IN"


def check_placeholders(findings: Findings) -> None:
    """Add every text that still begins with `MARK`."""
    _look(findings, (), findings.value)


def _look(findings: Findings, route: Route, value: Any) -> None:
    if isinstance(value, dict):
        for key, one in value.items():
            _look(findings, (*route, key), one)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            _look(findings, (*route, number), one)
    elif isinstance(value, str) and value.startswith(MARK):
        findings.add(route, "is not filled in yet", value.removeprefix(MARK).lstrip(" :") or None)
