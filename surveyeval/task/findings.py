"""Problems of one document, collected by the route of what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from surveyeval.errors import Problem, did_you_mean
from surveyeval.task.document import Document, Route

__all__ = ["Findings", "entries", "mapping", "shown"]


@dataclass(eq=False)
class Findings:
    """Collects problems.

    ``value`` is the content of the file in which misspelt keys already bear the name they were meant to have, so that
    one slip is one problem; ``original`` leads from such a route back to what the file says.
    """

    document: Document
    value: dict[str, Any]
    original: dict[Route, Route] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, route: Sequence[str | int], message: str, hint: str | None = None, *, key: bool = False) -> None:
        """Add a problem at a value, or at its key."""
        written = self.written(tuple(route))
        self.problems.append(self.document.problem(written, message, hint, key=key))

    def unknown(self, route: Sequence[str | int], name: str, known: Iterable[str], what: str) -> None:
        """Add a reference that leads nowhere."""
        known = list(known)
        right = did_you_mean(name, known) or (f"there are {', '.join(known[:20])}" if known else "there are none")
        self.add(route, f"{name!r} is not {what}", right)

    def written(self, route: Route) -> Route:
        """The route as the file spells it."""
        for length in range(len(route), 0, -1):
            if route[:length] in self.original:
                return self.original[route[:length]] + route[length:]
        return route

    def line(self, route: Sequence[str | int]) -> int:
        """Line of a key or value."""
        return self.document.position(self.written(tuple(route)), key=True)[0]


def mapping(parent: Any, *keys: str) -> dict[str, Any]:
    """The mapping found by these keys, or an empty one when the file has something else there."""
    for key in keys:
        parent = parent.get(key) if isinstance(parent, Mapping) else None
    return parent if isinstance(parent, dict) else {}


def entries(parent: Any, key: str) -> list[tuple[int, Any]]:
    """Numbered entries of the list under a key, or none when the file has something else there."""
    found = parent.get(key) if isinstance(parent, Mapping) else None
    return list(enumerate(found)) if isinstance(found, list) else []


def shown(value: Any) -> str:
    """A value as messages show it."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    return {dict: "a mapping", list: "a list", type(None): "nothing"}.get(type(value), repr(value))
