"""Task files written short: what is shared, repeated or crossed is written once and expanded here.

``include:`` brings in the keys of other files, ``scales:`` names sets of options, an item with ``items:`` below it is a
battery, a ``kind: multiple`` item becomes one yes/no item for each option, and arms given by ``factors:`` are crossed. What
comes out is a document like any other, in which every value still knows the file and line it was written in.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surveyeval.errors import ConfigError, Problem, did_you_mean
from surveyeval.task.document import Document, Place, Route, dotted, load_document, parse_document

if TYPE_CHECKING:
    from surveyeval.task.task import Task

__all__ = ["expand", "whole_text"]

#: Top-level keys that an included file may have.
SHARED = ("scales", "profile", "profile_sets", "derived", "subgroups", "cells", "interview")
MOST_INCLUDES = 20
#: Arms and items that expansion may make at most.
MOST = 5_000
_NAME = re.compile(r"[A-Za-z0-9_]+")
#: What an option of a check-all question is answered with, unless the item says otherwise.
_TICK_LABELS = {"unticked_label": "No", "ticked_label": "Yes"}


@dataclass(frozen=True, eq=False)
class Node:
    """One value with where it, and its key, were written; `route` is how the file it stands in names it."""

    value: str | list[Node] | dict[str, Node] | None
    file: str
    place: Place
    key: Place | None
    route: Route

    def get(self, key: str) -> Node | None:
        """The value under a key, None where there is none."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def text(self, key: str) -> str | None:
        """The text under a key, None where there is none."""
        found = self.get(key)
        return found.value if found is not None and isinstance(found.value, str) else None

    def with_keys(self, **changes: Node | None) -> Node:
        """A mapping with keys replaced, added at the end, or (None) taken out."""
        assert isinstance(self.value, dict)
        kept = {key: changes.get(key, node) for key, node in self.value.items()} | changes
        return replace(self, value={key: node for key, node in kept.items() if node is not None})

    def saying(self, text: str) -> Node:
        """A text in the place of this value."""
        return replace(self, value=text)


def expand(document: Document, folder: Path | None) -> Document:
    """Expand a task file.

    Parameters
    ----------
    document : Document
    folder : Path or None
        Where included files lie, in it or below it; None where nothing can be included.

    Returns
    -------
    Document
        The same document where there is nothing to expand.

    Raises
    ------
    ConfigError
        With everything that cannot be expanded.
    """
    value = document.value
    items = value.get("items")
    short = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    arms = value.get("arms")
    crossed = isinstance(arms, dict) and ("factors" in arms or "vignette" in arms)
    if not (
        crossed
        or {"include", "scales"} & set(value)
        or any(
            "items" in item or item.get("kind") == "multiple" or isinstance(item.get("options"), str) for item in short
        )
    ):
        return document
    work = _Expansion(folder)
    root = work.expanded(_nodes(document, document.value, ()))
    if work.problems:
        raise ConfigError(problems=work.problems)
    return _document(document, root)


def whole_text(task: Task) -> str:
    """The text of a task file, with what it includes put in, so that the file stands alone."""
    if not task.text:
        return task.text
    document = parse_document(task.text, task.file)
    if "include" not in document.value:
        return task.text
    import yaml

    expanded = expand(document, task.folder).value
    return yaml.safe_dump(expanded, sort_keys=False, allow_unicode=True, width=120)


def _nodes(document: Document, value: Any, route: Route) -> Node:
    inner: Any = value
    if isinstance(value, dict):
        inner = {key: _nodes(document, one, (*route, key)) for key, one in value.items()}
    elif isinstance(value, list):
        inner = [_nodes(document, one, (*route, number)) for number, one in enumerate(value)]
    return Node(inner, document.file, document.values.get(route, (1, 1)), document.keys.get(route), route)


def _document(source: Document, root: Node) -> Document:
    found = Document(source.file, source.text, {})
    written: dict[Route, tuple[str, Route]] = {}

    def plain(node: Node, route: Route) -> Any:
        found.values[route] = node.place
        if node.key is not None:
            found.keys[route] = node.key
        written[route] = (node.file, node.route)
        if isinstance(node.value, dict):
            return {key: plain(one, (*route, key)) for key, one in node.value.items()}
        if isinstance(node.value, list):
            return [plain(one, (*route, number)) for number, one in enumerate(node.value)]
        return node.value

    return replace(found, value=plain(root, ()), written=written)


class _Expansion:
    """Expands and collects problems."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self._included = 0

    def _problem(self, node: Node, message: str, hint: str | None = None, *, key: bool = False) -> None:
        line, column = node.key if key and node.key else node.place
        self.problems.append(Problem(message, node.file, line, column, dotted(node.route) or None, hint))

    def expanded(self, root: Node) -> Node:
        root = self._with_included(root, ())
        scales = root.get("scales")
        named: dict[str, Node] = {}
        if scales is not None and not isinstance(scales.value, dict):
            self._problem(
                scales, "scales are named sets of options", "write `name:` with `code: label` lines below it", key=True
            )
        elif scales is not None and isinstance(scales.value, dict):
            named = scales.value
        root = root.with_keys(scales=None, include=None)
        arms, items = root.get("arms"), root.get("items")
        if arms is not None and isinstance(arms.value, dict):
            root = root.with_keys(arms=self._arms(arms))
        if items is not None and isinstance(items.value, list):
            listed = [made for item in items.value for made in self._items(item, named)]
            if len(listed) > MOST:
                self._problem(items, f"these are {len(listed)} items, at most {MOST} are read", key=True)
            root = root.with_keys(items=replace(items, value=listed))
            interview = root.get("interview")
            if interview is not None and isinstance(interview.value, dict):
                root = root.with_keys(interview=self._shuffled(interview, items.value, listed))
        return root

    def _shuffled(self, interview: Node, written: list[Node], made: list[Node]) -> Node:
        """Blocks of ``shuffled`` that name a check-all question, with the items that its options became."""
        blocks = interview.get("shuffled")
        if blocks is None or not isinstance(blocks.value, list):
            return interview
        names = {one.text("name") for one in made}
        questions = {one.text("name"): one for one in written if one.text("kind") == "multiple"}
        found = []
        for block in blocks.value:
            inside = block.value if isinstance(block.value, list) else []
            named = [one for one in inside if isinstance(one.value, str) and one.value in questions.keys() - names]
            if named and len(inside) > 1:
                # Items of a block change places one by one, so that other items would come between the options.
                self._problem(
                    named[0],
                    f"{named[0].value!r} is a check-all question, whose options are shuffled in a block of their own",
                    f"write [{named[0].value}] beside the other blocks",
                )
            elif named:
                options = questions[str(named[0].value)].get("options")
                pinned = {
                    code
                    for code, option in (options.value if options and isinstance(options.value, dict) else {}).items()
                    if option.text("pinned") == "true"
                }
                members = [one.text("name") for one in made if one.text("part_of") == named[0].value]
                free = [name for name in members if name and name.removeprefix(f"{named[0].value}_") not in pinned]
                block = replace(block, value=[named[0].saying(name) for name in free])
            found.append(block)
        return interview.with_keys(shuffled=replace(blocks, value=found))

    # ---- include -------------------------------------------------------------------------------------------------------

    def _with_included(self, root: Node, inside: tuple[Path, ...]) -> Node:
        include = root.get("include")
        if include is None:
            return root
        for one in include.value if isinstance(include.value, list) else [include]:
            other = self._opened(one, inside)
            for key, node in other.items():
                root = self._merged(root, key, node)
        return root

    def _opened(self, node: Node, inside: tuple[Path, ...]) -> dict[str, Node]:
        """Keys of one included file and of what it includes."""
        if not isinstance(node.value, str):
            self._problem(node, "names no file", "write a path from this file, such as scales.yaml", key=True)
            return {}
        path = self._path(node, node.value, inside)
        if path is None:
            return {}
        try:
            document = load_document(path, name=str(path))
        except ConfigError as error:
            for one in error.problems:
                if one.line is None:  # nothing of it was read: the line that names it is where to look
                    self._problem(node, f"{node.value}: {one.message}", one.hint)
                else:
                    self.problems.append(one)
            return {}
        root = self._with_included(_nodes(document, document.value, ()), (*inside, path))
        assert isinstance(root.value, dict)
        kept = {}
        for key, inner in root.value.items():
            if key in SHARED:
                kept[key] = inner
            elif key != "include":
                hint = did_you_mean(key, SHARED) or f"it may have {', '.join(SHARED)}"
                self._problem(inner, f"an included file has no {key!r}", hint, key=True)
        return kept

    def _path(self, node: Node, text: str, inside: tuple[Path, ...]) -> Path | None:
        if self.folder is None:
            self._problem(node, "nothing can be included here", "write the included keys here")
            return None
        self._included += 1
        if self._included > MOST_INCLUDES:
            self._problem(node, f"more than {MOST_INCLUDES} files are included", "join some of them")
            return None
        base = inside[-1].parent if inside else self.folder
        try:
            path, root = (base / text).resolve(), self.folder.resolve()
        except (OSError, ValueError, RuntimeError):
            self._problem(node, "is no path", "write a path from this file, such as scales.yaml")
            return None
        if not path.is_relative_to(root) or Path(text).is_absolute():
            self._problem(node, "lies outside the task's folder", "put shared files into the folder, or below it")
            return None
        if path in inside:
            self._problem(node, "includes itself, directly or through others", "break the circle")
            return None
        return path

    def _merged(self, root: Node, key: str, node: Node) -> Node:
        """One key of an included file added. What stands in both is added up entry by entry, and never replaced."""
        own = root.get(key)
        if own is None:
            return root.with_keys(**{key: node})
        if not isinstance(own.value, dict) or not isinstance(node.value, dict):
            self._problem(own, f"{key!r} also stands in {node.file}", "leave it out here or there", key=True)
            return root
        for name in own.value.keys() & node.value.keys():
            inner = own.value[name]
            self._problem(inner, f"{name!r} also stands in {node.file}", "leave it out here or there", key=True)
        return root.with_keys(**{key: replace(own, value={**node.value, **own.value})})

    # ---- items ---------------------------------------------------------------------------------------------------------

    def _items(self, item: Node, scales: dict[str, Node]) -> Iterator[Node]:
        if not isinstance(item.value, dict):
            yield item
            return
        options = item.get("options")
        if options is not None and isinstance(options.value, str):
            scale = scales.get(options.value)
            if scale is None:
                hint = did_you_mean(options.value, scales) or f"scales: {', '.join(scales) or 'none is declared'}"
                self._problem(options, f"there is no scale {options.value!r}", hint)
                return
            item = item.with_keys(options=replace(scale, key=options.key))
        if item.get("items") is not None:
            yield from self._battery(item, scales)
        elif item.text("kind") == "multiple":
            yield from self._multiple(item)
        else:
            yield item

    def _battery(self, battery: Node, scales: dict[str, Node]) -> Iterator[Node]:
        """One item for each statement, with what the battery says and each statement may say otherwise."""
        inner = battery.get("items")
        assert inner is not None
        if not isinstance(inner.value, dict) or not inner.value:
            self._problem(inner, "a battery has `name: statement` lines", "write `trust_police: the police`", key=True)
            return
        if battery.get("name") is not None:
            self._problem(
                battery, "the items of a battery have names, the battery has none", "leave `name` out", key=True
            )
            return
        shared = battery.with_keys(items=None)
        for name, statement in inner.value.items():
            own = dict(statement.value) if isinstance(statement.value, dict) else {"statement": statement}
            if isinstance(statement.value, list):
                self._problem(
                    statement,
                    "stands where a statement belongs",
                    "write a text, or `statement:` and what differs",
                    key=True,
                )
                continue
            place = replace(statement, value=name, place=statement.key or statement.place)
            assert isinstance(shared.value, dict)
            made = Node(
                {**shared.value, "name": place, **own}, statement.file, statement.place, statement.key, statement.route
            )
            yield from self._items(made, scales)

    def _multiple(self, item: Node) -> Iterator[Node]:
        """One yes/no item for each option of a check-all-that-apply question."""
        options, name, question = item.get("options"), item.text("name"), item.get("question")
        if (
            options is None
            or not isinstance(options.value, dict)
            or not options.value
            or name is None
            or question is None
        ):
            self._problem(item, "a check-all item needs name, question and options", "list code: label", key=True)
            return
        for field in ("ticked", "unticked"):
            given = item.get(field)
            if given is not None and item.text(field) == "":
                why = "a blank cell is no code"
                self._problem(
                    given, why, "write `blank: not_ticked` where a blank means that an option was not ticked", key=True
                )
        ticked, unticked = item.text("ticked") or "1", item.text("unticked") or "0"
        words = {field: item.get(field) for field in _TICK_LABELS}
        for field, given in words.items():
            if given is not None and not (isinstance(given.value, str) and given.value.strip()):
                self._problem(given, f"{field} has no words", f"write `{field}: {_TICK_LABELS[field]}`", key=True)
                return
        separator, column = item.get("separator"), item.get("column")
        assert isinstance(item.value, dict)
        for field in ("points", "bins", "retest", "recode"):
            if field in item.value:
                self._problem(item.value[field], f"{field} does not go with kind multiple", "leave it out", key=True)
        shared = item.with_keys(
            ticked=None,
            unticked=None,
            ticked_label=None,
            unticked_label=None,
            separator=None,
            options=None,
            column=None,
        )

        def said_of(field: str, option: Node) -> Node:
            given = words[field]
            return given if given is not None else option.saying(_TICK_LABELS[field])

        for code, option in options.value.items():
            label = option.text("label") if isinstance(option.value, dict) else option.value
            own = option.get("column")
            if not isinstance(label, str):
                self._problem(
                    option, "has no label", "write `code: label`, or `label:` and `column:` below it", key=True
                )
                continue
            if not _NAME.fullmatch(code):
                self._problem(option, f"code {code!r} cannot be part of a name", "use letters, digits and _", key=True)
                continue
            for field, node in option.value.items() if isinstance(option.value, dict) else ():
                if field == "pinned" and node.value not in ("true", "false"):
                    self._problem(node, "pinned is true or false", "write `pinned: true`, or leave it out")
                elif field not in ("label", "column", "pinned"):
                    why = f"an option of a check-all item has no {field!r}"
                    self._problem(node, why, "it has label, column and pinned", key=True)
            said = {
                "name": option.saying(f"{name}_{code}"), "kind": option.saying("binary"), "part_of": option.saying(name),
                "statement": option.saying(label),
                # As in any binary item the last option is the event of a logit, and the higher rank.
                "options": replace(option, value={unticked: said_of("unticked_label", option), ticked: said_of("ticked_label", option)}),
            }  # fmt: skip
            if separator is not None:
                said |= {"separator": separator, "member": option.saying(code)}
                said |= {"column": column} if column is not None else {"column": option.saying(name)}
            else:
                said["column"] = own if own is not None else option.saying(f"{name}_{code}")
                if column is not None:
                    self._problem(
                        column,
                        "each option has its own column",
                        "write `separator:`, or a column below each option",
                        key=True,
                    )
                    column = None
            assert isinstance(shared.value, dict)
            yield Node({**shared.value, **said}, option.file, option.place, option.key, option.route)

    # ---- arms ----------------------------------------------------------------------------------------------------------

    def _arms(self, arms: Node) -> Node:
        factors, levels, vignette = arms.get("factors"), arms.get("levels"), arms.get("vignette")
        if factors is not None:
            if levels is not None:
                self._problem(
                    levels, "levels are made by crossing the factors", "leave levels out, or factors", key=True
                )
                return arms
            arms = self._crossed(arms, factors)
            levels = arms.get("levels")
        if vignette is None:
            return arms
        assert isinstance(arms.value, dict)
        arms = arms.with_keys(vignette=None)
        if levels is None or not isinstance(levels.value, dict):
            return arms
        given = {
            code: level.with_keys(vignette=vignette)
            if isinstance(level.value, dict) and "vignette" not in level.value
            else level
            for code, level in levels.value.items()
        }
        return arms.with_keys(levels=replace(levels, value=given))

    def _crossed(self, arms: Node, factors: Node) -> Node:
        """Levels for every combination of the factors' levels, each factor in a column of its own."""
        listed: list[list[tuple[str, str, Node]]] = []
        columns: dict[str, Node] = {}
        if not isinstance(factors.value, dict) or not factors.value:
            self._problem(
                factors, "factors have names", "write `name:` with `column:` and `levels:` below it", key=True
            )
            return arms
        for name, factor in factors.value.items():
            inner, column = factor.get("levels"), factor.get("column")
            if inner is None or not isinstance(inner.value, dict) or len(inner.value) < 2:
                self._problem(
                    factor, "a factor has two levels or more", "write `levels:` with `code: label` lines", key=True
                )
                return arms
            columns[name] = column if column is not None else factor.saying(name)
            one = []
            for code, label in inner.value.items():
                if not isinstance(label.value, str):
                    self._problem(label, "stands where a label belongs", "write `code: label`", key=True)
                    return arms
                one.append((code, label.value, label))
            listed.append(one)
        count = 1
        for one in listed:
            count *= len(one)
        if count > MOST:
            self._problem(factors, f"these are {count} arms, at most {MOST} are read", key=True)
            return arms
        made = {}
        for combination in itertools.product(*listed):
            codes, labels, nodes = zip(*combination, strict=True)
            first = nodes[0]
            made["+".join(codes)] = replace(first, value={
                "label": first.saying(", ".join(labels)),
                "factors": replace(first, value={
                    name: node.saying(code) for name, code, node in zip(columns, codes, nodes, strict=True)
                }),
            })  # fmt: skip
        return arms.with_keys(
            factors=None, columns=replace(factors, value=dict(columns)), levels=replace(factors, value=made)
        )
