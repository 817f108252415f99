"""Nonresponse: do simulated respondents refuse, not know, or leave out as often as people do?

Distributions of answers are over those who answered. What they leave out is compared here, state by state. Rows that
failed for technical reasons (``invalid``, ``not_run``) are no answer of anybody and do not count on either side.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.metric._tabulate import Bound, GroupedSums, Grouping, Memo, kish, once, ratio
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Task

__all__ = ["NonresponseError"]

FloatArray = NDArray[np.float64]

_NONRESPONSE = (State.REFUSED, State.DONT_KNOW, State.MISSING)


class _Rates:
    """Share of each state of nonresponse among those asked, and the share not asked, per item."""

    def __init__(self, task: Task, sample: Sample) -> None:
        columns = []
        for item in task.measured:
            state = sample.states[item.name]
            asked = (state == State.ANSWERED) | np.isin(state, _NONRESPONSE)
            columns += [*(state == one for one in _NONRESPONSE), asked, state == State.NOT_ASKED]
        table = np.column_stack(columns).astype(float)
        self._shape = (len(task.measured), len(_NONRESPONSE) + 2)
        self.seen: NDArray[np.bool_] = np.asarray(table.any(axis=0), dtype=bool).reshape(self._shape)
        everybody = Grouping(np.zeros(sample.n, dtype=np.int64), 1)
        self._sums = GroupedSums(table, everybody)
        self._memo = Memo()

    def __call__(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(B, J, 4) rates (the last: not asked) and (B, J) effective number of rows behind them."""
        return self._memo.get("rates", weights, lambda: self._rates(weights))

    def _rates(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        sums, squares = (found[:, 0].reshape(-1, *self._shape) for found in self._sums.both(weights))
        asked = sums[:, :, -2]
        rates = [ratio(sums[:, :, k], asked) for k in range(len(_NONRESPONSE))]
        rates.append(ratio(sums[:, :, -1], asked + sums[:, :, -1]))
        return np.stack(rates, axis=2), kish(asked, squares[:, :, -2])


class NonresponseError:
    """Difference of the rates of refusals, don't knows and missing answers, per item and state.

    ``|rate among simulated rows - rate among people|`` for each item and each state of nonresponse. States are
    ``refused``, ``dont_know`` and ``missing``, each as a share of those who were asked; for items with a filter also
    the share that was not asked. Value names are ``nonresponse_error_refused`` and so on, for each item on which people
    show the state; ``nonresponse_error`` is the mean over items of half the sum over answering and the three states,
    which is the total variation of response status.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    Lower is better, 0 is the same rates. Two halves of people differ as well: see the reference.

    Assumptions
    -----------
    A simulated respondent could have declined. A model that must choose an option never does, and shows an error equal
    to people's own rate. Rows that failed for technical reasons (``invalid``, ``not_run``) count on neither side.

    When it misleads
    ----------------
    Where a file mixes states (a blank that may be a refusal), and where it is small for the wrong reason: the right
    rate of refusals says nothing of whether the right people refuse. Elicitation by options puts it out of the model's
    reach.

    Interval and estimand
    ---------------------
    The expected difference of rates between h simulated rows and h people, h being the half size.

    References
    ----------
    American Association for Public Opinion Research (2023), Standard Definitions, on item nonresponse.
    """

    spec: ClassVar[MetricSpec] = MetricSpec(
        "nonresponse_error",
        "alignment",
        "difference of the rates of refusals, don't knows and missing answers",
        "lower",
        "uniform",
        unit="share",
        range=(0.0, 1.0),
    )

    def applicable(self, task: Task) -> str | None:
        """None: whether people declined is known from the data only."""
        return None

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        people, rows = (
            once(cache, sample, "nonresponse", lambda sample=sample: _Rates(task, sample))  # type: ignore[misc]
            for sample in (human, simulated)
        )
        names = [*(state.name.lower() for state in _NONRESPONSE), "not_asked"]
        # People alone decide which cells there are, so that keys are the same for every model; a state that only
        # simulated rows have is in the total.
        cells = [
            (j, k)
            for j, item in enumerate(task.measured)
            for k in range(len(names))
            if (people.seen[j, k] if k < len(_NONRESPONSE) else item.spec.ask_if is not None)
        ]
        own = [Key(f"{self.spec.name}_{names[k]}", item=task.measured[j].name) for j, k in cells]
        keys = [Key(self.spec.name), *own]
        status: dict[Key, tuple[str, str]] = {}
        if not people.seen[:, : len(_NONRESPONSE)].any() and not rows.seen[:, : len(_NONRESPONSE)].any():
            status[keys[0]] = ("not_applicable", "every item has an answer, on both sides")
        silent = [item.name for item, seen in zip(task.measured, rows.seen, strict=True) if not seen[-2]]
        if silent:
            reason = f"no valid simulated row for {', '.join(silent)}"
            status |= {key: ("not_estimable", reason) for key in keys if key.item in ("", *silent)}

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            (theirs, n), (made, s) = people(human_weights), rows(simulated_weights)
            difference = made - theirs
            declined = difference[:, :, : len(_NONRESPONSE)]
            total = 0.5 * (np.abs(declined).sum(axis=2) + np.abs(declined.sum(axis=2)))
            size = np.minimum(n, s)
            value = [total.mean(axis=1), *(np.abs(difference[:, j, k]) for j, k in cells)]
            n_eff = [size.min(axis=1), *(size[:, j] for j, _ in cells)]
            result = np.stack(value, axis=1)
            result[:, [key in status for key in keys]] = np.nan
            return Values(keys, result, status=status, n_eff=np.stack(n_eff, axis=1))

        return Bound(compute)
