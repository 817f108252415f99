"""The tables on attention checks and on questions that were asked twice."""

from __future__ import annotations

from typing import Any

from surveyeval.reporting.card import render
from surveyeval.reporting.view import RunView
from tests.reporting import fabricated

ATTENTION = [
    {"item": "awake", "question": "Tick the second.", "expected": "two", "side": "people", "answered": 240, "passed": 216,
     "unanswered": 10, "share": 0.9, "low": 0.86, "high": 0.93},
    {"item": "awake", "question": "Tick the second.", "expected": "two", "side": "simulation", "answered": 250, "passed": 250,
     "unanswered": 0, "share": 1.0, "low": None, "high": None},
]  # fmt: skip
RETEST = [
    {"item": "believed", "again": "repeated", "question": "How believable?", "side": "people", "n": 180, "agreement": 0.71,
     "low": 0.64, "high": 0.77, "r": 0.62},
    {"item": "believed", "again": "repeated", "question": "How believable?", "side": "simulation", "n": 0,
     "agreement": None, "low": None, "high": None, "r": None},
]  # fmt: skip


def card(**tables: Any) -> str:
    one = fabricated.run()
    return " ".join(render([RunView(one.manifest, one.estimates, {**one.tables, **tables})]).markdown.split())


def test_the_card_says_who_passed_attention_checks() -> None:
    said = card(attention=ATTENTION)
    assert "Attention checks" in said
    for word in ("90.0%", "86.0 to 93.0%", "100.0%", "expected: two"):
        assert word in said
    assert said.index("Missing and invalid answers") < said.index("Attention checks")


def test_the_card_says_how_far_respondents_agree_with_themselves() -> None:
    said = card(retest=RETEST)
    for word in ("71.0%", "64.0 to 77.0%", "0.62", "asked again: repeated", "One question was asked twice (believed)"):
        assert word in said


def test_without_either_there_is_no_table() -> None:
    said = card()
    assert "Attention checks" not in said
    assert "Test and retest" not in said
    assert "who answered twice: none available" in said
