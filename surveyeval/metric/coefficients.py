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
from surveyeval.metric._tabulate import Memo
from surveyeval.metric.protocol import UNPAIRED, Key, MetricSpec, Values
from surveyeval.metric.regression import Fits, firth_logit, ols_hc2
from surveyeval.task.schema import RegressionSpec
from surveyeval.task.task import Task

__all__ = [
    "CoefficientMetric",
    "Compared",
    "Exaggeration",
    "Fitter",
    "RmseSe",
    "ShareDiffering",
    "SignAgreement",
    "SignF1",
    "SignFPR",
    "Terms",
    "both",
    "exaggeration",
    "fitter_of",
    "share",
    "share_differing",
    "sign_f1",
    "sign_fpr",
    "significant",
    "usable_regressions",
]

FloatArray = NDArray[np.float64]
BLOCKS = ("treatment", "belief", "demographic")
SUPPORTED = ("ols", "logit")
_CRITICAL = float(stats.norm.ppf(0.975))


@dataclass(frozen=True, eq=False)
class Terms:
    """Coefficients of all regressions side by side: (B, terms)."""

    b: FloatArray
    se: FloatArray


class Fitter:
    """Fits all supported regressions of a task on one sample; remembers the last weights.

    Between people and people both sides share one fitter, and metrics without a jackknife ask for fewer weights than those
    with one, so that several sets of weights are remembered.
    """

    def __init__(self, task: Task, sample: Sample, regressions: Sequence[RegressionSpec]) -> None:
        self.names = [regression.name for regression in regressions]
        self.designs = [(regression.family, task.design(sample, regression)) for regression in regressions]
        self.memo = Memo(8)

    def fits(self, weight: FloatArray) -> list[Fits]:
        """Coefficients of each regression, the intercept first."""
        return self.memo.get("fits", weight, lambda: [self._fit(number, weight) for number in range(len(self.designs))])

    def _fit(self, number: int, weight: FloatArray) -> Fits:
        family, design = self.designs[number]
        rows = design.valid
        return (ols_hc2 if family == "ols" else firth_logit)(design.X[rows], design.y[rows], weight[:, rows])

    def fit(self, weight: FloatArray) -> Terms:
        """Terms of all regressions side by side."""
        fits = self.fits(weight)
        return Terms(np.hstack([one.coefficient[:, 1:] for one in fits]), np.hstack([one.se[:, 1:] for one in fits]))


def fitter_of(task: Task, sample: Sample, regressions: Sequence[RegressionSpec], cache: dict[Any, Any]) -> Fitter:
    """The fitter of a sample, made once."""
    key = ("coefficients", id(sample))
    if key not in cache:
        cache[key] = (sample, Fitter(task, sample, regressions))  # the sample is kept, so that its id stays its own
    fitter: Fitter = cache[key][1]
    return fitter


def usable_regressions(task: Task, human: Sample) -> tuple[list[RegressionSpec], str]:
    """Regressions that are compared, and a sentence on those that the people's sample rules out."""
    usable = [regression for regression in task.spec.regressions if regression.family in SUPPORTED]
    if not human.weighted:
        return usable, ""
    # Model-based errors of a logit are wrong under survey weights, and Firth's penalty has no weighted form here.
    left_out = [regression.name for regression in usable if regression.family == "logit"]
    said = f"survey weights rule out Firth's logit ({', '.join(left_out)}); declare a linear probability model"
    return [regression for regression in usable if regression.family != "logit"], said if left_out else ""


class Compared:
    """A coefficient metric bound to two samples: values over all terms and, where there are several blocks, by block."""

    def __init__(
        self, metric: CoefficientMetric, task: Task, human: Sample, simulated: Sample, cache: dict[Any, Any]
    ) -> None:
        self.metric = metric
        regressions, self.left_out = usable_regressions(task, human)
        self.unpaired = not simulated.paired and any(task.needs_profile(regression) for regression in regressions)
        self.human = fitter_of(task, human, regressions, cache)
        self.simulated = fitter_of(task, simulated, regressions, cache)
        self.blocks = np.array([block for _, design in self.human.designs for block in design.blocks])

    def values(self, human: FloatArray, simulated: FloatArray, seed: int) -> Values:
        """Values for B pairs of weight vectors."""
        reason = UNPAIRED if self.unpaired else "" if self.human.designs else self.left_out
        if reason:
            keys = [key for key, _ in self._parts()]
            nothing = np.full((len(human), len(keys)), np.nan)
            return Values(keys, nothing, status=dict.fromkeys(keys, ("not_applicable", reason)))
        h, s = self.people(human), self.metric.terms(self.simulated, simulated)
        columns, keys = [], []
        for key, mask in self._parts():
            keys.append(key)
            columns.append(self.metric.compute(Terms(h.b[:, mask], h.se[:, mask]), Terms(s.b[:, mask], s.se[:, mask])))
        value = np.column_stack(columns)
        status = dict.fromkeys(keys, ("ok", self.left_out)) if self.left_out else {}
        return Values(keys, value, self.metric.loss(value), status=status)

    def people(self, weight: FloatArray) -> Terms:
        """What simulated terms are compared with."""
        return self.metric.terms(self.human, weight)

    def _parts(self) -> list[tuple[Key, NDArray[np.bool_]]]:
        """Over all terms, and by block where there are several; each with its floor and the terms in it."""
        present = [block for block in BLOCKS if (self.blocks == block).any()]
        parts = []
        for block in ["", *(present if len(present) > 1 else [])]:
            floor = "pooled" if block == "treatment" else "marginal"
            key = Key(
                self.metric.spec.name,
                block=block,
                floor=floor,
                headline=self.metric.headline and (block == "" or self.metric.by_block),
            )
            parts.append((key, np.ones(len(self.blocks), dtype=bool) if block == "" else self.blocks == block))
        return parts


class CoefficientMetric:
    """What the metrics of this axis share: which terms are compared, over all and by block."""

    spec: MetricSpec
    by_block = False
    headline = True
    compute: Callable[[Terms, Terms], FloatArray]

    def applicable(self, task: Task) -> str | None:
        """None, or why there is nothing to compare."""
        if not task.spec.regressions:
            return "the task declares no regressions"
        if not any(regression.family in SUPPORTED for regression in task.spec.regressions):
            return "no regression of the task has a family that this version supports"
        return None

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Compared:
        """Bind to two samples."""
        return Compared(self, task, human, simulated, cache)

    def terms(self, fitter: Fitter, weight: FloatArray) -> Terms:
        """The numbers that are compared: coefficients as they are."""
        return fitter.fit(weight)

    def loss(self, value: FloatArray) -> FloatArray | None:
        """Distance from the target, if there is one."""
        return None


def significant(terms: Terms) -> NDArray[np.int64]:
    """Sign where |z| exceeds the critical value, else 0; 0 where not estimable."""
    with np.errstate(invalid="ignore", divide="ignore"):
        z = terms.b / terms.se
        return np.where(np.abs(z) > _CRITICAL, np.sign(terms.b), 0).astype(np.int64)


def share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Divide, with NaN where the whole is 0."""
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))


def sign_f1(h: Terms, s: Terms) -> FloatArray:
    """(B,) F1 of the signs of significant terms, `h` being the truth."""
    known = np.isfinite(h.b) & np.isfinite(h.se)
    t, p = significant(h), np.where(known, significant(s), 0)
    hits = ((t != 0) & (p == t)).sum(axis=1).astype(float)
    positives = (t != 0).sum(axis=1).astype(float)
    f1 = share(2 * hits, positives + (p != 0).sum(axis=1))
    return np.where(positives > 0, f1, np.nan)


def sign_fpr(h: Terms, s: Terms) -> FloatArray:
    """(B,) share of the terms that are null in `h` which are significant in `s`."""
    known = np.isfinite(h.b) & np.isfinite(h.se)
    null = known & (significant(h) == 0)
    return share((null & (significant(s) != 0)).sum(axis=1).astype(float), null.sum(axis=1).astype(float))


def _sign_agreement(h: Terms, s: Terms) -> FloatArray:
    t = significant(h)
    with np.errstate(invalid="ignore"):
        agree = (t != 0) & (np.sign(s.b) == t)
    return share(agree.sum(axis=1).astype(float), (t != 0).sum(axis=1).astype(float))


def both(h: Terms, s: Terms) -> NDArray[np.bool_]:
    """(B, terms) mask of terms that are estimable on both sides."""
    return np.isfinite(h.b) & np.isfinite(h.se) & np.isfinite(s.b) & np.isfinite(s.se)


def share_differing(h: Terms, s: Terms) -> FloatArray:
    """(B,) share of terms whose difference is significant."""
    known = both(h, s)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (h.b - s.b) / np.sqrt(h.se**2 + s.se**2)
        far = known & (np.abs(z) > _CRITICAL)
    return share(far.sum(axis=1).astype(float), known.sum(axis=1).astype(float))


def exaggeration(h: Terms, s: Terms) -> FloatArray:
    """Through-origin errors-in-variables slope of simulated on human coefficients; NaN when people's are mostly noise."""
    known = both(h, s)
    with np.errstate(invalid="ignore", divide="ignore"):
        w = np.where(known, 1 / (h.se**2 + s.se**2), 0.0)
        top = np.where(known, w * h.b * s.b, 0.0).sum(axis=1)
        bottom = np.where(known, w * (h.b**2 - h.se**2), 0.0).sum(axis=1)
        # variance of b^2 for a normal b: 4 b^2 se^2 + 2 se^4, with b^2 estimated without bias
        spread = np.where(known, w**2 * (4 * np.maximum(h.b**2 - h.se**2, 0) * h.se**2 + 2 * h.se**4), 0.0).sum(axis=1)
        return np.where((bottom > 0) & (bottom > 3 * np.sqrt(spread)), top / bottom, np.nan)


def _rmse_se(h: Terms, s: Terms) -> FloatArray:
    known = both(h, s)
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.where(known, (s.b - h.b) ** 2 / h.se**2, 0.0)
    return np.sqrt(share(squares.sum(axis=1), known.sum(axis=1).astype(float)))


def _band(
    name: str, summary: str, direction: Any, unit: str, limits: tuple[float | None, float | None] = (0.0, 1.0)
) -> MetricSpec:
    return MetricSpec(name, "coefficients", summary, direction, "marginal", "band", 20, unit, limits, recoverable=False)


class SignF1(CoefficientMetric):
    """F1 of significant signs, people's as the truth. Two human halves are far from 1: see the reference."""

    spec = _band("sign_f1", "F1 of significant signs", "higher", "share")
    compute = staticmethod(sign_f1)


class SignFPR(CoefficientMetric):
    """Share of terms not significant among people that are significant in the simulation. It is not alpha."""

    spec = _band("sign_fpr", "significant in the simulation but not among people", "lower", "share")
    compute = staticmethod(sign_fpr)


class SignAgreement(CoefficientMetric):
    """Share of terms significant among people whose sign the simulation shares."""

    spec = _band("sign_agreement", "same sign, among terms significant among people", "higher", "share")
    compute = staticmethod(_sign_agreement)


class ShareDiffering(CoefficientMetric):
    """Share of terms with |b_H - b_S| above 1.96 of its standard error; two human samples give about .05."""

    spec = MetricSpec("share_differing", "coefficients", "coefficients that differ at the 5% level", "lower", "marginal",
                      splits=20, unit="share", range=(0.0, 1.0))  # fmt: skip
    compute = staticmethod(share_differing)


class Exaggeration(CoefficientMetric):
    """Slope of simulated on human coefficients, through the origin, free of people's sampling noise. Target 1."""

    spec = _band("exaggeration", "slope of simulated on human coefficients", "target", "slope", (None, None))
    by_block = True
    compute = staticmethod(exaggeration)

    def loss(self, value: FloatArray) -> FloatArray:
        """Distance from 1."""
        return np.asarray(np.abs(value - 1))


class RmseSe(CoefficientMetric):
    """Root mean squared difference in human standard errors; two human samples give about the square root of 2."""

    spec = MetricSpec("rmse_se", "coefficients", "distance of coefficients in standard errors", "lower", "marginal",
                      splits=20, unit="standard errors", range=(0.0, None))  # fmt: skip
    compute = staticmethod(_rmse_se)
