"""Many tests at once: the false discovery rate within families that are declared by name.

A family is what a reader would scan for stars: the headlines of one axis, its items, the terms of all regressions, the
margins of one axis. Families are kept apart, and so are models; a run with more axes is not punished for it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

__all__ = ["FALSE_DISCOVERY_RATE", "adjust"]

#: Share of false ones that is accepted among the findings of a family.
FALSE_DISCOVERY_RATE = 0.05


def adjust(table: pd.DataFrame) -> pd.DataFrame:
    """Fill ``p_adjusted`` by Benjamini and Hochberg's step-up procedure within each model and ``family``.

    Parameters
    ----------
    table : DataFrame
        Long form, see `surveyeval.engine.estimates`. Rows without a family or without a ``p`` are left as they are.

    Returns
    -------
    DataFrame
        A copy. Findings with ``p_adjusted`` up to `FALSE_DISCOVERY_RATE` have at most that expected share of false ones.

    Notes
    -----
    Source: Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57; valid for independent tests and
    for the positive dependence of Benjamini and Yekutieli (2001), Annals of Statistics 29.
    """
    adjusted = table.copy()
    tested = adjusted[(adjusted["family"] != "") & np.isfinite(adjusted["p"])]
    for _, rows in tested.groupby(["model", "family"], sort=False):
        adjusted.loc[rows.index, "p_adjusted"] = stats.false_discovery_control(rows["p"].to_numpy(), method="bh")
    return adjusted
