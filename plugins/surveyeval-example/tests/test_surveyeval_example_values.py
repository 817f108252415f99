"""What this plugin computes, against numbers that were found otherwise: laws say nothing about being right."""

import numpy as np
import pytest
import surveyeval
from surveyeval.errors import ConfigError
from surveyeval.model.protocol import Interviews
from surveyeval.testing import make_people, make_survey

from surveyeval_example.metric import EndShare
from surveyeval_example.model import Satisficer, SatisficerOptions


def test_ends_are_counted():
    task = make_survey()
    people = make_people(task, 4, 1)
    answers = {item.name: np.zeros(4, dtype=int) for item in task.items}
    answers["trust"] = np.array([0, 2, 4, -1])  # of five options; the last person did not answer
    people = people.with_answers(answers, simulated=False)
    ones = np.ones((1, 4))
    found = EndShare().compare(task, people, people, people, {}).values(ones, ones, 0)
    by_item = dict(zip((key.item for key in found.keys), found.value[0], strict=True))
    assert by_item["trust"] == pytest.approx(2 / 3)
    assert by_item["risk"] == 1
    assert found.loss[0, 0] == 0


def test_a_satisficer_takes_the_first_option():
    task = make_survey()
    people, pilot = make_people(task, 50, 1), make_people(task, 40, 2, prefix="pilot")
    model = Satisficer("first", SatisficerOptions(share=1.0))
    model.fit(task, pilot)
    numbers = np.random.default_rng(1).random((50, len(task.items)))
    found = model.answer(Interviews(task, people.without_answers(), numbers))
    assert all((column == 0).all() for column in found.answers.values())


def test_there_is_no_satisficer_in_the_middle():
    with pytest.raises(ConfigError, match="example:first or example:last"):
        Satisficer("middle")


def test_a_run_has_the_metric_and_the_section(tmp_path):
    runs = surveyeval.run(task="example_canteen", model="example:first?share=0.6", output=tmp_path, splits=4)
    run = runs[0]
    rows = run.estimates
    own = rows[(rows["name"] == "example_ends") & (rows["item"] == "")].set_index("quantity")["value"]
    people = float(own["reference"])
    assert 0 < people < float(own["matched"]) < 1
    assert "of answers at the ends of scales" in (run.folder / "report.md").read_text()
