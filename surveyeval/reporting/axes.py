"""The sections on the axes of fidelity: a figure and a table each, made from the pivoted estimates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from surveyeval.reporting import figures
from surveyeval.reporting.blocks import Cell, Figure, Row, Section, Table
from surveyeval.reporting.context import Context, plain
from surveyeval.reporting.lines import Line, Value
from surveyeval.reporting.numbers import MISSING, count, interval, number, percent, signed
from surveyeval.reporting.quantities import Axis, floor_label
from surveyeval.reporting.verdicts import direction, shown

__all__ = ["axis_section", "by_arm_section", "estimates_table", "glance", "principal"]

#: The metric that stands for an axis where one is named in a sentence or broken down by item.
_PRINCIPAL = {
    "alignment": ("js_distance",),
    "subgroups": ("group_js_distance",),
    "heterogeneity": ("structure_ratio", "unique_patterns"),
    "coherence": ("coherence", "gap"),
    "coefficients": ("share_differing", "exaggeration", "f1"),
    "individual": ("joint_log_loss",),
}


def principal(context: Context, axis: str) -> Line | None:
    """The headline that a sentence about the axis is made from."""
    lines = context.lines.headlines(axis)
    for name in _PRINCIPAL.get(axis, ()):
        for line in lines:
            if name in (line.metric, line.name) and not line.skipped:
                return line
    return next((line for line in lines if not line.skipped), None)


def glance(context: Context) -> tuple[Figure | None, Table]:
    """Headlines of all axes: a figure of what is recovered, and a table."""
    lines = [line for one in _individual_first(context.axes) for line in context.lines.headlines(one.key)]
    titles = {one.key: one.title for one in context.axes}
    labelled = [(titles[line.axis], _label(context, line), line) for line in lines]
    table = estimates_table(
        context,
        "At a glance: the headline of each axis",
        lines,
        lambda line: (_label(context, line), f"{titles[line.axis]}. {direction(line)}"),
        excess=False,
    )
    return figures.recovered(labelled, context.names), table


def _individual_first(axes: Sequence[Axis]) -> list[Axis]:
    return sorted(axes, key=lambda one: one.key != "individual")


def _label(context: Context, line: Line) -> str:
    where = context.where(line)
    return f"{line.quantity.label}, {where}" if where else line.quantity.label


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
    columns = ["Measure", "Model", "Simulated", "People, other half"]
    columns += [*(["Beyond people"] if excess else []), "Naive floor", "Recovered", "Gain over cell"]
    rows: list[Row] = []
    for line in lines:
        text, sub = label(line)
        span, unit = len(context.names), line.quantity.unit
        people = Cell(*shown(line.reference, unit), "number", rows=span)
        floor = _floor(line, span)
        for model, name in enumerate(context.names):
            first = model == 0
            cells: list[Cell | None] = [Cell(text, sub, head=True, rows=span) if first else None]
            cells += [Cell(name, css="model", model=model), _matched(line, model), people if first else None]
            cells += [_difference(line.get(model, "excess"), unit)] if excess else []
            cells += [
                floor if first else None,
                _recovered(line, model),
                _difference(line.get(model, "gain_over_cell"), unit),
            ]
            rows.append(Row(cells, " ".join(css for css, wanted in (("grey", line.grey), ("first", first)) if wanted)))
    return Table(caption, columns, rows, frozenset(range(2, len(columns))), folded=folded)


def _matched(line: Line, model: int) -> Cell:
    value = line.matched(model)
    text, sub = shown(value, line.quantity.unit)
    if not value.ok:
        return Cell(text, sub, "chip")
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
        return Cell(MISSING, floor_label(line.floor) if line.floor else "", "number muted", rows=span)
    return Cell(number(value.value, line.quantity.unit), floor_label(line.floor), "number muted", rows=span)


def _recovered(line: Line, model: int) -> Cell:
    value = line.get(model, "recovered")
    if value.ok:
        return Cell(percent(value.value), interval(value.low, value.high, "share").replace(".0", ""), "number")
    if line.individual or (value.status == "not_applicable" and not value.reason):
        return Cell(MISSING, "", "number muted")
    if value.status == "not_resolved":
        return Cell("not resolved", "floor and people too close", "chip")
    return Cell(value.status.replace("_", " "), value.reason, "chip")


def _difference(value: Value, unit: str) -> Cell:
    if not value.ok:
        return Cell(MISSING, "", "number muted")
    bounds = interval(value.low, value.high, unit)
    decided = bool(bounds) and ((value.low or 0) > 0 or (value.high or 0) < 0)
    return Cell(signed(value.value, unit), bounds, "number" if decided else "number muted")


def axis_section(context: Context, axis: Axis) -> Section:
    """Figures and tables of one axis."""
    if axis.key == "individual":
        return _individual_section(context, axis)
    held = context.lines.of(axis.key, arm=False)
    overall = [line for line in held if not line.item and "=" not in line.group]
    drawn: list[Figure | None] = []
    for unit, lines in _by_unit(overall):
        rows = [(line.quantity.label, _note(context, line), line) for line in lines]
        drawn.append(figures.dots(f"{axis.title}: {_unit_title(unit)}", rows, context.names, _reading(lines)))
    tables = [estimates_table(context, f"{axis.title}: overall", overall, lambda line: _named(context, line))]
    groups = [line for line in held if "=" in line.group and not line.item]
    if groups:
        drawn += _group_figures(context, axis, groups)
        tables.append(_groups_table(context, axis, groups))
    items = [line for line in held if line.item and not line.group]
    if items:
        chosen = _principal_of(axis.key, items)
        rows = [(line.item, "", line) for line in items if line.name == chosen]
        label = next(line.quantity.label for line in items if line.name == chosen)
        drawn.append(figures.dots(f"{label} by item", rows, context.names))
        tables.append(
            estimates_table(
                context, f"{axis.title}: by item", items, lambda line: (line.item, line.quantity.label), folded=True
            )
        )
    rest = [line for line in held if line.item and line.group]
    if rest:
        tables.append(
            estimates_table(
                context, f"{axis.title}: by item and group", rest, lambda line: _named(context, line), folded=True
            )
        )
    return Section(
        axis.key,
        axis.title,
        axis.question,
        figures=[one for one in drawn if one],
        tables=tables,
        points=_absent(context, axis.key),
    )


def by_arm_section(context: Context) -> Section | None:
    """Everything that is broken down by arm."""
    lines = [line for one in context.axes for line in context.lines.of(one.key, arm=True)]
    if not lines or len(context.arms) < 2:
        return None
    drawn = []
    for name in dict.fromkeys(line.name for line in lines if not line.item):
        own = [line for line in lines if line.name == name and not line.item]
        rows = [(context.arms.get(line.arm, line.arm), line.rule, line) for line in own]
        if name in {known for names in _PRINCIPAL.values() for known in names}:
            drawn.append(figures.dots(f"{own[0].quantity.label} by arm", rows, context.names, _reading(own)))
    plain_lines = [line for line in lines if not line.item]
    tables = [
        estimates_table(
            context, "By arm", plain_lines, lambda line: (context.where(line), line.quantity.label), folded=True
        )
    ]
    skipped = _skipped(context, plain_lines)
    return Section(
        "arms",
        "By experimental arm",
        "Does the simulation move with the treatment as people do?",
        figures=[one for one in drawn if one],
        tables=tables,
        points=skipped,
    )


def _individual_section(context: Context, axis: Axis) -> Section:
    lines = [line for line in context.lines.of("individual") if not line.item]
    items = [line for line in context.lines.of("individual") if line.item]
    drawn = [
        figures.dots(
            f"{axis.title}: {_unit_title(unit)}",
            [(line.quantity.label, _note(context, line), line) for line in group],
            context.names,
            _reading(group),
        )
        for unit, group in _by_unit(lines)
    ]
    tables = [_individual_table(context, f"{axis.title}: overall", lines)]
    if items:
        tables.append(_individual_table(context, f"{axis.title}: by item", items, folded=True))
    said = [
        "Full size, the same people on both sides. A human reference would need people who answered twice: none available. "
        "The bar to beat is the best baseline fitted on the pilot."
    ]
    return Section(
        axis.key,
        axis.title,
        axis.question,
        said,
        [one for one in drawn if one],
        tables,
        points=_absent(context, axis.key),
    )


def _individual_table(context: Context, caption: str, lines: Sequence[Line], *, folded: bool = False) -> Table:
    floors = list(dict.fromkeys(name for line in lines for name in line.floors))
    columns = ["Measure", "Model", "Simulated", "People", "Gain over marginal", "Gain over cell"]
    rows = []
    for line in lines:
        unit, span = (
            line.quantity.unit,
            len(context.names) + sum(line.floors[name].ok for name in floors if name in line.floors),
        )
        text, sub = _named(context, line)
        for model, name in enumerate(context.names):
            head = Cell(text, sub, head=True, rows=span) if model == 0 else None
            reference = Cell(*shown(line.reference, unit), "number", rows=span) if model == 0 else None
            gains = [_difference(line.get(model, quantity), unit) for quantity in ("gain_over_floor", "gain_over_cell")]
            own = Cell(name, css="model", model=model)
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
                    Cell(""),
                    Cell(""),
                ]
                rows.append(Row(cells))
    return Table(caption, columns, rows, frozenset(range(2, 6)), folded=folded)


def _group_figures(context: Context, axis: Axis, lines: Sequence[Line]) -> list[Figure | None]:
    drawn = []
    for name in dict.fromkeys(line.name for line in lines):
        if name not in _PRINCIPAL.get(axis.key, ()):
            continue
        own = [line for line in lines if line.name == name]
        for subgroup, members in groupby(own, key=lambda line: line.group.partition("=")[0]):
            rows = [(line.group.partition("=")[2], _half(line), line) for line in members]
            drawn.append(figures.dots(f"By {plain(subgroup)}", rows, context.names))
    return drawn


def _groups_table(context: Context, axis: Axis, lines: Sequence[Line]) -> Table:
    """Groups with a value, and by name those without."""
    table = estimates_table(
        context,
        f"{axis.title}: by group",
        [line for line in lines if not line.skipped],
        lambda line: (context.where(line), f"{line.quantity.label}. {_half(line)}"),
    )
    return Table(table.caption, table.columns, table.rows, table.numeric, _skipped(context, lines))


def _skipped(context: Context, lines: Iterable[Line]) -> list[str]:
    named = {}
    for line in lines:
        if line.skipped:
            value = line.matched(0)
            named[context.where(line)] = value.reason or value.status.replace("_", " ")
    return [f"Skipped: {where} ({reason})." for where, reason in named.items()]


def _half(line: Line) -> str:
    size = line.reference.n_eff if line.reference and line.reference.n_eff is not None else None
    if size is None:
        return ""
    grey = ", too few for more than a look" if line.grey else ""
    return f"{count(round(size))} effective people in a half{grey}"


def _by_unit(lines: Iterable[Line]) -> list[tuple[str, list[Line]]]:
    units: dict[str, list[Line]] = {}
    for line in lines:
        units.setdefault(line.quantity.unit, []).append(line)
    return list(units.items())


def _unit_title(unit: str) -> str:
    return {
        "distance": "distances",
        "share": "shares",
        "ratio": "ratios",
        "slope": "slopes",
        "count": "counts",
        "bits": "bits per respondent",
    }.get(unit, "values")


def _reading(lines: Sequence[Line]) -> str:
    said = dict.fromkeys(f"{line.quantity.label}: {line.quantity.help}" for line in lines if line.quantity.help)
    words = {direction(line) for line in lines}
    tail = f"{words.pop().capitalize()}. " if len(words) == 1 else ""
    return f"{tail}{'. '.join(said)}." if said else tail


def _note(context: Context, line: Line) -> str:
    return context.where(line)


def _named(context: Context, line: Line) -> tuple[str, str]:
    where = context.where(line)
    return line.quantity.label, f"{where}. {direction(line)}" if where else direction(line)


def _principal_of(axis: str, lines: Sequence[Line]) -> str:
    present = [line.name for line in lines]
    return next((name for name in _PRINCIPAL.get(axis, ()) if name in present), present[0])


def _absent(context: Context, axis: str) -> list[str]:
    """Metrics of this axis that say nothing about this task."""
    return [
        f"{line.quantity.label}: not applicable, {reason}."
        for line, reason in context.lines.inapplicable()
        if line.axis == axis
    ]
