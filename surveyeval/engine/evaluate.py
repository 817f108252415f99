"""From samples to estimates: matched, reference and floors by one recipe.

For every random half split of the test respondents, simulated stand-ins of one half are compared with the people of the
other half (matched), and so are the real people of that half (reference) and naive stand-ins fitted on the pilot
(floors). Same size, same splits, same independence between the two sides, so an exact copy of the people has
matched = reference, for any metric, without tuning. Intervals come from a delete-a-group jackknife over the same splits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.data.weights import kish
from surveyeval.engine.estimates import make_table
from surveyeval.metric.protocol import Key, Metric, MetricSpec, Values
from surveyeval.metric.resampling import halves, jackknife_groups, jackknife_interval, jackknife_se
from surveyeval.model.baselines import make_baseline
from surveyeval.model.protocol import Interviews, Respondent
from surveyeval.task.task import Task

__all__ = ["FLOORS", "evaluate"]

FloatArray = NDArray[np.float64]

#: Naive stand-ins shown beside every model; each metric names the one that its `recovered` uses.
FLOORS = ("uniform", "mode", "pooled", "marginal", "cell")
REFERENCE = "human-half"
LEVEL = 0.95
#: `recovered` is withheld unless floor and reference differ by this many standard errors.
RESOLUTION = 2.5
#: Effective respondents in a half of a printed cell: skipped below the first, grey below the second.
SKIPPED, GREY = 15, 30


@dataclass(eq=False)
class _Track:
    """What one sample gave for one metric, summed over splits: value and loss, full and with each group removed."""

    keys: Sequence[Key] = ()
    value: FloatArray = field(default_factory=lambda: np.zeros(0))
    loss: FloatArray = field(default_factory=lambda: np.zeros(0))
    by_split: list[FloatArray] = field(default_factory=list)
    count: int = 0
    status: dict[Key, tuple[str, str]] = field(default_factory=dict)
    flags: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    n_eff: FloatArray | None = None

    def add(self, values: Values, spec: MetricSpec) -> None:
        """Add one split: the two directions are averaged."""
        shape = (-1, 2, len(values.keys))
        value = values.value.reshape(shape).mean(axis=1)
        loss = _loss(values, spec).reshape(shape).mean(axis=1)
        if self.count == 0:
            self.keys, self.value, self.loss = values.keys, np.zeros_like(value), np.zeros_like(loss)
        self.value += value
        self.loss += loss
        self.by_split.append(value[0])
        self.count += 1
        self.status.update(values.status)
        self.flags.update(values.flags)
        if values.n_eff is not None:
            least = values.n_eff[:2].min(axis=0)
            self.n_eff = least if self.n_eff is None else np.minimum(self.n_eff, least)

    def finished(self) -> _Track:
        """Means over splits."""
        return replace(self, value=self.value / max(self.count, 1), loss=self.loss / max(self.count, 1))


def _loss(values: Values, spec: MetricSpec) -> FloatArray:
    if values.loss is not None:
        return values.loss
    return -values.value if spec.direction == "higher" else values.value


def evaluate(
    task: Task,
    human: Sample,
    simulated: Mapping[str, Sequence[Sample]],
    pilot: Sample,
    *,
    metrics: Sequence[Metric],
    seed: int = 0,
    splits: int | None = None,
    against: Sequence[str] = (),
    floors: Mapping[str, Respondent] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Compare simulated samples with people.

    Parameters
    ----------
    task : Task
    human : Sample
        Test respondents with answers.
    simulated : mapping of model name to samples
        One complete simulated sample for each draw, rows in the order of `human`. Metrics are computed for each draw and
        averaged; draws are never pooled.
    pilot : Sample
        Respondents that inform the floors; disjoint from `human`.
    metrics : sequence of Metric
    seed : int
    splits : int, optional
        Random half splits; default: what each metric asks for.
    against : sequence of str
        Names of simulated samples that every other one is compared with in pairs: rows ``gain_over``, with the name in
        ``floor_name``, for the headlines.
    floors : mapping of name to Respondent, optional
        Naive stand-ins that are fitted already; default: fitted on the pilot.
    progress : callable, optional
        Called with (done, total).

    Returns
    -------
    DataFrame
        Long form, see `surveyeval.engine.estimates`.
    """
    return make_table(_Evaluation(task, human, simulated, pilot, metrics, seed, splits, against, floors).rows(progress))


class _Evaluation:
    def __init__(
        self, task: Task, human: Sample, simulated: Mapping[str, Sequence[Sample]], pilot: Sample,
        metrics: Sequence[Metric], seed: int, splits: int | None, against: Sequence[str],
        floors: Mapping[str, Respondent] | None,
    ) -> None:  # fmt: skip
        self.against = [name for name in against if name in simulated]
        self.task, self.human, self.simulated, self.pilot = task, human, simulated, pilot
        self.seed = seed
        reasons = [(metric, metric.applicable(task)) for metric in metrics]
        self.skipped = [(metric, reason) for metric, reason in reasons if reason is not None]
        self.metrics = [metric for metric, reason in reasons if reason is None]
        self.splits = {id(metric): splits or metric.spec.splits for metric in self.metrics}
        self.group = jackknife_groups(human.arm, seed)
        self.floors: dict[str, Respondent] = dict(floors or {})
        for name in FLOORS:
            if name not in self.floors:
                self.floors[name] = make_baseline(name)
                self.floors[name].fit(task, pilot)
        self.cache: dict[Any, Any] = {}
        self._leave_out_what_fails()

    def _leave_out_what_fails(self) -> None:
        """A metric of a plugin that raises costs its own rows, and nobody else's. Our own may raise: that is a mistake."""
        samples = [sample for draws in self.simulated.values() for sample in draws] + [self.human]
        weights = halves(self.human.arm, self.group, self.seed, 0)
        for metric in [one for one in self.metrics if not type(one).__module__.startswith("surveyeval.")]:
            try:
                for sample in samples:
                    comparison = metric.compare(self.task, self.human, sample, self.pilot, self.cache)
                    comparison.values(
                        weights.human[:2] * self.human.weight, weights.simulated[:2] * sample.weight, self.seed
                    )
            except Exception as error:  # whatever a plugin raises
                self.metrics.remove(metric)
                self.skipped.append((metric, f"the metric failed: {type(error).__name__}: {error}"))

    def rows(self, progress: Callable[[int, int], None] | None) -> Iterator[dict[str, Any]]:
        for metric, reason in self.skipped:
            yield self._row(metric.spec, Key(metric.spec.name), "matched", "", status="not_applicable", reason=reason)
        population = [metric for metric in self.metrics if metric.spec.axis != "individual"]
        tracks = self._tracks(population, progress)
        for metric in population:
            yield from self._population_rows(metric, tracks)
        for metric in self.metrics:
            if metric.spec.axis == "individual":
                yield from self._individual_rows(metric)

    # ---- population metrics ------------------------------------------------------------------------------------

    def _tracks(
        self, metrics: Sequence[Metric], progress: Callable[[int, int], None] | None
    ) -> dict[tuple[int, str, int], _Track]:
        tracks: dict[tuple[int, str, int], _Track] = {}
        total = max((self.splits[id(metric)] for metric in metrics), default=0)
        fixed = [
            (name, number, sample) for name, draws in self.simulated.items() for number, sample in enumerate(draws)
        ]
        fixed.append((REFERENCE, 0, self.human))
        bound = {
            (id(metric), name, number): metric.compare(self.task, self.human, sample, self.pilot, self.cache)
            for metric in metrics
            for name, number, sample in fixed
        }
        for split in range(total):
            if progress is not None:
                progress(split, total)
            weights = halves(self.human.arm, self.group, self.seed, split)
            redrawn = [(f"floor {name}", 0, self._draw(name, split)) for name in FLOORS]
            shuffle = int(generator(self.seed, "shuffle", str(split)).integers(2**31))
            cache = dict(self.cache)  # floors live for one split; what is kept of them goes with it
            for metric in metrics:
                if split >= self.splits[id(metric)]:
                    continue
                for name, number, sample in [*fixed, *redrawn]:
                    key = (id(metric), name, number)
                    comparison = bound.get(key)
                    if comparison is None:
                        comparison = metric.compare(self.task, self.human, sample, self.pilot, cache)
                    values = comparison.values(
                        weights.human * self.human.weight, weights.simulated * sample.weight, shuffle
                    )
                    tracks.setdefault(key, _Track()).add(values, metric.spec)
        if progress is not None:
            progress(total, total)
        return {key: track.finished() for key, track in tracks.items()}

    def _draw(self, name: str, split: int) -> Sample:
        uniforms = generator(self.seed, "floor", name, str(split)).random((self.human.n, len(self.task.items)))
        people = self.human.without_answers()
        answers = self.floors[name].answer(Interviews(self.task, people, uniforms))
        return people.with_answers(answers.answers, states=answers.states)

    def _population_rows(
        self, metric: Metric, tracks: Mapping[tuple[int, str, int], _Track]
    ) -> Iterator[dict[str, Any]]:
        spec, mine = metric.spec, id(metric)
        reference = tracks[mine, REFERENCE, 0]
        floors = {name: tracks[mine, f"floor {name}", 0] for name in FLOORS}
        for q, key in enumerate(reference.keys):
            named = key.floor or spec.floor
            size = self._size(key, reference, q)
            yield self._summary(spec, key, "reference", REFERENCE, reference, q, size)
            for name, track in floors.items():
                row = self._summary(spec, key, "floor", f"baseline:{name}", track, q, size)
                yield {**row, "floor_name": named}
        drawn_of = {
            model: [tracks[mine, model, number] for number in range(len(draws))]
            for model, draws in self.simulated.items()
        }
        others = {name: np.mean([track.loss for track in drawn_of[name]], axis=0) for name in self.against}
        for model, draws in self.simulated.items():
            drawn = drawn_of[model]
            full = self._full(metric, draws)
            for q, key in enumerate(reference.keys):
                size = self._size(key, reference, q)
                yield from self._model_rows(spec, key, q, model, drawn, reference, floors, size, others)
                estimate = self._row(
                    spec,
                    key,
                    "estimate",
                    model,
                    value=full[q],
                    half=np.nan,
                    n_human=self.human.n,
                    n_simulated=self.human.n,
                    draws=len(draws),
                    estimand="value in the full test sample",
                )
                status, reason = drawn[0].status.get(key, ("ok", ""))
                if status == "ok" and not np.isfinite(full[q]):
                    status, reason = "not_estimable", "undefined in the full sample"
                if status == "not_applicable":
                    estimate["value"] = np.nan
                estimate |= {"status": status, "reason": reason}
                yield {**estimate, "headline": False}

    def _full(self, metric: Metric, draws: Sequence[Sample]) -> FloatArray:
        values = []
        for sample in draws:
            comparison = metric.compare(self.task, self.human, sample, self.pilot, self.cache)
            values.append(comparison.values(self.human.weight[None, :], sample.weight[None, :], self.seed).value[0])
        return np.asarray(np.mean(values, axis=0))

    def _model_rows(
        self, spec: MetricSpec, key: Key, q: int, model: str, drawn: Sequence[_Track], reference: _Track,
        floors: Mapping[str, _Track], size: tuple[str, str, tuple[str, ...]], others: Mapping[str, FloatArray],
    ) -> Iterator[dict[str, Any]]:  # fmt: skip
        mean = replace(
            drawn[0],
            value=np.mean([track.value for track in drawn], axis=0),
            loss=np.mean([track.loss for track in drawn], axis=0),
            by_split=list(np.mean([track.by_split for track in drawn], axis=0)),
        )
        matched = self._summary(spec, key, "matched", model, mean, q, size)
        matched["draws"] = len(drawn)
        if len(drawn) > 1:
            matched["sd_draws"] = float(np.std([track.value[0, q] for track in drawn], ddof=1))
        yield matched
        floor = floors[key.floor or spec.floor]
        common = {
            "floor_name": key.floor or spec.floor,
            "draws": len(drawn),
            "n_eff": matched["n_eff"],
            "half": matched["half"],
        }
        losses = {
            "floor": floor.loss[:, q],
            "reference": reference.loss[:, q],
            "model": mean.loss[:, q],
            "cell": floors["cell"].loss[:, q],
        }
        bad = matched["status"] not in ("ok",)
        for quantity, one, other in (("excess", "model", "reference"), ("gain_over_cell", "cell", "model")):
            if bad:
                yield {
                    **self._row(spec, key, quantity, model, status=matched["status"], reason=matched["reason"]),
                    **common,
                }
                continue
            yield {**self._interval_row(spec, key, quantity, model, losses[one] - losses[other]), **common}
        if key.headline and not bad:
            for name, loss in others.items():
                if name != model:
                    row = self._interval_row(spec, key, "gain_over", model, loss[:, q] - losses["model"])
                    yield {**row, **common, "floor_name": name}
        if spec.recoverable and spec.interval == "jackknife":
            yield {**self._recovered(spec, key, model, losses, matched, size), **common}

    def _interval_row(
        self, spec: MetricSpec, key: Key, quantity: str, model: str, series: FloatArray
    ) -> dict[str, Any]:
        if not np.isfinite(series[0]):
            return self._row(spec, key, quantity, model, status="not_estimable", reason="undefined in these halves")
        estimand = {
            "excess": "loss of the model minus loss of real people, at half size",
            "gain_over_cell": "loss of the demographic cell minus loss of the model, at half size",
            "gain_over_floor": "loss of the floor minus loss of the model",
            "gain_over": "loss of the other model minus loss of the model",
        }[quantity]
        row = self._row(spec, key, quantity, model, value=float(series[0]), estimand=estimand)
        if spec.interval == "jackknife" and np.isfinite(series).all():
            low, high = jackknife_interval(series[0], series[1:], LEVEL)
            row |= {"low": float(low), "high": float(high), "level": LEVEL, "interval_method": "jackknife"}
        return row

    def _recovered(
        self, spec: MetricSpec, key: Key, model: str, losses: Mapping[str, FloatArray], matched: Mapping[str, Any],
        size: tuple[str, str, tuple[str, ...]],
    ) -> dict[str, Any]:  # fmt: skip
        if matched["status"] != "ok":
            return self._row(spec, key, "recovered", model, status=matched["status"], reason=matched["reason"])
        if "grey" in size[2]:
            return self._row(
                spec, key, "recovered", model, status="too_small", reason=size[1] or "fewer than 30 in a half"
            )
        span = losses["floor"] - losses["reference"]
        if not np.isfinite(span).all() or not np.isfinite(losses["model"]).all():
            return self._row(spec, key, "recovered", model, status="not_estimable", reason="undefined in some halves")
        error = float(jackknife_se(span[1:]))
        if span[0] <= 0 or span[0] < RESOLUTION * error:
            reason = f"the floor is not told from real people: difference {span[0]:.3f}, standard error {error:.3f}"
            return self._row(spec, key, "recovered", model, status="not_resolved", reason=reason)
        ratio = (losses["floor"] - losses["model"]) / span
        low, high = jackknife_interval(ratio[0], ratio[1:], LEVEL)
        return self._row(
            spec, key, "recovered", model, value=float(ratio[0]), low=float(low), high=float(high), level=LEVEL,
            interval_method="jackknife", estimand="share of the way from the floor to real people",
        )  # fmt: skip

    def _size(self, key: Key, reference: _Track, q: int) -> tuple[str, str, tuple[str, ...]]:
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

    def _summary(
        self, spec: MetricSpec, key: Key, quantity: str, model: str, track: _Track, q: int,
        size: tuple[str, str, tuple[str, ...]],
    ) -> dict[str, Any]:  # fmt: skip
        status, reason, flags = size
        series = track.value[:, q]
        half = self.human.n // 2
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
            return self._row(spec, key, quantity, model, status=status, reason=reason, **common)
        row = self._row(
            spec,
            key,
            quantity,
            model,
            value=float(series[0]),
            reason=reason,
            estimand=f"expected value between {half} people and {half} stand-ins",
            **common,
        )
        if spec.interval == "jackknife" and np.isfinite(series).all():
            low, high = jackknife_interval(series[0], series[1:], LEVEL)
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

    # ---- individual metrics --------------------------------------------------------------------------------------

    def _individual_rows(self, metric: Metric) -> Iterator[dict[str, Any]]:
        spec = metric.spec
        kept = np.vstack(
            [np.ones(self.human.n), *((self.group != g).astype(float) for g in range(self.group.max() + 1))]
        )
        floors = {name: self._individual(metric, [self._scored(name)], kept) for name in FLOORS if name != "mode"}
        named = floors[spec.floor]
        for q, key in enumerate(named.keys):
            yield self._row(spec, key, "reference", REFERENCE, status="not_applicable", reason="none available")
            for name, values in floors.items():
                yield {
                    **self._individual_row(spec, key, "floor", f"baseline:{name}", values, q),
                    "floor_name": spec.floor,
                }
        of_model = {model: self._individual(metric, draws[:1], kept) for model, draws in self.simulated.items()}
        for model, values in of_model.items():
            for q, key in enumerate(named.keys):
                row = self._individual_row(spec, key, "estimate", model, values, q)
                yield row
                for quantity, floor in (("gain_over_floor", named), ("gain_over_cell", floors["cell"])):
                    if row["status"] != "ok":
                        yield self._row(spec, key, quantity, model, status=row["status"], reason=row["reason"])
                        continue
                    gained = _loss(floor, spec)[:, q] - _loss(values, spec)[:, q]
                    yield {**self._interval_row(spec, key, quantity, model, gained), "floor_name": spec.floor}
                for other in self.against if key.headline and row["status"] == "ok" else ():
                    if other != model:
                        gained = _loss(of_model[other], spec)[:, q] - _loss(values, spec)[:, q]
                        yield {**self._interval_row(spec, key, "gain_over", model, gained), "floor_name": other}

    def _scored(self, name: str) -> Sample:
        """The people with the floor's log-probabilities of their own answers."""
        people = self.human.without_answers()
        empty = np.zeros((self.human.n, len(self.task.items)))
        scores = self.floors[name].log_prob(Interviews(self.task, people, empty), self.human)
        return replace(self.human, log_prob=scores, simulated=True)

    def _individual(self, metric: Metric, draws: Sequence[Sample], kept: FloatArray) -> Values:
        sample = draws[0]
        comparison = metric.compare(self.task, self.human, sample, self.pilot, self.cache)
        return comparison.values(kept * self.human.weight, kept * sample.weight, self.seed)

    def _individual_row(
        self, spec: MetricSpec, key: Key, quantity: str, model: str, values: Values, q: int
    ) -> dict[str, Any]:
        series = values.value[:, q]
        status, reason = values.status.get(key, ("ok", ""))
        if status == "ok" and not np.isfinite(series[0]):
            status, reason = (
                "not_estimable",
                "a person's answer has probability 0" if np.isinf(series[0]) else "undefined",
            )
        if status != "ok":
            return self._row(spec, key, quantity, model, status=status, reason=reason)
        low, high = jackknife_interval(series[0], series[1:], LEVEL)
        return self._row(
            spec, key, quantity, model, value=float(series[0]), low=float(low), high=float(high), level=LEVEL,
            interval_method="jackknife", n_human=self.human.n, n_simulated=self.human.n,
            n_eff=float(kish(self.human.weight)), estimand="mean over the test people",
        )  # fmt: skip

    # ---- rows ------------------------------------------------------------------------------------------------------

    def _row(self, spec: MetricSpec, key: Key, quantity: str, model: str, **columns: Any) -> dict[str, Any]:
        base = {
            "task": self.task.name, "version": self.task.version, "model": model, "quantity": quantity,
            "comparison": f"{self.human.n} people, seed {self.seed}", "metric": spec.name, "axis": spec.axis,
            "name": key.name, "item": key.item, "group": key.group, "arm": key.arm, "regression": key.regression,
            "term": key.term, "rule": key.rule, "block": key.block, "direction": spec.direction,
            "floor_name": key.floor or spec.floor, "headline": key.headline, "status": "ok", "reason": "",
        }  # fmt: skip
        return {**base, **columns}
