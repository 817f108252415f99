"""Percentages stated for options: wordings by hand, properties by construction."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveyeval.data.sample import State
from surveyeval.model.percentages import TOLERANCE, read_percentages
from surveyeval.model.reading import LONGEST
from tests.model.test_reading import AGREE, HOURS, REFUSED, SHIPPED, UNKNOWN, WORDS, YES_NO, Question, question

CHANCES = question("10 percent", "30 percent", "50 percent")

STATED = [
    (YES_NO, "A: 20%\nB: 80%", [20, 80]),
    (YES_NO, "A: 20%, B) No - 80 %", [20, 80]),
    (YES_NO, "A) Yes: 20 percent\nB) No: 80 per cent", [20, 80]),
    (YES_NO, "20% A, 80% B", [20, 80]),
    (YES_NO, "20% - A) Yes\n80% for B) No", [20, 80]),
    (YES_NO, "A 20% B 80%", [20, 80]),
    (YES_NO, "A -> 20%; B -> 80%", [20, 80]),
    (YES_NO, "A -20%\nB -80%", [20, 80]),
    (YES_NO, "| A | 20% |\n| B | 80% |", [20, 80]),
    (YES_NO, "**A)** Yes: **20%**\n**B)** No: **80%**\n\nTotal: 100%", [20, 80]),
    (YES_NO, "B: 80%\nA: 20%", [20, 80]),
    (YES_NO, "A) 20\nB) 80", [20, 80]),
    (YES_NO, "A: 33.3%\nB: 66.7%", [33.3, 66.7]),
    (YES_NO, "A: 0%\nB: 100%", [0, 100]),
    (YES_NO, "A: 0.2\nB: .8", [20, 80]),
    (YES_NO, "yes: ~20% (rather unlikely)\nNO = 80%", [20, 80]),
    (YES_NO, '{"A": 20, "B": "80%"}', [20, 80]),
    (YES_NO, 'Here: ```json\n{"percentages": {"A) Yes": 0.2, "B) No": 0.8}}\n```', [20, 80]),
    (YES_NO, "<think>A: 90%\nB: 10%</think>A: 20%\nB: 80%", [20, 80]),
    (YES_NO, "A: 22%\nB: 80%", [22, 80]),
    (AGREE, "Agree strongly: 1\nAgree: 2\nDisagree: 3\nDisagree strongly: 94", [1, 2, 3, 94]),
    (WORDS, "Agree: 20%\nAgree strongly: 30%\nDisagree: 50%", [20, 30, 50]),
    (HOURS, "1: 20%, 2: 30%, 3: 50%", [20, 30, 50]),
    (HOURS, "1. 0 to 9: 20%\n2. 10 to 20: 30%\n3. more: 50%", [20, 30, 50]),
    (CHANCES, "A: 10%\nB: 30%\nC: 60%", [10, 30, 60]),
    (CHANCES, "A) 10 percent: 20%\nB) 30 percent: 30%\nC) 50 percent: 50%", [20, 30, 50]),
    (CHANCES, "10 percent: 20%\n30 percent: 30%\n50 percent: 50%", [20, 30, 50]),
]
INVALID = [
    (YES_NO, "A: 20%", "no percentage for 'B'"),
    (AGREE, "A: 50%\nB: 50%", "no percentage for 'C', 'D'"),
    (YES_NO, "A: 20%\nB: 60%", "sum to 80"),
    (YES_NO, "A: 0.2%\nB: 0.8%", "sum to 1"),
    (YES_NO, "A: 2\nB: 8", "sum to 10"),
    (YES_NO, "A: 100%\nB: 100%", "sum to 200"),
    (YES_NO, "A: 20%\nA: 20%\nB: 80%", "two percentages for 'A'"),
    (YES_NO, '{"A": 20, "A": 30, "B": 50}', "two percentages for 'A'"),
    (YES_NO, "A: -20%\nB: 120%", "below 0"),
    (YES_NO, '{"A": -20, "B": 120}', "below 0"),
    (YES_NO, "A: 10-20%\nB: 80%", "range"),
    (YES_NO, "A: 10% to 20%\nB: 80%", "range"),
    (YES_NO, "A: <20%\nB: 80%", "no percentage for 'A'"),
    (YES_NO, "A: ...%\nB: ...%", "states no percentages"),
    (YES_NO, "A", "states no percentages"),
    (YES_NO, "", "states no percentages"),
    (YES_NO, "A is likely, 80%", "states no percentages"),
    (YES_NO, '{"A": "often", "B": "rarely"}', "states no percentages"),
    (YES_NO, "<think>A: 20%\nB: 80%", "reasoning was cut off"),
    (YES_NO, "A: 20%\n" * LONGEST, "characters"),
]


@pytest.mark.parametrize(("asked", "text", "expected"), STATED)
def test_percentages_are_read_in_the_order_shown(asked: Question, text: str, expected: list[float]) -> None:
    read = read_percentages(text, asked)
    assert (read.state, read.reason) == (State.ANSWERED, "")
    assert read.values is not None
    np.testing.assert_allclose(read.values, expected)


@pytest.mark.parametrize(("asked", "text", "reason"), INVALID)
def test_what_is_no_distribution_is_invalid_with_its_reason(asked: Question, text: str, reason: str) -> None:
    read = read_percentages(text, asked)
    assert (read.state, read.values) == (State.INVALID, None)
    assert reason in read.reason


@pytest.mark.parametrize(
    ("text", "good"), [("A: 20%\nB: 80%", True), ("A: 20\nB: 8", False), ("A: 20\nB: 80.", True), ("A: 20%\nB:", False)]
)
def test_what_was_cut_within_a_number_is_invalid(text: str, good: bool) -> None:
    assert (read_percentages(text, YES_NO, "length").state == State.ANSWERED) is good


def test_refusals_are_told_from_format_errors() -> None:
    assert {read_percentages(text, YES_NO).state for text in REFUSED.split("|")} == {State.REFUSED}
    assert {read_percentages(text, YES_NO).state for text in UNKNOWN.split("|")} == {State.DONT_KNOW}
    assert read_percentages("A: 20%\nB: 80%", YES_NO, "refused").state == State.REFUSED


SHAPES = (
    "{a}: {p}%",
    "{a}) {l}: {p}%",
    "{a} - {p} %",
    "{p}% {a}",
    "- **{a}**: {p}%",
    "{l}: {p}%",
    "({a}) {p}%",
    "{a} = {p}",
)


@settings(deadline=None)
@given(st.sampled_from(SHIPPED), st.sampled_from(SHAPES), st.data())
def test_whole_percentages_come_back_from_every_shape(asked: Question, shape: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, 100), min_size=len(asked.answers) - 1, max_size=len(asked.answers) - 1))
    stated = np.diff([0, *sorted(cuts), 100])
    options = zip(asked.answers, asked.labels, stated, strict=True)
    lines = [shape.format(a=answer, l=label, p=percent) for answer, label, percent in options]
    shuffled = data.draw(st.permutations(lines))
    if asked.labels == asked.answers and ("{l}" in shape and "{a}" in shape):
        return
    read = read_percentages("\n".join(shuffled), asked)
    # "90% 10 percent" says two numbers of options that are percentages themselves: what cannot be told apart is invalid, never guessed
    if read.values is None and shape.startswith("{p}%") and all("percent" in answer for answer in asked.answers):
        assert "two percentages" in read.reason
    else:
        assert read.values is not None, (read.reason, shuffled)
        np.testing.assert_array_equal(read.values, stated)
    as_json = json.dumps({a: int(p) for a, p in zip(asked.answers, stated, strict=True)})
    np.testing.assert_array_equal(read_percentages(as_json, asked).values, stated)


_PIECES = st.sampled_from(
    ["A", "B", "C", "1", "2", ":", " ", "\n", "20", "80", "0.5", "%", " percent", "-", ",", "{", "}", '"', "Yes", "No", ")",
     "Agree", "strongly", "more", "to", "1e9", "99999", "NaN", "½", "<think>", "As an AI", "10"]
)  # fmt: skip


@settings(deadline=None)
@given(
    st.one_of(st.text(), st.lists(_PIECES, max_size=30).map("".join)), st.sampled_from([YES_NO, HOURS, WORDS, CHANCES])
)
def test_what_is_read_is_a_distribution_or_nothing(text: str, asked: Question) -> None:
    for ended in ("stop", "length"):
        read = read_percentages(text, asked, ended)
        assert (read.values is None) == (read.state != State.ANSWERED) == bool(read.reason)
        if read.values is not None:
            assert (read.values >= 0).all()
            assert abs(read.values.sum() - 100) <= TOLERANCE
