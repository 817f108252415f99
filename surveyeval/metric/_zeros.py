"""The search for zeros of a score, for one set of weights from anywhere and for many that resemble it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Likelihood", "climb", "follow"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Scores = tuple[FloatArray, FloatArray, FloatArray]

_TOLERANCE = 1e-9
#: Steps from anywhere, of which so many are scoring steps; steps from a zero that is near; halvings of a step.
_FAR_STEPS, _SCORING_STEPS, _NEAR_STEPS, _HALVINGS = 60, 8, 12, 8
#: No parameter moves by more than this in a step; columns are scaled to at most 1.
_LONGEST = 3.0
#: Step of the derivative of the score by central differences.
_DIFFERENCE = 1e-5


class Likelihood(Protocol):
    """A model on fixed rows. Parameters (b, P) and weights (b, n) come as rows of matrices."""

    def start(self, w: FloatArray) -> FloatArray:
        """(b, P) estimates without predictors."""

    def proper(self, theta: FloatArray) -> BoolArray:
        """(b,) whether all outcomes have a probability."""

    def scores(self, theta: FloatArray, w: FloatArray, *, reduced: bool = True) -> Scores:
        """(b, P) score, with the bias-reducing adjustment or without; (b, P, P) expected information and its inverse."""


def climb(
    model: Likelihood, weight: FloatArray, begin: FloatArray | None = None, *, reduced: bool = True
) -> tuple[FloatArray, FloatArray, bool]:
    """Zero of the score for one set of weights, each step shortened while it leads further away.

    Parameters
    ----------
    model : Likelihood
    weight : (n,) float array
        Every outcome has weight, and the design has full rank among rows with weight.
    begin : (P,) float array, optional
        Where to begin; default: without predictors.
    reduced : bool
        With the bias-reducing adjustment.

    Returns
    -------
    theta : (P,) float array
    covariance : (P, P) float array
        Inverse expected information.
    found : bool
        Else the numbers mean nothing.

    Notes
    -----
    Scoring steps first; where these become slow, as they do when the outcomes separate, Newton steps with the derivative of
    the score by differences.
    """
    w = weight[None]
    theta = model.start(w) if begin is None else begin[None]
    now = model.scores(theta, w, reduced=reduced)
    for number in range(_FAR_STEPS):
        tried = None
        if number >= _SCORING_STEPS:
            matrix = now[1] + _curvature(model, theta, weight, reduced=reduced)
            # Newton steps also go to saddle points, where the derivative has another sign in some direction.
            if np.linalg.eigvalsh(matrix + matrix.transpose(0, 2, 1))[0, 0] > 0:
                tried = _step(model, theta, w, now, matrix, reduced)
        if tried is None:
            tried = _step(model, theta, w, now, now[1], reduced)
        if tried is None:
            break
        size, theta, now = tried
        if size < _TOLERANCE:
            return theta[0], now[2][0], True
    return theta[0], now[2][0], False


def _step(
    model: Likelihood, theta: FloatArray, w: FloatArray, now: Scores, matrix: FloatArray, reduced: bool
) -> tuple[float, FloatArray, Scores] | None:
    """Size of a step, where it leads and the scores there; None if it leads further away even when it is short."""
    score, _, inverse = now
    step = np.linalg.solve(matrix, score[..., None])[..., 0]
    step *= min(1.0, _LONGEST / max(float(np.abs(step).max()), 1e-300))
    distance = float((score @ inverse[0] @ score[0])[0])
    for _ in range(_HALVINGS):
        trial = theta + step
        if model.proper(trial)[0]:
            new = model.scores(trial, w, reduced=reduced)
            if float((new[0] @ new[2][0] @ new[0][0])[0]) <= 2 * distance + 1e-12:
                return float(np.abs(step).max()), trial, new
        step = step / 2
    return None


def follow(model: Likelihood, weight: FloatArray, start: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Zeros of the adjusted score for sets of weights that resemble a first one, from its zero.

    Parameters
    ----------
    model : Likelihood
    weight : (B, n) float array
    start : (n,) float array
        Weights of the fit at which all others begin.

    Returns
    -------
    theta : (B, P) float array
        Where the fit is not found: the first zero, or not finite if that was not found either.
    covariance : (B, P, P) float array
    found : (B,) bool array

    Notes
    -----
    Steps are Newton steps but for one part: how far the derivative of the adjusted score is from the expected information is
    taken from the first zero, where differences give it.
    """
    first, inverse, found = climb(model, start)
    theta, covariance = np.repeat(first[None], len(weight), axis=0), np.repeat(inverse[None], len(weight), axis=0)
    small = np.zeros(len(weight), dtype=bool)
    if not found:
        return np.full_like(theta, np.nan), covariance, small
    curvature = _curvature(model, first[None], start)
    going, last = np.arange(len(weight)), np.full(len(weight), np.inf)
    for _ in range(_NEAR_STEPS):
        score, information, inverse = model.scores(theta[going], weight[going])
        step = np.linalg.solve(information + curvature, score[..., None])[..., 0]
        size = np.abs(step).max(axis=1)
        theta[going] += step
        # The information was taken one step, smaller than the tolerance, before the end.
        covariance[going] = inverse
        small[going[size < _TOLERANCE]] = True
        left = (size >= _TOLERANCE) & (size < 2 * last[going]) & model.proper(theta[going])
        last[going] = size
        going = going[left]
        if not len(going):
            break
    theta[~small] = first
    return theta, covariance, small


def _curvature(model: Likelihood, theta: FloatArray, weight: FloatArray, *, reduced: bool = True) -> FloatArray:
    """(P, P) minus the derivative of the score, less the expected information."""
    size = theta.shape[1]
    moves = _DIFFERENCE * np.eye(size)
    w = np.repeat(weight[None], size, axis=0)
    up, down = (model.scores(theta + sign * moves, w, reduced=reduced)[0] for sign in (1, -1))
    derivative = (up - down) / (2 * _DIFFERENCE)
    return np.asarray(-derivative.T - model.scores(theta, weight[None], reduced=reduced)[1][0])
