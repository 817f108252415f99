"""The search for zeros of a score, for one set of weights from anywhere and for many that resemble it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric._batches import batches

__all__ = ["Likelihood", "climb", "follow"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Scores = tuple[FloatArray, FloatArray, FloatArray]

_TOLERANCE = 1e-9
#: A step is the last one, too, if it is shorter than this (the information was taken before it) and the next one, which would
#: be shorter by about the same factor again, shorter than that.
_SHORT, _NEXT = 1e-8, 1e-10
#: Steps from anywhere, of which so many are scoring steps; steps from a zero that is near; halvings of a step.
_FAR_STEPS, _SCORING_STEPS, _NEAR_STEPS, _HALVINGS = 60, 8, 12, 8
#: Steps of the first of many fits, where it is easy; the length of a step that ends near the zero; and of the last one, since
#: others only begin there.
_EASY_STEPS, _NEARBY, _NEAR_ENOUGH = 20, 0.3, 0.03
#: No parameter moves by more than this in a step; columns are scaled to at most 1.
_LONGEST = 3.0
#: Step of the derivative of the score by central differences; and by differences to one side.
_DIFFERENCE, _ONE_SIDED = 1e-5, 1e-6


class Likelihood(Protocol):
    """A model on fixed rows. Parameters (b, P) and weights (b, n) come as rows of matrices."""

    def start(self, w: FloatArray) -> FloatArray:
        """(b, P) estimates without predictors."""

    def proper(self, theta: FloatArray) -> BoolArray:
        """(b,) whether all outcomes have a probability."""

    def scores(self, theta: FloatArray, w: FloatArray, *, reduced: bool = True) -> Scores:
        """(b, P) score, with the bias-reducing adjustment or without; (b, P, P) expected information and its inverse."""

    def of_rows(self, theta: FloatArray, inverse: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(n, P) each row's part of the score for (P,) parameters, and of the adjustment for their (P, P) covariance."""


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
    taken from the first zero, where differences give it, and corrected by what each step was seen to change. The first step
    of all is one product of matrices, since all begin at the same parameters.
    """
    near = _first(model, start)
    if near is None:
        first, inverse, found = climb(model, start)
        curvature = _curvature(model, first[None], start) if found else np.zeros_like(inverse)
    else:
        (first, inverse, curvature), found = near, True
    theta, covariance = np.repeat(first[None], len(weight), axis=0), np.repeat(inverse[None], len(weight), axis=0)
    small = np.zeros(len(weight), dtype=bool)
    if not found:
        return np.full_like(theta, np.nan), covariance, small
    theta = _begin(model, weight, start, first, inverse, curvature)
    for some in batches(np.arange(len(weight)), weight.shape[1]):
        going, last, apart = some, np.full(len(weight), np.inf), np.repeat(curvature[None], len(some), axis=0)
        before: tuple[FloatArray, FloatArray, FloatArray] | None = None
        for _ in range(_NEAR_STEPS):
            score, information, inverse = model.scores(theta[going], weight[going])
            if before is not None:
                _correct(apart, *before, score, information)
            step = np.linalg.solve(information + apart, score[..., None])[..., 0]
            size = np.abs(step).max(axis=1)
            theta[going] += step
            # The information was taken one step, a very short one, before the end.
            covariance[going] = inverse
            done = size < _TOLERANCE
            if before is not None:
                done |= (size < _SHORT) & (size * size < _NEXT * last[going])
            small[going[done]] = True
            left = ~done & (size < 2 * last[going]) & model.proper(theta[going])
            last[going] = size
            going, apart, before = going[left], apart[left], (step[left], score[left], information[left])
            if not len(going):
                break
    theta[~small] = first
    return theta, covariance, small


def _begin(
    model: Likelihood,
    weight: FloatArray,
    start: FloatArray,
    first: FloatArray,
    covariance: FloatArray,
    curvature: FloatArray,
) -> FloatArray:
    """(B, P) where to begin: one step from the first parameters, as if information were in proportion to total weight."""
    score, added = model.of_rows(first, covariance)
    ratio = weight.sum(axis=1, keepdims=True) / start.sum()
    step = np.linalg.solve(np.linalg.inv(covariance) + curvature, (weight @ score + weight @ added / ratio).T).T / ratio
    theta = first + step * np.minimum(1.0, _LONGEST / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
    return np.where(model.proper(theta)[:, None], theta, first)


def _correct(
    apart: FloatArray,
    step: FloatArray,
    score: FloatArray,
    information: FloatArray,
    new_score: FloatArray,
    new_information: FloatArray,
) -> None:
    """Let minus the mean derivative over a step, mean information plus `apart`, give the change of the score that was seen.

    The smallest symmetric change in the metric of the information (Greenstadt 1970, Mathematics of Computation 24).
    """
    mean = (information + new_information) / 2
    missed = score - new_score - ((mean + apart) @ step[..., None])[..., 0]
    along = (mean @ step[..., None])[..., 0]
    along /= np.maximum(np.vecdot(along, step), 1e-300)[:, None]
    one_way = (missed - np.vecdot(missed, step)[:, None] * along / 2)[:, :, None] * along[:, None, :]
    apart += one_way + one_way.transpose(0, 2, 1)


def _first(model: Likelihood, weight: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """About the zero of the adjusted score, covariance and curvature where this is easy; None where `climb` is needed.

    Scoring steps until one is short; from there on steps with the derivative of the score at that place, which is so near the
    zero that one derivative is enough.
    """
    w = weight[None]
    theta, curvature = model.start(w), None
    now = model.scores(theta, w)
    for _ in range(_EASY_STEPS):
        tried = _step(model, theta, w, now, now[1] if curvature is None else now[1] + curvature, True)
        if tried is None:
            return None
        size, theta, now = tried
        if curvature is None:
            if size < _NEARBY:
                curvature = _curvature(model, theta, weight, now=now)
                matrix = now[1] + curvature
                if not np.linalg.eigvalsh(matrix + matrix.transpose(0, 2, 1))[0, 0] > 0:
                    return None
        elif size < _NEAR_ENOUGH:
            return theta[0], now[2][0], curvature
    return None


def _curvature(
    model: Likelihood, theta: FloatArray, weight: FloatArray, *, reduced: bool = True, now: Scores | None = None
) -> FloatArray:
    """(P, P) minus the derivative of the score, less the expected information; by half the differences where `now` is known."""
    size = theta.shape[1]
    signs, length = ((1, -1), _DIFFERENCE) if now is None else ((1,), _ONE_SIDED)
    moves = length * np.eye(size)
    w = np.broadcast_to(weight, (size, len(weight)))
    derivative = np.empty((size, size))
    for some in batches(np.arange(size), len(weight)):
        seen = [model.scores(theta + sign * moves[some], w[some], reduced=reduced)[0] for sign in signs]
        derivative[some] = (seen[0] - (seen[1] if now is None else now[0])) / (len(signs) * length)
    information = (model.scores(theta, weight[None], reduced=reduced) if now is None else now)[1]
    return np.asarray(-derivative.T - information[0])
