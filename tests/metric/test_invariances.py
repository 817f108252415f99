"""Laws that hold for every metric of these axes."""

from dataclasses import replace

import numpy as np
import pytest
from metric_samples import as_simulated, half_weights, make_sample, make_task

from surveyeval.metric import alignment, coherence, dispersion, heterogeneity, individual, stereotyping, subgroups

POPULATION = [
    alignment.TotalVariation, alignment.JSDistance, alignment.Wasserstein, subgroups.GroupJSDistance,
    heterogeneity.UniquePatterns, heterogeneity.StructureRatio, heterogeneity.Coverage, heterogeneity.Novelty,
    heterogeneity.Simpson, heterogeneity.PilotCopies, dispersion.SDRatio, dispersion.GiniSimpsonRatio,
    dispersion.LowSpread, stereotyping.Stereotyping, stereotyping.GroupDeterminism, coherence.Gap,
    coherence.UndeterminedShare, coherence.Coherence,
]  # fmt: skip
EVERY = [*POPULATION, individual.JointLogLoss, individual.LogLoss]
#: Effective sizes enter these, or respondents are counted without weights.
COUNT_OR_SIZE = {
    "unique_patterns", "structure_ratio", "coverage", "novelty", "simpson", "pilot_copies", "stereotyping",
    "group_determinism",
}  # fmt: skip

TASK = make_task()
HUMAN = make_sample(TASK, 200, 1, effect=0.5)
PILOT = make_sample(TASK, 60, 9, effect=0.5)
SCORES = {item.name: np.log(np.random.default_rng(3).uniform(0.05, 0.9, HUMAN.n)) for item in TASK.items}
SIMULATED = HUMAN.with_answers(as_simulated(HUMAN, 2, task=TASK, effect=0.2).answers, log_prob=SCORES)


def results(metric, human=HUMAN, simulated=SIMULATED, weights=None, pilot=PILOT):
    left, right = weights if weights is not None else half_weights(HUMAN, 4, 5)
    comparison = metric().compare(TASK, human, simulated, pilot, {})
    return comparison.values(left * human.weight, right * simulated.weight, 11)


def same(one, other):
    np.testing.assert_allclose(one.value, other.value, rtol=1e-9, atol=1e-12)
    if one.loss is not None:
        np.testing.assert_allclose(one.loss, other.loss, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("metric", EVERY)
def test_values_are_in_range_and_shapes_fit(metric):
    values, (low, high) = results(metric), metric.spec.range
    assert metric().applicable(TASK) is None
    assert values.value.shape == values.n_eff.shape == (4, len(values.keys))
    assert len(set(values.keys)) == len(values.keys)
    known = values.value[~np.isnan(values.value)]
    assert known.size
    assert low is None or (known >= low).all()
    assert high is None or (known <= high + 1e-12).all()


@pytest.mark.parametrize("metric", EVERY)
def test_the_order_of_respondents_does_not_matter(metric):
    order, weights = np.random.default_rng(0).permutation(HUMAN.n), half_weights(HUMAN, 4, 5)
    moved = results(metric, HUMAN.take(order), SIMULATED.take(order), tuple(w[:, order] for w in weights))
    same(results(metric), moved)


@pytest.mark.parametrize("metric", POPULATION)
def test_an_exact_copy_is_the_other_half_of_the_people(metric):
    copy = replace(HUMAN, simulated=True).with_answers(HUMAN.answers, states=HUMAN.states)
    reference, matched = results(metric, simulated=HUMAN), results(metric, simulated=copy)
    np.testing.assert_array_equal(reference.value, matched.value)
    if reference.loss is not None:
        np.testing.assert_array_equal(reference.loss, matched.loss)


@pytest.mark.parametrize("metric", EVERY)
def test_many_weights_at_once_are_the_same_as_one_by_one(metric):
    left, right = half_weights(HUMAN, 4, 5)
    together = results(metric)
    for b in range(4):
        alone = results(metric, weights=(left[b : b + 1], right[b : b + 1]))
        np.testing.assert_allclose(alone.value[0], together.value[b], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("metric", [metric for metric in EVERY if metric.spec.name not in COUNT_OR_SIZE])
def test_a_weight_is_a_repetition(metric):
    times = np.random.default_rng(4).integers(1, 4, HUMAN.n)
    ones = np.ones((1, HUMAN.n))
    plain = [replace(sample, weight=ones[0]) for sample in (HUMAN, SIMULATED)]
    weighted = results(metric, *plain, weights=(ones * times, ones * times))
    repeated = [sample.take(np.repeat(np.arange(HUMAN.n), times)) for sample in plain]
    many = np.ones((1, times.sum()))
    same(weighted, results(metric, *repeated, weights=(many, many)))


@pytest.mark.parametrize("metric", EVERY)
def test_the_scale_of_weights_does_not_matter(metric):
    left, right = half_weights(HUMAN, 2, 5)
    same(results(metric, weights=(left, right)), results(metric, weights=(7 * left, 7 * right)))


@pytest.mark.parametrize("metric", POPULATION)
def test_names_of_nominal_options_do_not_matter(metric):
    def rename(sample):
        column = sample.answers["place"]
        return sample.with_answers({**sample.answers, "place": np.where(column >= 0, (column + 1) % 3, -1)})

    same(results(metric), results(metric, rename(HUMAN), rename(SIMULATED), pilot=rename(PILOT)))


@pytest.mark.parametrize("metric", POPULATION)
def test_unanswered_items_break_nothing(metric):
    rng = np.random.default_rng(6)
    holes = {name: np.where(rng.random(HUMAN.n) < 0.5, -1, column) for name, column in SIMULATED.answers.items()}
    values = results(metric, simulated=HUMAN.with_answers(holes))
    assert not np.isinf(values.value).any()
    empty = HUMAN.with_answers({name: np.full(HUMAN.n, -1) for name in HUMAN.answers})
    values = results(metric, simulated=empty)
    headlines = [q for q, key in enumerate(values.keys) if key.headline]
    assert np.isnan(values.value[:, headlines]).all()
    assert all(values.keys[q] in values.status for q in headlines)
