"""The worst group against a plain computation with loops, and against a fault planted in one group."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon

from surveyeval.data.sample import Sample
from surveyeval.engine.evaluate import evaluate
from surveyeval.metric.resampling import halves, jackknife_groups
from surveyeval.metric.worst_group import WorstGroup
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task

SPLITS = 5


@cache
def people() -> tuple[Task, Sample, Sample]:
    task = load_task("anes96")
    human = load_human(task).sample
    return task, human.take(np.arange(300, human.n)), human.take(np.arange(300))


def _spoilt(task: Task, human: Sample) -> Sample:
    """Everybody's own answers, but the second age band gives the first option throughout."""
    index, _ = task.groups(human, "age_band")
    answers = {name: np.where(index == 1, 0, column) for name, column in human.answers.items()}
    return human.with_answers(answers, states=human.states)


@cache
def table() -> pd.DataFrame:
    task, human, pilot = people()
    copies = [human.with_answers(human.answers, states=human.states)]
    simulated = {"copy": copies, "spoilt": [_spoilt(task, human)], "draws": [*copies, _spoilt(task, human)]}
    return evaluate(task, human, simulated, pilot, metrics=[WorstGroup()], splits=SPLITS)


def _row(quantity: str, model: str, name: str = "worst_group", group: str = "age_band") -> pd.Series:
    rows = table()
    rows = rows[
        (rows["quantity"] == quantity) & (rows["model"] == model) & (rows["name"] == name) & (rows["group"] == group)
    ]
    assert len(rows) == 1
    return rows.iloc[0]


def _distances(sample: Sample) -> np.ndarray:
    """(splits, groups) distances within the age bands, by loops."""
    task, human, _ = people()
    index, labels = task.groups(human, "age_band")
    group = jackknife_groups(human.arm, 0)
    result = np.zeros((SPLITS, len(labels)))
    for split in range(SPLITS):
        weights = halves(human.arm, group, 0, split)
        for direction in (0, 1):
            a, b = weights.human[direction] > 0, weights.simulated[direction] > 0
            for k in range(len(labels)):
                found = []
                for item in task.items:
                    one = human.answers[item.name][a & (index == k) & human.answered(item.name)]
                    two = sample.answers[item.name][b & (index == k) & sample.answered(item.name)]
                    found.append(
                        jensenshannon(np.bincount(one, minlength=item.k), np.bincount(two, minlength=item.k), 2)
                    )
                result[split, k] += np.mean(found) / 2
    return result


def test_values_are_those_of_a_plain_computation() -> None:
    task, human, _ = people()
    index, _ = task.groups(human, "age_band")
    assert (np.bincount(index[index >= 0]) / 2 > 35).all()  # all groups are ranked
    reference, own = _distances(human), _distances(_spoilt(task, human))
    for quantity, model, distances in (("reference", "human-half", reference), ("matched", "spoilt", own)):
        excess = distances - reference.mean(axis=0)
        worst = (excess / reference.std(axis=0, ddof=1)).max(axis=1)
        row = _row(quantity, model)
        assert row["value"] == pytest.approx(worst.mean())
        assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(worst, [0.025, 0.975])))
        assert row["interval_method"] == "band over splits"
        gap = excess.max(axis=1) - excess.min(axis=1)
        assert _row(quantity, model, "group_gap")["value"] == pytest.approx(gap.mean())


def test_an_exact_copy_is_at_its_reference() -> None:
    for name in ("worst_group", "group_gap"):
        assert _row("matched", "copy", name)["value"] == _row("reference", "human-half", name)["value"]
        assert _row("excess", "copy", name)["value"] == 0
    assert 0 < _row("reference", "human-half")["value"] < 3  # the largest of four is above 0 for people too


def test_the_group_with_the_fault_is_named() -> None:
    _, labels = people()[0].groups(people()[1], "age_band")
    row = _row("matched", "spoilt")
    assert row["reason"].startswith(f"worst: {labels[1]}, +")
    assert row["value"] > 5
    assert np.isnan(_row("excess", "spoilt")["low"])  # a maximum has a band and no interval
    rows = table()
    assert not (rows["quantity"] == "recovered").any()
    assert not (rows["quantity"] == "estimate").any()


def test_draws_are_averaged() -> None:
    mean = (_row("matched", "copy")["value"] + _row("matched", "spoilt")["value"]) / 2
    assert _row("matched", "draws")["value"] == pytest.approx(mean)


def test_groups_that_are_too_small_to_rank_leave_nothing_to_compare() -> None:
    task, human, pilot = people()
    few = human.take(np.arange(70))
    rows = evaluate(
        task, few, {"copy": [few.with_answers(few.answers, states=few.states)]}, pilot,
        metrics=[WorstGroup()], splits=3,
    )  # fmt: skip
    rows = rows[(rows["quantity"] == "matched") & (rows["group"] == "age_band")]
    assert set(rows["status"]) == {"too_small"}
    assert "fewer than two groups" in rows.iloc[0]["reason"]
