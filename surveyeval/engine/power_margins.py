"""Margins of equivalence that so many people can decide.

The errors are those of the tests of `surveyeval.engine.equivalence`, for a simulation that answers as an independent human
sample does: people's own rows, dealt out anew within arms.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.engine.differences import Theta, thetas
from surveyeval.engine.equivalence import smallest_decidable
from surveyeval.task.schema import Equivalence
from surveyeval.task.task import Task

__all__ = ["margins"]

#: Random dealings, whose variances are averaged.
DEALINGS = 4
#: What names a quantity, the term last.
_PLACE = ("name", "item", "group", "arm", "rule", "regression", "term")
#: Stands for a margin that the task does not declare, so that what could be decided is told all the same.
_ANY = Equivalence(share=0.5, mean_sd=0.5, gap=0.5, reason="none declared")


def margins(task: Task, test: Sample, *, seed: int = 0, times: float = 1.0) -> pd.DataFrame:
    """Smallest decidable margin of everything that can have one; of an item's share the hardest option.

    Parameters
    ----------
    task : Task
        Where it declares no margin, shares, means and gaps are planned for.
    test : Sample
        Test people.
    seed : int
    times : float
        Plan for so many times their number, and of their PSUs.

    Returns
    -------
    DataFrame
        ``quantity`` (share, mean_sd, gap, sd_ratio, effect), ``item``, ``group``, ``arm``, ``rule``, ``regression``, ``term``, ``n``,
        ``n_eff``, ``margin`` (NaN when none is declared), ``decidable`` (one simulated answer for each person),
        ``decidable_exact`` (against a model's exact probabilities, in tasks with independent questions), ``reason``.
    """
    declared = task.spec.equivalence
    planned = task if declared else replace(task, spec=task.spec.model_copy(update={"equivalence": _ANY}))
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    errors: dict[tuple[str, ...], list[float]] = {}
    freedom: dict[tuple[str, ...], float] = {}
    for number in range(DEALINGS):
        stand_ins = _dealt(test, generator(seed, "dealt", str(number)))
        for theta in thetas(planned, test, [stand_ins], seed):
            one = _hardest(theta)
            key = tuple(getattr(one.key, name) for name in _PLACE)
            if one.key.name == "share":  # of all options the one that is known least
                key = (*key[:-1], "")
            margin = one.margin if declared else np.nan
            rows[key] = {"n": one.n * times, "n_eff": one.n_eff * times, "margin": margin, "reason": one.reason}
            errors.setdefault(key, []).append(one.error / np.sqrt(times))
            # jackknife groups do not become more numerous with the people
            freedom[key] = one.df if one.method == "jackknife" else one.df * times
    exact = task.spec.interview.mode == "independent"
    table = []
    for key, row in rows.items():
        error = float(np.sqrt(np.mean(np.square(errors[key]))))
        decidable = smallest_decidable(error, freedom[key])
        decidable = decidable if decidable > 0 else np.nan
        place = {"quantity": key[0], **dict(zip(_PLACE[1:], key[1:], strict=True))}
        table.append(
            {**place, **row, "decidable": decidable, "decidable_exact": decidable / np.sqrt(2) if exact else np.nan}
        )
    columns = ["quantity", *_PLACE[1:], "n", "n_eff", "margin", "decidable", "decidable_exact", "reason"]
    return pd.DataFrame(table, columns=columns)


def _dealt(test: Sample, rng: np.random.Generator) -> Sample:
    rows = np.arange(test.n)
    for arm in np.unique(test.arm.astype(str)):
        inside = np.flatnonzero(test.arm == arm)
        rows[inside] = rng.permutation(inside)
    return replace(test.take(rows), simulated=True, probabilities={})


def _hardest(theta: Theta) -> Theta:
    """The option of an item whose share is known least, or the quantity itself."""
    if not theta.parts:
        return theta
    known = [part for part in theta.parts if np.isfinite(part.error)]
    return max(known, key=lambda part: part.error) if known else theta.parts[0]
