"""Filters, orders of items and orders of options, from the human rows to simulated answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.data.sample import Sample, State
from surveyeval.model import host
from surveyeval.model.baselines import BASELINES, make_baseline
from surveyeval.model.hf import HFModel, HFOptions
from surveyeval.model.host import Preparation, forced
from surveyeval.model.prepare import choose_examples
from surveyeval.model.scripted import Scripted
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.render import interviews as render
from surveyeval.task.task import Task
from surveyeval.tuning.sequences import make_rows
from tests.model import tiny
from tests.model.helpers import ask, make_sample, make_task
from tests.model.scorers import WordScorer

OWNER: dict[str, Any] = {
    "name": "owner", "role": "attitude", "kind": "binary", "question": "Own a car?", "options": {"1": "yes", "0": "no"},
}  # fmt: skip
BRAND: dict[str, Any] = {
    "name": "brand", "role": "attitude", "kind": "nominal", "question": "Which?", "options": {"a": "A", "b": "B", "o": {"label": "other", "pinned": True}},
    "ask_if": 'owner == "1"', "missing": {"9": "refused"},
}  # fmt: skip
HAPPY: dict[str, Any] = {
    "name": "happy", "role": "attitude", "kind": "ordinal", "question": "Happy with it?",
    "options": {"1": "no", "2": "so so", "3": "yes"}, "ask_if": 'brand != "o"',
}  # fmt: skip
VOTE: dict[str, Any] = {
    "name": "vote", "role": "action", "kind": "binary", "question": "Vote?", "options": {"1": "yes", "0": "no"},
    "ask_if": "age > 17",
}  # fmt: skip
PARTS: dict[str, Any] = {"arms": None, "patterns": [], "coherence": []}


def car(**interview: Any) -> Task:
    return make_task(items=[OWNER, BRAND, HAPPY, VOTE], interview=interview, **PARTS)


def drivers(task: Task, n: int = 60) -> Sample:
    """People whose answers follow the filters, with one refusal."""
    rng = np.random.default_rng(3)
    owner = rng.integers(0, 2, n)
    brand = np.where(owner == 0, rng.integers(0, 3, n), -1)
    brand[np.flatnonzero(owner == 0)[0]] = -1
    happy = np.where((brand == 0) | (brand == 1), rng.integers(0, 3, n), -1)
    age = ["16" if i % 5 == 0 else "40" for i in range(n)]
    vote = np.where(np.array(age) == "16", -1, rng.integers(0, 2, n))
    people = make_sample(task, {"owner": owner, "brand": brand, "happy": happy, "vote": vote}, age=age)
    states = {
        name: np.where(column >= 0, 0, int(State.NOT_ASKED)).astype(np.int8) for name, column in people.answers.items()
    }
    states["brand"][np.flatnonzero(owner == 0)[0]] = State.REFUSED
    return people.with_answers(people.answers, states=states, simulated=False)


def expected(people: Sample, answers: Any, row: int) -> dict[str, bool]:
    """Who is put what, written out by hand."""
    owner, brand = int(answers["owner"][row]), int(answers["brand"][row])
    return {"owner": True, "brand": owner == 0, "happy": brand in (0, 1), "vote": people.profile["age"][row] != "16"}


def check(people: Sample, answers: Any, states: Any) -> None:
    for row in range(people.n):
        for name, put in expected(people, answers, row).items():
            assert (states[name][row] != State.NOT_ASKED) == put, (row, name)
            assert (answers[name][row] >= 0) == put, (row, name)


def test_a_language_model_is_put_what_its_own_answers_lead_to() -> None:
    task = car()
    people = drivers(task)
    model = WordScorer()
    found = host.simulate(model, ask(task, people.without_answers()))
    assert found.states is not None
    check(people, found.answers, found.states)
    assert len(model.seen) == sum((found.answers[item.name] >= 0).sum() for item in task.items)
    # what was not put is no part of the conversation
    unasked = np.flatnonzero((found.states["brand"] == State.NOT_ASKED) & (found.states["vote"] == State.ANSWERED))
    texts = {
        request.interview: request.messages
        for request in model.seen
        if request.messages[-1].content.startswith("Vote?")
    }
    for row in unasked:
        assert [m.content.split("\n")[-4] for m in texts[f"p{row}"] if m.role == "user"][-1] == "Vote?"
        assert not any("Which?" in m.content for m in texts[f"p{row}"])
    assert np.isnan(found.probabilities["brand"][unasked]).all()


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_are_put_what_their_own_answers_lead_to(name: str) -> None:
    task = car()
    pilot = drivers(task)
    people = drivers(task, 80)
    baseline = make_baseline(name)
    baseline.fit(task, pilot)
    found = baseline.answer(ask(task, people.without_answers()))
    states = found.states or people.with_answers(found.answers).states
    for row in range(people.n):
        for item, put in expected(people, found.answers, row).items():
            if not put:
                assert states[item][row] == State.NOT_ASKED
                assert found.answers[item][row] == -1
            elif name != "hotdeck":  # a donor's refusals and filters are taken along
                assert found.answers[item][row] >= 0
    if name in ("logit", "chain", "marginal"):
        scores = baseline.log_prob(ask(task, people.without_answers()), people)
        assert np.isfinite(scores["brand"][people.answers["brand"] >= 0]).all()
        assert np.isnan(scores["brand"][people.answers["brand"] < 0]).all()


def test_a_script_that_makes_answers_up_follows_the_filters() -> None:
    task = car()
    people = drivers(task)
    found = Scripted("first").answer(ask(task, people.without_answers()))
    assert found.states is not None
    check(people, found.answers, found.states)


def test_people_s_interviews_are_scored_as_they_went(tmp_path: Path) -> None:
    task = car()
    people = drivers(task, 12)
    model = HFModel(str(tiny.save("llama", tmp_path / "llama", positions=2048)), HFOptions(dtype="float32"))
    tables = forced(model, task, people, frozenset(), Preparation())
    stopped = (people.states["brand"] == State.REFUSED)[:, None]
    for item in task.items:
        answered = people.answered(item.name)
        after = item.name in ("brand", "happy", "vote") and stopped[:, 0]
        assert np.isfinite(tables[item.name][answered & ~after]).all()
        assert np.isnan(tables[item.name][~answered]).all()
    rows = make_rows(model, task, people, frozenset())
    asked = [sum(people.answered(item.name)[i] for item in task.items) for i in range(people.n)]
    trained = np.zeros(people.n, dtype=int)
    for row in rows:
        trained[row.person] += len({place for place, _ in row.labels})
    assert (trained[~stopped[:, 0]] >= np.array(asked)[~stopped[:, 0]]).all()


def test_examples_are_interviews_as_they_went() -> None:
    task = car()
    people = drivers(task)
    chosen = choose_examples(task, people, frozenset(), 3)["all"]
    for (interview, answers), name in zip(*chosen, strict=True):
        row = int(name[1:])
        put = [item for item, was in expected(people, people.answers, row).items() if was]
        assert [question.item for question in interview.questions] == put
        assert len(answers) == len(put)


def test_order_of_options_is_drawn_for_each_respondent() -> None:
    task = car(order="random")
    shown = render(task, drivers(task, 400).without_answers())
    brands = [interview.questions[1].order for interview in shown]
    assert set(brands) == {(0, 1, 2), (1, 0, 2)}  # the pinned option stays last
    assert 0.4 < np.mean([order == (0, 1, 2) for order in brands]) < 0.6
    scales = [interview.questions[2].order for interview in shown]
    assert set(scales) == {(0, 1, 2), (2, 1, 0)}  # a scale is turned, not shuffled
    again = render(task, drivers(task, 400).without_answers())
    assert [i.questions for i in again] == [i.questions for i in shown]
    alone = render(task, drivers(task, 400).without_answers().take(np.array([7])))
    assert alone[0].questions == shown[7].questions
    found = host.simulate(WordScorer(), ask(task, drivers(task).without_answers()))
    assert found.states is not None
    check(drivers(task), found.answers, found.states)


def test_an_item_may_have_an_order_of_its_own() -> None:
    task = make_task(items=[OWNER, {**BRAND, "order": "random"}, HAPPY], **PARTS)
    shown = render(task, drivers(car(), 50).without_answers())
    assert {interview.questions[0].order for interview in shown} == {(0, 1)}
    assert len({interview.questions[1].order for interview in shown}) == 2


def block_task(**more: Any) -> Task:
    items = [{**OWNER, "name": name, "question": f"{name}?"} for name in ("first", "x", "y", "z", "last")]
    return make_task(items=items, interview={"shuffled": [["x", "y", "z"]], **more}, **PARTS)


@pytest.mark.parametrize("mode", ["sequential", "independent"])
def test_items_of_a_block_are_put_in_an_order_of_each_respondent_s_own(mode: str) -> None:
    task = block_task(mode=mode)
    rng = np.random.default_rng(0)
    answers = {item.name: rng.integers(0, 2, 300).tolist() for item in task.items}
    people = make_sample(task, answers)
    shown = render(task, people.without_answers())
    orders = [tuple(question.item for question in interview.questions) for interview in shown]
    assert {order[0] for order in orders} == {"first"}
    assert {order[-1] for order in orders} == {"last"}
    assert len(set(orders)) == 6
    model = WordScorer()
    batch = ask(task, people.without_answers())
    found = host.simulate(model, batch)
    # each answer is drawn from its own item's number, whatever its place
    for row, interview in enumerate(shown[:20]):
        given: list[str] = []
        for place, question in enumerate(interview.questions):
            messages = interview.messages(given) if mode == "sequential" else interview.messages_for(place)
            request = next(one for one in model.seen if one.messages == messages)
            p = model.probabilities(request)
            column = [item.name for item in task.items].index(question.item)
            drawn = int((p.cumsum() / p.sum() <= batch.uniforms[row, column]).sum())
            assert found.answers[question.item][row] == question.order[drawn]
            given.append(question.answers[drawn])
    scored = host.log_prob(WordScorer(), batch, people)
    assert all(np.isfinite(column).all() for column in scored.values())


TASK = """\
name: filters
version: "1"
title: Filters
source: {use: "file:rows.csv", provenance: human, licence: CC0, citation: nobody}
profile: {age: {column: age}}
items:
  - {name: owner, role: attitude, kind: binary, question: "Own?", options: {"1": "yes", "0": "no"}}
  - {name: km, role: attitude, kind: numeric, question: "How far?", points: [0, 10, 20, 50], unit: km, ask_if: 'owner == "1"', missing: {"-9": refused}}
  - {name: check, role: attention, kind: nominal, question: "Take B.", options: {a: A, b: B}, expected: b}
"""  # fmt: skip


def test_human_rows_get_the_states_of_their_filters(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(TASK)
    (tmp_path / "rows.csv").write_text(
        "age,owner,km,check\n20,1,14,b\n30,0,,b\n40,1,,a\n50,1,-9,b\n60,0,15,b\n70,1,1e3,b\n"
    )
    task = load_task(tmp_path / "task.yaml")
    people = load_human(task)
    assert people.sample.answers["km"].tolist() == [1, -1, -1, -1, 1, 3]
    assert people.sample.states["km"].tolist() == [0, 3, 4, 2, 0, 0]
    outside, note = people.notes
    assert "1 numbers in rows.csv lie outside the points 0 to 50, from 1000 to 1000" in str(outside)
    assert str(note).endswith("items[1].ask_if: 1 of 6 people answered what the filter does not put to them; their answers "
                              "count (the first in line 6 of rows.csv)")  # fmt: skip
    assert task.item("km").labels == ("0 km", "10 km", "20 km", "50 km")
    assert task.item("km").ordered
    assert [item.name for item in task.measured] == ["owner", "km"]
    assert task.column(people.sample, "km").values[0] == 10.0
