"""Rules, formulas and templates of a task file, checked on plain values.

A name whose own declaration is wrong has no type. What refers to such a name is left out, so that one slip is one
problem.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.task import formulas, rules
from surveyeval.task.check_references import RESERVED, item_names
from surveyeval.task.columns import ColumnType
from surveyeval.task.document import Route
from surveyeval.task.findings import Findings, entries, mapping, shown
from surveyeval.task.schema import TaskSpec
from surveyeval.task.task import Task

__all__ = ["check_interviews", "check_language"]

Levels = tuple[tuple[str, str], ...]
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_WORD = re.compile(r"[A-Za-z_]\w*")
_LANGUAGE = RESERVED | {"ref"}


def check_language(findings: Findings) -> None:
    """Add everything wrong in derived columns, rules, cells, subgroups, regressions, truth and templates."""
    checker = _Checker(findings)
    checker.derived()
    checker.keep()
    checker.routing()
    checker.groups()
    checker.coherence()
    checker.regressions()
    checker.templates()


def _words(text: str) -> set[str]:
    return set(_WORD.findall(_QUOTED.sub(" ", text)))


class _Checker:
    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.value = findings.value
        self.types: dict[str, ColumnType] = {}
        self.untyped: set[str] = set()
        self.formulas: dict[str, tuple[formulas.Formula, str, Any]] = {}
        self.needs: dict[str, frozenset[str]] = {}
        self._declared()

    # ---- types of declared columns --------------------------------------------------------------------------------

    def _declare(self, name: str, found: ColumnType | None) -> None:
        if found is None:
            self.untyped.add(name)
        else:
            self.types.setdefault(name, found)

    def _declared(self) -> None:
        for name, field in mapping(self.value, "profile").items():
            self._declare(name, _profile_type(field))
        listed = [set(map(str, one)) for one in mapping(self.value, "profile_sets").values() if isinstance(one, list)]
        always_shown = set.intersection(*listed) if listed else set()
        for _, item in entries(self.value, "items"):
            item_name = item.get("name") if isinstance(item, dict) else None
            if isinstance(item_name, str):
                self._declare(item_name, _item_type(item, given=item_name in always_shown))
        levels = mapping(self.value, "arms", "levels")
        arms = tuple((code, code) for code in levels) or (("all", "all"),)
        self._declare("arm", ColumnType("code", arms, "arm"))
        factors = [mapping(level, "factors") for level in levels.values()]
        for name in factors[0] if factors else ():
            codes = dict.fromkeys(str(one.get(name)) for one in factors if isinstance(one.get(name), str))
            self._declare(name, ColumnType("code", tuple((code, code) for code in codes), "arm"))
        self.untyped -= set(self.types)

    # ---- derived columns -------------------------------------------------------------------------------------------

    def derived(self) -> None:
        """Parse derived columns in an order in which each finds what it needs."""
        pending: dict[str, str] = {}
        for name, text in mapping(self.value, "derived").items():
            if isinstance(text, str) and text and name not in self.types:
                pending[name] = text
            elif name not in self.types:
                self.untyped.add(name)
        while pending:
            ready = [name for name, text in pending.items() if not _words(text) & set(pending)]
            if not ready:
                self._cycles(pending)
                return
            for name in ready:
                rule = self._parse(("derived", name), pending.pop(name))
                self._declare(name, None if rule is None else rule.type)
                self.needs[name] = rule.names if rule is not None else frozenset()

    def _cycles(self, pending: Mapping[str, str]) -> None:
        needs = {name: _words(text) & set(pending) for name, text in pending.items()}
        for name in pending:
            reached, todo = set(), set(needs[name])
            while todo:
                other = todo.pop()
                reached.add(other)
                todo |= needs[other] - reached
            if name in reached:
                circle = sorted(other for other in reached if other != name)
                through = f" through {', '.join(circle)}" if circle else ""
                self.findings.add(("derived", name), f"{name!r} needs itself{through}", "break the circle")
        self.untyped |= set(pending)

    def _parse(self, route: Route, text: Any) -> rules.Rule | None:
        if not isinstance(text, str) or not text or self._uncertain(route, text):
            return None
        try:
            return rules.parse(text, self.types)
        except rules.RuleError as error:
            self.findings.add(route, str(error), error.hint)
        return None

    def _uncertain(self, route: Route, text: str) -> bool:
        """Whether a text names a column without type. Names that do not exist are reported even so."""
        words = _words(text)
        if not words & self.untyped:
            return False
        known = {*self.types, *self.untyped}
        for word in sorted(words - known - _LANGUAGE):
            hint = did_you_mean(word, known) or f"columns: {', '.join(sorted(known))}"
            self.findings.add(route, f"there is no column {word!r}", hint)
        return True

    # ---- selection -----------------------------------------------------------------------------------------------

    def keep(self) -> None:
        """Whose rows are used is true or false, and known before anybody answers."""
        route: Route = ("source", "keep")
        rule = self._parse(route, mapping(self.value, "source").get("keep"))
        if rule is None:
            return
        if rule.type.kind != "boolean":
            self.findings.add(route, "the rule is not true or false", "compare something, as in `age >= 34`")
        elif not rule.names:
            self.findings.add(route, "the rule names no column", "compare something, as in `age >= 34`")
        elif not rule.type.given:
            self.findings.add(
                route,
                "the rule depends on an answer, and would select on what is measured",
                "name profile fields and arms only",
            )

    # ---- routing -----------------------------------------------------------------------------------------------------

    def routing(self) -> None:
        """Filters are true or false, and depend on what is known when the item's turn comes."""
        blocks = [set(map(str, block)) for _, block in entries(mapping(self.value, "interview"), "shuffled")
                  if isinstance(block, list)]  # fmt: skip
        names = [item.get("name") if isinstance(item, dict) else None for _, item in entries(self.value, "items")]
        for number, item in entries(self.value, "items"):
            route: Route = ("items", number, "ask_if")
            rule = self._parse(route, item.get("ask_if")) if isinstance(item, dict) else None
            if rule is None:
                continue
            if rule.type.kind != "boolean":
                self.findings.add(route, "the filter is not true or false", 'compare something, as in `owner == "1"`')
            beside = next((block for block in blocks if str(item.get("name")) in block), set())
            used = self._items_behind(rule.names)
            for name in names[number:]:
                if isinstance(name, str) and name in used:
                    self.findings.add(route, f"item {name!r} is not answered before this one", "name earlier items")
            for name in sorted(used & beside & {one for one in names[:number] if isinstance(one, str)}):
                self.findings.add(
                    route,
                    f"item {name!r} may come later, since both are in a block of interview.shuffled",
                    "take one of them out of the block",
                )

    def _items_behind(self, names: frozenset[str]) -> set[str]:
        seen: set[str] = set()
        pending = set(names)
        while pending:
            name = pending.pop()
            seen.add(name)
            pending |= set(self.needs.get(name, ())) - seen
        return seen

    # ---- groups and rules --------------------------------------------------------------------------------------------

    def groups(self) -> None:
        """Subgroups and cells have levels; cells do not depend on answers."""
        for field in ("subgroups", "cells"):
            for number, name in entries(self.value, field):
                found = self.types.get(name) if isinstance(name, str) else None
                if found is None:
                    continue
                labels = [label for _, label in found.levels]
                twice = next((label for label in labels if labels.count(label) > 1), None)
                if twice is not None:
                    self.findings.add(
                        (field, number),
                        f"two codes of {name!r} are labelled {shown(twice)}",
                        "labels of groups must differ",
                    )
                if found.kind != "boolean" and not found.levels:
                    right = f"derive bands: cut({name}, ...)" if found.kind == "number" else "give its labels"
                    self.findings.add((field, number), f"{name!r} has no declared levels", right)
                if field == "cells" and not found.given:
                    self.findings.add(
                        (field, number), f"{name!r} depends on an answer", "cells use profile fields and arms only"
                    )

    def coherence(self) -> None:
        """Rules are true or false, and depend on an answer."""
        for number, entry in entries(self.value, "coherence"):
            for field in ("applies", "follows"):
                route: Route = ("coherence", number, field)
                rule = self._parse(route, entry.get(field)) if isinstance(entry, dict) else None
                if rule is None:
                    continue
                if rule.type.kind != "boolean":
                    self.findings.add(route, "the rule is not true or false", 'compare something, as in `vote == "1"`')
                elif field == "follows" and rule.type.given:
                    self.findings.add(route, "the rule depends on no answer", "name an action and a belief item")

    # ---- regressions ---------------------------------------------------------------------------------------------------

    def regressions(self) -> None:
        """Formulas parse, blocks cover their terms, family, event and errors go with the response."""
        for number, entry in entries(self.value, "regressions"):
            if isinstance(entry, dict):
                self._regression(("regressions", number), entry)
        self._truth()

    def _regression(self, route: Route, entry: dict[str, Any]) -> None:
        text, family, errors = entry.get("formula"), entry.get("family"), entry.get("errors")
        if errors == "CR2" and family in ("logit", "ordered", "multinomial"):
            self.findings.add((*route, "errors"), f"CR2 does not go with family {family}", "leave it out")
        elif (
            errors == "CR2"
            and family == "ols"
            and mapping(self.value, "source")
            and self.value["source"].get("psu") is None
        ):
            self.findings.add((*route, "errors"), "CR2 needs clusters", "name source.psu, or write HC2")
        if errors == "HC2" and family in ("logit", "ordered", "multinomial"):
            self.findings.add(
                (*route, "errors"), f"HC2 does not go with family {family}", "write model, or leave it out"
            )
        if not isinstance(text, str) or not text:
            return
        if self._uncertain((*route, "formula"), text):
            self._unread(route, entry, text)
            return
        try:
            formula = formulas.parse(text, self.types)
        except formulas.FormulaError as error:
            self.findings.add((*route, "formula"), str(error), error.hint)
            self._unread(route, entry, text)
            return
        if isinstance(entry.get("name"), str):
            self.formulas.setdefault(entry["name"], (formula, str(family), entry.get("reference")))
        self._blocks((*route, "blocks"), entry.get("blocks"), formula)
        self._response(route, entry, formula)

    def _unread(self, route: Route, entry: dict[str, Any], text: str) -> None:
        """What can be said of blocks and event when the formula has no reading."""
        blocks, known = mapping(entry, "blocks"), {*self.types, *self.untyped, *_words(text)}
        for block in blocks:
            for number, term in entries(blocks, block):
                if isinstance(term, str) and not _words(term) <= known:
                    self.findings.unknown((*route, "blocks", block, number), term, self.types, "a term of the formula")
        name = text.partition("~")[0].strip()
        if name in self.types:
            self._event((*route, "event"), entry.get("event"), name, self.types[name])

    def _blocks(self, route: Route, blocks: Any, formula: formulas.Formula) -> None:
        if not isinstance(blocks, dict):
            return
        seen: dict[str, str] = {}
        complete = all(isinstance(terms, list) for terms in blocks.values())
        for block in blocks:
            for number, term in entries(blocks, block):
                if not isinstance(term, str):
                    complete = False
                elif term in seen:
                    self.findings.add(
                        (*route, block, number), f"{term!r} is already in block {seen[term]!r}", "one block each"
                    )
                elif term not in formula.written:
                    self.findings.unknown((*route, block, number), term, formula.written, "a term of the formula")
                    complete = False
                else:
                    seen[term] = block
        missing = [term for term in formula.written if term not in seen]
        if missing and complete:
            right = "put each under treatment, belief or demographic"
            self.findings.add(route, f"no block holds {', '.join(missing)}", right, key=True)

    def _response(self, route: Route, entry: dict[str, Any], formula: formulas.Formula) -> None:
        response, family = formula.response_type, entry.get("family")
        codes = [code for code, _ in response.levels]
        if family == "logit" and response.kind != "boolean" and len(codes) != 2:
            right = f"derive a truth value from it, as in `{formula.response} == ...`"
            self.findings.add(
                (*route, "family"), f"a logit needs two values, {formula.response!r} has {len(codes) or 'more'}", right
            )
        if family == "ordered" and (response.kind != "number" or len(codes) < 2):
            right = "use multinomial" if response.kind == "code" else "use ols, or an item with options"
            if response.kind == "boolean":
                right = "use logit"
            self.findings.add(
                (*route, "family"), f"an ordered logit needs options in an order, {formula.response!r} has none", right
            )
        if family == "multinomial" and len(codes) < 3:
            right = "use logit" if response.kind == "boolean" or len(codes) == 2 else "use ols, or cut it into bands"
            self.findings.add(
                (*route, "family"),
                f"a multinomial logit needs three outcomes or more, {formula.response!r} has {len(codes) or 'no'} codes",
                right,
            )
        if family == "ols" and response.kind == "code" and len(codes) != 2:
            self.findings.add(
                (*route, "family"), f"ols needs numbers, {formula.response!r} holds codes", "use logit, or derive"
            )
        self._event((*route, "event"), entry.get("event"), formula.response, response)
        self._reference((*route, "reference"), entry.get("reference"), family, formula)

    def _reference(self, route: Route, reference: Any, family: Any, formula: formulas.Formula) -> None:
        codes = [code for code, _ in formula.response_type.levels]
        if isinstance(reference, str) and family in ("ols", "logit", "ordered"):
            self.findings.add(route, f"family {family} has no reference outcome", "leave `reference` out")
        elif isinstance(reference, str) and reference not in codes:
            self.findings.unknown(route, reference, codes, f"a code of {formula.response!r}")

    def _event(self, route: Route, event: Any, name: str, response: ColumnType) -> None:
        codes = [code for code, _ in response.levels]
        if isinstance(event, str) and response.kind == "boolean":
            self.findings.add(route, "the response is true or false: true is the event", "leave `event` out")
        elif isinstance(event, str) and event not in codes:
            self.findings.unknown(route, event, codes, f"a code of {name!r}")

    def _truth(self) -> None:
        if not isinstance(self.value.get("regressions", []), list):
            return
        listed = entries(self.value, "regressions")
        names = [entry.get("name") for _, entry in listed if isinstance(entry, dict)]
        known = [name for name in names if isinstance(name, str)]
        for name, terms in mapping(self.value, "truth").items():
            if name not in known:
                if len(known) == len(listed):  # else it may be the name of the one that is not right
                    hint = did_you_mean(name, known) or f"there are {', '.join(known) or 'none'}"
                    self.findings.add(("truth", name), f"{shown(name)} is no regression", hint, key=True)
                continue
            for term, number in terms.items() if isinstance(terms, dict) else ():
                if isinstance(number, str) and number.strip().lstrip("+-").lower() in ("nan", "inf", "infinity"):
                    self.findings.add(("truth", name, term), f"{number!r} is not finite", "write a finite number")
                if name not in self.formulas:
                    continue
                terms_known = _true_terms(*self.formulas[name])
                if terms_known and term not in terms_known:
                    self._unknown_key(("truth", name, term), term, terms_known)

    def _unknown_key(self, route: Route, term: str, known: list[str]) -> None:
        hint = did_you_mean(term, known) or f"there are {', '.join(known[:20])}"
        self.findings.add(route, f"{shown(term)} is no term of the regression", hint, key=True)

    # ---- templates -------------------------------------------------------------------------------------------------------

    def templates(self) -> None:
        """Templates parse and name what there is."""
        value, levels = self.value, mapping(self.value, "arms", "levels")
        factors = mapping(next(iter(levels.values()), None), "factors")
        everything = {*mapping(value, "profile"), *item_names(value), *factors, "arm"}
        for field in ("system", "introduction", "profile", "instruction"):
            known = everything | ({"labels"} if field == "instruction" else set())
            self._template(("interview", field), mapping(value, "interview").get(field), known)
        for name, one in mapping(value, "profile").items():
            self._template(("profile", name, "text"), mapping({"f": one}, "f").get("text"), {"value"})
        for code, level in levels.items():
            self._template(("arms", "levels", code, "vignette"), mapping({"l": level}, "l").get("vignette"), everything)
        for number, item in entries(value, "items"):
            stated = {"statement"} if mapping({"i": item}, "i").get("statement") is not None else set()
            self._template(
                ("items", number, "question"), mapping({"i": item}, "i").get("question"), everything | stated
            )
            self._template(("items", number, "text"), mapping({"i": item}, "i").get("text"), {"value"})

    def _template(self, route: Route, text: Any, known: set[str]) -> None:
        from surveyeval.task.render import check_template

        if isinstance(text, str):
            for message, hint in check_template(text, known):
                self.findings.add(route, message, hint)


def _true_terms(formula: formulas.Formula, family: str, reference: Any) -> list[str]:
    """Names of coefficients whose truth may be declared; empty while the family or the reference is not right."""
    if family == "ordered":
        return list(formula.terms)  # cuts are no terms
    if family in ("ols", "logit"):
        return ["intercept", *formula.terms]
    codes = [code for code, _ in formula.response_type.levels]
    if family != "multinomial" or not codes or (reference is not None and reference not in codes):
        return []
    others = formulas.outcomes(formula.response_type, family, reference)[1:]
    return [f"{term}[{code}]" for code in others for term in ("intercept", *formula.terms)]


def _profile_type(field: Any) -> ColumnType | None:
    if not isinstance(field, dict):
        return None
    labels = field.get("labels")
    if labels is not None and not (isinstance(labels, dict) and all(isinstance(one, str) for one in labels.values())):
        return None
    levels: Levels = tuple((labels or {}).items())
    kind = field.get("kind") or ("nominal" if levels else "numeric")
    if kind == "nominal":
        return ColumnType("code", levels)
    if kind == "numeric" and not levels:
        return ColumnType("number")
    values = _numbers(code for code, _ in levels)
    return ColumnType("number", levels, values=values) if kind == "ordinal" and levels and values is not None else None


def _item_type(item: dict[str, Any], *, given: bool) -> ColumnType | None:
    options, kind = item.get("options"), item.get("kind")
    if kind == "numeric":
        points = _numbers(item.get("points") or ())
        if not points or len(points) < 2:
            return None
        offered: Levels = tuple((f"{point:g}", f"{point:g}") for point in points)
        return ColumnType("number", offered, "profile" if given else "item", given, points)
    if not isinstance(options, dict) or kind not in ("nominal", "ordinal", "binary"):
        return None
    if len(options) < 2 or (kind == "binary" and len(options) > 2):
        return None
    labels = {code: one.get("label") if isinstance(one, dict) else one for code, one in options.items()}
    levels: Levels = tuple((code, str(label)) for code, label in labels.items())
    origin: Any = "profile" if given else "item"
    if kind != "ordinal":
        return ColumnType("code", levels, origin, given)
    written = [one.get("value") if isinstance(one, dict) else None for one in options.values()]
    values = _numbers(rank if one is None else one for rank, one in enumerate(written, start=1))
    return None if values is None else ColumnType("number", levels, origin, given, values)


def _numbers(texts: Any) -> tuple[float, ...] | None:
    try:
        numbers = tuple(float(text) for text in texts)
    except (TypeError, ValueError):
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def check_interviews(findings: Findings, spec: TaskSpec) -> None:
    """Render one composed person per arm and profile set, of a task that is otherwise right."""
    from surveyeval.task.render import composed_person, interviews

    seen: set[tuple[Route, str]] = set()
    for profile_set in list(spec.profile_sets) or ["default"]:
        task = Task(spec, Path(), findings.document.file, "", profile_set)
        person = composed_person(task)
        for arm in task.arms:
            try:
                interviews(task, replace(person, arm=np.array([arm.key], dtype=object)), frozenset())
            except ConfigError as error:
                for problem in error.problems:
                    field = problem.field or ""
                    route = _field_route(task, field)
                    if (route, problem.message) not in seen:
                        findings.add(route, f"{problem.message} (profile set {profile_set!r})", problem.hint)
                    seen.add((route, problem.message))


def _field_route(task: Task, field: str) -> Route:
    """The route of a field as `render` names it."""
    section, _, rest = field.partition(".")
    if section == "items":
        name, _, part = rest.partition(".")
        return ("items", [item.name for item in task.spec.items].index(name), part)
    if section == "profile":
        names = [item.name for item in task.spec.items]
        name = rest.removesuffix(".text")
        return ("items", names.index(name), "text") if name in names else ("profile", name, "text")
    if section == "arms":
        return ("arms", "levels", rest.removeprefix("levels.").removesuffix(".vignette"), "vignette")
    return (section, *rest.split("."))
