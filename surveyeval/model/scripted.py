"""Simulators with known faults, for tests and docs: ``scripted:NAME``, one of `surveyeval.model.scripts.SCRIPTS`.

They are deterministic given the seed, and most of them see the people's answers: they show what an axis catches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from surveyeval.data.sample import Sample
from surveyeval.errors import ConfigError, ModelError, did_you_mean
from surveyeval.model.protocol import Answers, Capabilities, Fingerprint, Interviews, Respondent
from surveyeval.model.routing import routed
from surveyeval.model.scripts import SCRIPTS, Scene, exchange, generator_of
from surveyeval.task.task import Task

__all__ = ["SCRIPTS", "Scripted", "ScriptedOptions"]


class ScriptedOptions(BaseModel):
    """Options of scripted models; each script takes its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(0.5, ge=0, le=1, description="noisy, stereotyper: share of answers replaced")
    subgroup: str | None = Field(None, description="stereotyper: a subgroup of the task; default: the first")
    inner: str | None = Field(None, description="swapped: model string of the model whose profiles are exchanged")


class Scripted:
    """One scripted simulator by name.

    Parameters
    ----------
    reference : str
        Name of a script.
    options : ScriptedOptions, optional

    Raises
    ------
    ConfigError
        When there is no such script, or it does not take an option.
    """

    def __init__(self, reference: str, options: ScriptedOptions | None = None) -> None:
        if reference not in SCRIPTS:
            raise ConfigError(
                f"there is no script {reference!r}",
                hint=did_you_mean(reference, SCRIPTS) or f"scripts: {', '.join(SCRIPTS)}",
            )
        self.name, self.options = reference, options or ScriptedOptions()
        self._script = SCRIPTS[reference]
        for name in sorted(self.options.model_fields_set - self._script.options):
            takers = ", ".join(other for other, script in SCRIPTS.items() if name in script.options)
            raise ConfigError(f"script {reference!r} has no option {name!r}", hint=f"{name} is for {takers}")
        self._inner = self._build_inner()
        self._pilot: Sample | None = None
        if self._inner is None:
            self.capabilities = Capabilities(
                needs_pilot=self._script.needs_pilot, needs_answers=self._script.needs_answers
            )
        else:
            self.capabilities = self._inner.capabilities

    def _build_inner(self) -> Respondent | None:
        if self.options.inner is None:
            return None
        from surveyeval.model.build import build_model

        model = build_model(self.options.inner).model
        if not isinstance(model, Respondent):
            raise ConfigError(
                f"inner model {self.options.inner!r} does not answer whole tables",
                hint="give a baseline, script or file",
            )
        return model

    def fit(self, task: Task, pilot: Sample) -> None:
        """Keep the pilot; fit the inner model."""
        self._pilot = pilot
        if self._inner is not None:
            self._inner.fit(task, pilot)

    def fingerprint(self) -> Fingerprint:
        """Hash of name and options; the people's answers are part of the data hash of a run, as the pilot is."""
        inner = self._inner.fingerprint().value if self._inner is not None else ""
        text = f"{self.name}:{self.options.model_dump_json()}:{inner}:2"
        details = {"script": self.name, "does": self._script.summary}
        return Fingerprint("content", hashlib.sha256(text.encode()).hexdigest(), details)

    def banners(self) -> Sequence[str]:
        """What the script sees that no simulator may see, or does on purpose."""
        if self._inner is not None:
            return (
                "Profiles are exchanged between people of the same arm on purpose: for tests and documentation.",
                *self._inner.banners(),
            )
        if self.capabilities.needs_answers:
            return ("A scripted simulator that sees the people's answers: for tests and documentation.",)
        return ("A scripted simulator: for tests and documentation.",)

    def answer(self, interviews: Interviews) -> Answers:
        """Answer all people of a draw at once."""
        if self._inner is not None:
            return self._inner.answer(self._exchanged(interviews))
        scene = Scene(
            interviews.task,
            interviews.people,
            interviews.uniforms,
            self.options.share,
            self.options.subgroup,
            self._pilot,
        )
        answers = Answers(*self._script.answer(scene))
        # rows of people keep the states of people; what is made up follows the questionnaire
        return answers if self._script.needs_answers else routed(interviews, answers)

    def log_prob(self, interviews: Interviews, answers: Sample) -> dict[str, NDArray[np.float64]]:
        """The inner model's scores of the people's answers, given the exchanged profiles."""
        if self._inner is None:
            raise ModelError(f"script {self.name!r} gives no probabilities")
        return self._inner.log_prob(self._exchanged(interviews), answers)

    def _exchanged(self, interviews: Interviews) -> Interviews:
        """Every person with profile (and answers, if the inner model sees them) of somebody else of the arm.

        The exchange depends on the identifiers alone, so that it is the same for answers and for their probabilities.
        """
        people = interviews.people
        order = exchange(people.arm, generator_of("\x1f".join(people.respondent).encode()))
        others = people.take(order)
        exchanged = replace(people, profile=others.profile, answers=others.answers, states=others.states)
        return replace(interviews, people=exchanged)
