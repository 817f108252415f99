"""Registers the metrics. Targets are strings, so that listing them imports nothing heavy."""

from __future__ import annotations

import surveyeval
from surveyeval.hookspecs import Register


@surveyeval.hookimpl
def surveyeval_register(register: Register) -> None:
    """Register five metrics on an axis of their own."""
    for name, target, summary in (
        ("ppi_n_eff", "sample_size:EffectiveSampleSize", "people asked and model together, in people"),
        ("ppi_width_ratio", "intervals:WidthRatio", "width of the PPI++ interval over the classical one"),
        ("ppi_coverage", "intervals:Coverage", "how often the 95% PPI++ interval holds people's mean"),
        ("people_equivalent", "people:PeopleEquivalent", "randomly chosen people with the same error of the mean"),
        ("k_hat", "k_hat:KHat", "simulated rows after which intervals miss too many items"),
    ):
        register.metric(name, f"surveyeval_ppi.{target}", axis="worth", summary=summary)
