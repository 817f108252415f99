"""What a manifest says of how answers came about: the way of asking, what left this machine, what was known before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from surveyeval.engine.experiment import Experiment, sending
from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.store import BlockAnswers
from surveyeval.model.build import build_elicitation
from surveyeval.model.prepare import UsesPilot
from surveyeval.model.protocol import LanguageModel, Respondent
from surveyeval.model.sending import leaving as columns_leaving

__all__ = ["asked_in", "cached_part", "leaving"]


def asked_in(model: Respondent | LanguageModel, options: RunOptions) -> dict[str, Any] | None:
    """How a language model is asked; None for a model that is not asked question by question.

    Returns
    -------
    dict
        ``text`` as it is written with its options, ``name``, and ``distribution``: whether it gives probabilities.
    """
    if not isinstance(model, LanguageModel):
        return None
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


def cached_part(records: Sequence[BlockAnswers]) -> dict[str, Any] | None:
    """What of a run came from the response cache; None when nothing did.

    Returns
    -------
    dict
        ``blocks`` and ``interviews``, ``first`` and ``last``: when they were asked, ``seconds``: what that took.
    """
    found = [record for record in records if record.cached is not None]
    if not found:
        return None
    times = [datetime.fromtimestamp(record.cached or 0.0, UTC).isoformat(timespec="seconds") for record in found]
    return {
        "blocks": len(found),
        "interviews": sum(record.block.stop - record.block.start for record in found),
        "first": min(times),
        "last": max(times),
        "seconds": round(sum(record.seconds for record in found), 1),
    }
