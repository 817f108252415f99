"""How carefully answers were given: who passes attention checks, and who gives the same answer twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from surveyeval.reporting.blocks import Cell, Row, Table
from surveyeval.reporting.context import Context
from surveyeval.reporting.numbers import MISSING, count, interval, number, percent

__all__ = ["attention_table", "retest_table", "twice_said"]


def attention_table(context: Context) -> Table | None:
    """Attention checks: the share of those who answered that gave the expected answer; None where there is none."""
    rows = []
    for one in _by_item(context, "attention"):
        first = one[0][1]
        for position, (model, row) in enumerate(one):
            known = row["share"] is not None
            cells = [
                Cell(row["item"], f"expected: {row['expected']}", head=True, rows=len(one)) if position == 0 else None,
                _who(context, model),
                Cell(percent(row["share"], 1) if known else MISSING, _bounds(row), "number strong"),
                Cell(count(row["answered"]), css="number"),
                Cell(count(row["unanswered"]), css="number" if row["unanswered"] else "number muted"),
            ]
            rows.append(Row(cells, "first" if row is first else ""))
    if not rows:
        return None
    note = context.words.own(
        "Passed: of those who answered, the share that gave the expected answer; for people with a 95% interval. Fidelity is not "
        "measured on these items, and nobody is left out for failing one."
    )
    columns = ["Item", "Who", "Passed", "Answered", "Asked, no answer"]
    return Table("Attention checks", columns, rows, frozenset({2, 3, 4}), [note])


def retest_table(context: Context) -> Table | None:
    """Questions that were asked twice: how far respondents agree with themselves; None where nothing was."""
    rows = []
    for one in _by_item(context, "retest"):
        first = one[0][1]
        for position, (model, row) in enumerate(one):
            known = row["agreement"] is not None
            head = (
                Cell(row["item"], f"asked again: {row['again']}", head=True, rows=len(one)) if position == 0 else None
            )
            cells = [
                head,
                _who(context, model),
                Cell(percent(row["agreement"], 1) if known else MISSING, _bounds(row, "agreement"), "number strong"),
                Cell(number(row["r"], "ratio") if row["r"] is not None else MISSING, css="number"),
                Cell(count(row["n"]), css="number"),
            ]
            rows.append(Row(cells, "first" if row is first else ""))
    if not rows:
        return None
    note = context.words.own(
        "Of those with both answers, the share that gave the same answer twice, and the correlation of the two for ordered items. "
        "Probabilities that are each person’s own would give their answer as often as they repeat it. It is no upper bound: the "
        "likeliest answer can be right more often, and expected answers can correlate up to the root of the correlation."
    )
    columns = ["Item", "Who", "Same answer twice", "Correlation", "Both answers"]
    return Table("Test and retest: agreement with oneself", columns, rows, frozenset({2, 3, 4}), [note])


def twice_said(context: Context) -> str:
    """Whether measures of individuals have a human yardstick, in a sentence."""
    names = [one[0][1]["item"] for one in _by_item(context, "retest")]
    if not names:
        return "A human reference would need people who answered twice: none available."
    some = f"{len(names)} questions were" if len(names) > 1 else "One question was"
    return (
        f"{some} asked twice ({', '.join(names)}): the values of people there say how well people’s second answers tell their "
        "first. Anything else would need people who answered that twice: none available."
    )


def _by_item(context: Context, name: str) -> Iterator[list[tuple[int | None, Mapping[str, Any]]]]:
    """Rows of each item: people first, then every model; the number of the model, None for people."""
    found: dict[str, list[tuple[int | None, Mapping[str, Any]]]] = {}
    for model, tables in enumerate(context.tables):
        for row in tables.get(name, []):
            people = row["side"] == "people"
            if people and model > 0:
                continue
            found.setdefault(str(row["item"]), []).append((None if people else model, row))
    yield from found.values()


def _who(context: Context, model: int | None) -> Cell:
    return Cell(context.words.people) if model is None else Cell(context.names[model], css="model", model=model)


def _bounds(row: Mapping[str, Any], name: str = "share") -> str:
    if row[name] is None or row["low"] is None or row["high"] is None:
        return ""
    return interval(row["low"], row["high"], "share")
