"""How things look in a terminal."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from surveyeval.errors import SurveyevalError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["clean", "console", "print_error", "print_table"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: object) -> str:
    """Text from files without control characters, so that it cannot steer a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(text))


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; 100 columns where there is none (a file, a pipe)."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else shutil.get_terminal_size((100, 24)).columns
    return Console(stderr=stderr, highlight=False, width=width, soft_wrap=False)


def print_error(error: SurveyevalError) -> None:
    """One block on standard error: a line for each problem, no traceback."""
    from rich.markup import escape

    out = console(stderr=True)
    problems = error.problems
    title = f"{len(problems)} problems" if len(problems) > 1 else "Error"
    out.print(f"[bold red]{title}[/]")
    for problem in problems:
        out.print("  " + escape(clean(problem)), soft_wrap=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """A plain table; columns named in `right` are aligned to the right."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table: Table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*[escape(clean(cell)) for cell in row])
    console().print(table)
