"""Who is trained on: deterministic, nested, balanced where asked, and known again by hash alone."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveyeval.data.split import Split
from surveyeval.errors import ConfigError
from surveyeval.task.human import HumanData
from surveyeval.task.task import Task
from surveyeval.tuning.options import PilotDesign, read_options
from surveyeval.tuning.pilot import Pilot, choose_pilot, pilot_record
from tests.tuning import survey

Loaded = tuple[Task, HumanData, Split]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return survey.load(survey.write(tmp_path_factory.mktemp("survey")))


def choose(loaded: Loaded, **design: Any) -> Pilot:
    return choose_pilot(*loaded, PilotDesign(**design))


def group(loaded: Loaded, rows: Any) -> list[str]:
    return list(loaded[1].sample.profile["group"][rows])


def test_a_random_pilot_is_the_front_of_the_pool(loaded: Loaded) -> None:
    split = loaded[2]
    np.testing.assert_array_equal(choose(loaded, size=20).rows, split.order[:20])
    assert set(choose(loaded, size=len(split.pool)).rows) == set(split.pool)
    np.testing.assert_array_equal(choose(loaded, size=0.25).rows, split.order[: round(0.25 * survey.PEOPLE)])
    assert (choose(loaded, size=20).weight == 1).all()


@given(sizes=st.tuples(st.integers(2, survey.PEOPLE - 1), st.integers(2, survey.PEOPLE - 1)), scope=st.booleans(),
       balance=st.sampled_from([None, "group", "old"]))  # fmt: skip
def test_pilots_are_nested_whatever_their_size(
    loaded: Loaded, sizes: tuple[int, int], scope: bool, balance: str | None
) -> None:
    design = {"scope": "arm=t" if scope else None, "balance": balance}
    within = survey.PEOPLE // 2 - 1 if scope else survey.PEOPLE - 1
    small, large = (choose(loaded, size=min(size, within), **design).rows for size in sorted(sizes))
    assert set(small) <= set(large)
    assert len(set(large)) == len(large)
    pool = set(loaded[2].pool)
    in_scope = [row for row in pool if not scope or loaded[1].sample.arm[row] == "t"]
    if len(small) <= len(in_scope):
        assert set(small) <= pool  # test people are taken only when the pool is used up


def test_the_scope_is_one_arm(loaded: Loaded) -> None:
    pilot = choose(loaded, size=15, scope="arm=t")
    assert set(loaded[1].sample.arm[pilot.rows]) == {"t"}
    assert len(choose(loaded, size=0.1, scope="arm=t").rows) == round(0.1 * (loaded[1].sample.arm == "t").sum())


def test_a_balanced_pilot_has_as_many_of_each_level_as_there_are(loaded: Loaded) -> None:
    available = Counter(group(loaded, loaded[2].pool))
    rarest = min(available.values())
    size = 3 * rarest
    assert Counter(group(loaded, choose(loaded, size=size, balance="group").rows)) == dict.fromkeys(available, rarest)
    larger = Counter(group(loaded, choose(loaded, size=size + 5, balance="group").rows))
    rest = sorted(larger[name] for name in available if available[name] > rarest)
    assert sum(rest) == size + 5 - rarest
    assert rest[1] - rest[0] <= 1
    truth = choose(loaded, size=20, balance="old").rows  # a derived column
    assert (loaded[1].sample.profile["age"][truth].astype(int) >= 50).sum() == 10


@pytest.mark.parametrize("scope", [None, "arm=c"])
@pytest.mark.parametrize("size", [12, 30, 60])
def test_weights_make_a_balanced_pilot_stand_for_the_people_in_scope(
    loaded: Loaded, size: int, scope: str | None
) -> None:
    everybody = loaded[1].sample
    in_scope = np.ones(everybody.n, dtype=bool) if scope is None else everybody.arm == "c"
    pilot = choose(loaded, size=size, balance="group", scope=scope)
    assert pilot.balanced
    assert pilot.weight.mean() == pytest.approx(1)
    names = np.array(group(loaded, pilot.rows))
    for name in set(names):
        assert np.average(names == name, weights=pilot.weight) == pytest.approx(
            (everybody.profile["group"][in_scope] == name).mean()
        )


def test_survey_weights_are_kept(tmp_path: Path) -> None:
    loaded = survey.load(survey.write(tmp_path, source={"weight": "w"}))
    pilot = choose(loaded, size=20)
    own = loaded[1].sample.weight[pilot.rows]
    np.testing.assert_allclose(pilot.weight, own / own.mean())
    balanced = choose(loaded, size=20, balance="group")
    own = loaded[1].sample.weight[balanced.rows]
    counts = Counter(group(loaded, balanced.rows))
    share = Counter(group(loaded, np.arange(survey.PEOPLE)))
    inverse = [share[name] / counts[name] for name in group(loaded, balanced.rows)]
    np.testing.assert_allclose(balanced.weight, own * inverse / np.mean(own * inverse))


def test_a_pilot_without_weight_is_refused(loaded: Loaded) -> None:
    task, human, split = loaded
    weight = np.ones(survey.PEOPLE)
    weight[split.order[:5]] = 0
    nobody = replace(human, sample=replace(human.sample, weight=weight))
    with pytest.raises(ConfigError, match="the 5 people of the pilot have no survey weight"):
        choose((task, nobody, split), size=5)
    assert choose((task, nobody, split), size=6).weight[-1] == 6


@pytest.mark.parametrize(
    ("design", "message"),
    [
        ({"size": 1}, "a pilot of 1 people cannot be taken from 160.*at least 2"),
        ({"size": 160}, "160 people cannot be taken from 160 in scope"),
        ({"size": 80, "scope": "arm=t"}, "80 people cannot be taken from 80 in scope"),
        ({"size": 20.5}, "20.5 people"),
        ({"size": 0.001}, "a pilot of 0 people"),
        ({"scope": "t"}, "'t' is not written arm=NAME; arms: c, t"),
        ({"scope": "arm=x"}, "no arm 'x'; arms: c, t"),
        ({"balance": "grup"}, "no profile column.*did you mean 'group'"),
        ({"balance": "act"}, "'act': it is no profile column"),
        ({"balance": "agrees"}, "'agrees': it is no profile column"),
        ({"balance": "age"}, "'age': it has no declared levels; balance over a derived column"),
        ({"hide": ("agee",)}, "cannot hide 'agee'.*did you mean 'age'"),
    ],
)
def test_a_design_that_cannot_be_is_refused(loaded: Loaded, design: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        choose(loaded, **{"size": 20, **design})
    assert len(caught.value.problems) == 1


def test_one_without_arms_has_no_scope(tmp_path: Path) -> None:
    loaded = survey.load(survey.write(tmp_path, arms=None))
    with pytest.raises(ConfigError, match="no experiment: leave --scope out"):
        choose(loaded, size=20, scope="arm=all")


def test_too_few_known_levels_are_counted(tmp_path: Path) -> None:
    rows = survey.people()
    for row in rows[:150]:
        row["group"] = ""
    loaded = survey.load(survey.write(tmp_path, rows))
    with pytest.raises(ConfigError, match="only 10 people in scope have a known 'group', and 20 are asked for"):
        choose(loaded, size=20, balance="group")
    assert len(choose(loaded, size=8, balance="group").rows) == 8


def test_the_record_holds_salted_hashes_and_no_identifier(loaded: Loaded) -> None:
    task, human, _ = loaded
    pilot = choose(loaded, size=25)
    record = pilot_record(task, human, pilot, PilotDesign(size=25))
    names = human.sample.respondent[pilot.rows]
    assert set(record["hashes"]) == {hashlib.sha256(f"{record['salt']}:{name}".encode()).hexdigest() for name in names}
    assert not any(str(name) in json.dumps(record) for name in names)
    assert record["people"] == 25
    assert sum(record["arms"].values()) == 25
    # who comes first in the pilot is not told
    assert record["hashes"] == sorted(record["hashes"])


@pytest.mark.parametrize(
    ("design", "options", "messages"),
    [
        ({"pilot": 0}, {}, ["'pilot'.*greater than 0, not 0"]),
        ({"pilot": float("inf")}, {}, ["'pilot'.*finite"]),
        ({"pilot": float("nan")}, {}, ["'pilot'"]),
        ({}, {"rnk": 3}, ["no option 'rnk' of fine-tuning; did you mean 'rank'"]),
        ({}, {"wholly_other": 3}, ["no option 'wholly_other' of fine-tuning; options: objective, rank"]),
        ({}, {"rank": 0, "alpha": -1}, ["'rank'.*not 0", "'alpha'.*not -1"]),
        ({"pilot": -3}, {"dropout": 1.0, "stop": "late"}, ["'pilot'", "'dropout'", "'stop'.*not 'late'"]),
        ({}, {"learning_rate": float("inf")}, ["'learning_rate'"]),
    ],
)
def test_every_wrong_option_is_named_once(design: dict[str, Any], options: dict[str, Any], messages: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_options(design, options)
    assert len(caught.value.problems) == len(messages)
    for problem, message in zip(caught.value.problems, messages, strict=True):
        with pytest.raises(ConfigError, match=message):
            raise ConfigError(problems=[problem])
        assert "did you mean 'rank'" not in str(problem) or "rnk" in str(problem)
