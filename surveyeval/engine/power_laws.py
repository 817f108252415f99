"""How values, and the errors of their differences, change with the number of people; and when the simple law ends.

``distance``: pure sampling noise between two samples of people, so that value and error fall as 1 / sqrt(n).
``level``: the value is that of the population, only its error falls so.
``units of error``: a count of standard errors; neither changes.

A simulation that differs from people by d is at a distance of ``sqrt(d^2 + r^2)`` from them, r being the noise that keeps
people apart. It is exact for root mean squares, and for the square root of a divergence to first order. With more people r
shrinks and d stays; in units of error r stays and d grows.

Everything else (counts of patterns, their coverage, F1 and its kin) has no law that holds without a model of the answers.
"""

from __future__ import annotations

import math

__all__ = ["DISTANCE", "LEVEL", "UNITS_OF_ERROR", "error_at", "excess_at", "floor_at", "follows", "law_of", "value_at"]

DISTANCE, LEVEL, UNITS_OF_ERROR = "distance", "level", "units of error"

#: Units of error that are root mean squares.
_ROOT_MEAN_SQUARE = ("rmse_se", "average_marginal_effects")

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


def floor_at(metric: str, floor: float, reference: float, times: float) -> float:
    """Value of a floor with so many times the people; NaN without a law.

    What chance gives to a floor as it does to people shrinks as theirs does, the rest stays. The noise of the pilot that a
    floor learned from stays too, so floors are rather too far off than too near. In units of error floors move away from
    people as errors shrink, and the part of a floor that the pilot's own noise makes would move too: NaN.
    """
    law = law_of(metric)
    if law == DISTANCE:
        return _away(floor, reference, value_at(metric, reference, times))
    return floor if law == LEVEL else float("nan")


def excess_at(metric: str, excess: float, reference: float, times: float, *, target: bool = False) -> float:
    """Excess over people of one simulation with so many times the people; as it is where no law says more.

    Parameters
    ----------
    metric : str
    excess, reference : float
        Loss beyond people's, and people's loss.
    times : float
    target : bool
        Whether the loss is the distance from a target, whose reference is nothing but noise.
    """
    law = law_of(metric)
    if law == DISTANCE or (law == LEVEL and target):
        noise = reference / math.sqrt(times)
        return _away(reference + excess, reference, noise) - noise
    if metric in _ROOT_MEAN_SQUARE:
        square = (reference + excess) ** 2 - reference**2
        return math.sqrt(reference**2 + times * max(square, 0.0)) - reference
    return excess


def follows(metric: str) -> bool:
    """Whether it is known how an excess over people changes with their number."""
    return law_of(metric) in (DISTANCE, LEVEL) or metric in _ROOT_MEAN_SQUARE


def _away(distance: float, noise: float, new_noise: float) -> float:
    """A distance with another noise in it; no nearer than the noise."""
    return math.sqrt(max(distance**2 - noise**2, 0.0) + new_noise**2)
