"""Copies of the pilot, whole or in part: how much of a respondent stands in one and the same pilot row?

`PilotCopies` counts exact repetitions of the pattern items. A model that recites pilot rows and changes an answer here and
there passes it; here every row is laid beside the pilot row that it agrees with most, profile included.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._subsample import SUBSAMPLE, subsample
from surveyeval.metric._tabulate import Bound, kish, once
from surveyeval.metric.protocol import UNPAIRED, Key, MetricSpec, Values
from surveyeval.task.task import Task

__all__ = ["LongestCopy"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int8 | np.int16]

#: Rows that are compared with the pilot at a time, which bounds the memory at a few megabytes.
_AT_ONCE = 512


class LongestCopy:
    """Largest share of profile and answers that a simulated row has in common with one pilot row.

    Every row is compared with every pilot row over all profile fields in force, the arm of an experiment and all items;
    fields that one of the two lacks do not agree. ``longest_copy`` is the largest agreement of any row of the half, as
    a share of all fields; ``closest_copy`` is the weighted mean over rows of the agreement with the closest pilot row.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    The target is what people of the other half have in common with the pilot, on either side: people resemble each
    other too.

    Assumptions
    -----------
    A simulated row has the profile of its person, so that the two sides differ in answers alone. Rows without a person
    have no profile, and the metric does not apply.

    When it misleads
    ----------------
    In short questionnaires, where whole copies are common by chance, and for the maximum, which grows with the number
    of rows: read it beside its reference only. A model that gives everybody the most frequent answers agrees much with
    many pilot rows and has copied none.

    Interval and estimand
    ---------------------
    The expected maximum and mean among h rows, given this pilot. A maximum has no standard error: a band over splits.

    References
    ----------
    The distance to the closest record of work on synthetic data, for instance Taub, Elliot, Pampaka and Smith (2018),
    Privacy in Statistical Databases, LNCS 11126, turned into a share of fields.
    """

    spec: ClassVar[MetricSpec] = MetricSpec(
        "longest_copy",
        "heterogeneity",
        "largest share of profile and answers that stands in one pilot row",
        "target",
        "marginal",
        interval="band",
        splits=20,
        unit="share",
        range=(0.0, 1.0),
        recoverable=False,
    )

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        if task.profile or len(task.measured) > 1:
            return None
        return "the task has no profile and one item, so that every answer is a copy of somebody's"

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        keys = [Key(self.spec.name), Key("closest_copy")]
        reason = ""
        if not simulated.paired:
            reason = UNPAIRED
        elif not pilot.n or not pilot.items:
            reason = "there are no pilot rows"
        elif not set(human.respondent).isdisjoint(pilot.respondent):
            reason = "test people are pilot respondents of other folds, so they repeat themselves"
        if reason:
            refused = dict.fromkeys(keys, ("not_applicable", reason))

            def nothing(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
                return Values(keys, np.full((len(human_weights), 2), np.nan), status=refused)

            return Bound(nothing)
        places = [subsample(sample.respondent, "copies") for sample in (human, simulated)]
        of_pilot = subsample(pilot.respondent, "copies of")
        status: dict[Key, tuple[str, str]] = {}
        flags: dict[Key, tuple[str, ...]] = {}
        if len(places[1]) < simulated.n or len(of_pilot) < pilot.n:
            said = (
                f"random subsamples of {len(places[1]):,} of {simulated.n:,} rows and {len(of_pilot):,} of {pilot.n:,}"
            )
            status = dict.fromkeys(keys, ("ok", f"{said} pilot rows, since rows are compared in pairs"))
            flags = dict.fromkeys(keys, (SUBSAMPLE,))
            pilot = once(cache, pilot, "copies of", lambda: pilot.take(of_pilot))
        theirs, made = (
            once(
                cache,
                sample,
                "copies",
                lambda sample=sample, rows=rows: _agreement(task, human, sample, rows, pilot, cache),  # type: ignore[misc]
            )
            for sample, rows in zip((human, simulated), places, strict=True)
        )
        silent = not any(simulated.answered(item.name).any() for item in task.measured)
        if silent:
            status = dict.fromkeys(keys, ("not_estimable", "no simulated answer"))

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            weights = [w[:, rows] for w, rows in zip((human_weights, simulated_weights), places, strict=True)]
            people, rows = (_summary(x, w) for x, w in zip((theirs, made), weights, strict=True))
            n = [kish(w.sum(axis=1), (w * w).sum(axis=1)) for w in weights]
            value = np.full_like(rows, np.nan) if silent else rows
            n_eff = np.repeat(np.minimum(*n)[:, None], 2, axis=1)
            return Values(keys, value, np.abs(value - people), status=status, flags=flags, n_eff=n_eff)

        return Bound(compute)


def _summary(agreement: FloatArray, weights: FloatArray) -> FloatArray:
    """(B, 2) largest and mean agreement of the rows with weight; NaN without any."""
    inside = weights > 0
    largest = np.where(inside, agreement[None, :], -1.0).max(axis=1)
    total = weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.column_stack([np.where(largest < 0, np.nan, largest), weights @ agreement / total])


def _agreement(
    task: Task, human: Sample, sample: Sample, rows: NDArray[np.int64], pilot: Sample, cache: dict[Any, Any]
) -> FloatArray:
    """Share of fields that each of some rows has in common with the pilot row that it agrees with most."""
    same_people = sample.respondent is human.respondent or np.array_equal(sample.respondent, human.respondent)
    known = (
        once(cache, human, "copies of profiles", lambda: _profiles(task, human.take(rows), pilot))
        if same_people
        else _profiles(task, sample.take(rows), pilot)
    )
    fields = len(task.profile) + int(task.is_experiment) + len(task.measured)
    closest = np.zeros(len(rows))
    answers = [(sample.answers[item.name][rows], pilot.answers[item.name]) for item in task.measured]
    for start in range(0, len(rows), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        agreed = known[part].copy()
        for own, theirs in answers:
            agreed += (own[part, None] == theirs[None, :]) & (own[part, None] >= 0)
        closest[part] = agreed.max(axis=1)
    return closest / fields


def _profiles(task: Task, sample: Sample, pilot: Sample) -> IntArray:
    """(n, pilot) number of profile fields, and the arm of an experiment, that two respondents share."""
    few = len(task.profile) + len(task.measured) < 120
    agreed = np.zeros((sample.n, pilot.n), dtype=np.int8 if few else np.int16)
    pairs = [
        (sample.profile[name], pilot.profile[name])
        if name in sample.profile
        else (_codes(sample, name), _codes(pilot, name))
        for name in task.profile
    ]
    if task.is_experiment:
        pairs.append((sample.arm, pilot.arm))
    for own, theirs in pairs:
        # Text is compared as numbers, which is a hundred times faster for all pairs.
        number = {code: k for k, code in enumerate(dict.fromkeys([*own, *theirs])) if code is not None}
        one, other = (np.array([number.get(code, -1) for code in column]) for column in (own, theirs))
        agreed += (one[:, None] == other[None, :]) & (one[:, None] >= 0)
    return agreed


def _codes(sample: Sample, item: str) -> NDArray[np.object_]:
    """Answers to an item that a profile set shows as known; None without an answer."""
    return np.array([int(index) if index >= 0 else None for index in sample.answers[item]], dtype=object)
