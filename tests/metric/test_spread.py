from dataclasses import replace

import numpy as np
import pytest
from metric_samples import as_simulated, make_sample, make_task, single
from scipy import stats

from surveyeval.metric._tabulate import table_by_group
from surveyeval.metric.dispersion import GiniSimpsonRatio, LowSpread, SDRatio
from surveyeval.metric.stereotyping import GroupDeterminism, Stereotyping, variance_components

TASK = make_task()
HUMAN = make_sample(TASK, 240, 1, missing=0.1, effect=0.6)
SIMULATED = as_simulated(HUMAN, 2, task=TASK, missing=0.1, effect=0.2)


def pooled_variance(sample, item, weight):
    top = bottom = 0.0
    for arm in TASK.arms:
        rows = (arm.key == sample.arm) & sample.answered(item.name)
        x = item.values[sample.answers[item.name][rows]]
        top += weight[rows].sum() * np.cov(x, aweights=weight[rows], ddof=0)
        bottom += weight[rows].sum()
    return top / bottom


def test_sd_ratio_is_the_ratio_of_pooled_within_arm_deviations():
    w = HUMAN.weight[None, :]
    values = SDRatio().compare(TASK, HUMAN, SIMULATED, HUMAN, {}).values(w, w, 0)
    ratios = []
    for name in ("trust", "risk"):
        item = TASK.item(name)
        variances = [pooled_variance(sample, item, w[0]) for sample in (SIMULATED, HUMAN)]
        ratios.append(np.sqrt(variances[0] / variances[1]))
        assert single(values, "sd_ratio", item=name) == pytest.approx(ratios[-1])
    assert single(values, "sd_ratio", headline=True) == pytest.approx(np.median(ratios))
    assert values.loss[0, 0] == pytest.approx(np.median(np.abs(np.array(ratios) - 1)))


def test_gini_simpson_is_the_share_of_disagreeing_pairs():
    task = make_task(arms=None)
    human = make_sample(task, 80, 4, weighted=False)
    simulated, w = as_simulated(human, 5, task=task, weighted=False), np.ones((1, 80))
    values = GiniSimpsonRatio().compare(task, human, simulated, human, {}).values(w, w, 0)
    pairs = []
    for sample in (simulated, human):
        x = sample.answers["place"][sample.answered("place")]
        pairs.append(np.mean(x[:, None] != x[None, :]))
    assert single(values, "gini_simpson_ratio", item="place") == pytest.approx(pairs[0] / pairs[1])


def test_a_constant_is_collapsed_and_a_constant_human_item_is_named():
    constant = HUMAN.with_answers({item.name: np.zeros(HUMAN.n, np.int64) for item in TASK.items})
    w = HUMAN.weight[None, :]
    values = SDRatio().compare(TASK, HUMAN, constant, HUMAN, {}).values(w, w, 0)
    assert (values.value == 0).all()
    assert (values.loss == 1).all()
    assert all("collapsed" in values.flags[key] for key in values.keys)
    assert LowSpread().compare(TASK, HUMAN, constant, HUMAN, {}).values(w, w, 0).value[0, 0] == 1
    turned = SDRatio().compare(TASK, constant, HUMAN, HUMAN, {}).values(w, w, 0)
    assert {status for status, _ in turned.status.values()} == {"not_estimable"}


def groups_of(sample, item):
    rows = sample.answered(item.name)
    x, region = item.values[sample.answers[item.name][rows]], sample.profile["region"][rows]
    return [x[region == code] for code in "nsw"]


def test_components_are_those_of_the_analysis_of_variance():
    item, ones = TASK.item("trust"), np.ones((1, HUMAN.n))
    table, _ = table_by_group(TASK, HUMAN, None, "region", {})
    between, within, total = (x[0, 0] for x in variance_components(table, ones, [0]))
    groups = groups_of(HUMAN, item)
    n, sizes = sum(map(len, groups)), np.array([len(g) for g in groups])
    f = stats.f_oneway(*groups).statistic
    msw = sum(((g - g.mean()) ** 2).sum() for g in groups) / (n - 3)
    assert within == pytest.approx(msw)
    assert between == pytest.approx((f - 1) * msw / ((n - (sizes**2).sum() / n) / 2))
    assert total == pytest.approx(np.concatenate(groups).var(ddof=1))


def test_weighted_components_are_unbiased():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        shuffles = rng.permutation(HUMAN.n)
        shuffled = HUMAN.with_answers({name: column[shuffles] for name, column in HUMAN.answers.items()})
        table, _ = table_by_group(TASK, HUMAN, shuffled, "region", {})
        found.append([x[0] for x in variance_components(table, HUMAN.weight[None, :], [0, 2])])
    between, within, total = np.mean(found, axis=0)
    error = np.std(np.array(found)[:, 0], axis=0) / np.sqrt(400)
    assert (np.abs(between) < 4 * error).all()
    assert within == pytest.approx(total, rel=0.01)


def test_stereotyping_and_determinism_agree_with_the_analysis_of_variance():
    ones = np.ones((1, HUMAN.n))
    parts = {}
    for label, sample in (("human", HUMAN), ("simulated", SIMULATED)):
        component, epsilon = [], []
        for name in ("trust", "risk"):
            groups = groups_of(sample, TASK.item(name))
            pooled = np.concatenate(groups)
            n, sizes = len(pooled), np.array([len(g) for g in groups])
            msw = sum(((g - g.mean()) ** 2).sum() for g in groups) / (n - 3)
            ssb = sum(len(g) * (g.mean() - pooled.mean()) ** 2 for g in groups)
            people = np.concatenate(groups_of(HUMAN, TASK.item(name)))
            component.append((ssb / 2 - msw) / ((n - (sizes**2).sum() / n) / 2) / people.var(ddof=1))
            epsilon.append((ssb - 2 * msw) / ((pooled - pooled.mean()) ** 2).sum())
        parts[label] = np.sqrt(max(0, np.mean(component))), np.mean(epsilon)
    plain = replace(HUMAN, weight=np.ones(HUMAN.n))
    rows = plain.with_answers(SIMULATED.answers)
    values = Stereotyping().compare(TASK, plain, rows, plain, {}).values(ones, ones, 0)
    assert single(values, "stereotyping") == pytest.approx(parts["simulated"][0] / parts["human"][0])
    assert single(values, "between_group_sd") == pytest.approx(parts["simulated"][0])
    values = GroupDeterminism().compare(TASK, plain, rows, plain, {}).values(ones, ones, 0)
    assert single(values, "group_determinism") == pytest.approx(parts["simulated"][1])
    assert values.loss[0, 0] == pytest.approx(abs(parts["simulated"][1] - parts["human"][1]))


def test_the_loss_of_stereotyping_is_a_share_of_the_difference_of_all_people_at_hand():
    """Also in halves and without a jackknife group: the ratio's loss is in the unit of the ratio, whatever the weights."""
    human = make_sample(TASK, 240, 8, effect=1.0)
    others = as_simulated(human, 2, task=TASK)  # answers that know nothing of groups, in every third row
    naive = np.arange(240) % 3 == 0
    simulated = human.with_answers(
        {name: np.where(naive, others.answers[name], own) for name, own in human.answers.items()}
    )
    w = human.weight[None, :]
    bound = Stereotyping().compare(TASK, human, simulated, human, {})
    whole = bound.values(w, w, 0)
    ratio_, theirs = single(whole, "stereotyping"), single(whole, "between_group_sd") / single(whole, "stereotyping")
    assert whole.loss[0, 0] == pytest.approx(abs(ratio_ - 1))
    assert whole.loss[0, 1] == pytest.approx(abs(ratio_ - 1) * theirs)
    half = np.arange(240) % 2
    weights = np.stack([w[0] * (half == side) for side in (0, 1)])
    parts = bound.values(weights, weights[::-1], 0)
    np.testing.assert_allclose(parts.loss[:, 0], parts.loss[:, 1] / theirs)
    # two halves of the people: the same constant, so that a copy loses what people lose
    for sample in (human, replace(human, simulated=True)):
        own = Stereotyping().compare(TASK, human, sample, human, {}).values(weights, weights[::-1], 0)
        sd = own.value[:, 1]
        np.testing.assert_allclose(own.loss[:, 0], np.abs(sd - sd[::-1]) / theirs)


def test_stereotyping_is_withheld_where_people_do_not_differ():
    human = make_sample(TASK, 240, 7, effect=0.0)
    w = human.weight[None, :]
    values = Stereotyping().compare(TASK, human, human, human, {}).values(w, w, 0)
    status = values.status[next(key for key in values.keys if key.name == "stereotyping")]
    assert status[0] in ("not_estimable", "not_resolved")
    strong = make_sample(TASK, 240, 8, effect=1.0)
    assert Stereotyping().compare(TASK, strong, strong, strong, {}).values(w, w, 0).status == {}


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_a_handful_of_people_gives_no_warning(n):
    task = make_task()
    for seed in range(20):
        few = make_sample(task, n, seed, missing=0.0, weighted=False)
        ones = np.ones((1, n))
        values = Stereotyping().compare(task, few, few, few, {}).values(ones, ones, 0)
        assert not np.isinf(values.value).any()
