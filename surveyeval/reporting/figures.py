"""Dot-and-whisker figures: people, naive floors and models on one line.

People are dark, floors grey and hollow, models coloured and of different shapes, so that a figure also reads in print
and without colours. The first three colours are of Okabe and Ito's palette; all eight were chosen so that colour-blind readers tell them
apart (tests/reporting/test_colours.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from surveyeval.reporting import svg
from surveyeval.reporting.blocks import Figure, FigureRow, LegendEntry
from surveyeval.reporting.lines import Line, Value
from surveyeval.reporting.numbers import MISSING, interval, number, percent, with_interval
from surveyeval.reporting.quantities import floor_label

__all__ = [
    "COLOURS",
    "SHAPES",
    "dots",
    "draw_value",
    "floor_mark",
    "legend",
    "model_css",
    "model_key",
    "model_mark",
    "people_mark",
    "recovered",
    "tick_text",
]

SHAPES = ("circle", "square", "triangle", "wedge", "hexagon", "star")
#: Colours of the style sheet. Shapes and colours have other periods, so that 24 models differ in one or the other.
COLOURS = 8
_FLOORS = {
    "uniform": "cross",
    "mode": "plus",
    "pooled": "triangle",
    "marginal": "circle",
    "cell": "square",
    "chain": "diamond",
    "logit": "wedge",
    "hotdeck": "star",
    "copula": "hexagon",
}
#: Height of the first lane's middle and of each further lane; the style sheet sets numbers beside lanes by the same.
_TOP, _LANE = 11.0, 15.0


def model_css(model: int) -> str:
    """Class names of a model's marks."""
    return f"model m{model % COLOURS}"


def model_mark(model: int, x: str = "8", y: float = 8.0, size: float = 1.0) -> Markup:
    """The mark of a model."""
    return svg.marker(SHAPES[model % len(SHAPES)], x, y, model_css(model), size)


def model_key(model: int) -> Markup:
    """The mark of a model as an image of its own, to stand beside its name."""
    return svg.element("svg", model_mark(model), width=16, height=16, aria_hidden="true", class_="key")


def people_mark(x: str = "8", y: float = 8.0) -> Markup:
    """The mark of people."""
    return svg.marker("diamond", x, y, "people")


def floor_mark(name: str, x: str, y: float, css: str = "") -> Markup:
    """The mark of a naive floor or baseline."""
    return svg.marker(_FLOORS.get(name, "hexagon"), x, y, f"floor {css}".strip(), 0.8)


def legend(names: Sequence[str], floors: Iterable[str] = (), people: str = "") -> list[LegendEntry]:
    """Marks of people (when named), models and floors."""
    entries = [_entry(people_mark(), people)] if people else []
    entries += [_entry(model_mark(i), name) for i, name in enumerate(names)]
    entries += [_entry(floor_mark(name, "8", 8.0), floor_label(name)) for name in floors]
    return entries


def _entry(mark: Markup, text: str) -> LegendEntry:
    return LegendEntry(svg.element("svg", mark, width=16, height=16, aria_hidden="true", class_="key"), text)


def draw_value(
    scale: svg.Scale, value: Value, y: float, mark: str, model: int | None = None, factor: float = 1.0
) -> list[Markup]:
    """Whisker and dot of one value; an arrow where it lies beyond the axis."""
    css = "people" if model is None else model_css(model)
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
    title : str
    lines : sequence of (label, note, Line)
        Of one unit.
    names : sequence of str
        Of the models.
    caption : str
    """
    lines = [one for one in lines if not one[2].skipped]
    if not lines:
        return None
    unit = lines[0][2].quantity.unit
    scale = svg.Scale.around(
        _values(line for _, _, line in lines), zero=unit in ("distance", "share", "ratio", "count")
    )
    rows = [_row(scale, label, note, line, names) for label, note, line in lines]
    floors = dict.fromkeys(name for _, _, line in lines for name, value in line.floors.items() if value.ok)
    people = "" if all(line.individual for _, _, line in lines) else lines[0][2].words.half
    return Figure(title, caption, rows, _axis(scale, unit), legend(names, floors, people))


def _row(scale: svg.Scale, label: str, note: str, line: Line, names: Sequence[str]) -> FigureRow:
    css = " ".join(name for name, wanted in (("strong", line.headline), ("grey", line.grey)) if wanted)
    return FigureRow(label, _strip(scale, label, note, line, names), note, _lane_values(line), css)


def _lane_values(line: Line) -> list[tuple[str, str]]:
    """Numbers beside the lanes: people first, then each model."""
    unit, shown = line.quantity.unit, []
    for value in (line.reference, *(line.matched(model) for model in range(len(line.models)))):
        if value is None or not value.ok:
            shown.append((MISSING if value is not None and value is not line.reference else "", ""))
        elif value is line.reference and line.by_construction:
            shown.append((number(value.value, unit), "by construction"))
        else:
            shown.append((number(value.value, unit), interval(value.low, value.high, unit)))
    return shown


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


def _strip(scale: svg.Scale, label: str, note: str, line: Line, names: Sequence[str]) -> Markup:
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
            drawn.append(floor_mark(name, scale.at(value.value), _TOP, "named" if name == line.floor else ""))
    if reference:
        drawn += draw_value(scale, reference, _TOP, "diamond")
    for model in range(len(line.models)):
        y = _TOP + _LANE * (model + 1)
        drawn.append(svg.line(scale, scale.low, scale.high, y, "lane"))
        drawn += draw_value(scale, line.matched(model), y, SHAPES[model % len(SHAPES)], model)
    title = f"{label}, {note}" if note else label
    return svg.strip(height, title, *drawn, description=_description(line, names))


def _description(line: Line, names: Sequence[str]) -> str:
    """The figure in words, for readers who do not see it."""
    unit, said = line.quantity.unit, []
    for model, name in enumerate(names):
        value = line.matched(model)
        text = with_interval(value.value, value.low, value.high, unit) if value.ok else value.status.replace("_", " ")
        said.append(f"{name} {text}")
    if line.reference and line.reference.ok:
        one = line.reference
        said.append(f"{line.words.half} {with_interval(one.value, one.low, one.high, unit)}")
    said += [f"{floor_label(name)} {number(value.value, unit)}" for name, value in line.floors.items() if value.ok]
    return "; ".join(said)


def _grid(scale: svg.Scale, height: float) -> Markup:
    lines = [
        svg.element("line", x1=scale.at(tick), x2=scale.at(tick), y1=0.0, y2=height, class_="grid")
        for tick in scale.ticks()
    ]
    return Markup("").join(lines)


def _axis(scale: svg.Scale, unit: str) -> Markup:
    ticks = scale.ticks()
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    drawn = [svg.label(scale, tick, 12, tick_text(tick, step, unit)) for tick in ticks]
    return svg.strip(16, "", *drawn, css="strip axis", hidden=True)


def tick_text(value: float, step: float, unit: str) -> str:
    """A number at an axis whose ticks are `step` apart."""
    if unit == "share":
        return percent(value, 0 if step >= 0.0099 else 1)
    decimals = 0 if step >= 0.999 else 1 if step >= 0.0999 else 2 if step >= 0.00999 else 3
    return f"{value:,.{decimals}f}".replace("-", "−")


#: The axis of the figure of recovered shares; values beyond are arrows.
_FROM_NAIVE_TO_HUMAN = svg.Scale(-0.5, 1.5)


def recovered(lines: Sequence[tuple[str, str, Line]], names: Sequence[str]) -> Figure | None:
    """How far from the naive floor (0) to a second human sample (1) each model comes, on each axis by itself."""
    scale, rows, withheld = _FROM_NAIVE_TO_HUMAN, [], []
    for label, note, line in lines:
        values = [line.get(model, "recovered") for model in range(len(names))]
        if not any(value.ok for value in values):
            withheld += [note] if any(value.status == "not_resolved" for value in values) else []
            continue
        height = _LANE * len(names) + 6
        drawn = [
            svg.element("line", x1=scale.at(x), x2=scale.at(x), y1=0.0, y2=height, class_=css)
            for x, css in ((0.0, "naive"), (1.0, "reference"))
        ]
        said, shown = [], []
        for model, (name, value) in enumerate(zip(names, values, strict=True)):
            y = 3 + _LANE * (model + 0.5)
            drawn.append(svg.line(scale, scale.low, scale.high, y, "lane"))
            drawn += draw_value(scale, value, y, SHAPES[model % len(SHAPES)], model)
            text = percent(value.value) if value.ok else value.status.replace("_", " ")
            said.append(f"{name} {text}")
            shown.append((percent(value.value), interval(value.low, value.high, "percent") if value.ok else text))
        strip = svg.strip(height, f"{label}, {note}: recovered", *drawn, description="; ".join(said))
        rows.append(FigureRow(label, strip, note, shown))
    if not rows:
        return None
    words = lines[0][2].words
    ticks = [
        svg.label(scale, 0.0, 12, "naive"),
        svg.label(scale, 0.5, 12, "half way"),
        svg.label(scale, 1.0, 12, words.short),
    ]
    apart = f" Withheld, floor and {words.people} too close at this n: {'; '.join(withheld)}." if withheld else ""
    return Figure(
        f"From naive to {'human' if words.people == 'people' else words.people}, axis by axis",
        f"0% is the naive floor of the axis, 100% {words.sample} of the same size. Whiskers: 95% intervals. Arrows lie "
        f"beyond the figure. The axes are not to be added up.{apart}",
        rows,
        svg.strip(16, "", *ticks, css="strip axis", hidden=True),
        legend(names),
        "flush",
    )
