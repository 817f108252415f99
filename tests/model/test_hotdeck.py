"""The hot deck against distances by hand and a search by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from surveyeval.data.sample import Sample, State
from surveyeval.errors import CapabilityError
from surveyeval.model.baselines import make_baseline
from surveyeval.model.hotdeck import NEIGHBOURS, HotDeck, gower
from surveyeval.model.protocol import Answers, Interviews
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task
from tests.model.helpers import ask, make_sample, make_task


def deck(task: Task, pilot: Sample, *hidden: str) -> HotDeck:
    law = HotDeck(frozenset(hidden))
    law.fit(task, pilot)
    return law


def first_uniform(task: Task, people: Sample, uniforms: np.ndarray) -> Interviews:
    return Interviews(task, people.without_answers(), np.column_stack([uniforms, np.zeros(len(uniforms))]))


def vectors(answers: Answers) -> list[tuple[int, ...]]:
    return list(zip(*(column.tolist() for column in answers.answers.values()), strict=True))


def test_gower_distance_by_hand() -> None:
    task = make_task()
    donors = make_sample(
        task, {"belief": [0] * 4, "act": [0] * 4}, age=["20", "60", "40", None], sex=["f", "m", None, "m"]
    )
    people = make_sample(task, {"belief": [0] * 3, "act": [0] * 3}, age=["30", "90", None], sex=["f", "m", None])
    expected = [
        [(10 / 40 + 0) / 2, (30 / 40 + 1) / 2, (10 / 40 + 1) / 2, 1],
        [1, (30 / 40 + 0) / 2, 1, 1 / 2],  # 70 and 50 years are more than the range of donors
        [1, 1, 1, 1],
    ]
    np.testing.assert_allclose(gower(task, list(task.profile.values()), people, donors), expected)


def test_donors_are_the_nearest_of_the_arm_with_ties_and_their_weights() -> None:
    task = make_task()
    ages = ["40", "41", "42", "43", "44", "44", "60", "40"]
    pilot = make_sample(
        task, {"belief": [0, 1, 2, 0, 1, 2, 0, 1], "act": [0] * 8}, arm=["c"] * 7 + ["t"], age=ages,
        weight=[1, 2, 3, 4, 5, 6, 7, 8],
    )  # fmt: skip
    people = make_sample(task, {"belief": [0], "act": [0]}, arm=["c"], age=["40"])
    # The fifth nearest is 44 years old, and so is another one; the person of 60 and the other arm are out.
    np.testing.assert_array_equal(deck(task, pilot).donors(task, people), [[1, 2, 3, 4, 5, 6, 0, 0]])


def test_the_neighbourhood_equals_a_search_by_brute_force() -> None:
    task = load_task("disclosure")
    people = load_human(task).sample.take(np.arange(300))
    pilot, test = people.take(np.arange(200)), people.take(np.arange(200, 240))
    near = deck(task, pilot).donors(task, test) > 0
    age = np.array([float(code) for code in pilot.profile["age"]])
    nominal = [name for name in task.profile if name != "age"]
    assert nominal
    for row in range(test.n):
        distances = []
        for donor in range(pilot.n):
            apart = min(abs(float(test.profile["age"][row]) - age[donor]) / (age.max() - age.min()), 1)
            apart += sum(test.profile[name][row] != pilot.profile[name][donor] for name in nominal)
            distances.append(apart if pilot.arm[donor] == test.arm[row] else np.inf)
        reach = sorted(distances)[NEIGHBOURS - 1]
        np.testing.assert_array_equal(near[row], [distance <= reach + 1e-9 for distance in distances])


def test_the_share_of_each_donor_is_its_share_of_the_weights() -> None:
    task = make_task()
    pilot = make_sample(task, {"belief": [0, 1, 2], "act": [0, 1, 0]}, weight=[1, 2, 5])
    grid = (np.arange(800) + 0.5) / 800
    people = make_sample(task, {"belief": [0] * 800, "act": [0] * 800})
    drawn = deck(task, pilot).answer(first_uniform(task, people, grid)).answers["belief"]
    np.testing.assert_array_equal(np.bincount(drawn), [100, 200, 500])


def test_all_answers_come_from_one_donor() -> None:
    task = load_task("anes96")
    people = load_human(task).sample
    pilot, test = people.take(np.arange(60)), people.take(np.arange(60, 400))
    given = deck(task, pilot).answer(ask(task, test.without_answers()))
    donors = {tuple(int(pilot.answers[item.name][row]) for item in task.items) for row in range(pilot.n)}
    assert set(vectors(given)) <= donors
    assert len(set(vectors(given))) > 30


def test_answers_that_the_donor_did_not_give_stay_absent_with_the_donors_state() -> None:
    task = make_task()
    pilot = make_sample(task, {"belief": [-1, -1], "act": [1, -1]}, missing=State.DONT_KNOW, weight=[1, 1000])
    people = make_sample(task, {"belief": [0], "act": [0]})
    for uniform in (0.0, 0.999):  # who answered nothing is no donor, at any weight
        given = deck(task, pilot).answer(first_uniform(task, people, np.array([uniform])))
        assert vectors(given) == [(-1, 1)]
        assert given.states is not None
        assert [given.states[name][0] for name in ("belief", "act")] == [State.DONT_KNOW, State.ANSWERED]


def test_an_arm_without_donors_takes_those_of_all_arms_and_the_banner_says_so() -> None:
    task = make_task()
    pilot = make_sample(task, {"belief": [0, 1, 2], "act": [0, 1, 0]}, arm=["c"] * 3)
    baseline = make_baseline("hotdeck")
    baseline.fit(task, pilot)
    people = make_sample(task, {"belief": [0], "act": [0]}, arm=["t"])
    assert baseline.answer(ask(task, people.without_answers())).answers["belief"][0] in (0, 1, 2)
    assert baseline.banners() == ("Nobody of the pilot was in treated: the pilot's other arms stand in.",)
    with pytest.raises(CapabilityError, match="hotdeck"):
        baseline.log_prob(ask(task, people.without_answers()), people)


def test_without_profile_everybody_of_the_arm_is_a_donor() -> None:
    task = make_task()
    pilot = make_sample(task, {"belief": [0] * 9, "act": [0] * 9}, age=[str(20 + i) for i in range(9)])
    people = make_sample(task, {"belief": [0], "act": [0]}, age=["20"])
    np.testing.assert_array_equal(deck(task, pilot, "age", "sex").donors(task, people), np.ones((1, 9)))
