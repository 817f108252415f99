"""How things look in a terminal. Everything that is printed goes through `clean`, and nothing is cut off."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from surveyeval.errors import ConfigError, Problem, SurveyevalError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "clean",
    "console",
    "harmless_json",
    "make_folder_of",
    "one_line",
    "plural",
    "print_entries",
    "print_error",
    "print_problem",
    "say",
    "say_json",
    "say_whole",
    "width",
]

#: Control characters of both sets, line separators, marks and overrides of direction, and halves of characters from file names.
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
#: Problems of one file, and characters of one of them, that are printed: a file may be made of mistakes.
_MOST_PROBLEMS, _LONGEST = 200, 4_000
#: Names up to this many columns stand beside their text, longer ones above it.
_NAME_COLUMNS = 26
_LEAST, _WITHOUT_TERMINAL = 40, 100


def clean(text: object) -> str:
    """Text from files without what could steer a terminal or turn the direction of writing."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(text))


def harmless_json(text: str) -> str:
    """JSON that says the same, in which what could steer a terminal is written as escapes."""
    return _UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], text)


def one_line(text: object) -> str:
    """Clean text without line breaks."""
    return clean(" ".join(str(text).split()))


def plural(count: int, noun: str) -> str:
    """``1 item``, ``2 items``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def width(*, stderr: bool = False) -> int:
    """Columns of the terminal; 100, or what COLUMNS says, where there is none (a file, a pipe)."""
    return console(stderr=stderr).width


def console(*, stderr: bool = False) -> Console:
    """A console as wide as its terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    columns = None if stream.isatty() else shutil.get_terminal_size((_WITHOUT_TERMINAL, 24)).columns
    found = Console(stderr=stderr, highlight=False, width=columns, emoji=False)
    found.width = max(found.width, _LEAST)
    return found


def say(text: object = "", *, style: str = "", indent: int = 0, stderr: bool = False) -> None:
    """Print a paragraph, broken between words."""
    from rich.text import Text

    out = console(stderr=stderr)
    for line in _wrapped(clean(text), out, indent) or [""]:
        out.print(Text(" " * indent + line, style), soft_wrap=True)


def _wrapped(text: str, out: Console, indent: int) -> list[str]:
    """Lines that fit beside an indent; wide characters count twice, and only what fits on no line is folded."""
    from rich.text import Text

    return [str(line).rstrip() for line in Text(text).wrap(out, max(out.width - indent, 1))]


def say_json(content: object, *, allow_nan: bool = True) -> None:
    """Print plain data as JSON, with nothing in it that could steer a terminal.

    Parameters
    ----------
    content : object
        NumPy scalars in it become numbers, and what JSON does not know becomes text.
    allow_nan : bool
        False where no number may be NaN or infinite, which JSON does not have.

    Raises
    ------
    ValueError
        When a number is NaN or infinite, and `allow_nan` is False.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=allow_nan, default=_plain)
    click.echo(harmless_json(text))


def _plain(value: object) -> object:
    return value.item() if hasattr(value, "item") else str(value)


def say_whole(text: object, *, style: str = "") -> None:
    """Print a line that is to be copied, such as a path: the terminal may break it, we do not."""
    from rich.text import Text

    console().print(Text(re.sub(r"[\n\t]", "\N{REPLACEMENT CHARACTER}", clean(text)), style), soft_wrap=True)


def print_entries(entries: Iterable[tuple[object, Sequence[object]]], *, indent: int = 0) -> None:
    """Names with paragraphs beside them; a long name stands on a line of its own, and no name is broken."""
    from rich.cells import cell_len
    from rich.text import Text

    listed = [(one_line(name), [one_line(text) for text in texts if str(text).strip()]) for name, texts in entries]
    short = [cell_len(name) for name, _ in listed if cell_len(name) <= _NAME_COLUMNS]
    column = indent + (max(short) + 2 if short else 4)
    out = console()
    for name, texts in listed:
        lines = [line for text in texts for line in _wrapped(text, out, column)]
        size = indent + cell_len(name)
        first = "" if size + 2 > column or not lines else " " * (column - size) + lines.pop(0)
        out.print(Text.assemble(" " * indent, (name, "bold"), first), soft_wrap=True)
        for line in lines:
            out.print(Text(" " * column + line), soft_wrap=True)


def _seen_from_here(problem: Problem) -> Problem:
    if problem.file is not None:
        path, here = Path(problem.file), Path.cwd()
        if path.is_absolute() and path.is_relative_to(here):
            return replace(problem, file=str(path.relative_to(here)))
    return problem


def print_problem(problem: Problem, *, indent: int = 0, prefix: str = "", stderr: bool = False) -> None:
    """Print a problem, place first and what would be right below; places and names stay whole, so that they can be copied."""
    from rich.text import Text

    out = console(stderr=stderr)
    below = " " * (indent + 2)
    what = prefix + _shortened(one_line(replace(_seen_from_here(problem), hint=None)))
    for text, first in ((what, " " * indent), (_shortened(one_line(problem.hint or "")), below)):
        for line in textwrap.wrap(
            text,
            out.width,
            initial_indent=first,
            subsequent_indent=below,
            break_long_words=False,
            break_on_hyphens=False,
        ):
            out.print(Text(line), soft_wrap=True)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def print_error(error: SurveyevalError) -> None:
    """One block on standard error: every problem, no traceback."""
    problems = error.problems
    console(stderr=True).print(f"{len(problems)} problems" if len(problems) > 1 else "Error", style="bold red")
    for problem in problems[:_MOST_PROBLEMS]:
        print_problem(problem, indent=2, stderr=True)
    if len(problems) > _MOST_PROBLEMS:
        say(f"and {len(problems) - _MOST_PROBLEMS} more", indent=2, stderr=True)


def make_folder_of(file: Path, option: str = "--output") -> None:
    """Make the folder that a file is to be written into.

    Parameters
    ----------
    file : Path
    option : str
        The option that named it, for the message.

    Raises
    ------
    ConfigError
        When it cannot be made.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{option} {str(file)!r}: the folder cannot be made: {error.strerror}", hint="name a place you can write to"
        ) from error
