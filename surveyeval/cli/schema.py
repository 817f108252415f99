"""`surveyeval schema`."""

from __future__ import annotations

import json
from pathlib import Path

import click

__all__ = ["schema"]


@click.command()
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
def schema(output: Path | None) -> None:
    """Print the JSON Schema of task files, for completion and checks in an editor.

    With the YAML extension of an editor, name the file in the task's first line:
    `# yaml-language-server: $schema=task.schema.json`.
    """
    from surveyeval.task.json_schema import json_schema

    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        from surveyeval.cli.output import make_folder_of
        from surveyeval.data.files import write_atomically

        make_folder_of(output)
        write_atomically(output, text)
