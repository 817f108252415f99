"""Transport: do the beliefs of simulated respondents predict their actions as people's beliefs predict people's?

A model of action given beliefs and arm is fitted on the people of one half and carried over to the stand-ins of the other.
Neither a rule nor an order of options is needed.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._batches import families
from surveyeval.metric._tabulate import Bound, Memo, arm_index, kish, once, ratio
from surveyeval.metric.association import beliefs
from surveyeval.metric.multinomial import MultinomialFits, log_share, multinomial_logit
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Item, Task

__all__ = ["Transport"]

FloatArray = NDArray[np.float64]

#: Penalty on coefficients of columns that run from -1 to 1: small, but halves are often separated without it.
_RIDGE = 0.1


class _Table:
    """Beliefs and arm as columns, and the action, of the respondents of one sample who answered all of them."""

    def __init__(self, task: Task, sample: Sample, action: Item, cache: dict[Any, Any]) -> None:
        used = beliefs(task)
        complete = sample.answered(action.name)
        for item in used:
            complete = complete & sample.answered(item.name)
        self.rows = np.flatnonzero(complete)
        self.y = sample.answers[action.name][self.rows]
        arm = arm_index(task, sample, cache)[self.rows]
        # All levels have a column: the ridge makes that unique, and no level is a reference that is penalised less.
        columns = [np.ones((len(self.rows), 1))]
        columns += [arm[:, None] == np.arange(len(task.arms))[None, :]] if task.is_experiment else []
        columns += [_columns(item, sample.answers[item.name][self.rows]) for item in used]
        self.X = np.hstack(columns).astype(float)
        self._k = action.k
        self._memo = Memo()

    def fits(self, weights: FloatArray) -> MultinomialFits:
        """Models of the action, one for each set of weights of the complete rows."""
        return self._memo.get(
            "fits", weights, lambda: multinomial_logit(self.X, self.y, weights[:, self.rows], self._k, _RIDGE)
        )


def _columns(item: Item, answers: NDArray[np.int64]) -> FloatArray:
    """Ordered items as a number from -1 to 1, others as one column for each option."""
    scale = float(np.ptp(item.values))
    if item.ordered and scale > 0:
        place = 2 * (item.values - item.values.min()) / scale - 1
        return np.asarray(place[answers][:, None], dtype=float)
    return np.asarray(answers[:, None] == np.arange(item.k)[None, :], dtype=float)


class Transport:
    """Bits per action of the simulated half under a model of action given beliefs fitted on the human half.

    ``-mean log2 P(action | beliefs, arm)`` over simulated respondents, P being a multinomial logit with main effects of
    beliefs (attitudes where there are none) and arm and a small ridge, fitted on the people of the other half. With
    several actions, the mean over them, and each in its own row.

    Range
    -----
    At least 0.

    Direction and target
    --------------------
    The target is people's own value: the loss is the distance from the leave-one-out value of the people that the model
    was fitted on, which is what other people of the same law are expected to get. Below people's: actions follow
    beliefs more closely than people's do; above: less closely, or by another law.

    Assumptions
    -----------
    The same main effects hold in all arms. Survey weights enter the fit and the mean.

    When it misleads
    ----------------
    Where beliefs act together: actions brought in line with a rule about two beliefs may cost more bits, not fewer, and
    over-coherence then looks like its lack. Where beliefs themselves are off: stand-ins with extreme beliefs are easy
    to predict, those with beliefs in the middle hard, though actions may follow from both as they do for people.

    Interval and estimand
    ---------------------
    The expected value under a model fitted on h people, h being the half size; it falls as h grows, for people and
    simulation alike.

    References
    ----------
    Rad and Maleki (2020), Journal of the Royal Statistical Society B 82, for leaving one out; Steyerberg (2019),
    Clinical Prediction Models, on external validation.
    """

    spec: ClassVar[MetricSpec] = MetricSpec(
        "transport",
        "coherence",
        "bits per action under people's model of action given beliefs",
        "target",
        "marginal",
        splits=20,
        unit="bits",
        range=(0.0, None),
    )

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        if not task.actions:
            return "no asked item has the role action"
        return None if beliefs(task) else "no asked item has the role belief or attitude"

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        actions = [task.item(name) for name in task.actions]
        several = len(actions) > 1
        keys = [Key(self.spec.name), *(Key(self.spec.name, item=item.name) for item in actions if several)]
        tables = [
            tuple(
                once(cache, sample, ("transport", action.name), lambda s=sample, a=action: _Table(task, s, a, cache))  # type: ignore[misc]
                for sample in (human, simulated)
            )
            for action in actions
        ]
        status: dict[Key, tuple[str, str]] = {}
        for action, pair in zip(actions, tables, strict=True):
            for table, whom in zip(pair, ("person", "simulated respondent"), strict=True):
                if not len(table.rows):
                    reason = f"no {whom} answered {action.name} and all of {', '.join(i.name for i in beliefs(task))}"
                    status |= {key: ("not_estimable", reason) for key in keys if key.item in ("", action.name)}

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            value, loss, n_eff = [], [], []
            for people, rows in tables:
                if not len(people.rows) or not len(rows.rows):
                    value.append(np.full(len(human_weights), np.nan))
                    loss.append(value[-1])
                    n_eff.append(np.zeros(len(human_weights)))
                    continue
                h, s = human_weights[:, people.rows], simulated_weights[:, rows.rows]
                fits = people.fits(human_weights)
                own = -np.sum(h * np.nan_to_num(fits.left_out), axis=1) / np.log(2)
                made = _bits(rows, s, fits.coefficient)
                value.append(ratio(made, s.sum(axis=1)))
                loss.append(np.abs(value[-1] - ratio(own, h.sum(axis=1))))
                n_eff.append(np.minimum(*(kish(w.sum(axis=1), (w * w).sum(axis=1)) for w in (h, s))))
            columns = [(np.mean(value, axis=0), np.mean(loss, axis=0), np.min(n_eff, axis=0))]
            columns += list(zip(value, loss, n_eff, strict=True)) if several else []
            made_, loss_, n_eff_ = (np.stack(part, axis=1) for part in zip(*columns, strict=True))
            return Values(keys, made_, loss_, status=status, n_eff=n_eff_)

        return Bound(compute)


def _bits(rows: _Table, weight: FloatArray, coefficient: FloatArray) -> FloatArray:
    """(B,) weighted sum of the bits of the actions, half by half."""
    result = np.empty(len(weight))
    for family in families(weight):
        X, y = rows.X[family.columns], rows.y[family.columns]
        own = weight[np.ix_(family.members, family.columns)]
        result[family.members] = -np.sum(own * log_share(X, y, coefficient[family.members]), axis=1) / np.log(2)
    return result
