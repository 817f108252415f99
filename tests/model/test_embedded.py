"""The embedded model: real weights, a real interview."""

from __future__ import annotations

import numpy as np
import pytest

from surveyeval.data.seeds import uniforms
from surveyeval.model import host
from surveyeval.model.build import build_model
from surveyeval.model.protocol import Interviews
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task


@pytest.mark.model
def test_smollm2_answers_and_its_log_loss_is_the_published_one() -> None:
    """Base model, nats per item: 2.155 on 120 people (uniform is 1.633 on this task)."""
    task = load_task("anes96")
    people = load_human(task).sample.take(np.arange(12))
    model = build_model("embedded:smollm2?dtype=float32&block=12").model
    interviews = Interviews(
        task, people.without_answers(), uniforms(0, list(people.respondent), [i.name for i in task.items], 0)
    )
    answers = host.simulate(model, interviews)
    for item in task.items:
        assert (answers.answers[item.name] >= 0).all()
        assert ((answers.mass[item.name] > 0.3) & (answers.mass[item.name] <= 1)).all()
        np.testing.assert_allclose(answers.probabilities[item.name].sum(axis=1), 1)
    scores = host.log_prob(model, interviews, people)
    assert -np.mean(list(scores.values())) == pytest.approx(2.155, abs=0.35)
