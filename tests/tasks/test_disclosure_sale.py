"""The human results of disclosure_sale: three shares and their differences; what the task cannot say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

from surveyeval.data.sample import Sample
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.render import interviews
from surveyeval.task.task import Task
from tests.tasks.printed import assert_printed, coefficients, printed_as, tables

TASK = Path(__file__).parents[2] / "tasks" / "disclosure_sale"


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(str(TASK))


@pytest.fixture(scope="module")
def people(task: Task) -> Sample:
    return load_human(task).sample


def test_shares(task: Task, people: Sample) -> None:
    assert people.n == 219
    counts = {arm.key: int(people.answers["response"][people.arm == arm.key].sum()) for arm in task.arms}
    assert counts == {"general": 2, "pos_assumption": 23, "neg_assumption": 36}
    assert {int((people.arm == arm.key).sum()) for arm in task.arms} == {73}
    found: Any = tables(task, people)["distributions"]
    shares = {row["arm"]: row["human"] for row in found if row["option"] == "disclose" and row["arm"]}
    assert shares["general"] == printed_as(".027")
    assert shares["pos_assumption"] == printed_as(".315")
    assert shares["neg_assumption"] == printed_as(".493")


def test_effects(task: Task, people: Sample) -> None:
    ours = coefficients(tables(task, people))
    assert_printed(ours, "disclosure", {"positive": ".288 (.058)", "negative": ".466 (.062)"})


def test_effects_on_the_logit_scale(task: Task, people: Sample) -> None:
    design = task.design(people, task.spec.regressions[0])
    fit = sm.Logit(design.y, design.X).fit(disp=0)
    assert fit.params[1:] == pytest.approx([2.79, 3.54], abs=0.01)
    assert fit.bse[1:] == pytest.approx([0.76, 0.75], abs=0.01)


def test_half_splits_have_empty_cells_half_of_the_time(people: Sample) -> None:
    """Two sellers disclose after the general question; both fall into the same half with probability 35/73 or 36/73."""
    rng = np.random.default_rng(1)
    told = people.answers["response"][people.arm == "general"]
    empty = []
    for _ in range(4000):
        first = rng.permutation(told)[: 36 + rng.integers(2)]
        empty.append(first.sum() in (0, 2))
    assert np.mean(empty) == pytest.approx(0.49, abs=0.02)


def test_everybody_in_an_arm_reads_the_same(task: Task, people: Sample) -> None:
    asked = interviews(task, people)
    by_arm = {arm.key: {asked[row].opening for row in np.flatnonzero(people.arm == arm.key)} for arm in task.arms}
    assert all(len(openings) == 1 for openings in by_arm.values())
    assert len(set.union(*by_arm.values())) == 3
    assert task.spec.interview.mode == "independent"


def test_what_it_has_not(task: Task) -> None:
    assert not task.profile
    assert not task.spec.subgroups
    assert not task.spec.cells
    assert not task.patterns
    assert not task.spec.coherence
    assert [item.role for item in task.items] == ["action"]
    assert task.items[0].spec.wording == "assumed"
