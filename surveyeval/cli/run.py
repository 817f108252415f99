"""`surveyeval run`, `score` and `report`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from surveyeval.cli.completion import complete_elicitation, complete_model, complete_suite, complete_task
from surveyeval.cli.executing import executor_options, executor_string
from surveyeval.errors import ConfigError

if TYPE_CHECKING:
    from surveyeval.api import Runs

__all__ = ["data_path", "report", "run", "score"]


@click.command()
@click.option("--task", "-t", help="Task name, or path of a task file.", shell_complete=complete_task)
@click.option("--suite", help="Suite name, or path of a suite file, in place of a task.", shell_complete=complete_suite)
@click.option(
    "--model",
    "-m",
    "models",
    multiple=True,
    help="Model string; repeat for several. NAME=STRING names it.",
    shell_complete=complete_model,
)
@click.option("-M", "settings", multiple=True, metavar="NAME.KEY=VALUE", help="Further option of a named model.")
@click.option("--config", help="YAML file with these options; the command line wins.", type=click.Path(dir_okay=False))
@click.option("--limit", type=click.IntRange(min=1), help="Simulate the first N test people only.")
@click.option("--seed", type=int, help="Root seed of draws and resampling.  [default: 0]")
@click.option("--draws", type=click.IntRange(min=1), help="Complete simulated samples per model.  [default: 1]")
@click.option(
    "--pilot",
    type=click.FloatRange(min=0, min_open=True),
    help="People set aside for baselines and fine-tuning: share (below 1) or number.  [default: 0.25]",
)
@click.option(
    "--elicitation",
    metavar="TEXT",
    help="How language models are asked: choice, generate or verbalized, with options as in generate?max_tokens=64.  "
    "[default: choice]",
    shell_complete=complete_elicitation,
)
@click.option("--splits", type=click.IntRange(min=2), help="Random half splits.  [default: each metric's own]")
@click.option("--profile-set", help="One of the task's profile sets.  [default: the first]")
@click.option(
    "--hide", multiple=True, metavar="FIELD", help="Profile field that models do not see; repeat for several."
)
@click.option("--no-profile", is_flag=True, default=None, help="Models see no profile at all.")
@click.option("--data", metavar="TASK=PATH", help="Other human rows for the task; needs --provenance.")
@click.option("--provenance", type=click.Choice(["human", "synthetic"]), help="What the rows of --data are.")
@click.option("--output", "-o", help="Folder of run directories.  [default: runs]")
@click.option("--again", is_flag=True, help="Run anew even if the same run exists; ask the models anew.")
@click.option("--no-cache", is_flag=True, default=None, help="Neither read nor keep answers in the response cache.")
@click.option(
    "--send-profiles",
    is_flag=True,
    default=None,
    help="Profiles may leave this machine, for models behind a server elsewhere.",
)
@click.option("--force", is_flag=True, default=None, help="Begin even if the disk or the memory seems too small.")
@executor_options
def run(
    config: str | None, again: bool, settings: tuple[str, ...], executor_settings: tuple[str, ...], **options: Any
) -> None:
    """Let models answer a task, or every task of a suite, score them against its people, and render a report card.

    The same command again continues what was interrupted and shows what is finished.
    """
    from surveyeval import api
    from surveyeval.cli.config import read_config
    from surveyeval.cli.progress import progress_for_terminal

    values = read_config(config) if config else {}
    given = {key: value for key, value in options.items() if value not in (None, ())}
    if {"task", "suite"} & set(given):  # what is to be run is said in one place
        values = {key: value for key, value in values.items() if key not in ("task", "suite")}
    values |= given
    task = values.pop("task", None)
    models = values.pop("models", None)
    if not task and not values.get("suite"):
        raise ConfigError("no task is given", hint="--task NAME; `surveyeval ls tasks` lists them")
    if not models:
        raise ConfigError("no model is given", hint="--model STRING, for example --model baseline:marginal")
    if "data" in values and task:
        values["data"] = data_path(values["data"], task)
    merged: dict[str, dict[str, str]] = {name: dict(given) for name, given in values.pop("settings", {}).items()}
    for name, own in model_settings(settings).items():
        merged.setdefault(name, {}).update(own)
    values["cache"] = not values.pop("no_cache", False)
    values["executor"] = executor_string(values.get("executor"), executor_settings)
    result = api.run(task=task, model=models, settings=merged, again=again, progress=progress_for_terminal(), **values)
    _print_result(result)


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(file_okay=False))
@click.option(
    "--partial", is_flag=True, help="Score what there is of an unfinished run; its card is marked as partial."
)
def score(runs: Sequence[str], partial: bool) -> None:
    """Score runs again from their stored answers. Needs no model."""
    from surveyeval import api
    from surveyeval.cli.progress import progress_for_terminal

    _print_result(api.score(runs, partial=partial, progress=progress_for_terminal()))


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(file_okay=False))
@click.option("--output", "-o", help="Path of the HTML file.", type=click.Path(dir_okay=False))
def report(runs: Sequence[str], output: str | None) -> None:
    """Render the card of one run, or one card of several."""
    from surveyeval import api
    from surveyeval.cli.output import say_whole

    say_whole(f"Report card: {api.report(runs, output=output)}")


def data_path(text: str, task: str) -> str:
    """The path of `--data TASK=PATH`; a TASK that is not the one asked for is an error."""
    name, separator, path = text.partition("=")
    if not separator:
        return text
    if name != task:
        raise ConfigError(f"--data names task {name!r}, but the task is {task!r}", hint=f"write --data {task}={path}")
    return path


def model_settings(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """`-M NAME.KEY=VALUE` options, by name of the model."""
    found: dict[str, dict[str, str]] = {}
    for text in texts:
        name, key, value = _setting(text)
        found.setdefault(name, {})[key] = value
    return found


def _setting(text: str) -> tuple[str, str, str]:
    target, separator, value = text.partition("=")
    name, dot, key = target.rpartition(".")
    if not (separator and dot and name and key):
        raise ConfigError(f"-M {text!r} is not written NAME.KEY=VALUE", hint="for example -M smol.dtype=float32")
    return name, key, value


def _print_result(result: Runs) -> None:
    from surveyeval.api import Runs
    from surveyeval.cli.output import say, say_whole
    from surveyeval.cli.summary import print_summary

    for _, alike in groupby(result, key=lambda one: one.task):
        print_summary(Runs(tuple(alike), result.card))
    say()
    for one in result:
        say_whole(f"Run:         {one.folder}")
    say_whole(f"Report card: {result.card}")
