"""Coefficient recovery: the same regressions on people and simulation, at the same size.

Terms are all non-intercept terms. A term that cannot be estimated among people leaves the comparison; one that cannot be
estimated in the simulation counts as not significant and as a missed sign. Logits are fitted with Firth's penalty on both
sides, always, since halves separate. Logit coefficients carry the residual scale: a less noisy simulator has larger ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from surveyeval.data.sample import Sample
from surveyeval.metric.protocol import UNPAIRED, Key, MetricSpec, Values
from surveyeval.metric.regression import firth_logit, ols_hc2
from surveyeval.task.schema import RegressionSpec
from surveyeval.task.task import Task

__all__ = ["Exaggeration", "RmseSe", "ShareDiffering", "SignAgreement", "SignF1", "SignFPR"]

FloatArray = NDArray[np.float64]
BLOCKS = ("treatment", "belief", "demographic")
SUPPORTED = ("ols", "logit")
_CRITICAL = float(stats.norm.ppf(0.975))


@dataclass(frozen=True, eq=False)
class _Terms:
    """Coefficients of all regressions side by side: (B, terms)."""

    b: FloatArray
    se: FloatArray


class _Fitter:
    """Fits all supported regressions of a task on one sample; remembers the last weights."""

    def __init__(self, task: Task, sample: Sample, regressions: Sequence[RegressionSpec]) -> None:
        self.designs = [(regression.family, task.design(sample, regression)) for regression in regressions]
        self._last: tuple[FloatArray, _Terms] | None = None

    def fit(self, weight: FloatArray) -> _Terms:
        if self._last is not None and self._last[0].shape == weight.shape and np.array_equal(self._last[0], weight):
            return self._last[1]
        parts = []
        for family, design in self.designs:
            rows = design.valid
            fits = (ols_hc2 if family == "ols" else firth_logit)(design.X[rows], design.y[rows], weight[:, rows])
            parts.append((fits.coefficient[:, 1:], fits.se[:, 1:]))
        terms = _Terms(np.hstack([b for b, _ in parts]), np.hstack([se for _, se in parts]))
        self._last = (weight, terms)
        return terms


def _fitter(task: Task, sample: Sample, regressions: Sequence[RegressionSpec], cache: dict[Any, Any]) -> _Fitter:
    key = ("coefficients", id(sample))
    if key not in cache:
        cache[key] = (sample, _Fitter(task, sample, regressions))  # the sample is kept, so that its id stays its own
    fitter: _Fitter = cache[key][1]
    return fitter


def _usable(task: Task, human: Sample) -> tuple[list[RegressionSpec], str]:
    """Regressions that are compared, and a sentence on those that the people's sample rules out."""
    usable = [regression for regression in task.spec.regressions if regression.family in SUPPORTED]
    if not human.weighted:
        return usable, ""
    # Model-based errors of a logit are wrong under survey weights, and Firth's penalty has no weighted form here.
    left_out = [regression.name for regression in usable if regression.family == "logit"]
    said = f"survey weights rule out Firth's logit ({', '.join(left_out)}); declare a linear probability model"
    return [regression for regression in usable if regression.family != "logit"], said if left_out else ""


class _Comparison:
    def __init__(
        self, metric: _Coefficients, task: Task, human: Sample, simulated: Sample, cache: dict[Any, Any]
    ) -> None:
        self.metric = metric
        regressions, self.left_out = _usable(task, human)
        self.unpaired = not simulated.paired and any(task.needs_profile(regression) for regression in regressions)
        self.human = _fitter(task, human, regressions, cache)
        self.simulated = _fitter(task, simulated, regressions, cache)
        self.blocks = np.array([block for _, design in self.human.designs for block in design.blocks])

    def values(self, human: FloatArray, simulated: FloatArray, seed: int) -> Values:
        reason = UNPAIRED if self.unpaired else "" if self.human.designs else self.left_out
        if reason:
            keys = [key for key, _ in self._parts()]
            nothing = np.full((len(human), len(keys)), np.nan)
            return Values(keys, nothing, status=dict.fromkeys(keys, ("not_applicable", reason)))
        h, s = self.human.fit(human), self.simulated.fit(simulated)
        columns, keys = [], []
        for key, mask in self._parts():
            keys.append(key)
            columns.append(
                self.metric.compute(_Terms(h.b[:, mask], h.se[:, mask]), _Terms(s.b[:, mask], s.se[:, mask]))
            )
        value = np.column_stack(columns)
        status = dict.fromkeys(keys, ("ok", self.left_out)) if self.left_out else {}
        return Values(keys, value, self.metric.loss(value), status=status)

    def _parts(self) -> list[tuple[Key, NDArray[np.bool_]]]:
        """Over all terms, and by block where there are several; each with its floor and the terms in it."""
        present = [block for block in BLOCKS if (self.blocks == block).any()]
        parts = []
        for block in ["", *(present if len(present) > 1 else [])]:
            floor = "pooled" if block == "treatment" else "marginal"
            key = Key(self.metric.spec.name, block=block, floor=floor, headline=block == "" or self.metric.by_block)
            parts.append((key, np.ones(len(self.blocks), dtype=bool) if block == "" else self.blocks == block))
        return parts


class _Coefficients:
    """What the metrics of this axis share."""

    spec: MetricSpec
    by_block = False
    compute: Callable[[_Terms, _Terms], FloatArray]

    def applicable(self, task: Task) -> str | None:
        """None, or why there is nothing to compare."""
        if not task.spec.regressions:
            return "the task declares no regressions"
        if not any(regression.family in SUPPORTED for regression in task.spec.regressions):
            return "no regression of the task has a family that this version supports"
        return None

    def compare(
        self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]
    ) -> _Comparison:
        """Bind to two samples."""
        return _Comparison(self, task, human, simulated, cache)

    def loss(self, value: FloatArray) -> FloatArray | None:
        """Distance from the target, if there is one."""
        return None


def _significant(terms: _Terms) -> NDArray[np.int64]:
    """Sign where |z| exceeds the critical value, else 0; 0 where not estimable."""
    with np.errstate(invalid="ignore", divide="ignore"):
        z = terms.b / terms.se
        return np.where(np.abs(z) > _CRITICAL, np.sign(terms.b), 0).astype(np.int64)


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Divide, with NaN where the whole is 0."""
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))


def _sign_f1(h: _Terms, s: _Terms) -> FloatArray:
    known = np.isfinite(h.b) & np.isfinite(h.se)
    t, p = _significant(h), np.where(known, _significant(s), 0)
    hits = ((t != 0) & (p == t)).sum(axis=1).astype(float)
    positives = (t != 0).sum(axis=1).astype(float)
    f1 = _share(2 * hits, positives + (p != 0).sum(axis=1))
    return np.where(positives > 0, f1, np.nan)


def _sign_fpr(h: _Terms, s: _Terms) -> FloatArray:
    known = np.isfinite(h.b) & np.isfinite(h.se)
    null = known & (_significant(h) == 0)
    return _share((null & (_significant(s) != 0)).sum(axis=1).astype(float), null.sum(axis=1).astype(float))


def _sign_agreement(h: _Terms, s: _Terms) -> FloatArray:
    t = _significant(h)
    with np.errstate(invalid="ignore"):
        agree = (t != 0) & (np.sign(s.b) == t)
    return _share(agree.sum(axis=1).astype(float), (t != 0).sum(axis=1).astype(float))


def _both(h: _Terms, s: _Terms) -> NDArray[np.bool_]:
    return np.isfinite(h.b) & np.isfinite(h.se) & np.isfinite(s.b) & np.isfinite(s.se)


def _share_differing(h: _Terms, s: _Terms) -> FloatArray:
    known = _both(h, s)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (h.b - s.b) / np.sqrt(h.se**2 + s.se**2)
        far = known & (np.abs(z) > _CRITICAL)
    return _share(far.sum(axis=1).astype(float), known.sum(axis=1).astype(float))


def _exaggeration(h: _Terms, s: _Terms) -> FloatArray:
    """Through-origin errors-in-variables slope of simulated on human coefficients; NaN when people's are mostly noise."""
    known = _both(h, s)
    with np.errstate(invalid="ignore", divide="ignore"):
        w = np.where(known, 1 / (h.se**2 + s.se**2), 0.0)
        top = np.where(known, w * h.b * s.b, 0.0).sum(axis=1)
        bottom = np.where(known, w * (h.b**2 - h.se**2), 0.0).sum(axis=1)
        # variance of b^2 for a normal b: 4 b^2 se^2 + 2 se^4, with b^2 estimated without bias
        spread = np.where(known, w**2 * (4 * np.maximum(h.b**2 - h.se**2, 0) * h.se**2 + 2 * h.se**4), 0.0).sum(axis=1)
        return np.where((bottom > 0) & (bottom > 3 * np.sqrt(spread)), top / bottom, np.nan)


def _rmse_se(h: _Terms, s: _Terms) -> FloatArray:
    known = _both(h, s)
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.where(known, (s.b - h.b) ** 2 / h.se**2, 0.0)
    return np.sqrt(_share(squares.sum(axis=1), known.sum(axis=1).astype(float)))


def _band(
    name: str, summary: str, direction: Any, unit: str, limits: tuple[float | None, float | None] = (0.0, 1.0)
) -> MetricSpec:
    return MetricSpec(name, "coefficients", summary, direction, "marginal", "band", 20, unit, limits, recoverable=False)


class SignF1(_Coefficients):
    """F1 of significant signs, people's as the truth. Two human halves are far from 1: see the reference."""

    spec = _band("sign_f1", "F1 of significant signs", "higher", "share")
    compute = staticmethod(_sign_f1)


class SignFPR(_Coefficients):
    """Share of terms not significant among people that are significant in the simulation. It is not alpha."""

    spec = _band("sign_fpr", "significant in the simulation but not among people", "lower", "share")
    compute = staticmethod(_sign_fpr)


class SignAgreement(_Coefficients):
    """Share of terms significant among people whose sign the simulation shares."""

    spec = _band("sign_agreement", "same sign, among terms significant among people", "higher", "share")
    compute = staticmethod(_sign_agreement)


class ShareDiffering(_Coefficients):
    """Share of terms with |b_H - b_S| above 1.96 of its standard error; two human samples give about .05."""

    spec = MetricSpec("share_differing", "coefficients", "coefficients that differ at the 5% level", "lower", "marginal",
                      splits=20, unit="share", range=(0.0, 1.0))  # fmt: skip
    compute = staticmethod(_share_differing)


class Exaggeration(_Coefficients):
    """Slope of simulated on human coefficients, through the origin, free of people's sampling noise. Target 1."""

    spec = _band("exaggeration", "slope of simulated on human coefficients", "target", "slope", (None, None))
    by_block = True
    compute = staticmethod(_exaggeration)

    def loss(self, value: FloatArray) -> FloatArray:
        """Distance from 1."""
        return np.asarray(np.abs(value - 1))


class RmseSe(_Coefficients):
    """Root mean squared difference in human standard errors; two human samples give about the square root of 2."""

    spec = MetricSpec("rmse_se", "coefficients", "distance of coefficients in standard errors", "lower", "marginal",
                      splits=20, unit="standard errors", range=(0.0, None))  # fmt: skip
    compute = staticmethod(_rmse_se)
