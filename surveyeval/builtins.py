"""What comes with surveyeval, registered like any plugin."""

from __future__ import annotations

from surveyeval.hookspecs import Register, hookimpl

__all__ = ["surveyeval_register"]

_METRICS = {
    "total_variation": ("alignment", "alignment:TotalVariation", "half the sum of absolute differences of shares"),
    "js_distance": ("alignment", "alignment:JSDistance", "Jensen-Shannon distance, base 2"),
    "wasserstein": ("alignment", "alignment:Wasserstein", "distance between ordered distributions, share of the scale"),
    "group_js_distance": ("subgroups", "subgroups:GroupJSDistance", "Jensen-Shannon distance within each group, arms pooled, mean over items"),
    "unique_patterns": ("heterogeneity", "heterogeneity:UniquePatterns", "distinct patterns of answers at the size of the smaller half"),
    "structure_ratio": ("heterogeneity", "heterogeneity:StructureRatio", "distinct patterns over distinct patterns with items shuffled"),
    "coverage": ("heterogeneity", "heterogeneity:Coverage", "share of people whose pattern the simulated half holds"),
    "novelty": ("heterogeneity", "heterogeneity:Novelty", "share of simulated respondents with a pattern not seen among people"),
    "simpson": ("heterogeneity", "heterogeneity:Simpson", "probability that two respondents have different patterns"),
    "pilot_copies": ("heterogeneity", "heterogeneity:PilotCopies", "share of respondents who repeat a pilot respondent exactly"),
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
        summary="statistics of the pilot: uniform, mode, pooled, marginal, cell, chain",
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
