"""The table of estimates: long form, a row for each quantity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

__all__ = ["COLUMNS", "QUANTITIES", "from_records", "make_table", "to_records"]

#: matched, reference and floor share size and splits; `estimate` is the full sample and is never compared with them.
#: `indistinguishable` and `equivalence` are tests on the full sample.
QUANTITIES = (
    "matched",
    "reference",
    "floor",
    "estimate",
    "excess",
    "recovered",
    "gain_over_cell",
    "gain_over_floor",
    "gain_over",
    "indistinguishable",
    "equivalence",
)

_TEXT = ("task", "version", "model", "quantity", "comparison", "metric", "axis", "name", "item", "group", "arm", "regression",
         "term", "rule", "block", "interval_method", "estimand", "direction", "floor_name", "status", "reason", "family", "flags")  # fmt: skip
_NUMBERS = (
    "value",
    "low",
    "high",
    "level",
    "n_human",
    "n_simulated",
    "n_eff",
    "half",
    "draws",
    "sd_draws",
    "target",
    "p",
    "p_adjusted",
    "margin",
    "decidable",
)

COLUMNS = ("task", "version", "model", "quantity", "comparison", "metric", "axis", "name", "item", "group", "arm", "regression",
           "term", "rule", "block", "value", "low", "high", "level", "interval_method", "n_human", "n_simulated", "n_eff",
           "half", "draws", "sd_draws", "estimand", "direction", "target", "floor_name", "headline", "status", "reason",
           "family", "p", "p_adjusted", "margin", "decidable", "flags")  # fmt: skip


def make_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A table with every column in order; text that is not given is empty, numbers are NaN."""
    table = pd.DataFrame(list(rows), columns=list(COLUMNS))
    for name in _TEXT:
        table[name] = [value if isinstance(value, str) else "" for value in table[name]]
    for name in _NUMBERS:
        table[name] = pd.to_numeric(table[name], errors="coerce").astype(float)
    table["headline"] = [value is True or value == 1 for value in table["headline"]]
    return table


def to_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain data for JSON; NaN and infinities are None."""
    return [
        {
            str(name): None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        for row in table.to_dict("records")
    ]


def from_records(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Inverse of `to_records`."""
    return make_table(records)
