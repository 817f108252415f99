"""What a row of the long form is called where there is no card around it: in comparisons and in plans of studies."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from surveyeval.reporting.context import plain
from surveyeval.reporting.quantities import quantity

__all__ = ["Row", "axis_titles", "label_of", "small_p", "unit_of"]

#: A row of a table, by the names of its columns.
Row = Mapping[Hashable, Any]


def label_of(row: Row) -> str:
    """Name of the value, its unit where that is bits, and what it is about."""
    found = quantity(row["metric"], row["name"])
    parts = [f"{found.label}, bits" if found.unit == "bits" else found.label]
    if row["group"]:
        subgroup, equals, level = str(row["group"]).partition("=")
        parts.append(f"{plain(subgroup)}: {level}" if equals else plain(subgroup))
    for name in ("item", "arm", "rule", "regression", "term"):
        if row[name]:
            parts.append(plain(str(row[name])))
    if row["block"]:
        parts.append(f"{row['block']} terms")
    return ", ".join(parts)


def unit_of(row: Row, *, loss: bool = False) -> str:
    """Unit to print a value in; losses of counts are logarithms of ratios."""
    unit = quantity(row["metric"], row["name"]).unit
    return "ratio" if loss and unit == "count" else unit


def axis_titles(table: Any) -> list[tuple[str, str]]:
    """Keys and titles of the axes of a table; individuals first, whose joint log-loss is to be read first."""
    from surveyeval.reporting.quantities import AXES, axis

    present = list(dict.fromkeys(table["axis"]))
    order = ["individual", *(one.key for one in AXES)]
    present.sort(key=lambda key: order.index(key) if key in order else len(order))
    return [(key, axis(key).title) for key in present]


def small_p(p: float) -> str:
    """``.034``, ``<.001``."""
    if p != p:
        return ""
    return "<.001" if p < 0.0005 else "1" if p > 0.9995 else f"{p:.3f}".removeprefix("0")
