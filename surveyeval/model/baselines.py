"""Statistical baselines, fitted on the pilot. They stand beside every model, and serve as floors.

uniform    every option with the same probability
mode       the pilot's most frequent answer within the arm
pooled     the pilot's distribution, arms ignored
marginal   the pilot's distribution within the arm
cell       the pilot's distribution within arm and demographic cell, shrunk to the arm's by 10 pseudo-people
logit      a logit of each item on profile and arm: ordered for ordinal items, multinomial for the others
chain      the same on profile, arm and earlier answers
hotdeck    the whole answers of one pilot respondent of the same arm with a similar profile
copula     the pilot's marginals within the arm, joined with each other and with the profile by a Gaussian copula

Pilot weights count everywhere, scaled to mean 1; a pilot respondent of weight 0 is nobody. Missing answers of the pilot
never count, and half a person is added to every option (not in ``mode``, which is one answer, nor in ``hotdeck``, which
gives answers that people gave). Where nobody of an arm answered an item, the other arms stand in; a banner names arms that
the pilot lacks. Hidden profile fields are seen by none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from surveyeval.data.sample import Sample
from surveyeval.errors import CapabilityError, ConfigError, ModelError, did_you_mean
from surveyeval.model.laws import ItemLaw, Law
from surveyeval.model.protocol import Answers, Capabilities, Fingerprint, Interviews
from surveyeval.model.routing import routed
from surveyeval.task.task import Task

__all__ = ["BASELINES", "Baseline", "BaselineOptions", "make_baseline"]

FloatArray = NDArray[np.float64]

BASELINES = ("uniform", "mode", "pooled", "marginal", "cell", "logit", "chain", "hotdeck", "copula")
#: Baselines whose card has no joint log-loss: an answer vector can have probability 0 (mode, hotdeck), or its probability
#: is an integral without a closed form (copula).
_NO_LOG_PROB = ("mode", "hotdeck", "copula")


class BaselineOptions(BaseModel):
    """Baselines have no options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Baseline:
    """One baseline by name.

    Parameters
    ----------
    reference : str
        One of `BASELINES`.
    options : BaselineOptions, optional

    Raises
    ------
    ConfigError
        When there is no baseline of that name.
    """

    #: Rows answered together: none depends on another, so that many people need not all be in memory.
    block_size = 4096

    def __init__(self, reference: str, options: BaselineOptions | None = None) -> None:
        if reference not in BASELINES:
            hint = did_you_mean(reference, BASELINES) or f"baselines: {', '.join(BASELINES)}"
            raise ConfigError(f"there is no baseline {reference!r}", hint=hint)
        self.name = reference
        self.capabilities = Capabilities(log_prob=reference not in _NO_LOG_PROB, needs_pilot=True)
        self._fitted_on: tuple[Task, Sample] | None = None
        self._fitted: dict[frozenset[str], Law] = {}
        self._pilot_hash = ""
        self._details: dict[str, Any] = {}

    def fit(self, task: Task, pilot: Sample) -> None:
        """Learn from the pilot.

        Raises
        ------
        ModelError
            When the pilot has no rows, or no weight.
        """
        if self.name != "uniform" and not pilot.weight.sum() > 0:
            raise ModelError(
                f"baseline {self.name!r} has nobody to learn from: the pilot has {pilot.n} rows and no weight",
                hint="set people aside with --pilot, for example --pilot 0.25",
            )
        counted = pilot.take(pilot.weight > 0)
        counted = replace(counted, weight=counted.weight / counted.weight.mean()) if counted.n else counted
        self._fitted_on, self._fitted = (task, counted), {}
        self._pilot_hash = _hash(pilot)
        self._details = {} if self.name == "uniform" else {"pilot_people": pilot.n, **_absent(task, counted)}
        self._law(frozenset())

    def _law(self, hidden: frozenset[str]) -> Law:
        """The law fitted without the hidden fields; fitted when first asked for."""
        if self._fitted_on is None:
            raise ModelError(f"baseline {self.name!r} is not fitted", hint="call fit(task, pilot) first")
        if hidden not in self._fitted:
            law = _new_law(self.name, hidden)
            law.fit(*self._fitted_on)
            self._fitted[hidden] = law
        return self._fitted[hidden]

    def fingerprint(self) -> Fingerprint:
        """Hash of the name and of the pilot's arms, profiles, weights and answers."""
        value = hashlib.sha256(f"{self.name}:{self._pilot_hash}:3".encode()).hexdigest()
        return Fingerprint("content", value, {"baseline": self.name, **self._details})

    def banners(self) -> Sequence[str]:
        """A sentence where the pilot lacks an arm."""
        arms = self._details.get("arms_not_in_pilot")
        if not arms:
            return ()
        return (f"Nobody of the pilot was in {', '.join(arms)}: the pilot's other arms stand in.",)

    def answer(self, interviews: Interviews) -> Answers:
        """Draw answers, each person's from that person's uniforms alone; items that are not put have none."""
        return routed(interviews, self._law(interviews.hidden).answer(interviews))

    def log_prob(self, interviews: Interviews, answers: Sample) -> dict[str, FloatArray]:
        """Natural log-probability of given answers, each given the earlier ones; NaN where not answered.

        Raises
        ------
        CapabilityError
            For ``hotdeck`` and ``copula``, which have none.
        """
        law = self._law(interviews.hidden)
        if not isinstance(law, ItemLaw):
            raise CapabilityError(
                f"baseline {self.name!r} gives no probability of an answer vector",
                hint="chain models the whole joint law, logit and cell take items as independent given the profile",
            )
        return law.log_prob(interviews, answers)


def _new_law(name: str, hidden: frozenset[str]) -> Law:
    # Each law is imported when it is needed: floors need tables only, and scipy's optimiser takes a while to load.
    if name in ("logit", "chain"):
        from surveyeval.model.chain import ItemLogits

        return ItemLogits(hidden, earlier_answers=name == "chain")
    if name == "hotdeck":
        from surveyeval.model.hotdeck import HotDeck

        return HotDeck(hidden)
    if name == "copula":
        from surveyeval.model.copula import GaussianCopula

        return GaussianCopula(hidden)
    from surveyeval.model.tables import Tables

    return Tables(name, hidden)


def _hash(pilot: Sample) -> str:
    """Hash of everything of the pilot that a baseline can learn from."""
    digest = hashlib.sha256(pilot.weight.tobytes())
    groups: dict[str, Any] = {"profile": pilot.profile, "answers": pilot.answers, "states": pilot.states}
    columns = {"arm": pilot.arm} | {f"{kind}.{name}": c for kind, part in groups.items() for name, c in part.items()}
    for name, column in columns.items():
        digest.update("\x1f".join([name, *map(str, column)]).encode() + b"\x1e")
    return digest.hexdigest()


def _absent(task: Task, pilot: Sample) -> dict[str, list[str]]:
    absent = [arm.label for arm in task.arms if not (pilot.arm == arm.key).any()]
    return {"arms_not_in_pilot": absent} if absent else {}


def make_baseline(name: str) -> Baseline:
    """A baseline that is still to be fitted."""
    return Baseline(name)
