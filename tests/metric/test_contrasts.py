"""Contrasts of groups and of arms: brute force, R, and simulations of known size."""

from dataclasses import replace

import numpy as np
import pytest
from metric_samples import as_simulated, make_sample, make_task, single
from r_values import TASK as R_TASK
from r_values import expected, samples

from surveyeval.metric.contrasts import GroupContrastSlope
from surveyeval.metric.treatment import TreatmentCorrelation, TreatmentRMSE

ITEMS = [
    {"name": f"q{j}", "role": "belief", "kind": "ordinal", "question": "?", "options": {str(k): str(k) for k in range(11)}}
    for j in range(6)
]  # fmt: skip
TASK = make_task(items=ITEMS, patterns=[], coherence=[])


def shifted(n, seed, size, deviations):
    """Answers on 0 to 10 whose group means differ by `size` times the deviations (group x item)."""
    base = make_sample(TASK, n, seed, missing=0.0, weighted=True)
    rng = np.random.default_rng(seed + 1)
    group = np.searchsorted(["n", "s", "w"], base.profile["region"].astype(str))
    answers = {
        f"q{j}": np.clip(np.round(rng.normal(5 + size * deviations[group, j], 1.5)), 0, 10).astype(np.int64)
        for j in range(6)
    }
    return base.with_answers(answers, simulated=False)


def test_the_slope_is_the_ratio_of_true_differences():
    deviations = np.random.default_rng(0).normal(0, 0.6, (3, 6))
    deviations -= deviations.mean(axis=0)
    found = []
    for seed in range(20):
        human = shifted(900, 10 * seed, 1.0, deviations)
        made = replace(shifted(900, 10 * seed + 5, 1.6, deviations), respondent=human.respondent, profile=human.profile)
        group = np.searchsorted(["n", "s", "w"], human.profile["region"].astype(str))
        rng = np.random.default_rng(seed)
        made = human.with_answers(
            {
                f"q{j}": np.clip(np.round(rng.normal(5 + 1.6 * deviations[group, j], 1.5)), 0, 10).astype(np.int64)
                for j in range(6)
            }
        )
        w = human.weight[None, :]
        values = GroupContrastSlope().compare(TASK, human, made, human, {}).values(w, w, 0)
        found.append(single(values, "group_contrast_slope", group="region"))
    assert np.mean(found) == pytest.approx(1.6, abs=4 * np.std(found) / np.sqrt(20) + 0.02)


def test_the_slope_by_hand():
    human = shifted(300, 1, 1.0, np.random.default_rng(0).normal(0, 0.8, (3, 6)))
    made = as_simulated(human, 2, task=TASK, missing=0.0, effect=2.0)
    w = human.weight
    values = GroupContrastSlope().compare(TASK, human, made, human, {}).values(w[None], w[None], 0)
    groups = [np.flatnonzero(human.profile["region"] == code) for code in "nsw"]

    def side(sample, j):
        x = sample.answers[f"q{j}"] / 10
        mean = np.array([np.average(x[g], weights=w[g]) for g in groups])
        share = np.array([w[g].sum() for g in groups]) / w.sum()
        squares = np.array([(w[g] ** 2).sum() for g in groups])
        total = np.array([w[g].sum() for g in groups])
        within = np.array([(w[g] * (x[g] - m) ** 2).sum() for g, m in zip(groups, mean, strict=True)])
        own = within / (total - squares / total) * squares / total**2
        pooled = within.sum() / (total - squares / total).sum() * squares / total**2
        contrast = np.eye(3) - share[None, :]
        return contrast @ mean, contrast**2 @ own, contrast**2 @ pooled

    top = bottom = 0.0
    for j in range(6):
        (d, v, a), (e, _, b) = side(human, j), side(made, j)
        top += (d * e / (a + b)).sum()
        bottom += ((d**2 - v) / (a + b)).sum()
    assert single(values, "group_contrast_slope", group="region") == pytest.approx(top / bottom)


def test_no_differences_and_few_cells_are_said():
    human = shifted(300, 3, 0.0, np.zeros((3, 6)))
    w = human.weight[None]
    values = GroupContrastSlope().compare(TASK, human, human, human, {}).values(w, w, 0)
    assert np.isnan(values.value).all()
    few = make_task()
    human = make_sample(few, 300, 1)
    w = human.weight[None]
    values = GroupContrastSlope().compare(few, human, human, human, {}).values(w, w, 0)
    assert "9 groups x items" in values.status[values.keys[0]][1]
    unpaired = replace(human, paired=False)
    values = GroupContrastSlope().compare(few, human, unpaired, human, {}).values(w, w, 0)
    assert "not paired" in values.status[values.keys[0]][1]


def test_what_the_group_is_derived_from_is_left_out():
    task = make_task(
        items=ITEMS, patterns=[], coherence=[], derived={"half": "cut(q0, 0, 5)"}, subgroups=["half"], arms=None
    )
    human = make_sample(task, 200, 1, missing=0.0)
    w = human.weight[None]
    values = GroupContrastSlope().compare(task, human, human, human, {}).values(w, w, 0)
    assert "10 groups x items" in values.status[values.keys[0]][1]


def test_arm_means_agree_with_r():
    human, simulated = samples()
    ones, told = np.ones((1, human.n)), expected()
    values = TreatmentCorrelation().compare(R_TASK, human, simulated, human, {}).values(ones, ones, 0)
    assert single(values, "treatment_r_adj") == pytest.approx(told["treatment r"])
    assert single(values, "treatment_slope") == pytest.approx(told["treatment slope"])
    values = TreatmentRMSE().compare(R_TASK, human, simulated, human, {}).values(ones, ones, 0)
    assert single(values, "treatment_rmse") == pytest.approx(told["treatment rmse"])


def test_effects_of_known_size_are_recovered_free_of_noise():
    task = make_task(
        items=ITEMS, patterns=[], coherence=[],
        arms={"column": "arm", "levels": {key: {"label": key} for key in "abcd"}},
    )  # fmt: skip
    effects = np.random.default_rng(0).normal(0, 0.5, (4, 6))
    found = []
    for seed in range(30):
        base = make_sample(task, 400, seed, missing=0.0, weighted=False)
        arm = np.searchsorted(list("abcd"), base.arm.astype(str))
        sides = []
        for side, size in ((0, 1.0), (1, 0.5)):
            rng = np.random.default_rng(100 * seed + side)
            sides.append(
                {
                    f"q{j}": np.clip(np.round(rng.normal(5 + size * effects[arm, j], 1.5)), 0, 10).astype(np.int64)
                    for j in range(6)
                }
            )
        human = base.with_answers(sides[0], simulated=False)
        ones = np.ones((1, 400))
        values = TreatmentCorrelation().compare(task, human, base.with_answers(sides[1]), human, {})
        found.append(values.values(ones, ones, 0).value[0])
    error = np.std(found, axis=0) / np.sqrt(30)
    assert np.mean(found, axis=0) == pytest.approx([1.0, 0.5], abs=4 * error.max() + 0.01)


def test_arms_without_effect_are_said_and_a_simulation_without_one_is_flagged():
    constant = make_sample(R_TASK, 200, 1, weighted=False, missing=0.0)
    rows = constant.with_answers({item.name: np.arange(200) // 2 % item.k for item in R_TASK.items})
    ones = np.ones((1, 200))
    values = TreatmentCorrelation().compare(R_TASK, rows, constant, rows, {}).values(ones, ones, 0)
    assert {status for status, _ in values.status.values()} == {"not_estimable"}
    human, _ = samples()
    rows = human.with_answers({item.name: np.arange(240) // 2 % item.k for item in R_TASK.items})
    values = TreatmentCorrelation().compare(R_TASK, human, rows, human, {}).values(*[np.ones((1, 240))] * 2, 0)
    assert values.flags[values.keys[0]] == ("collapsed",)
    assert np.isnan(values.value[0, 0])
