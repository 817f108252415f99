"""Simulators with a known fault, for asking which metric notices it: the rows of docs/explanation/fooled.md.

Every simulator is a function of a `Setting` and a random generator to a simulated sample. Those that are right in all but
one respect start from `Setting.fresh`: other answers of the same law. Where the law is known (`disclosure`) they are drawn
from it; where it is not, every person has a *twin*, another person of the same subgroups.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.engine.full_regression import fit_ols
from surveyeval.model.baselines import make_baseline
from surveyeval.model.protocol import Interviews, Respondent
from surveyeval.model.scripts import SCRIPTS, Scene, exchange
from surveyeval.task.task import Item, Task

__all__ = ["SIMULATORS", "Inapplicable", "Setting", "Simulator", "twins"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Generator = np.random.Generator

#: How much the stereotyper multiplies differences between groups.
STEREOTYPE = 4.0
#: Interviews that the leaker makes at most until the action comes out as the profile has it.
_TRIES = 200


class Inapplicable(Exception):  # noqa: N818 (nothing went wrong)
    """A simulator makes no sense on this task; the message says why."""


@dataclass(frozen=True, eq=False)
class Setting:
    """A task with its test people and pilot, and where answers of the same law come from.

    Parameters
    ----------
    task : Task
    people, pilot : Sample
        Disjoint, with answers.
    law : callable, optional
        ``law(demographic=1.0, treatment=1.0)`` gives a `Respondent` that follows the law of the answers, with effects of
        the profile and of the arms multiplied.
    twins : Sample, optional
        Where there is no law: the people of `people` with the answers of their twins.
    """

    task: Task
    people: Sample
    pilot: Sample
    law: Callable[..., Respondent] | None = None
    twins: Sample | None = None

    def fresh(self, rng: Generator) -> Sample:
        """Answers of the same law for the same profiles, independent of the people's own."""
        if self.law is not None:
            return self.asked(self.law(), rng)
        if self.twins is None:
            raise Inapplicable("neither a law nor twins")
        return self.twins

    def asked(self, model: Respondent, rng: Generator, people: Sample | None = None) -> Sample:
        """What a model answers, with its probabilities of the people's answers where it has them.

        `people` has the profiles that the model is shown, row for row; default: everybody's own.
        """
        shown = self.people if people is None else people
        interviews = Interviews(
            self.task, shown.without_answers(), rng.random((self.people.n, len(self.task.items)))
        )  # fmt: skip
        given = model.answer(interviews)
        scores = model.log_prob(interviews, self.people) if model.capabilities.log_prob else None
        return self.people.with_answers(
            given.answers, states=given.states, probabilities=given.probabilities, log_prob=scores
        )

    def scripted(self, script: str, rng: Generator, people: Sample | None = None, share: float = 0.5) -> Sample:
        """What one of the package's scripts makes of `people` (by default of the people themselves)."""
        seen = self.people if people is None else people
        scene = Scene(self.task, seen, rng.random((seen.n, len(self.task.items))), share, None, self.pilot)
        answers, states = SCRIPTS[script].answer(scene)
        return self.people.with_answers(answers, states=states)


def twins(task: Task, people: Sample, rng: Generator) -> tuple[Sample, Sample]:
    """Divide people in two halves of twins: people of one half, and the same people with the answers of the other half.

    Twins are of the same arm and the same subgroups (the odd one sits out) and near in the numbers of their profile. Who
    of the two is in which half is tossed, so that the halves have the same law.
    """
    groups = [task.groups(people, name)[0] for name in task.spec.subgroups]
    cells: dict[tuple[object, ...], list[int]] = {}
    for row, key in enumerate(zip(people.arm, *groups, strict=True)):
        cells.setdefault(key, []).append(row)
    first, second = [], []
    for members in cells.values():
        near = sorted(members, key=lambda row: [float(people.profile[name][row]) for name in _numbers(people)])
        for one, other in zip(near[::2], near[1::2], strict=False):
            pair = (one, other) if rng.random() < 0.5 else (other, one)
            first.append(pair[0])
            second.append(pair[1])
    own, other_half = people.take(np.array(first)), people.take(np.array(second))
    return own, own.with_answers(other_half.answers, states=other_half.states)


def _numbers(people: Sample) -> list[str]:
    """Fields of the profile that are numbers."""
    names = []
    for name, column in people.profile.items():
        try:
            np.asarray(column, dtype=float)
        except (TypeError, ValueError):
            continue
        names.append(name)
    return names


# ---- what knows little ----------------------------------------------------------------------------------------------


def _baseline(name: str) -> Callable[[Setting, Generator], Sample]:
    def simulate(setting: Setting, rng: Generator) -> Sample:
        model = make_baseline(name)
        model.fit(setting.task, setting.pilot)
        return setting.asked(model, rng)

    return simulate


def _mode_and_noise(setting: Setting, rng: Generator) -> Sample:
    return setting.scripted("noisy", rng, _baseline("mode")(setting, rng), share=0.42)


def _first_option(setting: Setting, rng: Generator) -> Sample:
    return setting.scripted("first", rng)


def _first_shown(setting: Setting, rng: Generator) -> Sample:
    """Picks what stands first, where half of the questionnaires show the options in reversed order."""
    answers = {
        item.name: np.where(rng.random(setting.people.n) < 0.5, 0, item.k - 1).astype(np.int64)
        for item in setting.task.items
    }
    return setting.people.with_answers(answers)


# ---- what knows people, but not whom it simulates ---------------------------------------------------------------------


def _pilot_vectors(setting: Setting, rng: Generator) -> Sample:
    return setting.scripted("pilot", rng)


def _swapped(setting: Setting, rng: Generator) -> Sample:
    order = exchange(setting.people.arm, rng)
    if setting.law is not None:
        return setting.asked(setting.law(), rng, _with_profiles(setting.people, order))
    other = setting.fresh(rng).take(order)
    return setting.people.with_answers(other.answers, states=other.states)


def _half_shrunk(setting: Setting, rng: Generator) -> Sample:
    """Every second person is answered for as if they were somebody else of the arm: group differences are halved."""
    own, other = setting.fresh(rng), _swapped(setting, rng)
    swapped = rng.random(setting.people.n) < 0.5
    answers = {name: np.where(swapped, other.answers[name], own.answers[name]) for name in own.answers}
    states = {name: np.where(swapped, other.states[name], own.states[name]) for name in own.states}
    scores = None if setting.law is None else _mixture(setting, setting.law())
    return setting.people.with_answers(answers, states=states, log_prob=scores)


def _mixture(setting: Setting, law: Respondent) -> dict[str, FloatArray]:
    """Log-probabilities of people's answers under one half of own profile, one half of anybody's in the arm."""
    people, names = setting.people, [item.name for item in setting.task.items]

    def cumulative(shown: Sample) -> FloatArray:
        interviews = Interviews(setting.task, shown.without_answers(), np.zeros((people.n, len(names))))
        scores = law.log_prob(interviews, people)
        return np.cumsum(np.column_stack([np.nan_to_num(scores[name]) for name in names]), axis=1)

    arms = [np.flatnonzero(people.arm == key) for key in dict.fromkeys(people.arm)]
    anybody = np.zeros((people.n, len(names)))
    times = max(len(rows) for rows in arms)
    for step in range(times):
        order = np.arange(people.n)
        for rows in arms:
            order[rows] = np.roll(rows, step)
        anybody += np.exp(cumulative(_with_profiles(people, order))) / times
    joint = np.log(0.5 * np.exp(cumulative(people)) + 0.5 * anybody)
    steps = np.diff(joint, axis=1, prepend=0.0)
    return {name: np.where(people.answered(name), steps[:, j], np.nan) for j, name in enumerate(names)}


def _with_profiles(people: Sample, order: IntArray) -> Sample:
    return replace(people, profile={name: column[order] for name, column in people.profile.items()})


# ---- what is right in all but one respect ------------------------------------------------------------------------------


def _fresh(setting: Setting, rng: Generator) -> Sample:
    return setting.fresh(rng)


def _over_coherent(setting: Setting, rng: Generator) -> Sample:
    return setting.scripted("coherent", rng, setting.fresh(rng))


def _tuned_independence(setting: Setting, rng: Generator) -> Sample:
    return setting.scripted("independent", rng, setting.fresh(rng))


def _no_effect_of_arms(setting: Setting, rng: Generator) -> Sample:
    if setting.law is None or not setting.task.is_experiment:
        raise Inapplicable("no arms")
    return setting.asked(setting.law(treatment=0.0), rng)


def _stereotyper(setting: Setting, rng: Generator) -> Sample:
    if setting.law is not None:
        return setting.asked(setting.law(demographic=STEREOTYPE), rng)
    sample, answers = setting.fresh(rng), {}
    groups = [setting.task.groups(setting.people, name) for name in setting.task.spec.cells]
    dummies = [(index[:, None] == np.arange(1, len(labels))).astype(float) for index, labels in groups]
    X = np.column_stack([np.ones(sample.n), *dummies])
    for item in setting.task.items:
        own = sample.answers[item.name]
        answers[item.name] = own
        if item.ordered or item.k == 2:
            known = own >= 0
            fitted = X @ np.linalg.lstsq(X[known], own[known].astype(float), rcond=None)[0]
            moved = own + (STEREOTYPE - 1) * (fitted - fitted[known].mean())
            drawn = np.clip(np.floor(moved + rng.random(sample.n)), 0, item.k - 1).astype(np.int64)
            answers[item.name] = np.where(known, drawn, -1)
    return setting.people.with_answers(answers, states=sample.states)


def _leaker(setting: Setting, rng: Generator) -> Sample:
    """The actions stand in the profile: the law of everything else given the person's own actions."""
    people, task = setting.people, setting.task
    sample = setting.fresh(rng)

    def misses(sample: Sample) -> IntArray:
        wrong = [sample.answers[name] != people.answers[name] for name in task.actions]
        return np.flatnonzero(np.any(wrong, axis=0))

    for _ in range(_TRIES):
        left = misses(sample)
        if not len(left):
            break
        again = setting.fresh(rng)
        if setting.law is None:  # there is but one twin each: somebody else's
            again = again.take(exchange(people.arm, rng))
        answers = {name: column.copy() for name, column in sample.answers.items()}
        for name in answers:
            answers[name][left] = again.answers[name][left]
        sample = people.with_answers(answers)
    actions = {name: people.answers[name] for name in task.actions}
    return people.with_answers({**sample.answers, **actions})


def _copy(setting: Setting, rng: Generator) -> Sample:
    return setting.people.with_answers(setting.people.answers, states=setting.people.states)


def _many_rows(setting: Setting, rng: Generator) -> Sample:
    """Ten rows for each person, which makes everything significant."""
    return setting.fresh(rng).take(np.tile(np.arange(setting.people.n), 10))


def _sign_only(setting: Setting, rng: Generator) -> Sample:
    """Knows the sign of every published effect and every distribution: all effects have the right sign and one size."""
    task, people = setting.task, setting.people
    sample = _baseline("marginal")(setting, rng)
    sample = people.with_answers(sample.answers)
    for regression in task.spec.regressions:
        if regression.family == "multinomial":
            continue
        published = task.design(people, regression)
        rows = published.valid
        found = fit_ols(published.X[rows], published.y[rows], np.ones(int(rows.sum()))).coefficient[1:]
        X = task.design(sample, regression).X[:, 1:]
        X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-12)
        latent = X @ np.sign(np.nan_to_num(found)) + rng.normal(0, 1.5, people.n)
        wanted = np.quantile(published.y[rows], (np.argsort(np.argsort(latent)) + 0.5) / people.n, method="nearest")
        item, outcome = _decisive(task, sample, regression.name)
        fits = outcome == wanted[:, None]
        share = np.bincount(people.answers[item.name][people.answered(item.name)], minlength=item.k) + 0.5
        choice = np.argmax(np.where(fits, np.log(share) + rng.gumbel(size=fits.shape), -np.inf), axis=1)
        chosen = np.where(fits.any(axis=1), choice, sample.answers[item.name])
        sample = people.with_answers({**sample.answers, item.name: chosen})
    return sample


def _decisive(task: Task, sample: Sample, name: str) -> tuple[Item, FloatArray]:
    """The last item that decides the outcome of a regression, and the (n, K) outcome for each of its options."""
    (regression,) = (one for one in task.spec.regressions if one.name == name)
    for item in reversed(task.items):
        columns = []
        for option in range(item.k):
            answers = {**sample.answers, item.name: np.full(sample.n, option, dtype=np.int64)}
            columns.append(task.design(sample.with_answers(answers), regression).y)
        outcome = np.column_stack(columns)
        if (outcome != outcome[:, :1]).any():
            return item, outcome
    raise Inapplicable(f"no item decides the outcome of {name!r}")


@dataclass(frozen=True)
class Simulator:
    """One simulator: what it does, and whether it is at fault at all."""

    simulate: Callable[[Setting, Generator], Sample]
    summary: str
    faultless: bool = False


SIMULATORS: Mapping[str, Simulator] = {
    "fresh human sample": Simulator(_fresh, "other answers of the same law", faultless=True),
    "uniform": Simulator(_baseline("uniform"), "every option alike"),
    "pooled marginal": Simulator(_baseline("pooled"), "the pilot's marginals, arms ignored"),
    "marginal within arm": Simulator(_baseline("marginal"), "the pilot's marginals of each arm, items independent"),
    "pilot resampled": Simulator(_pilot_vectors, "answer vectors of the pilot drawn within the arm, persona ignored"),
    "mode": Simulator(_baseline("mode"), "the most frequent answer of the arm, for everybody"),
    "mode and noise": Simulator(_mode_and_noise, "the same, 42% of the answers replaced by uniform noise"),
    "first option": Simulator(_first_option, "always the first option"),
    "first shown": Simulator(_first_shown, "whatever stands first, half of the questionnaires being reversed"),
    "personas swapped": Simulator(_swapped, "the true law, profiles exchanged within the arm"),
    "half-shrunk": Simulator(_half_shrunk, "the true law, half of the profiles exchanged: group differences halved"),
    "stereotyper": Simulator(_stereotyper, f"the true law, differences between groups times {STEREOTYPE:.0f}"),
    "no effect of arms": Simulator(_no_effect_of_arms, "the true law without effects of the arms on beliefs"),
    "over-coherent": Simulator(_over_coherent, "the true law, the action always as the rule has it"),
    "tuned independence": Simulator(_tuned_independence, "beliefs shuffled within the arm, an action tuned to the gap"),
    "sign-only": Simulator(_sign_only, "right marginals and right signs of all coefficients, all of one size"),
    "ten rows each": Simulator(_many_rows, "the true law, ten rows for each person: everything is significant"),
    "leaker": Simulator(_leaker, "the true law, but the profile held the action"),
    "copy of the test set": Simulator(_copy, "the people's own answers"),
}
