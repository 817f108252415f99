"""Response patterns: one number per respondent for the whole vector of answers to the pattern items.

Counts of distinct patterns are unweighted by nature: a weight says how many people a respondent stands for, not how
many patterns those people would show. A respondent belongs to a half when the weight is above zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from surveyeval.data.sample import Sample, State
from surveyeval.data.seeds import generator
from surveyeval.metric._batches import families
from surveyeval.metric._tabulate import Memo, arm_index, once
from surveyeval.task.task import Task

__all__ = ["PatternTable", "expected_coverage", "pattern_table", "rarefied"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Beyond this many possible codes, numbers are compressed before the next item is appended.
_LARGEST_CODE = 2**40
#: Largest table of flags (bytes) used to count distinct codes; beyond it codes are sorted.
_LARGEST_FLAGS = 2**24


def _log_choose_ratio(n: IntArray, c: IntArray, h: IntArray) -> FloatArray:
    """Log of C(n - c, h) / C(n, h), minus infinity where n - c < h; (B, S) for (B, 1), (B, S), (B, 1)."""
    log_factorial = gammaln(np.arange(int(n.max(initial=0)) + 2) + 1.0)
    rest = n - c - h
    value = log_factorial[n - c] + log_factorial[n - h] - log_factorial[np.maximum(rest, 0)] - log_factorial[n]
    return np.asarray(np.where(rest < 0, -np.inf, value))


def rarefied(counts: IntArray, size: IntArray) -> FloatArray:
    """Expected number of distinct patterns in a random subset without replacement.

    ``E[U_h] = sum_s 1 - C(n - n_s, h) / C(n, h)`` (Hurlbert 1971, Ecology 52).

    Parameters
    ----------
    counts : (B, S) int array
        Respondents with each pattern.
    size : (B,) int array
        Size h of the subset; NaN results where it exceeds n.

    Returns
    -------
    (B,) float array

    Examples
    --------
    >>> import numpy as np
    >>> rarefied(np.array([[2, 1]]), np.array([2]))  # of the three pairs, one holds the same pattern twice
    array([1.66666667])
    """
    n = counts.sum(axis=1)
    result = np.sum(counts > 0, axis=1).astype(float)
    fewer = np.flatnonzero((size < n) & (size >= 0))
    if fewer.size:
        c, total, h = counts[fewer], n[fewer, None], size[fewer, None]
        result[fewer] = np.sum(-np.expm1(_log_choose_ratio(total, c, h)) * (c > 0), axis=1)
    result[size > n] = np.nan
    return np.asarray(result)


def expected_coverage(counts: IntArray, size: IntArray) -> FloatArray:
    """Expected share of a population whose pattern occurs in a random sample of some size, estimated from one sample.

    ``1 - sum_s (n_s / n) C(n - n_s, m) / C(n - 1, m)``, unbiased for m < n (Chao and Jost 2012, Ecology 93); at
    m = n - 1 it is Good and Turing's 1 - (number of patterns seen once) / n. Larger sizes are treated as n - 1.

    Parameters
    ----------
    counts : (B, S) int array
    size : (B,) int array
        Size m of the sample that covers.

    Returns
    -------
    (B,) float array
        In [0, 1]; NaN for fewer than two respondents.
    """
    n = counts.sum(axis=1)
    enough = np.flatnonzero(n >= 2)
    result = np.full(len(n), np.nan)
    if enough.size:
        c, total = counts[enough], n[enough, None]
        m = np.minimum(size[enough, None], total - 1)
        # C(n - c, m) / C(n - 1, m) is the ratio of the docstring of `rarefied` with n - 1 and c - 1.
        missed = np.exp(_log_choose_ratio(total - 1, np.maximum(c - 1, 0), m))
        result[enough] = 1 - np.sum(c * missed, axis=1) / total[:, 0]
    return result


def _columns(
    sample: Sample, items: Sequence[str], sizes: Sequence[int], bins: Sequence[IntArray] | None
) -> tuple[IntArray, BoolArray]:
    """(n, J) symbols, `not_asked` being one more symbol, and who has a symbol for every item."""
    symbols = np.empty((sample.n, len(items)), dtype=np.int64)
    for j, (name, k) in enumerate(zip(items, sizes, strict=True)):
        answers = sample.answers[name]
        given = answers if bins is None else np.where(answers >= 0, bins[j][answers], -1)
        symbols[:, j] = np.where(sample.states[name] == State.NOT_ASKED, k, given)
    return symbols, np.all(symbols >= 0, axis=1)


class PatternTable:
    """Patterns of one sample.

    Parameters
    ----------
    sample : Sample
    items : sequence of str
    sizes : sequence of int
        Symbols of each item: options, or the groups that they are put into.
    arm : (n,) int array
    bins : sequence of (K,) int array, optional
        Group of each option of each item; default: every option is its own.

    Attributes
    ----------
    complete : (n,) bool array
        Respondents who have a pattern.
    support : (S,) array
        Codes of the distinct patterns, ascending; comparable between samples of one task.
    """

    def __init__(
        self,
        sample: Sample,
        items: Sequence[str],
        sizes: Sequence[int],
        arm: IntArray,
        bins: Sequence[IntArray] | None = None,
    ) -> None:
        symbols, self.complete = _columns(sample, items, sizes, bins)
        self._radix = [k + 1 for k in sizes]
        # Python's integers when 63 bits do not hold every possible pattern.
        possible = np.prod([float(k) for k in self._radix])
        codes = np.zeros(int(self.complete.sum()), dtype=object if possible >= 2.0**62 else np.int64)
        for j, k in enumerate(self._radix):
            codes = codes * k + symbols[self.complete, j]
        self.support, self._code = np.unique(codes, return_inverse=True)
        self.codes = codes
        self._symbols = symbols[self.complete]
        self._arm = arm[self.complete]
        # Shuffles are tied to the respondent, not to the row, so that the order of rows does not matter.
        self._rank = np.argsort(np.argsort(sample.respondent.astype(str), kind="stable"), kind="stable")
        self._memo = Memo()

    @property
    def shuffling_matters(self) -> bool:
        """Whether some arm has two items with different answers: dealing out one varying column anew gives the same rows."""
        varying = np.zeros((int(self._arm.max(initial=-1)) + 1, len(self._radix)), dtype=bool)
        first = np.zeros_like(varying, dtype=np.int64)
        first[self._arm] = self._symbols  # of some respondent of the arm
        np.logical_or.at(varying, self._arm, self._symbols != first[self._arm])
        return bool((varying.sum(axis=1) > 1).any())

    def active(self, weights: FloatArray) -> BoolArray:
        """(B, n complete) who counts."""
        return self._memo.get("active", weights, lambda: np.asarray(weights[:, self.complete] > 0))

    def of(self, key: Any, weights: FloatArray, make: Callable[[], FloatArray]) -> FloatArray:
        """Whatever else follows from patterns and weights, an array with a row for each set of weights, made once."""
        return self._memo.get(key, weights, make)

    def good_turing(self, weights: FloatArray) -> FloatArray:
        """(B,) share of its own law that each half has seen."""
        counts = self.counts(weights)
        # At size n - 1, which larger sizes are treated as, the expected coverage is Good and Turing's.
        return self.of("Good-Turing", weights, lambda: expected_coverage(counts, counts.sum(axis=1)))

    def counts(self, weights: FloatArray) -> IntArray:
        """(B, S) respondents with each pattern."""
        return self._memo.get("counts", weights, lambda: self._counts(self.active(weights)))

    def _counts(self, active: BoolArray) -> IntArray:
        rows, columns = np.nonzero(active)
        n_patterns = len(self.support)
        flat = np.bincount(rows * n_patterns + self._code[columns], minlength=len(active) * n_patterns)
        return flat.reshape(len(active), n_patterns)

    def shuffled_unique(self, weights: FloatArray, seed: int, times: int) -> FloatArray:
        """(B,) mean number of distinct patterns when every item is shuffled apart, within arm and half."""
        return self._memo.get(("shuffled", seed, times), weights, lambda: self._shuffled(weights, seed, times))

    def _shuffled(self, weights: FloatArray, seed: int, times: int) -> FloatArray:
        active = self.active(weights)
        keys = generator(seed, "structure_ratio").random((times, len(self._radix), len(self.complete)))
        # Sorting everybody once by (arm, random number) and dropping who is absent shuffles each half within arms.
        orders = np.argsort(self._arm + keys[:, :, self._rank[self.complete]], axis=-1)
        total = np.zeros(len(active))
        for family in families(active):
            # Half by half: who is in none of these halves need not be looked at.
            inside = np.zeros(active.shape[1], dtype=bool)
            inside[family.columns] = True
            own = active[family.members]
            row = np.repeat(np.arange(len(own)), own.sum(axis=1))
            for order in orders:
                codes, possible = np.zeros(len(row), dtype=np.int64), 1
                for j, k in enumerate(self._radix):
                    kept = order[j][inside[order[j]]]
                    column = np.broadcast_to(self._symbols[kept, j], (len(own), len(kept)))[own[:, kept]]
                    codes *= k
                    codes += column
                    possible *= k
                    if possible > _LARGEST_CODE:
                        seen, codes = np.unique(codes, return_inverse=True)
                        possible = len(seen)
                total[family.members] += _distinct(row, codes, possible, len(own))
        return total / times


def _distinct(row: IntArray, codes: IntArray, possible: int, n_rows: int) -> IntArray:
    """(n_rows,) number of distinct codes in each row."""
    if possible * n_rows <= _LARGEST_FLAGS:
        seen = np.zeros(n_rows * possible, dtype=bool)
        seen[row * possible + codes] = True
        return np.asarray(seen.reshape(n_rows, possible).sum(axis=1))
    return np.bincount(np.unique(row * possible + codes) // possible, minlength=n_rows)


def pattern_table(
    task: Task, sample: Sample, items: Sequence[str], cache: dict[Any, Any], *, binned: bool = True
) -> PatternTable:
    """Patterns of a sample over some items, computed once per sample; `binned`: over the groups of ``bins:``."""
    bins = [task.item(name).bins if binned else np.arange(task.item(name).k) for name in items]
    sizes = [int(one.max()) + 1 for one in bins]
    return once(
        cache,
        sample,
        ("patterns", tuple(items), binned),
        lambda: PatternTable(sample, items, sizes, arm_index(task, sample, cache), bins),
    )
