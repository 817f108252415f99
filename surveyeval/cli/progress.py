"""Progress: a bar with rate and time left in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from surveyeval.cli.output import clean
from surveyeval.progress import Progress

__all__ = ["progress_for_terminal"]


def progress_for_terminal() -> Progress:
    """What fits standard error."""
    return _Bar() if sys.stderr.isatty() else _Lines()


def _rate(done: int, seconds: float) -> str:
    return f"{done / seconds:.1f}/s" if seconds > 0 and done else ""


class _Bar:
    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._console = Console(stderr=True, highlight=False)
        self._progress = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task: Any = None
        self._title, self._started, self._done, self._total = "", 0.0, 0, 0

    def phase(self, title: str, total: int) -> None:
        self.finish()
        self._title, self._total, self._done, self._started = title, total, 0, time.monotonic()
        self._progress.start()
        self._task = self._progress.add_task(clean(title).replace("[", r"\["), total=total or None, rate="")

    def advance(self, steps: int = 1) -> None:
        self._done += steps
        if self._task is not None:
            self._progress.update(self._task, advance=steps, rate=_rate(self._done, time.monotonic() - self._started))

    def note(self, text: str) -> None:
        self._console.print(clean(text), markup=False)

    def finish(self) -> None:
        if self._task is None:
            return
        self._progress.remove_task(self._task)
        self._progress.stop()
        self._task = None
        seconds = time.monotonic() - self._started
        self.note(f"{self._title}: {self._done or ''} done in {seconds:.0f} s".replace("  ", " "))


class _Lines:
    """A line when a phase starts, about every ten seconds, and at the end."""

    def __init__(self) -> None:
        self._title, self._total, self._done = "", 0, 0
        self._started = self._said = 0.0

    def phase(self, title: str, total: int) -> None:
        self.finish()
        self._title, self._total, self._done = title, total, 0
        self._started = self._said = time.monotonic()

    def advance(self, steps: int = 1) -> None:
        self._done += steps
        now = time.monotonic()
        if now - self._said >= 10:
            self._said = now
            seconds = now - self._started
            left = (self._total - self._done) * seconds / max(self._done, 1)
            self.note(
                f"{self._title}: {self._done} of {self._total}, {_rate(self._done, seconds)}, about {left:.0f} s left"
            )

    def note(self, text: str) -> None:
        click.echo(clean(text), err=True)

    def finish(self) -> None:
        if self._title:
            self.note(
                f"{self._title}: {self._done or ''} done in {time.monotonic() - self._started:.0f} s".replace("  ", " ")
            )
        self._title = ""
