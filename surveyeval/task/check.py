"""Everything that can be wrong in a task file, found at once, each thing with its line.

First pydantic decides types, then a second pass checks what refers to what. The second pass runs over the nodes of the
file, so that it also speaks when single fields failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from surveyeval.errors import ConfigError, Problem, did_you_mean
from surveyeval.task import formulas, rules
from surveyeval.task.document import Document, load_document
from surveyeval.task.schema import TaskSpec
from surveyeval.task.task import Task

Route = tuple[str | int, ...]

__all__ = ["check_document", "check_file", "notes"]

#: Names that would hide a function or a column that is always there.
RESERVED = {"arm", "abs", "min", "max", "cut", "log", "number", "C", "value", "labels", "and", "or", "not", "in", "is", "if", "else", "true", "false", "none"}
LETTERS = 26
_UNSUPPORTED_FAMILIES = ("ordered", "multinomial")


def check_file(path: Path) -> list[Problem]:
    """Problems of a task file; empty when it is right."""
    try:
        return check_document(load_document(path))[1]
    except ConfigError as error:
        return list(error.problems)


def check_document(document: Document) -> tuple[TaskSpec | None, list[Problem]]:
    """Typed task (None when a field failed) and every problem, in the order of the file."""
    checker = _Checker(document)
    spec = checker.types()
    checker.references()
    if spec is not None and not checker.problems:
        checker.language(spec)
    return spec, sorted(checker.problems, key=lambda problem: (problem.line or 0, problem.column or 0))


def notes(task: Task) -> list[Problem]:
    """What this version reads but does not use, with its place."""
    document = load_document(Path(task.file))
    found = []
    for number, regression in enumerate(task.spec.regressions):
        if regression.family in _UNSUPPORTED_FAMILIES:
            route: Route = ("regressions", number, "family")
            line, column = document.position(route)
            message = f"family {regression.family!r} is not supported in this version: {regression.name!r} is left out"
            found.append(Problem(message, task.file, line, column, "regressions.family"))
    return found


class _Checker:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def problem(self, route: Route, message: str, hint: str | None = None, *, key: bool = False) -> None:
        line, column = self.document.position(route, key=key)
        field = ".".join(str(part) for part in route) or None
        self.problems.append(Problem(message, self.document.file, line, column, field, hint))

    # ---- types ----------------------------------------------------------------------------------------------

    def types(self) -> TaskSpec | None:
        try:
            return TaskSpec.model_validate(self.document.value)
        except ValidationError as error:
            seen = set()
            for one in error.errors():
                route = self._route(one["loc"])
                if (route, one["type"]) not in seen:
                    seen.add((route, one["type"]))
                    self._type_problem(route, one["type"], one["msg"], one.get("input"), one.get("ctx", {}))
            return None

    def _route(self, location: Iterable[int | str]) -> Route:
        """The node that pydantic means: parts that name a type or a key check are left out."""
        route: Route = ()
        node: Any = self.document.value
        for part in location:
            if part == "[key]":
                break
            if isinstance(node, Mapping) and str(part) in node:
                route, node = (*route, str(part)), node[str(part)]
            elif isinstance(node, list) and isinstance(part, int) and part < len(node):
                route, node = (*route, part), node[part]
            else:
                route = (*route, part)
                node = None
        return route

    def _type_problem(self, route: Route, kind: str, message: str, value: Any, context: Mapping[str, Any]) -> None:
        if kind == "missing":
            self.problem(route[:-1], f"field {route[-1]!r} is missing", f"add `{route[-1]}:`", key=True)
        elif kind == "extra_forbidden":
            known = _known_fields(route[:-1])
            hint = did_you_mean(str(route[-1]), known) or (f"fields: {', '.join(known)}" if known else None)
            self.problem(route, f"there is no field {route[-1]!r}", hint, key=True)
        elif kind == "literal_error":
            expected = str(context.get("expected", ""))
            names = [name.strip("' ") for name in expected.replace(" or ", ",").split(",")]
            shown = _shown(value)
            self.problem(route, f"{shown} is not allowed", did_you_mean(str(value), names) or f"give {expected}")
        elif kind == "string_pattern_mismatch":
            self.problem(route, f"{_shown(value)} is no valid name", "letters, digits and underscores, beginning with a letter"
                         if "A-Z" in str(context.get("pattern")) else f"it must match {context.get('pattern')}")
        elif value is None:
            self.problem(route, "is empty", "give a value or leave the field out", key=True)
        else:
            self.problem(route, f"{_shown(value)}: {message[0].lower()}{message[1:]}")

    # ---- references, over nodes -------------------------------------------------------------------------------

    def references(self) -> None:
        value = self.document.value
        profile, derived = _mapping(value, "profile"), _mapping(value, "derived")
        items = self._items()
        factors = self._arms()
        names: dict[str, Route] = {}
        places = [
            *((name, ("profile", name)) for name in profile),
            *((name, route) for name, route in items.items()),
            *((name, ("arms", "levels")) for name in factors),
            *((name, ("derived", name)) for name in derived),
        ]
        for name, route in places:
            if name in RESERVED:
                self.problem(route, f"name {name!r} is reserved", "choose another name", key=route[0] in ("profile", "derived"))
            elif name in names:
                line, _ = self.document.position(names[name])
                self.problem(route, f"name {name!r} is taken (line {line})", "choose another name", key=route[0] in ("profile", "derived"))
            names.setdefault(name, route)
        known = [*names, "arm"]
        for field in ("subgroups", "cells"):
            self._all_known(field, known, "a profile field, item, arm factor or derived column")
        self._all_known("patterns", items, "an item")
        for name, listed in _mapping(value, "profile_sets").items():
            for number, entry in enumerate(listed if isinstance(listed, list) else []):
                if isinstance(entry, str) and entry not in profile and entry not in items:
                    self._unknown(("profile_sets", name, number), entry, [*profile, *items], "a profile field or item")
        self._profile(profile)
        if _mapping(value, "source").get("provenance") == "synthetic" and str(value.get("comparable")).lower() in ("true", "yes", "1", "on"):
            self.problem(("comparable",), "synthetic rows are never comparable", "write `comparable: false`")
        for field in ("strata", "psu"):
            if _mapping(value, "source").get(field) is not None:
                self.problem(("source", field), f"{field} is not supported in this version", "leave it out; weights are supported")

    def _all_known(self, field: str, known: Iterable[str], what: str) -> None:
        listed = self.document.value.get(field)
        for number, entry in enumerate(listed if isinstance(listed, list) else []):
            if isinstance(entry, str) and entry not in known:
                self._unknown((field, number), entry, known, what)

    def _unknown(self, route: Route, name: str, known: Iterable[str], what: str) -> None:
        known = list(known)
        self.problem(route, f"{name!r} is not {what}", did_you_mean(name, known) or f"known: {', '.join(known)}")

    def _items(self) -> dict[str, Route]:
        found: dict[str, Route] = {}
        listed = self.document.value.get("items")
        for number, item in enumerate(listed if isinstance(listed, list) else []):
            if not isinstance(item, dict):
                continue
            route: Route = ("items", number)
            if isinstance(item.get("name"), str):
                name = item["name"]
                if name in found:
                    self.problem((*route, "name"), f"item {name!r} stands twice", "names of items must differ")
                found.setdefault(name, (*route, "name"))
            self._item(route, item)
        return found

    def _item(self, route: Route, item: Mapping[str, Any]) -> None:
        kind, options = item.get("kind"), _mapping(item, "options")
        if kind in ("numeric", "multiple"):
            self.problem((*route, "kind"), f"kind {kind!r} is not supported in this version", "use nominal, ordinal or binary")
        for field in ("ask_if", "points", "bins", "retest"):
            if item.get(field) is not None:
                self.problem((*route, field), f"{field} is not supported in this version", "leave it out", key=True)
        if kind in ("nominal", "ordinal") and len(options) < 2:
            self.problem((*route, "options") if "options" in item else route, f"a {kind} item needs two options or more", key=True)
        if kind == "binary" and len(options) != 2:
            self.problem((*route, "options") if "options" in item else route, f"a binary item needs two options, not {len(options)}", key=True)
        if len(options) > LETTERS and _mapping(self.document.value, "interview").get("options", "letters") == "letters":
            self.problem((*route, "options"), f"{len(options)} options cannot be lettered", "set interview.options: numbers", key=True)
        labels: dict[str, str] = {}
        values: dict[str, str] = {}
        for rank, (code, option) in enumerate(options.items(), start=1):
            label = option.get("label") if isinstance(option, dict) else option
            place: Route = (*route, "options", code)
            if isinstance(label, str):
                same = " ".join(label.lower().split())
                if same in labels:
                    self.problem(place, f"label {label!r} also stands at code {labels[same]!r}", "labels must differ")
                labels.setdefault(same, code)
            number = option.get("value") if isinstance(option, dict) else None
            number = str(rank) if number is None else str(number)
            if kind == "ordinal" and number in values:
                self.problem(place, f"value {number} also stands at code {values[number]!r}", "values of ordered options must differ")
            values.setdefault(number, code)
        for code in _mapping(item, "missing"):
            if code in options:
                self.problem((*route, "missing", code), f"code {code!r} is an option and a missing code", "it can be one of them", key=True)
        for source, target in _mapping(_mapping(item, "recode"), "map").items():
            if isinstance(target, str) and target not in options and target not in _mapping(item, "missing"):
                self._unknown((*route, "recode", "map", source), target, options, "an option or missing code")

    def _profile(self, profile: Mapping[str, Any]) -> None:
        for name, field in profile.items():
            if not isinstance(field, dict):
                continue
            labels, kind = _mapping(field, "labels"), field.get("kind")
            if kind == "numeric" and labels:
                self.problem(("profile", name, "kind"), "numeric fields have no labels", "use kind: ordinal, or leave the labels out")
            if kind in ("ordinal", "nominal") and not labels:
                self.problem(("profile", name, "kind"), f"{kind} fields need labels", "list code: words")
            for code in labels if kind == "ordinal" else ():
                try:
                    float(code)
                except ValueError:
                    self.problem(("profile", name, "labels", code), f"code {code!r} of an ordinal field is no number",
                                 "use kind: nominal, or recode to numbers", key=True)
            for code in _mapping(field, "missing"):
                if code in labels:
                    self.problem(("profile", name, "missing", code), f"code {code!r} has a label and is a missing code", key=True)

    def _arms(self) -> list[str]:
        levels = _mapping(_mapping(self.document.value, "arms"), "levels")
        if "arms" in self.document.value and self.document.value["arms"] is not None and isinstance(self.document.value["arms"], dict) and len(levels) == 1:
            self.problem(("arms", "levels"), "an experiment has two arms or more", "leave `arms` out for a survey", key=True)
        first: list[str] | None = None
        for key, level in levels.items():
            factors = list(_mapping(level, "factors"))
            if first is None:
                first = factors
            elif sorted(factors) != sorted(first):
                route: Route = ("arms", "levels", key, "factors") if isinstance(level, dict) and "factors" in level else ("arms", "levels", key)
                self.problem(route, f"factors are {', '.join(factors) or 'none'}, in the first arm {', '.join(first) or 'none'}",
                             "every arm needs the same factors", key=True)
        return first or []

    # ---- rules, formulas, templates: only on a file whose types and names are right -----------------------------

    def language(self, spec: TaskSpec) -> None:
        task = Task(spec, Path(self.document.file).parent, self.document.file, "", next(iter(spec.profile_sets), "default"))
        types = self._derived(task)
        if types is None:
            return
        for number, rule in enumerate(spec.coherence):
            for field in ("applies", "follows"):
                text = getattr(rule, field)
                if text is not None:
                    self._rule(("coherence", number, field), text, types)
        for number, cell in enumerate(spec.cells):
            if not types[cell].given:
                self.problem(("cells", number), f"{cell!r} depends on an answer", "cells may use profile and arm only")
        for name in spec.cells + spec.subgroups:
            if types[name].kind == "number" and not types[name].levels:
                field = "cells" if name in spec.cells else "subgroups"
                listed = getattr(spec, field)
                self.problem((field, listed.index(name)), f"{name!r} is a number without levels", f"derive bands: cut({name}, ...)")
        for number, _ in enumerate(spec.regressions):
            self._regression(number, spec, types)
        self._truth(spec)
        self._templates(task)

    def _derived(self, task: Task) -> Mapping[str, Any] | None:
        from surveyeval.task.resolve import DerivedError, column_types

        try:
            return column_types(task)
        except DerivedError as error:
            for name, message, hint in error.problems:
                self.problem(("derived", name), message, hint)
            return None

    def _rule(self, route: Route, text: str, types: Mapping[str, Any]) -> None:
        try:
            rule = rules.parse(text, types)
        except rules.RuleError as error:
            self.problem(route, str(error), error.hint)
            return
        if rule.type.kind != "boolean":
            self.problem(route, "is not true or false", "compare something, for example `vote == \"1\"`")

    def _regression(self, number: int, spec: TaskSpec, types: Mapping[str, Any]) -> None:
        regression = spec.regressions[number]
        route: Route = ("regressions", number)
        try:
            formula = formulas.parse(regression.formula, types)
        except formulas.FormulaError as error:
            self.problem((*route, "formula"), str(error), error.hint)
            return
        written = list(formula.written)
        blocks: dict[str, str] = {}
        for block, terms in regression.blocks.items():
            for position, term in enumerate(terms):
                place: Route = (*route, "blocks", block, position)
                if term not in written:
                    self._unknown(place, term, written, "a term of the formula")
                elif term in blocks:
                    self.problem(place, f"{term!r} is also in block {blocks[term]!r}", "a term belongs to one block")
                blocks.setdefault(term, block)
        missing = [term for term in written if term not in blocks]
        if missing:
            self.problem((*route, "blocks"), f"terms without a block: {', '.join(missing)}", "name each under treatment, belief or demographic", key=True)
        levels = formula.response_type
        if regression.family == "logit" and not (levels.kind == "boolean" or len(levels.levels) == 2):
            self.problem((*route, "family"), "a logit needs a response with two values", "compare it: derive `x == \"code\"`")
        if regression.family == "ols" and levels.kind == "code" and len(levels.levels) != 2:
            self.problem((*route, "family"), "ols needs a number or two values as response", "use an ordinal item, or a comparison")
        codes = [code for code, _ in levels.levels]
        if regression.event is not None and regression.event not in codes:
            self._unknown((*route, "event"), regression.event, codes, "a code of the response")
        if regression.errors is not None and (regression.errors == "HC2") != (regression.family == "ols"):
            right = "HC2" if regression.family == "ols" else "model"
            self.problem((*route, "errors"), f"{regression.errors!r} does not go with family {regression.family!r}", f"use {right}")

    def _truth(self, spec: TaskSpec) -> None:
        known = [regression.name for regression in spec.regressions]
        for name in spec.truth or {}:
            if name not in known:
                self.problem(("truth", name), f"{name!r} is no regression", did_you_mean(name, known), key=True)

    def _templates(self, task: Task) -> None:
        from surveyeval.task.render import check_templates

        for route, message, hint in check_templates(task):
            self.problem(route, message, hint)


def _mapping(parent: Any, key: str) -> dict[str, Any]:
    found = parent.get(key) if isinstance(parent, Mapping) else None
    return found if isinstance(found, dict) else {}


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "...'"


def _known_fields(route: Route) -> list[str]:
    """Field names of the model at a route of the schema."""
    model: Any = TaskSpec
    for part in route:
        if isinstance(model, type) and issubclass(model, BaseModel):
            if str(part) not in model.model_fields:
                return []
            model = _inner(model.model_fields[str(part)].annotation)
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _inner(annotation: Any) -> Any:
    """The model inside Optional, list and dict annotations."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in reversed(getattr(annotation, "__args__", ())):
        found = _inner(argument)
        if found is not None:
            return found
    return None
