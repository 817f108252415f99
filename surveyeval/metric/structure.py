"""Joint test of the structure of a regression: are all its slopes the same among people and in the simulation?

The test of ``(x1 + ... + xk) * source`` in the stacked data. Every profile occurs twice there, once with a person's answers
and once with simulated ones, so that errors are clustered by respondent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import once
from surveyeval.metric.categorical import CategoricalFits, influences
from surveyeval.metric.coefficients import fitter_of, usable_regressions
from surveyeval.metric.protocol import UNPAIRED, Key, MetricSpec, Values
from surveyeval.metric.regression import Fits
from surveyeval.task.formulas import Design
from surveyeval.task.task import Task

__all__ = ["StructureTest", "StructureWald", "structure_tests"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class StructureTest:
    """Wald test that no slope differs between people and simulation.

    Parameters
    ----------
    regression : str
    statistic : float
        Chi-squared.
    df : int
        Slopes that are estimable on both sides.
    p : float
        Upper tail of chi-squared with `df` degrees of freedom.
    clusters : int
        Respondents.
    """

    regression: str
    statistic: float
    df: int
    p: float
    clusters: int


@dataclass(frozen=True, eq=False)
class _Side:
    """A regression on one sample: design of the valid rows, who they are, and how far each row moves the estimate."""

    design: Design
    family: str
    rows: IntArray
    X: FloatArray


def _side(family: str, design: Design) -> _Side:
    rows = np.flatnonzero(design.valid)
    X = design.X if design.valid.all() else design.X[rows]
    return _Side(design, family, rows, X)


def _products(weight: FloatArray, X: FloatArray, Y: FloatArray) -> FloatArray:
    """(B, p, p) ``X' diag(w) Y``; one after the other, since few sets of weights are asked for and the rows may be many."""
    return np.stack([(X.T * w) @ Y for w in weight]) if len(weight) else np.zeros((0, X.shape[1], Y.shape[1]))


def _bread(side: _Side, fits: Fits, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Inverse information (B, p, p) and weighted residuals (B, n)."""
    p = side.X.shape[1]
    known = np.isfinite(fits.coefficient)
    eta = np.where(known, fits.coefficient, 0.0) @ side.X.T
    y = side.design.y[side.rows]
    if side.family == "ols":
        curve, residual = weight, weight * (y - eta)
    else:
        mu = 1 / (1 + np.exp(-np.clip(eta, -500, 500)))
        curve, residual = weight * mu * (1 - mu), weight * (y - mu)
    information = _products(curve, side.X, side.X) * (known[:, :, None] & known[:, None, :])
    information[:, np.arange(p), np.arange(p)] += ~known
    inverse = np.asarray(np.linalg.pinv(information, hermitian=True), dtype=float)
    return inverse, residual


def _covariance(
    people: _Side, h: Fits, human: FloatArray, rows: _Side, s: Fits, simulated: FloatArray,
    shared: tuple[IntArray, IntArray],
) -> FloatArray:  # fmt: skip
    """(B, p, p) covariance of the difference of coefficients.

    The sum over respondents of the outer product of what each contributes: the influence of the simulated row minus the
    influence of the person's own.
    """
    if isinstance(h, CategoricalFits) and isinstance(s, CategoricalFits):
        left, right = (
            influences(side.X, side.design.y[side.rows].astype(np.int64), fits, weight)
            for side, fits, weight in ((people, h, human), (rows, s, simulated))
        )
        cross = left[:, shared[0]].transpose(0, 2, 1) @ right[:, shared[1]]
        own = left.transpose(0, 2, 1) @ left + right.transpose(0, 2, 1) @ right
        return np.asarray(own - cross - cross.transpose(0, 2, 1))
    A, r = _bread(people, h, human)
    C, q = _bread(rows, s, simulated)
    V = A @ _products(r**2, people.X, people.X) @ A + C @ _products(q**2, rows.X, rows.X) @ C
    mine, theirs = shared
    together = r[:, mine] * q[:, theirs]
    if together.any():
        cross = A @ _products(together, people.X[mine], rows.X[theirs]) @ C
        V = V - cross - cross.transpose(0, 2, 1)
    return np.asarray(V)


def _wald(
    people: _Side, h: Fits, human: FloatArray, rows: _Side, s: Fits, simulated: FloatArray,
    shared: tuple[IntArray, IntArray],
) -> tuple[FloatArray, IntArray, IntArray]:  # fmt: skip
    """(B,) chi-squared, degrees of freedom and clusters."""
    V = _covariance(people, h, human, rows, s, simulated, shared)
    mine, theirs = shared
    places = np.arange(V.shape[1])
    n = (human > 0).sum(axis=1) + (simulated > 0).sum(axis=1)
    n = n - ((human[:, mine] > 0) & (simulated[:, theirs] > 0)).sum(axis=1)
    V = V * (n / np.maximum(n - 1, 1))[:, None, None]
    intercept = places % people.X.shape[1] == 0
    tested = np.isfinite(h.coefficient) & np.isfinite(s.coefficient) & ~intercept
    d = np.where(tested, s.coefficient - h.coefficient, 0.0)
    V = V * (tested[:, :, None] & tested[:, None, :])
    V[:, places, places] += ~tested
    # A side without residuals gives a singular covariance; the pseudo-inverse would call that agreement.
    # In units of standard errors: a term with large numbers has a small one, which is no singularity.
    unit = np.sqrt(np.maximum(np.einsum("bpp->bp", V), 0.0))
    unit[~(unit > 0)] = 1.0
    V, d = V / (unit[:, :, None] * unit[:, None, :]), d / unit
    usable = np.linalg.eigvalsh(V)[:, 0] > 1e-12
    solved = np.linalg.solve(np.where(usable[:, None, None], V, np.eye(V.shape[1])), d[..., None])[..., 0]
    df = tested.sum(axis=1)
    chi2 = np.where(usable & (df > 0), np.sum(d * solved, axis=1), np.nan)
    return chi2, df, n


def _shared(human: Sample, simulated: Sample, people: _Side, rows: _Side) -> tuple[IntArray, IntArray]:
    """Positions among the valid rows of both sides that belong to the same respondent."""
    if not simulated.paired:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    _, mine, theirs = np.intersect1d(
        human.respondent[people.rows].astype(str), simulated.respondent[rows.rows].astype(str), return_indices=True
    )
    return mine, theirs


class StructureWald:
    """Wald statistic of the joint test that all slopes are equal, over its degrees of freedom.

    ``d' V^-1 d / df`` with the differences d of the slopes, the test of ``(x1 + ... + xk) * source`` in the stacked
    data. A value for each regression, and their mean. Errors are sandwich errors clustered by respondent with the
    factor n / (n - 1), since every profile occurs twice; logits (of two outcomes, ordered, multinomial) are fitted with
    Firth's bias reduction. The p-value of the full sample is given by `structure_tests`.

    Range
    -----
    At least 0.

    Direction and target
    --------------------
    Lower is better; about 1 between two samples of the same law, a little more in small halves, for which the reference
    stands beside it.

    Assumptions
    -----------
    The regression is worth comparing, not that it is right. The intercept is not tested: a shift of all answers is a
    matter of alignment.

    When it misleads
    ----------------
    By its power: with many respondents every simulation is rejected, with few none is. One rare category without
    residual spread may carry it.

    Interval and estimand
    ---------------------
    The expected statistic at the half size; it grows with the size where slopes differ. A band over splits, no
    interval.

    References
    ----------
    Wald (1943), Transactions of the American Mathematical Society 54; Liang and Zeger (1986), Biometrika 73, for
    clustering. Equals ``regTermTest`` of R's survey package on the stacked data where no penalty is involved.
    """

    spec: ClassVar[MetricSpec] = MetricSpec(
        "structure_wald",
        "coefficients",
        "joint test of equal slopes, chi-squared over degrees of freedom",
        "lower",
        "marginal",
        interval="band",
        splits=20,
        unit="ratio",
        range=(0.0, None),
        recoverable=False,
        clusters="refused",
    )

    def applicable(self, task: Task) -> str | None:
        """None, or why there is nothing to compare."""
        if not task.spec.regressions:
            return "the task declares no regressions"
        return None

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> _Bound:
        """Bind to two samples."""
        return _Bound(task, human, simulated, cache)


class _Bound:
    def __init__(self, task: Task, human: Sample, simulated: Sample, cache: dict[Any, Any]) -> None:
        self.regressions, left_out = usable_regressions(task, human)
        name = StructureWald.spec.name
        self.keys = [Key(name), *(Key(name, regression=one.name) for one in self.regressions)]
        self.status: dict[Key, tuple[str, str]] = {}
        if not self.regressions:
            self.status[self.keys[0]] = ("not_applicable", left_out)
        elif not simulated.paired and any(task.needs_profile(one) for one in self.regressions):
            self.status = dict.fromkeys(self.keys, ("not_applicable", UNPAIRED))
        elif left_out:
            self.status[self.keys[0]] = ("ok", left_out)
        self.human, self.simulated = (fitter_of(task, one, self.regressions, cache) for one in (human, simulated))
        self.sides = [
            once(cache, sample, "structure", lambda f=fitter: [_side(*one) for one in f.designs])  # type: ignore[misc]
            for sample, fitter in ((human, self.human), (simulated, self.simulated))
        ]
        self.shared = [_shared(human, simulated, *pair) for pair in zip(*self.sides, strict=True)]

    def tests(self, human: FloatArray, simulated: FloatArray) -> list[tuple[FloatArray, IntArray, IntArray]]:
        """Chi-squared, degrees of freedom and clusters for each regression."""
        fits = zip(self.human.fits(human), self.simulated.fits(simulated), strict=True)
        return [
            _wald(
                people,
                h,
                human[:, people.rows] / self.human.scale,
                rows,
                s,
                simulated[:, rows.rows] / self.simulated.scale,
                shared,
            )
            for people, rows, (h, s), shared in zip(*self.sides, fits, self.shared, strict=True)
        ]

    def values(self, human: FloatArray, simulated: FloatArray, seed: int) -> Values:
        """Values for B pairs of weight vectors."""
        if self.status.get(self.keys[0], ("ok",))[0] == "not_applicable":
            return Values(self.keys, np.full((len(human), len(self.keys)), np.nan), status=self.status)
        value = [chi2 / np.maximum(df, 1) for chi2, df, _ in self.tests(human, simulated)]
        return Values(self.keys, np.stack([np.mean(value, axis=0), *value], axis=1), status=self.status)


def structure_tests(task: Task, human: Sample, simulated: Sample) -> list[StructureTest]:
    """Joint tests of all supported regressions of a task on two whole samples.

    Parameters
    ----------
    task : Task
    human, simulated : Sample
        One simulated sample; draws are never pooled.

    Returns
    -------
    list of StructureTest
        Without regressions whose covariance is singular. Empty for unpaired rows where profiles are needed.
    """
    bound = _Bound(task, human, simulated, {})
    if bound.status.get(bound.keys[0], ("ok",))[0] == "not_applicable":
        return []
    found = zip(bound.regressions, bound.tests(human.weight[None, :], simulated.weight[None, :]), strict=True)
    return [
        StructureTest(one.name, float(chi2[0]), int(df[0]), float(stats.chi2.sf(chi2[0], df[0])), int(n[0]))
        for one, (chi2, df, n) in found
        if np.isfinite(chi2[0])
    ]
