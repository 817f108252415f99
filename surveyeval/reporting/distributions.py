"""Figures and tables of the descriptive tables: shares of each option, and coefficients of the original regressions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from surveyeval.reporting import svg
from surveyeval.reporting.blocks import Cell, Figure, FigureRow, Row, Table
from surveyeval.reporting.figures import SHAPES, draw_value
from surveyeval.reporting.lines import Value
from surveyeval.reporting.numbers import MISSING, coefficient, count, interval, number, percent

__all__ = ["by_arm", "coefficient_tables", "forests", "shares", "shares_table"]

Rows = Sequence[Mapping[str, Any]]


def shares(tables: Sequence[Mapping[str, Any]], names: Sequence[str], people: str) -> list[Figure]:
    """One figure for each item: bars are people with Wilson intervals, marks are models."""
    per_model = [[row for row in table["distributions"] if row["arm"] == ""] for table in tables]
    largest = max(
        (
            row[side]
            for rows in per_model
            for row in rows
            for side in ("human", "human_high", "simulated")
            if row[side] is not None
        ),
        default=0.0,
    )
    largest = largest or 1.0  # nobody has an answer that could be drawn
    scale = svg.Scale(0.0, min(1.0, largest * 1.02), margin=1.5)
    figures = []
    for item, grouped in groupby(enumerate(per_model[0]), key=lambda pair: pair[1]["item"]):
        positions = list(grouped)
        first = positions[0][1]
        rows = []
        for position, row in positions:
            model_shares = [model[position]["simulated"] for model in per_model]
            drawing = _bar(scale, row, model_shares, names, people)
            rows.append(FigureRow(str(row["label"]), drawing, values=[(percent(row["human"]), "")]))
        figures.append(
            Figure(
                str(first["question"]),
                f"{item} · {first['role']}, {first['kind']} · wording {first['wording']} · {first['n_human']:,} {people}",
                rows,
                svg.strip(
                    16,
                    "",
                    *(svg.label(scale, x, 12, percent(x)) for x in scale.ticks(4)),
                    css="strip axis",
                    hidden=True,
                ),
                css="bars",
            )
        )
    return figures


def _bar(
    scale: svg.Scale, row: Mapping[str, Any], model_shares: Sequence[float | None], names: Sequence[str], people: str
) -> Markup:
    height = max(20.0, 10.0 * len(names) + 8)
    drawn = [
        svg.element("line", x1=scale.at(x), x2=scale.at(x), y1=0.0, y2=height, class_="grid") for x in scale.ticks(4)
    ]
    if row["human"] is not None:
        drawn.append(svg.rectangle(scale, 0.0, row["human"], 2, height - 4, "bar"))
        if row["human_low"] is not None and row["human_high"] is not None:
            drawn.append(svg.line(scale, row["human_low"], row["human_high"], height / 2, "whisker people"))
    step = (height - 6) / len(names)
    said = [f"{people} {percent(row['human'])}"]
    for model, share in enumerate(model_shares):
        value = Value(value=share)
        drawn += draw_value(scale, value, 3 + step * (model + 0.5), SHAPES[model % len(SHAPES)], model)
        said.append(f"{names[model]} {percent(share)}")
    return svg.strip(height, str(row["label"]), *drawn, description=", ".join(said))


def shares_table(tables: Sequence[Mapping[str, Any]], names: Sequence[str], people: str) -> Table:
    """The figures of `shares` as one table."""
    per_model = [[row for row in table["distributions"] if row["arm"] == ""] for table in tables]
    sizes = Counter(row["item"] for row in per_model[0])
    rows = []
    for position, row in enumerate(per_model[0]):
        first = position == 0 or per_model[0][position - 1]["item"] != row["item"]
        head = Cell(row["item"], f"{row['n_human']:,} {people}", head=True, rows=sizes[row["item"]]) if first else None
        held = Cell(percent(row["human"], 1), interval(row["human_low"], row["human_high"], "share"), "number")
        own = [Cell(percent(model[position]["simulated"], 1), css="number") for model in per_model]
        rows.append(Row([head, Cell(row["label"]), held, *own], "first" if first else ""))
    columns = ["Item", "Option", people.capitalize(), *names]
    return Table("Shares of every option", columns, rows, frozenset(range(2, len(columns))), folded=True)


def means_table(tables: Sequence[Mapping[str, Any]], names: Sequence[str], people: str) -> Table | None:
    """Means of items with ordered answers or numbers, with the intervals of the sampling design."""
    per_model = [[row for row in table.get("means", []) if row["arm"] == ""] for table in tables]
    rows = []
    for position, row in enumerate(per_model[0]):
        own = [Cell(number(model[position]["simulated"], "ratio"), css="number") for model in per_model]
        held = Cell(number(row["human"], "ratio"), interval(row["human_low"], row["human_high"], "ratio"), "number")
        freedom = Cell(count(row["degrees_of_freedom"]), css="number muted")
        rows.append(Row([Cell(row["item"], f"{count(row['n_human'])} {people}", head=True), held, freedom, *own]))
    if not rows:
        return None
    note = (
        f"Full test sample. The 95% intervals of {people} follow from weights, strata and clusters where the source has them, with "
        "these degrees of freedom; those of a simulation would describe the model, and are not given."
    )
    columns = ["Item", people.capitalize(), "Degrees of freedom", *names]
    return Table(
        "Means of ordered and numeric items", columns, rows, frozenset(range(1, len(columns))), [note], folded=True
    )


def by_arm(
    tables: Sequence[Mapping[str, Any]], names: Sequence[str], arms: Mapping[str, str], people: str
) -> list[Table]:
    """Shares of every option by arm, a table for each item: people first, then each model."""
    per_model = [[row for row in table["distributions"] if row["arm"] != ""] for table in tables]
    result = []
    for item in dict.fromkeys(str(row["item"]) for row in per_model[0]):
        positions_of: dict[str, list[int]] = {}
        for position, row in enumerate(per_model[0]):
            if row["item"] == item:
                positions_of.setdefault(str(row["arm"]), []).append(position)
        rows = []
        for arm, positions in positions_of.items():
            own = [per_model[0][position] for position in positions]
            head = Cell(arms.get(arm, arm), f"{own[0]['n_human']:,} {people}", head=True, rows=1 + len(names))
            rows.append(Row([head, Cell(people), *(Cell(percent(row["human"]), css="number") for row in own)], "first"))
            for model, name in enumerate(names):
                values = [percent(per_model[model][position]["simulated"]) for position in positions]
                rows.append(Row([None, Cell(name, model=model), *(Cell(text, css="number") for text in values)]))
        options = [str(per_model[0][position]["label"]) for position in next(iter(positions_of.values()))]
        numeric = frozenset(range(2, 2 + len(options)))
        result.append(Table(f"Shares by arm: {item}", ["Arm", "Who", *options], rows, numeric, folded=True))
    return result


def forests(tables: Sequence[Mapping[str, Any]], names: Sequence[str], people: str) -> list[Figure]:
    """A forest plot for each regression, in standard errors of the people's estimate so that terms can be compared."""
    figures = []
    for (regression, formula), positions in _regressions(tables[0]["coefficients"]):
        rows = []
        shown = [position for position in positions if tables[0]["coefficients"][position].get("term")]
        limit = _limit([tables[0]["coefficients"][position] for position in shown])
        scale = svg.Scale(-limit, limit)
        for position in shown:
            human = tables[0]["coefficients"][position]
            error = human["human_se"]
            height = 20.0 + 15 * len(names)
            zero = svg.element("line", x1=scale.at(0), x2=scale.at(0), y1=0.0, y2=height, class_="zero")
            drawn, said, values = [zero], [], [(coefficient(human["human"]), "")]
            if error:
                drawn += draw_value(scale, _value(human, "human"), 11, "diamond", factor=error)
                said.append(f"{people} {coefficient(human['human'])}")
                for model, name in enumerate(names):
                    own = tables[model]["coefficients"][position]
                    y = 11.0 + 15 * (model + 1)
                    drawn += draw_value(scale, _value(own, "simulated"), y, SHAPES[model % len(SHAPES)], model, error)
                    said.append(f"{name} {coefficient(own['simulated'])}")
                    values.append((coefficient(own["simulated"]), ""))
            note = "" if error else f"not estimable for {people}"
            strip = svg.strip(height, str(human["term"]), *drawn, description="; ".join(said) or note)
            rows.append(FigureRow(str(human["term"]), strip, note, values if error else ()))
        if rows:
            ticks = [svg.label(scale, tick, 12, f"{tick:g}".replace("-", "−")) for tick in scale.ticks()]
            axis = svg.strip(16, "", *ticks, css="strip axis", hidden=True)
            figures.append(Figure(str(regression), formula, rows, axis, css="forest"))
    return figures


def _regressions(rows: Rows) -> list[tuple[tuple[str, str], list[int]]]:
    numbered = groupby(enumerate(rows), key=lambda pair: (pair[1]["regression"], pair[1]["formula"]))
    return [(key, [position for position, _ in members]) for key, members in numbered]


def _limit(rows: Rows) -> float:
    """Half-width of a forest plot: everything about people, the rest may be an arrow."""
    reach: list[float] = [
        abs(row[end]) / row["human_se"]
        for row in rows
        if row.get("human_se")
        for end in ("human_low", "human_high")
        if row[end] is not None
    ]
    return min(max([4.0, *reach]) * 1.15, 40.0)


def _value(row: Mapping[str, Any], side: str) -> Value:
    return Value(row[side], row[f"{side}_low"], row[f"{side}_high"])


def coefficient_tables(tables: Sequence[Mapping[str, Any]], names: Sequence[str], people: str) -> list[Table]:
    """Every coefficient with its interval, people and models side by side, on the full test sample."""
    result = []
    for (regression, formula), positions in _regressions(tables[0]["coefficients"]):
        terms = [position for position in positions if tables[0]["coefficients"][position]["term"]]
        held = [[table["coefficients"][position] for table in tables] for position in terms]
        if not held:
            continue
        first = held[0][0]
        truth = any(models[0].get("truth") is not None for models in held)
        columns = ["Term", "Block", *(["Truth"] if truth else []), people.capitalize(), *names]
        rows, notes = [], []
        for models in held:
            own = models[0]
            cells = [Cell(own["term"], head=True, css="mono"), Cell(own["block"], css="muted")]
            cells += [Cell(coefficient(own["truth"]), css="number")] if truth else []
            cells.append(_cell(own, "human"))
            cells += [_cell(row, "simulated") for row in models]
            rows.append(Row(cells))
            for name, row in zip(names, models, strict=True):
                if row["reason"]:
                    notes.append(f"{own['term']} is not estimable with {name}. {row['reason']}.")
        sizes = ", ".join(f"{name} {row['n_simulated']:,}" for name, row in zip(names, held[0], strict=True))
        family = _estimator(first)
        errors = _ERRORS.get(str(first.get("errors_human")), "")
        notes.insert(0, f"{family}{errors}. Complete rows: {people} {first['n_human']:,}, {sizes}.")
        numeric = frozenset(range(2, len(columns)))
        caption = f"{regression}: {formula}"
        result.append(Table(caption, columns, rows, numeric, tuple(dict.fromkeys(notes)), folded=True))
    return result


def _estimator(row: Mapping[str, Any]) -> str:
    """How coefficients were estimated, and of which answer: the sign of a logit depends on it."""
    if row["family"] == "ols":
        return "Least squares"
    event = row.get("event")  # runs before it was stored have no such field
    return f"Logit of “{event}”, maximum likelihood" if event else "Logit, maximum likelihood"


#: What an error of a coefficient allows for.
_ERRORS = {
    "HC2": ", HC2 errors",
    "CR2": ", CR2 errors (clusters)",
    "linearised": ", linearised errors (weights, strata and clusters)",
    "model": ", model-based errors",
}


def _cell(row: Mapping[str, Any], side: str) -> Cell:
    if row[side] is None:
        return Cell(MISSING, "not estimable", "number muted")
    low, high = row[f"{side}_low"], row[f"{side}_high"]
    bounds = f"{coefficient(low)} to {coefficient(high)}" if interval(low, high) else ""
    return Cell(coefficient(row[side]), bounds, "number")
