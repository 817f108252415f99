"""Analytic tests of coefficients on the full samples: all slopes of a regression together, and each term.

Of the first draw: draws are never pooled, and standard errors of a mean over draws would need all their covariances.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import stats

from surveyeval.engine.multiplicity import FALSE_DISCOVERY_RATE
from surveyeval.engine.rows import LEVEL
from surveyeval.engine.tested import Tested
from surveyeval.metric.coefficients import Fitter, ShareDiffering, usable_regressions
from surveyeval.metric.protocol import Key, Metric
from surveyeval.metric.structure import StructureWald, structure_tests

__all__ = ["term_rows", "wald_rows"]


def wald_rows(tested: Tested, metrics: Sequence[Metric]) -> Iterator[dict[str, Any]]:
    """Joint Wald test for each regression that no slope differs, of the first draw."""
    for metric in (one for one in metrics if isinstance(one, StructureWald)):
        for test in structure_tests(tested.make.task, tested.human, tested.draws[0]):
            row = tested.row(metric, Key(metric.spec.name, regression=test.regression))
            if row["status"] == "ok":
                row |= {
                    "p": test.p,
                    "interval_method": "Wald",
                    "family": "difference: coefficients, regressions",
                    "estimand": f"chi-squared over {test.df} degrees of freedom in the full test sample",
                }
            yield row


def term_rows(tested: Tested, metrics: Sequence[Metric]) -> Iterator[dict[str, Any]]:
    """Difference of each coefficient on the full samples, of the first draw, and how many differ after adjustment."""
    for metric in (one for one in metrics if isinstance(one, ShareDiffering)):
        overall = tested.row(metric, Key(metric.spec.name, floor="marginal", headline=True))
        if overall["status"] != "ok":
            continue
        found = list(_terms(tested, metric))
        yield from found
        ps = [row["p"] for row in found if row["status"] == "ok"]
        count = int(np.sum(stats.false_discovery_control(ps) <= FALSE_DISCOVERY_RATE)) if ps else 0
        yield {
            **overall,
            "name": "terms_differing",
            "headline": False,
            "value": float(count),
            "reason": f"{count} of {len(ps)} terms differ after adjustment for their number",
            "estimand": "terms whose coefficients differ in the full test sample, after adjustment",
        }


def _terms(tested: Tested, metric: Metric) -> Iterator[dict[str, Any]]:
    regressions, _ = usable_regressions(tested.make.task, tested.human)
    sides = [Fitter(tested.make.task, sample, regressions) for sample in (tested.human, tested.draws[0])]
    h, s = (side.fit(one.weight[None]) for side, one in zip(sides, (tested.human, tested.draws[0]), strict=True))
    names = [
        (regression.name, term, block)
        for regression, (_, design) in zip(regressions, sides[0].designs, strict=True)
        for term, block in design.coefficients
    ]
    reach = float(stats.norm.ppf(0.5 + LEVEL / 2))
    for j, (regression, term, block) in enumerate(names):
        key = Key(metric.spec.name, regression=regression, term=term, block=block, floor="marginal")
        row = tested.make.row(metric.spec, key, "indistinguishable", tested.model)
        row |= {"n_human": tested.human.n, "n_simulated": tested.draws[0].n, "draws": 1}
        difference, error = float(s.b[0, j] - h.b[0, j]), float(np.hypot(h.se[0, j], s.se[0, j]))
        if not (np.isfinite(difference) and error > 0):
            yield {**row, "status": "not_estimable", "reason": "a side cannot estimate this term"}
            continue
        yield {
            **row, "value": difference, "low": difference - reach * error, "high": difference + reach * error,
            "level": LEVEL, "interval_method": "z", "p": float(2 * stats.norm.sf(abs(difference) / error)),
            "family": "difference: coefficients, terms", "target": 0.0,
            "estimand": "coefficient of the simulation minus that of people, full test sample",
        }  # fmt: skip
