"""What the card calls each number, in which unit it is printed, and how to read it in one line.

Metrics that are not listed here (plugins) are shown with the label, unit and help of their spec, or else under their own
name and with their summary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from surveyeval.reporting.words import HUMAN, Words

__all__ = ["AXES", "FLOORS", "Axis", "Quantity", "axis", "floor_label", "quantity", "section_key"]


@dataclass(frozen=True)
class Quantity:
    """Label, unit (``distance``, ``share``, ``ratio``, ``slope``, ``count``, ``bits``, ``plain``) and reading help.

    ``relative`` values are ratios to people's own value, so that people are at about 1 by construction.
    """

    label: str
    unit: str
    help: str
    relative: bool = False


@dataclass(frozen=True)
class Axis:
    """One axis of fidelity: its name on cards and the question that it answers."""

    key: str
    title: str
    question: str


#: In the order of the card.
AXES = (
    Axis("alignment", "Alignment", "Are the answers distributed as people's answers are?"),
    Axis("subgroups", "Subgroups", "Is that so within groups of people, beyond what their size alone explains?"),
    Axis("heterogeneity", "Heterogeneity", "Do simulated rows differ from each other as people do?"),
    Axis("stereotyping", "Stereotyping", "Are differences between groups of people made larger, or lost?"),
    Axis("coherence", "Belief and action", "Do actions follow from beliefs as often as they do for people?"),
    Axis("coefficients", "Coefficients", "Would the original regressions come out the same?"),
    Axis("individual", "Individuals", "Does the model know anything about a person beyond the average?"),
)

#: Baselines that serve as floors, in plain words.
FLOORS = {
    "uniform": "uniform answers",
    "mode": "modal answer of the pilot",
    "pooled": "pilot shares, arms ignored",
    "marginal": "pilot shares within arm",
    "cell": "demographic cell of the pilot",
    "chain": "chain of logits on the pilot",
    "logit": "logit on the profile",
    "hotdeck": "nearest pilot respondent",
    "copula": "Gaussian copula of the pilot",
}

_QUANTITIES = {
    "total_variation": Quantity("Total variation", "distance", "share of answers that would have to change option"),
    "total_variation_pooled": Quantity("Total variation, arms pooled", "distance", "errors in opposite directions cancel"),
    "js_distance": Quantity("Jensen-Shannon distance", "distance", "0 same distribution, 1 no option in common"),
    "js_distance_pooled": Quantity("Jensen-Shannon distance, arms pooled", "distance", "errors in opposite directions cancel"),
    "wasserstein": Quantity("Wasserstein distance", "distance", "how far ordered answers would have to move, as share of the scale"),
    "wasserstein_pooled": Quantity("Wasserstein distance, arms pooled", "distance", "errors in opposite directions cancel"),
    "group_js_distance": Quantity("Jensen-Shannon distance within groups", "distance", "mean over items, arms pooled"),
    "worst_group": Quantity("Worst group beyond its reference", "ratio", "in standard deviations of the reference; the largest of several, so above 0 for people too"),
    "group_gap": Quantity("Gap between best and worst group", "distance", "largest minus smallest distance beyond the group's own reference"),
    "unique_patterns": Quantity("Distinct answer patterns", "count", "different combinations of the pattern items within a half"),
    "unique_patterns_ratio": Quantity("Distinct patterns over people's", "ratio", "1 as many as people", relative=True),
    "structure_ratio": Quantity("Structure ratio", "ratio", "distinct patterns over those left after shuffling answers between rows"),
    "coverage": Quantity("Coverage", "share", "people whose answer pattern occurs in the other half"),
    "novelty": Quantity("Novelty", "share", "rows whose answer pattern no person of the other half has"),
    "simpson": Quantity("Simpson diversity", "share", "probability that two rows have different patterns"),
    "pilot_copies": Quantity("Copies of pilot rows", "share", "rows that repeat a pilot person on all pattern items and the action"),
    "sd_ratio": Quantity("Standard deviation over people's", "ratio", "1 as spread out as people, 0 all the same", relative=True),
    "gini_simpson_ratio": Quantity("Disagreement over people's", "ratio", "the same for items without order", relative=True),
    "low_spread_share": Quantity("Items too narrow", "share", "ordered items with less than 0.9 of people's standard deviation"),
    "stereotyping": Quantity("Differences between groups over people's", "ratio", "above 1 exaggerates group differences", relative=True),
    "between_group_sd": Quantity("Difference between groups", "plain", "standard deviation of group means, freed of sampling noise"),
    "group_determinism": Quantity("Variance explained by the group", "share", "freed of sampling noise"),
    "gap": Quantity("Belief-action gap", "share", "rows whose action contradicts their beliefs; the target is people's own gap"),
    "undetermined_share": Quantity("Rule undetermined", "share", "rows about which the rule says nothing"),
    "coherence": Quantity("Coherence beyond chance", "ratio", "1 no contradiction, 0 as if actions were shuffled; two-sided"),
    "sign_f1": Quantity("F1 of significant signs", "ratio", "depends on sample size: two halves of people are far from 1"),
    "sign_fpr": Quantity("False positive rate", "share", "terms significant in the simulation only"),
    "sign_agreement": Quantity("Same sign", "share", "among terms that are significant for people"),
    "share_differing": Quantity("Coefficients that differ", "share", "terms more than 1.96 standard errors apart; about 5% between samples of people"),
    "exaggeration": Quantity("Exaggeration of coefficients", "slope", "1 as large as people's, above 1 exaggerated, below 1 flattened"),
    "rmse_se": Quantity("Error in standard errors", "ratio", "difference in people's standard errors; about 1.41 between samples of people"),
    "joint_log_loss": Quantity("Joint log-loss", "bits", "bits needed to predict all answers of one person"),
    "log_loss": Quantity("Log-loss", "bits", "bits needed to predict one answer, given the earlier ones"),
    "simbench_score": Quantity("SimBench score", "points", "100 as people on average, 0 as uniform answers; people of the other half are below 100"),
    "representativeness": Quantity("Representativeness", "share", "1 minus the Wasserstein distance; uniform answers reach .7 and more"),
    "energy_distance": Quantity("Energy distance", "distance", "0 on average between samples of one law; may be negative"),
    "classifier_auc": Quantity("Told apart by a classifier", "share", "from answers; 0.5 not at all"),
    "classifier_auc_profile": Quantity("Told apart by a classifier, with the profile", "share", "from answers, profile and arm; 0.5 not at all"),
    "nonresponse_error_refused": Quantity("Error of refusals", "share", "difference of the rates"),
    "nonresponse_error_dont_know": Quantity("Error of don't knows", "share", "difference of the rates"),
    "nonresponse_error_missing": Quantity("Error of missing answers", "share", "difference of the rates"),
    "nonresponse_error_not_asked": Quantity("Error of routing", "share", "difference of the shares that were not asked"),
    "nonresponse_error": Quantity("Error of non-response", "share", "difference of the rates of refusals, don't knows and missing answers"),
    "group_contrast_slope": Quantity("Differences between groups, slope", "slope", "1 as among people, above 1 exaggerated, below 1 flattened"),
    "longest_copy": Quantity("Longest copy of a pilot row", "share", "profile and answers that stand in one pilot row"),
    "good_turing": Quantity("Patterns seen (Good-Turing)", "share", "share of its own law of patterns that a half has seen"),
    "pattern_entropy": Quantity("Entropy of patterns", "plain", "corrected for patterns not seen"),
    "gap_error": Quantity("Distance of the gap from people's", "share", "0 the same gap"),
    "gap_error_arms": Quantity("Distance of the gap from people's, by arm", "share", "mean over arms, so errors in opposite directions do not cancel"),
    "gap_difference": Quantity("Gap minus people's", "plain", "below 0 more coherent than people"),
    "association": Quantity("Association of answers", "ratio", "of a belief with an action, or of a declared pair, within arms; the target is people's own"),
    "association_strength": Quantity("Strength of association", "ratio", "of beliefs with actions, or of declared pairs, within arms; the target is people's own"),
    "transport": Quantity("Actions under people's model", "bits", "bits per action; lower than people is too coherent"),
    "average_marginal_effects": Quantity("Error of marginal effects", "ratio", "in standard errors"),
    "ame_share_differing": Quantity("Marginal effects that differ", "share", "more than 1.96 standard errors apart; about 5% between samples of people"),
    "ame_exaggeration": Quantity("Exaggeration of marginal effects", "slope", "1 as large as people's, above 1 exaggerated, below 1 flattened"),
    "wrong_sign_share": Quantity("Significant with the wrong sign", "share", "among terms that are significant for people"),
    "interval_overlap": Quantity("Overlap of intervals", "share", "of 95% intervals of coefficients; 1 the same interval"),
    "truth_f1": Quantity("F1 against the truth", "ratio", "significant signs against the coefficients that the data were made with"),
    "truth_fpr": Quantity("False positive rate against the truth", "share", "significant although the true coefficient is 0"),
    "treatment_r_adj": Quantity("Correlation of treatment effects", "ratio", "arm means centred per item, freed of sampling noise"),
    "treatment_slope": Quantity("Slope of treatment effects", "slope", "1 as large as people's"),
    "treatment_rmse": Quantity("Error of treatment effects", "distance", "of arm means centred per item, share of the scale"),
    "structure_wald": Quantity("Joint test of equal slopes", "ratio", "chi-squared over degrees of freedom; about 1 between samples of people"),
    "accuracy": Quantity("Probability of the person's answer", "share", "mean over items; the bar is the best baseline"),
    "accuracy_modal": Quantity("Most probable answer right", "share", "mean over items; the bar is the best baseline"),
    "pearson_r": Quantity("Correlation with the person's answer", "ratio", "expected answers, within arms"),
    "persona_gain": Quantity("Accuracy owed to the profile", "share", "beyond arm and cell; 0: personas could be exchanged"),
    "persona_swap": Quantity("Could personas be exchanged?", "plain", "permutation p within arm and cell"),
}  # fmt: skip

_BY_KEY = {one.key: one for one in AXES}


def axis(key: str) -> Axis:
    """The axis of that name; a plain one for axes that only plugins know."""
    return _BY_KEY.get(key) or Axis(key, _plain(key), "")


def section_key(key: str) -> str:
    """The name of an axis as the target of a link; those of plugins can't take that of another section."""
    return key if key in _BY_KEY else f"axis-{re.sub(r'[^a-z0-9]+', '-', key.lower()).strip('-')}"


def floor_label(name: str) -> str:
    """A floor in plain words."""
    return FLOORS.get(name, _plain(name).lower())


def quantity(metric: str, name: str, words: Words = HUMAN) -> Quantity:
    """How to print one value of a metric, with the reference called by its name."""
    if name in _QUANTITIES:
        found = _QUANTITIES[name]
        return replace(found, label=words.own(found.label), help=words.own(found.help))
    known = _QUANTITIES.get(metric)
    named, unit, help_ = (known.label, known.unit, known.help) if known else _spec(metric)
    own = name in ("", metric)
    return Quantity(named if own else _plain(name), unit, help_ if own else "")


@lru_cache(maxsize=256)
def _spec(metric: str) -> tuple[str, str, str]:
    """Label, unit and help that a metric of a plugin declares; its name when the plugin is gone."""
    from surveyeval.errors import SurveyevalError
    from surveyeval.plugins import registry

    try:
        spec = registry().get("metric", metric).load()().spec
        return str(spec.label or _plain(metric)), str(spec.unit or "plain"), str(spec.help or spec.summary)
    except (SurveyevalError, AttributeError, ImportError, TypeError):
        return _plain(metric), "plain", ""


def _plain(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
