"""The page of commands, from the command line itself: every command, argument, option, default, and an example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
from reference_markdown import cell, code, made, table

from surveyeval.cli.main import cli

__all__ = ["EXAMPLES", "commands", "page"]

#: An example of each command. Tests run them, in this order.
EXAMPLES: dict[str, list[str]] = {
    "run": [
        "surveyeval run --task anes96 --model baseline:cell --model baseline:marginal --limit 200 --splits 10",
        "surveyeval run --task anes96 --model 'small=embedded:smollm2' -M small.dtype=bfloat16 --limit 60",
    ],
    "score": ["surveyeval score runs/FIRST"],
    "report": ["surveyeval report runs/FIRST runs/SECOND --output both.html"],
    "compare": ["surveyeval compare runs/FIRST runs/SECOND"],
    "power": ["surveyeval power anes96 --people 400"],
    "probe": ["surveyeval probe --task anes96 --model embedded:smollm2"],
    "leaderboard": ["surveyeval leaderboard runs --output site"],
    "export": ["surveyeval export runs/FIRST --output first.zip", "surveyeval leaderboard --check first.zip"],
    "finetune": ["surveyeval finetune --task anes96 --base embedded:smollm2 --pilot 60 --output adapters/anes96"],
    "study": ["surveyeval study anes96"],
    "sample": ["surveyeval sample runs/FIRST --format csv --output simulated.csv"],
    "estimates": ["surveyeval estimates runs/FIRST --format latex --output table.tex"],
    "plot": ["surveyeval plot runs/FIRST --format svg --figure shares --output figures"],
    "disclose": ["surveyeval disclose runs/FIRST --output disclosure.md"],
    "seal": ["surveyeval seal runs/FIRST", "surveyeval seal runs/FIRST --check"],
    "verify": ["surveyeval verify runs/FIRST"],
    "init task": ["surveyeval init task trust --from answers.csv"],
    "init plugin": ["surveyeval init plugin surveyeval-commute"],
    "plan": ["surveyeval plan --task anes96 --model embedded:smollm2 --limit 100"],
    "simulate": [
        "surveyeval simulate --task mine/task.yaml --profiles people.csv --model hf:org/name --output forecast.csv"
    ],
    "preview": ["surveyeval preview --task anes96 --respondent age=40"],
    "doctor": ["surveyeval doctor"],
    "ls": ["surveyeval ls tasks", "surveyeval ls runs"],
    "show": ["surveyeval show anes96", "surveyeval show js_distance", "surveyeval show hf"],
    "cache info": ["surveyeval cache info"],
    "cache clear": ["surveyeval cache clear --older-than 30"],
    "schema": ["surveyeval schema --output task.schema.json"],
    "validate": ["surveyeval validate anes96"],
}

_INTRODUCTION = """\
Every command of `surveyeval`, with all its options. `surveyeval COMMAND --help` prints the same in a terminal. What is done by a
command is a function of the same name in Python: [Python](python.md).

`surveyeval --debug COMMAND ...` shows the traceback of an error, `surveyeval --version` the version. Exit codes stand with the
[errors](errors.md)."""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Name and command, subcommands in place of their groups, in the order of ``--help``."""
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            inner = click.Context(command)
            for sub in command.list_commands(inner):
                found = command.get_command(inner, sub)
                assert found is not None
                yield f"{name} {sub}", found
        else:
            yield name, command


def page() -> str:
    """The text of the page."""
    found = dict(commands())
    overview = table(
        ["command", "what it does"],
        ([f"[`{name}`](#{name.replace(' ', '-')})", cell(_paragraphs(one)[0])] for name, one in found.items()),
    )
    return made("Commands", _INTRODUCTION, overview, *(_section(name, one) for name, one in found.items()))


def _section(name: str, command: click.Command) -> str:
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    words = " ".join(
        ["surveyeval", name, "[OPTIONS]", *(one.make_metavar(click.Context(command)) for one in arguments)]
    )
    if name not in EXAMPLES:
        raise SystemExit(f"give `surveyeval {name}` an example in docs/reference_commands.py")
    return "\n\n".join(
        [
            f"## {name}",
            f"```text\n{words}\n```",
            *_paragraphs(command),
            table(["option", "value", "meaning", "default"], map(_row, options)),
            "```sh\n" + "\n".join(EXAMPLES[name]) + "\n```",
        ]
    )


def _paragraphs(command: click.Command) -> list[str]:
    text = (command.help or "").split("\f")[0]
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def _row(option: click.Option) -> list[str]:
    said = option.help or ""
    stated = re.search(r"\s*\[default: (.*?)\]", said)
    default = stated[1] if stated else _default(option)
    meaning = said[: stated.start()] + said[stated.end() :] if stated else said
    if option.required:
        default = "required"
    names = ", ".join(
        code(name) for name in [*sorted(option.opts, key=lambda one: one.startswith("--")), *option.secondary_opts]
    )
    return [names, _value(option), cell(meaning), cell(default)]


def _default(option: click.Option) -> str:
    value: Any = option.default
    shown = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return str(value) if shown and not option.is_flag else ""


def _value(option: click.Option) -> str:
    if option.is_flag:
        return ""
    kind = option.type
    if isinstance(kind, click.Choice):
        return ", ".join(code(str(one)) for one in kind.choices)
    if option.metavar and option.metavar != "TEXT":
        return code(option.metavar)
    if isinstance(kind, (click.IntRange, click.FloatRange)):
        what = "whole number" if isinstance(kind, click.IntRange) else "number"
        if kind.min is not None:
            return f"{what} {'above' if kind.min_open else 'from'} {kind.min:g}"
        return what
    if isinstance(kind, click.Path):
        return "folder" if not kind.file_okay else "file"
    return {"integer": "whole number", "float": "number"}.get(kind.name, "text")
