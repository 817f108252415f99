"""What invalid simulated answers could have been: bounds of shares and distances over every way to fill them in.

A share ``e`` of the simulated answers to an item cannot be used. Whatever options they would have been, the simulated
shares are ``(1 - e) q + a``, where ``q`` are the shares of the usable answers and ``a`` is at least 0 and sums to ``e``.
All three distances are convex in ``a``, so the largest value is reached with everything on one option. The smallest has a
closed form for total variation, is found by filling the lowest ratios first for the Jensen-Shannon distance, and by
dynamic programming over the cumulative shares for the Wasserstein distance.

Bounds assume nothing of why an answer is missing; they are no confidence interval, and sampling noise comes on top.

Source: Manski (2003), Partial Identification of Probability Distributions, chapter 1 (worst-case bounds under missing
outcomes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.task.formulas import parse
from surveyeval.task.task import Item, Task

__all__ = ["MANY_INVALID", "bounds", "js_bounds", "share_bounds", "total_variation_bounds", "wasserstein_bounds"]

FloatArray = NDArray[np.float64]
Row = dict[str, Any]
Distance = Callable[[FloatArray, FloatArray], float]

#: Share of invalid answers to an item beyond which its values are given with bounds.
MANY_INVALID = 0.05


def share_bounds(usable: FloatArray, invalid: float) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest share of every option.

    Parameters
    ----------
    usable : (K,) float array
        Shares of the options among usable answers.
    invalid : float
        Share of the answers that cannot be used, in [0, 1].

    Examples
    --------
    >>> low, high = share_bounds(np.array([0.75, 0.25]), 0.2)
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([0.6, 0.2], [0.8, 0.4])
    """
    low = (1 - invalid) * usable
    return low, low + invalid


def total_variation_bounds(people: FloatArray, usable: FloatArray, invalid: float) -> tuple[float, float]:
    """Smallest and largest total variation distance.

    The missing mass does least harm where the simulation has less than people, and there is always room for it there:
    the sum of the deficits ``(p - (1 - e) q)+`` is at least ``e``.
    """
    lack = np.maximum(people - (1 - invalid) * usable, 0.0)
    total = float(lack.sum())
    return max(total - invalid, 0.0), total - float(np.minimum(lack, invalid).min())


def js_bounds(people: FloatArray, usable: FloatArray, invalid: float) -> tuple[float, float]:
    """Smallest and largest Jensen-Shannon distance (square root, base 2).

    The derivative of the divergence in a share s grows with s / p alone, so the minimum raises the lowest of these ratios
    to a common level.
    """
    low = (1 - invalid) * usable
    return _js(people, _raised(people, low)), _largest(_js, people, low, invalid)


def wasserstein_bounds(
    people: FloatArray, usable: FloatArray, invalid: float, values: FloatArray
) -> tuple[float, float]:
    """Smallest and largest Wasserstein distance, as a share of the scale.

    Parameters
    ----------
    people, usable : (K,) float arrays
    invalid : float
    values : (K,) float array
        Values of the options, in any order.

    Notes
    -----
    With everything on one option the largest value is not always at an end of the scale, so all options are tried. For the
    smallest, the cumulative filled-in shares are chosen non-decreasing between 0 and `invalid` so that they are nearest to
    the difference of the two cumulative distributions; an optimum uses only those differences and the two ends.
    """
    order = np.argsort(values, kind="stable")
    step = np.diff(values[order]) / np.ptp(values)
    people, low = people[order], (1 - invalid) * usable[order]

    def distance(p: FloatArray, s: FloatArray) -> float:
        return float(np.abs(np.cumsum(p - s)[:-1]) @ step)

    wanted = np.cumsum(people - low)[:-1]
    levels = np.unique(np.clip(np.concatenate([wanted, [0.0, invalid]]), 0.0, invalid))
    cost = np.zeros(len(levels))
    for target, width in zip(wanted, step, strict=True):
        cost = np.minimum.accumulate(cost) + width * np.abs(target - levels)
    return float(cost.min()), _largest(distance, people, low, invalid)


def bounds(task: Task, human: Sample, simulated: Sequence[Sample]) -> Iterator[Row]:
    """Rows of bounds for items of which more than 5% of the simulated answers cannot be used.

    Distances are those of the full test sample, within arms and averaged over arms with the people's weights, as in the
    headline of `surveyeval.metric.alignment`; shares are over all arms. Draws are averaged.

    Parameters
    ----------
    task : Task
    human : Sample
    simulated : sequence of Sample
        One for each draw.

    Yields
    ------
    dict
        ``item``, ``measure`` (``share``, ``total_variation``, ``js_distance``, ``wasserstein``, ``coefficients``),
        ``option``, ``value``, ``low``, ``high``, ``invalid``, ``status``, ``reason``.
    """
    concerned = []
    for item in task.measured:
        share = float(np.mean([_invalid(sample, item, np.ones(sample.n, dtype=bool)) for sample in simulated]))
        if share > MANY_INVALID:
            concerned.append(item.name)
            yield from _item_rows(task, item, human, simulated, share)
    for regression in task.spec.regressions:
        formula = parse(regression.formula, task.column_types)
        used = sorted(set(concerned) & task.inputs(formula.response, *formula.names))
        if used:
            reason = (
                f"the regression uses {', '.join(used)}; a coefficient depends on which rows get which answer, and there "
                "are too many ways to fill them in"
            )
            yield _row("", "coefficients", regression.name, None, None, None, None, "not_applicable", reason)


def _item_rows(task: Task, item: Item, human: Sample, simulated: Sequence[Sample], share: float) -> Iterator[Row]:
    everybody = np.ones(human.n, dtype=bool)
    parts = [_usable(sample, item, np.ones(sample.n, dtype=bool)) for sample in simulated]
    if any(np.isnan(usable).any() for usable, _ in parts):
        reason = "no simulated answer can be used"
        yield _row(item.name, "share", "", None, None, None, share, "not_estimable", reason)
        return
    between = [share_bounds(usable, invalid) for usable, invalid in parts]
    for k, option in enumerate(item.options):
        low, high = (float(np.mean([one[side][k] for one in between])) for side in (0, 1))
        yield _row(item.name, "share", option.label, float(np.mean([u[k] for u, _ in parts])), low, high, share)
    measures: list[tuple[str, Distance, Callable[[FloatArray, FloatArray, float], tuple[float, float]]]] = [
        ("total_variation", _tv, total_variation_bounds),
        ("js_distance", _js, js_bounds),
    ]
    values = item.values
    if item.ordered and np.ptp(values) > 0:
        measures.append(
            (
                "wasserstein",
                lambda p, s: wasserstein_bounds(p, s, 0.0, values)[0],
                lambda p, s, e: wasserstein_bounds(p, s, e, values),
            )
        )
    cells = [arm for arm in task.arms if (everybody & (human.arm == arm.key)).any()] if task.is_experiment else []
    masks = [(human.arm == arm.key, arm.key) for arm in cells] or [(everybody, "")]
    for name, distance, bounded in measures:
        found = [_within_arms(item, human, sample, masks, distance, bounded) for sample in simulated]
        if any(one is None for one in found):
            reason = "an arm has no simulated answer that can be used"
            yield _row(item.name, name, "", None, None, None, share, "not_estimable", reason)
            continue
        value, low, high = np.mean([one for one in found if one is not None], axis=0).tolist()
        yield _row(item.name, name, "", value, low, high, share)


def _within_arms(
    item: Item, human: Sample, sample: Sample, masks: Sequence[tuple[NDArray[np.bool_], str]], distance: Distance,
    bounded: Callable[[FloatArray, FloatArray, float], tuple[float, float]],
) -> tuple[float, float, float] | None:  # fmt: skip
    """Value and bounds, averaged over arms with the weights of the people who answered; arms are filled in apart."""
    totals = np.zeros(3)
    mass = 0.0
    for mask, arm in masks:
        rows = mask & human.answered(item.name)
        weight = float(human.weight[rows].sum())
        if weight == 0:
            continue
        people = np.bincount(human.answers[item.name][rows], weights=human.weight[rows], minlength=item.k) / weight
        usable, invalid = _usable(sample, item, np.asarray(sample.arm == arm) if arm else np.ones(sample.n, dtype=bool))
        if np.isnan(usable).any():
            return None
        totals += weight * np.array([distance(people, usable), *bounded(people, usable, invalid)])
        mass += weight
    return None if mass == 0 else (totals[0] / mass, totals[1] / mass, totals[2] / mass)


def _usable(sample: Sample, item: Item, rows: NDArray[np.bool_]) -> tuple[FloatArray, float]:
    """Shares of the usable answers, and the share that cannot be used."""
    answered = rows & sample.answered(item.name)
    weight = sample.weight[answered]
    counts = np.bincount(sample.answers[item.name][answered], weights=weight, minlength=item.k)
    shares = counts / counts.sum() if counts.sum() > 0 else np.full(item.k, np.nan)
    return shares, _invalid(sample, item, rows)


def _invalid(sample: Sample, item: Item, rows: NDArray[np.bool_]) -> float:
    """Share of what should have been answers, weighted; refusals and don't knows are answers of another kind."""
    state = sample.states[item.name]
    lost = rows & np.isin(state, (State.INVALID, State.NOT_RUN))
    total = float(sample.weight[lost | (rows & (state == State.ANSWERED))].sum())
    return float(sample.weight[lost].sum()) / total if total > 0 else 0.0


def _raised(people: FloatArray, low: FloatArray) -> FloatArray:
    """Shares of at least `low` that sum to 1, with the lowest ratios to people's raised to a common level."""
    missing = 1.0 - low.sum()
    held = people > 0
    ratios = np.full(len(low), np.inf)
    ratios[held] = low[held] / people[held]
    order = np.argsort(ratios, kind="stable")
    for count in range(1, int(held.sum()) + 1):
        active = order[:count]
        level = (missing + low[active].sum()) / people[active].sum()
        if count == held.sum() or level <= ratios[order[count]]:
            break
    result = low.copy()
    result[active] = level * people[active]
    return result


def _largest(distance: Distance, people: FloatArray, low: FloatArray, invalid: float) -> float:
    return max(distance(people, low + invalid * (np.arange(len(low)) == k)) for k in range(len(low)))


def _tv(p: FloatArray, s: FloatArray) -> float:
    return float(0.5 * np.abs(p - s).sum())


def _js(p: FloatArray, s: FloatArray) -> float:
    middle = p + s
    with np.errstate(divide="ignore", invalid="ignore"):
        one = np.where(p > 0, p * np.log2(2 * p / middle), 0.0)
        other = np.where(s > 0, s * np.log2(2 * s / middle), 0.0)
    return float(np.sqrt(max(0.5 * (one + other).sum(), 0.0)))


def _row(
    item: str, measure: str, option: str, value: float | None, low: float | None, high: float | None,
    invalid: float | None, status: str = "ok", reason: str = "",
) -> Row:  # fmt: skip
    return {"item": item, "measure": measure, "option": option, "value": value, "low": low, "high": high,
            "invalid": invalid, "status": status, "reason": reason}  # fmt: skip
