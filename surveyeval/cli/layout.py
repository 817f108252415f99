"""A table of numbers for many models in a narrow terminal: labels may wrap, names and numbers never do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Block", "lay_out"]

#: Labels are wrapped before models are put below each other, but not below this many columns.
_LABEL = 28
_GAP = 2


@dataclass(frozen=True)
class Block:
    """A heading with rows: a label, and a text for each column."""

    heading: str
    rows: Sequence[tuple[str, Sequence[str]]]


def lay_out(
    blocks: Sequence[Block], heads: Sequence[str], names: Sequence[str], width: int
) -> Iterator[tuple[str, str]]:
    """Lines of a table, each with a style.

    Models are named in the head where the names fit. Otherwise they are numbered, and the names stand below; and where
    numbers do not fit either, the table is repeated for some models at a time.

    Parameters
    ----------
    blocks : sequence of Block
        Every row has ``len(heads) + len(names)`` texts.
    heads : sequence of str
        Columns that stand beside any model.
    names : sequence of str
        Names of the models.
    width : int
        Columns of the terminal.
    """
    natural = max((len(label) + _GAP for block in blocks for label, _ in block.rows), default=0)
    numbers = [f"({number})" for number in range(1, len(names) + 1)]
    everyone = list(range(len(names)))
    for titles in (names, numbers):
        for label in (natural, min(natural, _LABEL)):
            if label + sum(_sizes(blocks, heads, titles, everyone)) <= width:
                yield from _table(blocks, heads, titles, everyone, label)
                if titles is numbers:
                    yield "", ""
                    yield from _key(numbers, names, width)
                return
    label = min(natural, _LABEL)
    for models in _panels(blocks, heads, numbers, width - label):
        yield from _table(blocks, heads, numbers, models, label)
        yield "", ""
    yield from _key(numbers, names, width)


def _sizes(blocks: Sequence[Block], heads: Sequence[str], titles: Sequence[str], models: Sequence[int]) -> list[int]:
    """Columns that each column of the table takes, with the gap before it."""
    from rich.cells import cell_len

    shown = [*heads, *(titles[model] for model in models)]
    places = [*range(len(heads)), *(len(heads) + model for model in models)]
    texts = [values for block in blocks for _, values in block.rows]
    return [
        _GAP + max([cell_len(head), *(cell_len(values[place]) for values in texts)])
        for head, place in zip(shown, places, strict=True)
    ]


def _panels(blocks: Sequence[Block], heads: Sequence[str], titles: Sequence[str], room: int) -> list[list[int]]:
    """Models by turns, as evenly as they fit; one at a time at least."""
    models = list(range(len(titles)))
    for count in range(2, len(models) + 1):
        size = -(-len(models) // count)
        panels = [models[start : start + size] for start in range(0, len(models), size)]
        if all(sum(_sizes(blocks, heads, titles, panel)) <= room for panel in panels):
            return panels
    return [[model] for model in models]


def _table(
    blocks: Sequence[Block], heads: Sequence[str], titles: Sequence[str], models: Sequence[int], label: int
) -> Iterator[tuple[str, str]]:
    sizes = _sizes(blocks, heads, titles, models)
    yield " " * label + _aligned([*heads, *(titles[model] for model in models)], sizes), "bold"
    for block in blocks:
        yield block.heading, "bold"
        for text, values in block.rows:
            shown = [*values[: len(heads)], *(values[len(heads) + model] for model in models)]
            first, *further = textwrap.wrap(
                text, label, initial_indent=" " * _GAP, subsequent_indent=" " * 2 * _GAP, break_on_hyphens=False
            ) or [""]
            yield first.ljust(label) + _aligned(shown, sizes), ""
            yield from ((line, "") for line in further)


def _aligned(texts: Sequence[str], sizes: Sequence[int]) -> str:
    from rich.cells import cell_len

    return "".join(" " * (size - cell_len(text)) + text for text, size in zip(texts, sizes, strict=True))


def _key(numbers: Sequence[str], names: Sequence[str], width: int) -> Iterator[tuple[str, str]]:
    """Numbers with their names, as many on a line as fit whole."""
    from rich.cells import cell_len

    line = ""
    for number, name in zip(numbers, names, strict=True):
        entry = f"{number} {name}"
        if line and cell_len(f"{line}   {entry}") > width:
            yield line, ""
            line = entry
        else:
            line = f"{line}   {entry}" if line else entry
    yield line, ""
