"""Alignment as scores: the distances of `surveyeval.metric.alignment` on the scales that published benchmarks use.

Both are higher for better simulations and both flatter: a second sample of the same people stays below the maximum at any
finite size, and uniform answers reach well above the minimum. Read them between reference and floor, never alone.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.metric._tabulate import Bound, Layout, ratio, table_by_arm
from surveyeval.metric.alignment import TotalVariation, Wasserstein, total_variation
from surveyeval.metric.protocol import Key, MetricSpec, Values
from surveyeval.task.task import Task

__all__ = ["Representativeness", "SimBenchScore"]

FloatArray = NDArray[np.float64]


class Representativeness:
    """One minus the normalised Wasserstein distance, per ordered item and their mean.

    Range 0 to 1, higher is better. The mean over items of the value within arms, arms weighted by their people.

    Assumes that the declared values of options measure distances between answers. Misleads without its floor: answers
    given uniformly at random reach .7 to .85 on usual scales, so that differences between models look small.

    Source: Santurkar et al. (2023), Whose opinions do language models reflect?, ICML, section 3.
    """

    spec: ClassVar[MetricSpec] = MetricSpec(
        "representativeness",
        "alignment",
        "one minus the Wasserstein distance between ordered answers",
        "higher",
        "uniform",
        unit="share",
        range=(0.0, 1.0),
    )

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""
        return Wasserstein().applicable(task)

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        distance = Wasserstein().compare(task, human, simulated, pilot, cache)

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            found = distance.values(human_weights, simulated_weights, seed)
            chosen = [q for q, key in enumerate(found.keys) if key.name == "wasserstein" and not key.arm]
            keys = [Key(self.spec.name, item=found.keys[q].item) for q in chosen]
            status = {
                key: found.status[found.keys[q]]
                for key, q in zip(keys, chosen, strict=True)
                if found.keys[q] in found.status
            }
            n_eff = None if found.n_eff is None else found.n_eff[:, chosen]
            return Values(keys, 1 - found.value[:, chosen], status=status, n_eff=n_eff)

        return Bound(compute)


class SimBenchScore:
    """``100 (1 - TV(people, simulation) / TV(people, uniform))`` with both total variations averaged over items first.

    At most 100 and higher is better; 0 is as far from people as uniform answers would be, and there is no lower bound. The
    uniform distribution enters exactly, without sampling, and both distances are means over items of the value within
    arms, arms weighted by their people.

    Misleads where people themselves answer nearly uniformly: the denominator is small then, and sampling noise alone
    brings a perfect simulator far below 100. Its human reference is therefore shown beside it.

    Source: Hu et al. (2025), SimBench, arXiv 2510.17516; the ratio of means is taken within one task.
    """

    spec: ClassVar[MetricSpec] = MetricSpec(
        "simbench_score",
        "alignment",
        "100 (1 - total variation over that of uniform answers)",
        "higher",
        "uniform",
        unit="points",
        range=(None, 100.0),
    )

    def applicable(self, task: Task) -> str | None:
        """None: every task has options."""
        return None

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Bound:
        """Bind to two samples."""
        distance, key = TotalVariation().compare(task, human, simulated, pilot, cache), Key(self.spec.name)
        people = table_by_arm(task, human, cache)

        def compute(human_weights: FloatArray, simulated_weights: FloatArray, seed: int) -> Values:
            found = distance.values(human_weights, simulated_weights, seed)
            overall = next(q for q, one in enumerate(found.keys) if one.headline)
            by_arm = _from_uniform(people.shares(human_weights), people.layout)
            # The same arms and weights as in the numerator, which leaves out arms that are empty on either side.
            rows = table_by_arm(task, simulated, cache).total(simulated_weights) > 0
            weight = np.where(np.isnan(by_arm) | ~rows, 0.0, people.total(human_weights))
            uniform = ratio(np.sum(weight * np.nan_to_num(by_arm), axis=1), weight.sum(axis=1)).mean(axis=1)
            value = 100 * (1 - ratio(found.value[:, overall], uniform))[:, None]
            status = {key: found.status[found.keys[overall]]} if found.keys[overall] in found.status else {}
            n_eff = None if found.n_eff is None else found.n_eff[:, [overall]]
            return Values([key], value, status=status, n_eff=n_eff)

        return Bound(compute)


def _from_uniform(shares: FloatArray, layout: Layout) -> FloatArray:
    """(..., J) total variation between shares and the uniform distribution over the options of each item."""
    uniform = np.repeat([1 / item.k for item in layout.items], [item.k for item in layout.items])
    return total_variation(shares, np.broadcast_to(uniform, shares.shape), layout)
