"""Answers nearer to people than people are to each other: no verdict above "can't tell", and a reader is told."""

from __future__ import annotations

from typing import Any

import pytest
from test_use import MARGINS, SIGNS, Row, claim, effect, gain, share, swap, term, use, view

from surveyeval.engine.closeness import NEARER, too_close
from surveyeval.reporting.card import render
from surveyeval.reporting.use import COPIED, equivalent
from surveyeval.reporting.view import RunView

DISTANCES = ("total_variation", "js_distance", "wasserstein")


def distances(*flagged: str, p: float = 1.0) -> list[Row]:
    return [
        swap("alignment", p, name) | ({"flags": "too_close", "reason": "closer"} if name in flagged else {})
        for name in DISTANCES
    ]


def everything(rows: list[Row]) -> RunView:
    """A run of which everything is supported but for the rows given."""
    groups = [share("a", 0.0, 0.05, group=f"age={group}") for group in ("young", "old")]
    worth = {"model": "some", "quantity": "matched", "axis": "worth", "status": "ok", "low": 80.0, "high": 90.0}
    ppi = [
        worth | {"metric": "ppi_coverage", "name": "ppi_coverage", "value": 0.95, "headline": True},
        worth | {"metric": "ppi_n_eff", "name": "effective_sample_size_uncut", "value": 85.0},
        worth | {"metric": "ppi_n_eff", "name": "people_asked", "value": 71.0},
    ]
    own = [gain("gain_over_cell", 0.5, 0.2), gain("gain_over_floor", 0.6, 0.2)]
    again = gain("excess", -0.2, 0.05) | {"metric": "accuracy", "name": "accuracy", "item": "a", "headline": False}
    tests = [share("a", 0.0, 0.05), *groups, effect("x", 0.0, 0.02), *SIGNS, *ppi, *own, again]
    return view([*tests, *rows], margins=MARGINS, terms=[term("x", 4.0, 3.0)])


CLAIMS = ("item_shares", "subgroups", "signs", "coefficients", "individuals")
USES = ("pretest", "screening", "rectified")


@pytest.mark.parametrize(
    ("rows", "near"),
    [
        (distances(*DISTANCES), True),
        (distances("total_variation", "js_distance"), False),  # one of three is not: it may be chance
        (distances(), False),
        ([], False),
        # items are not looked at: one in forty is flagged in every run
        ([*distances(), *(one | {"item": "a", "headline": False} for one in distances(*DISTANCES))], False),
        # nor what has not been tested
        (distances(*DISTANCES, p=float("nan")), False),
        # a measure that is no distance of answers cannot take the warning away
        ([*distances(*DISTANCES), swap("alignment", 0.5, "simbench_score")], True),
    ],
)
def test_all_headline_distances_together_cap_every_verdict(rows: list[Row], near: bool) -> None:
    run = everything(rows)
    assert too_close(run.estimates, run.model) is near
    assert not too_close(run.estimates, "another")
    found = [*(claim(key, run) for key in CLAIMS), *(use(key, run) for key in USES)]
    expected = f"can’t tell {COPIED}" if near else "supported"
    assert [one.words for one in found] == [expected] * 8
    assert all(
        (one.checks[-1].name.startswith("no nearer") and one.checks[-1].result == "failed") is near for one in found
    )
    assert use("unrectified", run).verdict == "not supported"
    assert bool(equivalent(run)) is not near


def test_what_is_not_supported_stays_so() -> None:
    far = view([share("a", 0.4, 0.05), *distances(*DISTANCES)], margins=MARGINS)
    assert claim("item_shares", far).verdict == "not supported"
    assert use("pretest", far).verdict == "not supported"
    assert claim("subgroups", far).words == "can’t tell without an equivalence test"


def test_the_card_says_so_in_short_and_where_numbers_cannot_tell(human_card: Any) -> None:
    words = human_card([share("believed", 0.01, 0.05), *distances(*DISTANCES)])
    short = words.split("## In short")[1].split("\n## ")[0]
    assert (
        f"some is {NEARER} Every distance of its answers is below that of 97.5% of second samples of people." in short
    )
    assert "No verdict on it is better than “can’t tell”." in short
    limits = words.split("## What the numbers cannot tell")[1].split("\n## ")[0]
    assert f"Nearer than people: some is {NEARER}" in limits
    assert "equivalence is claimed for nothing on this card. Nothing is claimed of some" in limits
    table = words.split("## What it may be used for")[1].split("\n## ")[0]
    assert "can’t tell since answers may be copied or leaked (No nearer to these people than people are" in table
    silent = human_card([share("believed", 0.01, 0.05), *distances("js_distance")])
    assert "copied or leaked" not in silent


@pytest.fixture
def human_card() -> Any:
    from test_use import _human

    return lambda rows: render([_human(rows)]).markdown
