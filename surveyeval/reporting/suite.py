"""The report of a suite: its tasks side by side, each with a link to its card, and nothing added up over tasks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from surveyeval.reporting import figures
from surveyeval.reporting.blocks import Banner, Cell, Fact, Row, Saying, Section, Table
from surveyeval.reporting.card import Card, rendered
from surveyeval.reporting.context import Context
from surveyeval.reporting.headlines import principals
from surveyeval.reporting.lines import Line, Value
from surveyeval.reporting.numbers import MISSING, count, interval, number
from surveyeval.reporting.use_table import PIPELINE, answers, judgements
from surveyeval.reporting.view import RunView

__all__ = ["SuiteTask", "render_suite"]

_NOTE = (
    "People: one half of the test people against the other, the yardstick at this size. Floor: stand-ins that know all but what "
    "the line measures. With 95% intervals. What could not be computed, and why, is on the card of the task."
)


@dataclass(frozen=True, eq=False)
class SuiteTask:
    """One task of a suite, done.

    Parameters
    ----------
    runs : sequence of RunView
        Of all models, as on one card.
    card : Path
        The card of the task.
    """

    runs: Sequence[RunView]
    card: Path


def render_suite(
    name: str, version: str, title: str, description: str, tasks: Sequence[SuiteTask], target: Path
) -> Card:
    """Render the report of a suite.

    Parameters
    ----------
    name, version, title, description : str
        Of the suite.
    tasks : sequence of SuiteTask
        In the suite's order.
    target : Path
        Where the report will be, from which links to the cards lead.

    Returns
    -------
    Card
        A whole HTML document, and Markdown with the same tables. There is no number over tasks.
    """
    contexts = [Context(tuple(one.runs)) for one in tasks]
    shown = _banners(contexts)
    content: dict[str, Any] = {
        "name": f"{name} {version}",
        "title": title,
        "description": description,
        "banners": shown,
        "stamps": list(dict.fromkeys(one.stamp for one in shown if one.stamp)),
        "legend": figures.legend(contexts[0].names),
        "facts": [
            Fact("Suite", f"{name}, version {version}"),
            Fact("Tasks", count(len(tasks))),
            Fact("Models", ", ".join(contexts[0].names)),
            Fact("surveyeval", str(contexts[0].manifest.get("surveyeval", ""))),
        ],
        "lead": [
            "Each task has its own people, its own items and its own yardstick, so each has its own card, and nothing here adds them "
            "up or takes a mean over them. A suite of the same version means the same tasks in the same versions."
        ],
        "sayings": [_saying(context) for context in contexts],
        "sections": [_section(context, one.card, target) for context, one in zip(contexts, tasks, strict=True)],
        "version": contexts[0].manifest.get("surveyeval", ""),
    }  # fmt: skip
    return rendered("suite", content)


def _banners(contexts: Sequence[Context]) -> list[Banner]:
    found = []
    synthetic = [str(one.task["name"]) for one in contexts if one.synthetic]
    if synthetic:
        whole = len(synthetic) == len(contexts)
        found.append(
            Banner(
                f"Synthetic reference in {', '.join(synthetic)}: the rows that stand for people were made by a script. This is a check "
                "of the pipeline; it ranks nobody and says nothing about people.",
                "stop",
                "Synthetic" if whole else "",
            )
        )  # fmt: skip
    limits = [int(one.manifest["limited"]) for one in contexts if one.manifest.get("limited")]
    if limits:
        most = count(max(limits))
        found.append(Banner(f"Limited runs: at most the first {most} test people of a task. Not for quoting.", "stamp", "Limited"))  # fmt: skip
    return found


def _title(context: Context) -> str:
    return f"{context.task['name']} {context.task['version']}"


def _saying(context: Context) -> Saying:
    """A task in a line: what its models support, in words, or that it only checks the pipeline."""
    found = judgements(context)
    if not found:
        return Saying(_title(context), PIPELINE, "", [])
    models = []
    for model, (name, (claims, _)) in enumerate(zip(context.names, found, strict=True)):
        supported = [one.title.lower() for one in claims if one.verdict == "supported"]
        refuted = [one.title.lower() for one in claims if one.verdict == "not supported"]
        if supported:
            verdict, clause = "supported", ", ".join(supported)
            clause += f"; not supported: {', '.join(refuted)}" if refuted else ""
        elif refuted:
            verdict, clause = "not supported", ", ".join(refuted)
        else:
            verdict, clause = "can’t tell", f"with {count(context.n)} people"
        models.append((model, name, verdict, clause))
    return Saying(_title(context), f"{context.task['title']}. What the task’s own tests say of each claim.", "", models)


def _section(context: Context, card: Path, target: Path) -> Section:
    task, split = context.task, context.manifest["split"]
    link = quote(Path(os.path.relpath(card, target.parent)).as_posix())
    people = "synthetic rows" if context.synthetic else "people"
    facts = [
        Fact("Report card", card.name if card.parent.name == "cards" else f"{card.parent.name}/{card.name}", link=link),
        Fact("Tested", f"{count(context.n)} {people}; {count(split['pilot'])} others inform the baselines"),
        Fact("Reference", "people" if not context.synthetic else "synthetic: a pipeline check that ranks nobody"),
        Fact("Task file, sha256", str(task.get("hash") or ""), mono=True),
    ]
    tables = [*answers(context, judgements(context)), *_principal(context)]
    return Section(str(task["name"]), f"{_title(context)}: {task['title']}", facts=facts, tables=tables)


def _principal(context: Context) -> list[Table]:
    """The principal lines of each axis, individuals first, as in the terminal."""
    rows: list[Row] = []
    for axis in sorted(context.axes, key=lambda one: one.key != "individual"):
        for place, line in enumerate(principals(context, axis.key)):
            where = context.where(line)
            label = f"{line.quantity.label}{f', {where}' if where else ''}"
            cells = [_cell(line, line.reference), _cell(line, line.floors.get(line.floor))]
            cells += [_cell(line, line.matched(model)) for model in range(len(context.names))]
            rows.append(Row([Cell(axis.title, label, head=True), *cells], "first" if place == 0 else ""))
    if not rows:
        return []
    columns = ["Axis", "Reference" if context.synthetic else "People", "Floor", *context.names]
    caption = f"{context.task['name']}: principal values of each axis"
    return [Table(caption, columns, rows, frozenset(range(1, len(columns))), [_NOTE])]


def _cell(line: Line, value: Value | None) -> Cell:
    if value is None or not value.ok:
        return Cell(MISSING, css="number")
    unit = line.quantity.unit
    return Cell(number(value.value, unit), interval(value.low, value.high, unit), "number")
