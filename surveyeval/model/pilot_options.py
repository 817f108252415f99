"""What a language model is told to take from the pilot, read off its options: the same for every backend."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FromPilot", "PilotOptions"]


class PilotOptions(BaseModel):
    """Options that every language model has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    examples: int = Field(0, ge=0, description="complete interviews of pilot people shown before each interview")
    calibrate: Literal["none", "temperature", "item"] = Field(
        "none", description="on the pilot's answers: one temperature, or a bias for every option of every item"
    )
    cutoff: str | None = Field(
        None,
        pattern=r"^\d{4}(-\d\d){0,2}$",
        description="when the training data end, as its maker says: 2024-06; for the note on contamination alone",
    )


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
