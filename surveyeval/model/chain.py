"""The chain of logits: each item given profile, arm and earlier answers.

Together the items' conditional distributions are a model of the whole joint law, so the chain has a joint log-loss that
language models can be held against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from surveyeval.data.sample import Sample
from surveyeval.task.task import Item, Profile, Task

__all__ = ["PENALTIES", "SMOOTHING", "Chain", "choose_penalty", "fit_multinomial"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Ridge penalties on slopes to choose from, strongest first; intercepts are free. Half the penalty times the squared norm
#: is added to the negative log-likelihood: the prior of a slope has SD 1 / sqrt(penalty).
PENALTIES = (100.0, 30.0, 10.0, 3.0, 1.0)
FOLDS = 5
#: People added to every option at the average of all predictors, so that an answer absent from a small pilot is possible.
SMOOTHING = 0.5


def fit_multinomial(
    X: FloatArray,
    y: IntArray,
    weight: FloatArray,
    k: int,
    penalty: float,
    *,
    start: FloatArray | None = None,
    tolerance: float = 1e-10,
) -> FloatArray:
    """Penalised multinomial logit.

    Parameters
    ----------
    X : (n, p) float array
        First column is the intercept, which is not penalised.
    y : (n,) int array
        Categories from 0 to k - 1.
    weight : (n,) float array
    k : int
    penalty : float
    start : (p, k) float array, optional
        Coefficients to start from.
    tolerance : float
        Relative change of the objective at which to stop.

    Returns
    -------
    (p, k) float array
        Coefficients; the parametrisation is symmetric (no reference category).
    """
    onehot = np.eye(k)[y]
    penalised = np.full((X.shape[1], 1), penalty)
    penalised[0] = 1e-6  # fixes the level of the symmetric parametrisation
    if start is None:
        start = np.zeros((X.shape[1], k))
        start[0] = np.log(weight @ onehot + 1e-3)
        start[0] -= start[0].mean()

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        beta = flat.reshape(X.shape[1], k)
        eta = X @ beta
        log_p = eta - logsumexp(eta, axis=1, keepdims=True)
        loss = -(weight @ (onehot * log_p)).sum() + 0.5 * (penalised * beta**2).sum()
        gradient = X.T @ (weight[:, None] * (np.exp(log_p) - onehot)) + penalised * beta
        return float(loss), gradient.ravel()

    options: Any = {"maxiter": 1000, "ftol": tolerance, "gtol": 1e-5}
    found = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    beta: FloatArray = found.x.reshape(X.shape[1], k)
    return beta


def choose_penalty(X: FloatArray, y: IntArray, weight: FloatArray, k: int) -> float:
    """The penalty of `PENALTIES` with the smallest log-loss over five folds of the pilot; the strongest of ties.

    Rows are dealt to folds by a fixed permutation, so that the choice depends on the pilot alone.
    """
    fold = np.random.default_rng(0).permutation(len(y)) % FOLDS
    pseudo, options = np.eye(1, X.shape[1]).repeat(k, axis=0), np.arange(k)
    loss = dict.fromkeys(PENALTIES, 0.0)
    for held_out in range(FOLDS):
        test, train = fold == held_out, fold != held_out
        fitted_X, fitted_y = np.vstack([X[train], pseudo]), np.concatenate([y[train], options])
        counted = np.concatenate([weight[train], np.full(k, SMOOTHING)])
        beta = None
        for penalty in PENALTIES:
            beta = fit_multinomial(fitted_X, fitted_y, counted, k, penalty, start=beta, tolerance=1e-5)
            eta = X[test] @ beta
            log_p = eta[np.arange(test.sum()), y[test]] - logsumexp(eta, axis=1)
            loss[penalty] -= float(weight[test] @ log_p)
    return min(PENALTIES, key=lambda penalty: loss[penalty])


class Chain:
    """Regularised multinomial logits, one for each item.

    Predictors are the profile (numbers and ordered codes standardised, nominal codes one column each, a column for
    missing), the arm and its factors, and every earlier answer (its value if ordered, and one column for each option).
    All are centred on the pilot.

    Parameters
    ----------
    hidden : frozenset of str
        Profile fields that are left out.

    Attributes
    ----------
    penalties : dict of str to float
        Ridge penalty of each item, chosen on the pilot by `choose_penalty`.
    """

    def __init__(self, hidden: frozenset[str] = frozenset()) -> None:
        self.hidden = hidden
        self.penalties: dict[str, float] = {}
        self._encoders: list[Callable[[Sample], FloatArray]] = []
        self._centre: list[FloatArray] = []
        self._beta: list[FloatArray] = []

    def fit(self, task: Task, pilot: Sample) -> None:
        """Fit every item on the pilot rows that answered it."""
        profile = [field for name, field in task.profile.items() if name not in self.hidden]
        self._encoders = [_profile_encoder(field, pilot) for field in profile]
        if task.is_experiment:
            self._encoders += _arm_encoders(task)
        weight = pilot.weight / pilot.weight.mean()
        known = self._known(pilot)
        for number, item in enumerate(task.items):
            rows = pilot.answers[item.name] >= 0
            predictors = np.hstack([known, *_earlier(task, number, pilot.answers)])[rows]
            centre = predictors.mean(axis=0) if rows.any() else np.zeros(predictors.shape[1])
            X, y = _with_intercept(predictors - centre), pilot.answers[item.name][rows]
            penalty = choose_penalty(X, y, weight[rows], item.k)
            X = np.vstack([X, np.eye(1, X.shape[1]).repeat(item.k, axis=0)])
            y = np.concatenate([y, np.arange(item.k)])
            counted = np.concatenate([weight[rows], np.full(item.k, SMOOTHING)])
            self.penalties[item.name] = penalty
            self._centre.append(centre)
            self._beta.append(fit_multinomial(X, y, counted, item.k, penalty))

    def bind(self, task: Task, people: Sample) -> Callable[[int, Mapping[str, IntArray]], FloatArray]:
        """Function of an item's number and earlier answers that gives (n, K) option probabilities for these people."""
        known = self._known(people)

        def probabilities(item: int, given: Mapping[str, IntArray]) -> FloatArray:
            predictors = np.hstack([known, *_earlier(task, item, given)])
            eta = _with_intercept(predictors - self._centre[item]) @ self._beta[item]
            table: FloatArray = np.exp(eta - logsumexp(eta, axis=1, keepdims=True))
            return table

        return probabilities

    def _known(self, people: Sample) -> FloatArray:
        return np.hstack([np.zeros((people.n, 0)), *(encode(people) for encode in self._encoders)])


def _with_intercept(predictors: FloatArray) -> FloatArray:
    return np.hstack([np.ones((len(predictors), 1)), predictors])


def _profile_encoder(field: Profile, pilot: Sample) -> Callable[[Sample], FloatArray]:
    if field.kind == "nominal":
        codes = field.labels or dict.fromkeys(code for code in pilot.profile[field.name] if code is not None)
        levels = np.array([*codes, None], dtype=object)
        return lambda people: (people.profile[field.name][:, None] == levels[None, :]).astype(float)
    values = _numbers(field, pilot)
    valid = values[~np.isnan(values)]
    mean, spread = (float(valid.mean()), float(valid.std()) or 1.0) if len(valid) else (0.0, 1.0)

    def encode(people: Sample) -> FloatArray:
        standard = (_numbers(field, people) - mean) / spread
        missing = np.isnan(standard)
        return np.column_stack([np.where(missing, 0.0, standard), missing])

    return encode


def _numbers(field: Profile, people: Sample) -> FloatArray:
    return np.array([np.nan if code is None else float(code) for code in people.profile[field.name]])


def _arm_encoders(task: Task) -> list[Callable[[Sample], FloatArray]]:
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
    encoders: list[Callable[[Sample], FloatArray]] = [
        lambda people: (people.arm[:, None] == keys[None, :]).astype(float)
    ]
    if factors:
        encoders.append(lambda people: np.array([columns[arm] for arm in people.arm]).reshape(people.n, -1))
    return encoders


def _earlier(task: Task, item: int, given: Mapping[str, IntArray]) -> list[FloatArray]:
    return [_answer_columns(earlier, given[earlier.name]) for earlier in task.items[:item]]


def _answer_columns(item: Item, chosen: IntArray) -> FloatArray:
    """One column for each option, and the value on the scale from -1 to 1 of an ordered item; zeros where unanswered."""
    table = np.vstack([np.eye(item.k), np.zeros(item.k)])  # -1 picks the last row
    if item.ordered:
        low, high = item.values.min(), item.values.max()
        scaled = 2 * (item.values - low) / ((high - low) or 1.0) - 1
        table = np.column_stack([table, [*scaled, 0.0]])
    columns: FloatArray = table[chosen]
    return columns
