"""`surveyeval simulate`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from surveyeval.cli.completion import complete_elicitation, complete_model, complete_task

__all__ = ["simulate"]


@click.command()
@click.option("--task", "-t", required=True, help="Task name, or path of a task file.", shell_complete=complete_task)
@click.option(
    "--profiles", required=True, metavar="FILE", help="Data file with the task's profile columns, without answers."
)
@click.option("--model", "-m", required=True, help="Model string.", shell_complete=complete_model)
@click.option("-M", "settings", multiple=True, metavar="KEY=VALUE", help="Further option of the model.")
@click.option(
    "--output", "-o", required=True, type=click.Path(dir_okay=False), help="Table to write: .csv or .parquet."
)
@click.option("--draws", type=click.IntRange(min=1), default=1, help="Answers for each profile.  [default: 1]")
@click.option("--seed", type=int, default=0, help="Root seed of draws.  [default: 0]")
@click.option("--limit", type=click.IntRange(min=1), help="The first N profiles only.")
@click.option("--elicitation", metavar="TEXT", default="choice", shell_complete=complete_elicitation,
              help="How language models are asked.  [default: choice]")  # fmt: skip
@click.option("--profile-set", help="One of the task's profile sets.  [default: the first]")
@click.option("--hide", multiple=True, metavar="FIELD", help="Profile field that the model does not see.")
@click.option("--pilot-data", metavar="FILE",
              help="People with answers that the model learns from; `task` for the task's own.")  # fmt: skip
@click.option("--no-cache", is_flag=True, help="Neither read nor keep answers in the response cache.")
@click.option("--send-profiles", is_flag=True, help="Profiles may leave this machine.")
def simulate(
    task: str, profiles: str, model: str, settings: Sequence[str], output: str, draws: int, seed: int, limit: int | None,
    elicitation: str, profile_set: str | None, hide: Sequence[str], pilot_data: str | None, no_cache: bool,
    send_profiles: bool,
) -> None:  # fmt: skip
    """Let a model answer a task for profiles of which nobody knows the answers.

    The same command again continues what was interrupted. Every row of the table is marked as simulated. Nothing is scored and there is no card: how far such answers
    can be trusted is what `surveyeval run` tells, on people who answered.
    """
    from surveyeval.cli.output import plural, say, say_whole
    from surveyeval.cli.preview import pairs
    from surveyeval.cli.progress import progress_for_terminal
    from surveyeval.engine.cache import open_cache
    from surveyeval.engine.profiles import simulate as answer

    table = answer(
        task, profiles, model, output=output, settings=pairs("-M", settings), draws=draws, seed=seed, limit=limit,
        elicitation=elicitation, profile_set=profile_set, hide=hide, pilot_data=pilot_data,
        cache=open_cache(use=not no_cache), send_profiles=send_profiles, progress=progress_for_terminal(),
    )  # fmt: skip
    say_whole(f"Wrote {output}: {plural(len(table), 'simulated row')}")
    say("Nobody gave these answers, and nothing here says how near they come to people's.")
