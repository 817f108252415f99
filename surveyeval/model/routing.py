"""Routing of models that answer whole tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from surveyeval.data.sample import State
from surveyeval.model.protocol import Answers, Interviews
from surveyeval.task.routing import follow

__all__ = ["routed"]


def routed(interviews: Interviews, given: Answers) -> Answers:
    """Answers without those, and without the probabilities, of items that the earlier answers route around."""
    items = interviews.task.items
    # A column that is not there is reported by whoever reads the answers.
    if all(item.spec.ask_if is None for item in items) or any(item.name not in given.answers for item in items):
        return given
    answers, states = follow(interviews.task, interviews.people, given.answers, given.states)
    assert states is not None
    put = {name: column != State.NOT_ASKED for name, column in states.items()}
    tables = {name: np.where(put[name][:, None], table, np.nan) for name, table in given.probabilities.items()}
    return replace(given, answers=answers, states=states, probabilities=tables)
