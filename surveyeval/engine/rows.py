"""Rows of the table of estimates: values with intervals, differences, what is recovered, and the size rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.data.weights import kish
from surveyeval.engine.tracks import Track
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.metric.resampling import Jackknife, half_sizes, jackknife_interval, jackknife_se
from surveyeval.task.task import Task

__all__ = ["LEVEL", "SKIPPED", "Rows"]

FloatArray = NDArray[np.float64]

LEVEL = 0.95
#: `recovered` is withheld unless floor and reference differ by this many standard errors.
RESOLUTION = 2.5
#: Below so many, `recovered` is flagged: floors that are told from people by luck are taken for farther off than they are.
BARELY = 4.0
#: Effective respondents in a half of a printed cell: skipped below the first, grey below the second.
SKIPPED, GREY = 15, 30


@dataclass(frozen=True, eq=False)
class Rows:
    """Makes the rows of one evaluation.

    Parameters
    ----------
    task : Task
    human : Sample
        Test people.
    seed : int
    jackknife : Jackknife, optional
        For groups in strata.
    half_sizes : mapping of arm to float, optional
        People of each arm in a half; default: half of them, the odd one sitting out.
    """

    task: Task
    human: Sample
    seed: int
    jackknife: Jackknife | None = None
    half_sizes: Mapping[str, float] | None = None

    def row(self, spec: MetricSpec, key: Key, quantity: str, model: str, **columns: Any) -> dict[str, Any]:
        """A row with what all rows of a metric's value share."""
        base = {
            "task": self.task.name, "version": self.task.version, "model": model, "quantity": quantity,
            "comparison": f"{self.human.n} people, seed {self.seed}", "metric": spec.name, "axis": spec.axis,
            "name": key.name, "item": key.item, "group": key.group, "arm": key.arm, "regression": key.regression,
            "term": key.term, "rule": key.rule, "block": key.block, "direction": spec.direction,
            "floor_name": key.floor or spec.floor, "headline": key.headline, "status": "ok", "reason": "",
        }  # fmt: skip
        return {**base, **columns}

    def _half(self, key: Key) -> float:
        """People in a half; NaN for a group, whose share of a half varies."""
        if "=" in key.group:
            return float("nan")
        sizes = self.half_sizes or half_sizes(self.human.arm, self.seed, 1)
        return float(sizes.get(key.arm, 0) if key.arm else sum(sizes.values()))

    def summary(
        self, spec: MetricSpec, key: Key, quantity: str, model: str, track: Track, q: int,
        size: tuple[str, str, tuple[str, ...]],
    ) -> dict[str, Any]:  # fmt: skip
        """Value of one sample in halves, with its interval or band."""
        status, reason, flags = size
        series = track.value[:, q]
        half = self._half(key)
        n_eff = float(track.n_eff[q]) if track.n_eff is not None else np.nan
        known = track.status.get(key, ("ok", ""))
        if status == "ok" or known[0] == "not_applicable":
            status, reason = known if known != ("ok", "") else (status, reason)
        if status == "ok" and not np.isfinite(series[0]):
            status, reason = "not_estimable", "undefined in these halves"
        flags = tuple(dict.fromkeys((*flags, *track.flags.get(key, ()))))
        common = {
            "n_human": half,
            "n_simulated": half,
            "n_eff": n_eff,
            "half": half,
            "draws": 1,
            "flags": " ".join(flags),
        }
        if status != "ok":
            return self.row(spec, key, quantity, model, status=status, reason=reason, **common)
        row = self.row(
            spec,
            key,
            quantity,
            model,
            value=float(series[0]),
            reason=reason,
            estimand="expected value between "
            + ("halves of the group" if np.isnan(half) else f"{half:.0f} people and {half:.0f} stand-ins")
            + (", counted without weights" if spec.weights == "ignored" and self.human.weighted else ""),
            **common,
        )
        if spec.interval == "jackknife" and np.isfinite(series).all():
            low, high = jackknife_interval(series[0], series[1:], LEVEL, self.jackknife)
            low_end, high_end = spec.range
            row["low"] = float(low) if low_end is None else max(float(low), low_end)
            row["high"] = float(high) if high_end is None else min(float(high), high_end)
            row |= {"level": LEVEL, "interval_method": "jackknife"}
        elif spec.interval == "band":
            over_splits = np.array([values[q] for values in track.by_split])
            over_splits = over_splits[np.isfinite(over_splits)]
            if len(over_splits) > 1:
                low, high = np.quantile(over_splits, [0.025, 0.975])
                row |= {"low": float(low), "high": float(high), "level": LEVEL, "interval_method": "band over splits"}
        return row

    def interval_row(self, spec: MetricSpec, key: Key, quantity: str, model: str, series: FloatArray) -> dict[str, Any]:
        """A difference of losses with its jackknife interval."""
        if not np.isfinite(series[0]):
            return self.row(spec, key, quantity, model, status="not_estimable", reason="undefined in these halves")
        estimand = {
            "excess": "loss of the model minus loss of real people, at half size",
            "gain_over_cell": "loss of the demographic cell minus loss of the model, at half size",
            "gain_over_floor": "loss of the floor minus loss of the model",
            "gain_over": "loss of the other model minus loss of the model",
        }[quantity]
        row = self.row(spec, key, quantity, model, value=float(series[0]), estimand=estimand)
        if spec.interval == "jackknife" and np.isfinite(series).all():
            low, high = jackknife_interval(series[0], series[1:], LEVEL, self.jackknife)
            row |= {"low": float(low), "high": float(high), "level": LEVEL, "interval_method": "jackknife"}
        return row

    def recovered(
        self, spec: MetricSpec, key: Key, model: str, losses: Mapping[str, FloatArray], matched: Mapping[str, Any],
        size: tuple[str, str, tuple[str, ...]],
    ) -> dict[str, Any]:  # fmt: skip
        """Share of the way from the floor to real people; withheld where the two are not told apart."""
        if matched["status"] != "ok":
            return self.row(spec, key, "recovered", model, status=matched["status"], reason=matched["reason"])
        if "grey" in size[2]:
            return self.row(
                spec, key, "recovered", model, status="too_small", reason=size[1] or "fewer than 30 in a half"
            )
        span = losses["floor"] - losses["reference"]
        if not np.isfinite(span).all() or not np.isfinite(losses["model"]).all():
            return self.row(spec, key, "recovered", model, status="not_estimable", reason="undefined in some halves")
        error = float(jackknife_se(span[1:], self.jackknife))
        if span[0] <= 0 or span[0] < RESOLUTION * error or not span.all():
            reason = f"the floor is not told from real people: difference {span[0]:.3f}, standard error {error:.3f}"
            return self.row(spec, key, "recovered", model, status="not_resolved", reason=reason)
        ratio = (losses["floor"] - losses["model"]) / span
        low, high = jackknife_interval(ratio[0], ratio[1:], LEVEL, self.jackknife)
        row = self.row(
            spec, key, "recovered", model, value=float(ratio[0]), low=float(low), high=float(high), level=LEVEL,
            interval_method="jackknife", estimand="share of the way from the floor to real people",
        )  # fmt: skip
        if span[0] < BARELY * error:
            row["flags"] = "barely_resolved"
            row["reason"] = (
                f"the floor is barely told from real people (difference {span[0]:.3f}, standard error {error:.3f}): the interval "
                "contains the true share less often than it says, see docs/explanation/coverage.md"
            )
        return row

    def size(self, key: Key, reference: Track, q: int) -> tuple[str, str, tuple[str, ...]]:
        """Status, reason and flags by the size rules: for printed cells only (a group or an arm)."""
        if reference.n_eff is None or not (("=" in key.group) or key.arm):
            return "ok", "", ()
        n = float(reference.n_eff[q])
        if n < SKIPPED:
            return "too_small", f"{n:.0f} effective respondents in a half, {SKIPPED} are needed", ()
        return (
            ("ok", f"{n:.0f} effective respondents in a half, {GREY} are needed for more", ("grey",))
            if n < GREY
            else ("ok", "", ())
        )

    def individual(
        self, spec: MetricSpec, key: Key, quantity: str, model: str, values: Values, q: int
    ) -> dict[str, Any]:
        """Value on all test people, with its jackknife interval."""
        series = values.value[:, q]
        status, reason = values.status.get(key, ("ok", ""))
        if status == "ok" and not np.isfinite(series[0]):
            status, reason = (
                "not_estimable",
                "a person's answer has probability 0" if np.isinf(series[0]) else "undefined",
            )
        if status != "ok":
            return self.row(spec, key, quantity, model, status=status, reason=reason)
        row = self.row(
            spec, key, quantity, model, value=float(series[0]), n_human=self.human.n, n_simulated=self.human.n,
            n_eff=float(kish(self.human.weight)), estimand="mean over the test people", reason=reason,
            flags=" ".join(values.flags.get(key, ())),
        )  # fmt: skip
        if spec.interval == "jackknife" and np.isfinite(series).all():
            low, high = jackknife_interval(series[0], series[1:], LEVEL, self.jackknife)
            low_end, high_end = spec.range
            row["low"] = float(low) if low_end is None else max(float(low), low_end)
            row["high"] = float(high) if high_end is None else min(float(high), high_end)
            row |= {"level": LEVEL, "interval_method": "jackknife"}
        return row
