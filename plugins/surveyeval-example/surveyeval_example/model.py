"""A model: somebody who satisfices, that is, takes the first option that will do (Krosnick 1991)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from surveyeval.data.sample import Sample
from surveyeval.errors import ConfigError
from surveyeval.model.draws import draw_options
from surveyeval.model.protocol import Answers, Capabilities, Fingerprint, Interviews
from surveyeval.task.task import Item, Task

FloatArray = NDArray[np.float64]


class SatisficerOptions(BaseModel):
    """What users write after the question mark: ``example:first?share=0.3``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(0.3, ge=0, le=1, description="probability of satisficing at a question")


class Satisficer:
    """With probability `share` the first (or last) option; otherwise an answer of the pilot, within the arm.

    Every model is constructed from what users write between the colon and the question mark, and its options. A model that
    answers whole tables, like this one, is a `Respondent`; a language model would be a `Scorer`, a `Generator` or both.
    """

    def __init__(self, reference: str, options: SatisficerOptions | None = None) -> None:
        if reference not in ("first", "last"):
            # an error of surveyeval's own is shown without a traceback, with what would be right
            raise ConfigError(f"there is no satisficer {reference!r}", hint="example:first or example:last")
        self.place = 0 if reference == "first" else -1
        self.options = options or SatisficerOptions()
        # log_prob: it can say how probable an answer is, so that it gets a log-loss
        self.capabilities = Capabilities(needs_pilot=True, log_prob=True)
        self._shares: dict[tuple[str, str], FloatArray] = {}

    def fingerprint(self) -> Fingerprint:
        """What determines the answers; the pilot is part of a run's identity already."""
        text = f"satisficer 1: {self.place} {self.options.share}"
        return Fingerprint("content", hashlib.sha256(text.encode()).hexdigest(), {"share": self.options.share})

    def banners(self) -> Sequence[str]:
        """Sentences that every card of this model must carry."""
        return ("A made-up respondent who satisfices: for tests and documentation.",)

    def fit(self, task: Task, pilot: Sample) -> None:
        """Count the pilot's answers in every arm; half a person more on every option."""
        for arm in task.arms:
            for item in task.items:
                own = (pilot.arm == arm.key) & (pilot.answers[item.name] >= 0)
                counts = np.bincount(pilot.answers[item.name][own], pilot.weight[own], minlength=item.k) + 0.5
                self._shares[arm.key, item.name] = counts / counts.sum()

    def _probabilities(self, item: Item, people: Sample) -> FloatArray:
        """(n, K) probabilities of options in declared order."""
        others = np.array([self._shares[arm, item.name] for arm in people.arm]).reshape(people.n, item.k)
        table = (1 - self.options.share) * others
        table[:, self.place] += self.options.share
        return table

    def answer(self, interviews: Interviews) -> Answers:
        """Draw with the numbers that are given, never with chance of one's own: a run can be repeated."""
        tables = {item.name: self._probabilities(item, interviews.people) for item in interviews.task.items}
        answers = {
            item.name: draw_options(tables[item.name], interviews.uniforms[:, number])
            for number, item in enumerate(interviews.task.items)
        }
        return Answers(answers, probabilities=tables)

    def log_prob(self, interviews: Interviews, answers: Sample) -> dict[str, FloatArray]:
        """How probable people's own answers are; NaN where there is none."""
        found: dict[str, Any] = {}
        for item in interviews.task.items:
            given = answers.answers[item.name]
            table = self._probabilities(item, interviews.people)
            found[item.name] = np.where(given >= 0, np.log(table[np.arange(len(given)), given]), np.nan)
        return found
