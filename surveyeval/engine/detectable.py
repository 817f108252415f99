"""How large a difference must be to be seen at a standard error. For margins see `surveyeval.engine.equivalence`."""

from __future__ import annotations

from scipy import stats

__all__ = ["POWER", "smallest_detectable"]

#: Probability with which what is called detectable comes out so.
POWER = 0.8


def smallest_detectable(se: float, df: float = float("inf"), level: float = 0.95) -> float:
    """Smallest true difference whose interval leaves out 0 in four of five studies.

    Parameters
    ----------
    se : float
        Standard error of the difference.
    df : float
        Its degrees of freedom: jackknife groups less one.
    level : float
        Level of the two-sided interval.

    Returns
    -------
    float
        ``(t(1 - alpha / 2) + t(0.8)) se``: 2.80 standard errors with many degrees of freedom, 2.87 with 39.

    Notes
    -----
    Source: Bloom (1995), Minimum detectable effects, Evaluation Review 19.

    Examples
    --------
    >>> round(smallest_detectable(1.0), 2), round(smallest_detectable(1.0, 39), 2)
    (2.8, 2.87)
    """
    return float((stats.t.ppf(0.5 + level / 2, df) + stats.t.ppf(POWER, df)) * se)
