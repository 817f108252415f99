"""What somebody may change in a submission so that a model looks better, with all hashes made anew."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from surveyeval.board import check as checking
from surveyeval.board.check import check_submission
from surveyeval.board.submission import Submission
from tests.leaderboard.made import Parts, changed, identified


def estimates(parts: Parts, **wanted: Any) -> list[dict[str, Any]]:
    rows = parts["metrics"]["estimates"]
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def simulated_shares(parts: Parts) -> None:
    for row in parts["tables"]["distributions"]:
        row["simulated"] = row["human"]


def simulated_coefficients(parts: Parts) -> None:
    for row in parts["tables"]["coefficients"]:
        for end in ("", "_se", "_low", "_high"):
            row[f"simulated{end}"] = row[f"human{end}"]


def gap(parts: Parts) -> None:
    """Of few people the table has no rows: here is one, with a gap that its counts do not give."""
    rule = estimates(parts, quantity="estimate", name="gap")[0]["rule"]
    counts = {"n": 60.0, "follows": 30.0, "contradicts": 20.0, "undetermined": 10.0, "missing": 10.0}
    parts["tables"]["coherence"] = [{"rule": rule, "side": "simulation", "arm": "", **counts, "gap": 0.15}]


def more_answers(parts: Parts) -> None:
    parts["manifest"]["counts"]["answered"] *= 10


def fewer_than_none(parts: Parts) -> None:
    parts["manifest"]["counts"]["invalid"] = -3


def other_answers(parts: Parts) -> None:
    parts["manifest"]["counts"]["answered"] -= 1
    parts["manifest"]["counts"]["refused"] += 1


def more_people(parts: Parts) -> None:
    for row in parts["metrics"]["estimates"]:
        if row["n_human"]:
            row["n_human"] *= 100


def never_tried(parts: Parts) -> None:
    parts["manifest"]["tried"] = 0


def before_it_began(parts: Parts) -> None:
    parts["manifest"]["seconds"] = -4


def tomorrow(parts: Parts) -> None:
    parts["manifest"]["created"] = "2099-01-01T00:00:00+00:00"


def chance(parts: Parts) -> None:
    for row in estimates(parts, quantity="indistinguishable"):
        if row["p"] is not None:
            row["p"] = row["p_adjusted"] = 0.9


def no_axis(parts: Parts) -> None:
    parts["metrics"]["estimates"] = [row for row in parts["metrics"]["estimates"] if row["axis"] != "coherence"]


def no_reference(parts: Parts) -> None:
    parts["metrics"]["estimates"] = [row for row in parts["metrics"]["estimates"] if row["quantity"] != "reference"]


def no_equivalence(parts: Parts) -> None:
    parts["metrics"]["estimates"] = [row for row in parts["metrics"]["estimates"] if row["quantity"] != "equivalence"]


def overall_alone(parts: Parts) -> None:
    """The overall distance and what follows from it, without its items."""
    for row in estimates(parts, metric="total_variation", name="total_variation", item="", arm=""):
        if row["quantity"] in ("matched", "excess", "gain_over_cell", "gain_over_floor"):
            sign = 1 if row["quantity"].startswith("gain") else -1
            for name in ("value", "low", "high"):
                row[name] = None if row[name] is None else row[name] + sign * 0.01


def nearer_people(parts: Parts) -> None:
    """People further from each other in all of one metric, with every number that follows from it."""
    lines: dict[tuple[str, ...], dict[str, dict[str, Any]]] = {}
    for row in estimates(parts, metric="js_distance"):
        quantity = row["model"] if row["quantity"] == "floor" else row["quantity"]
        lines.setdefault((row["name"], row["item"], row["arm"]), {})[quantity] = row
    for line in lines.values():
        reference, matched, excess, recovered = (
            line.get(name) for name in ("reference", "matched", "excess", "recovered")
        )
        if reference is None or reference["value"] is None:
            continue
        for name in ("value", "low", "high"):
            reference[name] = None if reference[name] is None else reference[name] / 2
        if matched and excess and matched["value"] is not None and excess["value"] is not None:
            moved = matched["value"] - reference["value"] - excess["value"]
            for name in ("value", "low", "high"):
                excess[name] = None if excess[name] is None else excess[name] + moved
            if recovered and recovered["value"] is not None:
                floor = line[f"baseline:{recovered['floor_name'].removeprefix('baseline:')}"]["value"]
                value = (floor - matched["value"]) / (floor - reference["value"])
                recovered |= {"value": value, "low": value - 1, "high": value + 1}


def one_pattern(parts: Parts) -> None:
    """What an earlier version said of rows that are all the same."""
    for row in estimates(parts, quantity="matched", name="unique_patterns"):
        row |= {"value": 1.0, "low": 1.0, "high": 1.0}


def said_to_be_few(parts: Parts, quantity: str) -> None:
    for row in estimates(parts, quantity=quantity, name="js_distance", item="", arm="", group=""):
        row |= dict.fromkeys(("value", "low", "high")) | {
            "status": "too_small",
            "reason": "fewer than 10 people",
            "flags": "",
        }


def few_people(parts: Parts) -> None:
    said_to_be_few(parts, "reference")


def few_rows(parts: Parts) -> None:
    said_to_be_few(parts, "matched")


def words_for_numbers(parts: Parts) -> None:
    parts["tables"]["coefficients"][0]["simulated"] = "large"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (simulated_shares, "differences of shares that are tested for equivalence"),
        (simulated_coefficients, "in the test of the term"),
        (gap, "gap is 0.15, and follows to be 0.4"),
        (gap, "gaps in the table of coherence, as in the estimates"),
        (more_answers, "(interviews x items)"),
        (fewer_than_none, "invalid is no number of answers"),
        (other_answers, "in the states"),
        (more_people, "people behind each number, at most the test people"),
        (never_tried, "tried is 0"),
        (before_it_began, "seconds is -4"),
        (tomorrow, "created lies in the future"),
        (chance, "p-values of single terms, from their intervals"),
        (chance, "p-values of slopes together, from their statistic"),
        (no_axis, "gap (coherence) is missing"),
        (no_reference, "has no reference"),
        (no_equivalence, "no test of shares of"),
        (overall_alone, "distances over all items, from those of the items"),
        (nearer_people, "what people and floors reach, computed again from the task's people"),
        (few_people, "reference of js_distance"),
        (few_rows, "distances of a model that answered every item as often as people"),
        (one_pattern, "every simulated respondent gives the same answers"),
        (words_for_numbers, "coefficients, row 0: simulated is not what it must be"),
    ],
)
def test_a_forgery_is_found_and_named(
    checks: Callable[[Callable[[Parts], None]], tuple[str, ...]], change: Callable[[Parts], None], words: str
) -> None:
    problems = checks(change)
    assert any(words in problem for problem in problems), problems


@pytest.fixture(scope="module")
def checks(submission: Submission) -> Callable[[Callable[[Parts], None]], tuple[str, ...]]:
    """Problems of the submission after a change; the people are asked once."""
    known: dict[str, tuple[str, ...]] = {}

    def of(change: Callable[[Parts], None]) -> tuple[str, ...]:
        if change.__name__ not in known:
            known[change.__name__] = check_submission(changed(submission, change)).problems
        return known[change.__name__]

    return of


def test_shares_and_distances_of_the_full_sample_follow_from_each_other(submission: Submission) -> None:
    """One share more for the one option and less for the other, with the test of equivalence taken along."""

    def change(parts: Parts) -> None:
        by_item: dict[str, list[dict[str, Any]]] = {}
        for row in parts["tables"]["distributions"]:
            by_item.setdefault(row["item"], []).append(row)
        rows = next(own for own in by_item.values() if all(row["simulated"] is not None for row in own))
        moved = 0.3 * (rows[1]["human"] - rows[1]["simulated"])
        for row, step in ((rows[0], -moved), (rows[1], moved)):
            row["simulated"] += step
            for test in estimates(parts, quantity="equivalence", item=row["item"], term=row["option"], group=""):
                test["value"] = None if test["value"] is None else test["value"] + step

    problems = check_submission(changed(submission, change)).problems
    assert any("distances of items in the full sample, from the table of shares" in one for one in problems)


def test_a_task_that_is_not_here_is_said_and_its_people_are_not_asked(submission: Submission) -> None:
    def elsewhere(parts: Parts) -> None:
        parts["manifest"]["task"] |= {"name": "elsewhere", "hash": "7" * 64}
        for row in parts["metrics"]["estimates"]:
            row["task"] = "elsewhere"
        identified(parts)

    def forged(parts: Parts) -> None:
        elsewhere(parts)
        nearer_people(parts)

    for change in (elsewhere, forged):
        checked = check_submission(changed(submission, change))
        assert checked.problems == ()
        assert any("what people and floors reach: needs the task's people" in one for one in checked.open)
        assert any("no measure was left out" in one for one in checked.open)

    def without(parts: Parts) -> None:
        elsewhere(parts)
        gap(parts)
        no_axis(parts)

    # the table of coherence is still there
    assert any(
        "and the table coherence is there" in one for one in check_submission(changed(submission, without)).problems
    )


def test_what_breaks_a_check_is_a_problem_and_names_its_part(
    submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: object) -> None:
        raise TypeError("must be real number, not str")

    monkeypatch.setattr(checking, "check_tables", broken)
    problems = check_submission(submission).problems
    assert problems == ("what is read: tables: TypeError: must be real number, not str",)


def test_distances_are_those_of_textbooks() -> None:
    """Against scipy, which knows all three."""
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import wasserstein_distance

    from surveyeval.board.check_tables import _js, _wasserstein

    p, q, values = [0.2, 0.5, 0.3, 0.0], [0.0, 0.4, 0.4, 0.2], [1.0, 4.0, 2.0, 7.0]
    assert math.isclose(_js(p, q), float(jensenshannon(p, q, base=2)))
    assert math.isclose(_wasserstein(p, q, values), float(wasserstein_distance(values, values, p, q)) / 6)
