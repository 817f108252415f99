"""The exact law of `disclosure`, and what exchanging profiles does to it: nothing that a population axis sees."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from surveyeval import api
from surveyeval.data.sample import Sample
from surveyeval.data.split import make_split
from surveyeval.engine.evaluate import evaluate
from surveyeval.model.protocol import Interviews
from surveyeval.model.scripted import Scripted
from surveyeval.model.scripts import exchange
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task
from tests.model.disclosure_law import ITEMS, DisclosureLaw

PROFILE = ("age", "gender", "ethnicity", "education")


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("disclosure")


@pytest.fixture(scope="module")
def swapped() -> Scripted:
    model = Scripted("swapped")
    model._inner = DisclosureLaw()
    model.capabilities = model._inner.capabilities
    return model


def crowd(task: Task, n: int) -> Sample:
    """Many people from the shipped generator."""
    path = Path(__file__).parents[2] / "tasks" / "disclosure" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate_disclosure", path)
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    columns = generator.generate(7, n)
    answers = {}
    for item in task.items:
        index = {code: number for number, code in enumerate(item.codes)}
        answers[item.name] = np.array([index[str(code)] for code in columns[item.name]], dtype=np.int64)
    people = Sample(
        columns["respondent"].astype(object),
        columns["arm"].astype(object),
        profile={name: columns[name].astype(str).astype(object) for name in PROFILE},
    )
    return people.with_answers(answers, simulated=False)


def test_the_law_is_that_of_the_generator(task: Task) -> None:
    """Residuals of every option, also against arms, earlier answers and profile, have mean 0 (|z| < 4.5)."""
    people = crowd(task, 40_000)
    interviews = Interviews(task, people, np.zeros((people.n, len(ITEMS))))
    law = DisclosureLaw()
    known = [people.arm == arm.key for arm in task.arms]
    known += [
        people.profile["gender"] == "Man",
        people.profile["age"].astype(float) > 40,
        np.ones(people.n, dtype=bool),
    ]
    scores = law.log_prob(interviews, people)
    for item in task.items:
        for option in range(item.k):
            fixed = people.with_answers({**people.answers, item.name: np.full(people.n, option, dtype=np.int64)})
            p = np.exp(law.log_prob(interviews, fixed)[item.name])
            residual = (people.answers[item.name] == option) - p
            for rows in known:
                z = residual[rows].sum() / np.sqrt((p * (1 - p))[rows].sum())
                assert abs(z) < 4.5, (item.name, option, z)
        known += [people.answers[item.name] == option for option in range(item.k)]
    assert all(np.isfinite(column).all() for column in scores.values())


def test_the_true_profiles_score_better_than_any_exchange_of_them(task: Task) -> None:
    """Permutation test of the profiles within arms, p = (1 + number as good) / 100; age and gender have true effects."""
    people = load_human(task).sample
    law, numbers = DisclosureLaw(), np.zeros((people.n, len(ITEMS)))
    own = sum(law.log_prob(Interviews(task, people, numbers), people).values()).sum()
    rng = np.random.default_rng(3)
    others = []
    for _ in range(99):
        order = exchange(people.arm, rng)
        given = replace(people, profile={name: column[order] for name, column in people.profile.items()})
        others.append(sum(law.log_prob(Interviews(task, given, numbers), people).values()).sum())
    assert (1 + (np.array(others) >= own).sum()) / 100 <= 0.01


def test_swapped_personas_pass_the_population_axes_and_are_seen_by_the_joint_log_loss(
    task: Task, swapped: Scripted
) -> None:
    everybody = load_human(task)
    pilot_rows, test_rows = make_split(everybody.sample, "law").divide(0.25)
    human, pilot = everybody.sample.take(test_rows), everybody.sample.take(pilot_rows)
    interviews = Interviews(task, human.without_answers(), np.random.default_rng(1).random((human.n, len(ITEMS))))
    simulated, bits = {}, {}
    for name, model in (("law", DisclosureLaw()), ("swapped", swapped)):
        scores = model.log_prob(interviews, human)
        bits[name] = -sum(scores.values()) / np.log(2)
        simulated[name] = [human.with_answers(model.answer(interviews).answers, log_prob=scores)]

    loss = bits["swapped"] - bits["law"]
    assert loss.mean() > 1.96 * loss.std() / np.sqrt(human.n)

    names = ("js_distance", "unique_patterns", "structure_ratio", "coverage", "gap", "coherence", "joint_log_loss")
    metrics = [metric for metric in api.metrics() if metric.spec.name in names]
    table = evaluate(task, human, simulated, pilot, metrics=metrics, splits=10)
    headline = table[table["headline"] & (table["model"] == "swapped")]
    excess = headline[headline["quantity"] == "excess"].set_index("metric")
    assert set(excess.index) == set(names) - {"joint_log_loss"}
    assert ((excess["low"] <= 0) & (excess["high"] >= 0)).all(), excess[["value", "low", "high"]]
    measured = table[table["headline"] & (table["metric"] == "joint_log_loss") & (table["quantity"] == "estimate")]
    measured = measured.set_index("model")["value"]
    assert measured["law"] == pytest.approx(bits["law"].mean())
    assert measured["swapped"] == pytest.approx(bits["swapped"].mean())
