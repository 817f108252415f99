from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest
from fabricated import run
from hypothesis import given
from hypothesis import strategies as st

from surveyeval.reporting import numbers, svg
from surveyeval.reporting.lines import Line, Lines, Value
from surveyeval.reporting.quantities import quantity
from surveyeval.reporting.verdicts import against_cell, verdict, yardstick
from surveyeval.reporting.words import HUMAN, SYNTHETIC


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0624, "distance", "0.062"),
        (-0.2, "distance", "−0.200"),
        (0.2471, "share", "24.7%"),
        (0.931, "percent", "93%"),
        (340, "count", "340"),
        (1234.6, "count", "1,235"),
        (7.1234, "bits", "7.12"),
        (-0.0001, "distance", "0.000"),
        (None, "distance", "–"),
        (math.nan, "share", "–"),
        (math.inf, "bits", "–"),
    ],
)
def test_numbers_are_printed_by_unit(value, unit, text):
    assert numbers.number(value, unit) == text


def test_intervals_read_from_low_to_high():
    assert numbers.interval(0.021, 0.043, "distance") == "0.021 to 0.043"
    assert numbers.interval(-0.12, 0.88, "share") == "−12.0 to 88.0%"
    assert numbers.interval(None, 0.88, "share") == ""
    assert numbers.with_interval(0.5, 0.4, 0.6, "ratio") == "0.50 (0.40 to 0.60)"


def test_differences_carry_their_sign():
    assert numbers.signed(0.25, "ratio") == "+0.25"
    assert numbers.signed(-0.25, "ratio") == "−0.25"
    assert numbers.signed(0.0, "ratio") == "0.00"


def test_differences_of_shares_are_percentage_points():
    assert numbers.difference(0.043, "share") == "+4.3 pp"
    assert numbers.difference(-0.081, "share") == "−8.1 pp"
    assert numbers.difference(0.25, "ratio") == "+0.25"
    assert numbers.difference(None, "share") == "–"


def test_words_are_enumerated():
    assert numbers.enumerate_words([]) == ""
    assert numbers.enumerate_words(["a"]) == "a"
    assert numbers.enumerate_words(["a", "b", "c"]) == "a, b and c"


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_round_and_inside(low, span):
    ticks = svg.nice_ticks(low, low + span)
    assert 1 <= len(ticks) <= 12
    slack = 1e-6 * max(1.0, abs(low), span)
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)


@given(st.lists(st.floats(-1e9, 1e9), max_size=8), st.booleans())
def test_scale_holds_every_value_in_order(values, zero):
    scale = svg.Scale.around(values, zero=zero)
    places = [float(scale.at(value).rstrip("%")) for value in sorted(values)]
    assert places == sorted(places)
    assert all(scale.margin <= place <= 100 - scale.margin for place in places)
    assert all(scale.inside(value) for value in values)


@given(st.text(max_size=60))
def test_svg_text_and_attributes_are_escaped(text):
    text = "".join(character for character in text if character.isprintable())
    drawn = svg.element("text", text, class_=text)
    read = ElementTree.fromstring(drawn)
    assert (read.text or "") == text
    assert read.attrib["class"] == text


def _line(metric: str, quality: float, **keys: str):
    lines = Lines([run(quality=quality)])
    return next(
        line for line in lines.lines if line.metric == metric and all(getattr(line, k) == v for k, v in keys.items())
    )


def test_verdicts_follow_from_intervals():
    keys = {"item": "", "arm": ""}
    assert "further from people than the naive floor" in verdict(_line("js_distance", -0.5, **keys), 0)[1]
    assert "between the naive floor and people" in verdict(_line("js_distance", 0.5, **keys), 0)[1]
    assert "not told apart from a second human sample" in verdict(_line("js_distance", 1.0, **keys), 0)[1]
    assert "not told apart from the naive floor" in verdict(_line("js_distance", 0.0, **keys), 0)[1]
    assert verdict(_line("group_js_distance", 0.5, group="age_band=65+"), 0)[0] == "no value"
    assert verdict(_line("group_js_distance", 0.5, group="age_band=50-64"), 0)[1] == "too few people for more"


def _two_sided(value: float, excess: float, recovered: tuple[float, float, float]) -> Line:
    """A line with a target: people at 0.6, the naive floor at 0."""
    models = [
        {
            "matched": Value(value, value - 0.05, value + 0.05),
            "excess": Value(excess, excess - 0.05, excess + 0.05),
            "recovered": Value(*recovered),
        }
    ]
    return Line(
        "coherence", "coherence", "coherence", "", "", "", "", "", "rule", "", True, "target", "marginal",
        quantity("coherence", "coherence"), Value(0.6, 0.55, 0.65), {"marginal": Value(0.0)}, models,
    )  # fmt: skip


def test_more_coherent_than_people_is_not_called_between_floor_and_people():
    """A distance can't tell the side: rows that always follow their beliefs lie past people, not before them."""
    said = verdict(_two_sided(1.0, 0.4, (0.33, 0.2, 0.46)), 0)[1]
    assert "past people on the other side" in said
    assert "between" not in said
    assert "between the naive floor and people" in verdict(_two_sided(0.2, 0.4, (0.33, 0.2, 0.46)), 0)[1]
    assert "past" not in verdict(_two_sided(0.62, 0.0, (0.97, 0.8, 1.1)), 0)[1]


def test_a_floor_is_not_judged_against_itself():
    keys = {"item": "", "arm": ""}
    assert verdict(_line("js_distance", 0.5, **keys), 0, "uniform")[1] == "the naive floor of this axis, drawn again"
    assert "the pilot shares within arm itself" in verdict(_line("joint_log_loss", 0.5, item=""), 0, "marginal")[1]
    assert "the demographic cell of the pilot itself" in verdict(_line("joint_log_loss", 0.5, item=""), 0, "cell")[1]


def test_ratios_to_people_show_no_interval_for_people():
    line = _line("sd_ratio", 0.5)
    assert line.by_construction
    assert yardstick(line).startswith("people, other half 1.00 by construction")
    assert not _line("structure_ratio", 0.5).by_construction


def test_a_card_without_human_data_has_words_of_its_own():
    assert SYNTHETIC.own("best where people are, people's own, one person") == (
        "best where synthetic rows are, synthetic rows' own, one synthetic row"
    )
    assert SYNTHETIC.own("peoples, personal") == "peoples, personal"
    assert HUMAN.own("best where people are") == "best where people are"


def test_the_cell_is_beaten_only_when_the_interval_says_so():
    assert against_cell(_line("joint_log_loss", 1.0, item=""), 0) == "better"
    assert against_cell(_line("joint_log_loss", 0.1, item=""), 0) == "worse"
    assert against_cell(_line("joint_log_loss", 0.72, item=""), 0) == "undecided"


def test_individual_lines_show_full_size_and_no_reference():
    line = _line("joint_log_loss", 0.5, item="")
    assert line.matched(0).ok
    assert line.reference is not None
    assert not line.reference.ok


def test_metrics_of_plugins_are_shown_under_their_own_name():
    known = quantity("my_metric", "my_metric")
    assert (known.label, known.unit) == ("My metric", "plain")
