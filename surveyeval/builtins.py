"""What comes with surveyeval, registered like any plugin."""

from __future__ import annotations

from surveyeval.hookspecs import Register, hookimpl

__all__ = ["surveyeval_register"]

_METRICS = {
    "total_variation": ("alignment", "alignment:TotalVariation", "half the sum of absolute differences of shares"),
    "js_distance": ("alignment", "alignment:JSDistance", "Jensen-Shannon distance, base 2"),
    "wasserstein": ("alignment", "alignment:Wasserstein", "distance between ordered distributions, share of the scale"),
    "group_js_distance": (
        "subgroups",
        "subgroups:GroupJSDistance",
        "Jensen-Shannon distance within each group, arms pooled, mean over items",
    ),
    "unique_patterns": (
        "heterogeneity",
        "heterogeneity:UniquePatterns",
        "distinct patterns of answers at the size of the smaller half",
    ),
    "structure_ratio": (
        "heterogeneity",
        "heterogeneity:StructureRatio",
        "distinct patterns over distinct patterns with items shuffled",
    ),
    "coverage": ("heterogeneity", "heterogeneity:Coverage", "share of people whose pattern the simulated half holds"),
    "novelty": (
        "heterogeneity",
        "heterogeneity:Novelty",
        "share of simulated respondents with a pattern not seen among people",
    ),
    "simpson": ("heterogeneity", "heterogeneity:Simpson", "probability that two respondents have different patterns"),
    "pilot_copies": (
        "heterogeneity",
        "heterogeneity:PilotCopies",
        "share of respondents who repeat a pilot respondent exactly",
    ),
    "sd_ratio": ("heterogeneity", "dispersion:SDRatio", "standard deviation of simulated answers over people's"),
    "gini_simpson_ratio": (
        "heterogeneity",
        "dispersion:GiniSimpsonRatio",
        "disagreement within simulated arms over people's, nominal items",
    ),
    "low_spread_share": (
        "heterogeneity",
        "dispersion:LowSpread",
        "share of ordered items whose standard deviation is below 0.9 of people's",
    ),
    "stereotyping": (
        "stereotyping",
        "stereotyping:Stereotyping",
        "spread of group means over people's, freed of sampling noise",
    ),
    "group_determinism": (
        "stereotyping",
        "stereotyping:GroupDeterminism",
        "share of variance explained by the group, freed of sampling noise",
    ),
    "gap": ("coherence", "coherence:Gap", "share whose action contradicts their beliefs"),
    "undetermined_share": ("coherence", "coherence:UndeterminedShare", "share about whom the rule says nothing"),
    "coherence": (
        "coherence",
        "coherence:Coherence",
        "gap corrected for chance, 1 without contradictions, 0 as if by chance",
    ),
    "sign_f1": ("coefficients", "coefficients:SignF1", "F1 of significant signs"),
    "sign_fpr": ("coefficients", "coefficients:SignFPR", "significant in the simulation but not among people"),
    "sign_agreement": ("coefficients", "coefficients:SignAgreement", "same sign, among terms significant among people"),
    "share_differing": ("coefficients", "coefficients:ShareDiffering", "coefficients that differ at the 5% level"),
    "exaggeration": ("coefficients", "coefficients:Exaggeration", "slope of simulated on human coefficients"),
    "rmse_se": ("coefficients", "coefficients:RmseSe", "distance of coefficients in standard errors"),
    "joint_log_loss": (
        "individual",
        "individual:JointLogLoss",
        "bits per respondent for all answers, each given the earlier ones",
    ),
    "log_loss": ("individual", "individual:LogLoss", "bits per answer, given the earlier ones"),
}


@hookimpl
def surveyeval_register(register: Register) -> None:
    """Register built-in sources, models and metrics."""
    register.source("statsmodels", "surveyeval.data.sources:StatsmodelsSource", summary="data sets inside statsmodels")
    register.source("file", "surveyeval.data.sources:FileSource", summary="a CSV or parquet file beside the task file")

    register.model(
        "baseline",
        "surveyeval.model.baselines:Baseline",
        options="surveyeval.model.baselines:BaselineOptions",
        summary="statistics of the pilot: uniform, mode, pooled, marginal, cell, logit, chain, hotdeck, copula",
        capabilities={"needs_pilot": True, "log_prob": True},
    )
    register.model(
        "scripted",
        "surveyeval.model.scripted:Scripted",
        options="surveyeval.model.scripted:ScriptedOptions",
        summary="known answers for tests and docs: human, constant, first, noisy, swapped, ...",
        capabilities={"needs_answers": True},
    )
    register.model(
        "file",
        "surveyeval.model.file:FileModel",
        options="surveyeval.model.file:FileOptions",
        summary="answers made by any other tool, from CSV or parquet",
    )
    register.model(
        "hf",
        "surveyeval.model.hf:HFModel",
        options="surveyeval.model.hf:HFOptions",
        summary="a causal language model, by hub name or folder",
        capabilities={"log_prob": True},
    )
    register.model(
        "embedded",
        "surveyeval.model.embedded:EmbeddedModel",
        options="surveyeval.model.hf:HFOptions",
        summary="SmolLM2-135M-Instruct from a package, for trying things out",
        capabilities={"log_prob": True},
    )
    register.model(
        "lora",
        "surveyeval.model.lora:LoraModel",
        options="surveyeval.model.lora:LoraOptions",
        summary="a PEFT adapter on its base model",
        capabilities={"log_prob": True},
    )
    for name, (axis, target, summary) in _METRICS.items():
        register.metric(name, f"surveyeval.metric.{target}", axis=axis, summary=summary)
