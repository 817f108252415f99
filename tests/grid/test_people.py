"""Who tests, who is trained on: one test set, nested pilots, folds, and what is held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from surveyeval.data.sample import State
from surveyeval.errors import ConfigError
from surveyeval.grid.people import StudyPeople, read_holdout
from surveyeval.grid.plan import Design
from surveyeval.task.human import HumanData, load_human
from surveyeval.task.load import load_task
from surveyeval.task.task import Task
from tests.tuning import survey


@pytest.fixture(scope="module")
def disclosure() -> tuple[Task, HumanData]:
    task = load_task("disclosure")
    return task, load_human(task)


def test_the_test_set_is_the_same_for_every_pilot_and_holds_every_arm(disclosure: tuple[Task, HumanData]) -> None:
    task, human = disclosure
    people = StudyPeople(task, human, 0.4)
    assert people.test.n == round(0.4 * 929)
    counts = [int((people.test.arm == arm.key).sum()) for arm in task.arms]
    assert max(counts) - min(counts) <= 1
    tested = set(people.test.respondent)
    for design in (Design("30"), Design("all"), Design("0.5", draw=2), Design("60", balance="ethnicity", draw=1)):
        assert not tested & set(human.sample.respondent[people.pilot(design).rows])


@pytest.mark.parametrize("draw", [0, 1, 2])
def test_pilots_of_one_draw_are_nested_and_draws_differ(disclosure: tuple[Task, HumanData], draw: int) -> None:
    people = StudyPeople(*disclosure, 0.4)
    small, large, everybody = (people.pilot(Design(size, draw=draw)).rows for size in ("30", "120", "all"))
    assert len(small) == 30
    assert large[:30].tolist() == small.tolist()
    assert set(large) <= set(everybody)
    assert len(everybody) == 929 - people.test.n
    other = people.pilot(Design("30", draw=(draw + 1) % 3)).rows
    assert set(other) != set(small)


def test_a_share_is_a_share_of_each_arm(disclosure: tuple[Task, HumanData]) -> None:
    task, human = disclosure
    people = StudyPeople(task, human, 0.4)
    rows = people.pilot(Design("0.25")).rows
    arms = human.sample.arm
    for arm in task.arms:
        assert abs((arms[rows] == arm.key).sum() - 0.25 * (arms == arm.key).sum()) <= 1.5
    one = people.pilot(Design("0.25", scope="arm=a-equal-verified")).rows
    assert set(arms[one]) == {"a-equal-verified"}
    assert len(one) == 29  # a quarter of one of eight groups: the published study's 30 people
    with pytest.raises(ConfigError, match="people in scope are outside the test set"):
        people.pilot(Design("0.9"))


def test_inverse_sampling_weights_undo_a_balanced_pilot(disclosure: tuple[Task, HumanData]) -> None:
    task, human = disclosure
    people = StudyPeople(task, human, 0.4)
    pilot = people.pilot(Design("100", balance="ethnicity"))
    ethnicity = human.sample.profile["ethnicity"][pilot.rows]
    everybody = human.sample.profile["ethnicity"]
    counts = {level: int((ethnicity == level).sum()) for level in set(everybody)}
    assert max(counts.values()) - min(counts.values()) <= 1, counts
    for level in set(everybody):
        weighted = pilot.weight[ethnicity == level].sum() / pilot.weight.sum()
        assert weighted == pytest.approx((everybody == level).mean())


def test_folds_test_everybody_once_by_people_of_other_folds(disclosure: tuple[Task, HumanData]) -> None:
    task, human = disclosure
    parts = [StudyPeople(task, human, 0.4, fold=(number, 5)) for number in range(5)]
    tested = np.concatenate([part.test.respondent for part in parts])
    assert sorted(tested) == sorted(human.sample.respondent)
    for part in parts:
        trained = human.sample.respondent[part.pilot(Design("all")).rows]
        assert not set(trained) & set(part.test.respondent)
        assert len(trained) + part.test.n == 929


def test_nobody_is_trained_on_what_is_held_out(disclosure: tuple[Task, HumanData]) -> None:
    task, human = disclosure
    sample = human.sample
    arm = StudyPeople(task, human, 0.4, holdout=read_holdout(task, sample, "arm=a-equal-verified"))
    pilot = arm.pilot(Design("all"))
    assert "a-equal-verified" not in set(sample.arm[pilot.rows])
    assert (arm.unseen(pilot) == (arm.test.arm == "a-equal-verified")).all()

    group = StudyPeople(task, human, 0.4, holdout=read_holdout(task, sample, "group=ethnicity=Black"))
    pilot = group.pilot(Design("60"))
    assert "Black" not in set(sample.profile["ethnicity"][pilot.rows])
    assert (group.unseen(pilot) == (group.test.profile["ethnicity"] == "Black")).all()

    item = StudyPeople(task, human, 0.4, holdout=read_holdout(task, sample, "item=priority"))
    trained = item.trained(item.pilot(Design("60")))
    assert (trained.states["priority"] == State.NOT_ASKED).all()
    assert (trained.answers["priority"] == -1).all()
    assert (trained.answers["action"] >= 0).all()
    assert not item.unseen(item.pilot(Design("60"))).any()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("arm=a-equal-verifed", "did you mean 'a-equal-verified'"),
        ("item=prioriti", "did you mean 'priority'"),
        ("group=ethnicity=Blak", "did you mean 'Black'"),
        ("group=etnicity=Black", "did you mean 'ethnicity'"),
    ],
)
def test_a_slip_in_what_is_held_out_gets_a_suggestion(disclosure: tuple[Task, HumanData], text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        read_holdout(disclosure[0], disclosure[1].sample, text)


def test_one_arm_alone_leaves_the_others_unseen(disclosure: tuple[Task, HumanData]) -> None:
    people = StudyPeople(*disclosure, 0.4)
    pilot = people.pilot(Design("all", scope="arm=a-equal-verified"))
    assert (people.unseen(pilot) == (people.test.arm != "a-equal-verified")).all()


def test_a_balanced_pilot_never_takes_test_people_for_those_of_unknown_level(tmp_path: Path) -> None:
    rows = survey.people()
    for row in rows[::2]:
        row["group"] = ""
    task, human, _ = survey.load(survey.write(tmp_path, rows))
    people = StudyPeople(task, human, 0.4)
    pool = sorted(set(range(human.sample.n)) - set(people.split.test.tolist()))
    known = [row for row in pool if human.sample.profile["group"][row] is not None]
    assert sorted(people.pilot(Design("all", balance="group")).rows.tolist()) == known
    with pytest.raises(
        ConfigError, match=f"and {len(known)} people in scope with a known 'group' are outside the test"
    ):
        people.pilot(Design(str(len(known) + 1), balance="group"))
