"""From samples to estimates: matched, reference and floors by one recipe.

For every random half split of the test respondents, simulated stand-ins of one half are compared with the people of the
other half (matched), and so are the real people of that half (reference) and naive stand-ins fitted on the pilot
(floors). Same size, same splits, same independence between the two sides, so an exact copy of the people has
matched = reference, for any metric, without tuning. Intervals come from a delete-a-group jackknife over the same splits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surveyeval.data.design import design_of
from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.data.weights import kish
from surveyeval.engine.estimates import make_table
from surveyeval.engine.known_coverage import with_known_coverage
from surveyeval.engine.processes import one_thread, processors, spread
from surveyeval.engine.repeats import asked_again
from surveyeval.engine.rows import Rows
from surveyeval.engine.significance import with_tests
from surveyeval.engine.tracks import Halved, Track, loss_of, over_splits
from surveyeval.errors import DataError
from surveyeval.metric.protocol import Key, Metric, MetricSpec, OverSplits, Values
from surveyeval.metric.resampling import half_sizes, halves, jackknife_factors, jackknife_groups, jackknife_of
from surveyeval.model.baselines import make_baseline
from surveyeval.model.protocol import Interviews, Respondent
from surveyeval.task.task import Task

__all__ = ["FLOORS", "evaluate"]

FloatArray = NDArray[np.float64]

#: Naive stand-ins shown beside every model; each metric names the one that its `recovered` uses.
FLOORS = ("uniform", "mode", "pooled", "marginal", "cell")
REFERENCE = "human-half"
#: Metric, sample and draw that a track belongs to.
_Of = tuple[int, str, int]
#: Splits times people from which on it is worth while to start further processes.
_WORTHWHILE = 5_000


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
    hidden: frozenset[str] = frozenset(),
    tests: bool = True,
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
    hidden : frozenset of str
        Profile fields that the models did not see; the floors do not see them either.
    tests : bool
        Whether to add tests of difference and of equivalence, see `surveyeval.engine.significance`.
    progress : callable, optional
        Called with (done, total).

    Returns
    -------
    DataFrame
        Long form, see `surveyeval.engine.estimates`.

    Raises
    ------
    DataError
        When a simulated sample does not have one row for each person, or a stratum has one PSU and the task does not say
        what to do about it.
    """
    evaluation = _Evaluation(task, human, simulated, pilot, metrics, seed, splits, against, floors, hidden)
    with one_thread():
        table = make_table(evaluation.rows(progress))
        if tests:
            table = with_tests(
                table, task, human, simulated, pilot, metrics=evaluation.metrics, seed=seed, splits=splits
            )
    return with_known_coverage(table, human)


class _Weights:
    """Membership times survey weights, found once for all samples that carry the same weights; nobody may write to it.

    Metrics recognise it by identity, and keep what they tabulated with it.
    """

    def __init__(self, membership: FloatArray) -> None:
        self._membership = membership
        self._made: dict[int, tuple[FloatArray, FloatArray, FloatArray]] = {}

    def of(self, sample: Sample, *, whole: bool = True) -> FloatArray:
        """(rows, n) weights of a sample, or the first two rows, the two directions of a split."""
        key = id(sample.weight)
        if key not in self._made:
            made = self._membership if np.all(sample.weight == 1) else self._membership * sample.weight
            made = made if made.base is None else made.copy()  # a view of what somebody else may write to
            made.flags.writeable = False
            self._made[key] = (sample.weight, made, made[:2])  # the column is kept, so that its id stays its own
        return self._made[key][1 if whole else 2]


class _Evaluation:
    def __init__(
        self, task: Task, human: Sample, simulated: Mapping[str, Sequence[Sample]], pilot: Sample,
        metrics: Sequence[Metric], seed: int, splits: int | None, against: Sequence[str],
        floors: Mapping[str, Respondent] | None, hidden: frozenset[str],
    ) -> None:  # fmt: skip
        self.hidden = hidden
        self.against = [name for name in against if name in simulated]
        self.task, self.human, self.simulated, self.pilot = task, human, simulated, pilot
        self._same_size()
        self.seed = seed
        reasons = [(metric, metric.applicable(task) or metric.spec.refusal(human)) for metric in metrics]
        self.skipped = [(metric, reason) for metric, reason in reasons if reason is not None]
        self.metrics = [metric for metric, reason in reasons if reason is None]
        self.splits = {id(metric): splits or metric.spec.splits for metric in self.metrics}
        self.design = design_of(human, task.spec.source.lonely_psu)
        self.group = jackknife_groups(human.arm, seed, self.design)
        most = max(self.splits.values(), default=1)
        self.make = Rows(
            task, human, seed, jackknife_of(self.group, self.design), half_sizes(human.arm, seed, most, self.design)
        )
        self.floors: dict[str, Respondent] = dict(floors or {})
        for name in FLOORS:
            if name not in self.floors:
                self.floors[name] = make_baseline(name)
                self.floors[name].fit(task, pilot)
        self.twice = asked_again(task, human)
        self.cache: dict[Any, Any] = {}
        self._leave_out_what_fails()

    def _same_size(self) -> None:
        """More rows than people would make anything significant, so they are no simulated sample of these people."""
        for name, draws in self.simulated.items():
            for sample in draws:
                if sample.n != self.human.n:
                    raise DataError(
                        f"model {name!r} has {sample.n} simulated rows for {self.human.n} people",
                        hint="a simulated sample has one row for each person; give further rows as further draws",
                    )

    def _leave_out_what_fails(self) -> None:
        """A metric of a plugin that raises costs its own rows, and nobody else's. Our own may raise: that is a mistake."""
        samples = [sample for draws in self.simulated.values() for sample in draws] + [self.human]
        weights = halves(self.human.arm, self.group, self.seed, 0, self.design)
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
            yield self.make.row(
                metric.spec, Key(metric.spec.name), "matched", "", status="not_applicable", reason=reason
            )
        population = [metric for metric in self.metrics if metric.spec.axis != "individual"]
        tracks = self._tracks(population, progress)
        for metric in population:
            yield from self._population_rows(metric, tracks)
        for metric in self.metrics:
            if metric.spec.axis == "individual":
                yield from self._individual_rows(metric)

    # ---- population metrics ------------------------------------------------------------------------------------

    def _tracks(self, metrics: Sequence[Metric], progress: Callable[[int, int], None] | None) -> dict[_Of, Track]:
        total = max((self.splits[id(metric)] for metric in metrics), default=0)
        fixed = [
            (name, number, sample) for name, draws in self.simulated.items() for number, sample in enumerate(draws)
        ]
        fixed.append((REFERENCE, 0, self.human))
        tracks: dict[_Of, Track] = {}
        # What a plugin computes with may not bear being forked.
        ours = [metric for metric in metrics if type(metric).__module__.startswith("surveyeval.")]
        others = [metric for metric in metrics if metric not in ours]
        processes = processors() if total * self.human.n >= _WORTHWHILE else 1
        for part, count in ((ours, processes), (others, 1)):
            last = max((self.splits[id(metric)] for metric in part), default=0)
            for split, found in enumerate(spread(self._split_of(part, fixed), last, count)):
                if progress is not None and part is (ours or others):
                    progress(split, total)
                for key, halved in found.items():
                    tracks.setdefault(key, Track()).add(halved)
        if progress is not None:
            progress(total, total)
        finished = {key: track.finished() for key, track in tracks.items()}
        for metric in metrics:
            if isinstance(metric, OverSplits):
                own = {key: track for key, track in finished.items() if key[0] == id(metric)}
                reference = own[id(metric), REFERENCE, 0]
                finished |= {key: over_splits(metric, track, reference) for key, track in own.items()}
        return finished

    def _split_of(
        self, metrics: Sequence[Metric], fixed: Sequence[tuple[str, int, Sample]]
    ) -> Callable[[int], dict[_Of, Halved]]:
        """A function that compares all samples in one split by these metrics."""
        bound = {
            (id(metric), name, number): metric.compare(self.task, self.human, sample, self.pilot, self.cache)
            for metric in metrics
            for name, number, sample in fixed
        }
        # Metrics without a jackknife need the first rows of what those with one have found.
        ordered = sorted(metrics, key=lambda one: one.spec.interval != "jackknife")

        def work(split: int) -> dict[_Of, Halved]:
            found: dict[_Of, Halved] = {}
            weights = halves(self.human.arm, self.group, self.seed, split, self.design)
            shuffle = int(generator(self.seed, "shuffle", str(split)).integers(2**31))
            people, stand_ins = _Weights(weights.human), _Weights(weights.simulated)
            redrawn = ((f"floor {name}", 0, self._draw(name, split)) for name in FLOORS)
            for name, number, sample in chain(fixed, redrawn):
                cache = dict(self.cache)  # a floor is needed just here; what is kept of it goes with it
                for metric in ordered:
                    if split >= self.splits[id(metric)]:
                        continue
                    key = (id(metric), name, number)
                    comparison = bound.get(key)
                    if comparison is None:
                        comparison = metric.compare(self.task, self.human, sample, self.pilot, cache)
                    # without a jackknife interval nothing but the two directions of the split is needed
                    whole = metric.spec.interval == "jackknife"
                    weighted = people.of(self.human, whole=whole), stand_ins.of(sample, whole=whole)
                    values = comparison.values(*weighted, shuffle)
                    found[key] = Halved.of(values, metric.spec, named=split == 0)
            return found

        return work

    def _draw(self, name: str, split: int) -> Sample:
        uniforms = generator(self.seed, "floor", name, str(split)).random((self.human.n, len(self.task.items)))
        people = self.human.without_answers()
        answers = self.floors[name].answer(Interviews(self.task, people, uniforms, hidden=self.hidden))
        return people.with_answers(answers.answers, states=answers.states, probabilities=answers.probabilities)

    def _population_rows(self, metric: Metric, tracks: Mapping[_Of, Track]) -> Iterator[dict[str, Any]]:
        spec, mine = metric.spec, id(metric)
        reference = tracks[mine, REFERENCE, 0]
        floors = {name: tracks[mine, f"floor {name}", 0] for name in FLOORS}
        for q, key in enumerate(reference.keys):
            named = key.floor or spec.floor
            size = self.make.size(key, reference, q)
            yield self.make.summary(spec, key, "reference", REFERENCE, reference, q, size)
            for name, track in floors.items():
                row = self.make.summary(spec, key, "floor", f"baseline:{name}", track, q, size)
                yield {**row, "floor_name": named}
        drawn_of = {
            model: [tracks[mine, model, number] for number in range(len(draws))]
            for model, draws in self.simulated.items()
        }
        others = {name: np.mean([track.loss for track in drawn_of[name]], axis=0) for name in self.against}
        for model, draws in self.simulated.items():
            drawn = drawn_of[model]
            full = None if isinstance(metric, OverSplits) else self._full(metric, draws)
            for q, key in enumerate(reference.keys):
                size = self.make.size(key, reference, q)
                yield from self._model_rows(spec, key, q, model, drawn, reference, floors, size, others)
                if full is None:  # a value over splits has no counterpart in the full sample
                    continue
                estimate = self.make.row(
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
        self, spec: MetricSpec, key: Key, q: int, model: str, drawn: Sequence[Track], reference: Track,
        floors: Mapping[str, Track], size: tuple[str, str, tuple[str, ...]], others: Mapping[str, FloatArray],
    ) -> Iterator[dict[str, Any]]:  # fmt: skip
        mean = replace(
            drawn[0],
            value=np.mean([track.value for track in drawn], axis=0),
            loss=np.mean([track.loss for track in drawn], axis=0),
            by_split=[values for track in drawn for values in track.by_split],
        )
        matched = self.make.summary(spec, key, "matched", model, mean, q, size)
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
                    **self.make.row(spec, key, quantity, model, status=matched["status"], reason=matched["reason"]),
                    **common,
                }
                continue
            yield {**self.make.interval_row(spec, key, quantity, model, losses[one] - losses[other]), **common}
        if key.headline and not bad:
            for name, loss in others.items():
                if name != model:
                    row = self.make.interval_row(spec, key, "gain_over", model, loss[:, q] - losses["model"])
                    yield {**row, **common, "floor_name": name}
        if spec.recoverable and spec.interval == "jackknife":
            yield {**self.make.recovered(spec, key, model, losses, matched, size), **common}

    # ---- individual metrics --------------------------------------------------------------------------------------

    def _individual_rows(self, metric: Metric) -> Iterator[dict[str, Any]]:
        spec = metric.spec
        kept = jackknife_factors(self.group, self.design)
        floors = {name: self._individual(metric, [self._scored(name)], kept) for name in FLOORS if name != "mode"}
        named = floors[spec.floor]
        again = self._again(metric, kept)
        for q, key in enumerate(named.keys):
            yield self._reference(spec, key, again, q)
            for name, values in floors.items():
                yield {
                    **self.make.individual(spec, key, "floor", f"baseline:{name}", values, q),
                    "floor_name": spec.floor,
                }
        of_model = {model: self._individual(metric, draws, kept) for model, draws in self.simulated.items()}
        on_twice = {
            model: self._individual(metric, draws, kept, again[1]) if again else None
            for model, draws in self.simulated.items()
        }
        for model, values in of_model.items():
            for q, key in enumerate(named.keys):
                row = self.make.individual(spec, key, "estimate", model, values, q)
                yield {**row, "draws": len(self.simulated[model])}
                for quantity, floor in (("gain_over_floor", named), ("gain_over_cell", floors["cell"])):
                    if row["status"] != "ok":
                        yield self.make.row(spec, key, quantity, model, status=row["status"], reason=row["reason"])
                        continue
                    gained = loss_of(floor, spec)[:, q] - loss_of(values, spec)[:, q]
                    yield {**self.make.interval_row(spec, key, quantity, model, gained), "floor_name": spec.floor}
                if again and (own := on_twice[model]) and row["status"] == "ok" and self._known(key, again[0], q):
                    beyond = loss_of(own, spec)[:, q] - loss_of(again[0], spec)[:, q]
                    excess = self.make.interval_row(spec, key, "excess", model, beyond)
                    said = "loss of the model minus loss of people's own second answers"
                    yield {**excess, "estimand": said if excess["status"] == "ok" else excess.get("estimand", "")}
                for other in self.against if key.headline and row["status"] == "ok" else ():
                    if other != model:
                        gained = loss_of(of_model[other], spec)[:, q] - loss_of(values, spec)[:, q]
                        yield {**self.make.interval_row(spec, key, "gain_over", model, gained), "floor_name": other}

    def _again(self, metric: Metric, kept: FloatArray) -> tuple[Values, Sample] | None:
        """The metric of people's second answers against their own first ones, where they were asked twice."""
        if self.twice is None:
            return None
        people, second = self.twice
        comparison = metric.compare(self.task, people, second, self.pilot, {})
        return comparison.values(kept * people.weight, kept * second.weight, self.seed), people

    def _known(self, key: Key, values: Values, q: int) -> bool:
        """Whether people were asked twice all that a value is about."""
        twice = {first for first, _ in self.task.retests}
        about = {key.item} if key.item else {item.name for item in self.task.measured}
        status = values.status.get(key, ("ok", ""))[0]
        return about <= twice and status == "ok" and bool(np.isfinite(values.value[0, q]))

    def _reference(self, spec: MetricSpec, key: Key, again: tuple[Values, Sample] | None, q: int) -> dict[str, Any]:
        """What people reach themselves: by their repeated answers, and by nothing else."""
        if again is None or not self._known(key, again[0], q):
            return self.make.row(spec, key, "reference", REFERENCE, status="not_applicable", reason="none available")
        values, people = again
        names = [key.item] if key.item else [item.name for item in self.task.measured]
        both = np.any([people.answered(name) for name in names], axis=0)
        row = self.make.individual(spec, key, "reference", REFERENCE, values, q)
        sizes = {"n_human": int(both.sum()), "n_simulated": np.nan, "n_eff": float(kish(people.weight[both]))}
        return {**row, **sizes, "estimand": "agreement of people with their own second answers"}

    def _scored(self, name: str) -> Sample:
        """The people with the floor's probabilities, and log-probabilities of their own answers."""
        people = self.human.without_answers()
        empty = np.zeros((self.human.n, len(self.task.items)))
        interviews = Interviews(self.task, people, empty, hidden=self.hidden)
        floor = self.floors[name]
        given, scores = floor.answer(interviews), floor.log_prob(interviews, self.human)
        return replace(self.human, log_prob=scores, probabilities=given.probabilities, simulated=True)

    def _individual(
        self, metric: Metric, draws: Sequence[Sample], kept: FloatArray, human: Sample | None = None
    ) -> Values:
        """Values and losses, mean over draws; `human`: other people than all test people."""
        found = []
        for sample in draws:
            if human is None:
                comparison = metric.compare(self.task, self.human, sample, self.pilot, self.cache)
            else:
                comparison = metric.compare(self.task, human, sample, self.pilot, {})
            found.append(comparison.values(kept * self.human.weight, kept * sample.weight, self.seed))
        value = np.mean([one.value for one in found], axis=0)
        loss = np.mean([loss_of(one, metric.spec) for one in found], axis=0)
        return replace(found[0], value=value, loss=loss) if len(found) > 1 else found[0]
