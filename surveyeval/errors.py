"""Every error surveyeval raises on purpose.

    SurveyevalError
    ├── ConfigError            a task, config file, option or name is wrong           exit code 2
    ├── PluginError            a plugin could not be loaded or registered             exit code 2
    ├── DataError              human or simulated rows do not fit their description   exit code 3
    ├── ModelError             a model could not be built or did not answer           exit code 4
    │   ├── MissingExtraError  an optional dependency is not installed
    │   ├── CapabilityError    a model cannot do what the task or option asks for
    │   └── BudgetError        a budget of calls, tokens or money is used up
    └── RunError               a run directory is unusable, or a run gave no result   exit code 1

A message says what was wrong, where, and what would be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

__all__ = [
    "BudgetError",
    "CapabilityError",
    "ConfigError",
    "DataError",
    "MissingExtraError",
    "ModelError",
    "PluginError",
    "Problem",
    "RunError",
    "SurveyevalError",
    "did_you_mean",
]


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """Return ``did you mean 'x'?`` for the closest candidate, or None when nothing is close."""
    matches = get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f"did you mean {matches[0]!r}?" if matches else None


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, with its place.

    ``str(problem)`` reads ``file:line:column field: message; hint`` and leaves out what is unknown.
    """

    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    field: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        where = " ".join(part for part in (place, self.field) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text}; {self.hint}" if self.hint else text


class SurveyevalError(Exception):
    """Base of all errors raised on purpose. ``problems`` holds every located problem (at least one)."""

    exit_code = 1

    def __init__(
        self,
        message: str = "",
        *,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        field: str | None = None,
        hint: str | None = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems) or (
            Problem(message, file=file, line=line, column=column, field=field, hint=hint),
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ConfigError(SurveyevalError):
    """A task file, config file, command-line option, model string or name is wrong."""

    exit_code = 2


class PluginError(SurveyevalError):
    """A plugin raised while registering, or two plugins claim one name."""

    exit_code = 2


class DataError(SurveyevalError):
    """Human or simulated rows are unreadable or do not fit what the task says of them."""

    exit_code = 3


class ModelError(SurveyevalError):
    """A model could not be built, or did not answer.

    A model that answers each request apart from the others may say what became of several: ``got`` holds the replies that
    there are, by the number of their request, and ``failed`` the errors of those that may be tried again. Without ``failed``
    the run stops.
    """

    exit_code = 4
    got: Mapping[int, Any] | None = None
    failed: Mapping[int, str] | None = None


class MissingExtraError(ModelError):
    """An optional dependency is missing; the message gives the exact line that installs it."""


class CapabilityError(ModelError):
    """A model cannot do what the task or an option asks for; raised before weights load."""


class BudgetError(ModelError):
    """A budget of calls, tokens or money is used up; the same command continues with a new one."""


class RunError(SurveyevalError):
    """A run directory is unusable, or a run ended without any valid answer."""
