"""Items that nobody was asked: no part of anybody's interview, in scores and in examples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from surveyeval.model.hf import HFModel, HFOptions
from surveyeval.model.host import Preparation, forced
from surveyeval.model.prepare import choose_examples
from surveyeval.model.protocol import Request
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.render import interviews as rendered
from surveyeval.tuning.pilot import without_items
from tests.model import tiny


def test_what_nobody_was_asked_is_left_out_of_examples_and_of_scored_interviews(tmp_path: Path) -> None:
    task = load_task("anes96")
    people = load_human(task).sample.take(np.arange(12))
    left = without_items(people, ["clinton_lr"])
    ((example, answers), *_), _ = choose_examples(task, left, frozenset(), 2)["all"]
    assert [question.item for question in example.questions] == ["pid", "self_lr", "dole_lr", "vote"]
    assert len(answers) == 4
    model = HFModel(str(tiny.save("llama", tmp_path / "llama", positions=2048)), HFOptions(dtype="float32"))
    tables = forced(model, task, left, frozenset(), Preparation())
    assert np.isnan(tables["clinton_lr"]).all()
    interview = rendered(task, left.without_answers(), frozenset())[0]
    kept = replace(interview, questions=tuple(q for q in interview.questions if q.item != "clinton_lr"))
    indices = [int(people.answers[name][0]) for name in ("pid", "self_lr", "dole_lr")]
    given = [question.answers[index] for question, index in zip(kept.questions, indices, strict=False)]
    (scores,) = model.score([Request("x", kept.messages(given), kept.questions[3].answers)])
    np.testing.assert_allclose(tables["vote"][0], np.exp(scores.log_prob) / scores.mass, atol=1e-5)
