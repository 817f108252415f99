"""How runs look in a notebook: small tables, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from surveyeval.task.notebook import table_html

if TYPE_CHECKING:
    from surveyeval.engine.run import Run

__all__ = ["runs_html"]


def runs_html(runs: Sequence[Run], card: str | None = None) -> str:
    """Runs: what each is, and the share of the way from floor to people on every headline that has one."""
    rows = [(run.model, run.status, run.manifest["split"]["test"], run.folder.name) for run in runs]
    caption = f"{runs[0].task}: {len(runs)} run{'' if len(runs) == 1 else 's'}" if runs else "no runs"
    text = table_html(caption, ("model", "status", "people", "run"), rows)
    if any(run.manifest["task"]["provenance"] != "human" for run in runs):
        text += "<p><strong>Synthetic reference: a pipeline check that ranks nobody.</strong></p>"
    scored = [run for run in runs if run.scored]
    found: dict[str, dict[str, str]] = {}
    for run in scored:
        table = run.estimates
        chosen = table[
            (table["quantity"] == "recovered") & table["headline"].astype(bool) & (table["model"] == run.model)
        ]
        for row in chosen.itertuples(index=False):
            if row.status == "ok":
                low, high = _percent(row.low), _percent(row.high)
                found.setdefault(str(row.metric), {})[run.id] = f"{_percent(row.value)} ({low} to {high})"
            else:
                found.setdefault(str(row.metric), {})[run.id] = str(row.status).replace("_", " ")
    if found:
        lines = [(metric, *(cells.get(run.id, "–") for run in scored)) for metric, cells in found.items()]
        text += table_html(
            "recovered: share of the way from floor to people (interval)",
            ("metric", *(run.model for run in scored)),
            lines,
        )
    return text + (f"<p>Report card: {escape(card)}</p>" if card else "")


def _percent(value: object) -> str:
    number = float(value)  # type: ignore[arg-type]
    return f"{100 * number:.0f}%" if number == number else "–"
