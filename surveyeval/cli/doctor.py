"""`surveyeval doctor`."""

from __future__ import annotations

import click

__all__ = ["doctor"]

_MARKS = {"ok": "", "absent": "(absent) ", "problem": "PROBLEM: "}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--output", "-o", default="runs", help="Folder that runs are written to.  [default: runs]")
def doctor(as_json: bool, output: str) -> None:
    """Look whether this installation is whole: packages, extras, machine, folders.

    Leaves with exit code 1 where something will not work. Extras that are absent are no problem: they are listed
    with the line that installs them. The network is not asked.
    """
    from surveyeval.engine.doctor import doctor as look

    found = look(output)
    problems = [one for one in found if one.state == "problem"]
    if as_json:
        from dataclasses import asdict

        from surveyeval.cli.output import say_json

        say_json({"ok": not problems, "findings": [asdict(one) for one in found]})
    else:
        from surveyeval.cli.output import plural, print_entries, say

        for section in dict.fromkeys(one.section for one in found):
            say(section.capitalize(), style="bold")
            print_entries(
                ((one.name, [_MARKS[one.state] + one.says, one.hint]) for one in found if one.section == section),
                indent=2,
            )
        say()
        say(f"{plural(len(problems), 'problem')}." if problems else "No problems.")
    if problems:
        raise SystemExit(1)
