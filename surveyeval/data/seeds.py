"""Random numbers that belong to a respondent, an item and a draw, not to an order of execution.

Every stream comes from one root seed through `numpy.random.SeedSequence`, keyed by names. Re-ordering respondents,
running a subset, resuming or distributing a run therefore changes no draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

__all__ = ["generator", "uniforms"]


def _words(name: str) -> tuple[int, ...]:
    digest = blake2b(name.encode(), digest_size=16).digest()
    return tuple(int.from_bytes(digest[start : start + 4], "little") for start in (0, 4, 8, 12))


def _sequence(seed: int, names: Sequence[str]) -> np.random.SeedSequence:
    return np.random.SeedSequence(entropy=seed, spawn_key=_words("\x1f".join(names)))


def generator(seed: int, *names: str) -> np.random.Generator:
    """A generator that depends on the root seed and the names only."""
    return np.random.Generator(np.random.PCG64(_sequence(seed, names)))


def uniforms(
    seed: int, respondents: Sequence[str], items: Sequence[str], draw: int, *purpose: str
) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), one for each respondent and item.

    Parameters
    ----------
    seed : int
        Root seed.
    respondents, items : sequences of str
        Keys of rows and columns.
    draw : int
        Number of the draw, from 0.
    purpose : str
        Further names, to separate streams (a floor, a split).

    Returns
    -------
    (n, J) float array
        Entry (i, j) depends on the seed, respondent i, item j, the draw and the purpose alone.
    """
    result = np.empty((len(respondents), len(items)))
    for j, item in enumerate(items):
        for i, respondent in enumerate(respondents):
            state = _sequence(seed, (*purpose, str(draw), item, respondent)).generate_state(1, np.uint64)
            result[i, j] = (int(state[0]) >> 11) * 2.0**-53
    return result
