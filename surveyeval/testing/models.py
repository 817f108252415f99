"""The check for authors of models, whichever protocol the model has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from surveyeval.data.sample import Sample
from surveyeval.model.protocol import LanguageModel, Respondent
from surveyeval.task.task import Task
from surveyeval.testing.laws import check_laws
from surveyeval.testing.respondents import RESPONDENT_LAWS, TriedRespondent
from surveyeval.testing.speakers import GENERATOR_LAWS, SCORER_LAWS, SPEAKER_LAWS, TriedSpeaker, laws_of
from surveyeval.testing.survey import make_people, make_survey

__all__ = ["MODEL_LAWS", "check_model"]

#: Every law by its name; which of them hold depends on what the model can do.
MODEL_LAWS: Mapping[str, object] = {**RESPONDENT_LAWS, **SPEAKER_LAWS, **SCORER_LAWS, **GENERATOR_LAWS}
#: People that a language model is tried on; each has an interview of several questions.
_FEW = 3


def check_model(
    make: Callable[[], Respondent | LanguageModel],
    *,
    without: Mapping[str, str] | None = None,
    task: Task | None = None,
    people: Sample | None = None,
    pilot: Sample | None = None,
    tolerance: float = 1e-4,
) -> None:
    """Check that a model obeys the laws.

    Parameters
    ----------
    make : callable
        Gives the model when called without arguments, not loaded, the same each time: ``lambda: Mine("reference", None)``.
    without : mapping of law to reason, optional
        Laws (names of `MODEL_LAWS`) that do not fit this model.
    task, people, pilot : Task, Sample, Sample, optional
        What it is tried on, for a model that does not go with the invented survey of `surveyeval.testing.survey`. People have
        answers. A language model is asked for the first three people.
    tolerance : float
        Largest difference between log-probabilities of a language model that should be equal: a batch of another shape
        changes the last digits, in half precision more of them.

    Raises
    ------
    AssertionError
        Names the model and the law it breaks.
    ValueError
        When `without` names no law, or gives no reason.
    """
    model = make()
    if isinstance(model, LanguageModel):
        task = task or make_survey(interview=_INTERVIEW, items=_ITEMS)
        people = people or _few_people(task)
        model.load()
        tried = TriedSpeaker(make, model, task, people.take(np.arange(min(people.n, _FEW))), tolerance)
        check_laws(laws_of(model), tried, type(model).__name__, without, MODEL_LAWS)
        return
    task = task or make_survey()
    people = people or make_people(task, 48, 1, missing=0.05)
    pilot = pilot or make_people(task, 60, 9, profiles=9, prefix="pilot")
    answering = cast("Callable[[], Respondent]", make)
    check_laws(
        RESPONDENT_LAWS, TriedRespondent(answering, task, people, pilot), type(model).__name__, without, MODEL_LAWS
    )


_INTERVIEW = {"system": "You are taking part in a survey.", "order": "fixed", "options": "letters"}
_ITEMS = [
    {"name": "trust", "role": "belief", "kind": "ordinal", "question": "How much do you trust people?",
     "options": {"1": "not at all", "2": "a little", "3": "very much"}},
    {"name": "place", "role": "belief", "kind": "nominal", "question": "Where would you like to live?",
     "options": {"x": "in a town", "y": "in a village"}},
    {"name": "act", "role": "action", "kind": "binary", "question": "Did you vote?", "options": {"no": "No", "yes": "Yes"}},
]  # fmt: skip


def _few_people(task: Task) -> Sample:
    people = make_people(task, 2 * _FEW, 1)
    _, first = np.unique(people.profile["region"].astype(str), return_index=True)
    kept = [*first, *(row for row in range(people.n) if row not in first)]
    return replace(people.take(np.array(kept, dtype=np.int64)), simulated=False)
