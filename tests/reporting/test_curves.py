from __future__ import annotations

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from surveyeval.reporting.curves import Curve, Point, size_curves

SVG = "{http://www.w3.org/2000/svg}"


def curve(label, values, mark=None, spread=0.0, **more):
    points = [Point(size, value, value - spread, value + spread) for size, value in values.items()]
    return Curve(label, points, mark, **more)


def drawings(figure):
    """The drawing with a name, and those beside it that are hidden from readers who can't see them."""
    root = ElementTree.fromstring(
        f"<div>{figure.rows[0].drawing.replace(' xmlns=' + chr(34) + SVG[1:-1] + chr(34), '')}</div>"
    )
    found = root.findall("./div/svg")
    return next(one for one in found if one.get("role") == "img"), [
        one for one in found if one.get("aria-hidden") == "true"
    ]


def test_sizes_lie_on_a_logarithmic_scale_with_the_sizes_tried_as_ticks():
    main, _ = drawings(size_curves("t", [curve("lora", {10: 3, 100: 2, 1000: 1}, 0)], "bits"))
    ticks = {text.text: float(text.get("x").rstrip("%")) for text in main.findall("text")}
    assert list(ticks) == ["10", "100", "1,000"]
    assert ticks["100"] - ticks["10"] == pytest.approx(ticks["1,000"] - ticks["100"], abs=0.02)


def test_ticks_too_close_to_read_are_left_out():
    main, _ = drawings(size_curves("t", [curve("lora", {100: 3, 101: 2, 1000: 1}, 0)], "bits"))
    assert [text.text for text in main.findall("text")] == ["100", "1,000"]


def test_better_values_are_lower_on_the_page_where_they_are_smaller():
    main, _ = drawings(size_curves("t", [curve("lora", {10: 3, 100: 1}, 0)], "bits"))
    line = main.find(".//polyline")
    (_, first), (_, last) = [tuple(map(float, place.split(","))) for place in line.get("points").split()]
    assert first < last


def test_a_band_is_drawn_where_draws_differ():
    main, _ = drawings(
        size_curves(
            "t",
            [curve("lora", {10: 3, 100: 1}, 0, 0.2), curve("cell", {10: 2, 100: 2}, None, 0.3, baseline="cell")],
            "bits",
        )
    )
    assert [one.get("class") for one in main.iter("polygon")] == ["spread model m0"]
    single, _ = drawings(size_curves("t", [curve("lora", {10: 3, 100: 1}, 0)], "bits"))
    assert not list(single.iter("polygon"))


def test_one_size_is_a_mark_with_a_whisker():
    main, _ = drawings(size_curves("t", [curve("lora", {60: 3.0}, 0, 0.5)], "bits"))
    assert [text.get("x") for text in main.findall("text")] == ["50.00%"]
    assert any("whisker" in one.get("class") for one in main.findall("line"))


def test_the_figure_is_told_in_words():
    figure = size_curves(
        "Distance by pilot",
        [curve("lora", {10: 0.3, 100: 0.1}, 0, 0.02), curve("base", {10: 0.4, 100: 0.4}, 1, level=True)],
        "distance",
        reference=(0.06, 0.05, 0.07),
        people="people, other half",
    )
    main, hidden = drawings(figure)
    assert main.find("title").text == "Distance by pilot"
    said = main.find("desc").text
    assert "lora 0.300 at 10 (0.280 to 0.320), 0.100 at 100 (0.080 to 0.120)" in said
    assert "base 0.400" in said
    assert "people, other half 0.060" in said
    assert all(one.get("role") is None for one in hidden)
    assert [entry.label for entry in figure.legend] == ["people, other half", "lora", "base"]


def test_people_are_a_band_and_may_have_no_interval():
    lines = [curve("lora", {10: 0.3, 100: 0.1}, 0)]
    main, _ = drawings(size_curves("t", lines, "distance", reference=(0.06, 0.05, 0.07)))
    assert [one.get("class") for one in main.findall("rect")] == ["band"]
    bare, _ = drawings(size_curves("t", lines, "distance", reference=(0.06, math.nan, math.nan)))
    assert not bare.findall("rect")
    assert any(one.get("class") == "reference" for one in bare.findall("line"))


def test_what_is_far_off_leaves_the_others_their_room_and_is_named():
    near = [curve("lora", {10: 8.2, 100: 8.0}, 0), curve("cell", {10: 8.3, 100: 8.1}, baseline="cell")]
    far = curve("base", {10: 15.0, 100: 15.0}, 1, level=True)
    figure = size_curves("t", [*near, far], "bits", caption="Lower is better.")
    assert figure.caption == "Lower is better. Beyond the figure, at least in part: base (up to 15.00)."
    main, _ = drawings(figure)
    heights = [
        float(place.split(",")[1])
        for line in main.iter("polyline")
        if "m0" in line.get("class")
        for place in line.get("points").split()
    ]
    assert max(heights) - min(heights) > 40
    assert "Beyond" not in size_curves("t", near, "bits").caption


def test_names_at_the_ends_stand_apart_and_keep_their_order():
    lines = [curve(f"model {k}", {10: 3.0, 100: 1.0 + k / 100}, k) for k in range(8)]
    _, hidden = drawings(size_curves("t", lines, "bits", named=True, height=300))
    names = [(text.text, float(text.get("y"))) for text in hidden[-1].findall("text")]
    assert [name for name, _ in names] == [f"model {k}" for k in reversed(range(8))]
    gaps = [later - earlier for (_, earlier), (_, later) in pairwise(names)]
    assert min(gaps) >= 14 - 1e-6
    assert names[-1][1] <= 320


def test_nothing_to_draw_is_no_figure():
    assert size_curves("t", [], "bits") is None
    assert size_curves("t", [Curve("lora", (), 0)], "bits") is None


def test_text_is_escaped():
    figure = size_curves('<b>"t"', [curve("<script>", {10: 1, 100: 2}, 0)], "bits", named=True)
    assert not re.search(r"<(b|script)>", figure.rows[0].drawing)
    drawings(figure)
