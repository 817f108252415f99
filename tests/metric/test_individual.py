import numpy as np
import pytest
from metric_samples import as_simulated, make_sample, make_task, single

from surveyeval.metric.individual import JointLogLoss, LogLoss

TASK = make_task()
HUMAN = make_sample(TASK, 50, 1)


def uniform_scores(human):
    return {item.name: np.where(human.answered(item.name), -np.log(item.k), np.nan) for item in TASK.items}


def scored(scores, human=HUMAN):
    return human.with_answers(as_simulated(human, 2, task=TASK).answers, log_prob=scores)


def test_a_uniform_model_needs_the_logarithm_of_the_number_of_options():
    w = HUMAN.weight[None, :]
    values = LogLoss().compare(TASK, HUMAN, scored(uniform_scores(HUMAN)), HUMAN, {}).values(w, w, 0)
    for item in TASK.items:
        assert single(values, "log_loss", item=item.name) == pytest.approx(np.log2(item.k))
    values = JointLogLoss().compare(TASK, HUMAN, scored(uniform_scores(HUMAN)), HUMAN, {}).values(w, w, 0)
    # a sequential interview is scored up to the first item without an answer
    heard = np.cumprod([HUMAN.answered(item.name) for item in TASK.items], axis=0)
    bits = sum(going * np.log2(item.k) for going, item in zip(heard, TASK.items, strict=True))
    some = bits > 0
    assert single(values, "joint_log_loss") == pytest.approx(np.average(bits[some], weights=HUMAN.weight[some]))


def test_a_person_with_an_unscored_answer_drops_out():
    scores = uniform_scores(HUMAN)
    first = int(np.flatnonzero(HUMAN.answered("place"))[0])
    scores["place"][first] = np.nan
    scores["trust"] = np.where(np.arange(HUMAN.n) == first, -100.0, scores["trust"])
    w = np.ones((1, HUMAN.n))
    values = LogLoss().compare(TASK, HUMAN, scored(scores), HUMAN, {}).values(w, w, 0)
    assert single(values, "log_loss", item="trust") == pytest.approx(np.log2(5))


def test_an_impossible_answer_costs_infinitely_and_only_who_counts():
    scores = uniform_scores(HUMAN)
    row = int(np.flatnonzero(HUMAN.answered("act"))[0])
    scores["act"][row] = -np.inf
    without = np.ones(HUMAN.n)
    without[row] = 0
    weights = np.stack([np.ones(HUMAN.n), without])
    values = JointLogLoss().compare(TASK, HUMAN, scored(scores), HUMAN, {}).values(weights, weights, 0)
    assert np.isinf(values.value[0, 0])
    assert np.isfinite(values.value[1, 0])


def test_models_without_probabilities_are_told_so():
    w = HUMAN.weight[None, :]
    values = JointLogLoss().compare(TASK, HUMAN, scored({}), HUMAN, {}).values(w, w, 0)
    assert values.status[values.keys[0]][0] == "not_applicable"
    assert np.isnan(values.value).all()


def test_what_is_scored_follows_from_the_people_alone_so_that_gains_are_paired():
    """A language model has no score after the first item without an answer; a baseline has. Both count the same answers."""
    scores = uniform_scores(HUMAN)
    stopped = {name: column.copy() for name, column in scores.items()}
    heard = np.ones(HUMAN.n, dtype=bool)
    for item in TASK.items:
        stopped[item.name][~heard] = np.nan
        heard &= HUMAN.answered(item.name)
    w = np.ones((1, HUMAN.n))
    both = [JointLogLoss().compare(TASK, HUMAN, scored(one), HUMAN, {}).values(w, w, 0) for one in (scores, stopped)]
    assert single(both[0], "joint_log_loss") == single(both[1], "joint_log_loss")
    independent = make_task(interview={"mode": "independent"})
    values = JointLogLoss().compare(independent, HUMAN, scored(scores), HUMAN, {}).values(w, w, 0)
    everything = sum(HUMAN.answered(item.name) * np.log2(item.k) for item in independent.items)
    assert single(values, "joint_log_loss") == pytest.approx(everything[everything > 0].mean())
