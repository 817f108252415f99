"""How precisely an excess over people is known, found from people alone.

The test people are divided in two at random: one half are the people, the other stand in for them, as an independent human
sample would. The excess of such stand-ins is 0 in truth, and its jackknife error is what a perfect simulator faces. Errors
grow with the excess where a loss is a distance, so stand-ins are also spoilt, a share of their rows replaced by uniform
answers, until the excess is large enough to be told from 0; the error at that point is the one that decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.design import design_of
from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.engine.detectable import smallest_detectable
from surveyeval.engine.pairs import Losses, losses
from surveyeval.engine.power_laws import error_at, excess_at, follows
from surveyeval.metric.protocol import Key, Metric, MetricSpec
from surveyeval.metric.resampling import Jackknife, halves, jackknife_groups, jackknife_of, jackknife_se
from surveyeval.model.baselines import make_baseline
from surveyeval.model.protocol import Interviews
from surveyeval.progress import Progress
from surveyeval.task.task import Task

__all__ = ["Detectable", "excess_errors", "gain_errors"]

FloatArray = NDArray[np.float64]

#: Shares of rows that are replaced by uniform answers.
SPOILT = (0.0, 0.1, 0.3, 0.8)
#: Random divisions of the test people, and random half splits of each.
DIVISIONS, SPLITS = 2, 4
#: An error cannot shrink below this share of its variance when splits are added.
_LEAST = 0.25


@dataclass(frozen=True)
class Detectable:
    """What can be told of one excess or gain.

    Parameters
    ----------
    null_error : float
        Standard error without any true difference.
    error : float
        Standard error at the smallest detectable difference.
    smallest : float
        That difference, on the scale of the loss.
    reached : bool or None
        Whether the worst spoilt stand-ins would be told from people at all; None where that is not known.
    """

    null_error: float
    error: float
    smallest: float
    reached: bool | None = True


def excess_errors(
    task: Task,
    test: Sample,
    pilot: Sample,
    metrics: Sequence[Metric],
    *,
    seed: int = 0,
    splits: int = SPLITS,
    divisions: int = DIVISIONS,
    times: float = 1.0,
    progress: Progress | None = None,
) -> dict[tuple[str, Key], Detectable]:
    """Smallest detectable excess of every value that has an interval, at the full number of test people.

    Excesses and errors are found in halves of the people, and brought to the full number by the laws of
    `surveyeval.engine.power_laws`.

    Parameters
    ----------
    task : Task
    test : Sample
        Test people.
    pilot : Sample
    metrics : sequence of Metric
        Those that apply.
    seed, splits : int
        Errors are those of a run with as many splits as each metric asks for, whatever `splits`: the part of the variance
        that comes from the choice of splits is estimated from their spread.
    divisions : int
        Random divisions of the people in two; variances are averaged.
    times : float
        Plan for so many times the test people.
    progress : Progress, optional

    Returns
    -------
    dict of (metric, Key) to Detectable
    """
    wanted = [metric for metric in metrics if metric.spec.axis != "individual" and metric.spec.interval == "jackknife"]
    excess: dict[tuple[str, Key], list[list[tuple[float, float, float]]]] = {}
    targets = {metric.spec.name: metric.spec.direction == "target" for metric in wanted}
    design = design_of(test, "collapse" if test.stratum is not None else task.spec.source.lonely_psu)
    needed = smallest_detectable(1.0, jackknife_of(jackknife_groups(test.arm, seed, design), design).degrees_of_freedom)
    for number in range(divisions):
        people, stand_ins = _divided(task, test, generator(seed, "division", str(number)))
        spoilt = _spoilt(task, stand_ins, pilot, generator(seed, "spoilt", str(number)))
        samples = {"people": [people], **{str(share): [sample] for share, sample in spoilt.items()}}
        found = losses(task, people, samples, pilot, metrics=wanted, seed=seed + number, splits=splits,
                       lonely_psu="collapse", progress=progress)  # fmt: skip
        for metric in wanted:
            for key, series in _excesses(metric.spec, found.losses, found.jackknife).items():
                excess.setdefault((metric.spec.name, key), []).append(series)
    return {
        (name, key): _crossing(name, np.array(series), needed, 2 * times, target=targets[name])
        for (name, key), series in excess.items()
    }


def _divided(task: Task, test: Sample, rng: np.random.Generator) -> tuple[Sample, Sample]:
    """Two halves of the people, whole PSUs, row by row of the same arm."""
    design = design_of(test, "collapse" if test.stratum is not None else task.spec.source.lonely_psu)
    group = jackknife_groups(test.arm, 0, design)
    weights = halves(test.arm, group, int(rng.integers(2**31)), 0, design)
    sides = [np.flatnonzero(row[0] > 0) for row in (weights.human, weights.simulated)]
    ordered = [rows[np.argsort(test.arm[rows].astype(str), kind="stable")] for rows in sides]
    return test.take(ordered[0]), replace(test.take(ordered[1]), simulated=True)


def _spoilt(task: Task, stand_ins: Sample, pilot: Sample, rng: np.random.Generator) -> Mapping[float, Sample]:
    """Stand-ins with more and more of their rows replaced by uniform answers; who is spoilt first stays spoilt."""
    uniform = make_baseline("uniform")
    uniform.fit(task, pilot)
    given = uniform.answer(Interviews(task, stand_ins.without_answers(), rng.random((stand_ins.n, len(task.items)))))
    drawn = stand_ins.with_answers(given.answers, states=given.states)
    rank = rng.permutation(stand_ins.n) / stand_ins.n
    made = {}
    for share in SPOILT:
        rows = rank < share
        answers = {name: np.where(rows, drawn.answers[name], own) for name, own in stand_ins.answers.items()}
        states = {
            name: np.where(rows, drawn.states[name], own).astype(np.int8) for name, own in stand_ins.states.items()
        }
        made[share] = replace(stand_ins, answers=answers, states=states)
    return made


def _excesses(
    spec: MetricSpec, found: Mapping[tuple[str, str], Losses], jackknife: Jackknife
) -> dict[Key, list[tuple[float, float, float]]]:
    """(people's loss, excess, variance) of each value at each share of spoilt rows."""
    people = found[spec.name, "people"]
    result: dict[Key, list[tuple[float, float, float]]] = {key: [] for key in people.keys}
    for share in SPOILT:
        series = found[spec.name, str(share)].by_split - people.by_split
        variance = _variance(series[:, 1:], jackknife, spec.splits)
        for q, key in enumerate(people.keys):
            reference = float(people.by_split[:, 0, q].mean())
            result[key].append((reference, float(series[:, 0, q].mean()), float(variance[q])))
    return result


def _variance(replicates: FloatArray, jackknife: Jackknife, splits: int) -> FloatArray:
    """(keys,) jackknife variance of a mean over so many splits, from (R, G, keys) replicates of R splits.

    What splits do not share adds its variance over their number, and is known from how they differ.
    """
    count = len(replicates)
    variance = jackknife_se(replicates.mean(axis=0), jackknife) ** 2
    if count < 2:
        return np.asarray(variance)
    apart = sum(jackknife_se(one, jackknife) ** 2 for one in replicates - replicates.mean(axis=0)) / (count - 1)
    return np.asarray(np.maximum(variance - apart / count + apart / splits, _LEAST * variance))


def _crossing(metric: str, series: FloatArray, needed: float, times: float, *, target: bool) -> Detectable:
    """The error where the excess is first large enough, with so many times the people of a half.

    Where a loss is the noise of people at a distance from them, its error is that of a half over sqrt(times) at the same
    distance in units of noise. So it is looked up in halves, at smaller excesses than those of the full number.

    Parameters
    ----------
    series : (divisions, shares, 3) array
        People's losses, excesses and variances, in halves of the people.
    needed : float
        Excess that is seen, in standard errors.
    """
    people, excess, variance = series.mean(axis=0).T
    errors = np.sqrt(np.maximum(variance, 0.0))
    if not np.isfinite(series).all() or not (errors > 0).all():
        return Detectable(np.nan, np.nan, np.nan, reached=None)
    ratio = excess / errors
    beyond = np.flatnonzero(ratio >= needed)
    reached: bool | None = True
    if len(beyond) == 0:
        error = float(errors.max())
        # where no law says how an excess changes, that of a half says nothing of more people
        worst = max(excess_at(metric, each, r, times, target=target) for each, r in zip(excess, people, strict=True))
        reached = worst >= needed * error_at(metric, error, times) or (False if follows(metric) else None)
    else:
        k = int(beyond[0])
        step = 1.0 if k == 0 or ratio[k] <= ratio[k - 1] else (needed - ratio[k - 1]) / (ratio[k] - ratio[k - 1])
        error = float(errors[k] if k == 0 else errors[k - 1] + step * (errors[k] - errors[k - 1]))
    at_full = error_at(metric, error, times)
    return Detectable(error_at(metric, float(errors[0]), times), at_full, needed * at_full, reached)


def gain_errors(
    task: Task, test: Sample, pilot: Sample, metrics: Sequence[Metric], *, seed: int = 0, times: float = 1.0
) -> dict[tuple[str, Key], Detectable]:
    """Smallest detectable gain of one model over another on individual metrics.

    The two are the chain of logits and the marginal of the pilot: a model that looks at the person beside one that does not.
    """
    wanted = [metric for metric in metrics if metric.spec.axis == "individual" and metric.spec.interval == "jackknife"]
    if not wanted:
        return {}
    samples = {name: [_scored(task, test, pilot, name)] for name in ("marginal", "chain")}
    found = losses(task, test, samples, pilot, metrics=wanted, seed=seed)
    result: dict[tuple[str, Key], Detectable] = {}
    for metric in wanted:
        one, other = (found.losses[metric.spec.name, name] for name in samples)
        errors = jackknife_se((one.by_split - other.by_split)[0, 1:], found.jackknife)
        for q, key in enumerate(one.keys):
            error = error_at(metric.spec.name, float(errors[q]), times)
            smallest = smallest_detectable(error, found.jackknife.degrees_of_freedom)
            result[metric.spec.name, key] = Detectable(error, error, smallest, bool(np.isfinite(error)))
    return result


def _scored(task: Task, test: Sample, pilot: Sample, name: str) -> Sample:
    """The people with a baseline's probabilities and log-probabilities of their answers."""
    baseline: Any = make_baseline(name)
    baseline.fit(task, pilot)
    interviews = Interviews(task, test.without_answers(), np.zeros((test.n, len(task.items))))
    given = baseline.answer(interviews)
    return replace(
        test, log_prob=baseline.log_prob(interviews, test), probabilities=given.probabilities, simulated=True
    )  # fmt: skip
