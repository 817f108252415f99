"""What a card is built of: plain values that the HTML and the Markdown template only lay out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

__all__ = [
    "Banner",
    "Cell",
    "Fact",
    "Figure",
    "FigureRow",
    "LegendEntry",
    "Panels",
    "Row",
    "Saying",
    "Section",
    "Table",
]


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Parameters
    ----------
    text : str
    sub : str
        A second, smaller line.
    css : str
        Class names: ``number``, ``muted``, ``chip``, ``strong``.
    head : bool
        Whether the cell names its row.
    rows : int
        How many rows it spans; the covered cells are None.
    model : int or None
        Shows the mark of that model before the text.
    """

    text: str
    sub: str = ""
    css: str = ""
    head: bool = False
    rows: int = 1
    model: int | None = None


@dataclass(frozen=True)
class Row:
    """One row; ``css`` is ``grey`` for cells that are too small for more than a look."""

    cells: Sequence[Cell | None]
    css: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a caption.

    ``folded`` tables are closed until asked for. On a phone a table scrolls in its box, or is laid out otherwise:
    ``stack`` for tables of estimates, ``list`` for tables of words.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Row]
    numeric: frozenset[int] = frozenset()
    notes: Sequence[str] = ()
    folded: bool = False
    phone: str = ""


@dataclass(frozen=True)
class FigureRow:
    """One line of a figure: words on the left, a drawing, and numbers on the right.

    Parameters
    ----------
    label : str
    drawing : Markup
    note : str
        A second, smaller line.
    values : sequence of (number, interval)
        One for each lane of the drawing, from the top.
    css : str
    """

    label: str
    drawing: Markup
    note: str = ""
    values: Sequence[tuple[str, str]] = ()
    css: str = ""


@dataclass(frozen=True)
class LegendEntry:
    """A mark and what it stands for."""

    drawing: Markup
    label: str


@dataclass(frozen=True)
class Figure:
    """Lines on one scale."""

    title: str
    caption: str
    rows: Sequence[FigureRow]
    axis: Markup | None = None
    legend: Sequence[LegendEntry] = ()
    css: str = ""


@dataclass(frozen=True)
class Panels:
    """Small figures side by side, with one legend."""

    title: str
    text: str
    figures: Sequence[Figure]
    legend: Sequence[LegendEntry] = ()


@dataclass(frozen=True)
class Fact:
    """A name and what is known of it; without a name, more about the fact before."""

    name: str
    text: str
    link: str = ""
    mono: bool = False


@dataclass(frozen=True)
class Saying:
    """What one axis says of each model: ``models`` holds (position, name, value, clause)."""

    title: str
    subject: str
    yardstick: str
    models: Sequence[tuple[int, str, str, str]]


@dataclass(frozen=True)
class Banner:
    """A sentence that nobody may miss; ``kind`` is ``stop``, ``stamp`` (a limited run) or ``note``."""

    text: str
    kind: str = "note"
    stamp: str = ""


@dataclass(frozen=True)
class Section:
    """A heading with everything below it; ``folded_code`` is the summary behind which code is folded."""

    key: str
    title: str
    question: str = ""
    paragraphs: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    facts: Sequence[Fact] = ()
    points: Sequence[str] = ()
    code: Sequence[tuple[str, str]] = field(default=())
    folded_code: str = ""
    panels: Sequence[Panels] = ()
    legend: Sequence[LegendEntry] = ()
