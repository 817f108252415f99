"""Arms, groups and items: how many people there are, and how many are needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.data.weights import kish
from surveyeval.engine.describe import GREY_BELOW, SKIPPED_BELOW, size_status
from surveyeval.task.task import Task

__all__ = ["CERTIFIED", "ceilings", "group_sizes"]

#: Squared 97.5% point of the normal law: n test people certify a model as good as n / 3.84 people, at most.
CERTIFIED = 3.84


def group_sizes(task: Task, test: Sample, *, times: float = 1.0) -> pd.DataFrame:
    """Arms and groups of subgroups by the size rules.

    Parameters
    ----------
    task : Task
    test : Sample
        Test people.
    times : float
        Plan for so many times their number.

    Returns
    -------
    DataFrame
        ``kind`` (arm or a subgroup), ``label``, ``n``, ``n_eff``, ``half`` (effective people in a half), ``status`` (ok, grey
        below 30 in a half, skipped below 15), ``needed`` test people of the group for a full line, ``needed_any`` for any.
    """
    return pd.DataFrame(
        [_size(kind, label, test.weight[rows], times) for kind, label, rows in _cells(task, test)],
        columns=["kind", "label", "n", "n_eff", "half", "status", "needed", "needed_any"],
    )


def _cells(task: Task, test: Sample) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    if task.is_experiment:
        for arm in task.arms:
            yield "arm", arm.label, np.asarray(test.arm == arm.key)
    for subgroup in task.spec.subgroups:
        index, labels = task.groups(test, subgroup)
        for k, label in enumerate(labels):
            yield subgroup, label, np.asarray(index == k)


def _size(kind: str, label: str, weight: NDArray[np.float64], times: float) -> dict[str, Any]:
    n, n_eff = len(weight) * times, float(kish(weight)) * times if len(weight) else 0.0
    worth = n / n_eff if n_eff > 0 else 1.0  # people behind each effective one
    return {
        "kind": kind, "label": label, "n": n, "n_eff": n_eff, "half": n_eff / 2, "status": size_status(n_eff / 2),
        "needed": float(np.ceil(2 * GREY_BELOW * worth)), "needed_any": float(np.ceil(2 * SKIPPED_BELOW * worth)),
    }  # fmt: skip


def ceilings(task: Task, test: Sample, *, times: float = 1.0) -> pd.DataFrame:
    """How many people a model can be certified to be worth, item by item.

    Even a model whose mean is exactly right has an estimated squared error of about people's own, whose 95% limit is 3.84
    times the variance of their mean.

    Returns
    -------
    DataFrame
        ``item``, ``n`` people who answered, ``n_eff``, ``ceiling``.
    """
    rows = []
    for item in task.items:
        answered = test.answered(item.name)
        n_eff = float(kish(test.weight[answered])) * times if answered.any() else 0.0
        rows.append({"item": item.name, "n": answered.sum() * times, "n_eff": n_eff, "ceiling": n_eff / CERTIFIED})
    return pd.DataFrame(rows, columns=["item", "n", "n_eff", "ceiling"])
