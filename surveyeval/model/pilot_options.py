"""What a language model is told to take from the pilot, read off its options: the same for every backend."""

from __future__ import annotations

from typing import Protocol

__all__ = ["FromPilot", "PilotOptions"]


class PilotOptions(Protocol):
    """Options that hold it."""

    @property
    def examples(self) -> int:
        """Complete interviews of pilot people shown before each interview."""

    @property
    def calibrate(self) -> str:
        """``none``, ``temperature`` or ``item``."""


class FromPilot:
    """A model with such options."""

    options: PilotOptions

    @property
    def examples(self) -> int:
        """Interviews of pilot people shown before each interview."""
        return self.options.examples

    @property
    def calibrate(self) -> str:
        """What is fitted on the pilot's answers: ``none``, ``temperature`` or ``item``."""
        return self.options.calibrate
