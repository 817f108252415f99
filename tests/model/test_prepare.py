"""Examples and calibration: whose interviews are shown, in which words, and on whom is calibrated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from surveyeval.data.sample import Sample
from surveyeval.errors import ConfigError
from surveyeval.model import host
from surveyeval.model.calibrate import SMOOTHING, Calibration
from surveyeval.model.host import Preparation
from surveyeval.model.prepare import check, choose_examples, prepare
from surveyeval.progress import Silent
from surveyeval.task.interview import Message
from surveyeval.task.task import Task
from tests.model.helpers import ask, make_sample
from tests.model.scorers import MASS, WordScorer, survey

NONE: frozenset[str] = frozenset()
#: p1 and p6 skipped something; arms alternate.
ANSWERS = {
    "belief": [0, 1, 2, 1, 0, 2, -1, 1],
    "trust": [3, -1, 2, 2, 1, 1, 0, 0],
    "act": [0, 1, 1, 0, 0, 1, 1, 0],
}
ARMS = ["c", "c", "t", "t", "c", "t", "c", "t"]
AGES = ["20", "21", "22", "23", "24", "25", "26", "27"]


def pilot_of(task: Task, **columns: Any) -> Sample:
    return make_sample(task, ANSWERS, **{"arm": ARMS, "age": AGES, **columns})


def prepared(model: WordScorer, task: Task, pilot: Sample, **options: Any) -> Preparation:
    return prepare(model, task, pilot, options.pop("hidden", NONE), Silent(), **options)


def people_of(task: Task) -> Sample:
    return make_sample(
        task, {"belief": [0, 2], "trust": [1, 1], "act": [1, 1]}, arm=["c", "t"], age=["77", "88"], sex=["f", "m"]
    )


def turns(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in messages]


BELIEF = "Belief?\nA) low\nB) middle\nC) high\nOne letter."
TRUST = "Trust?\nA) little\nB) some\nC) much\nD) full\nOne letter."
ACT = "Act?\nA) No\nB) Yes\nOne letter."


def test_sequential_examples_stand_between_the_instruction_and_the_persons_own_turns() -> None:
    task = survey()
    interview = prepared(WordScorer(examples=1), task, pilot_of(task)).render(task, people_of(task), NONE)[0]
    assert turns(interview.messages(["B"])) == [
        ("system", "A survey."),
        ("user", f"Age: 20. Sex: woman.\n\n{BELIEF}"),
        ("assistant", "A"),
        ("user", TRUST),
        ("assistant", "D"),
        ("user", ACT),
        ("assistant", "A"),
        ("user", f"Age: 77. Sex: woman.\n\n{BELIEF}"),
        ("assistant", "B"),
        ("user", TRUST),
    ]


def test_independent_examples_show_the_same_question_only() -> None:
    task = survey("independent")
    interview = prepared(WordScorer(examples=2), task, pilot_of(task)).render(task, people_of(task), NONE)[0]
    assert turns(interview.messages_for(1)) == [
        ("system", "A survey."),
        ("user", f"Age: 20. Sex: woman.\n\n{TRUST}"),
        ("assistant", "D"),
        ("user", f"Age: 24. Sex: woman.\n\n{TRUST}"),
        ("assistant", "B"),
        ("user", f"Age: 77. Sex: woman.\n\n{TRUST}"),
    ]


def test_answers_are_shown_as_the_letters_of_the_order_shown() -> None:
    task = survey(order="reversed")
    interview = prepared(WordScorer(examples=1), task, pilot_of(task)).render(task, people_of(task), NONE)[0]
    assert turns(interview.messages())[1:3] == [
        ("user", "Age: 20. Sex: woman.\n\nBelief?\nA) high\nB) middle\nC) low\nOne letter."),
        ("assistant", "C"),
    ]


def test_messages_for_one_answer_more_extend_the_messages_before() -> None:
    task = survey()
    for interview in prepared(WordScorer(examples=2), task, pilot_of(task)).render(task, people_of(task), NONE):
        given = ["A", "B", "A"]
        for k in range(1, 3):
            shorter, longer = interview.messages(given[: k - 1]), interview.messages(given[:k])
            assert longer[: len(shorter)] == shorter
            assert len(longer) == len(shorter) + 2


def names(task: Task, pilot: Sample, count: int) -> dict[str, tuple[str, ...]]:
    return {arm: chosen[1] for arm, chosen in choose_examples(task, pilot, NONE, count).items()}


def test_examples_come_from_complete_people_of_the_same_arm_first() -> None:
    task = survey()
    pilot = pilot_of(task)
    assert names(task, pilot, 1) == {"c": ("p0",), "t": ("p2",)}
    assert names(task, pilot, 2) == {"c": ("p0", "p4"), "t": ("p2", "p3")}
    # arm c has two complete people: one of the other arm stands before them
    assert names(task, pilot, 3) == {"c": ("p2", "p0", "p4"), "t": ("p2", "p3", "p5")}
    assert names(task, pilot, 6)["c"] == ("p2", "p3", "p5", "p7", "p0", "p4")


def test_more_examples_take_in_fewer() -> None:
    task = survey()
    pilot = pilot_of(task)
    for count in range(6):
        fewer, more = names(task, pilot, count), names(task, pilot, count + 1)
        for arm in ("c", "t"):
            assert set(fewer[arm]) < set(more[arm])


def test_an_example_of_another_arm_shows_the_vignette_that_its_person_saw() -> None:
    levels = {
        "c": {"label": "control", "vignette": "You read nothing."},
        "t": {"label": "treated", "vignette": "You read an appeal."},
    }
    task = survey(arms={"column": "arm", "levels": levels})
    rendered = prepared(WordScorer(examples=3), task, pilot_of(task)).render(task, people_of(task), NONE)
    shown = [text for role, text in turns(rendered[0].messages()) if role == "user" and "You read" in text]
    assert ["appeal" in text for text in shown] == [True, False, False, False]


def test_hidden_fields_stand_in_no_example() -> None:
    task = survey()
    hidden = frozenset({"age"})
    model = WordScorer(examples=3, calibrate="item")
    preparation = prepared(model, task, pilot_of(task), hidden=hidden)
    batch = ask(task, people_of(task), hidden=["age"])
    host.simulate(model, batch, preparation=preparation)
    host.log_prob(model, batch, people_of(task), preparation)
    text = "\n".join(message.content for request in model.seen for message in request.messages)
    assert "Sex: woman." in text
    assert "Age" not in text
    assert not any(age in text for age in (*AGES, "77", "88"))


def test_simulated_interviews_show_pilot_people_and_no_answer_of_a_test_person() -> None:
    """Whatever the test people answered, a simulation reads the same words."""
    task = survey()
    seen = []
    for answers in ([0, 0], [2, 1]):
        model = WordScorer(examples=2)
        preparation = prepared(model, task, pilot_of(task))
        people = people_of(task).with_answers({name: np.array(answers) % 2 for name in ANSWERS}, simulated=False)
        host.simulate(model, ask(task, people), preparation=preparation)
        seen.append([request.messages for request in model.seen])
    assert seen[0] == seen[1]
    shown = {message.content for messages in seen[0] for message in messages[:-1] if "Age" in message.content}
    assert {text[:8] for text in shown} <= {"Age: 20.", "Age: 24.", "Age: 22.", "Age: 23.", "Age: 77.", "Age: 88."}


def test_more_examples_than_complete_people_are_refused_before_anything_is_scored() -> None:
    task = survey()
    model = WordScorer(examples=7)
    for refuse in (
        lambda: check(model, task, pilot_of(task), NONE, np.zeros(8, dtype=bool)),
        lambda: prepared(model, task, pilot_of(task)),
    ):
        with pytest.raises(ConfigError, match="7 are asked for, and 6 of the 8 people of the pilot") as caught:
            refuse()
        assert caught.value.problems[0].field == "examples"
        assert "--pilot" in str(caught.value)
    assert model.seen == []


@pytest.mark.parametrize("shown", [0, 6])
def test_nobody_left_to_calibrate_on_is_refused(shown: int) -> None:
    task = survey()
    pilot = pilot_of(task).take(np.array([0, 2, 3, 4, 5, 7]))
    model = WordScorer(examples=shown, calibrate="temperature")
    trained = np.full(6, shown == 0)
    with pytest.raises(ConfigError, match="nobody is left to calibrate on") as caught:
        check(model, task, pilot, NONE, trained)
    assert caught.value.problems[0].field == "calibrate"
    with pytest.raises(ConfigError, match="nobody is left to calibrate on"):
        prepared(model, task, pilot, trained=trained)
    assert model.seen == []


def test_a_model_that_asks_for_nothing_takes_nothing_from_the_pilot() -> None:
    task = survey()
    model = WordScorer()
    check(model, task, pilot_of(task), NONE, np.zeros(8, dtype=bool))
    assert prepared(model, task, pilot_of(task)) == Preparation()
    assert model.seen == []


def asked(model: WordScorer) -> set[str]:
    return {request.interview.split("/")[0] for request in model.seen}


def test_people_in_the_prompt_and_people_trained_on_are_left_out_of_the_calibration() -> None:
    task = survey()
    model = WordScorer(examples=1, calibrate="item")
    trained = np.array(ARMS) == "z"
    trained[[3, 5]] = True
    prepared(model, task, pilot_of(task), trained=trained)
    # p0 and p2 stand in prompts, p3 and p5 were trained on, p6 refused the first item and nothing after it can be scored
    assert asked(model) == {"p1", "p4", "p7"}


def expected_bias_condition(model: WordScorer, task: Task, pilot: Sample, found: Calibration, item: str) -> None:
    """Expected counts equal observed counts with their smoothing, over the people who could be scored."""
    tables = host.forced(model, task, pilot, NONE, Preparation())
    known = np.isfinite(tables[item]).all(axis=1)
    weight = (pilot.weight / pilot.weight.mean())[known]
    log_p, bias = np.log(tables[item][known]), np.array(found.bias[item])
    k = task.item(item).k
    average = weight @ log_p / weight.sum()
    expected = weight @ softmax(log_p + bias, axis=1) + k * SMOOTHING * softmax(average + bias)
    observed = np.bincount(pilot.answers[item][known], weight, k) + SMOOTHING
    np.testing.assert_allclose(expected, observed, atol=1e-5)


@pytest.mark.parametrize("mode", ["sequential", "independent"])
@pytest.mark.parametrize("block", [1, 3, 100])
def test_item_biases_fit_the_weighted_pilot_whatever_the_block(mode: str, block: int) -> None:
    task = survey(mode)
    pilot = pilot_of(task, weight=[1, 2, 0.5, 1, 3, 1, 1, 0.2])
    model = WordScorer(calibrate="item", block=block)
    found = prepared(model, task, pilot).calibration
    assert found.temperature == 1.0
    for item in ANSWERS:
        expected_bias_condition(WordScorer(), task, pilot.take(answered_something(task, pilot)), found, item)


def answered_something(task: Task, pilot: Sample) -> np.ndarray:
    return np.any([pilot.answered(item.name) for item in task.items], axis=0)


def test_a_temperature_is_fitted_on_all_items_together() -> None:
    task = survey()
    pilot = pilot_of(task)
    found = prepared(WordScorer(calibrate="temperature"), task, pilot).calibration
    tables = host.forced(WordScorer(), task, pilot, NONE, Preparation())

    def loss(temperature: float) -> float:
        total = 0.0
        for item, table in tables.items():
            rows = np.flatnonzero(np.isfinite(table).all(axis=1))
            p = table[rows] ** (1 / temperature)
            total -= np.log((p / p.sum(axis=1, keepdims=True))[np.arange(len(rows)), pilot.answers[item][rows]]).sum()
        return total

    assert found.bias == {}
    assert loss(found.temperature) <= min(loss(t) for t in np.geomspace(0.05, 50, 2001)) + 1e-9


def test_calibration_reads_the_examples_as_the_interviews_do() -> None:
    task = survey()
    model = WordScorer(examples=1, calibrate="item")
    preparation = prepared(model, task, pilot_of(task))
    first = next(request for request in model.seen if request.interview == "p4")
    assert turns(first.messages)[1:3] == [("user", f"Age: 20. Sex: woman.\n\n{BELIEF}"), ("assistant", "A")]
    assert set(preparation.examples) == {"c", "t"}
    assert preparation.calibration.bias.keys() == ANSWERS.keys()


def test_an_impossible_answer_of_the_pilot_leaves_finite_biases() -> None:
    task = survey("independent")
    model = WordScorer(calibrate="item")
    model.impossible = {"A"}
    found = prepared(model, task, pilot_of(task)).calibration
    assert all(np.isfinite(bias).all() for bias in found.bias.values())
    answers = host.simulate(model, ask(task, people_of(task)), preparation=Preparation(calibration=found))
    assert (answers.probabilities["belief"][:, 0] == 0).all()
    np.testing.assert_array_less(answers.mass["belief"], MASS)
