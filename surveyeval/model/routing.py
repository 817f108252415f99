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
    answers, states = follow(interviews.task, interviews.people, given.answers, given.states)
    if states is None or all(item.spec.ask_if is None for item in interviews.task.items):
        return given
    put = {name: column != State.NOT_ASKED for name, column in states.items()}
    tables = {name: np.where(put[name][:, None], table, np.nan) for name, table in given.probabilities.items()}
    return replace(given, answers=answers, states=states, probabilities=tables)
