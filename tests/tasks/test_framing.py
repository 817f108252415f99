"""The human results of framing: what shows that labels are reversed, counts, rules, associations, regressions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from surveyeval.data.sample import Sample
from surveyeval.data.sources import open_source
from surveyeval.metric.association import Association, spearman
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.render import interviews
from surveyeval.task.task import Task
from tests.tasks.printed import (
    assert_printed,
    coefficients,
    gap,
    n_patterns,
    printed_as,
    shuffled_patterns,
    tables,
)

TASK = Path(__file__).parents[2] / "tasks" / "framing"


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(str(TASK))


@pytest.fixture(scope="module")
def people(task: Task) -> Sample:
    return load_human(task).sample


@pytest.fixture(scope="module")
def raw(task: Task) -> pd.DataFrame:
    """The file as the package ships it, labels and all."""
    frame = open_source(task.spec.source.use, TASK).frame
    numbers = ["cond", "emo", "p_harm", "tone", "eth", "treat", "immigr", "anti_info", "cong_mesg"]
    return frame.assign(**{name: pd.to_numeric(frame[name]) for name in numbers})


@pytest.fixture(scope="module")
def found(task: Task, people: Sample) -> dict[str, Any]:
    return tables(task, people)


def value(task: Task, people: Sample, name: str) -> np.ndarray:
    return task.column(people, name).values.astype(float)


def test_people_and_arms(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    assert people.n == 265
    assert (people.profile["education"] == "less than high school").sum() == 20
    assert not people.weighted
    condition = {"1": "1+1", "2": "1+0", "3": "0+1", "4": "0+0"}  # negative or positive, Latino or European
    assert (people.arm == raw.cond.astype(int).astype(str).map(condition).to_numpy()).all()
    assert sorted((people.arm == arm.key).sum() for arm in task.arms) == [63, 67, 67, 68]
    assert (value(task, people, "treat") == raw.treat).all()


def test_every_arm_has_its_story(task: Task, people: Sample) -> None:
    first = {arm.key: int(np.flatnonzero(people.arm == arm.key)[0]) for arm in task.arms}
    for key, row in first.items():
        (interview,) = interviews(task, people.take(np.array([row])))
        tone, origin = key.split("+")
        assert ("wages fall" in interview.opening) == (tone == "1")
        assert ("taxes are paid" in interview.opening) == (tone == "0")
        assert ("Jose" in interview.opening) == (origin == "1")
        assert ("Nikolai" in interview.opening) == (origin == "0")


def test_labels_of_anxiety_are_reversed_in_the_package(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    by_label = raw.groupby("anx")[["p_harm", "immigr", "cong_mesg"]].mean()
    assert by_label.loc["not anxious at all"].round(2).tolist() == [7.69, 3.69, 0.56]
    assert by_label.loc["very anxious"].round(2).tolist() == [4.48, 2.48, 0.15]
    # as labelled, the story about costs and a Latino would lower anxiety
    order = ["not anxious at all", "a little anxious", "somewhat anxious", "very anxious"]
    as_labelled = raw.anx.map(order.index)
    assert as_labelled[raw.treat == 1].mean() < as_labelled[raw.treat == 0].mean() - 0.4
    recode = task.item("anx").spec.recode
    assert recode is not None
    assert [recode.map[label] for label in order] == ["4", "3", "2", "1"]
    assert (value(task, people, "anx") == 4 - as_labelled).all()


def test_labels_of_english_are_reversed_in_the_package(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    assert (raw.english == "Strongly Oppose").sum() == 151
    order = ["Strongly Oppose", "Oppose", "Favor", "Strongly Favor"]
    assert stats.spearmanr(raw.english.map(order.index), raw.immigr).statistic == printed_as("-.41")
    assert stats.spearmanr(value(task, people, "english"), raw.immigr).statistic == printed_as(".41")
    strongly = task.item("english").codes.index("4")
    assert task.item("english").labels[strongly] == "strongly favor"
    assert (people.answers["english"] == strongly).sum() == 151


def test_sums_of_questions_are_no_questions(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    """emo rises with harm, against the manual, and contains anxiety: it is left out. p_harm is one worded question."""
    assert stats.spearmanr(raw.emo, raw.p_harm).statistic == printed_as(".72")
    assert stats.spearmanr(raw.emo, value(task, people, "anx")).statistic == printed_as(".89")
    assert (raw.emo.min(), raw.emo.max()) == (3, 12)
    used = {item.spec.column for item in task.items} | {field.column for field in task.spec.profile.values()}
    assert "emo" not in used
    assert task.item("p_harm").values.tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert all(item.spec.wording == "assumed" for item in task.items)


def test_patterns_and_actions(task: Task, people: Sample) -> None:
    assert set(task.patterns) == {"p_harm", "anx", "immigr", "english"}
    assert n_patterns(people, task.patterns) == 111
    assert shuffled_patterns(people, task.patterns, 100) == pytest.approx(149, abs=2)
    assert people.answers["cong_mesg"].sum() == 88
    assert people.answers["anti_info"].sum() == 29


def test_rules(task: Task, people: Sample, raw: pd.DataFrame, found: dict[str, Any]) -> None:
    whole, senders, believers = (task.coherence(people, rule) for rule in task.spec.coherence)
    convinced = (raw.immigr == 4) & (raw.p_harm >= 6)
    np.testing.assert_array_equal(whole == 1, convinced == (raw.cong_mesg == 1))
    assert gap(whole) == printed_as(".268")
    assert gap(senders) == printed_as(".33")
    assert (senders >= 0).sum() == 88
    assert gap(believers) == pytest.approx(((raw.cong_mesg == 0) & convinced).sum() / convinced.sum())
    assert gap(believers) == printed_as(".42")
    rows = [row for row in found["coherence"] if row["rule"] == "message as believed" and row["arm"] == ""]
    assert rows[0]["gap"] == printed_as(".268")


def test_rule_with_messages_shuffled_within_arms(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    rng = np.random.default_rng(1)
    rule = task.spec.coherence[0]
    gaps = []
    for _ in range(100):
        sent = people.answers["cong_mesg"].copy()
        for arm in task.arms:
            rows = np.flatnonzero(people.arm == arm.key)
            sent[rows] = sent[rng.permutation(rows)]
        gaps.append(gap(task.coherence(people.with_answers(dict(people.answers) | {"cong_mesg": sent}), rule)))
    assert np.mean(gaps) == pytest.approx(0.450, abs=0.01)
    # in closed form, from the shares of believers and of senders in each arm
    convinced, sends = (raw.immigr == 4) & (raw.p_harm >= 6), raw.cong_mesg == 1
    by_arm = pd.DataFrame({"b": convinced, "s": sends, "arm": people.arm}).groupby("arm")
    chance = by_arm.mean().eval("b * (1 - s) + (1 - b) * s") @ by_arm.size() / people.n
    assert np.mean(gaps) == pytest.approx(chance, abs=0.005)
    assert 1 - gap(task.coherence(people, rule)) / chance == printed_as(".405")


def test_associations(task: Task, people: Sample, raw: pd.DataFrame) -> None:
    printed = {"immigr": ".42", "p_harm": ".43", "anx": ".32"}
    for item, text in printed.items():
        table = np.zeros((task.item(item).k, 2))
        np.add.at(table, (people.answers[item], people.answers["cong_mesg"]), 1)
        assert spearman(table) == printed_as(text)
        assert stats.spearmanr(value(task, people, item), raw.cong_mesg).statistic == printed_as(text)
    ones = np.ones((1, people.n))
    values = Association().compare(task, people, people, people, {}).values(ones, ones, 0)
    assert [key.item for key in values.keys] == ["", *printed]
    assert values.keys[0].headline
    assert (values.loss == 0).all()


def test_regressions(found: dict[str, Any]) -> None:
    ours = coefficients(found)
    assert_printed(ours, "anxiety", {"treat": ".447 (.132)"})
    assert_printed(ours, "opposition", {"treat": ".418 (.123)", "bachelor": "-.76 (.13)", "some_college": "-.53 (.14)"})
    assert_printed(ours, "harm", {"costs": ".53 (.31)", "latino": "-.26 (.31)", "costs:latino": ".33 (.43)"})
    assert_printed(
        ours,
        "message",
        {"treat": ".105 (.067)", "bachelor": "-.167 (.071)", "man": ".123 (.058)", "income": ".020 (.007)"},
    )
    assert_printed(
        ours,
        "message on beliefs",
        {
            "immigr": ".60 (.22)",
            "p_harm": ".42 (.13)",
            "anx": ".24 (.19)",
            "treat": ".03 (.35)",
            "man": ".57 (.31)",
            "income": ".12 (.04)",
        },
    )


def test_no_regression_of_the_information_in_the_arm_with_one_request(task: Task, people: Sample) -> None:
    """One of 67: every half split is separated, so that its regression would need Firth's logit or a linear model."""
    rows = people.arm == "0+1"
    assert (rows.sum(), people.answers["anti_info"][rows].sum()) == (67, 1)
    assert not any(regression.formula.startswith("anti_info") for regression in task.spec.regressions)
