"""The tables of a study's card. A value is the mean over pilot draws and training seeds; bands run over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from surveyeval.grid.results import mean_over_draws, told_apart
from surveyeval.grid.task_view import JOINT, Measure, Method, TaskView
from surveyeval.reporting.blocks import Cell, Row, Table
from surveyeval.reporting.numbers import MISSING, count, difference, difference_interval, interval, number

__all__ = [
    "compared",
    "core",
    "gains_table",
    "lines",
    "overview_table",
    "reference_cell",
    "sizes_table",
    "value_cell",
    "values_table",
]

#: Whom every method is compared with in pairs, as columns of the tables of gains.
_OTHERS = ("baseline:marginal", "baseline:cell", "baseline:chain", "calibrate=item")
_PAIRED = (
    "Gains are paired: loss of the other minus loss of the method on the same people, pilots and random halves, so positive is "
    "better. Below each its 95% interval, conditional on the pilot (mean over draws and seeds), and the range over pilot draws "
    "and training seeds where there are several. Better and worse are said where interval and range lie on one side of 0."
)


def core(view: TaskView) -> list[Measure]:
    """One measure of each kind for the tables of all methods: log-loss, distance, coherence, coefficients."""
    wanted = ((JOINT,), ("js_distance",), ("coherence", "gap"), ("share_differing", "rmse_se"))
    return [one for names in wanted for one in (view.first(*names),) if one is not None]


def _head(method: Method) -> Cell:
    """The cell that names a row by its method."""
    return Cell(method.label, method.words, "model named", head=True, model=method.mark)


def lines(parts: Iterable[str]) -> str:
    """Parts of a second line below each other; in Markdown they stand behind each other."""
    return ";\n".join(part for part in parts if part)


def _band(row: Mapping[str, Any], unit: str, printed: Callable[..., str] = interval) -> str:
    """Smallest and largest value over draws and seeds; empty where there is one, or where they do not differ."""
    if row["runs"] < 2 or not row["least"] < row["most"]:
        return ""
    return printed(row["least"], row["most"], unit)


def value_cell(row: Mapping[str, Any] | None, unit: str, *, bounds: bool = False) -> Cell:
    """A value with its range over draws and seeds, and its interval when asked for; or why there is none."""
    if row is None:
        return Cell(MISSING, css="number muted")
    if row["status"] != "ok" or not np.isfinite(row["value"]):
        return Cell(
            MISSING, str(row["status"]).replace("_", " ") if row["status"] != "ok" else "", "number muted lines"
        )
    own = interval(row["low"], row["high"], unit) if bounds else ""
    over = _band(row, unit)
    said = lines((own, f"draws {over}" if over and bounds else over))
    return Cell(number(row["value"], unit), said, "number lines")


def _own_unit(measure: Measure) -> str:
    """Losses of counts are logarithms of ratios, so gains are no counts."""
    return "ratio" if measure.quantity.unit == "count" else measure.quantity.unit


def _gain_cell(gain: Mapping[str, Any] | None, measure: Measure) -> Cell:
    """A paired gain with its interval, its range and what they allow to say."""
    unit = _own_unit(measure)
    if gain is None or gain["status"] != "ok":
        return Cell(MISSING, css="number muted")
    over = _band(gain, unit, difference_interval)
    word = told_apart(gain)
    own = difference_interval(gain["low"], gain["high"], unit) or "no interval"
    said = lines((own, over and f"draws {over}", word))
    css = "number lines strong" if word in ("better", "worse") else "number lines"
    return Cell(difference(gain["value"], unit), said, css)


def _people_row(view: TaskView, cells: Sequence[Cell]) -> Row:
    """The row of people against people."""
    name = f"{view.words.people}, other half"
    return Row([Cell(name[:1].upper() + name[1:], head=True, css="strong"), *cells])


def reference_cell(view: TaskView, measure: Measure, part: str = "all") -> Cell:
    """People against people."""
    found = view.reference(measure, part)
    if found is None:
        return Cell(MISSING, "none available" if measure.individual else "", "number muted lines")
    unit = measure.quantity.unit
    return Cell(number(found[0], unit), interval(found[1], found[2], unit), "number lines")


def overview_table(view: TaskView, measures: Sequence[Measure]) -> Table:
    """Every method at the largest pilot, beside people."""
    rows = [_people_row(view, [reference_cell(view, one) for one in measures])]
    for method in [*view.baselines, *view.models]:
        cells = [value_cell(view.value(one, method, view.largest), one.quantity.unit, bounds=True) for one in measures]
        rows.append(Row([_head(method), *cells]))
    columns = ["Method", *(f"{one.label} ({_unit(view, one)})" for one in measures)]
    notes = [
        f"Mean over pilot draws and training seeds; below it the 95% interval, conditional on the pilot, and the range over draws "
        f"and seeds. Population measures compare halves of {count(view.half)} {view.words.short}, log-loss all {count(view.n)}.",
        *_missing(view, measures),
    ]
    caption = f"Every method with a pilot of {count(view.people(view.largest))} {view.words.people}"
    return Table(caption, columns, rows, frozenset(range(1, len(columns))), notes)


def _unit(view: TaskView, measure: Measure) -> str:
    return {"bits": "bits per respondent, lower is better"}.get(measure.quantity.unit, view.words.own(measure.reading))


def _missing(view: TaskView, measures: Sequence[Measure]) -> list[str]:
    """Why single methods have no value, each reason once."""
    found: dict[str, list[str]] = {}
    for one in measures:
        for method in view.methods:
            row = view.value(one, method, view.largest)
            if row is not None and row["status"] != "ok":
                found.setdefault(f"{one.quantity.label}: {row['reason'] or row['status']}", []).append(method.label)
    return [f"{reason} ({', '.join(names)})." for reason, names in found.items()]


def _against(view: TaskView) -> list[Method]:
    """The methods that have a column in tables of gains."""
    return [one for name in _OTHERS for one in view.methods if one.name == name]


def gains_table(view: TaskView, measure: Measure, *, folded: bool) -> Table:
    """Every method at the largest pilot in pairs with the marginal, the cell and calibration."""
    others = _against(view)
    rows = []
    for method in [*view.models, *view.baselines]:
        cells = [value_cell(view.value(measure, method, view.largest), measure.quantity.unit)]
        for other in others:
            itself = Cell("itself", css="number muted")
            gain = view.gain(measure, method, other, view.largest)
            cells.append(itself if method == other else _gain_cell(gain, measure))
        rows.append(Row([_head(method), *cells]))
    columns = ["Method", measure.label, *(f"Gain over {other.label}" for other in others)]
    left = [name.removeprefix("baseline:") for name in _OTHERS if name not in {other.name for other in others}]
    notes = [_PAIRED, *([f"Not in this study: {', '.join(left)}."] if left else [])]
    caption = f"{measure.label}: paired gains with a pilot of {count(view.people(view.largest))}"
    return Table(caption, columns, rows, frozenset(range(1, len(columns))), notes, folded=folded, phone="stack")


def sizes_table(view: TaskView, measures: Sequence[Measure], caption: str) -> Table:
    """Values of every method at every pilot size: the numbers of the curves."""
    sizes = sorted(dict.fromkeys(view.own["size"]), key=view.people)
    rows = []
    for measure in measures:
        means = view.means(measure)
        held = [
            (method, cells)
            for method in [*view.models, *view.baselines]
            for cells in ([view.value(measure, method, size, means) for size in sizes],)
            if any(row is not None and row["status"] == "ok" for row in cells)
        ]
        for position, (method, values) in enumerate(held):
            first = position == 0
            name = Cell(measure.label, view.words.own(measure.reading), head=True, rows=len(held)) if first else None
            cells = [Cell(method.label, css="model named", model=method.mark)]
            cells += [value_cell(row, measure.quantity.unit) for row in values]
            reference = reference_cell(view, measure) if first else Cell("", css="blank")
            rows.append(Row([name, *cells, reference], "first" if first else ""))
    columns = ["Measure", "Method", *(count(view.people(size)) for size in sizes), f"{view.words.people}, other half"]
    notes = [f"Columns: {view.words.people} in the pilot. Below a mean its range over pilot draws and training seeds."]
    return Table(caption, columns, rows, frozenset(range(2, len(columns))), notes, folded=True)


def compared(
    view: TaskView,
    caption: str,
    measures: Sequence[Measure],
    kinds: Sequence[tuple[str, Any]],
    methods: Sequence[Method],
    size: str,
    *,
    notes: Sequence[str] = (),
) -> Table:
    """Methods under several kinds of design side by side.

    Parameters
    ----------
    kinds : sequence of (name, DataFrame)
        Rows of the estimates for each kind.
    """
    means = [(name, [mean_over_draws(one.selection().of(rows)) for one in measures]) for name, rows in kinds]
    shown = []
    for method in methods:
        held = []
        for name, tables in means:
            values = [view.value(one, method, size, table) for one, table in zip(measures, tables, strict=True)]
            if all(row is None for row in values):
                continue
            pilot = next(row["n_pilot"] for row in values if row is not None)
            cells = [value_cell(row, one.quantity.unit) for row, one in zip(values, measures, strict=True)]
            held.append([Cell(name), Cell(count(pilot), css="number"), *cells])
        for position, cells in enumerate(held):
            first = position == 0
            own = Cell(method.label, method.words, "model named", head=True, rows=len(held), model=method.mark)
            shown.append(Row([own if first else None, *cells], "first" if first else ""))
    columns = ["Method", "Design", "Pilot", *(one.label for one in measures)]
    return Table(caption, columns, shown, frozenset(range(2, len(columns))), notes, phone="stack")


def values_table(
    view: TaskView,
    caption: str,
    columns: Sequence[str],
    reference: Callable[[int], Cell],
    value: Callable[[Method, int], Cell],
    methods: Sequence[Method],
    *,
    notes: Sequence[str] = (),
    folded: bool = False,
) -> Table:
    """People in the first row, then methods; cells are made by position of the column."""
    places = range(len(columns))
    rows = [_people_row(view, [reference(k) for k in places])]
    rows += [Row([_head(method), *(value(method, k) for k in places)]) for method in methods]
    shown = ["Who", *columns]
    return Table(caption, shown, rows, frozenset(range(1, len(shown))), notes, folded=folded)
