"""Estimates of a run as a tidy CSV, and its headlines as a table for LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from surveyeval.reporting.labels import axis_titles, label_of, unit_of
from surveyeval.reporting.numbers import MISSING, difference_with_interval, number, with_interval
from surveyeval.reporting.quantities import floor_label

if TYPE_CHECKING:
    from surveyeval.engine.run import Run

__all__ = ["estimates_csv", "estimates_latex", "latex"]

_SAMPLE = ("matched", "reference", "excess", "recovered")
_SAMPLE_HEADS = ("Measure", "Simulated", "People", "Excess (95% interval)", "Recovered (95% interval)")
_INDIVIDUAL = ("estimate", "reference", "gain_over_floor", "gain_over_cell")
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
    difference, and how much of the way from the best floor to people it goes, with 95% intervals. Individuals have heads of
    their own: the value for all test people, people's own second answers where they were asked twice, and how much better the
    value is than the floor's and than the cell's (positive is better). What could not be estimated is a dash; all reasons, all
    floors and everything else that is not in these columns are in the long form.
    """
    table = run.estimates
    rows = table[table["headline"] & table["quantity"].isin([*_SAMPLE, *_INDIVIDUAL])]
    found: dict[tuple[Any, ...], dict[str, Mapping[Any, Any]]] = {}
    for row in rows.to_dict("records"):
        found.setdefault((row["axis"], *(row[name] for name in _KEY)), {})[row["quantity"]] = row
    sample = {key: parts for key, parts in found.items() if "estimate" not in parts}
    alone = {key: parts for key, parts in found.items() if "estimate" in parts}
    lines = [
        r"% \usepackage{booktabs}",
        f"% surveyeval {latex(str(run.manifest['surveyeval']))}, run {run.id}",
        r"\begin{tabular}{lrrll}",
        r"\toprule",
    ]
    floor = _floor(alone)
    gains = ("Measure", "Simulated", "People", f"Gain over {floor} (95% interval)", "Gain over cell (95% interval)")
    for blocks, heads in ((alone, gains), (sample, _SAMPLE_HEADS)):
        if blocks:
            lines += [*([r"\midrule"] if lines[-1] != r"\toprule" else []), " & ".join(map(latex, heads)) + r" \\"]
        for key, title in axis_titles(rows):
            own = [_line(parts) for (axis, *_), parts in blocks.items() if axis == key]
            if own:
                lines += [r"\midrule", rf"\multicolumn{{5}}{{l}}{{\emph{{{latex(title)}}}}} \\", *own]
    said = "synthetic rows" if run.manifest["task"]["provenance"] != "human" else "people"
    note = f"{run.manifest['task']['title']}; model {run.model}; {run.manifest['split']['test']} test {said}"
    if alone:
        note += f"; gains over baselines, {floor}: {floor_label(floor)}, cell: {floor_label('cell')}"
    lines += [r"\bottomrule", r"\end{tabular}", rf"% Note: {latex(note)}."]
    text = "\n".join(lines) + "\n"
    return text if said == "people" else text.replace(" & People & ", " & Synthetic rows & ")


def _floor(alone: Mapping[Any, Mapping[str, Mapping[Any, Any]]]) -> str:
    """The floor that the individual measures share, by the name of its baseline."""
    floors = {str(parts["estimate"]["floor_name"]) for parts in alone.values()}
    return floors.pop() if len(floors) == 1 else "the floor"


def _line(parts: Mapping[str, Mapping[Any, Any]]) -> str:
    """A row of a table: two values, and two differences or shares with their intervals."""
    alone = "estimate" in parts
    first = parts["estimate"] if alone else next(iter(parts.values()))
    unit, loss = unit_of(first), unit_of(first, loss=True)
    value, third, fourth = (
        ("estimate", "gain_over_floor", "gain_over_cell") if alone else ("matched", "excess", "recovered")
    )
    return _cells(
        label_of(first),
        _value(parts, value, unit),
        _value(parts, "reference", unit),
        _whole(parts, third, loss),
        _whole(parts, fourth, loss if alone else "ratio"),
    )


def _cells(*texts: str) -> str:
    return "  " + " & ".join(map(latex, texts)) + r" \\"


def _value(parts: Mapping[str, Mapping[Any, Any]], name: str, unit: str) -> str:
    row = parts.get(name)
    return MISSING if row is None or row["status"] != "ok" else number(row["value"], unit)


def _whole(parts: Mapping[str, Mapping[Any, Any]], name: str, unit: str) -> str:
    row = parts.get(name)
    if row is None or row["status"] != "ok":
        return MISSING
    printed = with_interval if name == "recovered" else difference_with_interval
    return printed(row["value"], row["low"], row["high"], unit)
