"""Paired differences between models: the same people, the same half splits, the same jackknife groups.

Positive differences favour the model that is named first. Within one metric the p-values of all pairs and all headlines
are one family, in which the false discovery rate is held (Benjamini and Hochberg). Metrics whose values jump (F1, false positive
rate, ...) have no valid interval: they get the band of paired differences over splits, and no p.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from surveyeval.data.sample import Sample
from surveyeval.engine.detectable import smallest_detectable
from surveyeval.engine.estimates import make_table
from surveyeval.engine.known_coverage import with_known_coverage
from surveyeval.engine.multiplicity import FALSE_DISCOVERY_RATE
from surveyeval.engine.pairs import Losses, losses, with_headlines
from surveyeval.engine.rows import LEVEL, Rows
from surveyeval.metric.protocol import Key, Metric, MetricSpec
from surveyeval.metric.resampling import Jackknife, jackknife_interval, jackknife_se
from surveyeval.progress import Progress
from surveyeval.task.task import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FIRST", "compare_samples"]

FloatArray = NDArray[np.float64]

#: The one proper score of all answers together stands first.
FIRST = "joint_log_loss"
#: Columns that stand beside those of `surveyeval.engine.estimates`.
EXTRA = ("other", "se", "detectable", "outcome")


def compare_samples(
    task: Task,
    human: Sample,
    simulated: Mapping[str, Sequence[Sample]],
    pilot: Sample,
    *,
    metrics: Sequence[Metric],
    seed: int = 0,
    splits: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Differences between all pairs of models, for the headlines of each axis.

    Parameters
    ----------
    task : Task
    human : Sample
        Test respondents with answers.
    simulated : mapping of model name to samples
        At least two models; one complete sample for each draw, rows in the order of `human`.
    pilot : Sample
    metrics : sequence of Metric
    seed : int
    splits : int, optional
        Random half splits; default: what each metric asks for.
    progress : Progress, optional

    Returns
    -------
    DataFrame
        The columns of `surveyeval.engine.estimates`, quantity ``difference``, and

        - ``other``: the second model; ``value`` is its loss less that of ``model``, positive when ``model`` is closer to
          people;
        - ``se``: jackknife standard error; ``detectable``: smallest difference that would be told apart in four of five
          studies (`surveyeval.engine.detectable`);
        - ``outcome``: ``better`` or ``worse`` (of ``model``, ``p_adjusted`` at most .05), ``not told apart``, ``band`` where
          there is no test, empty where there is no value.

        Intervals that are known to miss their level have a flag and say so in ``reason`` (`surveyeval.engine.known_coverage`).

    Notes
    -----
    p comes from t with groups less one degrees of freedom. Source of the adjustment: Benjamini and Hochberg (1995), Journal
    of the Royal Statistical Society B 57.
    """
    chosen = with_headlines(task, human, pilot, metrics)
    chosen.sort(key=lambda metric: metric.spec.name != FIRST)
    found = losses(task, human, simulated, pilot, metrics=chosen, seed=seed, splits=splits, progress=progress)
    make = Rows(task, human, seed, found.jackknife)
    rows: list[dict[str, Any]] = []
    for metric in chosen:
        own = [
            row
            for first, second in combinations(simulated, 2)
            for row in _pair(make, metric.spec, first, second, found.losses, len(simulated[first]))
        ]
        _adjust(own)
        rows += own
    table = make_table(rows)
    for name in EXTRA:
        table[name] = [row.get(name, "" if name in ("other", "outcome") else np.nan) for row in rows]
    return with_known_coverage(table, human)


def _pair(
    make: Rows, spec: MetricSpec, first: str, second: str, found: Mapping[tuple[str, str], Losses], draws: int
) -> Iterator[dict[str, Any]]:
    one, other = found[spec.name, first], found[spec.name, second]
    for q, key in enumerate(one.keys):
        if not key.headline:
            continue
        row = make.row(
            spec, key, "difference", first, other=second, draws=draws, family=f"models: {spec.name}", outcome="",
            n_human=make.human.n, n_simulated=make.human.n, floor_name="",
            n_eff=np.nan if one.n_eff is None else float(one.n_eff[q]),
            estimand="loss of the other model minus loss of the model" + _halved(spec),
        )  # fmt: skip
        status, reason = _status(key, {first: one, second: other})
        series = (other.by_split - one.by_split)[:, :, q]
        if status == "ok" and not np.isfinite(series[:, 0]).all() and spec.interval != "band":
            status, reason = "not_estimable", "undefined in some halves"
        if status != "ok":
            yield {**row, "status": status, "reason": reason}
        elif spec.interval == "jackknife":
            yield {**row, **_tested(series.mean(axis=0), make.jackknife)}
        else:
            yield {**row, **_band(series[:, 0], spec)}


def _halved(spec: MetricSpec) -> str:
    return ", over the test people" if spec.axis == "individual" else ", at half size"


def _status(key: Key, both: Mapping[str, Losses]) -> tuple[str, str]:
    """The first status that is not ok, and whose it is."""
    for model, values in both.items():
        status, reason = values.status.get(key, ("ok", ""))
        if status != "ok":
            return status, f"{model}: {reason}"
    return "ok", ""


def _tested(series: FloatArray, jackknife: Jackknife | None) -> dict[str, Any]:
    """Value, interval and p of a difference from its jackknife replicates."""
    value, replicates = float(series[0]), series[1:]
    if not np.isfinite(replicates).all():
        return {"value": value, "outcome": "band", "reason": "undefined without some of the people, so no interval"}
    se = float(jackknife_se(replicates, jackknife))
    df = len(replicates) - 1 if jackknife is None else jackknife.degrees_of_freedom
    low, high = jackknife_interval(series[0], replicates, LEVEL, jackknife)
    t = abs(value) / se if se > 0 else (0.0 if value == 0 else np.inf)
    return {
        "value": value, "low": float(low), "high": float(high), "level": LEVEL, "interval_method": "jackknife", "se": se,
        "detectable": smallest_detectable(se, df, LEVEL), "p": float(2 * stats.t.sf(t, df)),
    }  # fmt: skip


def _band(over_splits: FloatArray, spec: MetricSpec) -> dict[str, Any]:
    """Value of a difference and its band over splits, where no interval is valid."""
    defined = over_splits[np.isfinite(over_splits)]
    if len(defined) == 0:
        return {"status": "not_estimable", "reason": "undefined in these halves"}
    row: dict[str, Any] = {"value": float(defined.mean()), "outcome": "band"}
    if len(defined) < len(over_splits):
        row["reason"] = f"defined in {len(defined)} of {len(over_splits)} splits"
    if spec.interval == "band" and len(defined) > 1:
        low, high = np.quantile(defined, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
        row |= {"low": float(low), "high": float(high), "level": LEVEL, "interval_method": "band over splits"}
    return row


def _adjust(rows: Sequence[dict[str, Any]]) -> None:
    """Adjust the p-values of one family, and say what follows."""
    tested = [row for row in rows if np.isfinite(row.get("p", np.nan))]
    if not tested:
        return
    for row, p in zip(tested, stats.false_discovery_control([row["p"] for row in tested], method="bh"), strict=True):
        row["p_adjusted"] = float(p)
        decided = p <= FALSE_DISCOVERY_RATE
        row["outcome"] = ("better" if row["value"] > 0 else "worse") if decided else "not told apart"
