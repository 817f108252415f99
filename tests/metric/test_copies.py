"""Entropy of patterns and copies of the pilot, against loops and known laws."""

from dataclasses import replace

import numpy as np
import pytest
from metric_samples import as_simulated, half_weights, make_sample, make_task, single

from surveyeval.metric.copies import LongestCopy
from surveyeval.metric.heterogeneity import Coverage
from surveyeval.metric.pattern_entropy import GoodTuring, PatternEntropy, chao_shen

TASK = make_task()
HUMAN = make_sample(TASK, 200, 1)
SIMULATED = as_simulated(HUMAN, 2, task=TASK)
PILOT = replace(make_sample(TASK, 50, 7), respondent=np.array([f"pilot {i}" for i in range(50)], dtype=object))


@pytest.mark.parametrize("counts", [[3, 2, 1, 1], [5], [1, 1, 1], [40, 30, 20, 10], [7, 1, 0, 0, 2]])
def test_entropy_is_the_horvitz_thompson_sum(counts):
    n, once = sum(counts), min(counts.count(1), sum(counts) - 1)
    total = 0.0
    for count in counts:
        if count:
            p = (1 - once / n) * count / n
            total -= p * np.log2(p) / (1 - (1 - p) ** n)
    assert chao_shen(np.array([counts]))[0] == pytest.approx(total)


def test_entropy_is_nearly_unbiased_where_the_plug_in_is_not():
    law = np.random.default_rng(0).dirichlet(np.full(200, 0.8))
    truth = -np.sum(law * np.log2(law))
    counts = np.random.default_rng(1).multinomial(150, law, size=400)
    share = counts / 150
    with np.errstate(divide="ignore", invalid="ignore"):
        plug_in = -np.nansum(share * np.log2(share), axis=1).mean()
    assert abs(chao_shen(counts).mean() - truth) < 0.25 * abs(plug_in - truth)


def test_entropy_of_one_pattern_is_zero_and_of_nobody_unknown():
    assert chao_shen(np.array([[9, 0]]))[0] == 0
    assert np.isnan(chao_shen(np.array([[1, 0]]))[0])


def test_the_metrics_compare_the_halves():
    left, right = half_weights(HUMAN, 1, 5)
    rows = np.column_stack([SIMULATED.answers[name] for name in TASK.patterns])
    mine = rows[(right[0] > 0) & (rows >= 0).all(axis=1)]
    counts = np.unique(mine, axis=0, return_counts=True)[1]
    found = PatternEntropy().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    assert single(found, "pattern_entropy") == pytest.approx(chao_shen(counts[None, :])[0])
    found = GoodTuring().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    assert single(found, "good_turing") == pytest.approx(1 - (counts == 1).sum() / counts.sum())


def test_good_turing_foretells_the_coverage_of_people_by_people():
    told, seen = [], []
    for seed in range(40):
        human, other = (make_sample(TASK, 120, 500 + 2 * seed + side, missing=0.0) for side in (0, 1))
        ones = np.ones((1, 120))
        told.append(GoodTuring().compare(TASK, human, human, human, {}).values(ones, ones, 0).value[0, 0])
        seen.append(Coverage().compare(TASK, human, other, human, {}).values(ones, ones, 0).value[0, 0])
    error = np.std(np.subtract(told, seen)) / np.sqrt(40)
    assert np.mean(told) == pytest.approx(np.mean(seen), abs=4 * error + 0.01)


def agreement(sample, i):
    fields = [(sample.profile["region"][i], PILOT.profile["region"]), (sample.arm[i], PILOT.arm)]
    same = sum((other == own).astype(int) for own, other in fields)
    for item in TASK.items:
        own = sample.answers[item.name][i]
        same = same + ((PILOT.answers[item.name] == own) & (own >= 0))
    return same.max() / (len(fields) + len(TASK.items))


def test_the_closest_pilot_row_is_found():
    left, right = half_weights(HUMAN, 1, 5)
    left, right = left * HUMAN.weight, right * HUMAN.weight
    values = LongestCopy().compare(TASK, HUMAN, SIMULATED, PILOT, {}).values(left, right, 0)
    theirs, own = (np.array([agreement(sample, i) for i in range(200)]) for sample in (HUMAN, SIMULATED))
    assert single(values, "longest_copy") == pytest.approx(own[right[0] > 0].max())
    assert single(values, "closest_copy") == pytest.approx(np.average(own, weights=right[0]))
    assert values.loss[0, 1] == pytest.approx(
        abs(np.average(own, weights=right[0]) - np.average(theirs, weights=left[0]))
    )


def test_a_recited_pilot_row_with_one_answer_changed_is_seen():
    twin = PILOT.take(np.arange(200) % 50)
    rows = replace(HUMAN, profile=twin.profile, arm=twin.arm).with_answers(
        {**twin.answers, "act": 1 - np.maximum(twin.answers["act"], 0)}
    )
    ones = np.ones((1, 200))
    values = LongestCopy().compare(TASK, replace(HUMAN, profile=twin.profile, arm=twin.arm), rows, PILOT, {})
    assert values.values(ones, ones, 0).value[0, 0] >= 5 / 6


def test_copies_are_not_looked_for_where_they_mean_nothing():
    ones = np.ones((1, 200))
    for rows, pilot in (
        (replace(SIMULATED, paired=False), PILOT),
        (SIMULATED, HUMAN),
        (SIMULATED, PILOT.take(np.arange(0))),
    ):
        values = LongestCopy().compare(TASK, HUMAN, rows, pilot, {}).values(ones, ones, 0)
        assert {status for status, _ in values.status.values()} == {"not_applicable"}
