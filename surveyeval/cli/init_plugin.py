"""`surveyeval init plugin`."""

from __future__ import annotations

import click

__all__ = ["plugin"]


@click.command()
@click.argument("name")
@click.option("--output", "-o", type=click.Path(file_okay=False), help="Folder of the package.  [default: NAME]")
def plugin(name: str, output: str | None) -> None:
    """Write a plugin package: a model, a metric, a task, a source and a section of the card, with tests.

    It installs and passes its tests as it is; delete what yours does not need, and change the rest. NAME is that of the
    package, such as surveyeval-commute.
    """
    from surveyeval.cli.output import plural, say, say_whole
    from surveyeval.new_plugin import init_plugin

    made = init_plugin(name, output=output)
    say(f"Wrote {plural(len(made.files), 'file')} of the plugin {made.name}:")
    for file in made.files:
        say_whole(f"  {made.folder / file}")
    say()
    say("Install it so that changes count at once, look whether it is found, run its tests, and try it:")
    say_whole(f"  pip install --editable '{made.folder}[test]'")
    say_whole("  surveyeval ls plugins")
    say_whole(f"  pytest {made.folder}")
    say_whole(f"  surveyeval run --task {made.short}_canteen --model {made.short}:first")
