"""What refers to what in a task file, checked on plain values."""

from __future__ import annotations

import codecs
import itertools
import math
import re
from collections.abc import Iterable
from typing import Any

from surveyeval.data.address import parse_address
from surveyeval.errors import DataError
from surveyeval.task.document import Route
from surveyeval.task.findings import Findings, entries, mapping, shown
from surveyeval.task.schema import SourceSpec

__all__ = ["check_references"]

#: Names that would hide a function of rules and formulas, a word of their language, or a column that is always there.
RESERVED = frozenset(
    [
        "arm",
        "abs",
        "min",
        "max",
        "cut",
        "log",
        "number",
        "C",
        "value",
        "labels",
        "self",  # Jinja's name for the template
        "and",
        "or",
        "not",
        "in",
        "is",
        "if",
        "else",
        "true",
        "false",
        "none",
        "True",
        "False",
        "None",
    ]
)
LETTERS = 26
_TRUE = ("true", "yes", "on", "1", "t", "y")
_SOURCE = re.compile(r"[A-Za-z0-9_.+/-]+:.+", re.DOTALL)


def check_references(findings: Findings) -> None:
    """Add every reference that leads nowhere and everything that contradicts something else in the file."""
    value = findings.value
    _source(findings)
    for name, field in mapping(value, "profile").items():
        _profile_field(findings, ("profile", name), field)
    for number, item in entries(value, "items"):
        if isinstance(item, dict):
            _item(findings, ("items", number), item)
    factors = _arms(findings)
    _names(findings, factors)
    _lists(findings, factors)
    for section in ("coherence", "regressions"):
        _distinct_names(findings, section)
    roles = [item.get("role") for _, item in entries(value, "items") if isinstance(item, dict)]
    if roles and all(role == "attention" for role in roles):
        findings.add(("items",), "there is nothing but attention checks", "add a belief, attitude or action", key=True)
    _shuffled(findings)
    _associations(findings)
    margins = mapping(value, "equivalence")
    for name, margin in margins.items():
        _finite(findings, ("equivalence", name), margin)
    if margins and not any(margins.get(name) for name in ("share", "mean_sd", "gap", "sd_ratio", "effect")):
        findings.add(("equivalence",), "there is no margin", "give share, mean_sd, gap, sd_ratio or effect", key=True)


def item_names(value: Any) -> dict[str, Route]:
    """Declared items with the place of their name; the first wins."""
    names: dict[str, Route] = {}
    for number, item in entries(value, "items"):
        name = item.get("name") if isinstance(item, dict) else None
        if isinstance(name, str):
            names.setdefault(name, ("items", number, "name"))
    return names


def _finite(findings: Findings, route: Route, number: Any) -> None:
    try:
        finite = not isinstance(number, str) or math.isfinite(float(number))
    except ValueError:  # reported with the types, or no number at all
        return
    if not finite:
        findings.add(route, f"{shown(number)} is not finite", "write a finite number")


def _source(findings: Findings) -> None:
    source = mapping(findings.value, "source")
    use, encoding = source.get("use"), source.get("encoding")
    if isinstance(use, str) and use and not _SOURCE.fullmatch(use):
        findings.add(
            ("source", "use"),
            f"{shown(use)} names no source",
            "write statsmodels:NAME or file:PATH, the path from this file",
        )
    elif isinstance(use, str) and use.startswith("recipe:"):
        _recipe(findings, use.removeprefix("recipe:"))
    if isinstance(encoding, str):
        try:
            codecs.lookup(encoding)
        except (LookupError, ValueError):
            findings.add(("source", "encoding"), f"there is no encoding {shown(encoding)}", "write utf-8 or latin-1")
    columns = [(field, source.get(field)) for field in ("id", "weight", "strata", "psu")]
    named = [(field, column) for field, column in columns if isinstance(column, str)]
    for number, (field, column) in enumerate(named):
        twin = next((other for other, earlier in named[:number] if earlier == column), None)
        if twin == "id" and field == "psu":
            findings.add(
                ("source", field), "every respondent would be a PSU of one", "leave psu out: that is what it means"
            )
        elif twin is not None:
            findings.add(("source", field), f"column {shown(column)} is already the {twin}", "name another column")
    intact = set(source) <= set(SourceSpec.model_fields)  # a misspelt strata is named already
    if intact and source.get("lonely_psu") in ("collapse", "certainty") and source.get("strata") is None:
        findings.add(("source", "lonely_psu"), "there are no strata", "name source.strata, or leave it out", key=True)
    comparable = findings.value.get("comparable")
    if source.get("provenance") == "synthetic" and isinstance(comparable, str) and comparable.lower() in _TRUE:
        findings.add(("comparable",), "synthetic rows are never comparable", "write `comparable: false`")


def _recipe(findings: Findings, reference: str) -> None:
    try:
        parse_address(reference)
    except DataError as error:
        findings.add(("source", "use"), error.problems[0].message, error.problems[0].hint)
    if not mapping(findings.value, "source").get("sha256"):
        findings.add(("source",), "a recipe needs the sha256 of its file", "add `sha256:`", key=True)


def _missing_and_recode(findings: Findings, route: Route, owner: Any, codes: Iterable[str], what: str) -> None:
    codes, missing = list(codes), mapping(owner, "missing")
    for code in missing:
        if code in codes:
            place = (*route, "missing", code)
            findings.add(place, f"code {shown(code)} is {what} and a missing code", "it can be one of them", key=True)
    for code, target in mapping(owner, "recode", "map").items():
        if codes and isinstance(target, str) and target not in codes and target not in missing:
            findings.unknown((*route, "recode", "map", code), target, [*codes, *missing], f"{what} or a missing code")


def _profile_field(findings: Findings, route: Route, field: Any) -> None:
    labels, kind = mapping(field, "labels"), mapping({"f": field}, "f").get("kind")
    if kind == "numeric" and labels:
        findings.add((*route, "kind"), "a numeric field has no labels", "write ordinal or nominal, or drop the labels")
    if kind == "ordinal" and not labels:
        findings.add(
            (*route, "kind"), "an ordinal field needs labels", "add `labels:` with a line `code: words` for each"
        )
    for code in labels if kind == "ordinal" else ():
        if not _number(code):
            place = (*route, "labels", code)
            findings.add(
                place, f"code {shown(code)} of an ordinal field is no number", "write nominal, or recode", key=True
            )
    _missing_and_recode(findings, route, field, labels, "a labelled code")


def _number(text: Any) -> bool:
    try:
        return math.isfinite(float(text))
    except (TypeError, ValueError):
        return False


def _item(findings: Findings, route: Route, item: dict[str, Any]) -> None:
    kind, options = item.get("kind"), mapping(item, "options")
    _points(findings, route, item)
    expected, role = item.get("expected"), item.get("role")
    points = item.get("points")
    codes = [f"{float(p):g}" for p in points if _number(p)] if isinstance(points, list) else list(options)
    if role == "attention" and expected is None:
        findings.add((*route, "role"), "an attention check says which answer passes", "add `expected: CODE`")
    if expected is not None and role in ("belief", "attitude", "action"):
        findings.add((*route, "expected"), f"an item of role {role} has no right answer", "leave it out", key=True)
    elif isinstance(expected, str) and codes and expected not in codes:
        findings.unknown((*route, "expected"), expected, codes, "a code of the item")
    if item.get("ask_if") is not None and mapping(findings.value, "interview").get("mode") == "independent":
        findings.add(
            (*route, "ask_if"),
            "items that do not see each other's answers cannot depend on them",
            "write interview.mode: sequential",
            key=True,
        )
    if item.get("blank") is not None and item.get("part_of") is None:
        findings.add((*route, "blank"), "blank is for kind multiple", "declare codes under `missing:`", key=True)
    elif item.get("blank") == "not_ticked_if_any" and item.get("member") is not None:
        why = "in one column for all options, a blank cell has no tick beside it"
        findings.add((*route, "blank"), why, "write not_ticked, if a blank means that nothing was ticked", key=True)
    if item.get("blank") is not None and "" in mapping(item, "missing"):
        findings.add((*route, "blank"), "a blank cell is declared under `missing:` too", "leave one out", key=True)
    well_formed = isinstance(item.get("options", {}), dict)
    if kind in ("nominal", "ordinal") and len(options) < 2 and well_formed:
        place = (*route, "options") if "options" in item else route
        findings.add(
            place, f"{kind} items need two options or more, here are {len(options)}", "list code: label", key=True
        )
    if kind == "binary" and len(options) != 2 and well_formed:
        place = (*route, "options") if "options" in item else route
        findings.add(
            place, f"binary items have two options, here are {len(options)}", "or write kind: nominal", key=True
        )
    lettered = mapping(findings.value, "interview").get("options", "letters") == "letters"
    listed: list[Any] | dict[str, Any] = points if isinstance(points, list) else options
    if len(listed) > LETTERS and lettered:
        findings.add(
            (*route, "points" if listed is not options else "options"),
            f"{len(listed)} options are more than {LETTERS} letters",
            "set interview.options: numbers",
            key=True,
        )
    labels: dict[str, str] = {}
    values: dict[float, str] = {}
    for rank, (code, option) in enumerate(options.items(), start=1):
        place = (*route, "options", code)
        label = option.get("label") if isinstance(option, dict) else option
        if isinstance(label, str):
            folded = " ".join(label.casefold().split())
            if label and not folded:
                findings.add(place, "the label is blank", "write what is shown")
            elif folded in labels:
                findings.add(
                    place, f"label {shown(label)} is also that of code {labels[folded]!r}", "labels must differ"
                )
            labels.setdefault(folded, code)
        given = option.get("value") if isinstance(option, dict) else None
        if given is not None:
            _finite(findings, (*place, "value"), given)
        if kind == "ordinal" and (given is None or _number(given)):
            number = float(rank if given is None else given)
            if number in values:
                findings.add(
                    place,
                    f"value {number:g} is also that of code {values[number]!r}",
                    "values of ordered options differ",
                )
            values.setdefault(number, code)
    _missing_and_recode(findings, route, item, () if kind == "numeric" else options, "an option")


def _points(findings: Findings, route: Route, item: dict[str, Any]) -> None:
    """Numeric items have points in ascending order and no options; other items have none."""
    points, kind = item.get("points"), item.get("kind")
    if kind != "numeric":
        for field in ("points", "unit"):
            if item.get(field) is not None and kind in ("nominal", "ordinal", "binary"):
                findings.add((*route, field), f"{field} is for kind numeric", "leave it out", key=True)
        return
    if item.get("options"):
        findings.add(
            (*route, "options"), "a numeric item has points, no options", "write `points: [0, 10, 20]`", key=True
        )
    if not isinstance(points, list) or len(points) < 2:
        place = (*route, "points") if "points" in item else route
        findings.add(place, "a numeric item has two points or more", "write `points: [0, 10, 20]`", key=True)
        return
    numbers = [float(point) for point in points if _number(point)]
    for number, point in enumerate(points):
        _finite(findings, (*route, "points", number), point)
    if len(numbers) == len(points) and any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
        findings.add((*route, "points"), "the points do not ascend", "write them from low to high", key=True)
    elif len({f"{number:g}" for number in numbers}) < len(numbers):
        findings.add((*route, "points"), "two points look alike", "six digits are kept", key=True)


def _arms(findings: Findings) -> dict[str, Route]:
    """Checks arms; gives factor names with their first place."""
    arms = findings.value.get("arms")
    levels = mapping(arms, "levels")
    if isinstance(arms, dict) and arms.get("column") is None and arms.get("columns") is None:
        findings.add(("arms",), "'column' is missing", "add `column:`, or give `factors:` that are crossed", key=True)
    if isinstance(arms, dict) and arms.get("column") is not None and arms.get("columns") is not None:
        findings.add(("arms", "column"), "crossed factors have columns of their own", "leave it out", key=True)
    if isinstance(arms, dict) and isinstance(arms.get("levels"), dict) and len(levels) < 2:
        findings.add(
            ("arms", "levels"), "an experiment has two arms or more", "leave `arms` out for a survey", key=True
        )
    places: dict[str, Route] = {}
    first: list[str] | None = None
    for code, level in levels.items():
        if not isinstance(level, dict) or not isinstance(level.get("factors", {}), dict):
            continue
        factors = list(mapping(level, "factors"))
        for name in factors:
            places.setdefault(name, ("arms", "levels", code, "factors", name))
        if first is None:
            first = factors
        elif set(factors) != set(first):
            odd = [name for name in factors if name not in first]
            route: Route = ("arms", "levels", code)
            place = (*route, "factors", odd[0]) if odd else (*route, "factors") if "factors" in level else route
            message = f"factors are {', '.join(factors) or 'none'}, in the first arm {', '.join(first) or 'none'}"
            findings.add(place, message, "every arm has the same factors", key=True)
    return {name: place for name, place in places.items() if name in (first or [])}


def _names(findings: Findings, factors: dict[str, Route]) -> None:
    """Names of columns are one space: profile, items, arm factors, derived."""
    value = findings.value
    items = [(str(item["name"]), ("items", number, "name")) for number, item in entries(value, "items")
             if isinstance(item, dict) and isinstance(item.get("name"), str)]  # fmt: skip
    places: list[tuple[str, Route]] = [
        *((name, ("profile", name)) for name in mapping(value, "profile")),
        *items,
        *factors.items(),
        *((name, ("derived", name)) for name in mapping(value, "derived")),
    ]
    taken: dict[str, Route] = {}
    for name, route in places:
        on_key = route[0] != "items"
        if name in RESERVED:
            findings.add(route, f"the name {name!r} is reserved", "choose another name", key=on_key)
        elif name in taken:
            findings.add(
                route, f"the name {name!r} is taken in line {findings.line(taken[name])}", "choose another", key=on_key
            )
        taken.setdefault(name, route)


def _lists(findings: Findings, factors: Iterable[str]) -> None:
    """Lists of names: subgroups, cells, patterns, profile sets."""
    value = findings.value
    items, profile = item_names(value), mapping(value, "profile")
    columns = [*profile, *items, "arm", *factors, *mapping(value, "derived")]
    for field in ("subgroups", "cells"):
        _known(findings, (field,), value, columns, "a profile field, item, arm factor or derived column")
    _known(findings, ("patterns",), value, items, "an item")
    sets = mapping(value, "profile_sets")
    for name in sets:
        _known(findings, ("profile_sets", name), sets, [*profile, *items], "a profile field or item")
        listed = [entry for _, entry in entries(sets, name)]
        measured = {
            item.get("name")
            for _, item in entries(value, "items")
            if isinstance(item, dict)
            and isinstance(item.get("name"), str)
            and item.get("role") != "attention"
            and item.get("retest") is None
        }
        if measured and measured <= {entry for entry in listed if isinstance(entry, str)}:
            findings.add(("profile_sets", name), "every item is shown as profile", "leave one to be asked", key=True)


def _known(findings: Findings, route: Route, parent: Any, known: Iterable[str], what: str) -> None:
    known = list(known)
    seen: set[str] = set()
    for number, entry in entries(parent, str(route[-1])):
        if not isinstance(entry, str):
            continue
        if entry in seen:
            findings.add((*route, number), f"{shown(entry)} stands twice", "leave one out")
        elif entry not in known:
            findings.unknown((*route, number), entry, known, what)
        seen.add(entry)


def _shuffled(findings: Findings) -> None:
    """Blocks of ``interview.shuffled`` are two neighbouring items or more, and each item is in one."""
    given = [item.get("name") if isinstance(item, dict) else None for _, item in entries(findings.value, "items")]
    names = [name if isinstance(name, str) else "an item without a name" for name in given]
    questions = [item.get("part_of") for _, item in entries(findings.value, "items") if isinstance(item, dict)]
    known = [*names, *dict.fromkeys(one for one in questions if isinstance(one, str))]
    seen: set[str] = set()
    for number, block in entries(mapping(findings.value, "interview"), "shuffled"):
        route: Route = ("interview", "shuffled", number)
        if not isinstance(block, list):
            continue  # reported with the types
        places = []
        for position, name in enumerate(block):
            if not isinstance(name, str):
                continue
            if name not in names:
                findings.unknown((*route, position), name, known, "an item")
            elif name in seen:
                findings.add((*route, position), f"item {name!r} stands in two places", "leave one out")
            else:
                places.append(names.index(name))
            seen.add(name)
        if len(block) < 2:
            findings.add(route, "one item alone cannot be shuffled", "name two or more, or leave the block out")
        elif len(places) == len(block) and max(places) - min(places) >= len(places):
            between = [names[place] for place in range(min(places), max(places)) if place not in places]
            findings.add(
                route,
                f"{', '.join(between)} stands between these items",
                "items of a block follow each other",
            )


def _associations(findings: Findings) -> None:
    """Associations are between two items, each pair once."""
    items = item_names(findings.value)
    seen: set[tuple[str, str]] = set()
    for number, entry in entries(findings.value, "associations"):
        if not isinstance(entry, dict):
            continue
        route: Route = ("associations", number)
        predictor = entry.get("predictor")
        if isinstance(predictor, str) and predictor not in items:
            findings.unknown((*route, "predictor"), predictor, items, "an item")
        for position, outcome in entries(entry, "outcomes"):
            place = (*route, "outcomes", position)
            if not isinstance(outcome, str):
                continue
            if outcome not in items:
                findings.unknown(place, outcome, items, "an item")
            elif not isinstance(predictor, str) or predictor not in items:
                continue
            elif outcome == predictor:
                findings.add(place, f"{outcome!r} would go with itself", "name another item")
            elif (predictor, outcome) in seen or (outcome, predictor) in seen:
                findings.add(place, f"{predictor!r} and {outcome!r} stand together twice", "leave one out")
            else:
                seen.add((predictor, outcome))


def _distinct_names(findings: Findings, section: str) -> None:
    seen: dict[str, Route] = {}
    for number, entry in entries(findings.value, section):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue
        route: Route = (section, number, "name")
        if name in seen:
            findings.add(
                route, f"the name {shown(name)} is taken in line {findings.line(seen[name])}", "choose another"
            )
        seen.setdefault(name, route)
