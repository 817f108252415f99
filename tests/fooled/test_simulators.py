"""The simulators of docs/explanation/fooled.md have the fault that they are said to have, and no other; the rules find what is told."""

import numpy as np
import pytest

from benchmarks.fooled import COLUMNS, FAULTLESS, FEWEST, PAGE, Column, Repetition, judge, rates, repeat, setting_of
from benchmarks.simulators import SIMULATORS, Inapplicable, twins
from surveyeval.engine.estimates import make_table
from surveyeval.engine.evaluate import evaluate
from surveyeval.errors import DataError
from surveyeval.metric.alignment import JSDistance
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task


@pytest.fixture(scope="module")
def settings():
    return {name: setting_of(name) for name in ("anes96", "disclosure")}


def simulate(setting, name, seed=1):
    return SIMULATORS[name].simulate(setting, np.random.default_rng(seed))


def gap(task, sample):
    outcome = task.coherence(sample, task.spec.coherence[0])
    return (outcome == 0).sum() / (outcome >= 0).sum()


@pytest.mark.parametrize("task", ["anes96", "disclosure"])
@pytest.mark.parametrize("name", [name for name in SIMULATORS if name != "ten rows each"])
def test_one_valid_row_for_each_person(settings, task, name):
    setting = settings[task]
    if (task, name) == ("anes96", "no effect of arms"):
        with pytest.raises(Inapplicable, match="no arms"):
            simulate(setting, name)
        return
    sample = simulate(setting, name)
    assert sample.simulated
    assert (sample.respondent == setting.people.respondent).all()
    for item in setting.task.items:
        assert sample.answers[item.name].min() >= 0
        assert sample.answers[item.name].max() < item.k
        if item.name in sample.log_prob:
            assert (sample.log_prob[item.name] <= 1e-12).all()


@pytest.mark.parametrize("task", ["anes96", "disclosure"])
def test_ten_rows_for_each_person_are_refused(settings, task):
    setting = settings[task]
    sample = simulate(setting, "ten rows each")
    with pytest.raises(DataError, match=f"has {10 * setting.people.n} simulated rows for {setting.people.n} people"):
        evaluate(setting.task, setting.people, {"many": [sample]}, setting.pilot, metrics=[JSDistance()], splits=1)


def test_twins_are_of_one_group_and_divide_people():
    task = load_task("anes96")
    everybody = load_human(task).sample
    people, others = twins(task, everybody, np.random.default_rng(0))
    assert people.n > 0.95 * everybody.n / 2
    assert not set(others.answers) ^ {item.name for item in task.items}
    # party is cut from an answer: independents stand between the two, leaning ones among them
    for own, other in zip(people.answers["pid"], others.answers["pid"], strict=True):
        assert (
            task.groups(people.take(people.answers["pid"] == own), "party")[0][0]
            == (task.groups(everybody.take(everybody.answers["pid"] == other), "party")[0][0])
        )


def test_the_faults(settings):
    for setting in settings.values():
        task, people = setting.task, setting.people
        assert gap(task, simulate(setting, "over-coherent")) == 0
        assert gap(task, simulate(setting, "tuned independence")) == pytest.approx(
            gap(task, simulate(setting, FAULTLESS)), abs=0.07
        )
        copy = simulate(setting, "copy of the test set")
        for item in task.items:
            np.testing.assert_array_equal(copy.answers[item.name], people.answers[item.name])
        leaked = simulate(setting, "leaker")
        for name in task.actions:
            np.testing.assert_array_equal(leaked.answers[name], people.answers[name])
        assert gap(task, leaked) < 0.45
        swapped, fresh = simulate(setting, "personas swapped", 1), simulate(setting, FAULTLESS, 1)
        if setting.twins is not None:  # the same vectors, in other places
            for item in task.items:
                assert (np.bincount(swapped.answers[item.name]) == np.bincount(fresh.answers[item.name])).all()


def test_log_losses_are_those_of_the_laws(settings):
    """A mixture loses at most the mean of what it mixes; exchanged or exaggerated profiles lose."""
    setting = settings["disclosure"]
    losses = {}
    for name in (FAULTLESS, "half-shrunk", "personas swapped", "stereotyper"):
        sample = simulate(setting, name)
        losses[name] = -sum(sample.log_prob[item.name].mean() for item in setting.task.items)
    assert losses["half-shrunk"] < (losses[FAULTLESS] + losses["personas swapped"]) / 2
    assert losses["personas swapped"] > losses[FAULTLESS]
    assert losses["stereotyper"] > losses[FAULTLESS] + 0.05


def test_rules():
    def row(quantity, model, **columns):
        return {"metric": "m", "name": "m", "quantity": quantity, "model": model, "status": "ok", **columns}

    rows = [row("reference", "human-half", value=0.5, low=0.4, high=0.6)]
    for model, value, low in (("good", 0.55, -0.1), ("bad", 0.9, 0.2)):
        rows += [row("matched", model, value=value), row("excess", model, value=value - 0.5, low=low)]
    table = make_table(rows)
    for rule, limits in (("excess", {}), ("above", {("t", ""): (-0.1, 0.1)}), ("outside", {("t", ""): (-0.1, 0.1)})):
        column = Column("t", "m", rule)
        assert judge(column, table, "good", "", limits).caught is False
        assert judge(column, table, "bad", "", limits).caught is True
    assert str(judge(Column("t", "m", "excess"), table, "bad", "", {})) == "**0.90**"
    assert judge(Column("t", "m", "below"), table, "bad", "", {("t", ""): (-0.1, 0.1)}).caught is False


def test_the_page_holds_a_row_for_every_simulator():
    text = PAGE.read_text()
    for task in ("anes96", "disclosure"):
        for kind in ("table", "rates"):
            assert f"<!-- {kind}: {task} -->" in text
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    for name in SIMULATORS:
        if name not in ("no effect of arms", "ten rows each"):
            assert sum(line.startswith(f"| {name} |") for line in tables) == 2, name
    assert len({column.title for column in COLUMNS}) == len(COLUMNS)


@pytest.mark.parametrize("name", ["anes96", "disclosure"])
def test_people_at_no_fault_are_held_against_every_rule(name):
    one = repeat(load_task(name), splits=1, number=0)
    titles = {title.partition(",")[0] if "band" in title else title for title in one.said}
    assert {"JS distance", "SD ratio", "gap", "coherence", "F1", "FPR", "label swap p", "too close"} <= titles
    assert all(np.isfinite(value) for value in one.differences.values())
    assert ("F1", "") in one.differences
    again = repeat(load_task(name), splits=1, number=1)
    assert one.differences != again.differences  # other people


def test_the_command_counts_repetitions(monkeypatch):
    """Every repetition counts once, and limits are taken where a value is known often enough."""
    caught = [number % 4 == 0 for number in range(FEWEST)]

    def one(task, splits, number):
        said = {"rule": caught[number], "of a band, outside the band over splits": True, "unknown": None}
        return Repetition(said, {("F1", ""): float(number)} | ({("rare", ""): 0.0} if number else {}))

    monkeypatch.setattr("benchmarks.fooled.repeat", one)
    seen = []
    text, limits = rates("anes96", FEWEST, 1, lambda: seen.append(1))
    assert len(seen) == FEWEST
    assert "| rule | 5 of 20 | 0.250 |" in text
    assert "| of a band, outside the band over splits | 20 of 20 | 1.000 |" in text
    assert "| any rule with an interval or p | 5 of 20 | 0.250 |" in text
    assert "unknown" not in text
    assert set(limits) == {("F1", "")}
    assert limits["F1", ""] == pytest.approx((0.475, 18.525))
