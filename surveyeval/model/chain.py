"""The chain of logits: each item given profile, arm and earlier answers.

Together the items' conditional distributions are a model of the whole joint law, so the chain has a joint log-loss that
language models can be held against.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from surveyeval.data.sample import Sample
from surveyeval.task.task import Task

__all__ = ["Chain", "fit_multinomial"]

FloatArray = NDArray[np.float64]

#: Ridge penalty on slopes of standardised predictors; intercepts are free. Half of it times the squared norm is added to
#: the negative log-likelihood, the prior of a slope with SD 1 / sqrt(3).
PENALTY = 3.0


def fit_multinomial(X: FloatArray, y: NDArray[np.int64], weight: FloatArray, k: int, penalty: float) -> FloatArray:
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

    Returns
    -------
    (p, k) float array
        Coefficients; the parametrisation is symmetric (no reference category).
    """
    onehot = np.eye(k)[y]
    penalised = np.full(X.shape[1], penalty)
    penalised[0] = 1e-6  # fixes the level of the symmetric parametrisation

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        beta = flat.reshape(X.shape[1], k)
        eta = X @ beta
        log_p = eta - logsumexp(eta, axis=1, keepdims=True)
        loss = -(weight * (onehot * log_p).sum(axis=1)).sum() + 0.5 * (penalised[:, None] * beta**2).sum()
        gradient = X.T @ (weight[:, None] * (np.exp(log_p) - onehot)) + penalised[:, None] * beta
        return float(loss), gradient.ravel()

    found = minimize(objective, np.zeros(X.shape[1] * k), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    beta: FloatArray = found.x.reshape(X.shape[1], k)
    return beta


class Chain:
    """Regularised multinomial logits, one an item."""

    def __init__(self) -> None:
        self._scale: dict[str, tuple[float, float]] = {}
        self._beta: list[FloatArray] = []

    def fit(self, task: Task, pilot: Sample) -> None:
        """Fit every item on the pilot rows that answered it."""
        for name, field in task.profile.items():
            if field.kind != "nominal":
                values, valid = self._numbers(task, pilot, name)
                spread = values[valid].std() if valid.any() else 0.0
                self._scale[name] = (float(values[valid].mean()) if valid.any() else 0.0, float(spread) or 1.0)
        weight = pilot.weight / pilot.weight.mean() if pilot.n else pilot.weight
        for number, item in enumerate(task.items):
            X = self._features(task, pilot, number, dict(pilot.answers))
            rows = pilot.answers[item.name] >= 0
            self._beta.append(fit_multinomial(X[rows], pilot.answers[item.name][rows], weight[rows], item.k, PENALTY))

    def probabilities(self, task: Task, people: Sample, item: int, given: dict[str, NDArray[np.int64]]) -> FloatArray:
        """(n, K) option probabilities of one item given the earlier answers."""
        eta = self._features(task, people, item, given) @ self._beta[item]
        return np.asarray(np.exp(eta - logsumexp(eta, axis=1, keepdims=True)))

    def _numbers(self, task: Task, people: Sample, name: str) -> tuple[FloatArray, NDArray[np.bool_]]:
        column = people.profile[name]
        valid = np.array([value is not None for value in column], dtype=bool)
        values = np.array([float(value) if value is not None else 0.0 for value in column])
        return values, valid

    def _features(self, task: Task, people: Sample, item: int, given: dict[str, NDArray[np.int64]]) -> FloatArray:
        blocks = [np.ones((people.n, 1))]
        for name, field in task.profile.items():
            if field.kind == "nominal":
                levels = list(field.labels or {})
                blocks += [(people.profile[name] == level).astype(float)[:, None] for level in levels[1:]]
            else:
                values, valid = self._numbers(task, people, name)
                mean, spread = self._scale[name]
                blocks.append(np.where(valid, (values - mean) / spread, 0.0)[:, None])
        if task.is_experiment:
            blocks += [(people.arm == arm.key).astype(float)[:, None] for arm in task.arms[1:]]
        for earlier in task.items[:item]:
            chosen = given[earlier.name]
            onehot = np.eye(earlier.k + 1)[chosen][:, : earlier.k]  # -1 picks the extra row: all zeros
            if earlier.ordered:
                rank = np.where(chosen >= 0, chosen / (earlier.k - 1) - 0.5, 0.0)
                blocks.append(2 * rank[:, None])
            blocks.append(onehot)
        return np.hstack(blocks)
