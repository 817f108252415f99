"""What can be chosen when a pilot is turned into an adapter. The defaults suit pilots of tens to hundreds of people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from surveyeval.errors import ConfigError, Problem, did_you_mean

__all__ = ["PilotDesign", "TuningOptions", "read_options"]


class PilotDesign(BaseModel):
    """Who is trained on, and what of them is shown.

    The pilot is the first part of the task's pilot pool in the order of its split, so smaller pilots are nested in
    larger ones, and a pilot up to the pool's size touches no test people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    size: float = Field(60, gt=0, description="below 1: share of the people in scope; 1 and more: number of people")
    scope: str | None = Field(None, description="arm=NAME: people of one arm only")
    balance: str | None = Field(None, description="a column with levels: as many people of each level as there are")
    hide: tuple[str, ...] = Field((), description="profile fields that the prompt leaves out")


class TuningOptions(BaseModel):
    """How an adapter is trained."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    objective: Literal["answers", "distribution"] = Field(
        "answers",
        description="answers: cross-entropy of each person's answers; distribution: of the answers of their cell",
    )
    rank: int = Field(8, ge=1, description="rank of the update of each weight matrix")
    alpha: float = Field(16, gt=0, description="the update is scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout on the adapter's input")
    target: str = Field("attention", description="attention, all-linear, or names of modules separated by commas")
    learning_rate: float = Field(1e-3, gt=0, description="of AdamW, after the warm-up")
    epochs: int = Field(
        4,
        ge=1,
        description="passes over the pilot; the largest number where --stop chooses.",
    )
    batch_tokens: int = Field(2048, ge=16, description="tokens read at once, padding included")
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps over which the learning rate rises")
    weight_decay: float = Field(0.0, ge=0, description="of AdamW")
    clip: float = Field(1.0, gt=0, description="largest norm of a gradient")
    stop: Literal["fixed", "early", "cv"] = Field(
        "fixed",
        description="fixed: all epochs; early: the best epoch on a fifth held out; cv: the best on average over five folds",
    )
    seed: int = Field(0, ge=0, description="of the adapter's first weights, the order of rows and dropout")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of the base's weights; auto: bfloat16 where the processor computes in it, else float32"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="auto: a GPU if there is one")


def read_options(design: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[PilotDesign, TuningOptions]:
    """Check what a user gave.

    Parameters
    ----------
    design : mapping
        Fields of `PilotDesign`; ``size`` is called ``pilot``, as on the command line.
    options : mapping
        Fields of `TuningOptions`.

    Raises
    ------
    ConfigError
        With every wrong option at once.

    Examples
    --------
    >>> design, options = read_options({"pilot": 120, "hide": ("age",)}, {"rank": 4})
    >>> design.size, design.hide, options.rank, options.epochs
    (120.0, ('age',), 4, 4)
    """
    problems: list[Problem] = []
    made: list[Any] = []
    sized = {"size" if name == "pilot" else name: value for name, value in design.items()}
    for model, given in ((PilotDesign, sized), (TuningOptions, options)):
        try:
            made.append(model(**given))
        except ValidationError as error:
            problems += [_problem(dict(one)) for one in error.errors()]
    if problems:
        raise ConfigError(problems=problems)
    return made[0], made[1]


def _problem(found: Mapping[str, Any]) -> Problem:
    name = "pilot" if found["loc"][0] == "size" else str(found["loc"][0])
    if found["type"] == "extra_forbidden":
        known = [*TuningOptions.model_fields]
        return Problem(
            f"there is no option {name!r} of fine-tuning",
            hint=did_you_mean(name, known) or f"options: {', '.join(known)}",
        )
    said = found["msg"][:1].lower() + found["msg"][1:]
    return Problem(f"option {name!r}: {said}, not {found['input']!r}")
