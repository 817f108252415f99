"""What a task's people can decide, before any model runs and without any.

From people alone: what two halves of them reach on every measure (the reference of every card), what naive stand-ins reach,
the smallest excess over people and the smallest margin that can be decided, groups that are too small, and how many people
a model can be certified to be worth.

A study of another size is planned by taking that many of the people at random where there are enough of them, and
otherwise by the laws of `surveyeval.engine.power_laws`, where one is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from surveyeval.data.sample import Sample
from surveyeval.data.split import POOL_SHARE, SMALLEST_PILOT, Split, make_split
from surveyeval.data.weights import kish
from surveyeval.engine.evaluate import REFERENCE, evaluate
from surveyeval.engine.experiment import split_people
from surveyeval.engine.pairs import with_headlines
from surveyeval.engine.power_errors import Detectable, excess_errors, gain_errors
from surveyeval.engine.power_groups import ceilings, group_sizes
from surveyeval.engine.power_laws import DISTANCE, error_at, floor_at, law_of, value_at
from surveyeval.engine.power_margins import margins
from surveyeval.errors import ConfigError
from surveyeval.metric.protocol import Key, Metric
from surveyeval.progress import Progress, Silent
from surveyeval.task.human import HumanData
from surveyeval.task.task import Task

__all__ = ["FEWEST", "SPLITS", "Power", "plan"]

#: Random half splits.
SPLITS = 10
#: Random subsets of the people that stand for a smaller study.
SUBSETS = 3
#: Test people below which no half has anything to say.
FEWEST = 60

_KEY = ("metric", "name", "item", "group", "arm", "regression", "term", "rule", "block")
_FLOORS = ("floor", "uniform", "mode", "pooled", "marginal", "cell")


@dataclass(frozen=True, eq=False)
class Power:
    """What so many people can decide.

    Parameters
    ----------
    task, title, provenance : str
    sizes : mapping
        ``people``, ``pilot``, ``test``, ``half``, ``n_eff`` of the test people, ``at_hand`` people in the data.
    basis : str
        ``all``: the people at hand; ``resampled``: random subsets of them; ``scaled``: projected by simple laws.
    table : DataFrame
        A row for each headline: the columns of its key, ``axis``, ``direction``, ``status``, ``reason``, ``reference`` with
        ``low``, ``high`` and ``interval_method``, ``floor_name``, ``floor`` and one column for each other floor (``uniform``,
        ``mode``, ``pooled``, ``marginal``, ``cell``), ``floor_distance`` (from the reference to the floor), ``error`` (standard
        error of the excess), ``detectable`` (smallest excess; for individuals the smallest gain of one model over another),
        ``told`` (whether the floor is further away than that; None where either is not known), ``reached`` (whether rows of
        which most are uniform answers would be told from people; None where that is not known), ``law``, ``unit``.
    margins, groups, items : DataFrame
        See `surveyeval.engine.power_margins` and `surveyeval.engine.power_groups`.
    not_applicable : mapping of axis to reasons
        Axes that say nothing about the task.
    """

    task: str
    title: str
    provenance: str
    sizes: Mapping[str, float]
    basis: str
    table: pd.DataFrame
    margins: pd.DataFrame
    groups: pd.DataFrame
    items: pd.DataFrame
    not_applicable: Mapping[str, tuple[str, ...]]


def plan(
    task: Task,
    human: HumanData,
    metrics: Sequence[Metric],
    *,
    people: int | None = None,
    pilot: float = POOL_SHARE,
    splits: int = SPLITS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Power:
    """Find what so many people can decide.

    Parameters
    ----------
    task : Task
    human : HumanData
    metrics : sequence of Metric
    people : int, optional
        Pilot and test people together; default: as many as there are.
    pilot : float
        Below 1: share of all people; 1 and more: number of people.
    splits : int
        Random half splits of the reference and the floors.
    seed : int
    progress : Progress, optional

    Raises
    ------
    ConfigError
        When fewer than `FEWEST` test people would be left.
    """
    at_hand = human.sample.n
    wanted = people or at_hand
    n_pilot, n_test = _divide(wanted, pilot)
    if n_test < FEWEST:
        raise ConfigError(
            f"{wanted} people leave {n_test} test people beside a pilot of {n_pilot}, {FEWEST} are needed",
            hint="halves of fewer than 30 say nothing; plan for more people, or a smaller pilot",
        )
    progress = progress or Silent()
    studies = _studies(task, human, min(wanted, at_hand), pilot, seed)
    basis = "all" if wanted == at_hand else "resampled" if wanted < at_hand else "scaled"
    times = n_test / studies[0][1].n if basis == "scaled" else 1.0
    if basis == "resampled" and task.spec.source.lonely_psu == "error":
        # subsets leave strata with one PSU, which is no fault of the data
        source = task.spec.source.model_copy(update={"lonely_psu": "collapse"})
        task = replace(task, spec=task.spec.model_copy(update={"source": source}))
    found = [_measure(task, one, metrics, seed, splits, len(studies), times, progress) for one in studies]
    table = _average([one[0] for one in found])
    test = studies[0][1]
    groups = group_sizes(task, test, times=times)
    if basis == "scaled":
        table = _scaled(table, times, _joining(group_sizes(task, test), groups))
    planned = margins(task, test, seed=seed, times=times)
    half = sum(int(n * times) // 2 for n in np.unique(test.arm.astype(str), return_counts=True)[1])
    sizes = {
        "people": wanted, "pilot": n_pilot, "test": n_test, "half": half, "n_eff": float(kish(test.weight)) * times,
        "at_hand": at_hand,
    }  # fmt: skip
    return Power(
        task.name, task.title, human.provenance, sizes, basis, _judged(table), planned,
        groups, ceilings(task, test, times=times), found[0][1],
    )  # fmt: skip


def _divide(people: int, pilot: float) -> tuple[int, int]:
    """Number of pilot and of test people among so many, as `surveyeval.data.split` divides them."""
    order = np.arange(people)
    boundary = min(max(round(POOL_SHARE * people), SMALLEST_PILOT), people // 2)
    informed, tested = Split(order, order[:boundary], order[boundary:], "").divide(pilot)
    return len(informed), len(tested)


def _studies(task: Task, human: HumanData, people: int, pilot: float, seed: int) -> list[tuple[Sample, Sample]]:
    """Pilot and test people: those of every run, or of random subsets balanced over arms."""
    sample = human.sample
    if people == sample.n:
        pilot_rows, test_rows = split_people(task, human).divide(pilot)
        return [(sample.take(pilot_rows), sample.take(test_rows))]
    found = []
    for number in range(SUBSETS):
        key = f"power {seed} {number}"
        subset = sample.take(make_split(sample, key).order[:people])
        pilot_rows, test_rows = make_split(subset, key).divide(pilot)
        found.append((subset.take(pilot_rows), subset.take(test_rows)))
    return found


def _measure(
    task: Task, study: tuple[Sample, Sample], metrics: Sequence[Metric], seed: int, splits: int, studies: int,
    times: float, progress: Progress,
) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:  # fmt: skip
    """Headlines with reference, floors and what is detectable; axes that do not apply."""
    pilot, test = study
    applicable = with_headlines(task, test, pilot, metrics)
    progress.phase("people against people", splits)
    position = [0]

    def count(done: int, total: int) -> None:
        progress.advance(done - position[0])
        position[0] = done

    estimates = evaluate(
        task, test, {}, pilot, metrics=applicable, seed=seed, splits=splits, progress=count, tests=False
    )
    progress.finish()
    smallest = excess_errors(
        task, test, pilot, applicable, seed=seed, divisions=1 if studies > 1 else 2, times=times, progress=progress
    ) | gain_errors(task, test, pilot, applicable, seed=seed, times=times)
    by_key = {(metric, *_of_key(key)[1:]): one for (metric, key), one in smallest.items()}
    headlines = estimates[estimates["headline"]]
    floors = headlines[headlines["quantity"] == "floor"]
    values = {
        (*(row[name] for name in _KEY), str(row["model"]).removeprefix("baseline:")): row["value"]
        for row in floors.to_dict("records")
    }
    rows, units = [], {metric.spec.name: metric.spec.unit for metric in applicable}
    for row in headlines[(headlines["quantity"] == "reference") & (headlines["model"] == REFERENCE)].to_dict("records"):
        key = tuple(row[name] for name in _KEY)
        one = by_key.get(key, Detectable(np.nan, np.nan, np.nan))
        own = {name: values.get((*key, name), np.nan) for name in ("uniform", "mode", "pooled", "marginal", "cell")}
        shared = (*_KEY, "axis", "direction", "status", "reason", "interval_method", "floor_name", "low", "high")
        measured = {"error": one.error, "detectable": one.smallest, "reached": one.reached}
        known = {"law": law_of(row["metric"]), "unit": units[row["metric"]]}
        values_of = {"reference": row["value"], "floor": own.get(row["floor_name"], np.nan), **own}
        rows.append({**{name: row[name] for name in shared}, **values_of, **measured, **known})
    return pd.DataFrame(rows).astype({"reached": object}), _inapplicable(
        task, metrics, {metric.spec.axis for metric in applicable}
    )


def _of_key(key: Key) -> tuple[str, ...]:
    return ("", key.name, key.item, key.group, key.arm, key.regression, key.term, key.rule, key.block)


def _inapplicable(task: Task, metrics: Sequence[Metric], shown: set[str]) -> dict[str, tuple[str, ...]]:
    reasons: dict[str, list[str]] = {}
    for metric in metrics:
        reason = metric.applicable(task)
        if metric.spec.axis not in shown and reason:
            reasons.setdefault(metric.spec.axis, []).append(reason)
    return {axis: tuple(dict.fromkeys(said)) for axis, said in reasons.items()}


def _average(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Mean over random subsets; errors by their variances. A line that some subset lacks keeps the status of the first."""
    if len(tables) == 1:
        return tables[0]
    first = tables[0].copy()
    indexed = [table.set_index(list(_KEY)) for table in tables]
    for position, row in enumerate(first[list(_KEY)].itertuples(index=False, name=None)):
        own = [table.loc[[row]].iloc[0] for table in indexed if row in table.index]
        for name in ("reference", "low", "high", "floor", "uniform", "mode", "pooled", "marginal", "cell"):
            first.loc[position, name] = np.mean([one[name] for one in own])
        for name in ("error", "detectable"):
            first.loc[position, name] = np.sqrt(np.mean([one[name] ** 2 for one in own]))
        reached = [one["reached"] for one in own]
        first.loc[position, "reached"] = None if None in reached and False not in reached else all(reached)
        failed = next((one for one in own if one["status"] != "ok"), None)
        if failed is not None:
            first.loc[position, "status"], first.loc[position, "reason"] = failed["status"], failed["reason"]
    return first


def _joining(now: pd.DataFrame, then: pd.DataFrame) -> set[str]:
    """Subgroups of which a group is too small now and will not be then."""
    joining = (now["status"] == "skipped") & (then["status"] != "skipped")
    return set(now.loc[joining, "kind"])


def _scaled(table: pd.DataFrame, times: float, joining: set[str]) -> pd.DataFrame:
    """Projected by the law of each metric; what has none is withheld with the reason. Errors are projected already."""
    scaled = table.copy()
    for position, row in enumerate(table.to_dict("records")):
        law, metric = row["law"], row["metric"]
        reason = "" if law else "no simple law says how it changes with the number of people"
        if law == DISTANCE and row["group"] in joining:  # a mean over groups that are large enough
            reason = "groups that are too small here would count with so many people"
        if reason and row["status"] == "ok":
            scaled.loc[position, ["reference", "low", "high", "error", "detectable", *_FLOORS]] = np.nan
            scaled.loc[position, "status"], scaled.loc[position, "reason"] = "not_estimable", reason
            continue
        value = value_at(metric, row["reference"], times)
        scaled.loc[position, "reference"] = value
        for side in ("low", "high"):  # an interval shrinks around its value
            scaled.loc[position, side] = value + error_at(metric, row[side] - row["reference"], times)
        for name in _FLOORS:
            # how well a floor predicts individuals depends on how much of a pilot it has learned from
            individual = row["axis"] == "individual"
            scaled.loc[position, name] = np.nan if individual else floor_at(metric, row[name], row["reference"], times)
    return scaled


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    """Add how far the floor is from the reference, and whether that can be told."""
    sign = table["direction"].map({"lower": 1.0, "higher": -1.0, "target": 1.0})
    distance = (table["floor"] - table["reference"]) * sign
    distance = distance.where(table["direction"] != "target", distance.abs())
    # losses of counts are logarithms of ratios
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(np.log(table["floor"].astype(float) / table["reference"].astype(float)))
    distance = distance.where(table["unit"] != "count", ratio)
    told = pd.Series(
        [bool(d >= s) if np.isfinite(d) and np.isfinite(s) else None for d, s in zip(distance, table["detectable"], strict=True)],
        dtype=object, index=table.index,
    )  # fmt: skip
    return table.assign(floor_distance=distance, told=told)
