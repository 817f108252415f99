"""The table of subgroups: a line for each group, models side by side, with the groups named that are too small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from surveyeval.reporting.blocks import Cell, Row, Table
from surveyeval.reporting.context import Context, plain
from surveyeval.reporting.lines import Line
from surveyeval.reporting.numbers import MISSING, count, difference, interval
from surveyeval.reporting.tables import skipped_cells
from surveyeval.reporting.verdicts import shown

__all__ = ["groups_table"]

_TREATMENT = {"grey": "grey: too few for more", "skipped": "skipped: too few"}


def groups_table(context: Context, caption: str, lines: Sequence[Line]) -> Table:
    """Sizes of all groups, and one metric in each.

    Parameters
    ----------
    context : Context
    caption : str
    lines : sequence of Line
        One metric; lines of one group each. A group without a line has its size only.
    """
    words = context.words
    by_group = {line.group: line for line in lines}
    columns = [
        "Group",
        words.people.capitalize(),
        "Effective in a half, at least",
        f"{words.half[:1].upper()}{words.half[1:]}",
    ]
    rows = []
    for size in context.tables[0]["groups"]:
        line = by_group.pop(f"{size['subgroup']}={size['group']}", None)
        status, effective = _treatment(line, size)
        head = Cell(f"{plain(str(size['subgroup']))}: {size['group']}", _TREATMENT.get(status, ""), head=True)
        sizes = [Cell(count(size["n"]), css="number"), Cell(count(round(effective)), css="number")]
        rows.append(Row([head, *sizes, *_cells(context, line)], "" if status == "ok" else "grey"))
    rows += [  # groups of metrics that bring their own
        Row([Cell(context.where(line), head=True), Cell(MISSING), Cell(MISSING), *_cells(context, line)])
        for line in by_group.values()
    ]
    label = lines[0].quantity.label if lines else ""
    notes = [
        f"{label}. Below each number of a model: how much further from {words.people} than {words.sample} of the group, with its "
        "95% interval. Groups differ in size, so compare within a row.",
        "A group needs 30 effective respondents in a half for a full line and 15 to be shown at all; in between it is grey, without "
        "recovered and without ranking.",
        *skipped_cells(context, lines),
    ]
    return Table(caption, [*columns, *context.names], rows, frozenset(range(1, 4 + len(context.names))), notes)


def _treatment(line: Line | None, size: Mapping[str, Any]) -> tuple[str, float]:
    """How a group is shown, and its effective size: in the halves that were drawn, where there is a line."""
    if line is None or line.reference is None or line.reference.n_eff is None:
        return str(size["status"]), float(size["half_n_eff"])
    return "skipped" if line.skipped else "grey" if line.grey else "ok", line.reference.n_eff


def _cells(context: Context, line: Line | None) -> list[Cell]:
    if line is None:
        return [Cell(MISSING, css="number muted")] * (1 + len(context.names))
    unit = line.quantity.unit
    text, sub = shown(line.reference, unit)
    usable = line.reference is not None and line.reference.ok
    cells = [Cell(text, sub, "number") if usable else Cell(text, css="chip")]
    for model in range(len(context.names)):
        value, excess = line.matched(model), line.get(model, "excess")
        if not value.ok:
            cells.append(Cell(value.status.replace("_", " "), css="chip"))
            continue
        bounds = interval(excess.low, excess.high, unit).removesuffix("%")
        beyond = f"{difference(excess.value, unit)} ({bounds})" if excess.ok and bounds else ""
        cells.append(Cell(shown(value, unit)[0], beyond, "number strong"))
    return cells
