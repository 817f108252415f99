"""The section of the card that says what a simulation may be used for, with the tests behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from surveyeval.reporting.blocks import Cell, Row, Section, Table
from surveyeval.reporting.context import Context
from surveyeval.reporting.evidence import Check, Evidence, label, place, unit_of
from surveyeval.reporting.numbers import MISSING, difference, difference_interval, number
from surveyeval.reporting.quantities import quantity
from surveyeval.reporting.use import COPIED, EQUIVALENCES, INVALID, Judgement, judge, may_be_judged
from surveyeval.reporting.uses import judge_uses

__all__ = ["PIPELINE", "Judged", "answers", "judgements", "use_section"]

#: Claims and uses of each model.
Judged = Sequence[tuple[Sequence[Judgement], Sequence[Judgement]]]

#: What a card without human data says in place of verdicts.
PIPELINE = (
    "Pipeline check: without human data there is nothing that a simulation could be used for, and no verdict is given."
)

_CSS = {"supported": "verdict yes", "not supported": "verdict no", "can't tell": "verdict open"}
_RULES = (
    "Supported: an equivalence test within the task’s own margin passed; for signs, both signs are determined and equal. Not "
    "supported: shown to be otherwise. Can’t tell: neither; not telling two samples apart is no evidence that they are equal. The "
    "rules stand in docs/explanation/use-table.md."
)


def judgements(context: Context) -> Judged:
    """Claims and uses of each model; nothing on a synthetic card."""
    if not all(may_be_judged(run) for run in context.runs):
        return []
    found = []
    for run in context.runs:
        evidence = Evidence(run)
        claims = judge(run, evidence)
        found.append((claims, judge_uses(run, claims, evidence)))
    return found


def answers(context: Context, found: Judged) -> list[Table]:
    """The verdicts alone, a row for each model: what a reader asks first."""
    if not found:
        return []
    kinds = (
        ("What it supports", [claims for claims, _ in found]),
        ("What it may be used for", [uses for _, uses in found]),
    )
    tables = []
    for caption, by_model in kinds:
        rows = []
        for model, (name, own) in enumerate(zip(context.names, by_model, strict=True)):
            cells = [Cell(one.verdict.replace("'", "’"), one.cause.replace("'", "’"), _CSS[one.verdict]) for one in own]
            rows.append(Row([Cell(name, head=True, css="model", model=model), *cells]))
        tables.append(Table(caption, ["Model", *(one.title for one in by_model[0])], rows, phone="list"))
    return tables


def use_section(context: Context, found: Judged) -> Section:
    """The use table, the uses that follow from it, and, folded, every test."""
    title, question = "What it may be used for", "By tests that the task declared, and no further than this survey."
    if not found:
        return Section("use", title, "", [PIPELINE])
    tables = [
        _verdicts(context, "Claims", [claims for claims, _ in found], notes=[_RULES]),
        _verdicts(context, "Uses", [uses for _, uses in found]),
        _checks(context, found),
    ]
    tests = _tests(context)
    return Section("use", title, question, tables=[*tables, *([tests] if tests.rows else [])])


def _verdicts(
    context: Context, caption: str, by_model: Sequence[Sequence[Judgement]], notes: Sequence[str] = ()
) -> Table:
    rows = []
    for position, first in enumerate(by_model[0]):
        cells: list[Cell | None] = [Cell(first.title, _tested(first), head=True)]
        for own in by_model:
            one = own[position]
            cells.append(Cell(one.words, ". ".join(_because(one)), _CSS[one.verdict]))
        rows.append(Row(cells, "first"))
    return Table(caption, [caption[:-1], *context.names], rows, notes=notes, phone="list")


def _tested(one: Judgement) -> str:
    """The test that was declared, which is the same for all models."""
    return one.checks[0].name if one.key not in ("pretest", "screening", "unrectified") else ""


def _because(one: Judgement) -> Iterator[str]:
    """The check that decides, and the smallest difference that so many people resolve."""
    check = _decisive(one)
    if check.said:
        named = check is not one.checks[0] or not _tested(one)
        text = f"{check.name}: {check.said}" if named else check.said
        failed = named and one.verdict == "not supported" and one.key != "unrectified"
        yield f"Failed: {text}" if failed else (text[:1].upper() + text[1:]).removesuffix("?")
    if one.smallest:
        yield f"Smallest resolved: {one.smallest}"


def _decisive(one: Judgement) -> Check:
    """The first check that explains the verdict; of an individual-level claim what the pilot gives, unless that was met."""
    if one.key == "individuals" and one.cause != COPIED:
        first, *retest = one.checks
        return retest[0] if retest and one.verdict == "not supported" and first.result != "failed" else first
    if one.cause == COPIED:
        return one.checks[-1]
    if one.cause == INVALID:
        return next(check for check in one.checks if check.result == "failed")
    wanted = {"supported": ("passed",), "not supported": ("failed",), "can't tell": ("undecided", "open", "not run")}
    return next((check for check in one.checks if check.result in wanted[one.verdict]), one.checks[0])


def _checks(context: Context, found: Judged) -> Table:
    """Every check of every verdict."""
    rows: list[Row] = []
    by_model = [[*claims, *uses] for claims, uses in found]
    for number_, first in enumerate(by_model[0]):
        span = sum(len(own[number_].checks) for own in by_model)
        head: Cell | None = Cell(first.title, head=True, rows=span)
        for model, name in enumerate(context.names):
            one = by_model[model][number_]
            who: Cell | None = Cell(name, one.words, css="model", model=model, rows=len(one.checks))
            for check in one.checks:
                words = [Cell(check.name), Cell(_RESULTS[check.result]), Cell(check.said)]
                rows.append(Row([head, who, *words], "first" if head is not None else ""))
                head = who = None
    return Table("Every check behind the verdicts", ["For", "Model", "Check", "Result", "Numbers"], rows, folded=True)


_RESULTS = {
    "passed": "passed",
    "failed": "failed",
    "open": "not shown",
    "undecided": "undecidable at this n",
    "not run": "not run",
}


def _tests(context: Context) -> Table:
    """Tests of difference and of equivalence as they are stored: the full sample, adjusted within their families."""
    rows = []
    for model, name in enumerate(context.names):
        evidence = Evidence(context.runs[model])
        own = Cell(name, css="model", model=model)
        swaps = [row for row in evidence.rows("indistinguishable") if row["headline"] and row["p"] == row["p"]]
        for row in swaps:
            unit = quantity(row["metric"], row["name"]).unit
            cells = [Cell(label(row), "difference", head=True), own, Cell(number(row["value"], unit), css="number"),
                     Cell(MISSING, css="number muted"), Cell(MISSING, css="number muted"), *_ps(row)]  # fmt: skip
            rows.append(Row(cells, "first"))
        for field, words in EQUIVALENCES.items():
            for row in evidence.rows("equivalence", metric=field):
                if row["low"] == row["low"] and (row["headline"] or field == "effect"):
                    rows.append(
                        Row(
                            [Cell(place(row), f"equivalence, {words}", head=True), own, *_margin(row), *_ps(row)],
                            "first",
                        )
                    )
    notes = [
        "Full test sample. Difference: people and simulated rows of one person are exchanged (label swap); p is the share of exchanges "
        "that lie as far apart. Equivalence: simulation minus people with its 90% interval; the smallest margin that so many people "
        "decide stands below the task’s. Adjusted p: Benjamini and Hochberg within the tests of one axis.",
        "For shares, the option that is hardest to confirm.",
    ]
    columns = ["Test", "Model", "Value", "90% interval", "Margin", "p", "Adjusted p"]
    return Table("Tests of difference and of equivalence", columns, rows, frozenset(range(2, 7)), notes, folded=True)


def _margin(row: dict[str, Any]) -> list[Cell]:
    unit = unit_of(row)
    margin, needed = (difference(row[name], unit).removeprefix("+") for name in ("margin", "decidable"))
    return [
        Cell(difference(row["value"], unit), css="number"),
        Cell(difference_interval(row["low"], row["high"], unit), css="number"),
        Cell(f"±{margin}", f"decidable ±{needed}", "number"),
    ]


def _ps(row: dict[str, Any]) -> list[Cell]:
    return [Cell(_p(row[name]), css="number") for name in ("p", "p_adjusted")]


def _p(value: float) -> str:
    if value != value:
        return MISSING
    return "< 0.001" if value < 0.001 else number(value)
