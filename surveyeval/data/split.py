"""Who informs models, and who tests them.

One seeded permutation for each task and data set, stratified by arm: the first quarter is the pilot's pool, the rest are
the test people. Every prefix of either is nearly balanced over the arms, so that pilots of different size are nested and
a limited run sees all arms.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.errors import ConfigError

__all__ = ["POOL_SHARE", "SMALLEST_PILOT", "Split", "make_split"]

POOL_SHARE = 0.25
SMALLEST_PILOT = 30


@dataclass(frozen=True, eq=False)
class Split:
    """A permutation of respondents, divided.

    Parameters
    ----------
    order : (n,) int array
        Row indices of the sample, in permuted order.
    pool, test : int arrays
        Row indices: the first quarter (at least 30 people) and the rest.
    hash : str
        sha256 of the permuted identifiers and the boundary.
    """

    order: NDArray[np.int64]
    pool: NDArray[np.int64]
    test: NDArray[np.int64]
    hash: str

    def divide(self, pilot: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of the pilot and of the test people.

        Parameters
        ----------
        pilot : float
            Below 1: share of all people, at least 30 of them; 1 and more: number of people. They are the first so many
            of the permutation, so pilots are nested. Up to the pool's size the test people stay the same; a larger
            pilot takes its people from the front of the test set, whose rest stays in order.

        Raises
        ------
        ConfigError
            When the pilot would be empty, or would leave no test people.
        """
        n = len(self.order)
        if not (math.isfinite(pilot) and pilot > 0):
            raise ConfigError(
                f"a pilot of {pilot} people is empty", hint="baselines and floors need one; the default is 0.25"
            )
        size = max(round(pilot * n), min(SMALLEST_PILOT, n // 2)) if pilot < 1 else int(pilot)
        if size >= n:
            raise ConfigError(f"a pilot of {size} people leaves no test people", hint=f"the data hold {n} people")
        boundary = max(size, len(self.pool))
        return self.order[:size], self.order[boundary:]


def make_split(sample: Sample, key: str) -> Split:
    """Split a sample by a key (task name and data hash).

    Parameters
    ----------
    sample : Sample
    key : str
        The same key and respondents give the same split.
    """
    rng = generator(0, "split", key)
    position = np.empty(sample.n)
    for arm in np.unique(sample.arm.astype(str)):
        rows = np.flatnonzero(sample.arm == arm)
        position[rows[rng.permutation(len(rows))]] = (np.arange(len(rows)) + rng.random()) / len(rows)
    order = np.argsort(position, kind="stable")
    boundary = min(max(round(POOL_SHARE * sample.n), SMALLEST_PILOT), sample.n // 2)
    text = "\x1f".join([str(boundary), *sample.respondent[order]])
    return Split(order, order[:boundary], order[boundary:], hashlib.sha256(text.encode()).hexdigest())
