"""What a manifest says of how answers came about: the way of asking, and what left this machine."""

from __future__ import annotations

from typing import Any

from surveyeval.engine.experiment import Experiment, sending
from surveyeval.engine.manifest import RunOptions
from surveyeval.model.build import build_elicitation
from surveyeval.model.prepare import UsesPilot
from surveyeval.model.protocol import LanguageModel, Respondent
from surveyeval.model.sending import leaving as columns_leaving

__all__ = ["asked_in", "leaving", "way_of_asking"]


def asked_in(model: Respondent | LanguageModel, options: RunOptions) -> dict[str, Any] | None:
    """How a language model is asked; None for a model that is not asked question by question.

    Returns
    -------
    dict
        ``text`` as it is written with its options, ``name``, and ``distribution``: whether it gives probabilities.
    """
    return way_of_asking(options) if isinstance(model, LanguageModel) else None


def way_of_asking(options: RunOptions) -> dict[str, Any]:
    """How language models are asked with these options, as `asked_in` says it."""
    elicitation = build_elicitation(options.elicitation)
    return {"text": options.elicitation, "name": elicitation.name, "distribution": elicitation.distribution}


def leaving(experiment: Experiment, model: Respondent | LanguageModel) -> dict[str, Any] | None:
    """What of people leaves this machine; None when nothing does.

    Returns
    -------
    dict
        ``to``: the machine. ``profile`` and ``answers``: columns of the data. Answers are sent in examples, and where
        later questions are scored after the person's own earlier answers.
    """
    sender = sending(model)
    to = sender.destination() if sender is not None else None
    if to is None or not isinstance(model, LanguageModel):
        return None
    examples = isinstance(model, UsesPilot) and model.examples > 0
    calibrated = isinstance(model, UsesPilot) and model.calibrate != "none"
    distribution = build_elicitation(experiment.options.elicitation).distribution
    scored = distribution and (model.capabilities.log_prob or calibrated)
    columns = columns_leaving(experiment.task, experiment.hidden, examples=examples, scored=scored)
    return {"to": to, "profile": list(columns.profile), "answers": list(columns.answers)}
