"""Profile, arm and answers as columns of numbers, for baselines that fit a model.

Every function looks at the pilot once and returns a function of people, so that people are encoded alike whoever else is
in their batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.task.task import Item, Profile, Task

__all__ = ["Encoder", "answer_columns", "arm_encoders", "encode", "numbers", "profile_encoder"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: From people to (n, columns) numbers.
Encoder = Callable[[Sample], FloatArray]


def encode(encoders: Sequence[Encoder], people: Sample) -> FloatArray:
    """(n, p) columns of all encoders side by side."""
    return np.hstack([np.zeros((people.n, 0)), *(encoder(people) for encoder in encoders)])


def numbers(task: Task, field: Profile, people: Sample) -> FloatArray:
    """(n,) values of a numeric or ordinal profile field, NaN where missing."""
    column = task.column(people, field.name)
    return np.where(column.valid, column.values.astype(float), np.nan)


def profile_encoder(
    task: Task, field: Profile, pilot: Sample, scale: Callable[[FloatArray], FloatArray] | None = None
) -> Encoder:
    """Columns of one profile field.

    A nominal field has one column of zeros and ones for each code (declared ones, else the pilot's) and one for missing.
    A numeric or ordinal field has its value, standardised by the pilot's weighted mean and standard deviation and 0 where
    missing, and a column for missing.

    Parameters
    ----------
    task : Task
    field : Profile
    pilot : Sample
    scale : callable, optional
        Applied to the values of a numeric or ordinal field before they are standardised.
    """
    if field.kind == "nominal":
        codes = field.labels or dict.fromkeys(code for code in pilot.profile[field.name] if code is not None)
        levels = np.array([*codes, None], dtype=object)
        return lambda people: (people.profile[field.name][:, None] == levels[None, :]).astype(float)

    def values(people: Sample) -> FloatArray:
        found = numbers(task, field, people)
        return found if scale is None else scale(found)

    known = values(pilot)
    valid = ~np.isnan(known)
    mean, spread = 0.0, 1.0
    if valid.any():
        mean = float(np.average(known[valid], weights=pilot.weight[valid]))
        if np.ptp(known[valid]) > 0:
            spread = float(np.sqrt(np.average((known[valid] - mean) ** 2, weights=pilot.weight[valid])))

    def encoded(people: Sample) -> FloatArray:
        standard = (values(people) - mean) / spread
        missing = np.isnan(standard)
        return np.column_stack([np.where(missing, 0.0, standard), missing])

    return encoded


def arm_encoders(task: Task) -> list[Encoder]:
    """One column for each arm, and one for each level of each arm factor; none where the task is no experiment."""
    if not task.is_experiment:
        return []
    keys = np.array([arm.key for arm in task.arms], dtype=object)
    factors = list(task.arms[0].factors)
    columns = {
        arm.key: [
            float(arm.factors[name] == level)
            for name in factors
            for level in dict.fromkeys(other.factors[name] for other in task.arms)
        ]
        for arm in task.arms
    }
    encoders: list[Encoder] = [lambda people: (people.arm[:, None] == keys[None, :]).astype(float)]
    if factors:
        encoders.append(lambda people: np.array([columns[arm] for arm in people.arm]).reshape(people.n, -1))
    return encoders


def answer_columns(item: Item, chosen: IntArray) -> FloatArray:
    """One column for each option, and the value on the scale from -1 to 1 of an ordered item; zeros where unanswered."""
    table = np.vstack([np.eye(item.k), np.zeros(item.k)])  # -1 picks the last row
    if item.ordered:
        low, high = item.values.min(), item.values.max()
        scaled = 2 * (item.values - low) / ((high - low) or 1.0) - 1
        table = np.column_stack([table, [*scaled, 0.0]])
    columns: FloatArray = table[chosen]
    return columns
