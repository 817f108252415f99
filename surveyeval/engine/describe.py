"""Descriptive tables of one run: what the people and the simulation look like, each at its full size.

These tables are never compared with references or floors, which belong to half samples; `surveyeval.engine.evaluate`
makes those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from surveyeval.data.sample import Sample, State
from surveyeval.data.weights import kish
from surveyeval.engine.full_regression import Fit, fit_logit, fit_ols
from surveyeval.task.schema import RegressionSpec
from surveyeval.task.task import Item, Task

__all__ = ["GREY_BELOW", "SKIPPED_BELOW", "describe", "size_status", "wilson"]

FloatArray = NDArray[np.float64]
Row = dict[str, Any]

#: Effective people in a half: below this a group is skipped and named.
SKIPPED_BELOW = 15.0
#: Effective people in a half: below this a group is shown grey, without `recovered`.
GREY_BELOW = 30.0


def describe(task: Task, human: Sample, simulated: Sequence[Sample], pilot: Sample) -> dict[str, list[Row] | Row]:
    """Descriptive tables, ready for JSON (None where a number is undefined).

    Parameters
    ----------
    task : Task
    human : Sample
        Test people.
    simulated : sequence of Sample
        One complete simulated sample for each draw. Draws are averaged, never pooled; regressions use the first.
    pilot : Sample

    Returns
    -------
    dict
        ``sizes``, ``distributions``, ``coefficients``, ``coherence``, ``states``, ``mass``, ``groups``.
    """
    return {
        "sizes": _sizes(task, human, simulated, pilot),
        "distributions": list(_distributions(task, human, simulated)),
        "coefficients": list(_coefficients(task, human, simulated[0])),
        "coherence": list(_coherence(task, human, simulated)),
        "states": list(_states(task, human, simulated)),
        "mass": list(_mass(task, simulated)),
        "groups": list(_groups(task, human)),
    }


def wilson(share: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a share; `n` may be an effective sample size.

    Source: Wilson (1927), Journal of the American Statistical Association 22.

    Examples
    --------
    >>> low, high = wilson(0.5, 100)
    >>> round(low, 4), round(high, 4)
    (0.4038, 0.5962)
    """
    if not n > 0:
        return float("nan"), float("nan")
    z2 = float(stats.norm.ppf(0.5 + level / 2)) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = float(np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def size_status(half_n_eff: float) -> str:
    """``ok``, ``grey`` or ``skipped`` for a printed cell with so many effective people in a half."""
    if half_n_eff < SKIPPED_BELOW:
        return "skipped"
    return "grey" if half_n_eff < GREY_BELOW else "ok"


def _sizes(task: Task, human: Sample, simulated: Sequence[Sample], pilot: Sample) -> Row:
    arms = []
    for arm in task.arms:
        rows = human.arm == arm.key
        row = {"arm": arm.key, "label": arm.label, "n": int(rows.sum()), "n_eff": float(kish(human.weight[rows]))}
        arms.append(row)
    return {
        "n_human": human.n,
        "n_eff": float(kish(human.weight)),
        "n_pilot": pilot.n,
        "n_simulated": simulated[0].n,
        "draws": len(simulated),
        "paired": simulated[0].paired,
        "arms": arms,
    }


def _arms(task: Task) -> list[str]:
    """All respondents first, written as an empty string, then each arm of an experiment."""
    return ["", *(arm.key for arm in task.arms)] if task.is_experiment else [""]


def _in_arm(sample: Sample, arm: str) -> NDArray[np.bool_]:
    return np.ones(sample.n, dtype=bool) if arm == "" else np.asarray(sample.arm == arm)


def _distributions(task: Task, human: Sample, simulated: Sequence[Sample]) -> Iterator[Row]:
    exact = task.spec.interview.mode == "independent"
    for item in task.items:
        for arm in _arms(task):
            people = _in_arm(human, arm) & human.answered(item.name)
            shares = _shares(human, item, people)
            n_eff = float(kish(human.weight[people]))
            model, n_simulated, basis = _simulated_shares(item, simulated, arm, exact)
            for k, option in enumerate(item.options):
                low, high = wilson(shares[k], n_eff)
                yield {
                    "item": item.name,
                    "question": item.question,
                    "role": item.role,
                    "kind": item.kind,
                    "wording": item.spec.wording,
                    "arm": arm,
                    "option": option.code,
                    "label": option.label,
                    "human": _number(shares[k]),
                    "human_low": _number(low),
                    "human_high": _number(high),
                    "simulated": _number(model[k]),
                    "basis": basis,
                    "n_human": int(people.sum()),
                    "n_simulated": n_simulated,
                }


def _shares(sample: Sample, item: Item, rows: NDArray[np.bool_]) -> FloatArray:
    counts = np.bincount(sample.answers[item.name][rows], weights=sample.weight[rows], minlength=item.k)
    return counts / counts.sum() if counts.sum() > 0 else np.full(item.k, np.nan)


def _simulated_shares(item: Item, draws: Sequence[Sample], arm: str, exact: bool) -> tuple[FloatArray, int, str]:
    """Shares, rows of one draw behind them, and whether they come from probabilities or from drawn answers.

    Probabilities of an independent interview do not depend on earlier draws, so their mean has no draw noise.
    """
    first = draws[0]
    if exact and item.name in first.probabilities:
        given = first.probabilities[item.name]
        rows = _in_arm(first, arm) & np.isfinite(given).all(axis=1)
        if rows.any() and first.weight[rows].sum() > 0:
            return np.average(given[rows], axis=0, weights=first.weight[rows]), int(rows.sum()), "probabilities"
    masks = [_in_arm(sample, arm) & sample.answered(item.name) for sample in draws]
    shares = [_shares(sample, item, mask) for sample, mask in zip(draws, masks, strict=True) if mask.any()]
    n = round(float(np.mean([mask.sum() for mask in masks])))
    return (np.mean(shares, axis=0) if shares else np.full(item.k, np.nan)), n, "draws"


def _coefficients(task: Task, human: Sample, simulated: Sample) -> Iterator[Row]:
    for regression in task.spec.regressions:
        head: Row = {"regression": regression.name, "formula": regression.formula, "family": regression.family}
        if regression.family not in ("ols", "logit"):
            reason = f"family {regression.family!r} is not supported in this version"
            yield {**head, "term": "", "block": "", "status": "not_applicable", "reason": reason}
            continue
        people, model = task.design(human, regression), task.design(simulated, regression)
        fits = [_fit(sample, design, regression) for sample, design in ((human, people), (simulated, model))]
        truth = (task.spec.truth or {}).get(regression.name, {})
        for j, (term, block) in enumerate(zip(people.terms, people.blocks, strict=True), start=1):
            reasons = [
                f"{side}: {fit.reason[j]}"
                for side, fit in zip(("people", "simulation"), fits, strict=True)
                if fit.reason[j]
            ]
            yield {
                **head,
                "term": term,
                "block": block,
                **_coefficient("human", fits[0], j),
                **_coefficient("simulated", fits[1], j),
                "truth": truth.get(term),
                "status": "not_estimable" if reasons else "ok",
                "reason": "; ".join(reasons),
            }


def _fit(sample: Sample, design: Any, regression: RegressionSpec) -> Fit:
    rows = design.valid
    estimate = fit_ols if regression.family == "ols" else fit_logit
    return estimate(design.X[rows], design.y[rows], sample.weight[rows])


def _coefficient(side: str, fit: Fit, j: int) -> Row:
    values = {"": fit.coefficient, "_se": fit.error, "_low": fit.low, "_high": fit.high}
    return {f"{side}{suffix}": _number(column[j]) for suffix, column in values.items()} | {
        f"n_{side}": fit.n,
        f"errors_{side}": fit.errors,
    }


def _coherence(task: Task, human: Sample, simulated: Sequence[Sample]) -> Iterator[Row]:
    for rule in task.spec.coherence:
        for side, samples in (("people", [human]), ("simulation", simulated)):
            outcomes = [task.coherence(sample, rule) for sample in samples]
            for arm in _arms(task):
                rows = [
                    _outcome(outcome[mask], sample.weight[mask])
                    for sample, outcome in zip(samples, outcomes, strict=True)
                    for mask in (_in_arm(sample, arm),)
                ]
                row: Row = {key: _mean([one[key] for one in rows]) for key in rows[0]}
                gap, n_eff = row["gap"], row.pop("gap_n")
                low, high = (np.nan, np.nan) if gap is None else wilson(gap, n_eff)
                interval = {"gap_low": _number(low), "gap_high": _number(high)} if side == "people" else {}
                yield {"rule": rule.name, "side": side, "arm": arm, **row, **interval}


def _outcome(outcome: NDArray[np.int8], weight: FloatArray) -> dict[str, float]:
    """Counts of rows (unweighted) and the weighted gap among the determined ones."""
    determined = outcome >= 0
    total = weight[determined].sum()
    gap = float(weight[outcome == 0].sum() / total) if total > 0 else float("nan")
    return {
        "n": float((outcome >= -1).sum()),
        "follows": float((outcome == 1).sum()),
        "contradicts": float((outcome == 0).sum()),
        "undetermined": float((outcome == -1).sum()),
        "missing": float((outcome == -2).sum()),
        "gap": gap,
        "gap_n": float(kish(weight[determined])),
    }


def _states(task: Task, human: Sample, simulated: Sequence[Sample]) -> Iterator[Row]:
    for item in task.items:
        for side, samples in (("people", [human]), ("simulation", simulated)):
            counts = Counter(int(state) for sample in samples for state in sample.states[item.name])
            total = sum(counts.values())
            for state in sorted(counts):
                share = counts[state] / total
                yield {
                    "item": item.name,
                    "side": side,
                    "state": State(state).name.lower(),
                    "count": counts[state],
                    "share": share,
                }


def _mass(task: Task, simulated: Sequence[Sample]) -> Iterator[Row]:
    for item in task.items:
        columns = [sample.mass[item.name] for sample in simulated if item.name in sample.mass]
        values = np.concatenate(columns) if columns else np.empty(0)
        values = values[np.isfinite(values)]
        if len(values):
            low = float(np.quantile(values, 0.05))
            yield {"item": item.name, "mean": float(values.mean()), "p05": low, "min": float(values.min())}


def _groups(task: Task, human: Sample) -> Iterator[Row]:
    for subgroup in task.spec.subgroups:
        index, labels = task.groups(human, subgroup)
        for k, label in enumerate(labels):
            rows = index == k
            n_eff = float(kish(human.weight[rows])) if rows.any() else 0.0
            yield {
                "subgroup": subgroup,
                "group": label,
                "n": int(rows.sum()),
                "n_eff": n_eff,
                "half_n_eff": n_eff / 2,
                "status": size_status(n_eff / 2),
            }


def _mean(values: Sequence[float]) -> float | None:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
