"""Firth's penalised logit for many sets of zero-one weights at once.

The maximum of ``log-likelihood + 0.5 log det(X'WX)`` is where the modified score ``sum w (y - m) x + sum h (1/2 - m) x`` is
zero, with h the diagonal of the hat matrix. `climb` goes there from anywhere, safely and slowly. `follow` is for sets of
weights that differ by a few rows from one whose maximum is known: it starts there and takes Newton steps, in which the
curvature of the penalty, a small and dear part of the whole, is taken from that known maximum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric._batches import Packed, batches

__all__ = ["climb", "follow"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_TOLERANCE = 1e-9
#: Steps of the first maximum, of which so many leave out the penalty's curvature; and of the others.
_FIRST_STEPS, _PLAIN_STEPS, _STEPS = 25, 3, 12
#: An information matrix is safely invertible if trace times the norm of the inverse is below this.
_WELL_CONDITIONED = 1e9


def follow(
    X: FloatArray, y: FloatArray, weight: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Fits that resemble a first one.

    Parameters
    ----------
    X : (n, p) float array
    y : (n,) float array of 0 and 1
    weight : (B, n) float array of 0 and 1
    start : (n,) float array
        Weights of the fit at which all others begin.

    Returns
    -------
    coefficient, se : (B, p) float arrays
    found : (B,) bool array
        Where steps became small, without any trouble on the way, or the response does not vary and the numbers are NaN;
        elsewhere they mean nothing.
    """
    chosen = weight @ y
    varies = (chosen > 0) & (chosen < weight.sum(axis=1))
    coefficient, se, found = (
        np.full((len(weight), X.shape[1]), np.nan),
        np.full((len(weight), X.shape[1]), np.nan),
        ~varies,
    )
    if varies.any():
        coefficient[varies], se[varies], found[varies] = _follow(X, y, weight[varies], start)
    return coefficient, se, found


def _follow(
    X: FloatArray, y: FloatArray, weight: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    p, B = X.shape[1], len(weight)
    nothing = np.full((B, p), np.nan), np.full((B, p), np.nan), np.zeros(B, dtype=bool)
    scale = np.abs(X).max(axis=0, initial=0.0)
    if not len(X) or not (scale > 0).all():
        return nothing
    Z = X / scale
    packed = Packed(Z)
    try:
        first = _first(Z, y, start, packed)
        if first is None:
            return nothing
        beta, se, small = _others(Z, y, weight, packed, *first)
    except np.linalg.LinAlgError:
        return nothing
    return beta / scale, se / scale, small & np.isfinite(beta).all(axis=1) & np.isfinite(se).all(axis=1)


def _probabilities(Z: FloatArray, beta: FloatArray) -> FloatArray:
    eta = beta @ Z.T
    np.clip(eta, -500, 500, out=eta)
    np.negative(eta, out=eta)
    np.exp(eta, out=eta)
    eta += 1
    return np.asarray(np.reciprocal(eta, out=eta))


def _first(Z: FloatArray, y: FloatArray, w: FloatArray, packed: Packed) -> tuple[FloatArray, FloatArray] | None:
    """Maximum (p,) for one set of weights, and what the penalty adds to the curvature there (p, p)."""
    beta, last = np.zeros((1, Z.shape[1])), np.inf
    trace = float(w @ np.einsum("np,np->n", Z, Z))
    for number in range(_FIRST_STEPS):
        mu = _probabilities(Z, beta)[0]
        spread = mu * (1 - mu)
        v = w * spread
        information = packed.gram(v[None])
        inverse = np.linalg.inv(information)
        if number == 0 and not np.linalg.norm(inverse) * trace < 4 * _WELL_CONDITIONED:
            return None
        q = packed.quadratic(inverse)[0]
        h = v * q
        score = (w * (y - mu) + h * (0.5 - mu)) @ Z
        if number < _PLAIN_STEPS:
            step = inverse[0] @ score
        else:
            # d h_i / d beta_s = h_i (1 - 2 m_i) x_is - v_i x_i' I^-1 (sum_j v_j (1 - 2 m_j) x_js x_j x_j') I^-1 x_i
            tilt = packed.gram(v * (1 - 2 * mu) * Z.T)
            change = (h * (1 - 2 * mu)) * Z.T - v * packed.quadratic(inverse @ tilt @ inverse)
            curvature = -(((0.5 - mu) * change - (h * spread) * Z.T) @ Z).T
            curvature = (curvature + curvature.T) / 2
            step = np.linalg.solve(information[0] + curvature, score)
        size = float(np.abs(step).max())
        if not np.isfinite(size) or size > max(5.0, 4 * last):
            return None
        beta = beta + step
        last = size
        if number >= _PLAIN_STEPS and size < _TOLERANCE:
            return beta[0], curvature
    return None


def _others(
    Z: FloatArray, y: FloatArray, weight: FloatArray, packed: Packed, start: FloatArray, curvature: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    B, p = len(weight), Z.shape[1]
    beta, se, small = np.empty((B, p)), np.empty((B, p)), np.empty(B, dtype=bool)
    for some in batches(np.arange(B), len(Z)):
        beta[some], se[some], small[some] = _newton(Z, y, weight[some], packed, start, curvature)
    return beta, se, small


def _newton(
    Z: FloatArray, y: FloatArray, weight: FloatArray, packed: Packed, start: FloatArray, curvature: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    B, p = len(weight), Z.shape[1]
    beta, se = np.repeat(start[None], B, axis=0), np.full((B, p), np.nan)
    small = np.zeros(B, dtype=bool)
    going, w, last = np.arange(B), weight, np.full(B, np.inf)
    for _ in range(_STEPS):
        mu = _probabilities(Z, beta[going])
        v = 1 - mu
        v *= mu
        v *= w
        inverse = np.linalg.inv(packed.gram(v))
        v *= packed.quadratic(inverse)
        residual = y - mu
        residual *= w
        mu -= 0.5
        mu *= v
        residual -= mu
        plain = inverse @ (residual @ Z)[..., None]
        # (I + C)^-1 U by its first terms: C is a small part of I.
        adjust = inverse @ curvature
        with np.errstate(over="ignore", invalid="ignore"):  # what runs away is given up below
            step = plain - adjust @ (plain - adjust @ plain)
        size = np.abs(step[..., 0]).max(axis=1)
        beta[going] += step[..., 0]
        done = size < _TOLERANCE
        # The information was taken one step, smaller than the tolerance, before the end.
        se[going[done]] = np.sqrt(np.einsum("bpp->bp", inverse[done]))
        small[going[done]] = True
        left = ~done & np.isfinite(size) & (size < 2 * last[going])
        last[going] = size
        if not left.any():
            break
        if not left.all():
            going, w = going[left], w[left]
    return beta, se, small


def climb(X: FloatArray, y: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fits from any start, each step halved while the penalised likelihood falls.

    Parameters
    ----------
    X : (n, p) float array
        Of full rank in every set of weights.
    y : (n,) float array of 0 and 1
    weight : (B, n) float array of 0 and 1

    Returns
    -------
    coefficient, se : (B, p) float arrays
        NaN where the response does not vary or the iteration does not converge.
    """
    packed, B = Packed(X), len(weight)
    beta = np.zeros((B, X.shape[1]))

    def state(b: FloatArray, w: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        eta = np.clip(b @ X.T, -500, 500)
        mu = 1 / (1 + np.exp(-eta))
        information = packed.gram(w * mu * (1 - mu))
        sign, logdet = np.linalg.slogdet(information)
        value = (w * (y * eta - np.logaddexp(0, eta))).sum(axis=1) + 0.5 * np.where(sign > 0, logdet, -np.inf)
        return mu, information, value

    mu, information, value = state(beta, weight)
    active = np.ones(B, dtype=bool)
    for _ in range(60):
        rows = np.flatnonzero(active)
        if len(rows) == 0:
            break
        w, m = weight[rows], mu[rows]
        inverse = np.linalg.pinv(information[rows], hermitian=True)
        hat = packed.quadratic(inverse) * (w * m * (1 - m))
        score = (w * (y - m) + hat * (0.5 - m)) @ X
        step = np.einsum("bpq,bq->bp", inverse, score)
        step *= np.minimum(1.0, 5.0 / np.maximum(np.abs(step).max(axis=1), 1e-300))[:, None]
        for _halving in range(12):
            trial = beta[rows] + step
            new_mu, new_information, new_value = state(trial, w)
            worse = ~(new_value >= value[rows] - 1e-12)
            if not worse.any():
                break
            step[worse] /= 2
        beta[rows], mu[rows], information[rows], value[rows] = trial, new_mu, new_information, new_value
        active[rows] = np.abs(step).max(axis=1) > 1e-9
    covariance = np.linalg.pinv(information, hermitian=True)
    se = np.sqrt(np.maximum(np.einsum("bpp->bp", covariance), 0.0))
    chosen = (weight * y).sum(axis=1)
    failed = active | (chosen == 0) | (chosen == weight.sum(axis=1))
    beta[failed], se[failed] = np.nan, np.nan
    return beta, se
