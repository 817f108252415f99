"""The worst group, and how far groups are apart, freed of what their size alone explains.

Raw distances are larger for small groups even between two samples of people, so that the largest raw distance names the
smallest group. Here every group is compared with its own reference: people of one half against people of the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import Bound
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.metric.subgroups import GroupJSDistance
from surveyeval.task.task import Task

__all__ = ["RANKED_HALF", "WorstGroup"]

FloatArray = NDArray[np.float64]

#: Effective respondents that a half must hold for its group to be ranked (the size rule for printed cells).
RANKED_HALF = 30.0


class WorstGroup:
    """Largest excess of a group over its reference, in standard deviations of that reference over splits.

    ``mean over splits r of max_g (x_rg - m_g) / s_g`` with x_rg the Jensen-Shannon distance within group g in split r
    (mean over items), and m_g, s_g mean and standard deviation over splits of the same between people and people.
    ``group_gap`` is the mean over splits of ``max_g (x_rg - m_g) - min_g (x_rg - m_g)``, as a distance.

    Range
    -----
    Unbounded; ``group_gap`` at least 0.

    Direction and target
    --------------------
    Lower is better. The largest of several is above 0 for people too: the reference is the same quantity between two
    halves of people.

    Assumptions
    -----------
    Only groups with at least 30 effective people in a half take part, and a subgroup needs two of them. A simulated row
    belongs to the group of the person whose profile it was given.

    When it misleads
    ----------------
    When it is read as a property of the group that happens to be the worst in one sample. More groups have a larger
    maximum, also without any difference between them: values of subgroups with different numbers of groups do not
    compare.

    Interval and estimand
    ---------------------
    The expected maximum at the groups' own half sizes. Being a maximum it has a band over splits and no interval, and
    no `recovered`.

    References
    ----------
    Wainer (2007), The most dangerous equation, American Scientist 95, on the size of groups as a cause of apparent
    worst groups.
    """

    spec = MetricSpec(
        "worst_group",
        "subgroups",
        "largest excess of a group over its reference, in standard deviations of that reference",
        "lower",
        "marginal",
        interval="band",
        unit="standard deviations",
        recoverable=False,
    )

    def __init__(self) -> None:
        self._distance = GroupJSDistance()

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        return self._distance.applicable(task)

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples: distances within groups, which `over_splits` turns into the values."""
        bound = self._distance.compare(task, human, simulated, pilot, cache)

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            found = bound.values(human_weights, simulated_weights, seed)
            kept = [q for q, key in enumerate(found.keys) if "=" in key.group]
            keys = [Key(self.spec.name, group=found.keys[q].group) for q in kept]
            status = {
                key: found.status[found.keys[q]]
                for q, key in zip(kept, keys, strict=True)
                if found.keys[q] in found.status
            }
            n_eff = None if found.n_eff is None else found.n_eff[:, kept]
            return Values(keys, found.value[:, kept], status=status, n_eff=n_eff)

        return Bound(compute)

    def over_splits(
        self,
        keys: tuple[Key, ...],
        own: FloatArray,
        reference: FloatArray,
        n_eff: FloatArray,
        status: Mapping[Key, tuple[str, str]],
    ) -> tuple[list[Key], FloatArray, dict[Key, tuple[str, str]]]:
        """Values of each split from the distances within groups.

        Parameters
        ----------
        keys : tuple of Key
            Of the columns; ``group`` is ``subgroup=label``.
        own, reference : (R, G) float arrays
            Distances within groups in R splits, of a sample and of people.
        n_eff : (G,) float array
            Effective people in a half of each group.
        status : mapping of Key to (status, reason)
            Groups without a value.

        Returns
        -------
        keys, values, status
            ``worst_group`` and ``group_gap`` of each subgroup, (R, keys) values, and why a subgroup has none. The reason
            of a value with status ``ok`` names the worst group.
        """
        names = dict.fromkeys(key.group.partition("=")[0] for key in keys)
        result: list[Key] = []
        values: list[FloatArray] = []
        said: dict[Key, tuple[str, str]] = {}
        for subgroup in names:
            columns = [
                q for q, key in enumerate(keys) if key.group.startswith(f"{subgroup}=") and n_eff[q] >= RANKED_HALF
            ]
            own_keys = [Key(self.spec.name, group=subgroup), Key("group_gap", group=subgroup)]
            result += own_keys
            failed = [status[keys[q]] for q in columns if keys[q] in status]
            of_group = [status.get(key, ("ok", "")) for key in keys if key.group.startswith(f"{subgroup}=")]
            inapplicable = next((one for one in of_group if one[0] == "not_applicable"), None)
            if inapplicable is not None:
                said |= dict.fromkeys(own_keys, inapplicable)
            elif len(columns) < 2:
                reason = f"fewer than two groups have {RANKED_HALF:.0f} effective people in a half"
                said |= dict.fromkeys(own_keys, ("too_small", reason))
            elif failed:
                said |= dict.fromkeys(own_keys, failed[0])
            if own_keys[0] in said:
                values += [np.full(len(own), np.nan)] * 2
                continue
            excess = own[:, columns] - reference[:, columns].mean(axis=0)
            spread = reference[:, columns].std(axis=0, ddof=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                scaled = np.where(spread > 0, excess / spread, np.nan)
            values += [scaled.max(axis=1), np.ptp(excess, axis=1)]
            worst = int(np.argmax(scaled.mean(axis=0)))
            label = keys[columns[worst]].group.partition("=")[2]
            said[own_keys[0]] = ("ok", f"worst: {label}, {excess.mean(axis=0)[worst]:+.3f} beyond its reference")
        return result, np.column_stack(values), said
