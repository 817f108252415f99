"""Least squares on clusters: standard errors with the bias-reduced correction CR2, for many sets of weights.

Source: Bell and McCaffrey (2002), Bias reduction in standard errors for linear regression with multi-stage samples, Survey
Methodology 28; Pustejovsky and Tipton (2018), Small-sample methods for cluster-robust variance estimation and hypothesis
testing in fixed effects models, Journal of Business and Economic Statistics 36. Working model: independent errors whose
variance is inverse to the weight. Clusters of one respondent give HC2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveyeval.metric.regression import Fits, _estimable

__all__ = ["cr2", "ols_cr2"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Clusters:
    """What each of C clusters adds to p coefficients.

    With M = inv(X'WX) = LL', S a cluster's X'WX and g its X'We: influence is L (I - L'SL)^(-1/2) L'g, since a function of
    ZZ' times Z is Z times the function of Z'Z. So matrices of p rows are enough, however large the cluster.
    """

    lower: FloatArray
    gram: FloatArray
    root: FloatArray
    influence: FloatArray


def _clusters(X: FloatArray, residual: FloatArray, weight: FloatArray, unit: IntArray) -> _Clusters:
    """`unit` is sorted; weights are positive."""
    p = X.shape[1]
    starts = np.flatnonzero(np.append(True, unit[1:] != unit[:-1]))
    weighted = X * weight[:, None]
    gram = np.add.reduceat((weighted[:, :, None] * X[:, None, :]).reshape(len(X), p * p), starts).reshape(-1, p, p)
    lower = np.linalg.cholesky(np.linalg.inv(gram.sum(axis=0)))
    values, vectors = np.linalg.eigh(lower.T @ gram @ lower)
    rest = 1 - values
    power = np.where(rest > 1e-10, 1 / np.sqrt(np.maximum(rest, 1e-10)), 0.0)  # Moore-Penrose where nothing is left
    root = (vectors * power[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    score = np.add.reduceat(weighted * residual[:, None], starts)
    influence = np.einsum("pq,cqr,sr,cs->cp", lower, root, lower, score, optimize=True)
    return _Clusters(lower, gram, root, influence)


def cr2(X: FloatArray, residual: FloatArray, unit: IntArray) -> tuple[FloatArray, FloatArray]:
    """Standard errors of unweighted least squares, with degrees of freedom for t intervals.

    Parameters
    ----------
    X : (n, p) float array
        Of full rank.
    residual : (n,) float array
    unit : (n,) int array
        Cluster of each row.

    Returns
    -------
    error, degrees_of_freedom : (p,) float arrays
        The second by Satterthwaite's approximation. Equals R's clubSandwich with ``type = "CR2"``.
    """
    order = np.argsort(unit, kind="stable")
    found = _clusters(X[order], residual[order], np.ones(len(X)), unit[order])
    lower, root = found.lower, found.root
    inverse = lower @ lower.T
    freedom = np.empty(X.shape[1])
    # For each coefficient: the covariances between what the clusters add to it, under the working model.
    half = np.linalg.inv(lower).T @ root @ lower.T @ found.gram @ inverse
    whole = lower @ root @ root @ lower.T @ found.gram @ inverse
    for k in range(X.shape[1]):
        products = np.diag(whole[:, k, k]) - half[:, :, k] @ inverse @ half[:, :, k].T
        squares = float((products**2).sum())
        freedom[k] = np.trace(products) ** 2 / squares if squares > 0 else np.nan
    return np.sqrt((found.influence**2).sum(axis=0)), freedom


def ols_cr2(X: FloatArray, y: FloatArray, weight: FloatArray, unit: IntArray) -> Fits:
    """Weighted least squares with CR2 standard errors.

    Parameters
    ----------
    X : (n, p) float array
    y : (n,) float array
    weight : (B, n) float array
    unit : (n,) int array
        Cluster of each row.

    Returns
    -------
    Fits
        The standard error is NaN without residual variance, and where there are no more clusters than coefficients.
    """
    order = np.argsort(unit, kind="stable")
    X, y, unit = X[order], y[order], unit[order]
    beta, se = np.full((len(weight), X.shape[1]), np.nan), np.full((len(weight), X.shape[1]), np.nan)
    for b, w in enumerate(weight[:, order]):
        inside = w > 0
        columns = np.flatnonzero(_estimable(X, w))
        x, wanted, known = X[np.ix_(inside, columns)], y[inside], w[inside]
        beta[b, columns] = np.linalg.solve((x * known[:, None]).T @ x, (x * known[:, None]).T @ wanted)
        residual = wanted - x @ beta[b, columns]
        spread = float(known @ (wanted - known @ wanted / max(known.sum(), 1e-300)) ** 2)
        if known @ residual**2 > 1e-20 * spread and len(np.unique(unit[inside])) > len(columns):
            found = _clusters(x, residual, known, unit[inside])
            se[b, columns] = np.sqrt((found.influence**2).sum(axis=0))
    return Fits(beta, se)
