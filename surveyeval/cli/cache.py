"""`surveyeval cache`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from surveyeval.cli.completion import complete_model, complete_task
from surveyeval.cli.output import one_line, plural, print_entries, say, say_json, say_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surveyeval.engine.cache_contents import Contents, Group

__all__ = ["cache"]


@click.group()
def cache() -> None:
    """What language models answered before, so that they need not be asked again.

    Every run of a language model reads it and adds to it, unless it is told --no-cache. An answer is found again only if
    the model, its precision and template, the words of the interviews, the way of asking, the random numbers and the
    code that asks are the same.
    """


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON; sizes in bytes.")
def info(as_json: bool) -> None:
    """Tell what the response cache holds, and where."""
    from surveyeval import api

    held = api.cache_info()
    if as_json:
        say_json(held.to_dict())
        return
    say_whole(held.path)
    if held.problem:
        say(f"The file cannot be read: {one_line(held.problem)}. Runs go on without it.", style="red", indent=2)
        say("`surveyeval cache clear` removes it.", indent=2)
    elif not held.groups:
        say("No answers are kept yet.", indent=2)
    else:
        say(f"{_size(held.size)}; {_counted(held)}, {_between(held.groups)}", indent=2)
        if held.outdated:
            said = (
                f"another version of surveyeval asked for {plural(held.outdated, 'block')} of them, not used any more"
            )
            say(f"{said} (`surveyeval cache clear --outdated`)", indent=2)
    _print_groups(held.groups)
    if held.beside:
        say()
        say("Beside it, made again when needed (`surveyeval cache clear --all`):")
        print_entries(((one.name, [f"{one.what}, {_size(one.size)}"]) for one in held.beside), indent=2)


@cache.command()
@click.option("--model", "-m", help="Answers of this model only: its name, or its model string, options or not.",
              shell_complete=complete_model)  # fmt: skip
@click.option("--task", "-t", help="Answers to this task only.", shell_complete=complete_task)
@click.option("--older-than", metavar="DAYS", type=click.FloatRange(min=0), help="Answers of so many days ago only.")
@click.option("--outdated", is_flag=True, help="Answers that another version of surveyeval asked for only.")
@click.option("--all", "everything", is_flag=True, help="Converted models and hashes of weights as well.")
def clear(model: str | None, task: str | None, older_than: float | None, outdated: bool, everything: bool) -> None:
    """Remove answers from the response cache; asks nothing first.

    Runs keep their own copy of every answer, and are not touched.
    """
    from surveyeval import api

    removed = api.clear_cache(model=model, task=task, older_than=older_than, outdated=outdated, everything=everything)
    if removed.problem:
        say(f"Removed a file that could not be read ({one_line(removed.problem)}), {_size(removed.size)}:")
        say_whole(f"  {removed.path}")
    elif removed.groups:
        say(f"Removed {_counted(removed)}, {_size(removed.size)}.")
        _print_groups(removed.groups)
    else:
        say("No such answers are kept." if model or task or older_than or outdated else "No answers are kept.")
    for one in removed.beside:
        say(f"Removed {one_line(one.name)}, {one.what}, {_size(one.size)}.")


def _print_groups(groups: Sequence[Group]) -> None:
    for task in dict.fromkeys(group.task for group in groups):
        say()
        say(one_line(task), style="bold")
        rows = []
        for group in groups:
            if group.task == task:
                how = "" if group.elicitation == "choice" else f"asked by {group.elicitation}"
                facts = [plural(group.blocks, "block"), plural(group.interviews, "interview"), _size(group.size)]
                rows.append((group.model, [how, f"{', '.join(facts)}; {_between([group])}"]))
        print_entries(rows, indent=2)


def _counted(held: Contents) -> str:
    return f"{plural(held.blocks, 'block')} of {plural(held.interviews, 'interview')}"


def _between(groups: Sequence[Group]) -> str:
    """Days of the first and the last."""
    first, last = (
        datetime.fromtimestamp(stamp, UTC).date().isoformat()
        for stamp in (min(group.first for group in groups), max(group.last for group in groups))
    )
    return f"asked on {first}" if first == last else f"asked from {first} to {last}"


def _size(size: int) -> str:
    value = float(max(size, 0))
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"
