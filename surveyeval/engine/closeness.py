"""Whether answers are nearer to people than people are to each other, which is no merit but a warning.

A copy of the people passes every test of difference and of equivalence. What gives it away is that it has no sampling error
of its own: see `surveyeval.engine.label_swap`, which flags distances that lie below those of second samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NEARER", "too_close"]

#: Headline distances of answers, of which all must be flagged.
_DISTANCES = ("total_variation", "js_distance", "wasserstein")
#: What it says to a reader.
NEARER = "nearer to these people than people are to each other: copied or leaked answers?"


def too_close(estimates: pd.DataFrame, model: str) -> bool:
    """Whether every headline distance of a model's answers is flagged ``too_close``.

    Each is flagged in 2.5% of second samples of people. One of several would be flagged more often, all of them together are
    in at most 2.5%, so that nothing has to be adjusted. Distances of single items are not looked at.

    Parameters
    ----------
    estimates : DataFrame
        See `surveyeval.engine.estimates`.
    model : str
        Name in the column ``model``.

    Returns
    -------
    bool
        False where nothing was tested.
    """
    rows = estimates[
        (estimates["model"] == model)
        & (estimates["quantity"] == "indistinguishable")
        & estimates["metric"].isin(_DISTANCES)
        & estimates["headline"].astype(bool)
        & estimates["p"].notna()
    ]
    return len(rows) > 0 and all("too_close" in flags.split() for flags in rows["flags"])
