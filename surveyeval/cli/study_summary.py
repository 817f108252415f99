"""The short tables after a study: joint log-loss of every method by pilot size, gains, and the break-even pilot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from surveyeval.cli.output import console, one_line, plural, say, width

if TYPE_CHECKING:
    from surveyeval.grid.study import Study
    from surveyeval.grid.task_view import Measure, Method, TaskView

__all__ = ["print_study"]

_INDENT, _GAP = "  ", 2


def print_study(study: Study) -> None:
    """Print the joint log-loss of every method by pilot size, what it gains over cheaper things, and the break-even pilot."""
    from surveyeval.grid.card import study_record
    from surveyeval.grid.task_view import JOINT, views

    say()
    say(one_line(study.spec.title), style="bold")
    for view in views(study, study_record(study)):
        say()
        say(f"{one_line(view.title)} ({view.name}, {view.profile_set})", style="bold")
        draws, seeds = plural(study.spec.pilots.draws, "pilot draw"), plural(len(study.spec.seeds), "training seed")
        say(f"{view.n} test {view.words.short}; {draws}, {seeds}.")
        if view.synthetic:
            say("SYNTHETIC reference: a pipeline check that ranks nobody.", style="bold yellow")
        say()
        measure = view.first(JOINT)
        if measure is None:
            from surveyeval.grid.verdict import missing_joint

            say(f"No joint log-loss: {one_line(missing_joint(view))}.")
            continue
        _print_sizes(view, measure)
        _print_gains(view)
        _print_apart(view, measure)
        _print_break_even(view, measure)
    say()
    say("Intervals are conditional on the pilot. Every axis, ablations and cost: see the report card.")


# ---- values by size ------------------------------------------------------------------------------------------------


def _print_sizes(view: TaskView, measure: Measure) -> None:
    """A table of means, with the range over draws and seeds below; for some sizes at a time where they do not fit."""
    from rich.text import Text

    sizes = sorted(dict.fromkeys(view.own["size"]), key=view.people)
    rows = [(method, *_texts(view, measure, method, sizes)) for method in [*view.baselines, *view.models]]
    rows = [one for one in rows if any(one[1])]
    silent = [method.label for method in view.methods if method not in [one[0] for one in rows]]
    label = max(len(one[0].label) for one in rows) + len(_INDENT) + 1
    columns = [
        _GAP + max([len(_size(view, size)), *(len(texts[k]) for _, *both in rows for texts in both)])
        for k, size in enumerate(sizes)
    ]
    out = console()
    say(f"Joint log-loss, bits per {view.words.person}: lower is better")
    for panel in _panels(columns, max(width() - label, max(columns))):
        head = "".join(_size(view, sizes[k]).rjust(columns[k]) for k in panel)
        if panel[0]:
            say()
        out.print(Text(f"{_INDENT}pilot of".ljust(label) + head, "bold"), soft_wrap=True)
        for method, means, ranges in rows:
            line = "".join(means[k].rjust(columns[k]) for k in panel)
            if line.strip():
                out.print(Text((_INDENT + one_line(method.label)).ljust(label) + line), soft_wrap=True)
            below = "".join(ranges[k].rjust(columns[k]) for k in panel)
            if below.strip():
                out.print(Text(" " * label + below, "dim"), soft_wrap=True)
    if any(any(ranges) for _, _, ranges in rows):
        say("Below a mean: its range over pilot draws and training seeds.")
    if silent:
        say(f"Without probabilities of people's answers, so without log-loss: {', '.join(map(one_line, silent))}.")
    say()


def _size(view: TaskView, size: str) -> str:
    return f"{view.people(size):.0f}"


def _texts(view: TaskView, measure: Measure, method: Method, sizes: Sequence[str]) -> tuple[list[str], list[str]]:
    """Means and ranges of a method at each size; empty where it has none."""
    from surveyeval.reporting.numbers import number

    means, ranges = [], []
    for size in sizes:
        row = view.value(measure, method, size)
        ok = row is not None and row["status"] == "ok"
        means.append(number(row["value"], "bits") if row is not None and ok else "")
        several = row is not None and ok and row["runs"] > 1 and row["least"] < row["most"]
        ranges.append(
            f"{number(row['least'], 'bits')}-{number(row['most'], 'bits')}" if row is not None and several else ""
        )
    return means, ranges


def _panels(columns: Sequence[int], room: int) -> Iterator[list[int]]:
    """Columns by turns, as many as fit."""
    panel: list[int] = []
    for k, size in enumerate(columns):
        if panel and sum(columns[j] for j in panel) + size > room:
            yield panel
            panel = []
        panel.append(k)
    yield panel


# ---- what follows --------------------------------------------------------------------------------------------------


def _print_gains(view: TaskView) -> None:
    """Gains of the fine-tuned models, or of what comes nearest to them, with paired intervals."""
    from surveyeval.grid.verdict import finding

    for text in finding(view):
        say(one_line(text))


def _print_apart(view: TaskView, measure: Measure) -> None:
    """Joint log-loss of seen and unseen people, where some arm or group was held out."""
    from surveyeval.grid.results import mean_over_draws
    from surveyeval.grid.verdict import tuned_methods
    from surveyeval.reporting.numbers import number

    rows = view.estimates[view.estimates["part"].isin(["seen", "unseen"])]
    for key, held in rows.groupby(["holdout", "scope"], sort=False):
        means = mean_over_draws(measure.selection().of(held))
        size = str(held.groupby("size")["n_pilot"].mean().idxmax())
        for method in tuned_methods(view):
            own = {part: view.value(measure, method, size, means[means["part"] == part]) for part in ("seen", "unseen")}
            said = [
                f"{part} {number(row['value'], 'bits')}"
                for part, row in own.items()
                if row is not None and row["status"] == "ok"
            ]
            if said:
                what = f"{key[0]} held out" if key[0] else f"trained on {key[1]}"
                say(f"{one_line(method.label)}, {one_line(what)}: {', '.join(said)} bits.")


def _print_break_even(view: TaskView, measure: Measure) -> None:
    from surveyeval.grid.card_sections import break_even_words

    last = {(one.method, one.base): one for one in view.break_even(measure)}
    if not last:
        say("No break-even pilot: no language model, or no baseline, has a joint log-loss.")
        return
    say()
    say(
        "Break-even pilot: how many people alone, without a language model, do as well".replace(
            "people", view.words.people
        )
    )
    alike: dict[str, list[str]] = {}
    for method in view.models:
        one = last.get((method.name, method.base))
        if one is not None:
            alike.setdefault(f"{one.words}; {break_even_words(view, one)}", []).append(one_line(method.label))
    for words, names in alike.items():
        say(f"{', '.join(names)}: {words}", indent=len(_INDENT))
