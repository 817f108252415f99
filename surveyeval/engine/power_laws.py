"""How values, and the errors of their differences, change with the number of people; and when the simple law ends.

``distance``: pure sampling noise between two samples of people, so that value and error fall as 1 / sqrt(n).
``level``: the value is that of the population, only its error falls so.
``units of error``: a count of standard errors; neither changes.
Everything else (counts of patterns, their coverage, F1 and its kin) has no law that holds without a model of the answers.
"""

from __future__ import annotations

import math

__all__ = ["DISTANCE", "LEVEL", "UNITS_OF_ERROR", "error_at", "law_of", "value_at"]

DISTANCE, LEVEL, UNITS_OF_ERROR = "distance", "level", "units of error"

_LAWS = {
    DISTANCE: ("total_variation", "js_distance", "wasserstein", "group_js_distance", "gap_error", "treatment_rmse"),
    LEVEL: ("gap", "undetermined_share", "coherence", "sd_ratio", "gini_simpson_ratio", "simpson", "stereotyping",
            "group_determinism", "association", "joint_log_loss", "log_loss"),
    UNITS_OF_ERROR: ("share_differing", "rmse_se", "average_marginal_effects", "ame_share_differing"),
}  # fmt: skip


def law_of(metric: str) -> str:
    """The law of a metric, empty where none is known (metrics of plugins among them)."""
    return next((law for law, names in _LAWS.items() if metric in names), "")


def error_at(metric: str, se: float, times: float) -> float:
    """Standard error of a difference with so many times the people.

    A metric without a law is taken to follow 1 / sqrt(n) over the factor of two between a half and the whole.
    """
    return se if law_of(metric) == UNITS_OF_ERROR else se / math.sqrt(times)


def value_at(metric: str, value: float, times: float) -> float:
    """Value between two halves of people with so many times the people; NaN without a law."""
    law = law_of(metric)
    if not law:
        return float("nan")
    return value / math.sqrt(times) if law == DISTANCE else value
