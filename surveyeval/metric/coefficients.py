"""Coefficient recovery: the same regressions on people and simulation, at the same size.

Terms are all non-intercept terms. A term that cannot be estimated among people leaves the comparison; one that cannot be
estimated in the simulation counts as not significant and as a missed sign. Logits (of two outcomes, ordered, multinomial)
have Firth's bias reduction on both sides, always, since halves separate: it keeps estimates finite. The terms of a
multinomial logit are counted in each equation; cuts of an ordered one are no terms. Logit coefficients carry the residual
scale: a less noisy simulator has larger ones.
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
from surveyeval.metric.categorical import firth_multinomial, firth_ordered
from surveyeval.metric.clustered import ols_cr2
from surveyeval.metric.protocol import UNPAIRED, Key, MetricSpec, Values
from surveyeval.metric.regression import Fits, firth_logit, ols_hc2
from surveyeval.task.formulas import Design
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
        #: For each regression the places of intercepts among the coefficients.
        self.intercepts = [
            np.arange(design.X.shape[1] * equations) % design.X.shape[1] == 0
            for family, design in self.designs
            for equations in (max(len(design.outcomes) - 1, 1) if family == "multinomial" else 1,)
        ]
        self.unit = None if sample.psu is None else sample.units()
        self.memo = Memo(4)
        #: A weight that all share is no frequency: a logit would take it for one.
        self.scale = 1.0 if sample.weighted or not sample.n else float(sample.weight.max())

    def fits(self, weight: FloatArray) -> list[Fits]:
        """Coefficients of each regression, the intercept first; of a multinomial logit in each equation."""
        return self.memo.get("fits", weight, lambda: [self._fit(number, weight) for number in range(len(self.designs))])

    def _fit(self, number: int, weight: FloatArray) -> Fits:
        family, design = self.designs[number]
        rows = design.valid
        if family == "ols" and self.unit is not None:
            return ols_cr2(design.X[rows], design.y[rows], weight[:, rows], self.unit[rows])
        w = weight[:, rows] / self.scale
        if design.outcomes:
            several = firth_ordered if family == "ordered" else firth_multinomial
            return several(design.X[rows], design.y[rows].astype(np.int64), w, len(design.outcomes))
        fit = ols_hc2 if family == "ols" else firth_logit
        return fit(design.X[rows], design.y[rows], w)

    def fit(self, weight: FloatArray) -> Terms:
        """Terms of all regressions side by side."""
        parts = [
            (one.coefficient[:, ~intercept], one.se[:, ~intercept])
            for one, intercept in zip(self.fits(weight), self.intercepts, strict=True)
        ]
        return Terms(np.hstack([b for b, _ in parts]), np.hstack([se for _, se in parts]))


def fitter_of(task: Task, sample: Sample, regressions: Sequence[RegressionSpec], cache: dict[Any, Any]) -> Fitter:
    """The fitter of a sample, made once."""
    key = ("coefficients", id(sample))
    if key not in cache:
        cache[key] = (sample, Fitter(task, sample, regressions))  # the sample is kept, so that its id stays its own
    fitter: Fitter = cache[key][1]
    return fitter


def usable_regressions(task: Task, human: Sample) -> tuple[list[RegressionSpec], str]:
    """Regressions that are compared, and a sentence on those that the people's sample rules out."""
    usable = list(task.spec.regressions)
    parts = {"weights": human.weighted, "strata": human.stratum is not None, "clusters": human.psu is not None}
    if not any(parts.values()):
        return usable, ""
    # Model-based errors of a logit are wrong under weights and clusters, and Firth's reduction has no weighted form here;
    # the jackknife in strata weights its replicates.
    left_out = [regression.name for regression in usable if regression.family != "ols"]
    design = " and ".join(part for part, there in parts.items() if there)
    remedy = "declare a linear probability model, or least squares of a scale"
    said = f"survey {design} rule out Firth's logit ({', '.join(left_out)}); {remedy}"
    return [regression for regression in usable if regression.family == "ols"], said if left_out else ""


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
        self.blocks = np.array([block for _, design in self.human.designs for _, block in metric.names(design)])

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
        return None

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Compared:
        """Bind to two samples."""
        return Compared(self, task, human, simulated, cache)

    def terms(self, fitter: Fitter, weight: FloatArray) -> Terms:
        """The numbers that are compared: coefficients as they are."""
        return fitter.fit(weight)

    def names(self, design: Design) -> tuple[tuple[str, str], ...]:
        """Name and block of each of these numbers of a regression."""
        return design.coefficients

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
        # A coefficient without an error (answers that do not vary, a perfect fit) has the sign of its rounding.
        agree = (t != 0) & (np.sign(s.b) == t) & np.isfinite(s.se)
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
    """F1 of significant signs, people's as the truth.

    ``F1 = 2 TP / (#{p != 0} + #{t != 0})`` over all terms but intercepts, t and p being the sign of a coefficient that
    differs from 0 at the 5% level and 0 otherwise, among people and in the simulation, and TP the number of terms with
    ``t = p != 0``. A significant wrong sign is a false discovery and a miss. Halves are fitted alike: least squares
    with HC2 errors, logits (of two outcomes, ordered, multinomial) with Firth's bias reduction. A term of a multinomial
    logit counts once in each equation.

    Range
    -----
    0 to 1; undefined where nothing is significant among people.

    Direction and target
    --------------------
    Higher is better. What a second sample of people reaches is far from 1 and stands beside it.

    Assumptions
    -----------
    The task's regressions are worth recovering. A term that can't be estimated in the simulation counts as not
    significant; one that can't be estimated among people leaves the comparison.

    When it misleads
    ----------------
    Without its reference: it depends on the number of respondents more than on the model, since significance does. It
    rewards always finding significance with the right sign, which false positives only lower slowly. Only signs enter:
    effects of four times the size pass.

    Interval and estimand
    ---------------------
    A count of threshold crossings has no confidence interval: the band over splits is shown for value and reference,
    and no `recovered`.

    References
    ----------
    van Rijsbergen (1979), Information Retrieval, chapter 7; for regressions on simulated respondents Wang, Hunt, Tang
    and Joseph (2025), arXiv 2511.21218.
    """

    spec = _band("sign_f1", "F1 of significant signs", "higher", "share")
    compute = staticmethod(sign_f1)


class SignFPR(CoefficientMetric):
    """Share of terms that are not significant among people but are so in the simulation.

    ``FPR = #{t = 0, p != 0} / #{t = 0}``, t and p being the significant signs of `SignF1`. Wrong signs stay out of it:
    its terms are those that are not significant among people (see `WrongSignShare`).

    Range
    -----
    0 to 1; undefined where every term is significant among people.

    Direction and target
    --------------------
    Lower is better, but not 0: two halves of people have a rate well above 5%.

    Assumptions
    -----------
    As `SignF1`.

    When it misleads
    ----------------
    As a false positive rate: it is not the level of the test, because terms that are not significant among some hundred
    people mostly have small true effects. A simulator without any effect has the perfect rate. Where a task knows the
    truth, see `TruthFPR`.

    Interval and estimand
    ---------------------
    A count of threshold crossings has no confidence interval: the band over splits is shown, and no `recovered`.

    References
    ----------
    Wang, Hunt, Tang and Joseph (2025), arXiv 2511.21218, for its use with simulated respondents.
    """

    spec = _band("sign_fpr", "significant in the simulation but not among people", "lower", "share")
    compute = staticmethod(sign_fpr)


class SignAgreement(CoefficientMetric):
    """Share of the terms significant among people whose sign the simulation has, significant or not.

    ``#{t != 0, sign(b_S) = t} / #{t != 0}``, t being the significant sign among people. A term that can't be estimated
    in the simulation does not agree.

    Range
    -----
    0 to 1; undefined where nothing is significant among people.

    Direction and target
    --------------------
    Higher is better; two halves of people come close to 1.

    Assumptions
    -----------
    As `SignF1`.

    When it misleads
    ----------------
    A coin hits one half. Over all terms it would be a coin flip for those without effect, which is why only terms
    significant among people count. Sizes do not enter.

    Interval and estimand
    ---------------------
    A count of threshold crossings has no confidence interval: the band over splits is shown, and no `recovered`.

    References
    ----------
    Error of sign in Gelman and Carlin (2014), Perspectives on Psychological Science 9, with people as the truth.
    """

    spec = _band("sign_agreement", "same sign, among terms significant among people", "higher", "share")
    compute = staticmethod(_sign_agreement)


class ShareDiffering(CoefficientMetric):
    """Share of coefficients that differ from people's at the 5% level.

    ``#{|b_H - b_S| / sqrt(se_H^2 + se_S^2) > 1.96} / #{terms}`` over the terms that are estimable on both sides.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    Lower is better; two samples of people give about .05, the level of the test.

    Assumptions
    -----------
    The two sides are independent, which halves of different people are, and standard errors are right: HC2 for least
    squares, model-based for logits.

    When it misleads
    ----------------
    At small size, where nothing differs significantly from anything. Noise in simulated rows widens their errors, which
    hides differences. Logits carry the residual scale: a simulation with less noise has larger coefficients everywhere
    (see `AMEShareDiffering`). Terms count alike, whatever their importance.

    Interval and estimand
    ---------------------
    The expected share at the half size; with more respondents more terms differ.

    References
    ----------
    Clogg, Petkova and Haritou (1995), American Journal of Sociology 100, for the test of a single difference.
    """

    spec = MetricSpec("share_differing", "coefficients", "coefficients that differ at the 5% level", "lower", "marginal",
                      splits=20, unit="share", range=(0.0, 1.0))  # fmt: skip
    compute = staticmethod(share_differing)


class Exaggeration(CoefficientMetric):
    """Slope of simulated on human coefficients, through the origin, free of people's sampling noise.

    ``sum w b_H b_S / sum w (b_H^2 - se_H^2)`` with ``w = 1 / (se_H^2 + se_S^2)``, over all terms and by block
    (treatment, belief, demographic). Through the origin, because an intercept would depend on how categories are coded.

    Range
    -----
    Unbounded.

    Direction and target
    --------------------
    The target is 1: effects as large as people's. Above 1 exaggerated, below 1 flattened, below 0 the wrong way round.
    The loss is the distance from 1.

    Assumptions
    -----------
    Errors of the two sides are independent. Undefined where people's coefficients are mostly noise: the denominator
    must exceed 3 of its standard errors.

    When it misleads
    ----------------
    Over all terms: a block that is exaggerated and one that is lost make up for each other, which is why blocks stand
    beside it. A slope of 1 goes with any amount of scatter. Logits carry the residual scale: see `AMEExaggeration`.

    Interval and estimand
    ---------------------
    The slope between the populations' coefficients; not given where any split leaves it undefined. A ratio with an uncertain
    denominator: a band over splits, and no `recovered`.

    References
    ----------
    Fuller (1987), Measurement Error Models, section 3.1.
    """

    spec = _band("exaggeration", "slope of simulated on human coefficients", "target", "slope", (None, None))
    by_block = True
    compute = staticmethod(exaggeration)

    def loss(self, value: FloatArray) -> FloatArray:
        """Distance from 1."""
        return np.asarray(np.abs(value - 1))


class RmseSe(CoefficientMetric):
    """Root mean squared difference of coefficients, in people's standard errors.

    ``sqrt(mean (b_S - b_H)^2 / se_H^2)`` over the terms that are estimable on both sides.

    Range
    -----
    At least 0.

    Direction and target
    --------------------
    Lower is better; two samples of people give about the square root of 2.

    Assumptions
    -----------
    Standard errors are right: HC2 for least squares, model-based for logits.

    When it misleads
    ----------------
    One coefficient that is far off, often that of a rare category, carries it. The unit shrinks with the number of
    people, so that the same error is larger in larger studies. Noise in the simulation enters as error.

    Interval and estimand
    ---------------------
    The expected value at the half size.

    References
    ----------
    The root mean squared error with the standard error as unit; with the people as a second sample, the square root of
    2 follows from two independent errors.
    """

    spec = MetricSpec("rmse_se", "coefficients", "distance of coefficients in standard errors", "lower", "marginal",
                      splits=20, unit="standard errors", range=(0.0, None))  # fmt: skip
    compute = staticmethod(_rmse_se)
