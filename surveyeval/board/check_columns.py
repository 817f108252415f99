"""Cells of the tables: numbers where there must be numbers, text where there must be text, and none missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surveyeval.board.findings import Findings

__all__ = ["check_columns"]

#: Columns of each table that no row does without: text, whole or other numbers, numbers that may be missing (?).
_COLUMNS = {
    "distributions": (
        "item question role kind wording arm option label basis",
        "n_human n_simulated",
        "human human_low human_high simulated count",
    ),
    "means": ("item arm", "n_human", "human human_se human_low human_high simulated"),
    "coefficients": (
        "regression formula family term block status reason",
        "n_human n_simulated",
        "human human_se human_low human_high simulated simulated_se simulated_low simulated_high",
    ),
    "coherence": ("rule side arm", "n follows contradicts undetermined missing", "gap"),
    "states": ("item side state", "count share", ""),
    "states_by_group": ("item subgroup group side state", "count share", ""),
    "groups": ("subgroup group status", "n n_eff half_n_eff", ""),
    "mass": ("item", "mean p05 min", ""),
    "attention": ("item side", "answered passed unanswered", ""),
}


def check_columns(tables: Mapping[str, Any], found: Findings) -> None:
    """Say which cell of which table is not what it must be."""
    for name, (texts, numbers, perhaps) in _COLUMNS.items():
        for number, row in enumerate(tables.get(name) or ()):
            wrong = [column for column in texts.split() if not isinstance(row.get(column), str)]
            wrong += [column for column in numbers.split() if not _number(row.get(column))]
            wrong += [column for column in perhaps.split() if row.get(column) is not None and not _number(row[column])]
            cells = ", ".join(wrong)
            found.expect("cells of the tables", not wrong, f"{name}, row {number}: {cells} is not what it must be")
    arms = tables["sizes"].get("arms")
    fine = isinstance(arms, list) and all(
        isinstance(arm, Mapping) and isinstance(arm.get("arm"), str) and _number(arm.get("n")) for arm in arms
    )
    found.expect("cells of the tables", fine, "sizes: arms is no list of arms with their people")


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
