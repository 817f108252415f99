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

    ``R = 1 - W``, W being the Wasserstein distance as a share of the scale: the mean over items of the value within
    arms, arms weighted by their people.

    Range
    -----
    0 to 1.

    Direction and target
    --------------------
    Higher is better. A second sample of the same people stays below 1 at any finite size.

    Assumptions
    -----------
    The declared values of options measure distances between answers. Items without order do not enter.

    When it misleads
    ----------------
    Without its floor: answers given uniformly at random reach .7 to .85 on usual scales, so that differences between
    models look small and every model looks good. It says nothing that the Wasserstein distance does not say.

    Interval and estimand
    ---------------------
    One minus the expected distance between h simulated and h human answers, h being the half size.

    References
    ----------
    Santurkar, Durmus, Ladhak, Lee, Liang and Hashimoto (2023), Whose opinions do language models reflect?, ICML,
    section 3.
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
    """Total variation on a scale from 0, as far from people as uniform answers, to 100.

    ``S = 100 (1 - TV(people, simulation) / TV(people, uniform))`` with both total variations averaged over items first;
    both are means of the value within arms, arms weighted by their people. The uniform distribution enters exactly,
    without sampling.

    Range
    -----
    At most 100; there is no lower bound.

    Direction and target
    --------------------
    Higher is better. A second sample of the same people stays well below 100, and its score is shown as the reference.

    Assumptions
    -----------
    As for the total variation. The ratio is taken of means within one task; scores of different tasks have different
    references and should not be averaged without them.

    When it misleads
    ----------------
    Where people themselves answer nearly uniformly: the denominator is small then, and sampling noise alone brings a
    perfect simulator far below 100. The published score has no human reference beside it.

    Interval and estimand
    ---------------------
    The expected score of h simulated answers against h human ones, h being the half size; not the score of the
    populations, which is higher.

    References
    ----------
    Hu et al. (2025), SimBench: Benchmarking the Ability of Large Language Models to Simulate Human Behaviors, arXiv
    2510.17516.
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
