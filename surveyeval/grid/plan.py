"""From a study to its variants: every combination, each with what it shares with others.

A *design* says who is trained on and what of them is shown. A *variant* is one method on one design: the unit that is
simulated. The untouched base knows no pilot, so it has one variant for each way of showing the profile; baselines know no
base and no training seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.grid.spec import PilotGrid, StudySpec
from surveyeval.task.task import Task

__all__ = ["Design", "Variant", "designs", "variants"]


@dataclass(frozen=True)
class Design:
    """Who is trained on, and what is shown of them and of the test people."""

    size: str
    scope: str = "all"
    balance: str = "random"
    profile: str = "shown"
    draw: int = 0
    baselines_only: bool = False

    @property
    def label(self) -> str:
        """In words, for tables."""
        parts = [f"pilot {self.size}"]
        parts += [self.scope] if self.scope != "all" else []
        parts += [f"balanced over {self.balance}"] if self.balance != "random" else []
        parts += [profile_words(self.profile)] if self.profile != "shown" else []
        return ", ".join(parts)

    def hidden(self, task: Task) -> tuple[str, ...]:
        """Profile fields that are not shown.

        Raises
        ------
        ConfigError
            When a field to hide is not in the profile.
        """
        if self.profile == "shown":
            return ()
        if self.profile == "none":
            return tuple(task.profile)
        names = tuple(self.profile.removeprefix("hide:").split("+"))
        for name in names:
            if name not in task.profile:
                hint = did_you_mean(name, task.profile) or f"the profile has {', '.join(task.profile) or 'no fields'}"
                raise ConfigError(f"cannot hide {name!r}: it is not in the profile of task {task.name!r}", hint=hint)
        return names


def profile_words(profile: str) -> str:
    """How a way of showing the profile is called."""
    if profile == "none":
        return "no profile"
    return f"without {profile.removeprefix('hide:').replace('+', ', ')}" if profile != "shown" else "profile shown"


@dataclass(frozen=True)
class Variant:
    """One method on one design.

    Parameters
    ----------
    method : str
        ``base``, ``calibrate=...``, ``examples=...``, ``lora`` or ``baseline:NAME``.
    base : str
        Model string; empty for baselines.
    design : Design
    seed : int or None
        Training seed of ``lora``.
    """

    method: str
    base: str
    design: Design
    seed: int | None = None

    @property
    def name(self) -> str:
        """Name of the model in tables of one design: method and, where it matters, seed."""
        return self.method if self.seed is None else f"{self.method} (seed {self.seed})"


def designs(grid: PilotGrid, baseline_sizes: list[str]) -> Iterator[Design]:
    """Every design, each once; those for baselines alone last."""
    seen: set[Design] = set()
    for draw in range(grid.draws):
        for size, scope, balance, profile in _combinations(grid):
            design = Design(size, scope, balance, profile, draw)
            if design not in seen:
                seen.add(design)
                yield design
    first = (grid.scopes[0], grid.balances[0], grid.profiles[0])
    for draw in range(grid.draws):
        for size in baseline_sizes:
            if Design(size, *first, draw) not in seen:
                yield Design(size, *first, draw, baselines_only=True)


def _combinations(grid: PilotGrid) -> Iterator[tuple[str, str, str, str]]:
    if grid.full:
        for scope in grid.scopes:
            for balance in grid.balances:
                for profile in grid.profiles:
                    for size in grid.sizes:
                        yield size, scope, balance, profile
        return
    scope, balance, profile, last = grid.scopes[0], grid.balances[0], grid.profiles[0], grid.sizes[-1]
    for size in grid.sizes:
        yield size, scope, balance, profile
    for other in grid.scopes[1:]:
        yield last, other, balance, profile
    for other in grid.balances[1:]:
        yield last, scope, other, profile
    for other in grid.profiles[1:]:
        yield last, scope, balance, other


def variants(spec: StudySpec, design: Design) -> list[Variant]:
    """Everything that is simulated for one design, baselines first."""
    found = [Variant(f"baseline:{name}", "", design) for name in spec.baselines]
    if design.baselines_only:
        return found
    for base in spec.bases:
        for method in spec.methods:
            seeds: list[int | None] = list(spec.seeds) if method == "lora" else [None]
            found += [Variant(method, base, design, seed) for seed in seeds]
    return found
