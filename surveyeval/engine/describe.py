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

from surveyeval.data.design import LonelyPSU
from surveyeval.data.sample import Sample, State
from surveyeval.data.weights import kish
from surveyeval.engine.bounds import bounds
from surveyeval.engine.design_based import Survey, mean, share_interval, survey_of
from surveyeval.engine.full_categorical import fit_multinomial, fit_ordered
from surveyeval.engine.full_regression import Fit, fit_logit, fit_ols
from surveyeval.engine.known_coverage import known_coverage
from surveyeval.engine.repeats import attention_rows, retest_rows
from surveyeval.engine.states import states_by_group
from surveyeval.task.schema import RegressionSpec
from surveyeval.task.task import Item, Task

__all__ = ["GREY_BELOW", "SKIPPED_BELOW", "describe", "size_status"]

FloatArray = NDArray[np.float64]
Row = dict[str, Any]

#: Effective people in a half: below this a group is skipped and named.
SKIPPED_BELOW = 15.0
#: Effective people in a half: below this a group is shown grey, without `recovered`.
GREY_BELOW = 30.0


def describe(task: Task, human: Sample, simulated: Sequence[Sample], pilot: Sample) -> dict[str, list[Row] | Row]:
    """Descriptive tables, ready for JSON (None where a number is undefined).

    Errors and intervals of people's numbers follow from weights, strata and PSUs, see `surveyeval.engine.design_based`.

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
        ``sizes``, ``distributions``, ``means``, ``coefficients``, ``coherence``, ``states``, ``states_by_group``, ``bounds``,
        ``attention``, ``retest``, ``mass``, ``groups``.
    """
    survey = survey_of(human, task.spec.source.lonely_psu)
    return {
        "sizes": _sizes(task, human, simulated, pilot, survey),
        "distributions": list(_distributions(task, human, simulated, survey)),
        "means": list(_means(task, human, simulated, survey)),
        "coefficients": list(_coefficients(task, human, simulated[0])),
        "coherence": list(_coherence(task, human, simulated, survey)),
        "states": list(_states(task, human, simulated)),
        "states_by_group": list(states_by_group(task, human, simulated)),
        "bounds": list(bounds(task, human, simulated)),
        "attention": list(attention_rows(task, human, simulated, survey)),
        "retest": list(retest_rows(task, human, simulated, survey)),
        "mass": list(_mass(task, simulated)),
        "groups": list(_groups(task, human)),
    }


def size_status(half_n_eff: float) -> str:
    """``ok``, ``grey`` or ``skipped`` for a printed cell with so many effective people in a half."""
    if half_n_eff < SKIPPED_BELOW:
        return "skipped"
    return "grey" if half_n_eff < GREY_BELOW else "ok"


def _sizes(task: Task, human: Sample, simulated: Sequence[Sample], pilot: Sample, survey: Survey) -> Row:
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
        "weighted": human.weighted,
        "n_strata": survey.design.n_strata if survey.design.stratified else None,
        "n_psu": survey.design.n_units if survey.design.clustered else None,
    }


def _arms(task: Task) -> list[str]:
    """All respondents first, written as an empty string, then each arm of an experiment."""
    return ["", *(arm.key for arm in task.arms)] if task.is_experiment else [""]


def _in_arm(sample: Sample, arm: str) -> NDArray[np.bool_]:
    return np.ones(sample.n, dtype=bool) if arm == "" else np.asarray(sample.arm == arm)


def _distributions(task: Task, human: Sample, simulated: Sequence[Sample], survey: Survey) -> Iterator[Row]:
    exact = task.spec.interview.mode == "independent"
    for item in task.items:
        for arm in _arms(task):
            people = _in_arm(human, arm) & human.answered(item.name)
            chosen = human.answers[item.name][:, None] == np.arange(item.k)
            shares, errors = mean(chosen.astype(float), people, survey)
            model, n_simulated, basis = _simulated_shares(item, simulated, arm, exact)
            for k, option in enumerate(item.options):
                low, high = share_interval(shares[k], errors[k], people, survey)
                yield {
                    "item": item.name,
                    "question": item.words,
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
                    "count": int((people & chosen[:, k]).sum()),
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


def _means(task: Task, human: Sample, simulated: Sequence[Sample], survey: Survey) -> Iterator[Row]:
    """Means of items with values, with t intervals of the people's."""
    for item in task.items:
        if not item.ordered:
            continue
        values = np.asarray(item.values, dtype=float)
        for arm in _arms(task):
            people = _in_arm(human, arm) & human.answered(item.name)
            value, error = mean(values[human.answers[item.name]][:, None], people, survey)
            freedom = survey.design.take(people & (human.weight > 0)).degrees_of_freedom
            reach = float(stats.t.ppf(0.975, freedom) * error[0]) if freedom > 0 else float("nan")
            drawn = [
                float(np.average(values[sample.answers[item.name][rows]], weights=sample.weight[rows]))
                for sample in simulated
                for rows in (_in_arm(sample, arm) & sample.answered(item.name),)
                if sample.weight[rows].sum() > 0
            ]
            yield {
                "item": item.name,
                "arm": arm,
                "human": _number(value[0]),
                "human_se": _number(error[0]),
                "human_low": _number(value[0] - reach),
                "human_high": _number(value[0] + reach),
                "simulated": _mean(drawn),
                "n_human": int(people.sum()),
                "degrees_of_freedom": freedom,
            }


def _coefficients(task: Task, human: Sample, simulated: Sample) -> Iterator[Row]:
    for regression in task.spec.regressions:
        head: Row = {"regression": regression.name, "formula": regression.formula, "family": regression.family}
        head["event"] = task.event_label(regression)
        people, model = task.design(human, regression), task.design(simulated, regression)
        rule = task.spec.source.lonely_psu
        fits = [_fit(sample, design, regression, rule) for sample, design in ((human, people), (simulated, model))]
        truth = (task.spec.truth or {}).get(regression.name, {})
        known = known_coverage(regression.family, human)
        columns = people.X.shape[1]
        places = [j for j in range(len(fits[0].coefficient)) if j % columns]  # intercepts are left out
        for j, (term, block) in zip(places, people.coefficients, strict=True):
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
                "coverage": "" if known is None else str(known),
                "status": "not_estimable" if reasons else "ok",
                "reason": "; ".join(reasons),
            }


def _fit(sample: Sample, design: Any, regression: RegressionSpec, lonely_psu: LonelyPSU) -> Fit:
    rows = design.valid
    survey = survey_of(sample, lonely_psu)
    drawn = None if survey.plain else survey.design.take(rows)
    if design.outcomes:
        several = fit_ordered if regression.family == "ordered" else fit_multinomial
        y = design.y[rows].astype(np.int64)
        return several(design.X[rows], y, sample.weight[rows], len(design.outcomes), drawn)
    estimate = fit_ols if regression.family == "ols" else fit_logit
    return estimate(design.X[rows], design.y[rows], sample.weight[rows], drawn)


def _coefficient(side: str, fit: Fit, j: int) -> Row:
    values = {"": fit.coefficient, "_se": fit.error, "_low": fit.low, "_high": fit.high}
    return {f"{side}{suffix}": _number(column[j]) for suffix, column in values.items()} | {
        f"n_{side}": fit.n,
        f"errors_{side}": fit.errors,
    }


def _coherence(task: Task, human: Sample, simulated: Sequence[Sample], survey: Survey) -> Iterator[Row]:
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
                interval = _gap_interval(outcomes[0], _in_arm(human, arm), survey) if side == "people" else {}
                yield {"rule": rule.name, "side": side, "arm": arm, **row, **interval}


def _gap_interval(outcome: NDArray[np.int8], rows: NDArray[np.bool_], survey: Survey) -> Row:
    determined = rows & (outcome >= 0)
    gap, error = mean((outcome == 0).astype(float)[:, None], determined, survey)
    low, high = share_interval(float(gap[0]), float(error[0]), determined, survey)
    return {"gap_low": _number(low), "gap_high": _number(high)}


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
