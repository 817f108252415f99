"""`surveyeval sample`, `estimates`, `disclose` and `seal`."""

from __future__ import annotations

from pathlib import Path

import click

from surveyeval.cli.output import clean, harmless_json, say, say_whole
from surveyeval.errors import ConfigError

__all__ = ["disclose", "estimates", "sample", "seal"]

_FOLDER = click.option("--folder", default="runs", help="Where runs are looked for.  [default: runs]")


@click.command()
@click.argument("run", metavar="RUN")
@click.option(
    "--format", "kind", type=click.Choice(["csv", "parquet", "sav", "dta"]), help="Kind of file.  [default: csv]"
)
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="The file; its ending says the format.")
@click.option("--identifiers", type=click.Choice(["pseudonyms", "numbers", "original"]), default="pseudonyms",
              help="What stands for the person whose profile was given.  [default: pseudonyms]")  # fmt: skip
@click.option("--no-profile", is_flag=True, help="Leave the profiles out, which are those of people.")
@click.option("--formulas", is_flag=True, help="CSV: leave texts that a spreadsheet takes for formulas as they are.")
@click.option(
    "--programs/--no-programs", default=True, help="Write programs for R and Python beside it.  [default: yes]"
)
@_FOLDER
def sample(
    run: str, kind: str | None, output: str | None, identifiers: str, no_profile: bool, formulas: bool, programs: bool, folder: str
) -> None:  # fmt: skip
    """Write the simulated sample of a run for SPSS, Stata, R or a spreadsheet.

    Every row is marked as simulated. Why there is no answer is a user-missing code. RUN is a run directory or the
    beginning of its name.
    """
    from surveyeval import api

    written = api.sample(
        run, format=kind, output=output, identifiers=identifiers, profile=not no_profile, escape=not formulas, programs=programs,
        folder=folder,
    )  # fmt: skip
    for path in written.files:
        say_whole(f"Wrote {path}")
    if not no_profile and written.paired:
        say("The profiles in it are those of people: what the data's licence says of them holds for this file.")
    if identifiers == "original":
        say("The identifiers in it are those of the data.", style="bold yellow")


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--format", "kind", type=click.Choice(["csv", "latex"]), default="csv",
              help="All estimates (csv), or a table of the headlines (latex).  [default: csv]")  # fmt: skip
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="A file.  [default: print]")
@_FOLDER
def estimates(run: str, kind: str, output: str | None, folder: str) -> None:
    """Estimates of a run as tidy CSV, or its headlines as a LaTeX table."""
    from surveyeval.deposit.estimates import estimates_csv, estimates_latex
    from surveyeval.engine.common import find_run
    from surveyeval.engine.readable import understood

    opened = find_run(run, folder)
    with understood(opened.folder):
        text = estimates_csv(opened) if kind == "csv" else estimates_latex(opened)
    _put(text, output)


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="A Markdown file.  [default: print]")
@click.option("--json", "as_json", is_flag=True, help="Print the checklist as JSON.")
@_FOLDER
def disclose(run: str, output: str | None, as_json: bool, folder: str) -> None:
    """What a paper should disclose of a run, filled in where the run knows, with a methods paragraph."""
    from surveyeval.engine.common import find_run
    from surveyeval.engine.readable import understood
    from surveyeval.engine.tried import tried_now
    from surveyeval.reporting.disclosure import disclosure, markdown

    opened = find_run(run, folder)
    with understood(opened.folder):
        found = disclosure(opened.manifest, tried_now(opened.manifest))
    if as_json:
        import json

        _put(harmless_json(json.dumps(found.to_dict(), indent=1, ensure_ascii=False)) + "\n", output)
    else:
        _put(markdown(found), output)


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--check", is_flag=True, help="Look whether the answers are still those that were sealed.")
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="The seal.  [default: seal.json in the run]")
@_FOLDER
def seal(run: str, check: bool, output: str | None, folder: str) -> None:
    """Hash simulated answers, before people's answers are known.

    RUN is a run directory, the beginning of its name, or a table that `surveyeval simulate` wrote. Give the printed
    hash to somebody else, or publish it: it shows later that the answers were not changed.
    """
    from surveyeval.engine.common import find_run
    from surveyeval.engine.readable import understood
    from surveyeval.engine.seal import check_seal, make_seal

    source = Path(run) if Path(run).is_file() else find_run(run, folder)
    path = Path(output) if output else None
    if check:
        with understood(run):
            found = check_seal(source, path)
        say(f"The answers are those that were sealed on {found.content['sealed']}.")
        say_whole(f"Seal: {found.hash}")
        return
    with understood(run):
        found = make_seal(source, path)
    say_whole(f"Wrote {found.path}")
    say_whole(f"Seal: {found.hash}")
    say(
        "Give this hash to somebody else, or publish it, before people's answers are known: a date in a file proves nothing."
    )


def _put(text: str, output: str | None) -> None:
    if output is None:
        click.echo(clean(text), nl=False)
        return
    from surveyeval.data.files import write_atomically

    try:
        write_atomically(Path(output), text)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=output) from error
    say_whole(f"Wrote {output}")
