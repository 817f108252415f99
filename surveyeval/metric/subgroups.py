"""Subgroups: are the answers of a group reproduced as well as a second sample of that group would?

Both halves are restricted to the group, so the reference has the group's own size: raw distances are larger for small
groups even when nothing differs. Arms are pooled within the group, since a group within an arm is small almost always.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import Bound, Table, kish, table_by_group
from surveyeval.metric.alignment import js_distance
from surveyeval.metric.protocol import UNPAIRED, Key, MetricSpec, Values
from surveyeval.task.task import Task

__all__ = ["SMALLEST_HALF", "GroupJSDistance"]

FloatArray = NDArray[np.float64]

#: Effective respondents that a half must hold for its group to be counted (the size rule for printed cells).
SMALLEST_HALF = 15


class GroupJSDistance:
    """Jensen-Shannon distance within each group of people, mean over items.

    The Jensen-Shannon distance of `JSDistance` with both halves restricted to the group, mean over items; arms are
    pooled, since a group within an arm is small almost always. The value of a subgroup (``group="age_band"``) is the
    plain mean over its groups that have at least 15 effective people in a half; which groups these are depends on the
    people alone, so it is the same for every model.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    Lower is better. The reference has the group's own size: read the excess over it, not the distance.

    Assumptions
    -----------
    A simulated row belongs to the group of the person whose profile it was given. Rows without a person have no group,
    and the metric does not apply.

    When it misleads
    ----------------
    As soon as groups are compared by the raw distance: with no difference of any kind between groups, small groups have
    larger distances, and "always closest for the largest group" is what group sizes alone predict. A mean over groups
    hides one bad group behind several good ones. Errors of arms in opposite directions cancel.

    Interval and estimand
    ---------------------
    The expected distance at the group's own half size. Groups of 15 to 29 effective people in a half are shown without
    `recovered`, smaller ones are named and skipped.

    References
    ----------
    Endres and Schindelin (2003), IEEE Transactions on Information Theory 49; the reference at matched size is this
    project's.
    """

    spec = MetricSpec(
        "group_js_distance",
        "subgroups",
        "Jensen-Shannon distance within each group, arms pooled, mean over items",
        "lower",
        "marginal",
        unit="distance",
        range=(0.0, 1.0),
    )

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        return None if task.spec.subgroups else "the task declares no subgroups"

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        keys: list[Key] = []
        status: dict[Key, tuple[str, str]] = {}
        parts = []
        for subgroup in task.spec.subgroups:
            people, labels = table_by_group(task, human, None, subgroup, cache)
            rows, _ = table_by_group(task, human, simulated, subgroup, cache)
            own = [Key(self.spec.name, group=f"{subgroup}={label}") for label in labels]
            total = Key(self.spec.name, group=subgroup, headline=True)
            large = people.n_eff(people.weight)[0].min(axis=1) >= 2 * SMALLEST_HALF
            for key, n, s in zip(own, people.n_answered, rows.n_answered, strict=True):
                if not n.all():
                    status[key] = ("not_estimable", "an item has no answer from people of this group")
                elif not s.all():
                    status[key] = ("not_estimable", "an item has no simulated answer in this group")
            if not large.any():
                status[total] = ("too_small", f"no group has {2 * SMALLEST_HALF} effective people")
            empty = [label for label, s, big in zip(labels, rows.n_answered, large, strict=True) if big and not s.all()]
            if empty:
                status[total] = ("not_estimable", f"an item has no simulated answer in {', '.join(empty)}")
            if not simulated.paired:
                status |= dict.fromkeys([total, *own], ("not_applicable", UNPAIRED))
            keys += [total, *own]
            parts.append((people, rows, large))

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            value, n_eff = [], []
            for people, rows, large in parts:
                p, q = people.shares(human_weights), rows.shares(simulated_weights)
                by_group = js_distance(p, q, people.layout).mean(axis=2)
                overall = by_group[:, large].mean(axis=1) if large.any() else np.full(len(by_group), np.nan)
                value += [overall[:, None], by_group]
                sides = ((people, human_weights), (rows, simulated_weights))
                pooled = [_n_eff(table, w, large) for table, w in sides]
                n_eff += [
                    np.minimum(*pooled)[:, None],
                    np.minimum(*(table.n_eff(w).min(axis=2) for table, w in sides)),
                ]
            return Values(keys, np.concatenate(value, axis=1), status=status, n_eff=np.concatenate(n_eff, axis=1))

        return Bound(compute)


def _n_eff(table: Table, weights: FloatArray, large: NDArray[np.bool_]) -> FloatArray:
    """(B,) effective respondents of the large groups together who answered the item that fewest answered."""

    def make() -> FloatArray:
        total, squares = (sums[:, large].sum(axis=1) for sums in (table.total(weights), table.squares(weights)))
        return np.asarray(kish(total, squares).min(axis=1))

    return table.of(("n_eff", large.tobytes()), weights, make)
