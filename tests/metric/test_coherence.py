import numpy as np
import pytest
from metric_samples import as_simulated, half_weights, make_sample, make_task, single

from surveyeval.metric.coherence import Coherence, Gap, UndeterminedShare

TASK = make_task()
HUMAN = make_sample(TASK, 160, 1)
SIMULATED = as_simulated(HUMAN, 2, task=TASK)


def outcome(trust, act):
    """The rule by hand: people with trust above 3 act, those below do not, 3 says nothing; 9 where not answered."""
    if trust < 0 or (trust != 2 and act < 0):
        return 9
    return -1 if trust == 2 else int((act == 1) == (trust > 2))


def outcomes(sample):
    return np.array([outcome(t, a) for t, a in zip(sample.answers["trust"], sample.answers["act"], strict=True)])


def gap(found, weight):
    return weight[found == 0].sum() / weight[(found == 0) | (found == 1)].sum()


def test_gap_and_undetermined_share_agree_with_counting():
    left, right = half_weights(HUMAN, 1, 3)
    left, right = left * HUMAN.weight, right * HUMAN.weight
    theirs, own = outcomes(HUMAN), outcomes(SIMULATED)
    values = Gap().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    assert single(values, "gap", arm="") == pytest.approx(gap(own, right[0]))
    assert values.loss[0, 0] == pytest.approx(abs(gap(own, right[0]) - gap(theirs, left[0])))
    for arm in "ab":
        rows = HUMAN.arm == arm
        assert single(values, "gap", arm=arm) == pytest.approx(gap(own[rows], right[0][rows]))
    values = UndeterminedShare().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    known = own != 9
    assert single(values, "undetermined_share") == pytest.approx(right[0][own == -1].sum() / right[0][known].sum())


def test_chance_agrees_with_shuffling_actions_within_arms():
    human = make_sample(TASK, 160, 4, missing=0.0, weighted=False)
    ones, rng = np.ones((1, 160)), np.random.default_rng(0)
    values = Coherence().compare(TASK, human, human, human, {}).values(ones, ones, 0)
    shuffled = []
    for _ in range(2000):
        act = human.answers["act"].copy()
        for arm in "ab":
            rows = np.flatnonzero(human.arm == arm)
            act[rows] = act[rng.permutation(rows)]
        shuffled.append(
            gap(np.array([outcome(t, a) for t, a in zip(human.answers["trust"], act, strict=True)]), ones[0])
        )
    expected = 1 - gap(outcomes(human), ones[0]) / np.mean(shuffled)
    slack = 5 * np.std(shuffled) / np.sqrt(2000)
    assert single(values, "coherence") == pytest.approx(expected, abs=slack * 3)


def test_perfect_and_constant_actions():
    trust = HUMAN.answers["trust"]
    best = HUMAN.with_answers({**HUMAN.answers, "trust": trust, "act": np.where(trust > 2, 1, 0)})
    constant = HUMAN.with_answers({**HUMAN.answers, "act": np.zeros(HUMAN.n, np.int64)})
    never = HUMAN.with_answers(
        {**HUMAN.answers, "trust": np.zeros(HUMAN.n, np.int64), "act": np.zeros(HUMAN.n, np.int64)}
    )
    w = HUMAN.weight[None, :]

    def value(sample):
        return single(Coherence().compare(TASK, HUMAN, sample, HUMAN, {}).values(w, w, 0), "coherence")

    assert value(best) == 1.0
    assert value(constant) == pytest.approx(0.0, abs=1e-12)
    assert value(never) == 0.0


def test_a_rule_that_says_nothing_is_named():
    undecided = HUMAN.with_answers({**HUMAN.answers, "trust": np.full(HUMAN.n, 2)})
    w = HUMAN.weight[None, :]
    values = Gap().compare(TASK, HUMAN, undecided, HUMAN, {}).values(w, w, 0)
    assert all(values.status[key][0] == "not_estimable" for key in values.keys)
