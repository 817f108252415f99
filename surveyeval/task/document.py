"""YAML text as plain values with positions.

Nothing is constructed from tags: every scalar is the text that stands in the file (``No``, ``on``, ``01`` and ``1.0``
stay so), except that a plain ``null``, ``~`` or nothing is None. Duplicate keys, merge keys and documents that grow
when aliases are expanded are errors with their place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from surveyeval.errors import ConfigError, Problem

__all__ = ["Document", "Route", "dotted", "load_document", "parse_document", "read_text"]

#: A task file of a long survey has some thousand values; these bounds only stop what was built to exhaust memory.
MAX_BYTES = 4_000_000
MAX_VALUES = 50_000
MAX_DEPTH = 40

#: Where a value stands in the document: mapping keys and list indices from the root.
Route = tuple[str | int, ...]
Place = tuple[int, int]

_HALVES = re.compile("[\ud800-\udfff]")
_NULLS = ("", "~", "null", "Null", "NULL")
_STANDARD_TAGS = re.compile(r"^tag:yaml\.org,2002:(str|null|bool|int|float|timestamp|map|seq|value)$")


@dataclass(frozen=True, eq=False)
class Document:
    """One parsed file.

    Parameters
    ----------
    file : str
        How messages name the file.
    text : str
        The file as read.
    value : dict
        Mappings, lists, text and None.
    keys, values : mapping of path to (line, column)
        Where a key and where its value stands, counted from 1. A path holds mapping keys and list indices.
    written : mapping of path to (file, path)
        Where values of an expanded document were written (`surveyeval.task.expand`); empty for a file as it is.
    """

    file: str
    text: str
    value: dict[str, Any]
    keys: dict[Route, Place] = field(default_factory=dict)
    values: dict[Route, Place] = field(default_factory=dict)
    written: dict[Route, tuple[str, Route]] = field(default_factory=dict)

    def position(self, path: Sequence[str | int], *, key: bool = False) -> Place:
        """Line and column of the value at `path` (of its key with ``key=True``), or of its nearest parent that exists."""
        path = tuple(path)
        wanted = True
        while path:
            first, second = (self.keys, self.values) if key or not wanted else (self.values, self.keys)
            for table in (first, second):
                if path in table:
                    return table[path]
            path, wanted = path[:-1], False
        return (1, 1)

    def problem(
        self, path: Sequence[str | int], message: str, hint: str | None = None, *, key: bool = False, offset: int = 0
    ) -> Problem:
        """A problem at `path`; `offset` counts characters into a one-line plain value."""
        line, column = self.position(path, key=key)
        file, route = self.origin(path)
        return Problem(message, file, line, column + offset, dotted(route) or None, hint)

    def origin(self, path: Sequence[str | int]) -> tuple[str, Route]:
        """The file that a value stands in, and its path there."""
        path = tuple(path)
        for length in range(len(path), -1, -1) if self.written else ():
            if path[:length] in self.written:
                file, route = self.written[path[:length]]
                return file, route + path[length:]
        return self.file, path


def dotted(path: Sequence[str | int]) -> str:
    """``items[0].options.1`` for ``("items", 0, "options", "1")``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def load_document(path: Path, *, name: str | None = None) -> Document:
    """Read and parse a YAML file whose root is a mapping.

    Raises
    ------
    ConfigError
        Unreadable, not UTF-8, not YAML, not a mapping, or with duplicate keys; every duplicate is listed.
    """
    file = name or str(path)
    return parse_document(read_text(path, file), file)


def read_text(path: Path, file: str) -> str:
    """The text of a UTF-8 file (UTF-16 with its mark is read too), without byte order mark."""
    try:
        if path.is_dir():
            raise ConfigError("this is a folder", file=file, hint="name a YAML file")
        if path.exists() and not path.is_file():  # a pipe or a device would be read for ever
            raise ConfigError("this is no file", file=file, hint="name a YAML file")
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"the file is larger than {MAX_BYTES:,} bytes", file=file, hint="name a YAML file")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"the file cannot be read: {reason}", file=file) from error
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise ConfigError(
            "the file is not UTF-8 text", file=file, line=line, column=column, hint="save it with encoding UTF-8"
        ) from error


def parse_document(text: str, file: str) -> Document:
    """Parse YAML text whose root is a mapping; raises ConfigError."""
    text = text.removeprefix("\ufeff")
    node = _compose(text, file)
    if node is None:
        raise ConfigError("the file is empty", file=file, line=1, column=1, hint="start with `name: ...`")
    builder = _Builder(file)
    if not isinstance(node, yaml.MappingNode):
        what = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
        line, column = _place(node)
        raise ConfigError(
            f"the file holds {what}, not keys with values",
            file=file,
            line=line,
            column=column,
            hint="write `key: value`",
        )
    value = builder.build(node, ())
    if builder.problems:
        raise ConfigError(problems=builder.problems)
    return Document(file, text, value, builder.keys, builder.values)


class _TooMuchError(Exception):
    def __init__(self, mark: Any) -> None:
        self.mark = mark


class _Loader(yaml.SafeLoader):
    """Stops at too many values while it reads, not after."""

    _values = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._values += 1
        if self._values > 2 * MAX_VALUES:  # a key is a node too
            raise _TooMuchError(self.get_mark())
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


def _compose(text: str, file: str) -> yaml.Node | None:
    loader: yaml.SafeLoader | None = None
    try:
        # The pure Python loader: its marks count characters, and its messages are the better ones.
        loader = _Loader(text)
        node: yaml.Node | None = loader.get_single_node()
        return node
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        raise ConfigError(
            "a control character or other character that YAML does not allow",
            file=file,
            line=before.count("\n") + 1,
            column=error.position - before.rfind("\n"),
            hint="remove it",
        ) from error
    except _TooMuchError as error:
        raise ConfigError(
            f"the file stands for more than {MAX_VALUES:,} values",
            file=file,
            line=error.mark.line + 1,
            column=error.mark.column + 1,
            hint="a task file needs some thousands",
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(
            f"not valid YAML: {error.problem or error.context}",
            file=file,
            line=mark.line + 1 if mark else 1,
            column=mark.column + 1 if mark else 1,
            hint=_syntax_hint(error, text, mark),
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"not valid YAML: {error}", file=file, line=1, column=1) from error
    except RecursionError as error:
        raise ConfigError(f"values are nested more than {MAX_DEPTH} deep", file=file, line=1, column=1) from error
    except (ValueError, OverflowError) as error:  # malformed escapes such as a code point out of range
        mark = loader.get_mark() if loader is not None else None
        raise ConfigError(
            "not valid YAML: an escape in a quoted text does not name a character",
            file=file,
            line=mark.line + 1 if mark else 1,
            column=mark.column + 1 if mark else 1,
        ) from error
    finally:
        if loader is not None:
            loader.dispose()


def _syntax_hint(error: yaml.MarkedYAMLError, text: str, mark: Any) -> str | None:
    problem = error.problem or ""
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\\t" in problem or "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not tabs"
    if "mapping values are not allowed" in problem:
        return "put a text that holds `: ` in quotes"
    if "undefined alias" in problem:
        return "put a text that starts with `*` in quotes"
    if "but got '?'" in problem:
        return "inside [ ] or { }, put a text that holds `?` in quotes"
    if "cannot start any token" in problem:
        return "put a text that starts with this character in quotes"
    return None


def _place(node: yaml.Node) -> Place:
    return (node.start_mark.line + 1, node.start_mark.column + 1)


class _Builder:
    """Turns nodes into plain values, with positions by path."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.keys: dict[Route, Place] = {}
        self.values: dict[Route, Place] = {}
        self.problems: list[Problem] = []
        self._count = 0

    def _stop(self, node: yaml.Node, message: str, hint: str) -> ConfigError:
        line, column = _place(node)
        return ConfigError(message, file=self.file, line=line, column=column, hint=hint)

    def _problem(self, node: yaml.Node, path: Route, message: str, hint: str | None = None) -> None:
        line, column = _place(node)
        self.problems.append(Problem(message, self.file, line, column, dotted(path) or None, hint))

    def build(self, node: yaml.Node, path: Route) -> Any:
        self._count += 1
        # Aliases are expanded, so a few lines can stand for billions of values; a value can also hold itself.
        if self._count > MAX_VALUES:
            raise self._stop(node, f"the file stands for more than {MAX_VALUES:,} values", "write fewer aliases")
        if len(path) > MAX_DEPTH:
            raise self._stop(node, f"values are nested more than {MAX_DEPTH} deep", "a task file needs six levels")
        self.values[path] = _place(node)
        if not _STANDARD_TAGS.match(node.tag):
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")[:60]
            self._problem(
                node, path, f"tag {tag!r} is not supported", "a task file is data, never code; remove the tag"
            )
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, index)) for index, child in enumerate(node.value)]
        text = str(node.value)
        if _HALVES.search(text):
            self._problem(node, path, "an escape stands for half of a character, which no file can hold", "remove it")
            return None
        style = getattr(node, "style", None)
        return None if style is None and text in _NULLS and not node.tag.endswith(":str") else text

    def _mapping(self, node: yaml.MappingNode, path: Route) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(key_node, path, "a key must be a single text", "put it in quotes if it holds [ or {")
                continue
            key = str(key_node.value)
            inner = (*path, key)
            if _HALVES.search(key):
                self._problem(key_node, path, "a key has half of a character, which no file can hold", "remove it")
                continue
            if key_node.tag == "tag:yaml.org,2002:merge":
                self._problem(key_node, inner, "merge keys `<<` are not supported", "write the keys out")
                continue
            if key in result:
                line, _ = self.keys[inner]
                self._problem(key_node, inner, f"key {key!r} stands twice", f"it was first given in line {line}")
                continue
            self.keys[inner] = _place(key_node)
            result[key] = self.build(value_node, inner)
        return result
