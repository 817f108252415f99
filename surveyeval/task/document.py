"""YAML as text with places.

Every scalar is the text that stands in the file: ``Yes``, ``01`` and ``1e3`` are not turned into anything. Only an empty
value, ``null`` and ``~`` (unquoted) are None. Each key and value knows its line and column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from surveyeval.errors import ConfigError, Problem

__all__ = ["Document", "load_document", "parse_document"]

MAX_BYTES = 2_000_000
MAX_NODES = 100_000
MAX_DEPTH = 40

Place = tuple[int, int]
Route = tuple[str | int, ...]


@dataclass(frozen=True, eq=False)
class Document:
    """A parsed file.

    Parameters
    ----------
    value : dict
        Plain values: dict, list, str, None.
    file : str
        How messages name it.
    text : str
    keys, values : mapping of route to (line, column)
        Places, from 1. A route is the keys and list positions that lead to a node.
    """

    value: dict[str, Any]
    file: str
    text: str
    keys: Mapping[Route, Place] = field(default_factory=dict)
    values: Mapping[Route, Place] = field(default_factory=dict)

    def position(self, route: Route, *, key: bool = False) -> Place:
        """Line and column of a node: its value, or its key. For a node that is not there, its nearest parent's key."""
        places = self.keys if key else self.values
        if route in places:
            return places[route]
        while route:
            for known in (self.keys, self.values):
                if route in known:
                    return known[route]
            route = route[:-1]
        return (1, 1)


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.keys: dict[Route, Place] = {}
        self.values: dict[Route, Place] = {}
        self.nodes = 0

    def problem(self, mark: Any, message: str, field: str | None = None, hint: str | None = None) -> None:
        self.problems.append(Problem(message, self.file, mark.line + 1, mark.column + 1, field, hint))

    def read(self, node: yaml.Node, route: Route) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES or len(route) > MAX_DEPTH:
            raise ConfigError("is nested too deeply or expands to too much", file=self.file, line=node.start_mark.line + 1,
                              hint="anchors and aliases may not multiply a file")
        self.values[route] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.ScalarNode):
            plain = node.style is None
            return None if plain and node.value in ("", "~", "null", "Null", "NULL") else node.value
        if isinstance(node, yaml.SequenceNode):
            return [self.read(child, (*route, index)) for index, child in enumerate(node.value)]
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.problem(key_node.start_mark, "a key must be a plain word, not a list or mapping")
                continue
            key = key_node.value
            here = (*route, key)
            if key == "<<" and key_node.style is None:
                self.problem(key_node.start_mark, "merge keys are not supported", hint="write the fields out")
                continue
            if key in result:
                first = self.keys[here][0]
                self.problem(key_node.start_mark, f"key {key!r} stands twice (first in line {first})", ".".join(map(str, here)))
                continue
            self.keys[here] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            result[key] = self.read(value_node, here)
        return result


def load_document(path: Path) -> Document:
    """Read a YAML file.

    Raises
    ------
    ConfigError
        When it cannot be read, is not UTF-8, or is no mapping; with every duplicate key at once.
    """
    file = str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"is larger than {MAX_BYTES} bytes", file=file)
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=file) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError("is not UTF-8 text", file=file, line=line, hint="save the file as UTF-8") from error
    return parse_document(text, file)


def parse_document(text: str, file: str) -> Document:
    """Parse YAML text; `file` is how messages name it."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        node = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        hint = "quote a text that holds ': ' or begins with a special sign"
        raise ConfigError(f"is no valid YAML: {error.problem or error.context}", file=file, line=line, column=column,
                          hint=hint) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"is no valid YAML: {error}", file=file) from error
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError("must be a mapping of fields at the top", file=file, line=1, hint="begin with `name: ...`")
    reader = _Reader(file)
    value = reader.read(node, ())
    if reader.problems:
        raise ConfigError(problems=reader.problems)
    return Document(value, file, text, reader.keys, reader.values)
