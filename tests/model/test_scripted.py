"""Scripted simulators: what each keeps of the people, and what it breaks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from surveyeval.data.sample import Sample, State
from surveyeval.errors import ConfigError, ModelError
from surveyeval.model.baselines import make_baseline
from surveyeval.model.build import build_model
from surveyeval.model.protocol import Answers, Interviews, Respondent
from surveyeval.model.scripted import SCRIPTS
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task
from tests.model.helpers import ask, make_sample, make_task

ITEMS = ("belief", "act")


@pytest.fixture
def task() -> Task:
    return make_task()


def crowd(task: Task, n: int = 400) -> Sample:
    """People with structure and some refusals."""
    rng = np.random.default_rng(11)
    belief = rng.integers(0, 3, n)
    act = (rng.random(n) < np.array([0.1, 0.5, 0.8])[belief]).astype(int)
    belief[rng.random(n) < 0.1] = -1
    sex = np.where(rng.random(n) < 0.3, "m", "f")
    arm = np.where(rng.random(n) < 0.4, "t", "c")
    return make_sample(task, {"belief": belief, "act": act}, arm=list(arm), sex=list(sex))


def model(text: str) -> Respondent:
    built = build_model(f"scripted:{text}").model
    assert isinstance(built, Respondent)
    return built


def answers(text: str, task: Task, people: Sample, **asked: int) -> Answers:
    one = model(text)
    one.fit(task, people)
    return one.answer(ask(task, people if one.capabilities.needs_answers else people.without_answers(), **asked))


def vectors(columns: Answers | Sample, rows: np.ndarray | slice = slice(None)) -> Counter[tuple[int, ...]]:
    return Counter(zip(*(columns.answers[item][rows].tolist() for item in ITEMS), strict=True))


@pytest.mark.parametrize("text", SCRIPTS)
def test_scripts_repeat_themselves_and_their_states_fit_their_answers(text: str, task: Task) -> None:
    people = crowd(task)
    one, again = answers(text, task, people), answers(text, task, people)
    for item in ITEMS:
        np.testing.assert_array_equal(one.answers[item], again.answers[item])
        assert one.states is not None
        np.testing.assert_array_equal(one.answers[item] >= 0, one.states[item] == State.ANSWERED)
        assert one.answers[item].max() < task.item(item).k


def test_human_is_an_exact_copy(task: Task) -> None:
    people = crowd(task)
    copy = answers("human", task, people)
    assert copy.states is not None
    for item in ITEMS:
        np.testing.assert_array_equal(copy.answers[item], people.answers[item])
        np.testing.assert_array_equal(copy.states[item], people.states[item])


def test_constant_is_the_most_frequent_answer_by_weight_and_first_the_first(task: Task) -> None:
    people = make_sample(task, {"belief": [0, 0, 2], "act": [-1, 1, 0]}, weight=[1, 1, 3])
    constant, first = answers("constant", task, people), answers("first", task, people)
    assert constant.answers["belief"].tolist() == [2, 2, 2]
    assert constant.answers["act"].tolist() == [0, 0, 0]
    assert first.answers["belief"].tolist() == first.answers["act"].tolist() == [0, 0, 0]


def test_noise_replaces_its_share_evenly_and_one_person_at_a_time(task: Task) -> None:
    people = make_sample(task, {"belief": [0] * 6000, "act": [0] * 6000})
    noisy = answers("noisy?share=0.3", task, people)
    share = np.bincount(noisy.answers["belief"], minlength=3) / 6000
    np.testing.assert_allclose(share, [0.8, 0.1, 0.1], atol=4 * np.sqrt(0.1 * 0.9 / 6000))
    one = model("noisy?share=0.3")
    asked = ask(task, people)
    rows = np.arange(40, 60)
    part = one.answer(Interviews(task, people.take(rows), asked.uniforms[rows]))
    np.testing.assert_array_equal(part.answers["belief"], noisy.answers["belief"][rows])
    np.testing.assert_array_equal(answers("noisy?share=0", task, people).answers["act"], people.answers["act"])


def test_shuffling_keeps_every_column_within_arms_and_loses_the_structure(task: Task) -> None:
    people = crowd(task)
    shuffled = answers("shuffled", task, people)
    for arm in ("c", "t"):
        rows = people.arm == arm
        for item in ITEMS:
            assert Counter(shuffled.answers[item][rows].tolist()) == Counter(people.answers[item][rows].tolist())
    together = (people.answers["belief"] >= 0) & (shuffled.answers["belief"] >= 0)
    before = np.corrcoef(people.answers["belief"][together], people.answers["act"][together])[0, 1]
    after = np.corrcoef(shuffled.answers["belief"][together], shuffled.answers["act"][together])[0, 1]
    assert before > 0.45
    assert abs(after) < 0.2


def test_swapping_moves_whole_people_within_arms_and_leaves_nobody_in_place(task: Task) -> None:
    people = make_sample(task, {"belief": list(range(3)) * 2, "act": [0, 0, 1, 1, 1, 0]}, arm=list("cccttt"))
    swapped = answers("swapped", task, people)
    for rows in (slice(0, 3), slice(3, 6)):
        assert vectors(swapped, rows) == vectors(people, rows)
    assert (swapped.answers["belief"] != people.answers["belief"]).all()
    alone = make_sample(task, {"belief": [0, 1, 2], "act": [0, 1, 1]}, arm=list("cct"))
    assert answers("swapped", task, alone).answers["belief"].tolist() == [1, 0, 2]


def test_a_swapped_inner_model_scores_people_under_other_profiles_of_their_arm(task: Task) -> None:
    people = make_sample(
        task, {"belief": [0, 0, 2, 2] * 10, "act": [0, 0, 1, 1] * 10}, sex=list("ffmm") * 10, arm=list("cccc") * 10
    )
    swapped, honest = model("swapped?inner=baseline:cell"), make_baseline("cell")
    swapped.fit(task, people)
    honest.fit(task, people)
    assert swapped.capabilities == honest.capabilities
    pair = people.take(np.array([0, 2]))  # one woman, one man: each gets the other's profile
    asked = ask(task, pair.without_answers())
    other = replace(pair, profile={name: column[::-1] for name, column in pair.profile.items()})
    expected = honest.log_prob(ask(task, other.without_answers()), pair)
    found = swapped.log_prob(asked, pair)
    for item in ITEMS:
        np.testing.assert_allclose(found[item], expected[item])
        assert not np.allclose(found[item], honest.log_prob(asked, pair)[item])
    table = swapped.answer(asked).probabilities["belief"]
    np.testing.assert_allclose(np.log(table[[0, 1], [0, 2]]), expected["belief"])


def test_a_swapped_copy_is_the_copy_of_somebody_else(task: Task) -> None:
    people = make_sample(task, {"belief": [0, 2], "act": [0, 1]})
    assert answers("swapped?inner=scripted:human", task, people).answers["belief"].tolist() == [2, 0]


@pytest.mark.parametrize("name", ["disclosure", "anes96"])
def test_the_coherent_keep_their_beliefs_and_never_contradict_them(name: str) -> None:
    task = load_task(name)
    people = load_human(task).sample
    coherent = answers("coherent", task, people)
    rule = task.spec.coherence[0]
    before, after = task.coherence(people, rule), task.coherence(people.with_answers(coherent.answers), rule)
    assert (before == 0).any()
    assert not (after == 0).any()
    np.testing.assert_array_equal(after == -1, before == -1)
    for item in task.items:
        kept = np.ones(people.n, dtype=bool) if item.role != "action" else before != 0
        np.testing.assert_array_equal(coherent.answers[item.name][kept], people.answers[item.name][kept])


def test_the_tuned_independent_have_the_gap_of_people_and_shuffled_beliefs() -> None:
    task = load_task("disclosure")
    people = load_human(task).sample
    tuned = answers("independent", task, people)
    outcome = task.coherence(people.with_answers(tuned.answers), task.spec.coherence[0])
    gap = (outcome == 0).sum() / (outcome >= 0).sum()
    assert gap == pytest.approx(229 / 929, abs=3 * np.sqrt(0.247 * 0.753 / 929))
    belief = np.corrcoef(tuned.answers["believed"], tuned.answers["detect_a"])[0, 1]
    assert abs(belief) < 0.12
    assert Counter(tuned.answers["believed"].tolist()) == Counter(people.answers["believed"].tolist())


def test_the_stereotyper_gives_the_modal_answer_of_the_group(task: Task) -> None:
    people = make_sample(
        task, {"belief": [0, 0, 2, 2, 1, -1], "act": [0, 1, 1, 0, 0, 1]}, sex=["f", "f", "f", "m", "m", None]
    )
    everybody = answers("stereotyper?share=1", task, people)
    assert everybody.answers["belief"].tolist() == [0, 0, 0, 1, 1, -1]
    assert everybody.answers["act"].tolist() == [1, 1, 1, 0, 0, 1]
    np.testing.assert_array_equal(
        answers("stereotyper?share=0", task, people).answers["belief"], people.answers["belief"]
    )
    with pytest.raises(ConfigError, match="did you mean 'sex'"):
        answers("stereotyper?subgroup=sexe", task, people)


def test_pilot_vectors_come_from_the_same_arm_by_weight(task: Task) -> None:
    pilot = make_sample(
        task,
        {"belief": [0, 1, 2, 2], "act": [0, 0, 1, 1]},
        arm=list("cctt"),
        weight=[3, 1, 1, 1],
        missing=State.MISSING,
    )
    one = model("pilot")
    people = crowd(task, 4000).without_answers()
    with pytest.raises(ModelError, match="nobody to copy"):
        one.answer(ask(task, people))
    one.fit(task, pilot)
    found = one.answer(ask(task, people))
    control = people.arm == "c"
    assert set(vectors(found, ~control)) == {(2, 1)}
    counts = vectors(found, control)
    assert set(counts) == {(0, 0), (1, 0)}
    assert counts[0, 0] / control.sum() == pytest.approx(0.75, abs=4 * np.sqrt(0.75 * 0.25 / control.sum()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("humans", "did you mean 'human'"),
        ("human?share=0.1", "share is for noisy, stereotyper"),
        ("noisy?share=2", "less than or equal to 1"),
        ("noisy?inner=baseline:cell", "inner is for swapped"),
        ("swapped?inner=baseline:sell", "did you mean 'cell'"),
        ("swapped?inner=hf:tiny", "does not answer whole tables"),
    ],
)
def test_mistakes_say_what_would_be_right(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        model(text)


def test_scripts_that_need_a_rule_or_groups_say_so() -> None:
    bare = make_task(coherence=[], subgroups=[])
    people = make_sample(bare, {"belief": [0], "act": [0]})
    for name, needed in (
        ("coherent", "coherence rule"),
        ("independent", "coherence rule"),
        ("stereotyper", "subgroups"),
    ):
        with pytest.raises(ModelError, match=needed):
            answers(name, bare, people)


def test_every_script_that_sees_answers_says_so_on_the_card() -> None:
    for name, script in SCRIPTS.items():
        (banner,) = model(name).banners()
        assert ("sees the people's answers" in banner) == script.needs_answers
