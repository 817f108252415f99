"""Curves over the size of the pilot: language models in colour with their bands, baselines thin and grey, people as a band.

The axis of sizes is logarithmic, and its ticks are the sizes that were tried. Baselines carry the marks that floors have
on the card of a run, models theirs, so that a figure also reads without colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from surveyeval.reporting import svg
from surveyeval.reporting.blocks import Figure, FigureRow, LegendEntry
from surveyeval.reporting.figures import floor_mark, model_css, model_mark, people_mark, tick_text
from surveyeval.reporting.numbers import count, enumerate_words, interval, number

__all__ = ["Curve", "Point", "curve_legend", "size_curves"]

_PAD = 10.0
#: Columns of the page beside the drawing, as in the style sheet: numbers on the left, names on the right.
_LEFT, _RIGHT = 46, 168
#: A curve is drawn whole when the axis need not grow to more than so many times what must be on it.
_STRETCH = 2.5
_LABEL = 14.0


@dataclass(frozen=True)
class Point:
    """A value at one pilot size, with its smallest and largest value over draws and seeds."""

    size: float
    value: float
    least: float
    most: float


@dataclass(frozen=True)
class Curve:
    """One method over pilot sizes.

    Parameters
    ----------
    label : str
    points : sequence of Point
        In the order of sizes.
    mark : int or None
        Position of a language model; None for a baseline.
    baseline : str
        Name of the baseline.
    level : bool
        Whether it knows no pilot, and is a horizontal line.
    """

    label: str
    points: Sequence[Point] = field(default=())
    mark: int | None = None
    baseline: str = ""
    level: bool = False

    @property
    def values(self) -> list[float]:
        """Everything that its line and band reach."""
        return [value for point in self.points for value in (point.value, point.least, point.most)]

    @property
    def css(self) -> str:
        """Class names of its line."""
        kind = "alone" if self.mark is None else model_css(self.mark)
        return f"curve {kind}{' broken' if self.level else ''}"

    def draw_mark(self, x: str, y: float, size: float = 0.75) -> Markup:
        """Its mark at a place."""
        return floor_mark(self.baseline, x, y) if self.mark is None else model_mark(self.mark, x, y, size)


def curve_legend(curves: Iterable[Curve], people: str = "") -> list[LegendEntry]:
    """Marks and lines of people (when named), models and baselines, each once."""
    entries: dict[str, LegendEntry] = {}
    if people:
        band = svg.element("rect", x=0, y=2, width=28, height=12, class_="band")
        entries[people] = _entry(people, band, _key_line("reference"), people_mark("14"))
    for curve in sorted(curves, key=lambda one: (one.mark is None, one.mark or 0)):
        entries.setdefault(curve.label, _entry(curve.label, _key_line(curve.css), curve.draw_mark("14", 8.0)))
    return list(entries.values())


def _key_line(css: str) -> Markup:
    return svg.element("line", x1=0, x2=28, y1=8.0, y2=8.0, class_=css)


def _entry(label: str, *drawn: Markup) -> LegendEntry:
    return LegendEntry(svg.element("svg", *drawn, width=28, height=16, aria_hidden="true", class_="key"), label)


def size_curves(
    title: str,
    curves: Sequence[Curve],
    unit: str,
    *,
    caption: str = "",
    reference: tuple[float, float, float] | None = None,
    people: str = "people",
    height: float = 190.0,
    named: bool = False,
) -> Figure | None:
    """A figure of curves over pilot size; None without any value.

    Parameters
    ----------
    title, caption : str
    curves : sequence of Curve
    unit : str
        As in `surveyeval.reporting.numbers.number`.
    reference : (value, low, high), optional
        People against people; the ends may be NaN.
    people : str
        What they are called.
    height : float
        Of the drawing, in pixels.
    named : bool
        Whether names stand at the ends of the lines; otherwise there is a legend alone.
    """
    held = [curve for curve in curves if curve.points]
    if not held:
        return None
    up, beyond = _value_scale(held, reference)
    sizes = sorted({point.size for curve in held if not curve.level for point in curve.points})
    sizes = sizes or sorted({point.size for curve in held for point in curve.points})
    drawing = _Drawing(_size_scale(sizes), up, height)
    strip = svg.strip(
        height + 20,
        title,
        *drawing.grid(),
        *drawing.people(reference),
        *drawing.lines(held),
        *drawing.marks(held),
        *drawing.sizes(sizes),
        description=_description(held, unit, reference, people),
    )
    parts = [drawing.numbers(unit), strip]
    if named:
        parts.append(drawing.names(held, reference, people))
    plot = Markup('<div class="plot">{}</div>').format(Markup("").join(parts))
    said = f"{caption} {_beyond(beyond, unit)}".strip()
    css = "curves named" if named else "curves"
    legend = curve_legend(held, people if reference else "")
    return Figure(title, said, [FigureRow("", plot)], None, legend, css)


def _size_scale(sizes: Sequence[float]) -> svg.Scale:
    """Logarithms of sizes; a single size stands in the middle."""
    low, high = math.log(sizes[0]), math.log(sizes[-1])
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    return svg.Scale(low, high, 3.0)


def _value_scale(
    curves: Sequence[Curve], reference: tuple[float, float, float] | None
) -> tuple[svg.Scale, list[tuple[str, float]]]:
    """Values on the axis, and curves that lie beyond it in part or whole, each with the value that is farthest.

    Models with a pilot, and people, are always on it, and so is the best baseline at each size. Others are where the axis
    need not grow much for them: one method far off would flatten all others.
    """
    must = [value for curve in curves if curve.mark is not None and not curve.level for value in curve.values]
    if reference:
        must += [value for value in reference if math.isfinite(value)]
    must = must or [value for curve in curves if curve.mark is None for value in curve.values] or curves[0].values
    low, high = min(must), max(must)
    room = max(high - low, 0.02 * max(abs(low), abs(high)), 1e-9) * _STRETCH
    beyond = []
    for curve in sorted(curves, key=lambda one: max(max(one.values) - high, low - min(one.values))):
        least, most = min(low, *curve.values), max(high, *curve.values)
        if most - least <= room:
            low, high = least, most
        else:
            beyond.append((curve.label, max(curve.values, key=lambda value: max(value - high, low - value))))
    return svg.Scale.around([low, high]), beyond


def _beyond(beyond: Sequence[tuple[str, float]], unit: str) -> str:
    said = [f"{label} (up to {number(value, unit)})" for label, value in beyond]
    return f"Beyond the figure, at least in part: {enumerate_words(said)}." if said else ""


def _description(curves: Sequence[Curve], unit: str, reference: tuple[float, float, float] | None, people: str) -> str:
    """The figure in words."""
    said = []
    for curve in curves:
        values = []
        for point in curve.points[-1:] if curve.level else curve.points:
            band = interval(point.least, point.most, unit) if point.least < point.most else ""
            at = "" if curve.level else f" at {count(point.size)}"
            values.append(f"{number(point.value, unit)}{at}{f' ({band})' if band else ''}")
        said.append(f"{curve.label} {', '.join(values)}")
    if reference:
        said.append(f"{people} {number(reference[0], unit)}")
    return "; ".join(said)


class _Drawing:
    """Two scales and what is drawn on them. Lines are in a stretched frame, so that they can have corners."""

    def __init__(self, across: svg.Scale, up: svg.Scale, height: float) -> None:
        self.across, self.up, self.height = across, up, height

    def x(self, size: float) -> float:
        """Per cent of the width."""
        return float(self.across.at(math.log(size)).rstrip("%"))

    def y(self, value: float) -> float:
        """Pixels from the top; values beyond the axis lie beyond the drawing."""
        share = (self.up.high - value) / (self.up.high - self.up.low)
        return _PAD + (self.height - 2 * _PAD) * share

    def grid(self) -> list[Markup]:
        return [
            svg.element("line", x1="0", x2="100%", y1=self.y(tick), y2=self.y(tick), class_="grid")
            for tick in self.up.ticks(max(3, round(self.height / 50)))
        ]

    def people(self, reference: tuple[float, float, float] | None) -> list[Markup]:
        if reference is None:
            return []
        value, low, high = reference
        drawn = []
        if math.isfinite(low) and math.isfinite(high):
            top, bottom = self.y(high), self.y(low)
            drawn.append(svg.element("rect", x="0", width="100%", y=top, height=bottom - top, class_="band"))
        ends = {"x1": "0", "x2": "100%", "y1": self.y(value), "y2": self.y(value)}
        return [*drawn, svg.element("line", **ends, class_="reference")]

    def lines(self, curves: Sequence[Curve]) -> list[Markup]:
        drawn: list[Markup] = []
        for curve in sorted(curves, key=lambda one: one.mark is not None):
            if curve.mark is not None and any(point.least < point.most for point in curve.points):
                edge = [(self.x(point.size), self.y(point.most)) for point in curve.points]
                edge += [(self.x(point.size), self.y(point.least)) for point in reversed(curve.points)]
                drawn.append(svg.element("polygon", points=_places(edge), class_=f"spread {model_css(curve.mark)}"))
            places = [(self.x(point.size), self.y(point.value)) for point in curve.points]
            if curve.level:
                places = [(0.0, places[-1][1]), (100.0, places[-1][1])]
            drawn.append(svg.element("polyline", points=_places(places), class_=curve.css))
        frame = {"width": "100%", "height": self.height, "viewBox": f"0 0 100 {self.height:g}"}
        return [svg.element("svg", *drawn, preserveAspectRatio="none", **frame)]

    def marks(self, curves: Sequence[Curve]) -> list[Markup]:
        drawn: list[Markup] = []
        for curve in sorted(curves, key=lambda one: one.mark is not None):
            for point in curve.points:
                if not self.up.inside(point.value):
                    continue
                x, y = self.across.at(math.log(point.size)), self.y(point.value)
                single = len(curve.points) == 1 or curve.points[0].size == curve.points[-1].size
                if single and curve.mark is not None and point.least < point.most:
                    ends = {"x1": x, "x2": x, "y1": self.y(point.least), "y2": self.y(point.most)}
                    drawn.append(svg.element("line", **ends, class_=f"whisker {model_css(curve.mark)}"))
                drawn.append(curve.draw_mark(x, y))
        return drawn

    def sizes(self, sizes: Sequence[float]) -> list[Markup]:
        drawn, last = [], -math.inf
        base = self.height
        for size in sizes:
            x = self.across.at(math.log(size))
            drawn.append(svg.element("line", x1=x, x2=x, y1=base - 4, y2=base, class_="lane"))
            if self.x(size) - last >= 7:
                drawn.append(svg.element("text", count(size), x=x, y=base + 14, text_anchor="middle", class_="tick"))
                last = self.x(size)
        return drawn

    def numbers(self, unit: str) -> Markup:
        ticks = self.up.ticks(max(3, round(self.height / 50)))
        step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
        drawn = [
            svg.element(
                "text", tick_text(tick, step, unit), x=_LEFT - 6, y=self.y(tick) + 4, text_anchor="end", class_="tick"
            )
            for tick in ticks
        ]
        return svg.element("svg", *drawn, width=_LEFT, height=self.height + 20, class_="ticks", aria_hidden="true")

    def names(self, curves: Sequence[Curve], reference: tuple[float, float, float] | None, people: str) -> Markup:
        """Names at the height of the last values, moved apart, with a line to where they belong."""
        wanted = [(self._end(curve), curve.label, curve) for curve in curves if self._end(curve) is not None]
        entries: list[tuple[float, str, Curve | None]] = [(y or 0.0, label, curve) for y, label, curve in wanted]
        if reference:
            entries.append((self.y(reference[0]), people, None))
        entries.sort(key=lambda one: one[0])
        drawn: list[Markup] = []
        for (y, label, curve), place in zip(entries, _apart([y for y, *_ in entries], self.height), strict=True):
            css = "reference" if curve is None else curve.css.replace(" broken", "")
            drawn.append(svg.element("polyline", points=f"0,{y:.1f} 14,{place:.1f}", class_=f"leader {css}"))
            drawn.append(people_mark("23", place) if curve is None else curve.draw_mark("23", place))
            drawn.append(svg.element("text", label, x=34, y=place + 4, class_="name"))
        return svg.element("svg", *drawn, width=_RIGHT, height=self.height + 20, class_="names", aria_hidden="true")

    def _end(self, curve: Curve) -> float | None:
        value = curve.points[-1].value
        return self.y(value) if self.up.inside(value) else None


def _places(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def _apart(wanted: Sequence[float], height: float) -> list[float]:
    """Places for labels as near as they go to where they are wanted, in the same order and none over another."""
    places: list[float] = []
    for y in wanted:
        places.append(max(y, places[-1] + _LABEL) if places else max(y, _LABEL / 2))
    limit = height + 12.0
    for i in reversed(range(len(places))):
        places[i] = min(places[i], limit)
        limit = places[i] - _LABEL
    return places
