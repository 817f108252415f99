"""A gate: a naive floor, a simulator that is half right, and a fresh sample of people come out in this order.

Group differences are halved by answering for every second person as if they were somebody else of the arm. Where an axis
does not look at groups, half right means that every second row is the floor's. Every metric stands in one of the lists
below, or among those that cannot rank the three, with the reason.
"""

from functools import lru_cache

import numpy as np
import pytest

from surveyeval.engine.evaluate import evaluate
from surveyeval.model.baselines import make_baseline
from surveyeval.model.protocol import Interviews
from surveyeval.model.scripts import exchange
from surveyeval.plugins import BUILTIN, registry
from surveyeval.testing import make_people, make_survey

TASK = make_survey()
N, SPLITS, DRAWS = 480, 3, 2
FLOORS = ("uniform", "pooled", "marginal", "mode")

GROUPS = (
    "group_js_distance", "group_contrast_slope", "stereotyping", "group_determinism", "share_differing", "exaggeration",
    "rmse_se", "average_marginal_effects", "ame_exaggeration", "interval_overlap",
)  # fmt: skip
PERSONS = ("joint_log_loss", "log_loss", "accuracy", "pearson_r")
OTHERS = (
    "total_variation", "js_distance", "wasserstein", "simbench_score", "representativeness", "energy_distance",
    "classifier_auc", "structure_ratio", "coverage", "novelty", "sd_ratio", "gap", "coherence", "gap_error",
    "association", "transport", "treatment_rmse", "unique_patterns", "pattern_entropy", "good_turing", "simpson",
)  # fmt: skip
UNRANKED = {
    "nonresponse_error": "everybody answers",
    "pilot_copies": "descriptive; a simulator that is half floor copies half as much",
    "longest_copy": "a maximum: half of the rows reach it as well as all",
    "gini_simpson_ratio": "its floor keeps the spread of nominal answers",
    "low_spread_share": "a count of few items",
    "undetermined_share": "its floor keeps it",
    "gap_difference": "has a sign; its size is that of gap_error",
    "sign_f1": "thresholds: half of a strong effect is significant still",
    "ame_share_differing": "thresholds: half of a strong difference is significant as well",
    "sign_fpr": "a floor makes no discoveries",
    "sign_agreement": "half of an effect has its sign",
    "wrong_sign_share": "a floor makes no discoveries",
    "truth_f1": "thresholds, against few true terms",
    "truth_fpr": "a floor makes no discoveries",
    "treatment_r_adj": "a floor without effects has no correlation, and half of the effects have all of it",
    "structure_wald": "one regression of three rules its mean",
    "persona_gain": "what is told beyond the cell, which is all that these people have",
    "persona_swap": "what is told beyond the cell, which is all that these people have",
    "worst_group": "a maximum over three groups",
}


def people(seed, groups=1.0):
    return make_people(TASK, N, seed, groups=groups)


HUMAN = people(1)
PILOT = make_people(TASK, 160, 2, profiles=5, prefix="pilot")


def half(one, other, rng):
    """Rows of the one, every second replaced by the other's."""
    second = rng.random(N) < 0.5
    return HUMAN.with_answers({name: np.where(second, other.answers[name], one.answers[name]) for name in one.answers})


@lru_cache
def simulated():
    made = {"fresh": [], "half-shrunk": []} | {f"floor {name}": [] for name in FLOORS}
    made |= {f"half {name}": [] for name in FLOORS}
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        fresh, again = (HUMAN.with_answers(people(seed).answers) for seed in (10 + draw, 20 + draw))
        made["fresh"].append(fresh)
        made["half-shrunk"].append(half(fresh, again.take(exchange(again.arm, rng)), rng))
        for name in FLOORS:
            model = make_baseline(name)
            model.fit(TASK, PILOT)
            given = model.answer(Interviews(TASK, HUMAN.without_answers(), rng.random((N, len(TASK.items)))))
            floor = HUMAN.with_answers(given.answers)
            made[f"floor {name}"].append(floor)
            made[f"half {name}"].append(half(fresh, floor, rng))
    return made


def told(names, models):
    metrics = [registry().get("metric", name).load()() for name in names]
    chosen = {name: simulated()[name] for name in models}
    return metrics, evaluate(TASK, HUMAN, chosen, PILOT, metrics=metrics, splits=SPLITS, tests=False)


def excess(table, metric, model, *, groups=True):
    """Excess over the reference of the metric's first overall value, by block and group where it has those."""
    rows = table[(table["metric"] == metric.spec.name) & (table["name"] == metric.spec.name)]
    rows = rows[(rows["quantity"] == "excess") & (rows["model"] == model)]
    overall = (rows[["item", "arm", "term", "regression"]] == "").all(axis=1) & ~rows["group"].str.contains("=")
    rows = rows[overall] if overall.any() else rows.assign(value=rows["value"].mean())  # a value for each pair of items
    blocks = rows[rows["block"] == "demographic"]
    return float((blocks if groups and len(blocks) and metric.spec.name in GROUPS else rows)["value"].iloc[0])


def test_group_differences_halved():
    metrics, table = told(GROUPS, ["floor marginal", "half-shrunk", "fresh"])
    for metric in metrics:
        models = ("floor marginal", "half-shrunk", "fresh")
        floor, halved, fresh = (excess(table, metric, name) for name in models)
        if metric.spec.name == "share_differing":
            # A count at a threshold: none of the four demographic terms is lost when effects are halved, so that this block
            # ties, and only all terms together, those of the arms among them, tell the two apart.
            assert floor == pytest.approx(halved)
            assert halved > fresh
            floor, halved, fresh = (excess(table, metric, name, groups=False) for name in models)
        assert floor > halved > fresh, f"{metric.spec.name}: {floor:.3f}, {halved:.3f}, {fresh:.3f}"


def test_half_of_the_rows_naive():
    names = sorted({registry().get("metric", name).load()().spec.floor for name in OTHERS})
    metrics, table = told(OTHERS, ["fresh", *(f"{kind} {name}" for kind in ("floor", "half") for name in names)])
    for metric in metrics:
        floor, halved, fresh = (
            excess(table, metric, name) for name in (f"floor {metric.spec.floor}", f"half {metric.spec.floor}", "fresh")
        )
        assert floor > halved > fresh, f"{metric.spec.name}: {floor:.3f}, {halved:.3f}, {fresh:.3f}"


def law(rows):
    """Shares of options among many other people of the law, of the people that `rows` says."""
    crowd = make_people(TASK, 40_000, 77, profiles=7)
    cells = {}
    for item in TASK.items:
        table = np.zeros((N, item.k))
        for cell in set(zip(*rows(HUMAN), strict=True)):
            inside, own = (
                np.all([c == v for c, v in zip(rows(one), cell, strict=True)], axis=0) for one in (crowd, HUMAN)
            )
            table[own] = (np.bincount(crowd.answers[item.name][inside], minlength=item.k) + 0.5) / (
                inside.sum() + 0.5 * item.k
            )
        cells[item.name] = table
    return cells


def test_persons():
    """The shares of region and arm, half of them and half those of the arm, those of the arm."""
    own, arm = law(lambda one: (one.arm, one.profile["region"])), law(lambda one: (one.arm,))
    row = np.arange(N)
    models = {}
    for name, share in (("fresh", 1.0), ("half-shrunk", 0.5)):
        shares = {item: share * own[item] + (1 - share) * arm[item] for item in own}
        scores = {item: np.log(table[row, HUMAN.answers[item]]) for item, table in shares.items()}
        models[name] = [HUMAN.with_answers(HUMAN.answers, probabilities=shares, log_prob=scores)]
    metrics = [registry().get("metric", name).load()() for name in PERSONS]
    table = evaluate(TASK, HUMAN, models, PILOT, metrics=metrics, splits=SPLITS, tests=False)
    gained = table[(table["quantity"] == "gain_over_floor") & table["name"].isin(PERSONS)]
    for name in PERSONS:
        mean = gained[gained["name"] == name].groupby("model")["value"].mean()
        if name == "pearson_r":  # shares that are mixed correlate as much as those that are not, and more than none
            assert mean["half-shrunk"] > 0
            assert mean["fresh"] > 0
        else:
            assert mean["fresh"] > mean["half-shrunk"] > 0, name


def test_every_metric_is_ranked_or_has_a_reason():
    listed = [*GROUPS, *PERSONS, *OTHERS, *UNRANKED]
    assert len(set(listed)) == len(listed)
    assert set(listed) == {one.name for one in registry().all("metric") if one.owner == BUILTIN}
    assert all(UNRANKED.values())


@pytest.mark.parametrize("name", ["fresh", "half-shrunk"])
def test_halving_leaves_everything_but_groups(name):
    """What makes the gate one about groups: distributions and coherence are those of people."""
    rule = TASK.spec.coherence[0]
    for sample in simulated()[name]:
        outcome, own = TASK.coherence(sample, rule), TASK.coherence(HUMAN, rule)
        gaps = [(one == 0).sum() / (one >= 0).sum() for one in (outcome, own)]
        assert gaps[0] == pytest.approx(gaps[1], abs=0.08)
        for item in TASK.items:
            shares = [np.bincount(one.answers[item.name], minlength=item.k) / N for one in (sample, HUMAN)]
            assert np.abs(shares[0] - shares[1]).max() < 0.09
