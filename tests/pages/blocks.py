"""Fenced blocks of a page, with the marks that stand above them as HTML comments."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ROOT", "Block", "Command", "blocks", "commands", "pages", "transcript"]

ROOT = Path(__file__).resolve().parents[2]
_MARK = re.compile(r"^<!-- ([a-z ]+)(?:: (.*?))? -->$")
_FENCE = re.compile(r"^(\s*)```(\w*)")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    ``marks`` are the comments on the lines above, name and value: ``<!-- file: answers.csv -->``.
    """

    page: str
    line: int
    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Page and line, for messages."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One command of a block, and what the page says that it prints (of a transcript)."""

    block: Block
    text: str
    printed: str | None = None

    @property
    def words(self) -> list[str]:
        """The words of the command, without a comment behind it."""
        return shlex.split(self.text, comments=True)

    def __str__(self) -> str:
        return f"{self.block.place}: {self.text}"


def pages() -> list[Path]:
    """Every page whose blocks are checked."""
    others = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    return sorted(
        [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("plugins/*/README.md"), *ROOT.glob("tasks/*/README.md"), *others]
    )


def blocks(page: Path) -> Iterator[Block]:
    """Fenced blocks of a page, in order."""
    lines = page.read_text(encoding="utf-8").split("\n")
    name = str(page.relative_to(ROOT))
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if not fence:
            number += 1
            continue
        end = next(later for later in range(number + 1, len(lines)) if lines[later].strip() == "```")
        indent = len(fence[1])
        inside = "".join(f"{line[indent:]}\n" for line in lines[number + 1 : end])
        yield Block(name, number + 1, fence[2], inside, _marks(lines, number))
        number = end + 1


def _marks(lines: list[str], number: int) -> dict[str, str]:
    found = {}
    while number and (mark := _MARK.match(lines[number - 1].strip())):
        found[mark[1]] = mark[2] or ""
        number -= 1
    return found


def commands(block: Block) -> Iterator[Command]:
    """Commands of a ``sh`` or ``console`` block; a backslash at the end of a line goes on in the next."""
    if block.language == "console":
        for text, printed in transcript(block.text):
            yield Command(block, text, printed)
        return
    for line in block.text.replace("\\\n", " ").split("\n"):
        if shlex.split(line, comments=True):
            yield Command(block, " ".join(line.split()))


def transcript(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a transcript (``$ command``), and what is printed below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, printed = re.sub(r"\\\n\s*", "", part).partition("\n") if "\\\n" in part else part.partition("\n")
        yield command, printed
