"""`surveyeval plan`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from surveyeval.cli.completion import complete_elicitation, complete_model, complete_task

__all__ = ["plan"]


@click.command()
@click.option("--task", "-t", required=True, help="Task name, or path of a task file.", shell_complete=complete_task)
@click.option("--model", "-m", "models", multiple=True, required=True, help="Model string; repeat for several.",
              shell_complete=complete_model)  # fmt: skip
@click.option("-M", "settings", multiple=True, metavar="NAME.KEY=VALUE", help="Further option of a named model.")
@click.option("--limit", type=click.IntRange(min=1), help="The first N test people only.")
@click.option("--draws", type=click.IntRange(min=1), default=1, help="Complete simulated samples.  [default: 1]")
@click.option("--pilot", type=click.FloatRange(min=0, min_open=True), default=0.25,
              help="People set aside: share (below 1) or number.  [default: 0.25]")  # fmt: skip
@click.option("--elicitation", metavar="TEXT", default="choice", shell_complete=complete_elicitation,
              help="How language models are asked.  [default: choice]")  # fmt: skip
@click.option("--profile-set", help="One of the task's profile sets.  [default: the first]")
@click.option(
    "--seed", type=int, default=0, help="Root seed of draws: what is in the response cache depends on it.  [default: 0]"
)
@click.option("--hide", multiple=True, metavar="FIELD", help="Profile field that models do not see.")
@click.option("--no-profile", is_flag=True, help="Models see no profile at all.")
@click.option("--data", metavar="TASK=PATH", help="Other human rows for the task; needs --provenance.")
@click.option("--provenance", type=click.Choice(["human", "synthetic"]), help="What the rows of --data are.")
@click.option("--no-cache", is_flag=True, help="As if the response cache were empty.")
@click.option("--price-in", type=click.FloatRange(min=0), help="Price of a million tokens read.")
@click.option("--price-out", type=click.FloatRange(min=0), help="Price of a million tokens written.")
@click.option("--output", "-o", default="runs", help="Folder of earlier runs, for the time.  [default: runs]")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def plan(
    task: str, models: Sequence[str], settings: Sequence[str], limit: int | None, draws: int, pilot: float, elicitation: str,
    profile_set: str | None, seed: int, hide: Sequence[str], no_profile: bool, data: str | None, provenance: str | None,
    no_cache: bool, price_in: float | None, price_out: float | None, output: str, as_json: bool,
) -> None:  # fmt: skip
    """Requests, tokens, money and time of a run, as ranges and before it.

    No weights are loaded and nothing is sent. What the response cache holds is taken off.
    """
    from surveyeval.cli.run import data_path, model_settings
    from surveyeval.engine.forecast import plan as forecast

    found = forecast(
        task, models, settings=model_settings(settings), limit=limit, draws=draws, pilot=pilot, elicitation=elicitation,
        profile_set=profile_set, seed=seed, hide=hide, no_profile=no_profile,
        data=data_path(data, task) if data else None, provenance=provenance, cache=not no_cache, price_in=price_in, price_out=price_out, runs=output,
    )  # fmt: skip
    if as_json:
        from dataclasses import asdict

        from surveyeval.cli.output import say_json

        say_json([asdict(one) for one in found])
        return
    from surveyeval.cli.output import one_line, plural, print_entries, say

    for number, one in enumerate(found):
        if number:
            say()
        people = f"{one.people} test people" if one.people != 1 else "1 test person"
        say(one_line(f"{one.model}: {people}, {plural(one.draws, 'draw')}"), style="bold")
        facts = []
        if one.requests[1]:
            facts = [
                ("questions", [_range(one.requests)]), ("tokens read", [_range(one.tokens_in)]),
                ("tokens written", [_range(one.tokens_out)]),
                *([("money", [f"{one.cost[0]:,.2f} to {one.cost[1]:,.2f}"])] if one.cost else []),
                ("time", [f"{_time(one.seconds[0])} to {_time(one.seconds[1])}" if one.seconds else "not known"]),
            ]  # fmt: skip
        room = f"up to {_size(one.disk)} on disk, {_size(one.memory)} of memory and the model's weights"
        print_entries([*facts, ("room", [room]), ("rests on", one.basis)], indent=2)


def _range(values: tuple[float, float]) -> str:
    low, high = (_rounded(value) for value in values)
    return low if low == high else f"{low} to {high}"


def _rounded(value: float) -> str:
    """Two digits beyond a thousand: more would be invented."""
    if value < 1000:
        return f"{value:.0f}"
    size = 10 ** (len(str(int(value))) - 2)
    return f"{round(value / size) * size:,.0f}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB" if count >= 2**30 else f"{max(count / 2**20, 1):,.0f} MiB"
