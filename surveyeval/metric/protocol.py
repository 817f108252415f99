"""What a metric must do.

A metric is a pure function of a human sample, a simulated sample, the task and two sets of respondent weights. Weights
express everything that resampling needs: zero-one weights are halves, subgroups and jackknife groups. All weights of
one call come as rows of a matrix, so that a metric can answer for hundreds of them with a few matrix products.

The evaluator (`surveyeval.engine.evaluate`) decides *what* is compared: matched, reference, floors, estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.task.task import Task

__all__ = ["UNPAIRED", "Comparison", "Key", "Metric", "MetricSpec", "OverSplits", "Values"]

FloatArray = NDArray[np.float64]

#: Why a metric that looks at a simulated row's profile, or at one person's answers, says nothing of unpaired rows.
UNPAIRED = "simulated rows are not paired with people, so nothing is known of their profiles"


@dataclass(frozen=True)
class Key:
    """Names one value that a metric returns; empty strings mean "does not apply" or "over all".

    ``floor`` overrides the metric's floor for this value (treatment and demographic coefficients have different ones).
    ``headline`` marks the values that summarise the axis.
    """

    name: str
    item: str = ""
    group: str = ""
    arm: str = ""
    regression: str = ""
    term: str = ""
    rule: str = ""
    block: str = ""
    floor: str = ""
    headline: bool = False


@dataclass(frozen=True)
class MetricSpec:
    """What is known of a metric without data.

    Parameters
    ----------
    name : str
    axis : str
        ``alignment``, ``subgroups``, ``heterogeneity``, ``coherence``, ``coefficients``, ``individual``, ...
    summary : str
        One line.
    direction : {"lower", "higher", "target"}
        ``target``: best where the people are, not at an extreme.
    floor : str
        Baseline that knows everything except what this metric measures: ``uniform``, ``mode``, ``pooled``,
        ``marginal``, ``cell``.
    interval : {"jackknife", "band", "none"}
        ``band``: discontinuous, so the 2.5 to 97.5% band over splits is shown and no `recovered`.
        ``none``: too dear or meaningless to resample. Such a metric computes the first two pairs of weights of a call,
        which are the two directions of a split, and leaves the rest NaN.
    splits : int
        Number of random half splits (50; 20 for regressions).
    unit : str
        What a value of 1 means: "share", "distance", "count", "ratio", "bits", "slope".
    range : tuple of float or None
        Smallest and largest possible value.
    recoverable : bool
        Whether `recovered` is computed (values with a loss and an interval).
    weights : {"used", "ignored", "refused"}
        What survey weights do to a value. ``ignored``: it counts respondents by nature, as a weight does not say how many
        different answers there are. ``refused``: it can't be weighted properly, and is not applicable to weighted people.
    clusters : {"used", "refused"}
        ``refused``: it takes respondents for independent, to subtract sampling variance or to test, and is not applicable
        where they were drawn in clusters.
    label : str
        What cards call the metric; default: its name in words.
    help : str
        How to read a value, in a few words beside it on cards; default: the summary.
    """

    name: str
    axis: str
    summary: str
    direction: Literal["lower", "higher", "target"]
    floor: str
    interval: Literal["jackknife", "band", "none"] = "jackknife"
    splits: int = 50
    unit: str = ""
    range: tuple[float | None, float | None] = (None, None)
    recoverable: bool = True
    weights: Literal["used", "ignored", "refused"] = "used"
    clusters: Literal["used", "refused"] = "used"
    label: str = ""
    help: str = ""

    def refusal(self, human: Sample) -> str | None:
        """Why the weights or clusters of these people rule the metric out, or None."""
        if self.weights == "refused" and human.weighted:
            return "it has no proper form under survey weights"
        if self.clusters == "refused" and human.psu is not None:
            return "it takes respondents for independent, and these were drawn in clusters"
        return None


@dataclass(frozen=True, eq=False)
class Values:
    """What a metric returns for B pairs of weight vectors.

    Parameters
    ----------
    keys : sequence of Key
        Q names, the same for every call with the same task.
    value : (B, Q) float array
        NaN where not defined.
    loss : (B, Q) float array, optional
        For metrics with a target: the distance from the target, lower is better. Default: the value itself, or its
        negative when higher is better.
    status : mapping of Key to (status, reason), optional
        For values that are not ``ok``: ``not_applicable``, ``not_estimable``, ``too_small``.
    flags : mapping of Key to tuple of str, optional
        ``uninformative``, ``collapsed``, ...
    n_eff : (B, Q) float array, optional
        Effective number of respondents (Kish) behind each value on its smaller side, for the size rules.
    """

    keys: Sequence[Key]
    value: FloatArray
    loss: FloatArray | None = None
    status: Mapping[Key, tuple[str, str]] = field(default_factory=dict)
    flags: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)
    n_eff: FloatArray | None = None


class Comparison(Protocol):
    """A metric bound to two samples: the work that does not depend on weights is done."""

    def values(self, human: FloatArray, simulated: FloatArray, seed: int) -> Values:
        """Values for weights.

        Parameters
        ----------
        human : (B, n_human) float array
            Survey weight times zero-one membership.
        simulated : (B, n_simulated) float array
        seed : int
            Seed of shuffles; the same for every sample within a split.
        """


class Metric(Protocol):
    """A metric. Constructed without arguments."""

    spec: MetricSpec

    def applicable(self, task: Task) -> str | None:
        """None, or the reason why this metric says nothing about this task."""

    def compare(self, task: Task, human: Sample, simulated: Sample, pilot: Sample, cache: dict[Any, Any]) -> Comparison:
        """Bind to two samples.

        `pilot` is for metrics that look for copies of pilot rows. `cache` is shared by all metrics and comparisons of
        one evaluation; keys start with the metric's name and the identity of the sample.
        """


@runtime_checkable
class OverSplits(Protocol):
    """A metric whose value needs all splits at once, such as one that is scaled by the spread of its reference.

    Its `compare` gives what is collected from each split.
    """

    def over_splits(
        self,
        keys: tuple[Key, ...],
        own: FloatArray,
        reference: FloatArray,
        n_eff: FloatArray,
        status: Mapping[Key, tuple[str, str]],
    ) -> tuple[Sequence[Key], FloatArray, dict[Key, tuple[str, str]]]:
        """Names and (R, Q) values of R splits, with why a value is missing.

        Parameters
        ----------
        keys : tuple of Key
            Names of the K columns that were collected.
        own, reference : (R, K) float arrays
            What was collected for a sample, and for the people of the other half.
        n_eff : (K,) float array
            Effective people behind each column; zeros where the metric does not say.
        status : mapping of Key to (status, reason)
            Columns without a value.
        """
