"""Tests of difference beside the estimates: could people and simulated rows have changed places?

The label swap is exact at any size and asks for no half: under the hypothesis that the simulated answers of a person have
the law of that person's own, exchanging the two changes nothing but by chance. It is a test. A small p says that the
difference is not chance, not that it is large; a large p says that this many people cannot show one, not that there is
none, for which see `surveyeval.engine.equivalence`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from surveyeval.data.sample import Sample
from surveyeval.engine.equivalence import equivalence_rows
from surveyeval.engine.estimates import make_table
from surveyeval.engine.label_swap import LabelSwaps
from surveyeval.engine.multiplicity import adjust
from surveyeval.engine.processes import one_thread
from surveyeval.engine.rows import Rows
from surveyeval.engine.slope_tests import term_rows, wald_rows
from surveyeval.engine.tested import IDENTITY, Tested
from surveyeval.metric.protocol import Metric
from surveyeval.task.task import Task

__all__ = ["QUICK_SPLITS", "with_tests"]

#: Below so many splits a quick look is wanted, and exchanges are divided by ten.
QUICK_SPLITS = 10


def with_tests(
    table: pd.DataFrame,
    task: Task,
    human: Sample,
    simulated: Mapping[str, Sequence[Sample]],
    pilot: Sample,
    *,
    metrics: Sequence[Metric],
    seed: int = 0,
    splits: int | None = None,
) -> pd.DataFrame:
    """Add rows ``indistinguishable`` and ``equivalence`` to a table of estimates, and adjust for their number.

    Parameters
    ----------
    table : DataFrame
        What `surveyeval.engine.evaluate.evaluate` made of the same samples.
    task : Task
    human : Sample
        Test people.
    simulated : mapping of model name to samples
        One complete simulated sample for each draw.
    pilot : Sample
    metrics : sequence of Metric
        Those that apply to the task.
    seed : int
    splits : int, optional
        What the table was made with, where that was less than what metrics ask for.

    Returns
    -------
    DataFrame
        ``indistinguishable``: `value` is that of the row ``estimate``, `p` that of the test named in `interval_method`:
        label swap, Wald (slopes of a regression), z (one term). ``equivalence``: see `surveyeval.engine.equivalence`.

    Notes
    -----
    Sources: Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9, on
    ``(1 + number of exchanges at least as far) / (1 + number of exchanges)``; Edgington and Onghena (2007), Randomization
    Tests.
    """
    make = Rows(task, human, seed)
    full = table[table["quantity"] == "estimate"]
    known = {tuple(row[name] for name in IDENTITY): row for row in full.to_dict("records")}
    headlines = frozenset(table.loc[table["headline"], "metric"])
    rows: list[dict[str, Any]] = []
    with one_thread():
        for model, draws in simulated.items():
            tested = Tested(make, pilot, model, draws, known)
            swaps = LabelSwaps(tested, quick=splits is not None and splits < QUICK_SPLITS)
            rows += [*swaps.rows(metrics, headlines), *swaps.classifier(metrics)]
            rows += [*wald_rows(tested, metrics), *term_rows(tested, metrics), *equivalence_rows(make, model, draws)]
    return adjust(pd.concat([_personas(table), make_table(rows)], ignore_index=True) if rows else _personas(table))


def _personas(table: pd.DataFrame) -> pd.DataFrame:
    """The permutation test of personas is a metric whose value is its p.

    With several draws the value is the mean over draws of p; twice that mean is a valid p whatever their dependence.
    Source: Rueschendorf (1982), Advances in Applied Probability 14; Vovk and Wang (2020), Biometrika 107.
    """
    found = (table["metric"] == "persona_swap") & (table["quantity"] == "estimate") & (table["status"] == "ok")
    if not found.any():
        return table
    marked = table.copy()
    several = marked.loc[found, "draws"].to_numpy() > 1
    value = marked.loc[found, "value"].to_numpy()
    marked.loc[found, "p"] = np.where(several, np.minimum(2 * value, 1.0), value)
    marked.loc[found, "family"] = "difference: individual, personas"
    return marked
