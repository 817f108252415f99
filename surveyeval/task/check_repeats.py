"""Fields that one item has because of another, or of the patterns: `bins:` and `retest:`."""

from __future__ import annotations

import itertools
import math
from typing import Any

from surveyeval.task.document import Route
from surveyeval.task.findings import Findings, entries, mapping, shown

__all__ = ["check_repeats"]

_KINDS = ["nominal", "ordinal", "binary", "numeric"]


def check_repeats(findings: Findings) -> None:
    """Bins divide the values of an ordered pattern item, and a retest asks an earlier item again."""
    items = [(number, item) for number, item in entries(findings.value, "items") if isinstance(item, dict)]
    by_name: dict[str, tuple[int, dict[str, Any]]] = {}
    for number, item in items:
        if isinstance(item.get("name"), str):
            by_name.setdefault(item["name"], (number, item))
    for number, item in items:
        route: Route = ("items", number)
        if item.get("bins") is not None:
            _bins(findings, (*route, "bins"), item)
        if item.get("retest") is not None:
            _retest(findings, (*route, "retest"), number, item, by_name)
    for number, name in entries(findings.value, "patterns"):
        if isinstance(name, str) and name in by_name and by_name[name][1].get("retest") is not None:
            why = f"{shown(name)} is a retest, and patterns are over what is asked for the first time"
            findings.add(("patterns", number), why, "leave it out")


def _bins(findings: Findings, route: Route, item: dict[str, Any]) -> None:
    bins, kind = item.get("bins"), item.get("kind")
    if kind in ("nominal", "binary"):
        why = "answers that have no order cannot be cut into bins"
        findings.add(route, why, "leave it out, or write kind: ordinal", key=True)
        return
    cuts, values = _numbers(bins), _values(item)
    if cuts is None or values is None:
        return  # reported with the types
    for number, cut in enumerate(cuts):
        if not math.isfinite(cut):
            findings.add((*route, number), f"{cut} is not finite", "write a finite number")
            return
    hint = "bins: [3, 5] makes three groups: below 3, from 3 to below 5, and 5 and more"
    if not cuts:
        findings.add(route, "there is no number at which a bin begins", hint, key=True)
    elif any(later <= earlier for earlier, later in itertools.pairwise(cuts)):
        findings.add(route, "the bins do not ascend", "write them from low to high", key=True)
    else:
        edges = [-math.inf, *cuts, math.inf]
        for low, high in itertools.pairwise(edges):
            if not any(low <= value < high for value in values):
                where = f"below {high:g}" if low == -math.inf else f"of {low:g} and more" if high == math.inf else (
                    f"from {low:g} to below {high:g}"
                )  # fmt: skip
                findings.add(route, f"no answer lies in the bin {where}", hint, key=True)
                return


def _numbers(given: Any) -> list[float] | None:
    try:
        return [float(one) for one in given] if isinstance(given, list) else None
    except (TypeError, ValueError):
        return None


def _values(item: dict[str, Any]) -> list[float] | None:
    """Values of the options or points; None where they cannot be read."""
    if item.get("kind") == "numeric":
        return _numbers(item.get("points"))
    options = list(mapping(item, "options").values())
    if item.get("kind") != "ordinal" or not all(isinstance(one, (str, dict)) for one in options):
        return None
    given = [one.get("value") if isinstance(one, dict) else None for one in options]
    return _numbers([rank if value is None else value for rank, value in enumerate(given, start=1)]) or None


def _retest(
    findings: Findings, route: Route, number: int, item: dict[str, Any], by_name: dict[str, tuple[int, dict[str, Any]]]
) -> None:
    named, own = item.get("retest"), item.get("name")
    if not isinstance(named, str):
        return
    if named not in by_name or named == own:
        findings.unknown(route, named, [name for name in by_name if name != own], "another item")
        return
    place, first = by_name[named]
    if place > number:
        findings.add(route, f"{shown(named)} is asked later", "put `retest:` at the item that is asked again", key=True)
    elif first.get("retest") is not None:
        findings.add(route, f"{shown(named)} is itself a retest", "name the item that both repeat", key=True)
    elif "attention" in (item.get("role"), first.get("role")):
        findings.add(route, "attention checks are no measure of anything twice", "leave it out", key=True)
    elif all(one.get("kind") in _KINDS for one in (item, first)) and (
        item.get("kind") != first.get("kind") or _codes(item) != _codes(first)
    ):
        what = "points" if "numeric" in (item.get("kind"), first.get("kind")) else "options"
        why = f"kind or {what} are not those of {shown(named)}, so that answers cannot agree"
        findings.add(route, why, f"give both items the same kind and {what}, in the same order", key=True)


def _codes(item: dict[str, Any]) -> Any:
    return _numbers(item.get("points")) if item.get("kind") == "numeric" else list(mapping(item, "options"))
