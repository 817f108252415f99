"""Scores of alignment against scipy, brute force over all pairs, and hand-made cases."""

from dataclasses import replace

import numpy as np
import pytest
from metric_samples import as_simulated, half_weights, make_sample, make_task, single
from scipy import stats

from surveyeval.data.sample import State
from surveyeval.metric.alignment import Wasserstein
from surveyeval.metric.energy import EnergyDistance
from surveyeval.metric.nonresponse import NonresponseError
from surveyeval.metric.scores import Representativeness, SimBenchScore

TASK = make_task()
HUMAN = make_sample(TASK, 200, 1)
SIMULATED = as_simulated(HUMAN, 2, task=TASK)
LEFT, RIGHT = (half * HUMAN.weight for half in half_weights(HUMAN, 1, 3))


def values(metric, human=HUMAN, simulated=SIMULATED, left=LEFT, right=RIGHT):
    return metric().compare(TASK, human, simulated, human, {}).values(left, right, 0)


def shares(sample, item, weight, arm):
    rows = (sample.arm == arm) & sample.answered(item.name)
    counts = np.bincount(sample.answers[item.name][rows], weight[rows], item.k)
    return counts / counts.sum()


def test_simbench_score_is_the_ratio_of_mean_total_variations():
    to_people, to_uniform = [], []
    for item in TASK.items:
        by_arm = []
        for arm in "ab":
            p, q = shares(HUMAN, item, LEFT[0], arm), shares(SIMULATED, item, RIGHT[0], arm)
            people = LEFT[0][(HUMAN.arm == arm) & HUMAN.answered(item.name)].sum()
            by_arm.append((people, np.abs(p - q).sum() / 2, np.abs(p - 1 / item.k).sum() / 2))
        people, own, uniform = zip(*by_arm, strict=True)
        to_people.append(np.average(own, weights=people))
        to_uniform.append(np.average(uniform, weights=people))
    expected = 100 * (1 - np.mean(to_people) / np.mean(to_uniform))
    assert single(values(SimBenchScore), "simbench_score") == pytest.approx(expected)


def test_simbench_score_is_100_for_the_same_distribution_and_0_for_a_uniform_one():
    ones = np.ones((1, 60))
    human = make_sample(TASK, 60, 5, missing=0.0, weighted=False)
    same = values(SimBenchScore, human, human.with_answers(human.answers), ones, ones)
    assert single(same, "simbench_score") == pytest.approx(100)
    # thirty people in each arm: every number of options up to five and three divides thirty
    turn = np.arange(60) // 2
    uniform = human.with_answers({item.name: turn % item.k for item in TASK.items})
    assert single(values(SimBenchScore, human, uniform, ones, ones), "simbench_score") == pytest.approx(0, abs=1e-9)


def test_representativeness_is_one_minus_the_wasserstein_distance():
    found, distance = values(Representativeness), values(Wasserstein)
    for item in ("trust", "risk"):
        assert single(found, "representativeness", item=item) == pytest.approx(
            1 - single(distance, "wasserstein", item=item, arm="")
        )
    overall = np.mean([single(found, "representativeness", item=item) for item in ("trust", "risk")])
    assert single(found, "representativeness", item="") == pytest.approx(overall)


def pairwise(x, y, w, v, distance):
    """Weighted U-statistics over all pairs of different respondents."""
    d = distance(x[:, None], y[None, :])
    across = (w[:, None] * v[None, :] * d).sum() / (w.sum() * v.sum())
    within = []
    for z, u in ((x, w), (y, v)):
        pairs = u[:, None] * u[None, :] * (1 - np.eye(len(z)))
        within.append((pairs * distance(z[:, None], z[None, :])).sum() / pairs.sum())
    return 2 * across - sum(within)


def test_energy_distance_is_the_u_statistic_over_all_pairs():
    found = values(EnergyDistance)
    by_item = []
    for item in TASK.items:
        by_arm, people = [], []
        for arm in "ab":
            sides = []
            for sample, weight in ((HUMAN, LEFT[0]), (SIMULATED, RIGHT[0])):
                rows = (sample.arm == arm) & sample.answered(item.name) & (weight > 0)
                sides.append((item.values[sample.answers[item.name][rows]], weight[rows]))
            (x, w), (y, v) = sides
            scale = np.ptp(item.values)
            distance = (
                (lambda a, b, scale=scale: np.abs(a - b) / scale) if item.ordered else lambda a, b: 1.0 * (a != b)
            )
            by_arm.append(pairwise(x, y, w, v, distance))
            people.append(w.sum())
        by_item.append(np.average(by_arm, weights=people))
        assert single(found, "energy_distance", item=item.name) == pytest.approx(by_item[-1], abs=1e-12)
    assert single(found, "energy_distance", item="") == pytest.approx(np.mean(by_item), abs=1e-12)


def test_energy_distance_is_scipys_but_for_the_pairs_of_a_respondent_with_itself():
    task = make_task(arms=None)
    human = make_sample(task, 80, 4, missing=0.0, weighted=False)
    simulated, ones = as_simulated(human, 5, task=task, missing=0.0, weighted=False), np.ones((1, 80))
    found = EnergyDistance().compare(task, human, simulated, human, {}).values(ones, ones, 0)
    item = task.item("trust")
    x, y = (item.values[sample.answers["trust"]] / np.ptp(item.values) for sample in (human, simulated))
    spread = sum(np.abs(z[:, None] - z[None, :]).mean() for z in (x, y))
    # scipy divides the pairs within a sample by n^2, the U-statistic by n (n - 1)
    expected = stats.energy_distance(x, y) ** 2 - spread / 79
    assert single(found, "energy_distance", item="trust") == pytest.approx(expected)


def test_energy_distance_is_zero_on_average_between_samples_of_one_law():
    found = []
    for seed in range(200):
        human, other = (make_sample(TASK, 40, 1000 + 2 * seed + side, missing=0.0) for side in (0, 1))
        left, right = (np.ones((1, 40)),) * 2
        result = EnergyDistance().compare(TASK, human, other, human, {}).values(left, right, 0)
        found.append(single(result, "energy_distance", item=""))
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(200)
    assert np.min(found) < 0


def with_states(sample, item, **rows):
    states = {name: column.copy() for name, column in sample.states.items()}
    answers = {name: column.copy() for name, column in sample.answers.items()}
    for name, chosen in rows.items():
        states[item][chosen] = State[name.upper()]
        answers[item][chosen] = -1
    return replace(sample, answers=answers, states=states)


def test_nonresponse_is_compared_state_by_state():
    plain = make_sample(TASK, 40, 6, missing=0.0, weighted=False)
    human = with_states(plain, "trust", refused=np.arange(8), dont_know=np.arange(8, 12))
    made = replace(plain, simulated=True)
    made = with_states(made, "trust", refused=np.arange(2), invalid=np.arange(20, 30), missing=np.arange(30, 33))
    ones = np.ones((1, 40))
    found = values(NonresponseError, human, made, ones, ones)
    # ten invalid rows are nobody's answer: 2 of 30 refuse, 3 of 30 are missing
    assert single(found, "nonresponse_error_refused", item="trust") == pytest.approx(abs(2 / 30 - 8 / 40))
    assert single(found, "nonresponse_error_dont_know", item="trust") == pytest.approx(4 / 40)
    assert not [key for key in found.keys if key.name == "nonresponse_error_missing"]
    status = np.array([2 / 30, 0, 3 / 30, 25 / 30]) - np.array([8 / 40, 4 / 40, 0, 28 / 40])
    assert single(found, "nonresponse_error") == pytest.approx(np.abs(status).sum() / 2 / len(TASK.items))


def test_nonresponse_does_not_apply_where_everybody_answers():
    human = make_sample(TASK, 40, 6, missing=0.0)
    ones = np.ones((1, 40))
    found = values(NonresponseError, human, human, ones, ones)
    assert found.status[found.keys[0]][0] == "not_applicable"
