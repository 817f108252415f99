"""`surveyeval plot`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

__all__ = ["plot"]

_FIGURES = ("shares", "coefficients", "use")


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option(
    "--output",
    "-o",
    default="figures",
    type=click.Path(file_okay=False),
    help="Folder to write to.  [default: figures]",
)
@click.option(
    "--format", "kind", default="pdf", type=click.Choice(["svg", "pdf", "png"]), help="Kind of file.  [default: pdf]"
)
@click.option(
    "--figure",
    "figures",
    multiple=True,
    type=click.Choice(_FIGURES),
    help="What to draw; repeat for several.  [default: all]",
)
@click.option("--item", "items", multiple=True, help="Items of the shares; repeat for several.  [default: all]")
@click.option("--folder", default="runs", help="Where runs named by a beginning are looked up.  [default: runs]")
def plot(
    runs: Sequence[str], output: str, kind: str, figures: Sequence[str], items: Sequence[str], folder: str
) -> None:
    """Draw figures for a paper from the stored numbers of one run, or of several on the same people.

    shares: every option, people with intervals and models. coefficients: the declared regressions. use: what each
    model supports. Needs the extra `plots`.
    """
    from surveyeval.cli.output import one_line, say, say_whole
    from surveyeval.engine.common import find_run
    from surveyeval.engine.readable import understood
    from surveyeval.errors import ConfigError
    from surveyeval.reporting.plot_style import save
    from surveyeval.reporting.plots import PLOTS, item_shares
    from surveyeval.reporting.view import RunView

    opened = [find_run(name, folder) for name in runs]
    with understood(opened[0].folder):
        views = [RunView(one.manifest, one.estimates, one.tables) for one in opened]
    for name in figures or _FIGURES:
        try:
            with understood(opened[0].folder):
                drawn = item_shares(views, items or None) if name == "shares" else PLOTS[name](views)
        except ConfigError as error:
            if figures or (items and name == "shares"):  # asked for by name
                raise
            say(one_line(f"{name} is left out: {error.problems[0].message}"))
            continue
        say_whole(f"Wrote {save(drawn, Path(output) / f'{opened[0].task}-{name}.{kind}')}")
