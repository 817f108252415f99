"""Lines under headings: a label that may wrap, and columns that never do."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from surveyeval.cli.output import console, one_line, width

__all__ = ["Entry", "print_sections"]

#: Labels are wrapped, but not below this many columns.
_LABEL = 19
_GAP = "  "


@dataclass(frozen=True)
class Entry:
    """A label with a text for each column; the last column is aligned to the left."""

    label: str
    cells: Sequence[str]
    style: str = ""


def print_sections(sections: Sequence[tuple[str, Sequence[Entry]]], heads: Sequence[str]) -> None:
    """Print headings with their lines, all columns below each other."""
    from rich.cells import cell_len
    from rich.text import Text

    entries = [entry for _, found in sections for entry in found]
    columns = [max([len(head), *(cell_len(one.cells[k]) for one in entries)]) for k, head in enumerate(heads)]
    room = max(width() - sum(columns) - len(_GAP) * len(columns), _LABEL)
    label = min(room, max([cell_len(entry.label) + 2 * len(_GAP) for entry in entries], default=_LABEL))

    def line(first: str, cells: Sequence[str]) -> str:
        padded = [" " * (columns[k] - cell_len(text)) + text for k, text in enumerate(cells[:-1])]
        return f"{first}{' ' * (label - cell_len(first))}{_GAP}{_GAP.join([*padded, cells[-1]])}".rstrip()

    out = console()
    out.print(Text(line("", heads), "dim"), soft_wrap=True)
    for title, found in sections:
        out.print(Text(_GAP + one_line(title)), soft_wrap=True)
        for entry in found:
            first, *further = textwrap.wrap(
                one_line(entry.label),
                label,
                initial_indent=2 * _GAP,
                subsequent_indent=3 * _GAP,
                break_on_hyphens=False,
            ) or [""]
            out.print(Text(line(first, entry.cells), entry.style), soft_wrap=True)
            for rest in further:
                out.print(Text(rest, entry.style), soft_wrap=True)
