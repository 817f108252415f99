"""The figure of a metric: small multiples, one for each kind of corruption, with people and floor across all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from surveyeval.reporting.svg import element, nice_ticks

__all__ = ["TITLES", "draw", "in_words"]

#: What is done to people's answers, as it stands above the panels.
TITLES = {
    "noise": "Noise",
    "collapse": "Collapse to mode",
    "shuffled": "Columns shuffled",
    "stereotyped": "Groups stereotyped",
    "over-coherent": "Over-coherent",
}

_WIDTH, _HEIGHT = 900.0, 286.0
_LEFT, _TOP, _BOTTOM, _GAP = 62.0, 86.0, 48.0, 14.0
_PANEL = (_WIDTH - _LEFT - 14.0 - 4 * _GAP) / 5
_FLOOR_OF_PLOT = _HEIGHT - _BOTTOM

#: Blue and vermilion of Okabe and Ito, which are told apart by everybody; lines differ in kind as well.
_STYLE = """
svg { font: 13px system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif; fill: #1f2328 }
.paper { fill: #fff } .panel { fill: #f6f8fa } .grid { stroke: #d8dee4 }
.small { font-size: 12px; fill: #57606a } .title { font-weight: 600 } .head { font-size: 15px; font-weight: 600 }
.path { fill: none; stroke: #0072b2; stroke-width: 2.4 } .dot { fill: #0072b2 }
.people { stroke: #1f2328; stroke-width: 1.6 } .floor { stroke: #d55e00; stroke-width: 1.8; stroke-dasharray: 6 4 }
.none { stroke: #0072b2; stroke-width: 1.8; fill: none }
"""


def draw(title: str, found: Mapping[str, Any], floor: str) -> str:
    """An SVG.

    Parameters
    ----------
    title : str
        What the axis of values shows.
    found : mapping
        As in values.json: ``values`` by kind, ``reference``, ``floor``.
    floor : str
        The floor in words.
    """
    levels = _levels(found)
    low, high = _limits(found)
    ticks = [tick for tick in nice_ticks(low, high, 4) if low - 1e-9 <= tick <= high + 1e-9]
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0

    def y(value: float) -> float:
        return _FLOOR_OF_PLOT - (value - low) / (high - low) * (_FLOOR_OF_PLOT - _TOP)

    drawn = [
        element("rect", width=_WIDTH, height=_HEIGHT, class_="paper"),
        element("text", title, x=_LEFT, y=21, class_="head"),
        *_legend(found, floor),
    ]
    drawn += [
        element("text", _number(tick, step), x=_LEFT - 8, y=y(tick) + 4, text_anchor="end", class_="small")
        for tick in ticks
    ]
    for number, (kind, heading) in enumerate(TITLES.items()):
        left = _LEFT + number * (_PANEL + _GAP)
        drawn.append(element("rect", x=left, y=_TOP, width=_PANEL, height=_FLOOR_OF_PLOT - _TOP, class_="panel"))
        drawn += [element("line", x1=left, x2=left + _PANEL, y1=y(t), y2=y(t), class_="grid") for t in ticks]
        drawn.append(element("text", heading, x=left, y=_TOP - 8, class_="title"))
        for css, value in (("floor", found["floor"]), ("people", found["reference"])):
            if isinstance(value, float):
                drawn.append(element("line", x1=left, x2=left + _PANEL, y1=y(value), y2=y(value), class_=css))

        def x(level: float, left: float = left) -> float:
            return left + 9 + level * (_PANEL - 18)

        drawn += [
            element("text", f"{level:g}", x=x(level), y=_FLOOR_OF_PLOT + 17, text_anchor="middle", class_="small")
            for level in (0.0, 0.5, 1.0)
        ]
        drawn += _path(levels, found["values"][kind], x, y)
    drawn.append(
        element(
            "text",
            "degree of corruption: 0 people's own answers, 1 full strength",
            x=_LEFT + (_WIDTH - _LEFT) / 2,
            y=_HEIGHT - 10,
            text_anchor="middle",
            class_="small",
        )
    )
    svg = element(
        "svg",
        element("title", title),
        element("desc", in_words(found)),
        element("style", Markup(_STYLE)),  # noqa: S704 - our own
        *drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        width=_WIDTH,
        height=_HEIGHT,
        role="img",
    )
    return f"{svg}\n"


def in_words(found: Mapping[str, Any]) -> str:
    """The figure in words."""

    def word(value: object) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value or "undefined")

    said = [
        f"{TITLES[kind]}: from {word(path[0])} to {word(path[len(path) // 2])} at half and {word(path[-1])} at full strength"
        for kind, path in found["values"].items()
    ]
    people = f"people {word(found['reference'])}" if isinstance(found["reference"], float) else "no human reference"
    return f"{'; '.join(said)}; {people}; floor {word(found['floor'])}."


def _levels(found: Mapping[str, Any]) -> list[float]:
    count = len(next(iter(found["values"].values())))
    return [number / (count - 1) for number in range(count)]


def _limits(found: Mapping[str, Any]) -> tuple[float, float]:
    """Ends of the axis of values: everything that is finite, with a little room."""
    known = [v for v in (found["reference"], found["floor"]) if isinstance(v, float)]
    known += [v for path in found["values"].values() for v in path if isinstance(v, float)]
    low, high = min(known), max(known)
    room = 0.08 * (high - low) or 0.5 * abs(high) or 0.5
    return low - room, high + room


def _path(levels: Sequence[float], values: Sequence[Any], x: Any, y: Any) -> list[Markup]:
    """Lines between known values; an arrow at the top where the value is infinite, a cross where there is none."""
    drawn: list[Markup] = []
    run: list[str] = []
    for level, value in [*zip(levels, values, strict=True), (math.nan, None)]:
        if isinstance(value, float):
            run.append(f"{x(level):.1f},{y(value):.1f}")
            continue
        if len(run) > 1:
            drawn.append(element("polyline", points=" ".join(run), class_="path"))
        run = []
        if value == "infinite":
            at = x(level)
            path = f"M{at - 5:.1f} {_TOP + 11:.1f}L{at:.1f} {_TOP + 4:.1f}L{at + 5:.1f} {_TOP + 11:.1f}"
            drawn.append(element("path", d=f"{path}M{at:.1f} {_TOP + 4:.1f}V{_TOP + 20:.1f}", class_="none"))
        elif not math.isnan(level):
            at, base = x(level), _FLOOR_OF_PLOT - 9
            path = f"M{at - 4:.1f} {base - 4:.1f}l8 8M{at + 4:.1f} {base - 4:.1f}l-8 8"
            drawn.append(element("path", d=path, class_="none"))
    drawn += [
        element("circle", cx=round(x(level), 1), cy=round(y(value), 1), r=3.4, class_="dot")
        for level, value in zip(levels, values, strict=True)
        if isinstance(value, float)
    ]
    return drawn


def _legend(found: Mapping[str, Any], floor: str) -> list[Markup]:
    flat = [value for path in found["values"].values() for value in path]
    entries: list[tuple[list[Markup], str]] = [
        ([_key("path"), element("circle", cx=14.0, cy=0.0, r=3.4, class_="dot")], "spoiled answers of people")
    ]
    if isinstance(found["reference"], float):
        entries.append(([_key("people")], "people of the other half"))
    if isinstance(found["floor"], float):
        entries.append(([_key("floor")], f"floor: {floor}"))
    if "infinite" in flat:
        entries.append(([element("path", d="M9-2L14-8L19-2M14-8V6", class_="none")], "infinite"))
    if None in flat:
        entries.append(([element("path", d="M10-4l8 8M18-4l-8 8", class_="none")], "undefined"))
    drawn, at = [], _LEFT
    for mark, text in entries:
        drawn.append(element("g", *mark, transform=f"translate({at:g} 42)"))
        drawn.append(element("text", text, x=at + 35, y=46.5))
        at += 58 + 6.6 * len(text)
    return drawn


def _key(css: str) -> Markup:
    return element("line", x1=0, x2=28, y1=0, y2=0, class_=css)


def _number(tick: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    text = f"{tick:,.{digits}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.lstrip("-")
