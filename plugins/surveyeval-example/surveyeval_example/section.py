"""A section of the report card: text about the runs of a card, shown as it is."""

from __future__ import annotations

from collections.abc import Sequence

from surveyeval.reporting.view import RunView


def section(runs: Sequence[RunView]) -> str:
    """One line a model: its value beside people's, from the estimates that were stored with the run."""
    lines = []
    for run in runs:
        rows = run.estimates
        own = rows[(rows["name"] == "example_ends") & (rows["item"] == "")]
        values = {kind: own[own["quantity"] == kind]["value"] for kind in ("matched", "reference")}
        if any(found.isna().all() for found in values.values()):
            lines.append(f"{run.model}: no value")
        else:
            model, people = (float(values[kind].iloc[0]) for kind in ("matched", "reference"))
            lines.append(f"{run.model}: {model:.0%} of answers at the ends of scales, people {people:.0%}")
    return "\n".join(lines)
