"""A plan of a study in words and tables: what the terminal and the Markdown file both say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from surveyeval.reporting.context import plain
from surveyeval.reporting.escaping import markdown_text
from surveyeval.reporting.labels import Row, axis_titles, label_of, unit_of
from surveyeval.reporting.numbers import MISSING, count, difference, enumerate_words, interval, number
from surveyeval.reporting.quantities import axis
from surveyeval.reporting.words import HUMAN, SYNTHETIC

if TYPE_CHECKING:
    import pandas as pd

    from surveyeval.engine.power import Power

__all__ = [
    "HEADS",
    "MARGIN_HEADS",
    "groups_said",
    "introduction",
    "lines",
    "margin_lines",
    "markdown",
    "reading",
    "silent",
]

#: Columns of the measures, and of the margins.
HEADS = ("people", "95%", "floor", "least", "")
MARGIN_HEADS = ("margin", "decidable", "")
#: Remarks on measures, and what each means. None is needed where the floor is told from people.
_BAND, _NOT_TOLD, _COARSE, _UNKNOWN = "band, no test", "not told apart", "coarse", "least unknown"
_REMARKS = {
    _BAND: "a value that jumps and has no test; a second sample of the same size lands in the band.",
    _NOT_TOLD: "the floor is not told from people, so nothing can be said of models in between.",
    _COARSE: "not even rows of which 80% are uniform answers are told from people.",
    _UNKNOWN: "halves of these people, or their PSUs, are too few to find it.",
}
_MARGINS = {"share": ("share", "share"), "mean_sd": ("mean, in people's SD", "ratio"), "gap": ("belief-action gap", "share"),
            "sd_ratio": ("standard deviation, log ratio", "ratio"), "effect": ("average marginal effect", "plain")}  # fmt: skip


def introduction(power: Power) -> Iterator[str]:
    """How many people, divided how, and what the numbers rest on."""
    sizes = power.sizes
    people = (HUMAN if power.provenance == "human" else SYNTHETIC).people
    worth = (
        "" if round(sizes["n_eff"]) == sizes["test"] else f" (worth {count(round(sizes['n_eff']))} by their weights)"
    )
    yield (
        f"{count(sizes['people'])} {people}: a pilot of {count(sizes['pilot'])}, and {count(sizes['test'])} for the test{worth}, in "
        f"random halves of {count(sizes['half'])}."
    )
    if power.basis == "resampled":
        yield f"Planned from random subsets of the {count(sizes['at_hand'])} at hand."
    if power.basis == "scaled":
        yield (
            f"Projected from the {count(sizes['at_hand'])} at hand: errors fall with the square root of the number. Measures and "
            "floors for which no such law holds have no value."
        )


def lines(power: Power) -> Iterator[tuple[str, list[tuple[str, tuple[str, ...]]]]]:
    """Title of each axis, with label and columns of its measures."""
    usable = _usable(power)
    for key, title in axis_titles(usable):
        rows = usable[usable["axis"] == key].to_dict("records")
        yield title, [(label_of(row), _cells(row)) for row in rows]


def _usable(power: Power) -> pd.DataFrame:
    return power.table[(power.table["status"] == "ok") | (power.table["axis"] == "individual")]


def _cells(row: Row) -> tuple[str, ...]:
    unit, loss = unit_of(row), unit_of(row, loss=True)
    if row["axis"] == "individual":
        return MISSING, "", number(row["floor"], unit), _size(row["detectable"], loss), ""
    bounds = interval(row["low"], row["high"], unit)
    remark = _remark(row)
    least = "" if remark == _BAND else _size(row["detectable"], loss)
    return number(row["reference"], unit), bounds, number(row["floor"], unit), least, remark


def _size(value: float, unit: str) -> str:
    """A difference without its sign."""
    return difference(value, unit).removeprefix("+")


def _remark(row: Row) -> str:
    if row["interval_method"].startswith("band"):
        return _BAND
    if not math.isfinite(row["detectable"]):
        return _UNKNOWN
    if row["told"] is False:
        return _NOT_TOLD
    return _COARSE if row["reached"] is False and not row["told"] else ""


def margin_lines(power: Power, *, groups: bool = False) -> list[tuple[str, tuple[str, ...]]]:
    """Label, declared and decidable margin, and whether it can be decided; those within groups if asked for."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for row in power.margins[(power.margins["group"] == "") | groups].to_dict("records"):
        words, unit = _MARGINS[row["quantity"]]
        where = [plain(str(row[name])) for name in ("item", "group", "arm", "rule", "regression", "term") if row[name]]
        declared, decidable = row["margin"], row["decidable"]
        if row["reason"]:
            verdict = str(row["reason"])
        elif declared != declared or decidable != decidable:
            verdict = ""
        else:
            verdict = "decidable" if declared >= decidable else "undecidable"
        found.append((", ".join([words, *where]), (_size(declared, unit), _size(decidable, unit), verdict)))
    return found


def groups_said(power: Power) -> Iterator[str]:
    """Arms and groups that are too small, with what they have and need."""
    table = power.groups
    if table.empty:
        yield "The task has neither arms nor groups."
        return
    for status, what in (("skipped", "is skipped"), ("grey", "is shown grey, without recovered")):
        for row in table[table["status"] == status].to_dict("records"):
            need = row["needed"]
            least = f", {count(row['needed_any'])} to be shown at all" if status == "skipped" else ""
            yield (
                f"{plain(row['kind'])}: {row['label']} has {count(round(row['n']))} test people and {what}; {count(need)} are needed"
                f"{least}."
            )
    if (table["status"] == "ok").all():
        yield "Every arm and group has 30 effective people in a half, as a full line needs."


def silent(power: Power) -> Iterator[str]:
    """Axes that do not apply, measures without a value, and what can't be seen by any model."""
    for key, reasons in power.not_applicable.items():
        yield f"{axis(key).title}: not applicable, {enumerate_words(reasons)}."
    missing = power.table[(power.table["status"] != "ok") & (power.table["axis"] != "individual")]
    for reason, rows in missing.groupby("reason", sort=False):
        yield f"No value: {'; '.join(label_of(row) for row in rows.to_dict('records'))} ({reason})."


def reading(power: Power) -> Iterator[str]:
    """How to read the columns."""
    people = (HUMAN if power.provenance == "human" else SYNTHETIC).people
    yield (
        f"people: what {people} of one half reach against the other half, the yardstick of every card. floor: naive stand-ins that "
        "know all but what the line measures. least: the smallest excess over people that would be told from 0 in four of five "
        "studies; for individuals the smallest gain of one model over another."
        + (" Of counts it is a log ratio." if "count" in set(_usable(power)["unit"]) else "")
    )
    said = {cells[-1] for _, rows in lines(power) for _, cells in rows}
    if remarks := " ".join(f"{remark}: {meaning}" for remark, meaning in _REMARKS.items() if remark in said):
        yield remarks
    ceiling = power.items["ceiling"].min() if len(power.items) else float("nan")
    yield (
        f"No model, however good, can be certified to be worth more than {count(round(ceiling))} people on an item (test people "
        "over 3.84)."
    )


def markdown(power: Power) -> str:
    """The plan as a Markdown document."""
    out = [f"# {markdown_text(power.title)}", "", "What can be decided before any model runs.", ""]
    if power.provenance != "human":
        out += ["**SYNTHETIC reference**: a pipeline check that ranks nobody.", ""]
    out += [*map(str, map(markdown_text, introduction(power))), "", "## Measures", ""]
    out += _table(
        ("measure", *HEADS[:-1], "remark"),
        [(f"{title}: {label}", *cells) for title, rows in lines(power) for label, cells in rows],
    )
    out += ["", *_paragraphs(reading(power)), *_paragraphs(silent(power)), "## Margins of equivalence", ""]
    out += _table(
        ("quantity", *MARGIN_HEADS[:-1], "remark"),
        [(label, *cells) for label, cells in margin_lines(power, groups=True)],
    )
    out += ["", "## Arms and groups", "", *_paragraphs(groups_said(power))]
    return "\n".join(out).rstrip() + "\n"


def _paragraphs(texts: Iterator[str]) -> list[str]:
    return [line for text in texts for line in (str(markdown_text(text)), "")]


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return ["none"]
    escaped = [[str(markdown_text(text)) for text in row] for row in rows]
    body = [f"| {' | '.join(row)} |" for row in escaped]
    return [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *body]
