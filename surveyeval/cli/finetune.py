"""`surveyeval finetune`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import click

from surveyeval.cli.completion import complete_model, complete_task

__all__ = ["finetune"]


@click.command()
@click.option("--task", "-t", required=True, help="Task name, or path of a task file.", shell_complete=complete_task)
@click.option("--base", "-b", required=True, help="Model string of the base.", shell_complete=complete_model)
@click.option("--output", "-o", required=True, help="Folder of the adapter.", type=click.Path(file_okay=False))
@click.option("--pilot", type=click.FloatRange(min=0, min_open=True), default=60, show_default=True,
              help="People to train on: share of those in scope (below 1) or number.")  # fmt: skip
@click.option("--scope", metavar="arm=NAME", help="Train on people of one arm only.")
@click.option("--balance", metavar="COLUMN", help="As many people of each level of this profile column.")
@click.option(
    "--hide", multiple=True, metavar="FIELD", help="Profile field left out of the prompt; repeat for several."
)
@click.option("--no-profile", is_flag=True, help="Leave the whole profile out of the prompt.")
@click.option("--profile-set", help="One of the task's profile sets.  [default: the first]")
@click.option("--objective", type=click.Choice(["answers", "distribution"]),
              help="Learn each person's answers, or those of their cell.  [default: answers]")  # fmt: skip
@click.option("--rank", type=click.IntRange(min=1), help="Rank of the adapter.  [default: 8]")
@click.option("--alpha", type=float, help="Scale of the adapter, times 1 / rank.  [default: 16]")
@click.option("--dropout", type=float, help="Dropout on the adapter's input.  [default: 0]")
@click.option("--target", metavar="NAMES", help="attention, all-linear, or module names.  [default: attention]")
@click.option("--learning-rate", type=float, help="Of AdamW, after the warm-up.  [default: 0.001]")
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the pilot.  [default: 4]")
@click.option("--stop", type=click.Choice(["fixed", "early", "cv"]),
              help="All epochs; the best on a fifth held out; the best over five folds.  [default: fixed]")  # fmt: skip
@click.option("--batch-tokens", type=click.IntRange(min=16), help="Tokens read at once.  [default: 2048]")
@click.option("--warmup", type=float, help="Share of steps in which the rate rises.  [default: 0.1]")
@click.option("--weight-decay", type=float, help="Of AdamW.  [default: 0]")
@click.option("--seed", type=click.IntRange(min=0), help="Of weights, order and dropout.  [default: 0]")
@click.option("--dtype", type=click.Choice(["auto", "float32", "bfloat16"]), help="Of the base.  [default: auto]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where to train.  [default: auto]")
@click.option("--data", metavar="TASK=PATH", help="Other human rows for the task; needs --provenance.")
@click.option("--provenance", type=click.Choice(["human", "synthetic"]), help="What the rows of --data are.")
@click.option("--again", is_flag=True, help="Train anew even if the adapter exists.")
def finetune(task: str, base: str, output: str, data: str | None, **options: Any) -> None:
    """Train an adapter (LoRA) on a small pilot of a task's people.

    The pilot comes from the people that every run sets aside, so the adapter and its base are tested on the same people.
    The same command again continues an interrupted training. Then: surveyeval run --task TASK --model lora:OUTPUT
    """
    from surveyeval import api
    from surveyeval.cli.output import say, say_whole
    from surveyeval.cli.progress import progress_for_terminal
    from surveyeval.cli.run import data_path

    given = {name: value for name, value in options.items() if value is not None}
    if data is not None:
        given["data"] = data_path(data, task)
    adapter = api.finetune(task=task, base=base, output=output, progress=progress_for_terminal(), **given)
    record = adapter.record
    cost, last = record["cost"], adapter.loss[-1]
    say()
    say(
        f"{record['pilot']['people']} people, {record['epochs']} epochs, {cost['tokens']:,} tokens in "
        f"{cost['seconds']:.0f} s; loss {adapter.loss[0]['train']:.3f} at first, {last['train']:.3f} at last."
    )
    say_whole(f"Adapter: {adapter.folder}")
    say_whole(f"Next:    {_next(task, base, adapter.model, record, given)}")


def _next(task: str, base: str, model: str, record: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The command that tests the adapter beside its base, with the data and the profile it was trained with."""
    words = ["surveyeval", "run", "--task", task, "--model", base, "--model", model]
    words += [word for name in record["hidden"] for word in ("--hide", name)]
    if "profile_set" in given:
        words += ["--profile-set", given["profile_set"]]
    if "data" in given:
        words += ["--data", f"{task}={given['data']}", "--provenance", given["provenance"]]
    return shlex.join(words)
