"""Answers from files: pairing, draws, probabilities, and mistakes told with their lines."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from surveyeval.data.sample import Sample, State
from surveyeval.errors import DataError, ModelError
from surveyeval.model.build import build_model
from surveyeval.model.file import FileModel
from surveyeval.task.task import Task
from tests.model.helpers import ask, make_sample, make_task


@pytest.fixture
def task() -> Task:
    return make_task()


@pytest.fixture
def people(task: Task) -> Sample:
    return make_sample(task, {"belief": [0, 1, 2, -1], "act": [0, 1, 1, 0]}, arm=list("cctt"))


def written(folder: Path, text: str) -> FileModel:
    path = folder / "twins.csv"
    path.write_text("\n".join(line.strip() for line in text.strip().splitlines()) + "\n")
    model = build_model(f"file:{path}").model
    assert isinstance(model, FileModel)
    return model


def test_rows_are_found_by_respondent_and_absent_people_were_not_run(
    tmp_path: Path, task: Task, people: Sample
) -> None:
    model = written(
        tmp_path,
        """respondent,arm,belief,act
        p2,t,3,yes
        p0,c,1.0,no
        p1,c,9,
        stranger,t,1,no""",
    )
    found = model.answer(ask(task, people.without_answers()))
    assert found.paired
    assert found.answers["belief"].tolist() == [0, -1, 2, -1]
    assert found.answers["act"].tolist() == [0, -1, 1, -1]
    assert found.states is not None
    assert found.states["belief"].tolist() == [State.ANSWERED, State.REFUSED, State.ANSWERED, State.NOT_RUN]
    assert found.states["act"].tolist() == [State.ANSWERED, State.INVALID, State.ANSWERED, State.NOT_RUN]
    assert not model.capabilities.log_prob


def test_parquet_is_read_like_csv(tmp_path: Path, task: Task, people: Sample) -> None:
    frame = pd.DataFrame({"respondent": ["p0", "p1"], "belief": [1.0, np.nan], "act": ["no", "yes"]})
    frame.to_parquet(tmp_path / "twins.parquet")
    found = FileModel(str(tmp_path / "twins.parquet")).answer(ask(task, people))
    assert found.answers["belief"].tolist() == [0, -1, -1, -1]
    assert found.answers["act"].tolist() == [0, 1, -1, -1]


def test_draws_pick_their_rows_and_too_few_are_an_error(tmp_path: Path, task: Task, people: Sample) -> None:
    model = written(tmp_path, "respondent,draw,belief,act\np0,0,1,no\np0,1,3,yes\np1,1,2,no")
    assert [model.answer(ask(task, people, draw=d)).answers["belief"][0] for d in (0, 1)] == [0, 2]
    with pytest.raises(DataError, match="draw 2 is asked for and the file holds draws 0 to 1"):
        model.answer(ask(task, people, draw=2))
    single = written(tmp_path, "respondent,belief,act\np0,1,no")
    with pytest.raises(DataError, match="holds draw 0 only"):
        single.answer(ask(task, people, draw=1))


def test_rows_of_nobody_are_drawn_within_the_arm_without_replacement(tmp_path: Path, task: Task) -> None:
    rows = [f"c,{1 + n % 3},no" for n in range(6)] + [f"t,{1 + n % 2},yes" for n in range(4)]
    model = written(tmp_path, "arm,belief,act\n" + "\n".join(rows))
    people = make_sample(task, {"belief": [0] * 10, "act": [0] * 10}, arm=list("cccccctttt"))
    found = model.answer(ask(task, people))
    assert not found.paired
    assert found.answers["act"].tolist() == [0] * 6 + [1] * 4
    assert Counter(found.answers["belief"][:6].tolist()) == {0: 2, 1: 2, 2: 2}
    assert Counter(found.answers["belief"][6:].tolist()) == {0: 2, 1: 2}
    np.testing.assert_array_equal(found.answers["belief"], model.answer(ask(task, people)).answers["belief"])
    orders = {tuple(model.answer(ask(task, people, seed=seed)).answers["belief"]) for seed in range(9)}
    assert len(orders) > 3
    assert "names no respondents" in " ".join(model.banners())
    few = make_sample(task, {"belief": [0] * 5, "act": [0] * 5}, arm=list("ttttt"))
    with pytest.raises(DataError, match="holds 4 rows of arm 't', and 5 people"):
        model.answer(ask(task, few))


def test_an_item_with_probabilities_only_is_drawn_from_them(tmp_path: Path, task: Task, people: Sample) -> None:
    model = written(
        tmp_path,
        """respondent,act,belief__p__1,belief__p__2,belief__p__3
        p0,no,0,0.999,0
        p1,yes,1,0,0
        p2,yes,,,""",
    )
    found = model.answer(ask(task, people))
    assert found.answers["belief"].tolist() == [1, 0, -1, -1]
    assert found.states is not None
    assert found.states["belief"].tolist() == [State.ANSWERED, State.ANSWERED, State.INVALID, State.NOT_RUN]
    np.testing.assert_allclose(found.probabilities["belief"][:2], [[0, 1, 0], [1, 0, 0]])
    assert np.isnan(found.probabilities["belief"][2:]).all()


def test_probabilities_score_people_in_independent_interviews_only(tmp_path: Path, people: Sample) -> None:
    text = """respondent,belief,act,belief__p__1,belief__p__2,belief__p__3
        p0,1,no,0.5,0.25,0.25
        p1,1,no,0.5,0.1,0.4
        p3,1,no,0.5,0.1,0.4"""
    task = make_task(interview={"mode": "independent"})
    model = written(tmp_path, text)
    assert model.capabilities.log_prob
    scores = model.log_prob(ask(task, people.without_answers()), people)
    assert list(scores) == ["belief"]
    np.testing.assert_allclose(scores["belief"], [np.log(0.5), np.log(0.1), np.nan, np.nan])
    assert model.log_prob(ask(make_task(), people), people) == {}
    with pytest.raises(ModelError, match="no option probabilities"):
        written(tmp_path, "respondent,belief,act\np0,1,no").log_prob(ask(task, people), people)


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("respondent,beliefs,act\np0,1,no", ["'beliefs'", "did you mean 'belief'", "no column for item 'belief'"]),
        ("respondent,belief,act\np0,4,no\np1,1,noo", ["twins.csv:2 column 'belief': '4'", ":3 column 'act'", "mean 'no'"]),
        ("respondent,belief,act\np0,1,no\np0,2,no", ["twins.csv:3 column 'respondent'", "draw 0 already in line 2"]),
        ("respondent,draw,belief,act\np0,x,1,no\np1,-1,1,no", [":2 column 'draw': draw 'x'", ":3 column 'draw': draw '-1'"]),
        ("respondent,arm,belief,act\np0,d,1,no", [":2 column 'arm': 'd' is not declared", "arms: c, t"]),
        ("respondent,arm,belief,act\np0,c,1,no\np1,t,1,no", [":3 column 'arm': arm is 't', respondent 'p1' was in 'c'"]),
        ("respondent,belief,act\n,1,no", [":2 column 'respondent': the identifier is blank"]),
        ("respondent,belief,act\nx,1,no", ["holds none of the people"]),
        ("belief,act\n1,no", ["need a column 'arm'"]),
        ("respondent,belief,act", ["has no rows"]),
        ("respondent,belief,act,act__p__no\np0,1,no,1", ["lack 'act__p__yes'"]),
        ("respondent,belief,act,act__p__no,act__p__yes\np0,1,no,0.7,0.7", [":2 column 'act': probabilities 0.7, 0.7"]),
        ("respondent,belief,act,act__p__no,act__p__yes\np0,1,no,1.2,-0.2", ["probabilities 1.2, -0.2 are not"]),
        ("respondent,belief,act,act__p__no,act__p__yes\np0,1,no,0.5,half", ["'half' is no number", "0.5, blank"]),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_line_and_column(
    text: str, messages: list[str], tmp_path: Path, task: Task, people: Sample
) -> None:
    with pytest.raises(DataError) as caught:
        written(tmp_path, text).answer(ask(task, people))
    for message in messages:
        assert message in str(caught.value)


def test_checking_against_everybody_finds_all_unknown_identifiers(tmp_path: Path, task: Task, people: Sample) -> None:
    model = written(tmp_path, "respondent,belief,act\np0,1,no\npp1,1,no\np2,7,no")
    with pytest.raises(DataError) as caught:
        model.check(task, people)
    told = [str(problem) for problem in caught.value.problems]
    assert told[0].startswith("twins.csv:3 column 'respondent': there is no respondent 'pp1'")
    assert "did you mean 'p1'" in told[0]
    assert told[1].startswith("twins.csv:4 column 'belief'")


def test_a_file_of_another_task_gives_a_list_that_can_be_read(tmp_path: Path, task: Task, people: Sample) -> None:
    model = written(tmp_path, "respondent,belief,act\n" + "\n".join(f"q{n},x,y" for n in range(300)))
    with pytest.raises(DataError) as caught:
        model.check(task, people)
    assert len(caught.value.problems) == 21
    assert "more problems" in str(caught.value.problems[-1])


def test_the_fingerprint_is_of_the_content_and_holds_no_path(tmp_path: Path) -> None:
    model = written(tmp_path, "respondent,belief,act\np0,1,no")
    same, other = model.fingerprint(), written(tmp_path, "respondent,belief,act\np0,2,no").fingerprint()
    assert model.fingerprint() == same
    assert same.value != other.value
    assert str(tmp_path) not in str(same)
    with pytest.raises(DataError, match="no such data file"):
        FileModel(str(tmp_path / "nothing.csv"))
