"""The sampling design: strata, primary sampling units (PSU), and what is done about a stratum with one of them.

PSUs belong to strata: the same PSU code in two strata names two PSUs, as in most files and programs. Without PSUs every
respondent is one. Without strata everybody is in the same one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.errors import DataError

__all__ = ["Design", "LonelyPSU", "design_of", "simple_design"]

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: What is done about a stratum with one PSU, whose own variance cannot be seen.
LonelyPSU = Literal["error", "collapse", "certainty"]

_REMEDY = (
    "write `lonely_psu: collapse` (joined to the next stratum; errs on the wide side) or `lonely_psu: certainty` "
    "(its PSU was drawn for sure and adds no sampling variance) under `source:`, or join strata in the data"
)


@dataclass(frozen=True, eq=False)
class Design:
    """Strata and PSUs of n respondents, as numbers.

    Parameters
    ----------
    stratum : (n,) int array
        Number of the respondent's stratum, from 0, after collapsing.
    unit : (n,) int array
        Number of the respondent's PSU, from 0.
    stratum_of_unit : (m,) int array
        Stratum of each PSU.
    stratified, clustered : bool
        Whether strata, and PSUs other than the respondents themselves, were declared.
    """

    stratum: IntArray
    unit: IntArray
    stratum_of_unit: IntArray
    stratified: bool
    clustered: bool

    @property
    def n_units(self) -> int:
        """Number of PSUs."""
        return len(self.stratum_of_unit)

    @property
    def n_strata(self) -> int:
        """Number of strata."""
        return int(self.stratum_of_unit.max(initial=-1)) + 1

    @property
    def units_in_stratum(self) -> IntArray:
        """(H,) number of PSUs of each stratum; a stratum with one was drawn with certainty."""
        return np.bincount(self.stratum_of_unit, minlength=self.n_strata)

    @property
    def degrees_of_freedom(self) -> int:
        """PSUs minus strata among the respondents at hand; a stratum drawn with certainty adds none."""
        return len(np.unique(self.unit)) - len(np.unique(self.stratum))

    def take(self, index: NDArray[Any]) -> Design:
        """Some respondents as a domain: the PSUs that hold none of them stay part of the design."""
        return replace(self, stratum=self.stratum[index], unit=self.unit[index])


def design_of(sample: Sample, lonely_psu: LonelyPSU = "error", *, file: str | None = None) -> Design | None:
    """The design of a sample; None when it has neither strata nor PSUs, so that respondents were drawn one by one.

    Parameters
    ----------
    sample : Sample
    lonely_psu : {"error", "collapse", "certainty"}
        For a stratum with one PSU among these respondents. ``collapse``: in the order of their codes, it is joined to the
        stratum after it (the last to the one before), before any answer is looked at. ``certainty``: it adds no variance.
    file : str, optional
        Named in the error.

    Raises
    ------
    DataError
        For ``error``, naming the strata with one PSU; for every rule, when no stratum would have two.

    Notes
    -----
    Source: Wolter (2007), Introduction to Variance Estimation, 2.5 (collapsed strata).
    """
    if sample.stratum is None and sample.psu is None:
        return None
    unit = sample.units()
    n_units = int(unit.max(initial=-1)) + 1
    if sample.stratum is None:
        stratum, labels = np.zeros(sample.n, dtype=np.int64), np.array(["all"])
    else:
        labels, found = np.unique(sample.stratum.astype(str), return_inverse=True)
        stratum = found.astype(np.int64)
    of_unit = np.zeros(n_units, dtype=np.int64)
    of_unit[unit] = stratum
    counts = np.bincount(of_unit, minlength=len(labels))
    if n_units < 2:
        raise DataError(
            f"{sample.n} respondents are in one PSU, so nothing can be said of sampling error",
            file=file,
            field="source.psu",
            hint="two PSUs are needed; leave `psu` out if respondents were drawn one by one",
        )
    lonely = np.flatnonzero(counts == 1)
    if lonely_psu == "certainty" and len(lonely) == len(counts):
        raise DataError(
            f"each of {len(counts)} strata has one PSU, so nothing can be said of sampling error",
            file=file,
            field="source.lonely_psu",
            hint="write `lonely_psu: collapse`",
        )
    if len(lonely) and lonely_psu == "error":
        names = ", ".join(repr(str(labels[one])) for one in lonely[:5]) + (", ..." if len(lonely) > 5 else "")
        which = "stratum" if len(lonely) == 1 else "strata"
        raise DataError(
            f"{which} {names} of {len(labels)} {'has' if len(lonely) == 1 else 'have'} one PSU among {sample.n} respondents",
            file=file,
            field="source.strata",
            hint=_REMEDY,
        )
    if len(lonely) and lonely_psu == "collapse":
        joined = _collapsed(counts, _in_order(labels))
        stratum, of_unit = joined[stratum], joined[of_unit]
    return Design(stratum, unit, of_unit, sample.stratum is not None, sample.psu is not None)


def simple_design(n: int) -> Design:
    """The design of n respondents who were drawn one by one from one stratum."""
    return Design(np.zeros(n, dtype=np.int64), np.arange(n), np.zeros(n, dtype=np.int64), False, False)


def _in_order(labels: NDArray[np.str_]) -> IntArray:
    """Strata in the order of their codes, which is that of numbers where all are numbers."""
    try:
        return np.argsort([float(label) for label in labels], kind="stable").astype(np.int64)
    except ValueError:
        return np.argsort(labels, kind="stable").astype(np.int64)


def _collapsed(counts: IntArray, order: IntArray) -> IntArray:
    """New number of each stratum, none of which has one PSU any more."""
    new = np.empty(len(counts), dtype=np.int64)
    number, open_units = 0, 0
    for one in order:
        new[one] = number
        open_units += counts[one]
        if open_units > 1:
            number, open_units = number + 1, 0
    if open_units:  # the last stratum stands alone
        new[new == number] = number - 1
    return new
