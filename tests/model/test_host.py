"""What the host makes of scores: probabilities, draws and log-probabilities, with and without the pilot."""

from __future__ import annotations

import numpy as np
import pytest

from surveyeval.data.sample import State
from surveyeval.model import host
from surveyeval.model.calibrate import Calibration
from surveyeval.model.host import Preparation
from surveyeval.model.protocol import Request
from surveyeval.task.interview import Interview
from surveyeval.task.render import interviews as render
from tests.model.helpers import ask, make_sample
from tests.model.scorers import MASS, WordScorer, survey

ANSWERS = {"belief": [0, 1, 2, 1, 0, 2], "trust": [3, 0, -1, 2, 1, 1], "act": [0, 1, 1, -1, 0, 1]}
CALIBRATION = Calibration(2.0, {"act": (1.0, -1.0), "belief": (0.5, 0.0, -0.5)})


def letters(interview: Interview, j: int, index: int) -> str:
    question = interview.questions[j]
    return question.answers[question.order.index(index)]


def by_hand(model: WordScorer, request: Request, order: tuple[int, ...]) -> np.ndarray:
    """Renormalised probabilities in declared order, from the scorer itself."""
    p = model.probabilities(request) / MASS
    declared = np.empty(len(order))
    for shown, index in enumerate(order):
        declared[index] = p[shown]
    return declared


def calibrated(item: str, p: np.ndarray) -> np.ndarray:
    raised = p ** (1 / CALIBRATION.temperature) * np.exp(CALIBRATION.bias.get(item, np.zeros(len(p))))
    return np.asarray(raised / raised.sum())


@pytest.mark.parametrize("order", ["fixed", "reversed"])
def test_draws_invert_the_calibrated_distribution_and_the_mass_stays(order: str) -> None:
    task = survey(order=order)
    people = make_sample(task, ANSWERS)
    batch, model = ask(task, people), WordScorer()
    found = host.simulate(model, batch, preparation=Preparation(calibration=CALIBRATION))
    plain = host.simulate(WordScorer(), batch)
    differ = 0
    for row, interview in enumerate(render(task, people.without_answers())):
        given: list[str] = []
        for j, item in enumerate(task.items):
            request = Request(interview.key, interview.messages(given), interview.questions[j].answers)
            p = calibrated(item.name, by_hand(model, request, interview.questions[j].order))
            np.testing.assert_allclose(found.probabilities[item.name][row], p)
            drawn = int((p.cumsum() <= batch.uniforms[row, j]).sum())
            assert found.answers[item.name][row] == drawn
            differ += plain.answers[item.name][row] != drawn
            given.append(letters(interview, j, drawn))
    assert differ > 0
    for item in task.items:
        np.testing.assert_allclose(found.mass[item.name], MASS)
        np.testing.assert_allclose(plain.mass[item.name], MASS)


def test_no_preparation_is_the_empty_one() -> None:
    task = survey()
    batch = ask(task, make_sample(task, ANSWERS))
    one, other = host.simulate(WordScorer(), batch), host.simulate(WordScorer(), batch, preparation=Preparation())
    for item in task.items:
        assert one.probabilities[item.name].tobytes() == other.probabilities[item.name].tobytes()


def test_scores_that_are_no_numbers_stay_invalid_when_calibrated() -> None:
    task = survey()
    model = WordScorer()
    model.broken = {"p2"}
    found = host.simulate(
        model, ask(task, make_sample(task, ANSWERS)), preparation=Preparation(calibration=CALIBRATION)
    )
    assert found.states is not None
    for item in task.items:
        expected = [State.INVALID if row == 2 else State.ANSWERED for row in range(6)]
        assert found.states[item.name].tolist() == expected
        assert found.answers[item.name][2] == -1
        assert np.isnan(found.probabilities[item.name][2]).all()


def test_an_option_without_probability_is_never_drawn_however_it_is_calibrated() -> None:
    task = survey()
    model = WordScorer()
    model.impossible = {"A"}
    found = host.simulate(
        model, ask(task, make_sample(task, ANSWERS)), preparation=Preparation(calibration=CALIBRATION)
    )
    for item in task.items:
        assert (found.probabilities[item.name][:, 0] == 0).all()
        assert (found.answers[item.name] != 0).all()
        assert (found.mass[item.name] < MASS).all()


@pytest.mark.parametrize("order", ["fixed", "reversed"])
def test_forced_sequential_interviews_follow_the_person_until_a_gap(order: str) -> None:
    task = survey(order=order)
    people = make_sample(task, ANSWERS)
    model = WordScorer()
    tables = host.forced(model, task, people, frozenset(), Preparation(calibration=CALIBRATION))
    for row, interview in enumerate(render(task, people.without_answers())):
        given: list[str] = []
        gap = False
        for j, item in enumerate(task.items):
            chosen = ANSWERS[item.name][row]
            gap |= chosen < 0
            if gap:
                assert np.isnan(tables[item.name][row]).all()
                continue
            request = Request(interview.key, interview.messages(given), interview.questions[j].answers)
            p = calibrated(item.name, by_hand(model, request, interview.questions[j].order))
            np.testing.assert_allclose(tables[item.name][row], p)
            given.append(letters(interview, j, chosen))


def test_forced_independent_interviews_skip_only_what_was_not_answered() -> None:
    task = survey("independent")
    people = make_sample(task, ANSWERS)
    model = WordScorer()
    tables = host.forced(model, task, people, frozenset(), Preparation())
    for row, interview in enumerate(render(task, people.without_answers())):
        for j, item in enumerate(task.items):
            if ANSWERS[item.name][row] < 0:
                assert np.isnan(tables[item.name][row]).all()
            else:
                request = Request("", interview.messages_for(j), interview.questions[j].answers)
                np.testing.assert_allclose(
                    tables[item.name][row], by_hand(model, request, interview.questions[j].order)
                )


@pytest.mark.parametrize("mode", ["sequential", "independent"])
def test_the_log_probability_is_that_of_the_persons_own_answer(mode: str) -> None:
    task = survey(mode)
    people = make_sample(task, ANSWERS)
    preparation = Preparation(calibration=CALIBRATION)
    tables = host.forced(WordScorer(), task, people, frozenset(), preparation)
    found = host.log_prob(WordScorer(), ask(task, people), people, preparation)
    for item in task.items:
        for row, chosen in enumerate(ANSWERS[item.name]):
            expected = np.log(tables[item.name][row, chosen]) if chosen >= 0 else np.nan
            np.testing.assert_equal(found[item.name][row], expected)


def test_an_impossible_answer_has_log_probability_minus_infinity() -> None:
    task = survey("independent")
    people = make_sample(task, ANSWERS)
    model = WordScorer()
    model.impossible = {"A"}
    found = host.log_prob(model, ask(task, people), people, Preparation(calibration=CALIBRATION))
    for item in task.items:
        assert (np.isneginf(found[item.name]) == (np.array(ANSWERS[item.name]) == 0)).all()


def test_every_interview_is_released() -> None:
    task = survey()
    model = WordScorer()
    host.simulate(model, ask(task, make_sample(task, ANSWERS)))
    assert model.released == [f"p{number}" for number in range(6)]
