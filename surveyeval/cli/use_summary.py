"""The use table in a terminal: a verdict for each claim and model, in as few words as the card's table has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveyeval.cli.layout import Block, lay_out
from surveyeval.cli.output import console, one_line, say, width

if TYPE_CHECKING:
    from surveyeval.reporting.context import Context

__all__ = ["print_use"]


def print_use(context: Context) -> None:
    """Print the verdicts, or that a synthetic reference allows none."""
    from rich.text import Text

    from surveyeval.reporting.use_table import judgements

    found = judgements(context)
    if not found:
        say("What it may be used for: no verdict, since the reference is synthetic.")
        return
    blocks = []
    for part, heading in enumerate(("What it may be used for", "Uses that rest on these")):
        first = found[0][part]
        rows = [(one.title, [own[part][place].verdict for own in found]) for place, one in enumerate(first)]
        blocks.append(Block(heading, rows))
    out = console()
    for line, style in lay_out(blocks, (), [one_line(name) for name in context.names], width()):
        out.print(Text(line, style), soft_wrap=True)
    say()
    say(
        "Verdicts follow from the task’s margins and tests, which the card names; what is lacking where none can be told is said there."
    )
