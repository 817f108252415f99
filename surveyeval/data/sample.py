"""The sample: a table of respondents, human or simulated.

One type serves both, so that a metric cannot treat them differently by accident. Answers are stored as the
*index of the option in the task's declared order*, which is what distributions, patterns and draws need; the code
and the value of an option belong to the task's item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NO_ARM", "Sample", "State", "concatenate"]

#: The single arm of a task without experimental conditions.
NO_ARM = "all"

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
ObjectArray = NDArray[np.object_]


class State(IntEnum):
    """Why an item has, or has not, an answer. The last two occur in simulated rows only."""

    ANSWERED = 0
    DONT_KNOW = 1
    REFUSED = 2
    NOT_ASKED = 3
    MISSING = 4
    INVALID = 5
    NOT_RUN = 6


@dataclass(frozen=True, eq=False)
class Sample:
    """Respondents with arm, weight, design, profile and answers.

    Parameters
    ----------
    respondent : (n,) object array of str
        Identifiers, unique within the sample. A simulated row bears the identifier of the person whose profile it
        was given; unpaired simulations bear identifiers of their own and ``paired`` is False.
    arm : (n,) object array of str
        Level key of the experimental condition; ``NO_ARM`` for every row of a task without arms.
    answers : mapping of item name to (n,) int64 array
        Index of the chosen option in the item's declared order, -1 where the state is not ``ANSWERED``.
    states : mapping of item name to (n,) int8 array
        Values of `State`.
    profile : mapping of profile field to (n,) object array
        Codes as text, None where missing.
    weight : (n,) float array
        Survey weights; ones for an unweighted source.
    stratum, psu : (n,) object array of str, optional
        Sampling design. A PSU belongs to a stratum: the same code in two strata names two PSUs.
    simulated : bool
    paired : bool
        Whether row i was simulated for the person of that identifier.
    probabilities : mapping of item name to (n, K) float array
        Option probabilities that led to the answer (renormalised over options, declared order); NaN rows where absent.
    log_prob : mapping of item name to (n,) float array
        Teacher-forced natural log-probability of the *person's* answer given profile, arm and the person's earlier
        answers; NaN where the person did not answer.
    mass : mapping of item name to (n,) float array
        Probability that the model gave to all options together, before renormalisation; in [0, 1].
    """

    respondent: ObjectArray
    arm: ObjectArray
    answers: Mapping[str, IntArray] = field(default_factory=dict)
    states: Mapping[str, NDArray[np.int8]] = field(default_factory=dict)
    profile: Mapping[str, ObjectArray] = field(default_factory=dict)
    weight: FloatArray = field(default_factory=lambda: np.ones(0))
    stratum: ObjectArray | None = None
    psu: ObjectArray | None = None
    simulated: bool = False
    paired: bool = True
    probabilities: Mapping[str, FloatArray] = field(default_factory=dict)
    log_prob: Mapping[str, FloatArray] = field(default_factory=dict)
    mass: Mapping[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.respondent)
        if len(self.weight) == 0 and n:
            object.__setattr__(self, "weight", np.ones(n))
        columns: dict[str, Any] = {"arm": self.arm, "weight": self.weight}
        for kind in ("answers", "states", "profile", "probabilities", "log_prob", "mass"):
            columns |= {f"{kind}[{name}]": column for name, column in getattr(self, kind).items()}
        columns |= {name: getattr(self, name) for name in ("stratum", "psu") if getattr(self, name) is not None}
        for name, column in columns.items():
            if len(column) != n:
                raise ValueError(f"{name} has {len(column)} rows, respondent has {n}")

    def __len__(self) -> int:
        return len(self.respondent)

    @property
    def n(self) -> int:
        """Number of respondents."""
        return len(self.respondent)

    @property
    def items(self) -> tuple[str, ...]:
        """Names of the items with an answer column."""
        return tuple(self.answers)

    @property
    def weighted(self) -> bool:
        """Whether the weights differ between respondents."""
        return bool(self.n) and not np.all(self.weight == self.weight[0])

    def answered(self, item: str) -> BoolArray:
        """(n,) mask of respondents with an answer to the item."""
        return np.asarray(self.answers[item] >= 0)

    def units(self) -> IntArray:
        """(n,) number of each respondent's primary sampling unit, from 0; without PSUs everyone is a unit."""
        if self.psu is None:
            return np.arange(self.n, dtype=np.int64)
        numbers = np.unique(self.psu.astype(str), return_inverse=True)[1].astype(np.int64)
        if self.stratum is None:
            return numbers
        stratum = np.unique(self.stratum.astype(str), return_inverse=True)[1].astype(np.int64)
        # One number for each pair: codes are compared one by one, so no joining of texts can confuse them.
        pairs = stratum * (int(numbers.max(initial=0)) + 1) + numbers
        found: IntArray = np.unique(pairs, return_inverse=True)[1].astype(np.int64)
        return found

    def take(self, index: NDArray[Any]) -> Sample:
        """Rows by integer index or boolean mask, in that order; repeated rows are allowed."""

        def rows(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
            return {name: column[index] for name, column in columns.items()}

        return replace(
            self,
            respondent=self.respondent[index],
            arm=self.arm[index],
            answers=rows(self.answers),
            states=rows(self.states),
            profile=rows(self.profile),
            weight=self.weight[index],
            stratum=None if self.stratum is None else self.stratum[index],
            psu=None if self.psu is None else self.psu[index],
            probabilities=rows(self.probabilities),
            log_prob=rows(self.log_prob),
            mass=rows(self.mass),
        )

    def without_answers(self) -> Sample:
        """The same respondents with nothing but what is known before the first item."""
        return replace(self, answers={}, states={}, probabilities={}, log_prob={}, mass={})

    def with_answers(
        self,
        answers: Mapping[str, IntArray],
        *,
        states: Mapping[str, NDArray[np.int8]] | None = None,
        probabilities: Mapping[str, FloatArray] | None = None,
        log_prob: Mapping[str, FloatArray] | None = None,
        mass: Mapping[str, FloatArray] | None = None,
        simulated: bool = True,
    ) -> Sample:
        """The same respondents with other answers. Without `states`, -1 means ``INVALID`` (simulated) or ``MISSING``."""
        absent = State.INVALID if simulated else State.MISSING
        filled = states or {
            name: np.where(np.asarray(column) >= 0, State.ANSWERED, absent).astype(np.int8)
            for name, column in answers.items()
        }
        return replace(
            self,
            answers=dict(answers),
            states=dict(filled),
            probabilities=dict(probabilities or {}),
            log_prob=dict(log_prob or {}),
            mass=dict(mass or {}),
            simulated=simulated,
        )


def concatenate(samples: Sequence[Sample]) -> Sample:
    """Rows of several samples of the same columns, one after the other."""
    first = samples[0]

    def rows(kind: str) -> dict[str, NDArray[Any]]:
        parts: list[Mapping[str, NDArray[Any]]] = [getattr(sample, kind) for sample in samples]
        names = [name for name in parts[0] if all(name in part for part in parts)]
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    def column(name: str) -> Any:
        parts = [getattr(sample, name) for sample in samples]
        return None if any(part is None for part in parts) else np.concatenate(parts)

    return replace(
        first,
        respondent=column("respondent"),
        arm=column("arm"),
        weight=column("weight"),
        stratum=column("stratum"),
        psu=column("psu"),
        paired=all(sample.paired for sample in samples),
        answers=rows("answers"),
        states=rows("states"),
        profile=rows("profile"),
        probabilities=rows("probabilities"),
        log_prob=rows("log_prob"),
        mass=rows("mass"),
    )
