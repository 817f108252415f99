"""The short table after a run: the headline of each axis, beside its human reference and floor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from surveyeval.cli.output import console, print_table

if TYPE_CHECKING:
    import pandas as pd

    from surveyeval.api import Runs

__all__ = ["print_summary"]


def _number(value: Any) -> str:
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.3f}".replace("-0.000", "0.000") if abs(value) < 10 else f"{value:.1f}"


def _cell(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "-"
    row = rows.iloc[0]
    return _number(row["value"]) if row["status"] == "ok" else str(row["status"]).replace("_", " ")


def print_summary(result: Runs) -> None:
    """Print what was compared and the headline rows of every axis, then every run's gain in joint log-loss."""
    first = result[0].manifest
    out = console()
    task, split = first["task"], first["split"]
    out.print()
    out.print(f"{task['title']}", markup=False, style="bold")
    limited = f", limited to the first {first['limited']}" if first["limited"] else ""
    out.print(f"{split['test']} test people{limited}; {split['pilot']} others inform the baselines.", markup=False)
    if task["provenance"] == "synthetic":
        out.print("SYNTHETIC reference: a pipeline check that ranks nobody.", style="bold yellow")
    table = result.estimates
    head = table[table["headline"].astype(bool)]
    models = [run.model for run in result]
    rows = []
    for _, part in head.groupby(["axis", "metric", "name", "block", "rule", "group"], sort=False):
        key = part.iloc[0]
        label = " ".join(str(word) for word in (key["name"], key["block"] or key["rule"] or key["group"]) if word)

        def pick(quantity: str, model: str, part: pd.DataFrame = part) -> pd.DataFrame:
            return part[(part["quantity"] == quantity) & (part["model"] == model)]

        individual = key["axis"] == "individual"
        quantity = "estimate" if individual else "matched"
        floor = part[(part["quantity"] == "floor") & part["floor_name"].eq(part["model"].str.removeprefix("baseline:"))]
        reference = "none available" if individual else _cell(part[part["quantity"] == "reference"])
        rows.append([label, reference, _cell(floor), *[_cell(pick(quantity, model)) for model in models]])
    print_table(["metric", "people", "floor", *models], rows, right=["people", "floor", *models])
    out.print(
        "people: other real people of the same number. floor: naive stand-ins that know all but what the", markup=False
    )
    out.print("metric measures. Intervals, subgroups and what cannot be decided: see the report card.", markup=False)
