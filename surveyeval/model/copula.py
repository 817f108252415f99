"""Gaussian copula: the pilot's marginals within arms, joined by correlated normal variables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, eigh, solve
from scipy.special import ndtr, ndtri

from surveyeval.data.sample import Sample
from surveyeval.model import latent
from surveyeval.model.draws import draw_options
from surveyeval.model.encoding import Encoder, encode, numbers, profile_encoder
from surveyeval.model.protocol import Answers, Interviews
from surveyeval.model.tables import SMOOTHING, arm_numbers, smoothed, weighted_counts
from surveyeval.task.task import Item, Profile, Task

__all__ = ["GaussianCopula"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Smallest eigenvalue of the correlation matrix of the items, and of what the profile leaves of it.
_SMALLEST = 0.02
#: Least shrinkage among profile columns: the columns of a nominal field add up to a constant.
_RIDGE = 0.01


class GaussianCopula:
    """Every item is a normal variable cut into its options; given the profile, the items' variables are jointly normal.

    - Margins: the pilot's distribution within the arm, smoothed. Thresholds are such that the pilot's people of an arm, each
      with the probabilities that the profile gives, have exactly this distribution together.
    - Correlations are common to all arms. They come from midrank normal scores centred within arms, corrected for the
      categories (`surveyeval.model.latent`), and are shrunk: those of items with each other, of items with the profile, and
      of profile columns, each by its own intensity; further where that leaves no correlation matrix.
    - The profile: numbers and ordered codes as normal scores of their midranks, one column for each nominal code and for
      missing.
    - Options of a nominal item have no order. With more than two, they are put in the order of the first principal axis of
      their mean scores on the other items and the profile (one variable cannot say more than one axis of a nominal item).

    Items are drawn in turn. Option probabilities are exact, but given profile, arm and the *normal variables* of the earlier
    answers, not the answers alone. Those would be integrals over rectangles in as many dimensions as there are earlier items,
    without a closed form, so there is no log-probability of given answers.

    Parameters
    ----------
    hidden : frozenset of str
        Profile fields that are left out.

    Attributes
    ----------
    orders : dict of str to (K,) int array
        Options of each item in the order of its variable.
    correlation : (J, J) float array
        Latent correlations of the items, shrunk.
    slopes : (p, J) float array
        Of the items' variables on the standardised profile columns.
    conditional : (J, J) float array
        Covariance of the items' variables given the profile.

    References
    ----------
    Hoff (2007), Extending the rank likelihood for semiparametric copula estimation, Annals of Applied Statistics 1 (the
    model; the estimates here are simpler).
    """

    def __init__(self, hidden: frozenset[str] = frozenset()) -> None:
        self.hidden = hidden
        self.orders: dict[str, IntArray] = {}
        self.correlation = self.slopes = self.conditional = np.zeros((0, 0))
        self._encoders: list[Encoder] = []
        self._mean = self._spread = np.zeros(0)
        self._thresholds: list[FloatArray] = []

    # ---- fit ------------------------------------------------------------------------------------------------------

    def fit(self, task: Task, pilot: Sample) -> None:
        """Estimate margins, orders, correlations and thresholds."""
        arm = arm_numbers(task, pilot)
        self._encoders = [
            _encoder(task, field, pilot) for name, field in task.profile.items() if name not in self.hidden
        ]
        columns = encode(self._encoders, pilot)
        self._mean = np.average(columns, axis=0, weights=pilot.weight)
        spread = np.sqrt(np.average((columns - self._mean) ** 2, axis=0, weights=pilot.weight))
        self._spread = np.where(spread > 1e-9, spread, np.inf)  # a column that does not vary says nothing
        profile = self._profile(pilot)
        nobody = np.zeros(pilot.n, dtype=np.int64)
        margins = [smoothed(weighted_counts(task, pilot, item, nobody, 1)[:, 0]) for item in task.items]
        self.orders = _orders(task, pilot, arm, margins, _within(profile, arm, pilot.weight))
        margins = [margin[:, self.orders[item.name]] for item, margin in zip(task.items, margins, strict=True)]
        share = np.bincount(arm, pilot.weight, minlength=len(task.arms)) / pilot.n
        self._correlate(task, pilot, arm, margins, share, profile)
        self._cut(task, pilot, arm, margins, profile @ self.slopes)

    def _correlate(
        self,
        task: Task,
        pilot: Sample,
        arm: IntArray,
        margins: list[FloatArray],
        share: FloatArray,
        profile: FloatArray,
    ) -> None:
        """Correlations of the items, slopes on the profile, and what the profile leaves of the correlations."""
        items = len(task.items)
        answered = np.column_stack([pilot.answers[item.name] >= 0 for item in task.items])
        scores = [_scores(pilot, item, arm, self._rank(item), m) for item, m in zip(task.items, margins, strict=True)]
        observed = np.hstack([answered, np.ones(profile.shape, dtype=bool)])
        values = _within(np.column_stack([*scores, profile]), arm, pilot.weight, observed)
        r, variance = latent.pair_correlations(values, observed, pilot.weight)
        apart = ~np.eye(len(r), dtype=bool)
        blocks = {"items": np.s_[:items, :items], "between": np.s_[:items, items:], "profile": np.s_[items:, items:]}
        kept = {
            name: 1 - latent.shrinkage(r[block][apart[block]], variance[block][apart[block]])
            for name, block in blocks.items()
        }
        found = np.eye(items)
        for i in range(items):
            for j in range(i):
                rho = latent.latent_item_correlation(r[i, j], margins[i], margins[j], share)
                found[i, j] = found[j, i] = kept["items"] * rho
        self.correlation = latent.positive_definite(found, _SMALLEST)
        with_profile = [latent.latent_profile_correlation(r[i, items:], margins[i], share) for i in range(items)]
        raw = r[blocks["profile"]]
        among = np.where(np.eye(len(raw), dtype=bool), 1.0, min(kept["profile"], 1 - _RIDGE) * raw)
        slopes = np.zeros((len(raw), items))
        if len(raw):
            slopes = solve(among, kept["between"] * np.array(with_profile).T, assume_a="pos")
        explained = slopes.T @ raw @ slopes
        # The profile may not explain more than there is: slopes are shortened until something is left of every variable.
        most = eigh(explained, self.correlation - _SMALLEST / 2 * np.eye(items), eigvals_only=True)[-1]
        shorter = min(1.0, 1 / max(most, 1e-9))
        self.slopes, self.conditional = np.sqrt(shorter) * slopes, self.correlation - shorter * explained

    def _cut(self, task: Task, pilot: Sample, arm: IntArray, margins: list[FloatArray], mean: FloatArray) -> None:
        """Thresholds of every item and arm, at which the arm's pilot people have the arm's margin together."""
        self._thresholds = []
        for j, (item, margin) in enumerate(zip(task.items, margins, strict=True)):
            answered = pilot.answers[item.name] >= 0
            cuts = []
            for number in range(len(task.arms)):
                rows = next(r for r in (answered & (arm == number), answered, np.ones(pilot.n, dtype=bool)) if r.any())
                sd = float(np.sqrt(self.conditional[j, j]))
                cuts.append(latent.thresholds(margin[number], mean[rows, j], pilot.weight[rows], sd))
            self._thresholds.append(np.array(cuts))

    # ---- answer ----------------------------------------------------------------------------------------------------

    def answer(self, interviews: Interviews) -> Answers:
        """Draw item by item, given the normal variables of the earlier answers."""
        task, people = interviews.task, interviews.people
        arm, root = arm_numbers(task, people), cholesky(self.conditional, lower=True)
        mean = self._profile(people) @ self.slopes
        normal = ndtri(np.clip(interviews.uniforms, 1e-16, 1 - 1e-16))  # host's uniforms include 0
        answers, probabilities = {}, {}
        for j, item in enumerate(task.items):
            given = mean[:, j] + normal[:, :j] @ root[j, :j]
            below = ndtr((self._thresholds[j][arm] - given[:, None]) / root[j, j])
            table = np.diff(below, axis=1, prepend=0.0, append=1.0)
            answers[item.name] = self.orders[item.name][draw_options(table, interviews.uniforms[:, j])]
            probabilities[item.name] = table[:, self._rank(item)]
        return Answers(answers, probabilities=probabilities)

    def _profile(self, people: Sample) -> FloatArray:
        standard: FloatArray = (encode(self._encoders, people) - self._mean) / self._spread
        return standard

    def _rank(self, item: Item) -> IntArray:
        return np.argsort(self.orders[item.name])


def _encoder(task: Task, field: Profile, pilot: Sample) -> Encoder:
    if field.kind == "nominal":
        return profile_encoder(task, field, pilot)
    return profile_encoder(task, field, pilot, latent.rank_scores(numbers(task, field, pilot), pilot.weight))


def _within(values: FloatArray, arm: IntArray, weight: FloatArray, observed: BoolArray | None = None) -> FloatArray:
    """Values less their weighted mean in the arm; 0 where not observed."""
    seen = np.ones(values.shape) if observed is None else observed.astype(float)
    members = (arm[:, None] == np.unique(arm)[None, :]) * weight[:, None]
    total = np.maximum(members.T @ seen, 1e-300)
    means = members.T @ (seen * values) / total
    result: FloatArray = seen * (values - (members > 0).astype(float) @ means)
    return result


def _scores(pilot: Sample, item: Item, arm: IntArray, rank: IntArray, margin: FloatArray) -> FloatArray:
    """(n,) midrank normal scores of the answers within arms; arbitrary where unanswered."""
    chosen = rank[np.maximum(pilot.answers[item.name], 0)]
    picked: FloatArray = latent.category_scores(margin)[arm, chosen]
    return picked


def _orders(
    task: Task, pilot: Sample, arm: IntArray, margins: list[FloatArray], profile: FloatArray
) -> dict[str, IntArray]:
    """Declared order, or for nominal items of more than two options that of the first axis of their mean scores."""
    blocks = []
    for item, margin in zip(task.items, margins, strict=True):
        chosen = pilot.answers[item.name]
        if _has_order(item):
            columns = _scores(pilot, item, arm, np.arange(item.k), margin)[:, None]
        else:
            columns = np.vstack([np.eye(item.k), np.zeros(item.k)])[chosen]
        observed = np.broadcast_to((chosen >= 0)[:, None], columns.shape)
        blocks.append(_within(columns, arm, pilot.weight, observed))
    orders = {}
    for number, item in enumerate(task.items):
        orders[item.name] = np.arange(item.k)
        if not _has_order(item):
            others = np.hstack([profile, *blocks[:number], *blocks[number + 1 :]])
            members = np.vstack([np.eye(item.k), np.zeros(item.k)])[pilot.answers[item.name]] * pilot.weight[:, None]
            size = np.sqrt(members.sum(axis=0) + SMOOTHING)
            axes, lengths, _ = np.linalg.svd(members.T @ others / size[:, None], full_matrices=False)
            if len(lengths) and lengths[0] > 1e-9 * pilot.n:
                place = axes[:, 0] / size
                turned = np.sign((place - place.mean()) @ orders[item.name]) or 1.0
                orders[item.name] = np.argsort(turned * place, kind="stable")
    return orders


def _has_order(item: Item) -> bool:
    return item.ordered or item.k == 2
