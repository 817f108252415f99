"""Colours of figures: told apart by colour-blind readers, seen on their paper, the same on cards and in figures for papers."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

from surveyeval.reporting import figures
from surveyeval.reporting.plot_style import COLOURS, GREY, MARKERS, PEOPLE, VERDICTS

#: Machado, Oliveira and Fernandes (2009), A physiologically-based model for simulation of color vision deficiency, severity 1.
VISION = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
#: Differences of about 2.3 are just noticeable side by side; small marks apart from each other need more.
LEAST = 10.0
_SRGB_TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
_WHITE = np.array([0.95047, 1.0, 1.08883])


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(colour: str, vision: str) -> np.ndarray:
    """CIE L*a*b* of a colour as it is seen."""
    xyz = _SRGB_TO_XYZ @ np.clip(np.array(VISION[vision]) @ linear(colour), 0, 1) / _WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(first: str, second: str, vision: str) -> float:
    return float(np.linalg.norm(lab(first, vision) - lab(second, vision)))


def contrast(first: str, second: str) -> float:
    """Of WCAG: the relative luminances are Y of XYZ."""
    lights = sorted(float(_SRGB_TO_XYZ[1] @ linear(colour)) + 0.05 for colour in (first, second))
    return lights[1] / lights[0]


def card_colours() -> list[dict[str, str]]:
    """The variables of the style sheet, light then dark."""
    text = (files("surveyeval.reporting") / "templates" / "_style.css.j2").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", text, re.DOTALL)[:2]
    return [dict(re.findall(r"--(\w[\w-]*): (#[0-9a-f]{6})", part)) for part in (light, dark)]


def test_the_distance_is_the_known_one() -> None:
    assert lab("#ffffff", "normal") == pytest.approx([100, 0, 0], abs=0.01)
    assert difference("#000000", "#ffffff", "normal") == pytest.approx(100, abs=0.01)
    # pure red and green in L*a*b* (D65): 53.24, 80.09, 67.20 and 87.73, -86.18, 83.18
    assert difference("#ff0000", "#00ff00", "normal") == pytest.approx(
        np.hypot(np.hypot(34.49, 166.27), 15.98), abs=0.1
    )
    red_green = [difference("#c00000", "#608000", vision) for vision in ("normal", "deuteranopia")]
    assert red_green[1] < red_green[0] / 2  # what a colour-blind reader does not see


@pytest.mark.parametrize("vision", VISION)
def test_no_two_models_look_alike(vision: str) -> None:
    for palette in (
        [[one[f"m{number}"] for number in range(figures.COLOURS)] for one in card_colours()],
        [list(COLOURS)],
    ):
        for colours in palette:
            nearest = min((difference(*pair, vision), *pair) for pair in combinations(colours, 2))
            assert nearest[0] > LEAST, nearest


@pytest.mark.parametrize("vision", VISION)
def test_models_do_not_look_like_people_or_floors(vision: str) -> None:
    for one in card_colours():
        for number in range(figures.COLOURS):
            for other in ("people", "floor"):
                assert difference(one[f"m{number}"], one[other], vision) > LEAST, (number, other)


def test_models_are_seen_on_their_paper() -> None:
    for one in card_colours():
        for number in range(figures.COLOURS):
            assert contrast(one[f"m{number}"], one["paper"]) > 3, (number, one[f"m{number}"])  # WCAG 1.4.11


def test_figures_for_papers_have_the_colours_of_the_card() -> None:
    light = card_colours()[0]
    assert [light[f"m{number}"] for number in range(8)] == list(COLOURS)
    assert (light["people"], light["floor"]) == (PEOPLE, GREY)
    assert len(MARKERS) == len(figures.SHAPES)
    assert len({(number % len(COLOURS), number % len(MARKERS)) for number in range(24)}) == 24


@pytest.mark.parametrize("vision", VISION)
def test_verdicts_differ_in_colour_and_in_sign(vision: str) -> None:
    assert len({sign for _, sign, _ in VERDICTS.values()}) == len(VERDICTS)
    for (first, *_), (second, *_) in combinations(VERDICTS.values(), 2):
        assert difference(first, second, vision) > LEAST
    for tile, _, ink in VERDICTS.values():
        assert contrast(tile, ink) > 4.5
