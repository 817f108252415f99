"""What a check of a submission found, and how it is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Checked", "Findings"]

#: Mistakes of one kind that are told one by one.
_TOLD = 5


@dataclass(frozen=True)
class Checked:
    """The outcome of a check.

    Parameters
    ----------
    model, task : str
        What the submission is about.
    problems : tuple of str
        What does not hold; empty when all that could be checked holds.
    confirmed : tuple of str
        What was recomputed or compared, and holds.
    open : tuple of str
        What nobody can recompute from a submission, and why.
    """

    task: str
    model: str
    problems: tuple[str, ...]
    confirmed: tuple[str, ...]
    open: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found that does not hold."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "task": self.task, "model": self.model, "ok": self.ok, "problems": list(self.problems),
            "confirmed": list(self.confirmed), "open": list(self.open),
        }  # fmt: skip


@dataclass
class Findings:
    """Collects what is found, many of one kind as one line."""

    problems: dict[str, list[str]] = field(default_factory=dict)
    held: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def expect(self, what: str, holds: bool, said: str) -> None:
        """One thing that was compared.

        Parameters
        ----------
        what : str
            Its kind, such as "recovered, from matched, reference and floor".
        holds : bool
        said : str
            What is wrong where it does not hold.
        """
        if holds:
            self.held[what] += 1
        else:
            self.problems.setdefault(what, []).append(said)

    def cannot(self, why: str) -> None:
        """One thing that cannot be compared, by its reason."""
        self.unknown[why] += 1

    def finished(self, task: str, model: str) -> Checked:
        """The outcome."""
        problems = []
        for what, said in self.problems.items():
            problems += [f"{what}: {one}" for one in said[:_TOLD]]
            if len(said) > _TOLD:
                problems.append(f"{what}: {len(said) - _TOLD} more like these")
        confirmed = [f"{what}: {count}" if count > 1 else what for what, count in self.held.items()]
        open_ = [f"{why}: {count}" if count > 1 else why for why, count in self.unknown.items()]
        return Checked(task, model, tuple(problems), tuple(confirmed), tuple(open_))
