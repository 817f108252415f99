"""Laws that hold for every registered metric, those of installed plugins included."""

import numpy as np
import pytest

from surveyeval.plugins import BUILTIN, registry
from surveyeval.testing import LAWS, make_people, make_survey
from surveyeval.testing.case import usual_case

REGISTERED = registry().all("metric")
NOISE, REPETITION = "the loss grows with noise", "a weight is a repetition"
NOBODY = "no answers are undefined and no error"

UNWEIGHTED = "respondents are counted without weights"
EFFECTIVE = "effective sizes enter, which repetition changes"
ERRORS = "standard errors enter, which repetition changes"
#: Laws that do not fit a metric that comes with surveyeval, and why.
WITHOUT = {
    REPETITION: {
        **dict.fromkeys(
            ["unique_patterns", "structure_ratio", "coverage", "novelty", "simpson", "pilot_copies",
             "good_turing", "pattern_entropy"], UNWEIGHTED),
        **dict.fromkeys(
            ["stereotyping", "group_determinism", "energy_distance", "group_contrast_slope", "association", "transport",
             "treatment_r_adj", "persona_gain"], EFFECTIVE),
        "persona_swap": "exchanges are drawn anew for other rows",
    },
    NOISE: {
        "nonresponse_error": "noise answers everything",
        "low_spread_share": "noise makes answers differ more, not less",
        "sign_fpr": "noise makes few discoveries, false ones among them",
        "truth_fpr": "noise makes few discoveries, false ones among them",
        "truth_f1": "true signs are few, and the people of one sample miss some of them",
        "wrong_sign_share": "noise leaves signs that are not significant rather than wrong ones",
        "persona_swap": "p of an own answer is as small as it can be at any noise",
    },
    NOBODY: {
        **dict.fromkeys(["truth_f1", "truth_fpr"], "the truth is known without people: nobody finds nothing of it"),
    },
}  # fmt: skip


def reason(registration, law, axis):
    """Why a law is left out for a metric, or nothing."""
    if registration.owner != BUILTIN and law in WITHOUT:
        return "what does not fit a plugin's metric stands in the tests of the plugin"
    if law == REPETITION and axis == "coefficients" and registration.name not in ("treatment_rmse",):
        return ERRORS
    return WITHOUT.get(law, {}).get(registration.name, "")


@pytest.mark.parametrize("registration", REGISTERED, ids=lambda one: one.name)
def test_laws(registration):
    metric = registration.load()
    # logits are fitted without survey weights only
    case = usual_case(metric().spec.axis != "coefficients")
    if registration.owner != BUILTIN and metric().applicable(case.task):
        return
    for name, law in LAWS.items():
        if not reason(registration, name, metric().spec.axis):
            try:
                law(metric(), case)
            except AssertionError as error:
                raise AssertionError(f"{registration.name}: {name}: {error}") from error


def test_no_law_is_left_out_for_a_metric_that_does_not_exist():
    names = {one.name for one in REGISTERED if one.owner == BUILTIN}
    assert len(names) > 50
    for law, metrics in WITHOUT.items():
        assert law in LAWS
        assert set(metrics) <= names, law


def test_laws_are_left_out_only_where_they_fail():
    """An exemption that is not needed is a test that is not made."""
    needless = []
    for registration in REGISTERED:
        metric = registration.load()
        case = usual_case(metric().spec.axis != "coefficients")
        for law in WITHOUT if registration.owner == BUILTIN else ():
            if registration.name in WITHOUT[law]:
                try:
                    LAWS[law](metric(), case)
                except AssertionError:
                    continue
                needless.append((registration.name, law))
    assert not needless


def test_survey_weights_leave_least_squares():
    """With weights, the metrics of coefficients obey the laws on what is left to compare."""
    case = usual_case(True)
    for name in ("share_differing", "exaggeration", "average_marginal_effects", "structure_wald"):
        metric = registry().get("metric", name).load()
        for law in ("the order of respondents does not matter", "the scale of weights does not matter",
                    "an exact copy is the other half of the people", "many weights at once are the same as one by one"):  # fmt: skip
            LAWS[law](metric(), case)
        assert np.isfinite(case.values(metric()).value).any()


POPULATION = [one for one in REGISTERED if one.owner == BUILTIN and one.load()().spec.axis != "individual"]


@pytest.mark.parametrize("registration", POPULATION, ids=lambda one: one.name)
def test_unanswered_items_break_nothing(registration):
    metric = registration.load()()
    case = usual_case(metric.spec.axis != "coefficients")
    rng = np.random.default_rng(6)
    holes = {
        name: np.where(rng.random(case.human.n) < 0.5, -1, column) for name, column in case.simulated.answers.items()
    }
    values = case.values(metric, simulated=case.human.with_answers(holes))
    assert not np.isinf(values.value).any()
    empty = case.human.with_answers({name: np.full(case.human.n, -1) for name in case.human.answers})
    values = case.values(metric, simulated=empty)
    headlines = [q for q, key in enumerate(values.keys) if key.headline]
    if metric.spec.axis != "coefficients":  # a term that the simulation cannot estimate is a miss, which is a value
        assert np.isnan(values.value[:, headlines]).all()
        assert all(key in values.status for key in values.keys)


def test_people_of_the_survey():
    """What the laws are tried on: groups and arms differ, profiles stay, answers do not."""
    task = make_survey()
    people, again = make_people(task, 4000, 1), make_people(task, 4000, 2)
    assert (people.profile["region"] == again.profile["region"]).all()
    assert (people.answers["trust"] != again.answers["trust"]).mean() > 0.4
    means = [people.answers["trust"][people.profile["region"] == one].mean() for one in "wns"]
    assert means[0] + 0.5 < means[1] < means[2] - 0.5
    flat = make_people(task, 4000, 1, groups=0.0)
    assert np.ptp([flat.answers["trust"][flat.profile["region"] == one].mean() for one in "wns"]) < 0.15
