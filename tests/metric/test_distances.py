import numpy as np
import pytest
from metric_samples import as_simulated, half_weights, make_sample, make_task, single
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from surveyeval.metric.alignment import JSDistance, TotalVariation, Wasserstein
from surveyeval.metric.subgroups import GroupJSDistance

TASK = make_task()
HUMAN = make_sample(TASK, 240, 1)
SIMULATED = as_simulated(HUMAN, 2, task=TASK)


def shares(sample, item, weight, rows):
    rows = rows & sample.answered(item.name)
    counts = np.bincount(sample.answers[item.name][rows], weight[rows], item.k)
    return counts / counts.sum()


def scipy_distance(name, item, p, q):
    if name == "total_variation":
        return np.abs(p - q).sum() / 2
    if name == "js_distance":
        return jensenshannon(p, q, base=2)
    return wasserstein_distance(item.values, item.values, p, q) / np.ptp(item.values)


@pytest.mark.parametrize("metric", [TotalVariation(), JSDistance(), Wasserstein()])
def test_distances_agree_with_scipy_by_item_arm_and_overall(metric):
    name = metric.spec.name
    left, right = half_weights(HUMAN, 1, 3)
    left, right = left * HUMAN.weight, right * HUMAN.weight
    values = metric.compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    items = [item for item in TASK.items if item.ordered or name != "wasserstein"]
    everybody = np.ones(HUMAN.n, bool)
    table, people = np.zeros((2, len(items))), np.zeros((2, len(items)))
    for j, item in enumerate(items):
        for a, arm in enumerate(TASK.arms):
            rows = arm.key == HUMAN.arm
            sides = shares(HUMAN, item, left[0], rows), shares(SIMULATED, item, right[0], rows)
            table[a, j] = scipy_distance(name, item, *sides)
            people[a, j] = left[0][rows & HUMAN.answered(item.name)].sum()
        within = np.average(table[:, j], weights=people[:, j])
        assert single(values, name, item=item.name, arm="") == pytest.approx(within, abs=1e-12)
        pooled = scipy_distance(
            name, item, shares(HUMAN, item, left[0], everybody), shares(SIMULATED, item, right[0], everybody)
        )
        assert single(values, f"{name}_pooled", item=item.name) == pytest.approx(pooled, abs=1e-12)
    assert single(values, name, headline=True) == pytest.approx(np.average(table, axis=0, weights=people).mean())
    for a, arm in enumerate(TASK.arms):
        assert single(values, name, arm=arm.key) == pytest.approx(table[a].mean())


def test_effective_sizes_are_kish_of_the_smaller_side():
    left, right = half_weights(HUMAN, 1, 3)
    left, right = left * HUMAN.weight, right * HUMAN.weight
    values = JSDistance().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    sizes = []
    for sample, weight in ((HUMAN, left), (SIMULATED, right)):
        w = weight[0][sample.answered("risk")]
        sizes.append(w.sum() ** 2 / (w**2).sum())
    q = next(q for q, key in enumerate(values.keys) if key.item == "risk")
    assert values.n_eff[0, q] == pytest.approx(min(sizes))


def test_a_group_is_compared_with_the_same_group():
    left, right = half_weights(HUMAN, 1, 3)
    values = GroupJSDistance().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(left, right, 0)
    by_group = []
    for code, label in (("n", "north"), ("s", "south"), ("w", "west")):
        rows = HUMAN.profile["region"] == code
        distances = [
            jensenshannon(shares(HUMAN, item, left[0], rows), shares(SIMULATED, item, right[0], rows), base=2)
            for item in TASK.items
        ]
        by_group.append(np.mean(distances))
        assert single(values, "group_js_distance", group=f"region={label}") == pytest.approx(by_group[-1])
    assert single(values, "group_js_distance", group="region") == pytest.approx(np.mean(by_group))


def test_no_arms_means_no_pooled_values_and_no_repetition():
    task = make_task(arms=None)
    human = make_sample(task, 60, 4)
    keys = JSDistance().compare(task, human, human, human, {}).values(*half_weights(human, 1, 0), 0).keys
    assert [key.name for key in keys] == ["js_distance"] * (1 + len(task.items))


def test_an_item_without_any_simulated_answer_is_named():
    answers = dict(SIMULATED.answers) | {"risk": np.full(HUMAN.n, -1)}
    silent = HUMAN.with_answers(answers)
    values = JSDistance().compare(TASK, HUMAN, silent, HUMAN, {}).values(*half_weights(HUMAN, 1, 0), 0)
    status, reason = values.status[next(key for key in values.keys if key.headline)]
    assert status == "not_estimable"
    assert "risk" in reason
    assert np.isnan(single(values, "js_distance", headline=True))
    assert np.isfinite(single(values, "js_distance", item="trust"))


def test_wasserstein_does_not_apply_without_ordered_items():
    spec = [item for item in TASK.spec.model_dump()["items"] if item["kind"] in ("nominal", "binary")]
    task = make_task(items=spec, patterns=[], coherence=[])
    assert "ordered" in Wasserstein().applicable(task)
    assert JSDistance().applicable(task) is None
