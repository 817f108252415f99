"""Tests of equivalence: is the simulation within a margin of people that the task declares beforehand?

A difference that is not significant is no agreement: a small sample shows nothing. Here the burden lies on the simulation.
With theta, the simulation minus people, and a margin, equivalence is claimed where the 90% interval of theta lies within
the margin on both sides, which is two one-sided tests at 5%. Beside every test stands the smallest margin that so many
people could decide: with a smaller one a failed test says nothing of the simulation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from surveyeval.data.sample import Sample
from surveyeval.engine.differences import Theta, thetas
from surveyeval.engine.rows import SKIPPED, Rows
from surveyeval.metric.protocol import MetricSpec

__all__ = ["LEVEL", "Tost", "equivalence_rows", "smallest_decidable", "two_one_sided_tests"]

#: Level of the interval whose place decides: two one-sided tests at 5% each.
LEVEL = 0.90
#: Probability with which a simulation without any difference is found within the smallest decidable margin.
_POWER = 0.80


@dataclass(frozen=True)
class Tost:
    """Result of two one-sided tests.

    Parameters
    ----------
    low, high : float
        90% interval.
    p : float
        The larger of the two p-values.
    decidable : float
        Smallest margin that is met with 80% probability at true equality.
    """

    low: float
    high: float
    p: float
    decidable: float


def two_one_sided_tests(value: float, error: float, df: float, margin: float) -> Tost:
    """Two one-sided t tests of ``-margin < theta < margin``.

    Parameters
    ----------
    value : float
        Estimate of theta.
    error : float
        Its standard error, above 0.
    df : float
        Degrees of freedom of the standard error.
    margin : float
        Above 0.

    Returns
    -------
    Tost

    Notes
    -----
    Source: Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15; Lakens (2017), Social Psychological and
    Personality Science 8. For complete answers without weights it equals statsmodels' ``ttost_paired``.

    Examples
    --------
    >>> found = two_one_sided_tests(0.01, 0.03, 400, 0.10)
    >>> round(found.low, 3), round(found.high, 3), found.p < 0.05, round(found.decidable, 3)
    (-0.039, 0.059, True, 0.088)

    With one degree of freedom, as two PSUs have, next to nothing can be shown:

    >>> found = two_one_sided_tests(0.0, 0.03, 1, 0.10)
    >>> round(found.high, 3), round(found.decidable, 3)
    (0.189, 0.282)
    """
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, df)) * error
    p = max(stats.t.sf((value + margin) / error, df), stats.t.cdf((value - margin) / error, df))
    return Tost(value - reach, value + reach, float(p), smallest_decidable(error, df))


def smallest_decidable(error: float, df: float = float("inf")) -> float:
    """Smallest margin that two one-sided t tests show in four of five studies of a simulation without any difference.

    Parameters
    ----------
    error : float
        Standard error of the difference.
    df : float
        Its degrees of freedom.

    Returns
    -------
    float
        ``(t(0.95) + t(0.90)) error``: 2.93 standard errors with many degrees of freedom, 3.06 with 19, 3.67 with 4.

    Notes
    -----
    The interval must end within the margin on both sides, and misses it on either with 10% probability. Power is 80 to 83%
    at any degrees of freedom. Source: Phillips (1990), Journal of Pharmacokinetics and Biopharmaceutics 18.

    Examples
    --------
    >>> round(smallest_decidable(1.0), 2), round(smallest_decidable(1.0, 4), 2)
    (2.93, 3.67)
    """
    return float((stats.t.ppf(0.5 + LEVEL / 2, df) + stats.t.ppf(0.5 + _POWER / 2, df)) * error)


def _no_pair_differs(n: float, margin: float) -> Tost:
    """For a share that comes out alike in every pair: a share differs by no more than the share of pairs that do.

    If that were the margin or more, all of n pairs would agree with probability ``(1 - margin)^n`` at most.
    """
    reach = 1 - 0.05 ** (1 / n)
    return Tost(-reach, reach, (1 - margin) ** n, reach)


def equivalence_rows(make: Rows, model: str, draws: Sequence[Sample]) -> Iterator[dict[str, Any]]:
    """Rows ``equivalence`` of one model; none where the task declares no margin.

    Parameters
    ----------
    make : Rows
    model : str
    draws : sequence of Sample

    Yields
    ------
    dict
        ``metric`` is the field of the task's ``equivalence:`` (``share``, ``mean_sd``, ``gap``, ``sd_ratio``, ``effect``).
        For shares ``term`` is the option; the row without it, the headline of its item, is that of the option that is
        hardest to confirm, since all options must lie within the margin. Headlines form the family "equivalence: AXIS",
        what is given by arm a family of its own; shares within groups belong to the axis ``subgroups``. ``undecidable``: the margin is below what so many people can decide and
        the interval lies neither within the margin nor outside.
    """
    if make.task.spec.equivalence is None:
        return
    for theta in thetas(make.task, make.human, draws, make.seed):
        if not theta.parts:
            yield _row(make, model, theta, len(draws))
            continue
        parts = [_row(make, model, part, len(draws)) for part in theta.parts]
        yield from (parts if not (theta.key.arm or theta.key.group) else ())
        tested = [part for part in parts if np.isfinite(part.get("p", np.nan))]
        untested = [part for part in parts if not np.isfinite(part.get("p", np.nan))]
        if not all(sample.paired for sample in draws):
            # An option that neither side ever gives has no error in rows of nobody in particular, and is no obstacle.
            untested = [part for part in untested if abs(part.get("value", np.nan)) > 1e-12]
        if untested or not tested:  # all options must lie within the margin, so one that has no test decides
            yield {**(untested or parts)[0], "term": "", "headline": theta.key.headline, "family": ""}
            continue
        hardest = max(tested, key=lambda part: (part["p"], abs(part["value"])))
        needed = max(part["decidable"] for part in tested)
        status = _status({**hardest, "decidable": needed})
        option = f"option {hardest['term']} is the hardest to confirm"
        yield {
            **hardest, **status, "term": "", "headline": theta.key.headline, "decidable": needed,
            "family": _family(theta), "reason": "; ".join(text for text in (status["reason"], option) if text),
            "estimand": f"{hardest['estimand']}; all options must lie within the margin",
        }  # fmt: skip


def _row(make: Rows, model: str, theta: Theta, draws: int) -> dict[str, Any]:
    spec = MetricSpec(theta.key.name, theta.axis, theta.words, "target", "", interval="none")
    row = make.row(
        spec, theta.key, "equivalence", model, margin=theta.margin, target=0.0, n_human=theta.n, n_simulated=theta.n,
        n_eff=theta.n_eff, draws=draws, estimand=theta.words, floor_name="",
    )  # fmt: skip
    if theta.reason:
        return {**row, "status": "not_estimable", "reason": theta.reason}
    if theta.n_eff < SKIPPED:
        return {**row, "status": "too_small", "reason": f"{theta.n_eff:.0f} effective people, {SKIPPED} are needed"}
    if theta.alike:
        # PSUs count and not the people in them, whose pairs may all be alike; without a design df + 1 is n
        found, method = _no_pair_differs(min(theta.n_eff, theta.df + 1), theta.margin), "exact, no pair differs"
    elif theta.error > 0 and theta.df > 0:
        found, method = two_one_sided_tests(theta.value, theta.error, theta.df, theta.margin), theta.method
    else:
        reason = (
            "one PSU for each stratum holds these people, so there is no standard error"
            if theta.error > 0
            else "the difference does not vary between respondents or PSUs, so there is no standard error"
        )
        return {**row, "value": theta.value, "status": "not_estimable", "reason": reason}
    row |= {
        "value": theta.value, "low": found.low, "high": found.high, "level": LEVEL, "p": found.p,
        "interval_method": method, "decidable": found.decidable,
        "family": "" if theta.key.term and theta.key.name == "share" else _family(theta),
    }  # fmt: skip
    return {**row, **_status(row)}


def _status(row: dict[str, Any]) -> dict[str, str]:
    """Status, reason and flags from interval, margin and what can be decided."""
    margin, needed = row["margin"], row["decidable"]
    if -margin < row["low"] and row["high"] < margin:
        return {"status": "ok", "reason": "", "flags": "equivalent"}
    outside = row["low"] >= margin or row["high"] <= -margin
    if margin >= needed or outside:
        return {"status": "ok", "reason": "", "flags": ""}
    return {
        "status": "undecidable",
        "reason": f"at this size no margin below {needed:.3f} can be decided; the task asks for {margin:.3f}",
        "flags": "",
    }


def _family(theta: Theta) -> str:
    return f"equivalence: {theta.axis}" + (", by arm" if theta.key.arm else "")
