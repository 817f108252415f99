"""Answers that are not there: counts of every state by item and by group, and bounds for what could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from surveyeval.data.sample import State
from surveyeval.reporting.blocks import Cell, Row, Table
from surveyeval.reporting.context import Context, plain
from surveyeval.reporting.numbers import count, interval, number, percent
from surveyeval.reporting.quantities import quantity

__all__ = ["bounds_table", "state_words", "states_by_group_table", "states_by_item_table"]

_STATES = tuple(state.name.lower() for state in State)
_WORDS = {
    "answered": "Answered",
    "dont_know": "Don’t know",
    "refused": "Refused",
    "not_asked": "Not asked",
    "missing": "Missing",
    "invalid": "Invalid",
    "not_run": "Not run",
}
#: Rows of the table by item beyond which it is folded.
_MANY_ROWS = 12
_ABOUT = (
    "Not asked: left out by routing. Missing: no reason is known. Invalid: no option can be read from the answer. Not run: the "
    "model was not asked. The last two occur in simulated rows only."
)


def state_words(state: str) -> str:
    """A state within a sentence."""
    return _WORDS.get(state, plain(state)).lower()


def states_by_item_table(context: Context) -> Table | None:
    """Items that not everybody answered, people and models below each other."""
    by_item: dict[str, list[Counter[str]]] = {}
    for model, tables in enumerate(context.tables):
        for row in tables["states"]:
            counts = by_item.setdefault(str(row["item"]), [Counter() for _ in range(1 + len(context.names))])
            place = 0 if row["side"] == "people" else 1 + model
            counts[place][str(row["state"])] = int(row["count"])
    rows = []
    for item, counts in by_item.items():
        if any(set(one) - {"answered"} for one in counts):
            rows += _rows(context, item, counts)
    return _table(context, "Answers and states, by item", "Item", rows, folded=len(rows) > _MANY_ROWS)


def states_by_group_table(context: Context) -> Table | None:
    """Groups and arms with anything not answered, over all items."""
    by_group: dict[str, list[Counter[str]]] = {}
    for model, tables in enumerate(context.tables):
        for row in tables.get("states_by_group", []):
            arm = context.arms.get(str(row["group"]), str(row["group"]))
            name = f"{plain(str(row['subgroup']))}: {row['group']}" if row["subgroup"] else arm
            counts = by_group.setdefault(name, [Counter() for _ in range(1 + len(context.names))])
            if row["side"] == "people" and model == 0:
                counts[0][str(row["state"])] += int(row["count"])
            elif row["side"] != "people":
                counts[1 + model][str(row["state"])] += int(row["count"])
    rows = []
    for name, counts in by_group.items():
        if any(set(one) - {"answered"} for one in counts):
            rows += _rows(context, name, counts)
    return _table(context, "Answers and states, by group, over all items", "Group", rows, folded=True)


def _rows(context: Context, name: str, counts: Sequence[Counter[str]]) -> list[Row]:
    who = [
        Cell(context.words.people),
        *(Cell(one, css="model", model=model) for model, one in enumerate(context.names)),
    ]
    kept = [place for place, one in enumerate(counts) if one.total()]
    rows = []
    for position, place in enumerate(kept):
        own, total = counts[place], counts[place].total()
        cells: list[Cell | None] = [Cell(name, head=True, rows=len(kept)) if position == 0 else None, who[place]]
        cells += [_count(own[state], total) for state in _STATES]
        rows.append(Row(cells, "first" if position == 0 else ""))
    return rows


def _count(value: int, total: int) -> Cell:
    return Cell(count(value), percent(value / total, 1), "number") if value else Cell("0", css="number muted")


def _table(context: Context, caption: str, head: str, rows: Sequence[Row], *, folded: bool = False) -> Table | None:
    """The table without the states that occur nowhere."""
    if not rows:
        return None
    used = [k for k in range(len(_STATES)) if any(_is_used(row, 2 + k) for row in rows)]
    kept = [0, 1, *(2 + k for k in used)]
    columns = [head, "Who", *(_WORDS[_STATES[k]] for k in used)]
    shown = [Row([row.cells[place] for place in kept], row.css) for row in rows]
    about = context.words.own(_ABOUT)
    return Table(caption, columns, shown, frozenset(range(2, len(columns))), [about], folded=folded)


def _is_used(row: Row, place: int) -> bool:
    cell = row.cells[place]
    return cell is not None and cell.text != "0"


def bounds_table(context: Context) -> Table | None:
    """Values of items with more than 5% invalid answers, with what the invalid ones could have made of them."""
    rows: list[Row] = []
    notes = []
    for name, tables in zip(context.names, context.tables, strict=True):
        by_item: dict[str, list[Mapping[str, Any]]] = {}
        for row in tables.get("bounds", []):
            if row["status"] == "ok":
                by_item.setdefault(str(row["item"]), []).append(row)
            else:
                notes.append(f"{name}, {row['item'] or row['option']}: no bounds; {row['reason']}.")
        for item, held in by_item.items():
            head: Cell | None = Cell(
                item, f"{name}, {percent(held[0]['invalid'], 1)} invalid", head=True, rows=len(held)
            )
            for row in held:
                rows.append(Row([head, *_bounded(row)], "first" if head is not None else ""))
                head = None
    if not rows and not notes:
        return None
    about = (
        "Full test sample, so larger samples than the halves above. From the most favourable to the least favourable way to fill in "
        "the invalid answers; no confidence interval, and sampling error comes on top. Every item is filled in for itself."
    )
    columns = ["Item", "Measure", "From usable answers", "Between"]
    return Table("Bounds for invalid answers", columns, rows, frozenset({2, 3}), [about, *notes])


def _bounded(row: Mapping[str, Any]) -> list[Cell]:
    share = row["measure"] == "share"
    known = quantity(row["measure"], row["measure"])
    unit, said = ("share", f"share of “{row['option']}”") if share else (known.unit, known.label)
    bounds = interval(row["low"], row["high"], unit)
    return [Cell(said), Cell(number(row["value"], unit), css="number"), Cell(bounds, css="number strong")]
