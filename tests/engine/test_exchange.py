"""Exchanges against brute force: every one of them written out with answers changed by hand."""

from collections import Counter
from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from scipy import stats
from small import answered, respondents, small_task

from surveyeval.engine.exchange import (
    Pool,
    by_binding,
    by_weights,
    dealt_within_arms,
    exchanged_within_units,
    observed_loss,
    under_exchange,
)
from surveyeval.engine.tracks import loss_of
from surveyeval.metric.alignment import JSDistance, TotalVariation
from surveyeval.metric.coefficients import RmseSe
from surveyeval.metric.coherence import Coherence, Gap
from surveyeval.metric.dispersion import SDRatio
from surveyeval.metric.heterogeneity import Coverage, StructureRatio, UniquePatterns
from surveyeval.metric.stereotyping import Stereotyping

TASK = small_task()
BY_WEIGHTS = (JSDistance, TotalVariation, Gap, Coherence, SDRatio, Coverage, UniquePatterns)


def swapped(human, simulated, mask):
    """People and simulated rows with the answers of some respondents exchanged, without any of the code under test."""
    answers = [
        {name: np.where(mask, b.answers[name], a.answers[name]) for name in a.answers}
        for a, b in ((human, simulated), (simulated, human))
    ]
    return human.with_answers(answers[0], simulated=False), simulated.with_answers(answers[1])


def direct(metric, human, simulated):
    values = metric.compare(TASK, human, simulated, human, {}).values(human.weight[None], simulated.weight[None], 0)
    return loss_of(values, metric.spec)[0]


@pytest.mark.parametrize("metric", [kind() for kind in BY_WEIGHTS], ids=lambda metric: metric.spec.name)
@pytest.mark.parametrize("weighted", [False, True])
def test_weights_over_the_pool_give_every_exchange_of_seven_respondents(metric, weighted):
    weight = np.random.default_rng(0).uniform(0.5, 2, 7) if weighted else None
    human = answered(respondents(7, 1, weight=weight), 2, simulated=False)
    simulated = answered(human.without_answers(), 3)
    pool = Pool(human, [simulated])
    every = np.array(list(product([0, 1], repeat=7)), dtype=np.int8)
    roles = np.hstack([every, 1 - every])
    found = by_weights(metric, TASK, pool, human, {})(roles, 0)
    expected = [direct(metric, *swapped(human, simulated, mask == 1)) for mask in every]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


def test_the_p_of_random_exchanges_is_that_of_all_of_them():
    human = answered(respondents(9, 1), 2, simulated=False)
    simulated = answered(human.without_answers(), 8, shift=0.9)
    metric, pool = TotalVariation(), Pool(human, [simulated])
    losses = by_weights(metric, TASK, pool, human, {})
    every = np.array(list(product([0, 1], repeat=9)), dtype=np.int8)
    observed = direct(metric, human, simulated)[0]
    exact = np.mean(losses(np.hstack([every, 1 - every]), 0)[:, 0] >= observed - 1e-9)
    assert 0.02 < exact < 0.8
    drawn = np.concatenate([losses(roles, 0)[:, 0] for roles in exchanged_within_units(pool, 2000, 4)])
    assert stats.binomtest(int(np.sum(drawn >= observed - 1e-9)), 2000, exact).pvalue > 1e-3


@pytest.mark.parametrize("metric", [StructureRatio(), Stereotyping(), RmseSe()], ids=lambda metric: metric.spec.name)
def test_binding_anew_gives_what_answers_exchanged_by_hand_give(metric):
    human = answered(respondents(80, 1), 2, simulated=False)
    simulated = answered(human.without_answers(), 3)
    pool = Pool(human, [simulated])
    roles = next(exchanged_within_units(pool, 4, 0))
    (found,) = by_binding([metric], TASK, pool, human, roles, 0)
    expected = [direct(metric, *swapped(human, simulated, one[:80] == 1)) for one in roles]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_several_draws_are_averaged_and_all_orders_are_equally_likely():
    human = answered(respondents(60, 1), 2, simulated=False)
    draws = [answered(human.without_answers(), seed) for seed in (3, 4)]
    pool, metric = Pool(human, draws), JSDistance()
    mean = np.mean([direct(metric, human, draw) for draw in draws], axis=0)
    np.testing.assert_allclose(observed_loss(metric, TASK, human, draws, human, {}, 0), mean)
    np.testing.assert_allclose(by_weights(metric, TASK, pool, human, {})(pool.observed[None], 0)[0], mean, rtol=1e-9)
    roles = np.vstack(list(exchanged_within_units(pool, 100, 5))).reshape(100, 3, 60)
    orders = Counter(map(tuple, roles.transpose(0, 2, 1).reshape(-1, 3).tolist()))
    assert set(orders) == set(permutations(range(3)))
    assert stats.chisquare(list(orders.values())).pvalue > 1e-3


def test_primary_sampling_units_change_places_as_a_whole():
    psu = np.array([f"u{i // 5 % 4}" for i in range(40)], dtype=object)
    stratum = np.array(["a"] * 20 + ["b"] * 20, dtype=object)
    human = answered(respondents(40, 1, psu=psu, stratum=stratum), 2, simulated=False)
    pool = Pool(human, [answered(human.without_answers(), 3)])
    roles = np.vstack(list(exchanged_within_units(pool, 400, 6)))[:, :40].reshape(400, 8, 5)
    assert (roles == roles[:, :, :1]).all()
    assert (
        stats.chisquare(np.bincount(np.unique(roles[:, :, 0], axis=0, return_inverse=True)[1], minlength=256)).pvalue
        > 1e-3
    )


def test_rows_of_nobody_are_dealt_out_within_arms():
    arm = np.array(["a"] * 10 + ["b"] * 20, dtype=object)
    human = replace(answered(respondents(30, 1), 2, simulated=False), arm=arm)
    crowd = answered(human.without_answers(), 3)
    crowd = replace(crowd, respondent=np.array([f"x{i}" for i in range(30)], dtype=object), paired=False)
    pool = Pool(human, [crowd])
    roles = np.vstack(list(dealt_within_arms(pool, 200, 7)))
    in_a = np.concatenate([arm, arm]) == "a"
    assert set((roles[:, in_a] == 0).sum(axis=1)) == {10}
    assert set((roles[:, ~in_a] == 0).sum(axis=1)) == {20}
    # each row of arm a is a person in half of the deals
    assert stats.chisquare((roles[:, in_a] == 0).sum(axis=0)).pvalue > 1e-3
    taken = pool.taken(roles[0], 0), pool.taken(roles[0], 1)
    assert [one.n for one in taken] == [30, 30]
    assert not set(taken[0].respondent) & set(taken[1].respondent)


@pytest.mark.parametrize("psu", [False, True])
def test_the_level_is_kept_when_people_and_rows_have_one_law_and_a_shift_is_seen(psu):
    rejected = {0.0: 0, 0.6: 0}
    times, repeats = 39, 200
    for shift in rejected:
        for seed in range(repeats):
            units = np.array([f"u{i // 2}" for i in range(60)], dtype=object) if psu else None
            human = answered(respondents(60, seed, psu=units), 1000 + seed, simulated=False)
            pool = Pool(human, [answered(human.without_answers(), 2000 + seed, shift=shift)])
            losses = by_weights(JSDistance(), TASK, pool, human, {})
            observed = losses(pool.observed[None], seed)[0, 0]
            further = sum(
                int((losses(roles, seed)[:, 0] >= observed - 1e-9).sum())
                for roles in exchanged_within_units(pool, times, seed)
            )
            rejected[shift] += (1 + further) / (1 + times) <= 0.05
    assert rejected[0.0] <= stats.binom.ppf(0.9999, repeats, 0.05)
    assert rejected[0.6] > 0.3 * repeats


def test_exchanges_do_not_change_the_unit_of_stereotyping():
    """People change places too: a loss in units of their own difference would be undefined where the exchange levels it."""
    metric = Stereotyping()
    tested = under_exchange(metric)
    assert tested.spec is metric.spec
    human = answered(respondents(80, 1), 2, simulated=False)
    simulated = answered(human.without_answers(), 3)
    pool = Pool(human, [simulated])
    roles = next(exchanged_within_units(pool, 40, 0))
    (losses,) = by_binding([tested], TASK, pool, human, roles, 0)
    assert np.isfinite(losses).all()
    place = {key.name: q for q, key in enumerate(metric.compare(TASK, human, simulated, human, {}).values(
        human.weight[None], simulated.weight[None], 0).keys)}  # fmt: skip
    np.testing.assert_allclose(losses[:, place["stereotyping"]], losses[:, place["between_group_sd"]])
    assert under_exchange(TotalVariation()).spec.name == "total_variation"
