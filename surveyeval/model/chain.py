"""Logits of every item: on profile and arm (``logit``), or on profile, arm and earlier answers (``chain``).

Together the chain's conditional distributions are a model of the whole joint law, so its joint log-loss is one that
language models can be held against. Items with an order have ordered logits: on both shipped tasks, with pilots of 60 and
232 people, they predict the other people's answers better than multinomial ones do when earlier answers are predictors.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.model.encoding import Encoder, answer_columns, arm_encoders, encode, profile_encoder
from surveyeval.model.laws import Bound, ItemLaw
from surveyeval.model.logits import MULTINOMIAL, ORDERED, Logit, choose_penalty
from surveyeval.task.task import Item, Task

__all__ = ["ItemLogits"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class ItemLogits(ItemLaw):
    """Penalised logits, one for each item: ordered for ordinal and numeric items, multinomial for the others.

    Predictors are the profile (numbers and ordered codes standardised, nominal codes one column each, a column for
    missing), the arm and its factors, and, if asked for, every earlier answer (its value if ordered, and one column for
    each option). All are centred on those of the pilot who answered the item.

    Parameters
    ----------
    hidden : frozenset of str
        Profile fields that are left out.
    earlier_answers : bool
        Whether earlier answers are predictors.

    Attributes
    ----------
    penalties : dict of str to float
        Ridge penalty of each item, chosen on the pilot by `surveyeval.model.logits.choose_penalty`.
    """

    def __init__(self, hidden: frozenset[str] = frozenset(), *, earlier_answers: bool) -> None:
        self.hidden, self.earlier_answers = hidden, earlier_answers
        self.penalties: dict[str, float] = {}
        self._encoders: list[Encoder] = []
        self._centre: list[FloatArray] = []
        self._parameters: list[FloatArray] = []

    def fit(self, task: Task, pilot: Sample) -> None:
        """Fit every item on the pilot rows that answered it."""
        profile = [field for name, field in task.profile.items() if name not in self.hidden]
        self._encoders = [*(profile_encoder(task, field, pilot) for field in profile), *arm_encoders(task)]
        known = encode(self._encoders, pilot)
        self._centre, self._parameters = [], []
        for number, item in enumerate(task.items):
            rows = pilot.answers[item.name] >= 0
            predictors, weight = self._predictors(task, number, known, pilot.answers)[rows], pilot.weight[rows]
            centre = np.average(predictors, axis=0, weights=weight) if rows.any() else np.zeros(predictors.shape[1])
            X, y, logit = predictors - centre, pilot.answers[item.name][rows], _logit(item)
            self.penalties[item.name] = choose_penalty(logit, X, y, weight, item.k)
            self._centre.append(centre)
            self._parameters.append(logit.fit_smoothed(X, y, weight, item.k, self.penalties[item.name]))

    def _predictors(self, task: Task, number: int, known: FloatArray, given: Mapping[str, IntArray]) -> FloatArray:
        earlier = task.items[:number] if self.earlier_answers else ()
        return np.hstack([known, *(answer_columns(item, given[item.name]) for item in earlier)])

    def bind(self, task: Task, people: Sample) -> Bound:
        """The law for these people."""
        known = encode(self._encoders, people)

        def probabilities(number: int, given: Mapping[str, IntArray]) -> FloatArray:
            item, X = task.items[number], self._predictors(task, number, known, given) - self._centre[number]
            table: FloatArray = np.exp(_logit(item).log_probabilities(X, self._parameters[number], item.k))
            return table

        return probabilities


def _logit(item: Item) -> Logit:
    return ORDERED if item.ordered else MULTINOMIAL
