"""Intervals that are known to miss their level: what the simulation of docs/explanation/coverage.md found, for rows and cards to say.

`benchmarks/interval_coverage.py` draws studies from known populations and counts how often intervals contain what they are about. Kinds
of intervals that do so clearly more or less often than they ought to are listed here with the size and the sampling they were
found with; a result of such a kind and of similar size carries a flag and a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from surveyeval.data.sample import NO_ARM, Sample

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COVERAGE_FLAGS", "KNOWN", "Known", "known_coverage", "with_known_coverage"]

#: What finds the flags of such rows, as a regular expression.
COVERAGE_FLAGS = "covers_|coverage_unknown"
#: Numbers of people that were simulated; a study counts as one of the nearest, on a logarithmic scale.
SIZES = (60, 250, 1000)
#: PSUs of these sizes in strata and PSUs; a study with fewer PSUs for its size counts as the smaller one.
PSUS = {60: 12, 250: 48, 1000: 96}


@dataclass(frozen=True)
class Known:
    """One finding.

    Parameters
    ----------
    kind : str
        What the interval is of: a family of regressions of the full sample, or metric and quantity of a row of estimates.
    sampling : {"simple", "weighted", "clustered", "experiment"}
        People drawn one by one; with unequal weights; in strata or PSUs; one by one into the arms of an experiment.
    size : int
        One of `SIZES`.
    covered : float or None
        In percent. None: too few simulated studies gave such an interval to say.
    nominal : float
        In percent.
    """

    kind: str
    sampling: str
    size: int
    covered: float | None
    nominal: float = 95.0

    @property
    def flag(self) -> str:
        """For the column ``flags``: ``covers_92%``, or ``coverage_unknown``."""
        return "coverage_unknown" if self.covered is None else f"covers_{self.covered:.0f}%"

    def __str__(self) -> str:
        drawn = {
            "simple": "", "weighted": " with weights", "clustered": f" in strata and {PSUS[self.size]} PSUs",
            "experiment": " in 8 arms",
        }[self.sampling]  # fmt: skip
        studies = f"simulated studies of about {self.size:,} people{drawn}"
        if self.covered is None:
            return f"few {studies} gave an interval of this kind, so that nobody knows how often it contains what it is about"
        return f"{self.nominal:.0f}% intervals of this kind contained what they are about in {self.covered:.0f}% of {studies}"


#: What is starred in docs/explanation/coverage.md, to whole percents, of several simulators the one that is farther off, and then
#: what rests on few studies there; a test compares the two.
KNOWN = (
    Known("ols", "weighted", 60, 92),
    Known("ols", "clustered", 60, 99),
    Known("logit", "clustered", 60, 99),
    Known("sd_ratio equivalence", "weighted", 60, 85, 90),
    Known("js_distance matched", "clustered", 60, 88),
    Known("js_distance gain_over_cell", "clustered", 60, 86),
    Known("js_distance recovered", "simple", 250, 60),
    Known("js_distance recovered", "clustered", 1000, 84),
    Known("js_distance difference", "experiment", 250, 100),
    Known("js_distance difference", "experiment", 1000, 100),
    Known("sd_ratio matched", "clustered", 60, 89),
    Known("sd_ratio difference", "simple", 250, 100),
    Known("gap reference", "clustered", 60, 88),
    Known("gap matched", "weighted", 60, 88),
    Known("gap matched", "clustered", 60, 88),
    Known("gap excess", "weighted", 250, 88),
    Known("gap gain_over_cell", "clustered", 60, 83),
    Known("gap recovered", "weighted", 250, 71),
    Known("gap recovered", "clustered", 250, 84),
    Known("unique_patterns difference", "experiment", 60, 100),
    Known("unique_patterns difference", "experiment", 250, 100),
    Known("unique_patterns difference", "experiment", 1000, 100),
    Known("coverage difference", "simple", 60, 100),
    Known("coverage difference", "simple", 250, 100),
    *(
        Known(f"{metric} recovered", sampling, size, None)
        for metric, sampling, size in (
            ("js_distance", "simple", 60), ("js_distance", "weighted", 60), ("js_distance", "weighted", 250),
            ("js_distance", "clustered", 60), ("js_distance", "clustered", 250), ("gap", "simple", 60),
            ("gap", "weighted", 60), ("gap", "clustered", 60), ("coherence", "simple", 60), ("coverage", "simple", 250),
            ("unique_patterns", "experiment", 250),
            # none gave one
            ("unique_patterns", "simple", 60), ("unique_patterns", "simple", 250), ("coverage", "simple", 60),
            ("unique_patterns", "experiment", 60),
        )
    ),
)  # fmt: skip


def known_coverage(kind: str, human: Sample) -> Known | None:
    """What is known of intervals of a kind with people like these; None where they are not known to miss their level.

    Parameters
    ----------
    kind : str
        See `Known`.
    human : Sample

    Examples
    --------
    >>> import numpy as np
    >>> names = np.array([str(i) for i in range(80)], dtype=object)
    >>> people = Sample(names, names, weight=np.linspace(0.5, 2, 80))
    >>> print(known_coverage("ols", people))
    95% intervals of this kind contained what they are about in 92% of simulated studies of about 60 people with weights
    """
    clustered = human.psu is not None or human.stratum is not None
    plain = "simple" if bool((human.arm == NO_ARM).all()) else "experiment"
    sampling = "clustered" if clustered else "weighted" if human.weighted else plain
    size = min(SIZES, key=lambda one: abs(np.log(one / max(human.n, 1))))
    if clustered:
        units = len(np.unique(human.units()))
        size = min(size, min(SIZES, key=lambda one: abs(np.log(PSUS[one] / max(units, 1)))))
    return next((one for one in KNOWN if (one.kind, one.sampling, one.size) == (kind, sampling, size)), None)


def with_known_coverage(table: pd.DataFrame, human: Sample) -> pd.DataFrame:
    """A table of estimates, its intervals flagged where they are known to miss their level.

    Parameters
    ----------
    table : DataFrame
        See `surveyeval.engine.estimates`.
    human : Sample

    Returns
    -------
    DataFrame
        The same table where nothing is known; else a copy whose rows say so in ``flags`` and ``reason``.
    """
    kinds = table["metric"] + " " + table["quantity"]
    found = {kind: known for kind in kinds.unique() if (known := known_coverage(kind, human)) is not None}
    concerned = kinds.isin(found) & table["low"].notna() & ~table["flags"].str.contains("barely_resolved", regex=False)
    if not concerned.any():
        return table
    marked = table.copy()
    for index in table.index[concerned]:
        known = found[kinds[index]]
        marked.loc[index, "flags"] = f"{table.loc[index, 'flags']} {known.flag}".strip()
        marked.loc[index, "reason"] = "; ".join(text for text in (table.loc[index, "reason"], str(known)) if text)
    return marked
