"""Calibration on the pilot: the cheapest way of bringing a model's option probabilities nearer to people's.

``temperature``: one number T for all items, probabilities proportional to p^(1/T). ``item``: a bias for every option of every
item, probabilities proportional to p exp(bias), as if the pilot told how often each option is chosen. Both maximise the
likelihood of the pilot's answers, each given the person's earlier answers, under the pilot's weights.

Sources: Guo et al. (2017), On Calibration of Modern Neural Networks, for the temperature; Zhao et al. (2021), Calibrate
Before Use, for biases (fitted there without answers, here on the pilot's).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp

from surveyeval.errors import ModelError

__all__ = ["Calibration", "Scored", "fit_calibration"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: People added to every option at the average scores, so that an option nobody of the pilot chose stays possible.
SMOOTHING = 0.5
#: Range of the temperature. The loss is convex in 1/T, so there is one minimum; a pilot that the model's favourite option
#: always fits, or never, has it beyond the range, and the fit ends near a bound.
COLDEST, HOTTEST = 0.05, 50.0


@dataclass(frozen=True, eq=False)
class Scored:
    """A pilot's answers to one item with the model's log-probabilities of all options.

    Parameters
    ----------
    log_prob : (n, K) float array
        Renormalised over options, declared order, finite.
    answer : (n,) int array
    weight : (n,) float array
        Mean 1.
    """

    log_prob: FloatArray
    answer: IntArray
    weight: FloatArray


@dataclass(frozen=True)
class Calibration:
    """Fitted calibration; the default changes nothing.

    Parameters
    ----------
    temperature : float
    bias : mapping of item to tuple of float
        Added to log-probabilities, declared order, mean 0; items that are absent stay as they are.
    """

    temperature: float = 1.0
    bias: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def apply(self, item: str, probabilities: FloatArray) -> FloatArray:
        """Calibrated probabilities.

        Parameters
        ----------
        item : str
        probabilities : (n, K) float array
            Declared order; rows of NaN stay.

        Returns
        -------
        (n, K) float array
            Rows sum to 1.
        """
        if self.temperature == 1.0 and item not in self.bias:
            return probabilities
        with np.errstate(divide="ignore"):
            logits = np.log(probabilities) / self.temperature
        if item in self.bias:
            logits = logits + np.array(self.bias[item])
        result: FloatArray = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
        return result

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a manifest."""
        bias = {item: [round(value, 6) for value in values] for item, values in self.bias.items()}
        return {"temperature": round(self.temperature, 6), "bias": bias}


def fit_calibration(kind: Literal["temperature", "item"], scored: Mapping[str, Scored]) -> Calibration:
    """Fit on the pilot's answers.

    Parameters
    ----------
    kind : {"temperature", "item"}
    scored : mapping of item to Scored
        Items that nobody of the pilot answered may be left out.

    Raises
    ------
    ModelError
        When there is no answer to fit on.
    """
    usable = {item: one for item, one in scored.items() if len(one.answer)}
    if not usable:
        raise ModelError("nothing to calibrate on: nobody of the pilot answered", hint="set people aside with --pilot")
    if kind == "temperature":
        return Calibration(temperature=_temperature(list(usable.values())))
    return Calibration(bias={item: _bias(one) for item, one in usable.items()})


def _loss(logits: FloatArray, answer: IntArray, weight: FloatArray) -> float:
    return float(weight @ (logsumexp(logits, axis=1) - logits[np.arange(len(answer)), answer]))


def _temperature(scored: Sequence[Scored]) -> float:
    def objective(log_t: float) -> float:
        return sum(_loss(one.log_prob / np.exp(log_t), one.answer, one.weight) for one in scored)

    found: Any = minimize_scalar(
        objective, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-8}
    )
    return float(np.exp(found.x))


def _bias(scored: Scored) -> tuple[float, ...]:
    k = scored.log_prob.shape[1]
    average = np.average(scored.log_prob, axis=0, weights=scored.weight)
    logits = np.vstack([scored.log_prob, np.tile(average, (k, 1))])
    onehot = np.eye(k)[np.concatenate([scored.answer, np.arange(k)])]
    weight = np.concatenate([scored.weight, np.full(k, SMOOTHING)])

    def objective(bias: FloatArray) -> tuple[float, FloatArray]:
        shifted = logits + bias
        total = logsumexp(shifted, axis=1, keepdims=True)
        loss = float(weight @ (total[:, 0] - (shifted * onehot).sum(axis=1)))
        return loss, weight @ (np.exp(shifted - total) - onehot)

    options: Any = {"maxiter": 1000, "ftol": 1e-13, "gtol": 1e-9}
    found: Any = minimize(objective, np.zeros(k), jac=True, method="L-BFGS-B", options=options)
    return tuple(float(value) for value in found.x - found.x.mean())
