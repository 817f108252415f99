"""Dot-and-whisker figures: people, naive floors and models on one line.

People are dark, floors grey and hollow, models coloured (Okabe and Ito's palette, which colour-blind readers can tell
apart) and of different shapes, so that a figure also reads in print.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from surveyeval.reporting import svg
from surveyeval.reporting.blocks import Figure, FigureRow, LegendEntry
from surveyeval.reporting.lines import Line, Value
from surveyeval.reporting.numbers import number, percent, with_interval
from surveyeval.reporting.quantities import floor_label

__all__ = ["SHAPES", "dots", "draw_value", "legend", "model_mark", "people_mark", "recovered"]

SHAPES = ("circle", "square", "triangle", "wedge", "hexagon", "diamond")
_FLOORS = {
    "uniform": "cross",
    "mode": "plus",
    "pooled": "triangle",
    "marginal": "circle",
    "cell": "square",
    "chain": "diamond",
}
_TOP, _LANE = 11.0, 15.0


def model_mark(model: int, x: str = "8", y: float = 8.0, size: float = 1.0) -> Markup:
    """The mark of a model."""
    return svg.marker(SHAPES[model % len(SHAPES)], x, y, f"model m{model % 6}", size)


def people_mark(x: str = "8", y: float = 8.0) -> Markup:
    """The mark of people."""
    return svg.marker("diamond", x, y, "people")


def _floor_mark(name: str, x: str, y: float, css: str = "") -> Markup:
    return svg.marker(_FLOORS.get(name, "hexagon"), x, y, f"floor {css}".strip(), 0.8)


def legend(names: Sequence[str], floors: Iterable[str], people: str = "people, other half") -> list[LegendEntry]:
    """Marks of people, models and floors."""
    entries = [_entry(people_mark(), people)]
    entries += [_entry(model_mark(i), name) for i, name in enumerate(names)]
    entries += [_entry(_floor_mark(name, "8", 8.0), floor_label(name)) for name in floors]
    return entries


def _entry(mark: Markup, text: str) -> LegendEntry:
    return LegendEntry(svg.element("svg", mark, width=16, height=16, aria_hidden="true", class_="key"), text)


def draw_value(
    scale: svg.Scale, value: Value, y: float, mark: str, model: int | None = None, factor: float = 1.0
) -> list[Markup]:
    """Whisker and dot of one value; an arrow where it lies beyond the axis."""
    css = "people" if model is None else f"model m{model % 6}"
    if not value.ok or value.value is None:
        return []
    drawn: list[Markup] = []
    centre = value.value / factor
    if value.low is not None and value.high is not None:
        low, high = value.low / factor, value.high / factor
        if high >= scale.low and low <= scale.high:
            drawn.append(svg.line(scale, low, high, y, f"whisker {css}"))
    drawn.append(
        svg.marker(mark, scale.at(centre), y, css) if scale.inside(centre) else svg.arrow(scale, centre, y, css)
    )
    return drawn


def dots(title: str, lines: Sequence[tuple[str, str, Line]], names: Sequence[str], caption: str = "") -> Figure | None:
    """One row for each line, all on one scale.

    Parameters
    ----------
    lines : sequence of (label, note, Line)
        Of one unit.
    """
    lines = [one for one in lines if not one[2].skipped]
    if not lines:
        return None
    unit = lines[0][2].quantity.unit
    scale = svg.Scale.around(
        _values(line for _, _, line in lines), zero=unit in ("distance", "share", "ratio", "count")
    )
    rows = [
        FigureRow(label, _strip(scale, label, line, names), note, css=" ".join(_css(line)))
        for label, note, line in lines
    ]
    floors = dict.fromkeys(name for _, _, line in lines for name, value in line.floors.items() if value.ok)
    people = "" if all(line.individual for _, _, line in lines) else "people, other half"
    entries = legend(names, floors, people)
    return Figure(title, caption, rows, _axis(scale, unit), entries if people else entries[1:])


def _css(line: Line) -> list[str]:
    return [name for name, wanted in (("strong", line.headline), ("grey", line.grey)) if wanted]


def _values(lines: Iterable[Line]) -> list[float]:
    """Everything that must be on the axis."""
    found: list[float] = []
    for line in lines:
        shown = [line.matched(i) for i in range(len(line.models))]
        shown += [line.reference] if line.reference else []
        for value in shown:
            found += [x for x in (value.value, value.low, value.high) if value.ok and x is not None]
        found += [value.value for value in line.floors.values() if value.ok and value.value is not None]
    return found


def _strip(scale: svg.Scale, label: str, line: Line, names: Sequence[str]) -> Markup:
    height = _TOP + _LANE * len(line.models) + 9
    drawn = [_grid(scale, height), svg.line(scale, scale.low, scale.high, _TOP, "lane")]
    reference = line.reference
    if reference and reference.ok and reference.value is not None:
        if reference.low is not None and reference.high is not None:
            drawn.append(svg.rectangle(scale, reference.low, reference.high, 0, height, "band"))
        x = scale.at(reference.value)
        drawn.append(svg.element("line", x1=x, x2=x, y1=0.0, y2=height, class_="reference"))
    for name, value in line.floors.items():
        if value.ok and value.value is not None:
            drawn.append(_floor_mark(name, scale.at(value.value), _TOP, "named" if name == line.floor else ""))
    if reference:
        drawn += draw_value(scale, reference, _TOP, "diamond")
    for model in range(len(line.models)):
        y = _TOP + _LANE * (model + 1)
        drawn.append(svg.line(scale, scale.low, scale.high, y, "lane"))
        drawn += draw_value(scale, line.matched(model), y, SHAPES[model % len(SHAPES)], model)
    return svg.strip(height, _title(label, line, names), *drawn)


def _title(label: str, line: Line, names: Sequence[str]) -> str:
    """The figure in words, for readers who do not see it."""
    unit, said = line.quantity.unit, []
    for model, name in enumerate(names):
        value = line.matched(model)
        said.append(f"{name} {with_interval(value.value, value.low, value.high, unit) if value.ok else value.status}")
    if line.reference and line.reference.ok:
        one = line.reference
        said.append(f"people, other half {with_interval(one.value, one.low, one.high, unit)}")
    said += [f"{floor_label(name)} {number(value.value, unit)}" for name, value in line.floors.items() if value.ok]
    return f"{label}: {'; '.join(said)}"


def _grid(scale: svg.Scale, height: float) -> Markup:
    lines = [
        svg.element("line", x1=scale.at(tick), x2=scale.at(tick), y1=0.0, y2=height, class_="grid")
        for tick in scale.ticks()
    ]
    return Markup("").join(lines)


def _axis(scale: svg.Scale, unit: str) -> Markup:
    ticks = scale.ticks()
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    drawn = [svg.label(scale, tick, 12, _tick(tick, step, unit)) for tick in ticks]
    return svg.strip(16, "", *drawn, css="strip axis", hidden=True)


def _tick(value: float, step: float, unit: str) -> str:
    if unit == "share":
        return percent(value, 0 if step >= 0.0099 else 1)
    decimals = 0 if step >= 0.999 else 1 if step >= 0.0999 else 2 if step >= 0.00999 else 3
    return f"{value:,.{decimals}f}".replace("-", "−")


#: The axis of the figure of recovered shares; values beyond are arrows.
_FROM_NAIVE_TO_HUMAN = svg.Scale(-0.5, 1.5)


def recovered(lines: Sequence[tuple[str, str, Line]], names: Sequence[str]) -> Figure | None:
    """How far from the naive floor (0) to a second human sample (1) each model comes, on each axis by itself."""
    scale, rows = _FROM_NAIVE_TO_HUMAN, []
    for label, note, line in lines:
        values = [line.get(model, "recovered") for model in range(len(names))]
        if not any(value.ok for value in values):
            continue
        height = _LANE * len(names) + 6
        drawn = [
            svg.element("line", x1=scale.at(x), x2=scale.at(x), y1=0.0, y2=height, class_=css)
            for x, css in ((0.0, "naive"), (1.0, "reference"))
        ]
        said = []
        for model, (name, value) in enumerate(zip(names, values, strict=True)):
            y = 3 + _LANE * (model + 0.5)
            drawn.append(svg.line(scale, scale.low, scale.high, y, "lane"))
            drawn += draw_value(scale, value, y, SHAPES[model % len(SHAPES)], model)
            text = percent(value.value) if value.ok else value.status.replace("_", " ")
            said.append(f"{name} {text}")
        rows.append(FigureRow(label, svg.strip(height, f"{label}, recovered: {'; '.join(said)}", *drawn), note))
    if not rows:
        return None
    ticks = [
        svg.label(scale, 0.0, 12, "naive"),
        svg.label(scale, 0.5, 12, "half way"),
        svg.label(scale, 1.0, 12, "people"),
    ]
    return Figure(
        "From naive to human, axis by axis",
        "0 is the naive floor of the axis, 1 a second human sample of the same size. Whiskers: 95% interval. Arrows lie "
        "beyond the figure. The axes are not to be added up.",
        rows,
        svg.strip(16, "", *ticks, css="strip axis", hidden=True),
        legend(names, ())[1:],
    )
