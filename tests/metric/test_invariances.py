"""Laws that hold for every metric of these axes."""

from dataclasses import replace

import numpy as np
import pytest
from metric_samples import as_simulated, half_weights, make_sample, make_task

from surveyeval.metric import (
    accuracy,
    alignment,
    association,
    classifier,
    coefficients,
    coherence,
    contrasts,
    copies,
    dispersion,
    energy,
    gap_error,
    heterogeneity,
    individual,
    marginal_effects,
    nonresponse,
    pattern_entropy,
    persona,
    scores,
    signs,
    stereotyping,
    structure,
    subgroups,
    transport,
    treatment,
)
from surveyeval.plugins import BUILTIN, registry

COEFFICIENTS = [
    coefficients.SignF1, coefficients.SignFPR, coefficients.SignAgreement, coefficients.ShareDiffering,
    coefficients.Exaggeration, coefficients.RmseSe, marginal_effects.AverageMarginalEffects,
    marginal_effects.AMEShareDiffering, marginal_effects.AMEExaggeration, signs.WrongSignShare, signs.IntervalOverlap,
    signs.TruthF1, signs.TruthFPR, structure.StructureWald,
]  # fmt: skip
POPULATION = [
    alignment.TotalVariation, alignment.JSDistance, alignment.Wasserstein, subgroups.GroupJSDistance,
    heterogeneity.UniquePatterns, heterogeneity.StructureRatio, heterogeneity.Coverage, heterogeneity.Novelty,
    heterogeneity.Simpson, heterogeneity.PilotCopies, dispersion.SDRatio, dispersion.GiniSimpsonRatio,
    dispersion.LowSpread, stereotyping.Stereotyping, stereotyping.GroupDeterminism, coherence.Gap,
    coherence.UndeterminedShare, coherence.Coherence, scores.SimBenchScore, scores.Representativeness,
    energy.EnergyDistance, classifier.ClassifierAUC, nonresponse.NonresponseError, contrasts.GroupContrastSlope,
    copies.LongestCopy, pattern_entropy.GoodTuring, pattern_entropy.PatternEntropy, gap_error.GapError,
    gap_error.GapDifference, association.Association, transport.Transport, treatment.TreatmentCorrelation,
    treatment.TreatmentRMSE, *COEFFICIENTS,
]  # fmt: skip
EVERY = [
    *POPULATION, individual.JointLogLoss, individual.LogLoss, accuracy.Accuracy, accuracy.PearsonR, persona.PersonaGain,
    persona.PersonaSwap,
]  # fmt: skip
#: Effective sizes enter these, or respondents are counted without weights.
COUNT_OR_SIZE = {
    "unique_patterns", "structure_ratio", "coverage", "novelty", "simpson", "pilot_copies", "stereotyping",
    "group_determinism", "longest_copy", "good_turing", "pattern_entropy", "energy_distance", "group_contrast_slope",
    "association", "transport", "treatment_r_adj", "persona_gain", "persona_swap",
    *(metric.spec.name for metric in COEFFICIENTS),
}  # fmt: skip

TASK = make_task(
    arms={"column": "arm", "levels": {key: {"label": key.upper()} for key in "abcd"}},
    items=[*make_task().spec.model_dump()["items"],
           {"name": "worth", "role": "attitude", "kind": "numeric", "question": "?", "options": {str(k): str(k) for k in range(9)}},
           {"name": "fair", "role": "attitude", "kind": "ordinal", "question": "?", "options": {str(k): str(k) for k in range(4)}}],
    cells=["region"],
    patterns=["trust", "place", "risk", "worth", "fair"],
    regressions=[
        {"name": "trust", "formula": "trust ~ arm + region + risk", "family": "ols",
         "blocks": {"treatment": ["arm"], "belief": ["risk"], "demographic": ["region"]}},
        {"name": "worth", "formula": "worth ~ trust + region", "family": "ols",
         "blocks": {"belief": ["trust"], "demographic": ["region"]}},
        {"name": "act", "formula": "act ~ trust + region", "family": "logit",
         "blocks": {"belief": ["trust"], "demographic": ["region"]}},
    ],
    truth={"trust": {"arm[d]": 0.3, "region[s]": 0.5, "region[w]": 0, "risk": 0}},
)  # fmt: skip
N = 320
HUMAN = make_sample(TASK, N, 1, effect=1.2)
PILOT = make_sample(TASK, 60, 9, effect=1.2)
PILOT = replace(PILOT, respondent=np.array([f"pilot {i}" for i in range(60)], dtype=object))
SCORES = {item.name: np.log(np.random.default_rng(3).uniform(0.05, 0.9, HUMAN.n)) for item in TASK.items}
SHARES = {item.name: np.random.default_rng(4).dirichlet(np.ones(item.k), HUMAN.n) for item in TASK.items}
MADE = as_simulated(HUMAN, 2, task=TASK, effect=0.5).answers
SIMULATED = HUMAN.with_answers(MADE, log_prob=SCORES, probabilities=SHARES)
#: Logits are fitted without survey weights only.
PLAIN = replace(HUMAN, weight=np.ones(N)), replace(SIMULATED, weight=np.ones(N))


def test_no_metric_that_comes_with_surveyeval_is_forgotten():
    built_in = {one.name for one in registry().all("metric") if one.owner == BUILTIN}
    assert built_in == {metric.spec.name for metric in EVERY}


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
    values = results(metric, *PLAIN) if metric in COEFFICIENTS else results(metric)
    low, high = metric.spec.range
    assert metric().applicable(TASK) is None
    assert values.value.shape == (4, len(values.keys))
    assert values.n_eff is None or values.n_eff.shape == values.value.shape
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


@pytest.mark.parametrize("metric", COEFFICIENTS)
def test_the_order_of_respondents_does_not_matter_without_weights(metric):
    order, weights = np.random.default_rng(0).permutation(N), half_weights(HUMAN, 4, 5)
    moved = results(metric, *(sample.take(order) for sample in PLAIN), tuple(w[:, order] for w in weights))
    same(results(metric, *PLAIN), moved)
    assert np.isfinite(moved.value).any()


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
    # What is too dear or too meaningless to resample is computed for the two directions of a split only.
    for b in range(4 if metric.spec.interval != "none" else 2):
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
        answers = {**sample.answers, "place": np.where(column >= 0, (column + 1) % 3, -1)}
        return sample.with_answers(answers, states=sample.states, simulated=sample.simulated)

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
    if metric not in COEFFICIENTS:  # a term that the simulation cannot estimate is a miss, which is a value
        assert np.isnan(values.value[:, headlines]).all()
        assert all(key in values.status for key in values.keys)


#: Not these: noise has no states of nonresponse and makes no copies; it makes fewer discoveries, false ones as well; it
#: leaves no correlation of arm means to speak of; and groups or signs lost altogether have no ratio, or no wrong sign.
UNGRADED = {"nonresponse_error", "low_spread_share", "pilot_copies", "longest_copy", "sign_fpr", "truth_fpr", "truth_f1",
            "treatment_r_adj", "stereotyping", "undetermined_share", "wrong_sign_share"}  # fmt: skip
GRADED = [metric for metric in POPULATION if metric.spec.name not in UNGRADED]


@pytest.mark.parametrize("metric", GRADED)
def test_the_loss_grows_as_answers_are_replaced_by_noise(metric):
    """A copy of other people of the same law, more and more of whose answers are uniform noise."""
    human, other = law(600, 1), law(600, 2)
    losses = []
    for share in (0.0, 0.45, 0.9):
        found = []
        for seed in range(3):
            rng = np.random.default_rng(seed)
            spoiled = {
                item.name: np.where(rng.random(600) < share, rng.integers(0, item.k, 600), other.answers[item.name])
                for item in TASK.items
            }
            ones = np.ones((1, 600))
            values = metric().compare(TASK, human, human.with_answers(spoiled), PILOT, {}).values(ones, ones, seed)
            loss = values.loss if values.loss is not None else values.value
            sign = -1 if values.loss is None and metric.spec.direction == "higher" else 1
            q = next(q for q, key in enumerate(values.keys) if not (key.item or key.arm))
            found.append(sign * loss[0, q])
        losses.append(np.mean(found))
    assert losses[0] <= losses[1] <= losses[2]
    assert losses[0] < losses[2]


def law(n, seed):
    """People whose answers depend on region, arm and each other."""
    base = make_sample(TASK, n, 70, missing=0.0, weighted=False)
    rng = np.random.default_rng(seed)
    latent = rng.normal(0, 0.5, n) + 0.9 * ((base.profile["region"] == "s") - 1.0 * (base.profile["region"] == "w"))
    arm = np.searchsorted(list("abcd"), base.arm.astype(str))
    answers = {}
    for j, item in enumerate(TASK.items):
        middle, effect = (item.k - 1) * 0.55, 0.25 * np.array([0, 1, -1, 0.5])[(arm + j) % 4]
        drawn = middle + (latent + effect) * item.k / 4 + rng.normal(0, item.k / 12, n)
        answers[item.name] = np.clip(np.round(drawn), 0, item.k - 1).astype(np.int64)
    return base.with_answers(answers, simulated=False)
