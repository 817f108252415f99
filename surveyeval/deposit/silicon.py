"""Simulated answers in the three tiers of the Silicon Sample Benchmark.

The benchmark (Pfänder and others, predictions of a megastudy on trust in climate scientists, 2026) takes predictions as rows of
simulated respondents (tier 1), as means of conditions, overall and by moderator (tier 2), or as average treatment effects against
the control (tier 3). Names of columns follow its submission template; conditions, outcomes and moderators are those of the task.
Each tier follows from the one before it by arithmetic alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.task.task import Task

__all__ = ["CONTROL", "Outcome", "Predictions", "outcomes_of", "tier_1", "tier_2", "tier_3"]

#: What the benchmark calls the condition that effects are measured against.
CONTROL = "control"
_Z = 1.959963984540054  # 97.5% of the normal distribution: the template's 95% intervals are normal ones

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """One number of a respondent: the value of an ordered item, or whether one option was chosen."""

    name: str
    item: str
    values: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Simulated samples of one task, a draw each, for the same respondents.

    Parameters
    ----------
    task : Task
    draws : sequence of Sample
    identifiers : (n,) array
        What stands for the respondents in tier 1.
    control : str
        The arm that effects are measured against.
    """

    task: Task
    draws: Sequence[Sample]
    identifiers: NDArray[np.object_]
    control: str

    @property
    def people(self) -> Sample:
        """Profiles, arms and weights, which all draws share."""
        return self.draws[0]

    @property
    def conditions(self) -> dict[str, str]:
        """Arm to the name of its condition: ``control``, or its label, with its key where the label alone is not its own."""
        labels = {arm.key: arm.label for arm in self.task.arms if arm.key != self.control}
        shared = Counter(_plain(label) for label in labels.values()) + Counter([CONTROL])
        named = {key: label if shared[_plain(label)] == 1 else f"{label} ({key})" for key, label in labels.items()}
        return {arm.key: named.get(arm.key, CONTROL) for arm in self.task.arms}

    def values(self, outcome: Outcome) -> FloatArray:
        """(draws, n) numbers of an outcome, NaN where a simulated respondent gave no answer."""
        table = np.array([*outcome.values, np.nan])
        return np.stack(
            [table[np.where(one.answers[outcome.item] >= 0, one.answers[outcome.item], -1)] for one in self.draws]
        )

    @property
    def moderators(self) -> dict[str, tuple[NDArray[np.int64], tuple[str, ...]]]:
        """The task's subgroups: level of each respondent, -1 where not known, and the levels' names."""
        return {name: self.task.groups(self.people, name) for name in self.task.spec.subgroups}


def control_arm(task: Task, named: str | None) -> str:
    """The arm that effects are measured against; default: the one called control, else the first.

    Raises
    ------
    ConfigError
        When the task has no such arm.
    """
    keys = [arm.key for arm in task.arms]
    if named is None:
        called = [arm.key for arm in task.arms if CONTROL in (_plain(arm.key), _plain(arm.label))]
        return (called or keys)[0]
    if named not in keys:
        raise ConfigError(
            f"task {task.name!r} has no arm {named!r}", hint=did_you_mean(named, keys) or f"arms: {', '.join(keys)}"
        )
    return named


def _plain(text: str) -> str:
    """As it is compared: nobody tells conditions apart by capitals or blanks."""
    return text.strip().casefold()


def outcomes_of(task: Task) -> list[Outcome]:
    """Outcomes of a task: ordered items by their values, two options as 0 and 1, more options as one outcome each."""
    found = []
    for item in task.measured:
        if item.ordered:
            found.append(Outcome(item.name, item.name, tuple(map(float, item.values))))
        elif item.k == 2:
            found.append(Outcome(item.name, item.name, (0.0, 1.0)))
        else:
            found += [
                Outcome(f"{item.name}={code}", item.name, tuple(float(other == code) for other in item.codes))
                for code in item.codes
            ]
    return found


def tier_1(found: Predictions) -> pd.DataFrame:
    """One row for each simulated respondent and draw: ``profile_id``, ``condition``, profile, moderators, outcomes.

    Every row says in ``simulated`` that it is.
    """
    people, task, times = found.people, found.task, len(found.draws)
    conditions = found.conditions
    columns: dict[str, object] = {
        "profile_id": np.concatenate([_numbered(found.identifiers, draw, times) for draw in range(times)]),
        "condition": np.tile([conditions[arm] for arm in people.arm], times),
        "simulated": np.ones(people.n * times, dtype=int),
    }
    for name, field in task.profile.items() if people.paired else ():
        labels = field.labels or {}
        columns[name] = np.tile(
            np.array([labels.get(code, code) for code in people.profile[name]], dtype=object), times
        )
    for name, (index, levels) in found.moderators.items():
        columns.setdefault(name, np.tile(np.array([*levels, None], dtype=object)[index], times))
    columns |= {one.name: found.values(one).ravel() for one in outcomes_of(task)}
    return pd.DataFrame(columns)


def _numbered(identifiers: NDArray[np.object_], draw: int, times: int) -> NDArray[np.object_]:
    return identifiers if times == 1 else np.array([f"{one}-{draw + 1}" for one in identifiers], dtype=object)


def tier_2(found: Predictions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means of each condition, overall and in each level of each moderator, with 95% intervals.

    The interval is that of the mean of as many respondents as were simulated, draws of one respondent averaged first. It is
    no statement of how far people may be from it.
    """
    main = [
        {"condition": condition, "outcome": outcome.name, **_mean(found, outcome, inside)}
        for condition, inside in _cells(found)
        for outcome in outcomes_of(found.task)
    ]
    by = [
        {"condition": condition, "moderator": name, "moderator_level": level, "outcome": outcome.name, **_mean(found, outcome, inside & (index == number))}
        for condition, inside in _cells(found)
        for name, (index, levels) in found.moderators.items()
        for number, level in enumerate(levels)
        for outcome in outcomes_of(found.task)
    ]  # fmt: skip
    numbers = ["mean", "pi_lower", "pi_upper"]
    return (
        pd.DataFrame(main, columns=["condition", "outcome", *numbers]),
        pd.DataFrame(by, columns=["condition", "moderator", "moderator_level", "outcome", *numbers]),
    )


def tier_3(found: Predictions) -> pd.DataFrame:
    """Differences of each condition's means from the control's, with 95% intervals of the difference.

    Raises
    ------
    ConfigError
        When the task has one condition only.
    """
    if not found.task.is_experiment:
        raise ConfigError(f"task {found.task.name!r} is no experiment, so it has no effects", hint="export tier 1 or 2")
    cells = dict(_cells(found))
    rows = []
    for condition, inside in cells.items():
        if condition == CONTROL:
            continue
        for outcome in outcomes_of(found.task):
            (treated, v1), (untreated, v0) = _moments(found, outcome, inside), _moments(found, outcome, cells[CONTROL])
            ate, spread = treated - untreated, _Z * float(np.sqrt(v1 + v0))
            rows.append(
                {"condition": condition, "outcome": outcome.name, "ate": ate, "pi_lower": ate - spread, "pi_upper": ate + spread}
            )  # fmt: skip
    return pd.DataFrame(rows, columns=["condition", "outcome", "ate", "pi_lower", "pi_upper"])


def _cells(found: Predictions) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Conditions with the mask of their respondents, the control first."""
    conditions: Mapping[str, str] = found.conditions
    for key in sorted(conditions, key=lambda one: one != found.control):
        yield conditions[key], found.people.arm == key


def _mean(found: Predictions, outcome: Outcome, inside: NDArray[np.bool_]) -> dict[str, float]:
    mean, variance = _moments(found, outcome, inside)
    spread = _Z * float(np.sqrt(variance))
    return {"mean": mean, "pi_lower": mean - spread, "pi_upper": mean + spread}


def _moments(found: Predictions, outcome: Outcome, inside: NDArray[np.bool_]) -> tuple[float, float]:
    """Weighted mean over respondents, draws averaged first, and the variance of that mean; NaN where nobody answered.

    The variance is the linearised one with n / (n - 1), which is s² / n where weights are equal.
    """
    values = found.values(outcome)[:, inside]
    known = ~np.isnan(values)
    answered = known.any(axis=0)
    own = np.where(known, values, 0.0).sum(axis=0)[answered] / known.sum(axis=0)[answered]
    weights = found.people.weight[inside][answered]
    n, total = len(own), weights.sum()
    if n == 0 or total <= 0:
        return np.nan, np.nan
    mean = float(weights @ own / total)
    if n == 1:
        return mean, np.nan
    return mean, float(((weights * (own - mean)) ** 2).sum() / total**2 * n / (n - 1))
