"""Differences of simulation and people that a task may declare a margin for, with design-based standard errors.

Simulated rows are paired with people, who share a profile: the error is that of the paired difference. Where the
interview is independent and option probabilities are known, a simulated row enters with these instead of an answer drawn
from them, which removes the noise of drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.design import Design, design_of, simple_design
from surveyeval.data.sample import Sample
from surveyeval.data.weights import kish
from surveyeval.engine.design_based import linearised, survey_of
from surveyeval.engine.influence import Linear, weighted_ratio
from surveyeval.metric.coefficients import Fitter, usable_regressions
from surveyeval.metric.marginal_effects import AverageMarginalEffects
from surveyeval.metric.protocol import UNPAIRED, Key
from surveyeval.metric.resampling import jackknife_factors, jackknife_groups, jackknife_of, jackknife_se
from surveyeval.task.task import Item, Task

__all__ = ["Theta", "thetas"]

_SHARE = "share of the answer, simulation minus people"

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Theta:
    """One difference, simulation minus people.

    Parameters
    ----------
    key : Key
    axis, words : str
    margin : float
        On the scale of `value`.
    value, error, df : float
        Estimate, standard error, degrees of freedom.
    n, n_eff : float
        People behind it, and Kish's effective number.
    method : str
        How the standard error was found.
    reason : str
        Why there is no estimate.
    alike : bool
        Whether it is a share that every simulated row has in common with its person.
    parts : sequence of Theta
        For shares: one for each option; nothing else is filled then but the key.
    """

    key: Key
    axis: str
    words: str
    margin: float
    value: float = float("nan")
    error: float = float("nan")
    df: float = float("nan")
    n: float = float("nan")
    n_eff: float = float("nan")
    method: str = "linearised"
    reason: str = ""
    alike: bool = False
    parts: Sequence[Theta] = field(default=())


def thetas(task: Task, human: Sample, draws: Sequence[Sample], seed: int) -> Iterator[Theta]:
    """All differences for which the task gives a margin.

    Parameters
    ----------
    task : Task
        With ``equivalence:``.
    human : Sample
    draws : sequence of Sample
        Where the rows are paired, in the order of `human`.
    seed : int
        Seed of the jackknife groups of average marginal effects.
    """
    margins = task.spec.equivalence
    if margins is None:
        return
    arms = [arm.key for arm in task.arms] if task.is_experiment else []
    for arm in ["", *arms]:
        sides = _Sides(task, human, draws, arm=arm)
        where = "within the arm" if arm else "arms pooled" if arms else "full test sample"
        for item in task.measured:
            if margins.share is not None:
                yield _shares(sides, item, margins.share, f"{_SHARE}, {where}")
            if margins.mean_sd is not None and item.ordered:
                yield _mean(sides, item, margins.mean_sd, f"mean in people's standard deviations, {where}")
        if margins.gap is not None:
            yield from _gaps(sides, margins.gap, f"belief-action gap, simulation minus people, {where}")
    if margins.share is not None and all(sample.paired for sample in draws):
        for subgroup in task.spec.subgroups:
            index, labels = task.groups(human, subgroup)
            for number, label in enumerate(labels):
                sides = _Sides(task, human, draws, group=f"{subgroup}={label}", member=index == number)
                for item in task.measured:
                    yield _shares(sides, item, margins.share, f"{_SHARE}, within the group", "subgroups")
    if margins.sd_ratio is not None:
        sides = _Sides(task, human, draws)
        for item in task.measured:
            if item.ordered:
                yield _spread(sides, item, float(np.log1p(margins.sd_ratio)))
    if margins.effect is not None:
        yield from _effects(task, human, draws, margins.effect, seed)


class _Sides:
    """People and simulated rows of all, of an arm or of a group; the group of a paired row is its person's."""

    def __init__(
        self,
        task: Task,
        human: Sample,
        draws: Sequence[Sample],
        *,
        arm: str = "",
        group: str = "",
        member: BoolArray | None = None,
    ) -> None:
        self.task, self.human, self.draws, self.arm, self.group, self.member = task, human, draws, arm, group, member
        self.paired = all(sample.paired for sample in draws)
        self.exact = task.spec.interview.mode == "independent"
        self.design = survey_of(human, task.spec.source.lonely_psu).design

    def rows(self, sample: Sample) -> FloatArray:
        """(n,) one for the rows that belong here."""
        inside = np.ones(sample.n, dtype=bool) if not self.arm else np.asarray(sample.arm == self.arm)
        return (inside if self.member is None else inside & self.member).astype(float)

    def theta(self, key: Key, axis: str, words: str, margin: float, simulated: Linear, people: Linear, known: BoolArray) -> Theta:  # fmt: skip
        """The difference of two linearised values, with its standard error under the design."""
        weight = self.human.weight[known]
        n, n_eff = float(known.sum()), float(kish(weight)) if len(weight) else 0.0
        for side, whom in ((people, "people"), (simulated, "the simulation")):
            if not np.isfinite(side.value):
                return Theta(key, axis, words, margin, n=n, n_eff=n_eff, reason=f"undefined in {whom}")
        inside = self.design.take(known)
        if self.paired:
            variance = _variance(simulated.influence - people.influence, self.design)
            df = float(inside.degrees_of_freedom)
        else:
            # Two samples of their own; degrees of freedom by Welch and Satterthwaite.
            own, made = simple_design(len(simulated.influence)), int((simulated.influence != 0).sum())
            first, second = _variance(people.influence, self.design), _variance(simulated.influence, own)
            variance = first + second
            parts = first**2 / max(inside.degrees_of_freedom, 1) + second**2 / max(made - 1, 1)
            df = variance**2 / parts if parts > 0 else 0.0
        # Nobody who differs leaves rounding errors only.
        error = float(np.sqrt(variance)) if variance > 1e-24 else 0.0
        value = simulated.value - people.value
        # Not by the error: within PSUs and strata differences of pairs may cancel.
        same = self.paired and bool((np.abs(simulated.influence - people.influence) < 1e-12).all())
        alike = same and abs(value) < 1e-12 and key.name in ("share", "gap")
        return Theta(key, axis, words, margin, value, error, df, n, n_eff, alike=alike)

    def scored(self, item: Item, score: FloatArray) -> tuple[Linear, Linear]:
        """Mean of a (n or 1, K) score of the options among those who answered: simulation, people."""
        return self._scored(self.draws, item, score, exact=self.exact), self._scored(
            [self.human], item, score, exact=False
        )

    def _scored(self, samples: Sequence[Sample], item: Item, score: FloatArray, *, exact: bool) -> Linear:
        first = samples[0]
        given = first.probabilities.get(item.name) if exact else None
        if given is not None and np.isfinite(given).any():
            known = np.isfinite(given).all(axis=1)
            top = np.where(known, np.sum(np.nan_to_num(given) * score, axis=1), 0.0)
            rows = self.rows(first)
            return weighted_ratio((rows * top)[None], (rows * known)[None], first.weight)
        tops: list[FloatArray] = []
        bottoms: list[FloatArray] = []
        for sample in samples:
            member = self.rows(sample) * sample.answered(item.name)
            answers = np.maximum(sample.answers[item.name], 0)
            chosen = np.take_along_axis(np.broadcast_to(score, (sample.n, item.k)), answers[:, None], axis=1)[:, 0]
            tops.append(member * chosen)
            bottoms.append(member)
        return weighted_ratio(np.stack(tops), np.stack(bottoms), first.weight)

    def variances(self, item: Item) -> tuple[Linear, Linear]:
        """Variance within arms of an ordered item: simulation, people."""
        found = []
        for samples, exact in ((self.draws, self.exact), ([self.human], False)):
            first = samples[0]
            squares = np.zeros((first.n, item.k))
            for arm in self.task.arms:
                inside = np.asarray(first.arm == arm.key)
                part = _Sides(self.task, self.human, self.draws, arm=arm.key if self.task.is_experiment else "")
                mean = part._scored(samples, item, item.values[None, :], exact=exact).value
                squares[inside] = np.square(item.values - mean) if np.isfinite(mean) else 0.0
            found.append(self._scored(samples, item, squares, exact=exact))
        return found[0], found[1]

    def answered(self, item: Item) -> BoolArray:
        """(n,) people of the arm who answered."""
        return np.asarray((self.rows(self.human) > 0) & self.human.answered(item.name))


def _variance(influence: FloatArray, design: Design) -> float:
    return float(linearised(influence[:, None], design)[0, 0])


def _shares(sides: _Sides, item: Item, margin: float, words: str, axis: str = "alignment") -> Theta:
    whole = not (sides.arm or sides.group)
    key = Key("share", item=item.name, arm=sides.arm, group=sides.group, headline=whole)
    parts = []
    for k, option in enumerate(item.options):
        simulated, people = sides.scored(item, np.eye(item.k)[k][None, :])
        one = replace(key, term=option.code, headline=False)
        parts.append(sides.theta(one, axis, words, margin, simulated, people, sides.answered(item)))
    return Theta(key, axis, words, margin, parts=parts)


def _mean(sides: _Sides, item: Item, margin: float, words: str) -> Theta:
    key = Key("mean_sd", item=item.name, arm=sides.arm, headline=not sides.arm)
    simulated, people = sides.scored(item, item.values[None, :])
    _, variance = sides.variances(item)
    if not variance.value > 0:
        return Theta(key, "alignment", words, margin, reason="people do not differ")
    sd = float(np.sqrt(variance.value))
    difference = (simulated.value - people.value) / sd
    # d theta = (d mean_S - d mean_H) / sd - theta d sd / sd, and d sd = d variance / (2 sd)
    theirs = people.times(1 / sd).influence + difference / (2 * variance.value) * variance.influence
    return sides.theta(
        key, "alignment", words, margin, simulated.times(1 / sd), Linear(people.value / sd, theirs), sides.answered(item)
    )  # fmt: skip


def _spread(sides: _Sides, item: Item, margin: float) -> Theta:
    key = Key("sd_ratio", item=item.name, headline=True)
    words = "log of the ratio of standard deviations within arms, simulation over people"
    logs = []
    for variance, whom in zip(sides.variances(item), ("simulated answers", "people"), strict=True):
        if not variance.value > 0:
            return Theta(key, "heterogeneity", words, margin, reason=f"{whom} do not differ within arms")
        logs.append(variance.of(float(np.log(variance.value)) / 2, 1 / (2 * variance.value)))
    return sides.theta(key, "heterogeneity", words, margin, logs[0], logs[1], sides.answered(item))


def _gaps(sides: _Sides, margin: float, words: str) -> Iterator[Theta]:
    for rule in sides.task.spec.coherence:
        key = Key("gap", rule=rule.name, arm=sides.arm, headline=not sides.arm)
        found, known = [], np.zeros(0, dtype=bool)
        for samples in (sides.draws, [sides.human]):
            outcomes = np.stack([sides.task.coherence(sample, rule) for sample in samples])
            inside = np.stack([sides.rows(sample) for sample in samples])
            known = np.asarray((outcomes[0] >= 0) & (inside[0] > 0))
            found.append(weighted_ratio(inside * (outcomes == 0), inside * (outcomes >= 0), samples[0].weight))
        yield sides.theta(key, "coherence", words, margin, found[0], found[1], known)


def _effects(task: Task, human: Sample, draws: Sequence[Sample], margin: float, seed: int) -> Iterator[Theta]:
    """Average marginal effects; errors by the delete-a-group jackknife, which keeps respondents and their rows together."""
    words = "average marginal effect, simulation minus people: probability for logits, units of the response otherwise"
    regressions, _ = usable_regressions(task, human)
    if not regressions:
        return
    paired = all(sample.paired for sample in draws)
    if not paired and any(task.needs_profile(regression) for regression in regressions):
        yield Theta(Key("effect"), "coefficients", words, margin, reason=UNPAIRED)
        return
    metric, design = AverageMarginalEffects(), design_of(human, task.spec.source.lonely_psu)
    group = jackknife_groups(human.arm, seed, design)
    factors, jackknife = jackknife_factors(group, design), jackknife_of(group, design)
    fitters = [Fitter(task, sample, regressions) for sample in (human, *draws)]
    effects = [
        metric.terms(fitter, factors * sample.weight).b for fitter, sample in zip(fitters, (human, *draws), strict=True)
    ]
    difference = np.mean(effects[1:], axis=0) - effects[0]
    error, df = jackknife_se(difference[1:], jackknife), float(jackknife.degrees_of_freedom)
    j = 0
    for regression, (_, columns) in zip(regressions, fitters[0].designs, strict=True):
        rows = columns.valid
        for term, block in metric.names(columns):
            key = Key("effect", regression=regression.name, term=term, block=block, headline=True)
            reason = "" if np.isfinite(difference[:, j]).all() else "a side cannot estimate this term in every group"
            yield Theta(
                key, "coefficients", words, margin, float(difference[0, j]), float(error[j]), df, float(rows.sum()),
                float(kish(human.weight[rows])), "jackknife", reason,
            )  # fmt: skip
            j += 1
