"""Estimates of a run as a tidy CSV, and its headlines as a table for LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from surveyeval.reporting.labels import axis_titles, label_of, unit_of
from surveyeval.reporting.numbers import MISSING, number, with_interval

if TYPE_CHECKING:
    from surveyeval.engine.run import Run

__all__ = ["estimates_csv", "estimates_latex", "latex"]

_KEY = ["metric", "name", "item", "group", "arm", "regression", "term", "rule", "block"]
_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    '"': r"\textquotedbl{}", "\N{MINUS SIGN}": r"$-$", "\N{EN DASH}": "--", "\N{EM DASH}": "---",
}  # fmt: skip


def latex(text: str) -> str:
    r"""A text in which nothing is a command of LaTeX.

    Examples
    --------
    >>> latex("50% of {R&D}_1")
    '50\\% of \\{R\\&D\\}\\_1'
    """
    return "".join(_ESCAPES.get(one, one if one.isprintable() else " ") for one in text)


def estimates_csv(run: Run) -> str:
    """All estimates in long form, a row for each quantity. Texts that a spreadsheet would take for a formula are escaped."""
    from surveyeval.data.cells import escaped

    table = run.estimates.map(escaped)
    text: str = table.to_csv(index=False, lineterminator="\n", float_format="%.17g")
    return text


def estimates_latex(run: Run) -> str:
    """The headlines of a run as a table for LaTeX with the package booktabs.

    A row for each headline: the simulation and people on halves of equal size, what the simulation adds to people's own
    difference, and how much of the way from the best floor to people it goes, with 95% intervals. What could not be estimated is a
    dash; all reasons are in the long form.
    """
    table = run.estimates
    rows = table[table["headline"] & table["quantity"].isin(["matched", "reference", "excess", "recovered"])]
    found: dict[tuple[Any, ...], dict[str, Mapping[Any, Any]]] = {}
    for row in rows.to_dict("records"):
        found.setdefault((row["axis"], *(row[name] for name in _KEY)), {})[row["quantity"]] = row
    lines = [
        r"% \usepackage{booktabs}",
        f"% surveyeval {latex(str(run.manifest['surveyeval']))}, run {run.id}",
        r"\begin{tabular}{lrrll}",
        r"\toprule",
        r"Measure & Simulated & People & Excess (95\% interval) & Recovered (95\% interval) \\",
    ]
    for key, title in axis_titles(rows):
        lines += [r"\midrule", rf"\multicolumn{{5}}{{l}}{{\emph{{{latex(title)}}}}} \\"]
        for (axis, *_), parts in found.items():
            if axis == key:
                lines.append(_line(parts))
    said = "synthetic rows" if run.manifest["task"]["provenance"] != "human" else "people"
    note = f"{run.manifest['task']['title']}; model {run.model}; {run.manifest['split']['test']} test {said}"
    lines += [r"\bottomrule", r"\end{tabular}", rf"% Note: {latex(note)}."]
    text = "\n".join(lines) + "\n"
    return text if said == "people" else text.replace(" & People & ", " & Synthetic rows & ")


def _line(parts: Mapping[str, Mapping[Any, Any]]) -> str:
    first = next(iter(parts.values()))
    unit = unit_of(first)

    def value(name: str) -> str:
        row = parts.get(name)
        return MISSING if row is None or row["status"] != "ok" else number(row["value"], unit)

    def whole(name: str, unit: str) -> str:
        row = parts.get(name)
        return (
            MISSING
            if row is None or row["status"] != "ok"
            else with_interval(row["value"], row["low"], row["high"], unit)
        )

    loss = unit_of(first, loss=True)
    cells = [label_of(first), value("matched"), value("reference"), whole("excess", loss), whole("recovered", "ratio")]
    return "  " + " & ".join(latex(cell) for cell in cells) + r" \\"
