"""The short table after a run: a few values of each axis, beside other people and the naive floor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from surveyeval.cli.layout import Block, lay_out
from surveyeval.cli.output import console, one_line, say, width
from surveyeval.cli.use_summary import print_use

if TYPE_CHECKING:
    from surveyeval.api import Runs
    from surveyeval.reporting.context import Context
    from surveyeval.reporting.lines import Line, Value

__all__ = ["print_summary"]


def print_summary(result: Runs) -> None:
    """Print what was compared, and the principal values of every axis as the card's first table has them."""
    from rich.text import Text

    from surveyeval.reporting.context import Context
    from surveyeval.reporting.view import RunView

    context = Context([RunView(run.manifest, run.estimates, run.tables) for run in result])
    say()
    say(one_line(context.task["title"]), style="bold")
    _print_sizes(context)
    _print_asking(context)
    say()
    out = console()
    heads = ("reference" if context.synthetic else "people", "floor")
    for line, style in lay_out(list(_blocks(context)), heads, [one_line(name) for name in context.names], width()):
        out.print(Text(line, style), soft_wrap=True)
    say()
    for note in _notes(context):
        say(note)
    say()
    print_use(context)


def _print_sizes(context: Context) -> None:
    split, limited = context.manifest["split"], context.manifest.get("limited")
    tested = f"{split['test']} {'synthetic test rows' if context.synthetic else 'test people'}"
    say(f"{'The first ' if limited else ''}{tested}; {split['pilot']} others inform the baselines.")
    if context.synthetic:
        say("SYNTHETIC reference: a pipeline check that ranks nobody.", style="bold yellow")
    if limited:
        say("A limited run: not for quoting.", style="yellow")
    partial = context.manifest.get("partial")
    if partial:
        say(
            f"PARTIAL: {partial['people']} of {partial['of_people']} are answered: not for quoting.",
            style="bold yellow",
        )


def _print_asking(context: Context) -> None:
    """How language models were asked, where that is not the usual way, what could not be used, and what is too good."""
    from surveyeval.reporting.asking import asked_differently, elicited, nearer, unusable_said

    if asked_differently(context):
        say(one_line(asked_differently(context)), style="yellow")
    elif {asking for asking in context.asked if asking} - {"choice"}:
        say(f"Answers were obtained {one_line(elicited(context))}.")
    for sentence in (*unusable_said(context, least=0.0), *nearer(context)):
        say(one_line(sentence), style="yellow")


def _lines(context: Context) -> Iterator[tuple[str, list[Line]]]:
    """Titles of the axes with their principal lines; individuals first, as on the card."""
    from surveyeval.reporting.headlines import principals

    for axis in sorted(context.axes, key=lambda one: one.key != "individual"):
        lines = principals(context, axis.key)
        if lines:
            yield axis.title, lines


def _blocks(context: Context) -> Iterator[Block]:
    """What all lines of an axis share is said in its heading, what tells them apart in their labels."""
    from surveyeval.reporting.numbers import number

    def shown(value: Value | None, unit: str) -> str:
        return number(value.value if value is not None and value.ok else None, unit)

    for title, lines in _lines(context):
        labels = [_label(line) for line in lines]
        places = [one_line(context.where(line)) for line in lines]
        if len(set(places)) == 1:
            heading, names = (f"{title}, {places[0]}" if places[0] else title), labels
        elif len(set(labels)) == 1:
            heading, names = f"{title}: {labels[0]}", places
        else:
            heading = title
            names = [f"{label}, {place}" if place else label for label, place in zip(labels, places, strict=True)]
        rows = []
        for name, line in zip(names, lines, strict=True):
            values = [line.reference, line.floors.get(line.floor), *map(line.matched, range(len(context.names)))]
            rows.append((name, [shown(value, line.quantity.unit) for value in values]))
        yield Block(heading, rows)


def _label(line: Line) -> str:
    label = one_line(line.quantity.label)
    return f"{label}, bits" if line.quantity.unit == "bits" else label


def _notes(context: Context) -> Iterator[str]:
    lines = [line for _, found in _lines(context) for line in found]
    rows, others = ("synthetic rows", "others") if context.synthetic else ("people", "other people")
    head = "reference" if context.synthetic else "people"
    yield (
        f"{head}: {rows} against {others} of the same number, the yardstick. floor: stand-ins that know all but what the "
        "line measures."
    )
    individual = [_label(line).partition(",")[0] for line in lines if line.individual]
    if any("log-loss" in label.lower() for label in individual):
        yield "Log-loss has no such yardstick: lower is better."
    elif individual:
        yield f"{individual[0]} has no such yardstick."
    missing = _missing(lines, len(context.names))
    if missing:
        yield f"–: {', '.join(missing)}; the card says why."
    yield "Intervals, and what cannot be decided with this many: see the report card."


def _missing(lines: Sequence[Line], models: int) -> list[str]:
    """Statuses behind the dashes, each once."""
    values: list[Any] = []
    for line in lines:
        values += [*([] if line.individual else [line.reference]), line.floors.get(line.floor)]
        values += map(line.matched, range(models))
    return sorted({value.status.replace("_", " ") for value in values if value is not None and not value.ok})
