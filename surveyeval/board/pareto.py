"""Several axes at once without a sum of them: which models nobody beats on everything, and pictures of pairs of axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from surveyeval.board.ranks import LineKey, Resolved, line_key, loss
from surveyeval.reporting import svg
from surveyeval.reporting.figures import SHAPES, model_css
from surveyeval.reporting.lines import Line
from surveyeval.reporting.numbers import number

__all__ = ["Dominance", "dominance", "front", "panel", "scale_name"]

WIDTH, HEIGHT = 300.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 10.0, 12.0, 40.0


@dataclass(frozen=True)
class Dominance:
    """Whether a model is beaten on every axis by another one.

    Parameters
    ----------
    model : int
    by : tuple of int
        Models that are as near to people or nearer on all axes on which it has a value, and told apart on one at least.
    compared : int
        Axes on which it has a value.
    """

    model: int
    by: tuple[int, ...]
    compared: int


def dominance(
    lines: Sequence[Line], pairs: Mapping[LineKey, Sequence[Resolved]], candidates: Sequence[int]
) -> list[Dominance]:
    """Who is beaten on every axis.

    Parameters
    ----------
    lines : sequence of Line
        One for each axis.
    pairs : mapping of line to differences
    candidates : sequence of int

    Returns
    -------
    list of Dominance
        A model without a value on an axis beats nobody who has one there, and may be beaten on the others: rows that are all
        the same have no coherence, which must not save them. Nobody is said to be beaten who has no value at all.
    """
    losses = {
        model: {line_key(line): one.value for line in lines if (one := loss(line, model))} for model in candidates
    }
    found = []
    for model in candidates:
        by = []
        for other in candidates:
            if other == model or not losses[model] or not losses[model].keys() <= losses[other].keys():
                continue
            nearer = all((losses[other][key] or 0.0) <= (value or 0.0) for key, value in losses[model].items())
            if nearer and any(_told(pairs.get(key, ()), other, model) for key in losses[model]):
                by.append(other)
        found.append(Dominance(model, tuple(by), len(losses[model])))
    return found


def _told(pairs: Sequence[Resolved], ahead: int, behind: int) -> bool:
    return any(
        (pair.first, pair.second, pair.outcome) in ((ahead, behind, "better"), (behind, ahead, "worse"))
        for pair in pairs
    )


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Positions of the points that no other is below on one axis and no higher on the other, from left to right.

    Examples
    --------
    >>> front([(1, 3), (2, 2), (3, 1), (3, 3)])
    [0, 1, 2]
    """
    kept, lowest = [], math.inf
    for position in sorted(range(len(points)), key=lambda one: points[one]):
        if points[position][1] < lowest:
            kept.append(position)
            lowest = points[position][1]
    return kept


def panel(across: Line, up: Line, candidates: Sequence[int], names: Sequence[str]) -> Markup | None:
    """One picture: two axes, a mark with its intervals for each model, the front as a staircase. Nearer to people is left and down.

    Returns
    -------
    Markup or None
        None where fewer than two models have both values.
    """
    shown = [(model, x, y) for model in candidates if (x := loss(across, model)) and (y := loss(up, model))]
    if len(shown) < 2:
        return None
    points = [(x.value or 0.0, y.value or 0.0) for _, x, y in shown]
    ends_x = [end for _, x, _ in shown for end in (x.low, x.value, x.high) if end is not None]
    ends_y = [end for _, _, y in shown for end in (y.low, y.value, y.high) if end is not None]
    scale_x, scale_y = svg.Scale.around(ends_x, zero=True), svg.Scale.around(ends_y, zero=True)

    def at_x(value: float) -> float:
        return _LEFT + (value - scale_x.low) / (scale_x.high - scale_x.low) * (WIDTH - _LEFT - _RIGHT)

    def at_y(value: float) -> float:
        return HEIGHT - _BOTTOM - (value - scale_y.low) / (scale_y.high - scale_y.low) * (HEIGHT - _TOP - _BOTTOM)

    drawn: list[Markup] = []
    for tick in scale_x.ticks(4):
        drawn.append(
            svg.element(
                "line",
                x1=at_x(tick),
                x2=at_x(tick),
                y1=_TOP,
                y2=HEIGHT - _BOTTOM,
                class_="zero" if tick == 0 else "grid",
            )
        )
        drawn.append(
            svg.element("text", _tick(tick), x=at_x(tick), y=HEIGHT - _BOTTOM + 15, text_anchor="middle", class_="tick")
        )
    for tick in scale_y.ticks(4):
        drawn.append(
            svg.element(
                "line",
                x1=_LEFT,
                x2=WIDTH - _RIGHT,
                y1=at_y(tick),
                y2=at_y(tick),
                class_="zero" if tick == 0 else "grid",
            )
        )
        drawn.append(svg.element("text", _tick(tick), x=_LEFT - 6, y=at_y(tick) + 4, text_anchor="end", class_="tick"))
    path = ""
    for order, position in enumerate(front(points)):
        left, down = at_x(points[position][0]), at_y(points[position][1])
        path += f"M{left:.1f} {_TOP:.1f}V{down:.1f}" if order == 0 else f"H{left:.1f}V{down:.1f}"
    drawn.append(svg.element("path", d=f"{path}H{WIDTH - _RIGHT:.1f}", class_="front"))
    for model, x_value, y_value in shown:
        left, down = at_x(x_value.value or 0.0), at_y(y_value.value or 0.0)
        css = f"whisker {model_css(model)}"
        if x_value.low is not None and x_value.high is not None:
            drawn.append(svg.element("line", x1=at_x(x_value.low), x2=at_x(x_value.high), y1=down, y2=down, class_=css))
        if y_value.low is not None and y_value.high is not None:
            drawn.append(svg.element("line", x1=left, x2=left, y1=at_y(y_value.low), y2=at_y(y_value.high), class_=css))
        drawn.append(svg.marker(SHAPES[model % len(SHAPES)], f"{left:.1f}", down, model_css(model)))
    drawn.append(
        svg.element(
            "text",
            scale_name(across),
            x=(WIDTH + _LEFT - _RIGHT) / 2,
            y=HEIGHT - 6,
            text_anchor="middle",
            class_="name",
        )
    )
    said = "; ".join(
        f"{names[model]}: {across.quantity.label} {_tick(x.value or 0.0)}, {up.quantity.label} {_tick(y.value or 0.0)}"
        for model, x, y in shown
    )
    title = f"{up.quantity.label} against {across.quantity.label}"
    return svg.element(
        "svg", svg.element("title", title), svg.element("desc", said), *drawn, role="img", class_="panel",
        viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}", xmlns="http://www.w3.org/2000/svg",
    )  # fmt: skip


def scale_name(line: Line) -> str:
    """What is drawn of a line: its loss, less a yardstick."""
    unit = ", bits" if line.quantity.unit == "bits" else ""
    return f"{line.quantity.label}{unit}, {'against its floor' if line.individual else 'beyond ' + line.words.people}"


def _tick(value: float) -> str:
    return number(value, "distance") if abs(value) < 1 else number(value, "ratio")
