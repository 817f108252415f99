"""`surveyeval probe`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from surveyeval.cli.completion import complete_elicitation, complete_model, complete_task
from surveyeval.errors import ConfigError

if TYPE_CHECKING:
    from surveyeval.engine.probes import Probe

__all__ = ["probe"]

_KINDS = ("typography", "labels", "order", "reworded", "numbers")


@click.command()
@click.option("--task", "-t", required=True, help="Task name, or path of a task file.", shell_complete=complete_task)
@click.option("--model", "-m", required=True, help="Model string of a language model.", shell_complete=complete_model)
@click.option("-M", "settings", multiple=True, metavar="KEY=VALUE", help="Further option of the model.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(_KINDS),
              help="What is changed; repeat for several.  [default: everything that the task has]")  # fmt: skip
@click.option(
    "--forms",
    type=click.Path(dir_okay=False),
    help="File with declared forms.  [default: probes.yaml beside the task file]",
)
@click.option("--limit", type=click.IntRange(min=1), help="The first N test people only.")
@click.option("--seed", type=int, default=0, help="Root seed of draws and resampling.  [default: 0]")
@click.option(
    "--draws", type=click.IntRange(min=1), default=1, help="Answers of each respondent in each form.  [default: 1]"
)
@click.option("--elicitation", metavar="TEXT", default="choice", shell_complete=complete_elicitation,
              help="How the model is asked.  [default: choice]")  # fmt: skip
@click.option("--profile-set", help="One of the task's profile sets.  [default: the first]")
@click.option("--output", "-o", default="runs", help="Folder of run directories.  [default: runs]")
@click.option("--table", type=click.Path(dir_okay=False), help="Write the table to a CSV file.")
@click.option("--no-cache", is_flag=True, help="Neither read nor keep answers in the response cache.")
@click.option("--send-profiles", is_flag=True, help="Profiles may leave this machine.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def probe(
    task: str, model: str, settings: Sequence[str], kinds: Sequence[str], forms: str | None, limit: int | None, seed: int, draws: int,
    elicitation: str, profile_set: str | None, output: str, table: str | None, no_cache: bool, send_profiles: bool, as_json: bool,
) -> None:  # fmt: skip
    """Look whether a model answers the published form of a questionnaire otherwise than other forms of it.

    Marks, option labels and option order are changed for any task; other words and other numbers where somebody has
    written them (probes.yaml beside the task file). The same command again continues what was interrupted.
    """
    from surveyeval import api
    from surveyeval.cli.output import make_folder_of, say, say_json, say_whole
    from surveyeval.cli.preview import pairs
    from surveyeval.cli.progress import progress_for_terminal

    if table is not None:
        if not table.lower().endswith(".csv"):
            raise ConfigError(f"--table {table!r} is no CSV file", hint="let its name end in .csv")
        make_folder_of(Path(table), "--table")
    found = api.probe(
        task=task, model=model, settings=pairs("-M", settings), kinds=kinds or None, forms=forms, limit=limit, seed=seed, draws=draws,
        elicitation=elicitation, profile_set=profile_set, output=output, cache=not no_cache, send_profiles=send_profiles,
        progress=progress_for_terminal(),
    )  # fmt: skip
    if table is not None:
        from surveyeval.data.cells import escaped
        from surveyeval.data.files import write_atomically

        write_atomically(Path(table), found.table.map(escaped).to_csv(index=False))
    if as_json:
        say_json(_content(found), allow_nan=False)
        return
    _print(found)
    if table is not None:
        say()
        say_whole(f"Table: {table}")


def _content(found: Probe) -> dict[str, object]:
    from surveyeval.engine.estimates import to_records

    head = {
        name: getattr(found, name) for name in ("task", "version", "model", "people", "exact", "odd", "forms", "notes")
    }
    return {**head, "changes": to_records(found.table)}


def _print(found: Probe) -> None:
    from surveyeval.cli.output import one_line, say
    from surveyeval.cli.sections import Entry, print_sections
    from surveyeval.reporting.numbers import interval, number
    from surveyeval.task.forms import KINDS

    counted = "probabilities of answers" if found.exact else "answers drawn"
    say()
    say(one_line(f"{found.model}: forms of {found.task} {found.version}"), style="bold")
    say(
        f"Total variation between mean {counted} of {found.people} simulated respondents, published form against others."
    )
    sections = []
    for kind, rows in found.table.groupby("kind", sort=False):
        entries = []
        for row in rows.to_dict("records"):
            cells = (
                number(row["change"], "distance"), number(row["reference"], "distance"), number(row["excess"], "distance"),
                interval(row["low"], row["high"], "distance"), str(row["reading"]),
            )  # fmt: skip
            entries.append(Entry(str(row["item"]), cells))
        sections.append((f"{str(kind).capitalize()}: {KINDS[str(kind)]}", entries))
    say()
    print_sections(sections, ("change", "reference", "beyond it", "95% interval", "reading"))
    for one in found.odd:
        say()
        say(
            f"{str(one['kind']).capitalize()}: the published form is the odd one out in {one['odd']} of {one['items']} items; "
            f"{one['expected']:.1f} are expected where no form is special (p = {one['p']:.3f}, taking items as independent)."
        )
    nearer = found.table[found.table["kind"].isin(("reworded", "typography"))]
    if len(nearer):
        say()
        say(
            "The published form is nearer to people than the forms that change marks or words by "
            f"{number(nearer['nearer'].mean(), 'distance')} on average (total variation; negative: further)."
        )
    for note in found.notes:
        say()
        say(note)
