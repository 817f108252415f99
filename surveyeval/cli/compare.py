"""`surveyeval compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surveyeval.cli.output import make_folder_of, one_line, plural, say, say_json, say_whole
from surveyeval.cli.sections import Entry, print_sections
from surveyeval.errors import ConfigError

if TYPE_CHECKING:
    from surveyeval.engine.comparison import Comparison
    from surveyeval.reporting.labels import Row

__all__ = ["compare", "print_comparison"]

_HEADS = ("difference", "95% interval", "p", "least", "")


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--folder", default="runs", help="Where runs named by a beginning are looked up.  [default: runs]")
@click.option("--splits", type=click.IntRange(min=2), help="Random half splits.  [default: as the runs]")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.option("--output", "-o", help="Write the table to a CSV file.", type=click.Path(dir_okay=False))
def compare(runs: Sequence[str], folder: str, splits: int | None, as_json: bool, output: str | None) -> None:
    """Differences between the models of two runs or more, on the same people. Needs no model.

    RUNS are run directories, or beginnings of their names. Each pair is compared on the same half splits, so what the people
    have in common cancels.
    """
    from surveyeval import api
    from surveyeval.cli.progress import progress_for_terminal

    if output is not None and not output.lower().endswith(".csv"):
        raise ConfigError(f"--output {output!r} is no CSV file", hint="let its name end in .csv")
    if output is not None:  # before anything is computed, so that nothing is lost
        make_folder_of(Path(output))
    result = api.compare(runs, folder=folder, splits=splits, progress=progress_for_terminal())
    if output is not None:
        from surveyeval.data.cells import escaped
        from surveyeval.data.files import write_atomically

        write_atomically(Path(output), result.table.map(escaped).to_csv(index=False))
    if as_json:
        say_json(_content(result), allow_nan=False)
        return
    print_comparison(result)
    if output is not None:
        say()
        say_whole(f"Table: {output}")


def _content(result: Comparison) -> dict[str, object]:
    from surveyeval.engine.estimates import to_records

    return {
        "task": result.task,
        "provenance": result.provenance,
        "models": list(result.models),
        "people": result.people,
        "notes": list(result.notes),
        "differences": to_records(result.table),
    }


def print_comparison(result: Comparison) -> None:
    """Print a table for each pair of models, and how to read it."""
    say()
    say(one_line(result.title), style="bold")
    say(f"{plural(len(result.models), 'model')} on the same {result.people} test people.")
    if result.provenance != "human":
        say("SYNTHETIC reference: a pipeline check that ranks nobody.", style="bold yellow")
    for note in result.notes:
        say(one_line(note), style="yellow")
    for (first, second), rows in result.table.groupby(["model", "other"], sort=False):
        say()
        say(f"{one_line(first)} against {one_line(second)}", style="bold")
        _print_pair(rows)
    say()
    for line in _reading(result):
        say(line)


def _print_pair(rows: Any) -> None:
    from surveyeval.reporting.labels import axis_titles, label_of

    shown = rows[(rows["status"] == "ok") & (rows["value"].notna())]
    sections = []
    for key, title in axis_titles(shown):
        lines = []
        for row in shown[shown["axis"] == key].to_dict("records"):
            cells = _texts(row)
            lines.append(Entry(label_of(row), cells, {"better": "green", "worse": "red"}.get(cells[-1], "")))
        sections.append((title, lines))
    print_sections(sections, _HEADS)
    missing = rows[rows["status"] != "ok"]
    for reason, same in missing.groupby("reason", sort=False):
        names = "; ".join(dict.fromkeys(one_line(label_of(row)) for row in same.to_dict("records")))
        say(f"No value: {names} ({one_line(reason)}).", indent=2)


def _texts(row: Row) -> tuple[str, ...]:
    from surveyeval.reporting.labels import small_p, unit_of
    from surveyeval.reporting.numbers import difference, interval

    unit = unit_of(row, loss=True)
    tested = row["outcome"] != "band"
    return (
        difference(row["value"], unit),
        interval(row["low"], row["high"], unit).removesuffix("%"),  # of shares: points, as the difference beside it
        small_p(row["p_adjusted"]),
        difference(row["detectable"], unit).removeprefix("+") if tested else "",
        row["outcome"] if tested else "no test",
    )


def _reading(result: Comparison) -> list[str]:
    told = [
        "difference: how much nearer to people the first model is than the second (loss of the second less loss of the first); "
        "below 0 the second is nearer. Interval: paired jackknife.",
        "p: t test of the difference, adjusted for all pairs and lines of one measure (Benjamini-Hochberg); better and worse at "
        ".05. least: smallest difference that this many people would tell apart in four of five studies.",
    ]
    if (result.table["name"] == "unique_patterns").any():
        told.append("Distinct answer patterns: the difference is one of log ratios to people's number.")
    if (result.table["outcome"] == "band").any():
        told.append("no test: values that jump have no valid interval; the band of differences over splits is shown.")
    told += _known(result.table)
    told.append("Intervals are conditional on prompts, pilot and adapters. Not told apart is not the same as equal.")
    return told


def _known(table: Any) -> list[str]:
    """Of intervals that are known to miss their level, by how much."""
    from surveyeval.engine.known_coverage import COVERAGE_FLAGS
    from surveyeval.reporting.labels import label_of

    flagged = table[table["flags"].str.contains(COVERAGE_FLAGS)]
    by_reason: dict[str, dict[str, None]] = {}
    for row in flagged.to_dict("records"):
        by_reason.setdefault(row["reason"].rpartition("; ")[2], {})[one_line(label_of(row))] = None
    return [f"{'; '.join(names)}: {reason}." for reason, names in by_reason.items()]
