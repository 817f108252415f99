"""k-hat: a statement about a collection of questions, for those who have at least forty of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from surveyeval.data.sample import Sample
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Task

from surveyeval_ppi.pairs import fixed_order, log_loss_of_count, target_values

__all__ = ["FEWEST_ITEMS", "KHat", "missed_share"]

FloatArray = NDArray[np.float64]

ALPHA = 0.05
#: With fewer items, one that is missed exceeds ALPHA / 2 of them, and k-hat is 0 whatever the others say.
FEWEST_ITEMS = 40
#: Intervals are this much wider, to leave room for the noise in people's own means.
DILATION = 2**0.5


def missed_share(simulated: FloatArray, people: FloatArray) -> FloatArray:
    """G(k): share of items whose interval from the first k simulated rows misses people's mean.

    The interval is the mean of the first k rows, plus and minus 1.96 sqrt(2 / k) standard deviations of all rows.

    Parameters
    ----------
    simulated : (K, J) float array
        Simulated answers in random order, NaN where there is none.
    people : (J,) float array
        People's means.

    Returns
    -------
    (K,) float array
        In [0, 1]; an item without a simulated answer so far is not missed.
    """
    given = np.isfinite(simulated)
    count = given.cumsum(axis=0)
    total = np.where(given, simulated, 0.0).cumsum(axis=0)
    mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    overall = np.divide(total[-1], count[-1], out=np.zeros(len(people)), where=count[-1] > 0)
    deviation = np.where(given, simulated - overall, 0.0)
    spread = np.sqrt(np.divide((deviation**2).sum(axis=0), count[-1], out=np.zeros(len(people)), where=count[-1] > 0))
    reach = stats.norm.ppf(1 - ALPHA / 2) * DILATION * spread / np.sqrt(np.maximum(count, 1))
    # an exact hit by rows that are all alike is a hit, whatever the rounding
    return np.asarray(((np.abs(mean - people) > reach + 1e-12) & (count > 0)).mean(axis=1))


class KHat:
    """Simulated rows that may be taken as people before intervals miss more than 2.5% of the items.

    The largest k for which ``G(i) <= 0.025`` for every i up to k, G(i) being the share of items whose interval ``mean
    of the first i rows -+ 1.96 sqrt(2 / i) SD`` misses people's mean. In words: taking the first k simulated rows as if
    they were people, the intervals for at least 97.5% of this collection's items hold people's mean, and so they do
    with fewer rows. Simulated rows enter in random order, with probabilities in proportion to their weights.

    Range
    -----
    0 to the number of simulated rows.

    Direction and target
    --------------------
    Higher is better; the reference is what real people of the other half reach.

    Assumptions
    -----------
    Items are a sample of the questions that one will ask. At least 40 of them.

    When it misleads
    ----------------
    As a property of the model: it is one of the collection of items. G moves in steps of one over the number of items,
    so that one item in forty that is badly missed is the most it forgives, and two give 0.

    Interval and estimand
    ---------------------
    The value for h simulated rows against h people, h being the half size. A first crossing has no standard error: a
    band over splits.

    References
    ----------
    Huang, Wu and Wang (2025), How many human survey respondents is a large language model worth?, arXiv 2502.17773.
    """

    spec = MetricSpec(
        "k_hat",
        "worth",
        "simulated rows that may be taken as people before intervals miss more than 2.5% of this collection's items",
        "higher",
        "uniform",
        interval="band",
        splits=20,
        unit="count",
        range=(0.0, None),
        recoverable=False,
        label="k-hat of this collection of items",
        help="simulated rows that may be taken as people before intervals miss too many items",
    )

    def applicable(self, task: Task) -> str | None:
        """At least 40 items are needed."""
        if len(task.items) >= FEWEST_ITEMS:
            return None
        return f"the task has {len(task.items)} items, and k-hat is a statement about {FEWEST_ITEMS} or more"

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> _Bound:
        """Bind to two samples, which need not be paired."""
        return _Bound(_numbers(task, human, pilot), _numbers(task, simulated, pilot), simulated)


def _numbers(task: Task, sample: Sample, pilot: Sample) -> FloatArray:
    columns = []
    for item in task.items:
        codes = sample.answers.get(item.name, np.full(sample.n, -1))
        columns.append(np.where(codes >= 0, target_values(item, pilot)[codes], np.nan))
    return np.stack(columns, axis=1)


class _Bound:
    def __init__(self, people: FloatArray, rows: FloatArray, simulated: Sample) -> None:
        self._people, self._rows, self._respondents = people, rows, simulated.respondent

    def values(self, human: FloatArray, simulated: FloatArray, seed: int) -> Values:
        """Values for weights."""
        key = Key("k_hat", headline=True)
        given = np.isfinite(self._people)
        total = human @ given
        mean = np.divide(
            human @ np.where(given, self._people, 0.0), total, out=np.full_like(total, np.nan), where=total > 0
        )
        uniform = np.empty(len(self._respondents))
        uniform[fixed_order(self._respondents, seed)] = (np.arange(len(uniform)) + 0.5) / len(uniform)
        value = np.full((len(human), 1), np.nan)
        for b, own in enumerate(simulated):
            rows, answered = np.flatnonzero(own > 0), np.isfinite(mean[b])
            if not len(rows) or answered.sum() < FEWEST_ITEMS:
                continue
            # sorted so, a row of twice the weight comes first twice as often
            order = rows[np.argsort(-np.log(uniform[rows]) / own[rows], kind="stable")]
            fine = missed_share(self._rows[order][:, answered], mean[b, answered]) <= ALPHA / 2
            value[b, 0] = len(fine) if fine.all() else int(np.argmin(fine))
        status = (
            {}
            if np.isfinite(value).all()
            else {key: ("not_estimable", f"fewer than {FEWEST_ITEMS} items were answered")}
        )
        return Values([key], value, log_loss_of_count(value, 0.5), status=status)  # k-hat may be 0
