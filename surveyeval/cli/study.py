"""`surveyeval study`."""

from __future__ import annotations

import click

from surveyeval.cli.executing import executor_options, executor_string

__all__ = ["study"]


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from surveyeval.grid.catalogue import study_names

    return [name for name in study_names() if name.startswith(incomplete)]


@click.command()
@click.argument("file", shell_complete=_complete)
@click.option(
    "--output", "-o", help="Folder of the study.  [default: runs/studies/NAME]", type=click.Path(file_okay=False)
)
@click.option("--crossfit", type=click.IntRange(min=2), metavar="K",
              help="K folds: everybody is simulated by a model trained on the others.")  # fmt: skip
@click.option("--holdout", multiple=True, metavar="WHAT",
              help="arm=NAME, item=NAME or group=COLUMN=LEVEL: nobody is trained on it; repeat for several.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=30), help="The first N test people only.")
@executor_options
def study(
    file: str,
    output: str | None,
    crossfit: int | None,
    holdout: tuple[str, ...],
    limit: int | None,
    executor: str | None,
    executor_settings: tuple[str, ...],
) -> None:
    """Run a study: a grid of models, pilots and seeds on one test set.

    FILE is a study file, or the name of a shipped study. The same command again continues what was interrupted.
    """
    from surveyeval import api
    from surveyeval.cli.output import say, say_whole
    from surveyeval.cli.progress import progress_for_terminal
    from surveyeval.cli.study_summary import print_study

    result = api.study(
        file,
        output=output,
        crossfit=crossfit,
        holdout=holdout,
        limit=limit,
        executor=executor_string(executor, executor_settings),
        progress=progress_for_terminal(),
    )
    print_study(result)
    say()
    say_whole(f"Study:       {result.folder}")
    say_whole(f"Report card: {result.card}")
