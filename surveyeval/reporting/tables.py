"""Tables made from the pivoted estimates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from surveyeval.reporting.blocks import Cell, Row, Table
from surveyeval.reporting.context import Context
from surveyeval.reporting.lines import Line, Value
from surveyeval.reporting.numbers import MISSING, count, difference, interval, number, percent
from surveyeval.reporting.quantities import floor_label
from surveyeval.reporting.verdicts import direction, shown

__all__ = ["estimates_table", "half_size", "in_words", "individual_table", "named", "skipped_cells"]


def estimates_table(
    context: Context,
    caption: str,
    lines: Iterable[Line],
    label: Callable[[Line], tuple[str, str]],
    *,
    excess: bool = True,
    folded: bool = False,
) -> Table:
    """Lines as a table: each model, the other half of the people, the floor, and what follows from them."""
    columns = ["Measure", "Model", "Simulated", _capital(context.words.half)]
    columns += [*([f"Beyond {context.words.people}"] if excess else []), "Naive floor", "Recovered", "Gain over cell"]
    rows: list[Row] = []
    notes: list[str] = []
    for line in lines:
        text, sub = label(line)
        span = len(context.names)
        scale = _loss_unit(line)
        people, floor = _people(line, span), _floor(line, span)
        notes += _reasons(context, line, text)
        for model, name in enumerate(context.names):
            first = model == 0
            cells: list[Cell | None] = [Cell(text, sub, head=True, rows=span) if first else None]
            cells += [Cell(name, css="model", model=model), _matched(line, model), people if first else None]
            cells += [_difference(line.get(model, "excess"), scale)] if excess else []
            cells += [
                floor if first else None,
                _recovered(line, model),
                _difference(line.get(model, "gain_over_cell"), scale),
            ]
            rows.append(Row(cells, " ".join(css for css, wanted in (("grey", line.grey), ("first", first)) if wanted)))
    notes = [*_statuses(rows), *dict.fromkeys(notes)]
    caption = f"{caption} ({context.half_size})"
    return Table(caption, columns, rows, frozenset(range(2, len(columns))), notes, folded=folded, phone="stack")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


#: What a status in a cell means; said once below the table.
_STATUSES = {
    "not resolved": "Not resolved: the other half and the naive floor, or the other half and zero, are too close at this n.",
    "too small": "Too small: fewer than 30 effective respondents in a half, so nothing but the value is shown, in grey.",
}


def _statuses(rows: Iterable[Row]) -> list[str]:
    present = {cell.text for row in rows for cell in row.cells if cell is not None and cell.css == "chip"}
    return [words for status, words in _STATUSES.items() if status in present]


def _reasons(context: Context, line: Line, label: str) -> list[str]:
    """Why a value is missing, for each model or once for all."""
    where = context.where(line)
    label = label if not where or where in label else f"{label}, {where}"
    found = {name: line.matched(model) for model, name in enumerate(context.names) if not line.matched(model).ok}
    reasons = {f"{value.status.replace('_', ' ')}, {value.reason}" for value in found.values() if value.reason}
    if len(found) == len(context.names) and len(reasons) == 1:
        return [f"{label}: {reasons.pop()}."]
    return [
        f"{label}, {name}: {value.status.replace('_', ' ')}, {value.reason}."
        for name, value in found.items()
        if value.reason
    ]


def _loss_unit(line: Line) -> str:
    """Differences are taken on the scale of the distance from people, which for counts is a log ratio."""
    return "ratio" if line.quantity.unit == "count" else line.quantity.unit


def _people(line: Line, span: int) -> Cell:
    text, sub = shown(line.reference, line.quantity.unit)
    sub = "by construction" if line.by_construction else sub
    usable = line.reference is not None and line.reference.ok
    return Cell(text, sub if usable else "", "number yard" if usable else "number muted yard", rows=span)


def _matched(line: Line, model: int) -> Cell:
    value = line.matched(model)
    text, sub = shown(value, line.quantity.unit)
    if not value.ok:
        return Cell(text, css="chip")
    flags = [flag for flag in value.flags if flag != "grey"]
    draws = (
        f"SD over {value.draws:.0f} draws {number(value.sd_draws, line.quantity.unit)}"
        if value.sd_draws is not None and value.draws
        else ""
    )
    return Cell(text, "; ".join(part for part in (sub, draws, *flags) if part), "number strong")


def _floor(line: Line, span: int) -> Cell:
    value = line.floors.get(line.floor)
    if value is None or not value.ok:
        return Cell(MISSING, floor_label(line.floor) if line.floor else "", "number muted wrap yard", rows=span)
    return Cell(number(value.value, line.quantity.unit), floor_label(line.floor), "number muted wrap yard", rows=span)


def _recovered(line: Line, model: int) -> Cell:
    value = line.get(model, "recovered")
    if value.ok:
        return Cell(percent(value.value), interval(value.low, value.high, "percent"), "number")
    if line.individual or (value.status == "not_applicable" and not value.reason):
        return Cell(MISSING, "", "number muted")
    return Cell(value.status.replace("_", " "), css="chip")


def _difference(value: Value, unit: str) -> Cell:
    if not value.ok:
        return Cell(MISSING, "", "number muted")
    bounds = interval(value.low, value.high, unit)
    decided = bool(bounds) and ((value.low or 0) > 0 or (value.high or 0) < 0)
    return Cell(difference(value.value, unit), bounds.removesuffix("%"), "number" if decided else "number muted")


def individual_table(context: Context, caption: str, lines: Sequence[Line], *, folded: bool = False) -> Table:
    """Individual metrics: full size, the same people, baselines below the models."""
    floors = list(dict.fromkeys(name for line in lines for name in line.floors))
    columns = ["Measure", "Model", "Simulated", _capital(context.words.people), "Gain over marginal", "Gain over cell"]
    rows: list[Row] = []
    notes: list[str] = []
    for line in lines:
        unit, span = (
            line.quantity.unit,
            len(context.names) + sum(line.floors[name].ok for name in floors if name in line.floors),
        )
        text, sub = named(context, line)
        for model, name in enumerate(context.names):
            head = Cell(text, sub, head=True, rows=span) if model == 0 else None
            reference = _people(line, span) if model == 0 else None
            gains = [_difference(line.get(model, quantity), unit) for quantity in ("gain_over_floor", "gain_over_cell")]
            own = Cell(name, css="model", model=model)
            notes += _reasons(context, line, text) if model == 0 else []
            rows.append(Row([head, own, _matched(line, model), reference, *gains], "first" if model == 0 else ""))
        for name in floors:
            value = line.floors.get(name)
            if value is not None and value.ok:
                text_, sub_ = shown(value, unit)
                cells = [
                    None,
                    Cell(floor_label(name), css="muted"),
                    Cell(text_, sub_, "number muted"),
                    None,
                    Cell("", css="blank"),
                    Cell("", css="blank"),
                ]
                rows.append(Row(cells))
    caption = f"{caption} (all {count(context.n)} {context.words.people})"
    return Table(caption, columns, rows, frozenset(range(2, 6)), notes, folded=folded, phone="stack")


def named(context: Context, line: Line) -> tuple[str, str]:
    """A line as it is called in a table, with how to read it."""
    return line.quantity.label, ", ".join(part for part in (context.where(line), *in_words(line)) if part)


def in_words(line: Line) -> list[str]:
    """Unit and direction of a line."""
    # the loss of a count, and of its ratio to people's, is the logarithm of that ratio
    logarithm = line.quantity.unit == "count" or line.name == "unique_patterns_ratio"
    unit = "differences as log ratios" if logarithm else "in bits" if line.quantity.unit == "bits" else ""
    return [part for part in (unit, direction(line)) if part]


def skipped_cells(context: Context, lines: Iterable[Line]) -> list[str]:
    """Cells without a value, by name."""
    reasons = {}
    for line in lines:
        if line.skipped:
            value = line.matched(0)
            reasons[context.where(line)] = value.reason or value.status.replace("_", " ")
    return [f"Skipped: {where} ({reason})." for where, reason in reasons.items()]


def half_size(line: Line) -> str:
    """Effective people in a half of the cell, on its smaller side."""
    size = line.reference.n_eff if line.reference and line.reference.n_eff is not None else None
    if size is None:
        return ""
    return f"{count(round(size))} effective {line.words.short} in a half"
