"""Run the blocks of one page in order, in one folder: files are written, commands run, what they print is compared."""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from tests.pages import fragments, others, stand_ins
from tests.pages.at_hand import AtHand
from tests.pages.blocks import ROOT, Block, Command, blocks, commands

__all__ = ["PageRun", "normal", "parse"]

#: Of a run's name the time and the identity; both differ between machines.
_RUN = re.compile(r"\d{8}T\d{6}Z-([\w.-]+?)-[0-9a-f]{8}\b")
_CARD = re.compile(r"((?:cards|suites)/[\w.-]+)-[0-9a-f]{8}\.html")


def normal(text: str) -> str:
    """Text without what differs from one machine, or day, to the next."""
    text = _CARD.sub(r"\1-00000000.html", _RUN.sub(r"20260101T000000Z-\1-00000000", text))
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n")) + "\n"


class PageRun:
    """The run of one page.

    Parameters
    ----------
    page : Path
    folder : Path
        Where it runs; what a reader of the page would have is put there first.
    at_hand : AtHand
        What stands in for what takes long.
    """

    def __init__(self, page: Path, folder: Path, at_hand: AtHand) -> None:
        self.page, self.folder, self.at_hand = page, folder, at_hand
        self.names: dict[str, Any] = {"__name__": "__page__"}
        self.included: dict[str, str] = {}
        self.printed: list[tuple[Command, str]] = []

    def run(self) -> list[str]:
        """Everything that is wrong, with its place."""
        said = []
        found = list(blocks(self.page))
        self.included = {block.marks["include"]: block.text for block in found if "include" in block.marks}
        self.at_hand.put(found[0].page if found else "", self.folder)
        for block in found:
            said += [f"{block.place}: {problem}" for problem in self._block(block)]
        return said

    def _block(self, block: Block) -> Iterator[str]:
        if "run by" in block.marks:
            if not (ROOT / block.marks["run by"]).exists():
                yield f"is said to be run by {block.marks['run by']}, which is not there"
            for command in commands(block) if block.language in ("sh", "console") else ():
                if command.words[0] == "surveyeval":
                    yield from parse(command.words[1:])
        elif "source" in block.marks and block.language != "yaml":
            if not any(block.text in text for text in others.sources()):
                yield "is said to be source code of this repository, and is not"
        elif "file" in block.marks:
            path = self.folder / block.marks["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(stand_ins.language_models(block.text, self.at_hand))
        elif block.language in ("sh", "console"):
            found = list(commands(block))
            if not found:
                yield "holds no command: of a transcript, each begins with `$ `"
            for command in found:
                yield from self._command(command)
        elif block.language == "yaml":
            if "include" not in block.marks:
                scratch = self.folder / "fragment"
                scratch.mkdir(exist_ok=True)
                yield from fragments.problems(block, scratch, self.included)
        elif block.language == "python" and "signature" not in block.marks:
            with self._here():
                exec(compile(block.text, block.place, "exec"), self.names)
        elif block.language == "text" and block.text.startswith("$ "):
            yield "a transcript is a block of language console"
        elif block.language not in ("text", "python"):
            yield f"a block of language {block.language!r} is not checked: use text, or say what file it is"

    def _command(self, command: Command) -> Iterator[str]:
        words = command.words
        if Path(words[0]).name == "surveyeval":
            yield from parse(words[1:])
            if not stand_ins.reason_not_to_run(command.text):
                yield from self._surveyeval(command)
        elif words[0] == "python" and (self.folder / words[1]).exists():
            with self._here():
                runpy.run_path(words[1], run_name="__main__")
        else:
            yield from others.look_at(words)

    def _surveyeval(self, command: Command) -> Iterator[str]:
        compared = command.printed is not None and "not compared" not in command.block.marks
        given = [one for word in command.words[1:] for one in self._matching(word)]
        words, target = stand_ins.stand_in(given, self.at_hand, shorten=not compared)
        again = words[0] in ("run", "power") and not compared and not any("lora:" in word for word in words)
        if again and tuple(words) in self.at_hand.done:
            return
        self.at_hand.done.add(tuple(words))
        printed, code = self._call(words)
        if target:
            (self.folder / target).write_text(printed)
        self.printed.append((command, printed))
        wanted = int(command.block.marks.get("exit code", 0))
        if code != wanted:
            yield f"`{command.text}` left with exit code {code}, not {wanted}:\n{printed}"
        elif compared and not _matches(normal(command.printed or ""), normal(printed)):
            yield f"`{command.text}` prints something else:\n{printed}"

    def _matching(self, word: str) -> list[str]:
        """What a shell makes of a word with a star: the files that it matches."""
        found = sorted(str(one.relative_to(self.folder)) for one in self.folder.glob(word)) if "*" in word else []
        return found or [word]

    def _call(self, words: list[str]) -> tuple[str, int]:
        """What a command prints (errors and results in order, progress left out), and its exit code."""
        from surveyeval.cli.main import main

        out = io.StringIO()
        with self._here(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["surveyeval", *words])
            patch.setattr("surveyeval.cli.progress.progress_for_terminal", stand_ins.Quiet)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                try:
                    main()
                except SystemExit as leaving:
                    return out.getvalue(), int(leaving.code or 0)
        return out.getvalue(), 0

    @contextlib.contextmanager
    def _here(self) -> Iterator[None]:
        with contextlib.chdir(self.folder), pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", "80")
            patch.setenv("SURVEYEVAL_CACHE", str(self.folder / "cache"))
            patch.setenv("SURVEYEVAL_DATA_CACHE", os.environ.get("SURVEYEVAL_DATA_CACHE", str(self.folder / "data")))
            yield


def _matches(shown: str, printed: str) -> bool:
    """Whether a page shows what is printed; a line ``...`` stands for any lines."""
    parts = re.split(r"^\.\.\.\n", shown, flags=re.MULTILINE)
    return re.fullmatch(r"(?:.*\n)*?".join(re.escape(part) for part in parts), printed) is not None


def parse(words: list[str]) -> Iterator[str]:
    """What click has against a command line: an unknown command, an unknown option, a wrong value."""
    from surveyeval.cli.main import cli
    from surveyeval.errors import SurveyevalError

    words = words[: words.index(">")] if ">" in words else words
    command: click.Command = cli
    name, left = "surveyeval", list(words)
    try:
        context = click.Context(cli)
        while isinstance(command, click.Group):
            name, found, left = command.resolve_command(context, left)
            assert found is not None
            command, context = found, click.Context(found, info_name=name, parent=context)
        command.make_context(name, left)
    except click.exceptions.Exit:
        return
    except SurveyevalError as error:
        yield str(error)
    except click.UsageError as error:
        yield f"`surveyeval {' '.join(words)}`: {error.format_message()}"
