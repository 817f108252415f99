"""How long work tells that it goes on."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Silent"]


class Progress(Protocol):
    """Receives progress. One phase at a time; `advance` counts within it."""

    def phase(self, title: str, total: int) -> None:
        """A new phase begins, with that many steps."""

    def advance(self, steps: int = 1) -> None:
        """So many steps are done."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def finish(self) -> None:
        """The current phase is over."""


class Silent:
    """Says nothing."""

    def phase(self, title: str, total: int) -> None:
        """Ignore."""

    def advance(self, steps: int = 1) -> None:
        """Ignore."""

    def note(self, text: str) -> None:
        """Ignore."""

    def finish(self) -> None:
        """Ignore."""
