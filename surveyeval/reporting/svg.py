"""SVG by hand: escaped elements, scales in per cent, marks.

Strips are as wide as the page and positions are percentages, so marks and text keep their size on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

from surveyeval.reporting.escaping import printable

__all__ = ["Scale", "arrow", "element", "label", "line", "marker", "nice_ticks", "rectangle", "strip"]


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """An element. Text children and attributes are escaped, Markup children are not; ``_`` in names becomes ``-``."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value is not None}
    text = "".join(f' {name}="{escape(printable(_plain(value)))}"' for name, value in named.items())
    inner = Markup("").join(printable(child) for child in children)
    return Markup(f"<{tag}{text}>{inner}</{tag}>") if inner else Markup(f"<{tag}{text}/>")  # noqa: S704 - escaped above


def _plain(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Scale:
    """A linear axis from `low` to `high`; positions in per cent of the width, with a margin for marks."""

    low: float
    high: float
    margin: float = 2.0

    def inside(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return self.low - 1e-9 <= value <= self.high + 1e-9

    def at(self, value: float) -> str:
        """Position of a value, as a percentage; values beyond the ends stay at the ends."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return f"{self.margin + share * (100 - 2 * self.margin):.2f}%"

    def ticks(self, target: int = 5) -> list[float]:
        """Round numbers along the axis."""
        return nice_ticks(self.low, self.high, target)

    @classmethod
    def around(cls, values: Iterable[float], *, zero: bool = False, span: float = 0.0) -> Scale:
        """A scale that holds all values with a little room; `zero` includes 0, `span` is the least width."""
        held = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        low, high = min(held), max(held)
        if zero:
            low, high = min(low, 0.0), max(high, 0.0)
        if high - low < max(span, 1e-12):
            middle, half = (low + high) / 2, max(span, abs(low) * 0.1, 1e-3) / 2
            low, high = middle - half, middle + half
        room = 0.04 * (high - low)
        return cls(low if zero and low == 0 else low - room, high if zero and high == 0 else high + room)


def nice_ticks(low: float, high: float, target: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two ends.

    Examples
    --------
    >>> nice_ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    raw = (high - low) / max(target, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def strip(
    height: float, title: str, *children: Markup, description: str = "", css: str = "strip", hidden: bool = False
) -> Markup:
    """A full-width drawing with an accessible name and, in words, what it shows."""
    attributes: dict[str, object] = {
        "class_": css,
        "width": "100%",
        "height": height,
        "xmlns": "http://www.w3.org/2000/svg",
    }
    if hidden:
        return element("svg", *children, aria_hidden="true", focusable="false", **attributes)
    said = [element("title", title), *([element("desc", description)] if description else [])]
    return element("svg", *said, *children, role="img", **attributes)


def line(scale: Scale, low: float, high: float, y: float, css: str) -> Markup:
    """A horizontal line between two values."""
    return element("line", x1=scale.at(low), x2=scale.at(high), y1=y, y2=y, class_=css)


def rectangle(scale: Scale, low: float, high: float, y: float, height: float, css: str) -> Markup:
    """A filled band between two values."""
    first, last = (float(scale.at(value).rstrip("%")) for value in (low, high))
    return element("rect", x=f"{first:.2f}%", width=f"{max(last - first, 0.0):.2f}%", y=y, height=height, class_=css)


def label(scale: Scale, value: float, y: float, text: str, css: str = "tick", anchor: str = "middle") -> Markup:
    """Text at a value."""
    return element("text", text, x=scale.at(value), y=y, text_anchor=anchor, class_=css)


_SHAPES = {
    "circle": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
    "square": "M-4.5-4.5h9v9h-9z",
    "triangle": "M0-5.6L5.4 4.2H-5.4z",
    "diamond": "M0-6L6 0L0 6L-6 0z",
    "wedge": "M0 5.6L5.4-4.2H-5.4z",
    "star": "M0-6.6L1.9-1.9L6.6 0L1.9 1.9L0 6.6L-1.9 1.9L-6.6 0L-1.9-1.9z",
    "hexagon": "M-5.4 0L-2.7-4.7H2.7L5.4 0L2.7 4.7H-2.7z",
    "cross": "M-4-4L4 4M-4 4L4-4",
    "plus": "M0-5V5M-5 0H5",
}


def marker(shape: str, x: str, y: float, css: str, size: float = 1.0) -> Markup:
    """A mark at a position in per cent (or any length)."""
    transform = None if size == 1.0 else f"scale({size:g})"
    path = element("path", d=_SHAPES[shape], class_=css, transform=transform)
    return element("svg", path, x=x, y=y, overflow="visible", width=1, height=1)


def arrow(scale: Scale, value: float, y: float, css: str) -> Markup:
    """A small arrow at the end of the axis that a value lies beyond."""
    path = "M-7-4.5L0 0L-7 4.5z" if value > scale.high else "M7-4.5L0 0L7 4.5z"
    return element(
        "svg", element("path", d=path, class_=css), x=scale.at(value), y=y, overflow="visible", width=1, height=1
    )
