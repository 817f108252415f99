from __future__ import annotations

import math
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from fabricated import manifest, run

from surveyeval.reporting.adapters import adapter_of
from surveyeval.reporting.card import render
from surveyeval.reporting.view import RunView

ADAPTER: dict[str, Any] = {
    "base": "embedded:smollm2", "pilot": 60, "objective": "answers given the profile", "epochs": 3,
    "loss": [
        {"step": 10, "epoch": 1.0, "train": 2.25, "validation": 2.5},
        {"step": 20, "epoch": 2.0, "train": 1.75, "validation": None},
        {"step": 30, "epoch": 3.0, "train": 1.5, "validation": 1.875},
    ],
}  # fmt: skip


def _tuned(adapter: Any) -> RunView:
    told = manifest("tuned", "lora:adapters/x")
    told["model"]["fingerprint"]["details"]["adapter"] = adapter
    base = run("tuned", "lora:adapters/x", 0.9)
    return RunView(told, base.estimates, base.tables)


def _words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_card_tells_on_whom_an_adapter_was_trained():
    card = render([_tuned(ADAPTER)])
    section = _words(card.html.split('id="tuning"')[1].split("</section>")[0])
    assert "embedded:smollm2" in section
    assert "answers given the profile" in section
    row = next(line for line in card.markdown.splitlines() if line.startswith("| tuned | embedded:smollm2"))
    cells = [cell.strip() for cell in row.strip("| ").split(" | ")]
    assert cells[2:] == ["60", "answers given the profile", "3", "1.500 (at first 2.250)", "1.875 (least, at step 30)"]
    assert "tuned (an adapter trained on 60 synthetic rows; see Fine-tuning)" in _words(card.html)


def test_loss_curve_falls_and_lies_inside_its_frame():
    html = render([_tuned(ADAPTER)]).html
    figure = html.split('<figure class="curves">')[1].split("</figure>")[0]
    drawing = ElementTree.fromstring(
        re.search(r'<svg role="img" class="strip".*?</svg>(?=</div>)', figure, re.DOTALL)[0]
    )
    lines = [
        line.attrib for line in drawing.iter("{http://www.w3.org/2000/svg}line") if "curve" in line.get("class", "")
    ]
    trained = [line for line in lines if "broken" not in line["class"]]
    assert len(trained) == 2
    assert len(lines) - len(trained) == 1  # validation was measured twice
    heights = [float(trained[0]["y1"]), *(float(line["y2"]) for line in trained)]
    assert heights == sorted(heights)  # a falling loss goes down the page
    assert all(0 <= height <= float(drawing.attrib["height"]) for height in heights)
    # equal steps are equally far apart, and heights are proportional to the loss
    places = [float(trained[0]["x1"].rstrip("%")), *(float(line["x2"].rstrip("%")) for line in trained)]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.02)
    assert (heights[1] - heights[0]) / (heights[2] - heights[1]) == pytest.approx(
        (2.25 - 1.75) / (1.75 - 1.5), rel=0.01
    )
    assert "training loss from 2.250 at step 10 to 1.500 at step 30" in figure


def test_seen_and_unseen_arms_are_told_apart():
    card = render([_tuned({**ADAPTER, "arms": ["a"]})])
    words = _words(card.html)
    assert "Seen arms: message A, verified. Unseen arms: message B, unverified." in words
    assert words.count("unseen by tuned") >= 2  # beside the arm, in each figure by arm
    assert "nothing here is a result on an unseen arm" not in words


def test_losses_are_no_text_in_the_table_of_models():
    card = render([_tuned(ADAPTER)])
    assert "validation&#39;" not in card.html
    assert "'train'" not in card.markdown


@pytest.mark.parametrize(
    "adapter",
    [
        {},
        {"pilot": "many", "epochs": None, "loss": "falling", "base": 3, "objective": ["x"], "arms": "a"},
        {"pilot": math.nan, "epochs": math.inf, "loss": [None, 3, {"step": 1}, {"step": "x", "train": 1.0}]},
        {"loss": [{"step": 1, "train": 2.0, "validation": None}]},
        {"loss": [{"step": 1, "train": 2.0}, {"step": 1, "train": 2.0}]},
        {"loss": [{"step": 1, "epoch": None, "train": math.nan, "validation": 1.0}, {"step": 2, "validation": 1.0}]},
    ],
)
def test_what_is_missing_or_of_another_type_is_left_out(adapter):
    card = render([_tuned(adapter)])
    assert "Fine-tuning" in card.html
    assert "nan" not in _words(card.html).split()


@pytest.mark.parametrize("told", [None, "0c6d2e12", ["x"], 7])
def test_no_description_no_section(told):
    assert adapter_of(_tuned(told).manifest) is None
    assert 'id="tuning"' not in render([_tuned(told)]).html


def test_points_are_put_in_order():
    loss = [{"step": 3, "train": 1.0}, {"step": 1, "train": 3.0}, {"step": 2, "train": 2.0}]
    adapter = adapter_of(_tuned({"loss": loss}).manifest)
    assert adapter is not None
    assert [point.step for point in adapter.loss] == [1, 2, 3]
