"""What a study found: estimates of every design, averaged over pilot draws and training seeds.

The band beside a mean runs from the smallest to the largest value over draws and seeds. The interval beside a difference
is the mean of the paired jackknife intervals of the single designs: it is conditional on a pilot, the band is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "GRID",
    "PILOT_ALONE",
    "BreakEven",
    "Selection",
    "break_even",
    "gains_over",
    "mean_over_draws",
    "reference_of",
    "told_apart",
]

#: Columns that tell designs and methods apart once draws and seeds are averaged over.
GRID = ["task", "profile_set", "holdout", "part", "base", "method", "size", "scope", "balance", "profile"]
#: What the pilot alone can do, without a language model.
PILOT_ALONE = (
    "baseline:marginal",
    "baseline:cell",
    "baseline:logit",
    "baseline:chain",
    "baseline:hotdeck",
    "baseline:copula",
)


@dataclass(frozen=True)
class Selection:
    """One value per design and method: which rows of the estimates are meant.

    Parameters
    ----------
    metric, quantity : str
    where : mapping of column to value
        Further columns; absent ones must be empty, so that one row per model is left.
    """

    metric: str
    quantity: str = "matched"
    where: Mapping[str, str] | None = None

    def of(self, estimates: pd.DataFrame) -> pd.DataFrame:
        """The rows meant."""
        wanted = {"item": "", "group": "", "arm": "", "regression": "", "term": "", "rule": "", "block": ""}
        wanted |= {"name": self.metric, **(self.where or {})}
        mask = (estimates["metric"] == self.metric) & (estimates["quantity"] == self.quantity)
        for column, value in wanted.items():
            mask &= estimates[column] == value
        return estimates[mask]


def mean_over_draws(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean, band and mean interval of each method on each design.

    Returns
    -------
    DataFrame
        Columns of the grid, ``n_pilot``, ``value``, ``least``, ``most``, ``low``, ``high``, ``runs`` (draws times seeds),
        ``seconds``, ``tokens``, ``status``, ``reason``.
    """
    held = rows[rows["method"] != ""]
    ok = held["status"] == "ok"
    numbers = {name: held[name].astype(float).where(ok) for name in ("value", "low", "high")}
    words = {name: held[name].where(~ok) for name in ("status", "reason")}
    found = (
        held.assign(**numbers, **words, runs=ok)
        .groupby(GRID, sort=False, dropna=False)
        .agg(
            n_pilot=("n_pilot", "mean"),
            value=("value", "mean"),
            least=("value", "min"),
            most=("value", "max"),
            low=("low", "mean"),
            high=("high", "mean"),
            runs=("runs", "sum"),
            seconds=("seconds", "mean"),
            tokens=("tokens", "mean"),
            status=("status", "first"),
            reason=("reason", "first"),
        )
        .reset_index()
    )
    usable = found["runs"] > 0
    return found.assign(
        n_pilot=found["n_pilot"].astype(float),
        status=found["status"].where(~usable, "ok"),
        reason=found["reason"].where(~usable, ""),
    )


def gains_over(estimates: pd.DataFrame, selection: Selection, other: str) -> pd.DataFrame:
    """Paired gains of every method over another one on the same design, averaged over draws and seeds.

    Parameters
    ----------
    estimates : DataFrame
    selection : Selection
        Metric and place; its quantity is not used.
    other : str
        Name of the other among the models of a design, such as ``baseline:cell``.

    Returns
    -------
    DataFrame
        As from `mean_over_draws`; positive values are better than the other.
    """
    where = {**(selection.where or {}), "floor_name": other}
    return mean_over_draws(Selection(selection.metric, "gain_over", where).of(estimates))


def told_apart(gain: Mapping[str, Any] | None) -> str:
    """``better``, ``worse`` or ``not told apart``; empty where there is no paired interval.

    A gain is told apart from nothing when the mean paired interval lies on one side of 0 and so does the gain with every
    pilot draw and training seed: the interval knows the test people alone, the band the pilots.
    """
    if gain is None or gain["status"] != "ok" or not np.isfinite([gain["low"], gain["high"]]).all():
        return ""
    if min(gain["low"], gain["least"]) > 0:
        return "better"
    return "worse" if max(gain["high"], gain["most"]) < 0 else "not told apart"


def reference_of(estimates: pd.DataFrame, selection: Selection) -> tuple[float, float, float] | None:
    """Value and interval of real people against real people; None where there is none. The same for every design."""
    rows = Selection(selection.metric, "reference", selection.where).of(estimates)
    rows = rows[(rows["status"] == "ok") & (rows["part"] == "all")]
    if rows.empty:
        return None
    first = rows.iloc[0]
    return float(first["value"]), float(first["low"]), float(first["high"])


@dataclass(frozen=True)
class BreakEven:
    """The pilot at which a baseline alone is as near to people as a method is with a pilot of ``n_pilot``.

    ``people`` is None when no pilot of the study is enough; ``at_most`` says that the smallest pilot already is. ``fewest``
    and ``most`` are the same for the method's worst and best pilot draw or training seed (None: no pilot is enough);
    the baselines are at their mean.
    """

    method: str
    base: str
    n_pilot: float
    error: float
    baseline: str
    people: float | None
    at_most: bool = False
    largest: float = 0.0
    fewest: float | None = None
    most: float | None = None

    @property
    def words(self) -> str:
        """As a table shows it."""
        if self.people is None:
            return f"more than {self.largest:.0f}"
        return f"at most {self.people:.0f}" if self.at_most else f"about {self.people:.0f}"

    @property
    def used(self) -> float:
        """People that the method itself was given; the untouched base knows none."""
        return 0.0 if self.method == "base" else self.n_pilot

    @property
    def adds(self) -> bool:
        """Whether the model adds something: the pilot alone needs more people than were used with the model."""
        return self.people is None or (not self.at_most and self.people > self.used)

    @property
    def range(self) -> str:
        """Break-even pilots of the method's worst and best draw or seed; empty where they do not differ."""
        if self.fewest == self.most:
            return ""
        ends = [f"more than {self.largest:.0f}" if end is None else f"{end:.0f}" for end in (self.fewest, self.most)]
        return " to ".join(ends)


def break_even(means: pd.DataFrame, methods: Iterable[str], baselines: Sequence[str] = PILOT_ALONE) -> list[BreakEven]:
    """Break-even pilots of the methods, for a value of which lower is better.

    For every method and pilot size, the error of the best baseline is interpolated over the logarithm of its pilot size
    until it reaches the method's error.

    A baseline that gets worse with more people counts from where it first reaches the error.

    Parameters
    ----------
    means : DataFrame
        From `mean_over_draws`, of one task, part, scope, balance and profile.
    methods : iterable of str
    baselines : sequence of str
        What the pilot alone can do.
    """
    usable = means[means["status"] == "ok"]
    alone = usable[usable["method"].isin(baselines)]
    if alone.empty:
        return []
    curves: dict[str, pd.Series[float]] = {
        str(name): part.groupby("n_pilot")["value"].mean().sort_index()
        for name, part in alone.groupby("method", sort=False)
    }
    largest = max(float(curve.index.max()) for curve in curves.values())
    found = []
    for row in usable[usable["method"].isin(list(methods))].sort_values("n_pilot").to_dict("records"):
        error = float(row["value"])
        people, baseline = _soonest(curves, error)
        found.append(
            BreakEven(
                row["method"],
                row["base"],
                float(row["n_pilot"]),
                error,
                baseline,
                people,
                at_most=people is not None and people <= float(curves[baseline].index.min()),
                largest=largest,
                fewest=_soonest(curves, float(row["most"]))[0],
                most=_soonest(curves, float(row["least"]))[0],
            )
        )
    return found


def _soonest(curves: Mapping[str, pd.Series[float]], error: float) -> tuple[float | None, str]:
    """The smallest pilot with which any baseline reaches the error, and that baseline; else the one that comes nearest."""
    reached = {name: place for name, curve in curves.items() if (place := _reached(curve, error)) is not None}
    if not reached:
        return None, min(curves, key=lambda name: float(curves[name].min()))
    baseline = min(reached, key=lambda name: (reached[name], float(curves[name].iloc[0])))
    return reached[baseline], baseline


def _reached(curve: pd.Series[float], error: float) -> float | None:
    """The smallest pilot at which the curve is at the error or below it."""
    sizes, values = curve.index.to_numpy(dtype=float), curve.to_numpy(dtype=float)
    for i, value in enumerate(values):
        if value <= error:
            if i == 0:
                return float(sizes[0])
            share = (values[i - 1] - error) / (values[i - 1] - value)
            log_size = np.log(sizes[i - 1]) + share * (np.log(sizes[i]) - np.log(sizes[i - 1]))
            return float(np.exp(log_size))
    return None
