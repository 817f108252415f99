"""The inverse distribution function, against numpy's own search in the cumulative sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from surveyeval.model.draws import draw_options

LAST = np.nextafter(1.0, 0.0)


@given(
    arrays(float, (7, 4), elements=st.sampled_from([0.0, 0.1, 0.3, 1.0, 1e-300, 7.5])),
    arrays(float, 7, elements=st.one_of(st.sampled_from([0.0, 0.5, LAST]), st.floats(0, LAST))),
)
def test_every_row_is_searched_in_its_cumulative_sums(probabilities: np.ndarray, uniform: np.ndarray) -> None:
    drawn = draw_options(probabilities, uniform)
    for row, number, option in zip(probabilities, uniform, drawn, strict=True):
        if row.sum() == 0:
            assert option == -1
        else:
            cumulative = np.cumsum(row)
            found = np.searchsorted(cumulative, number * cumulative[-1], side="right")
            assert row[option] > 0
            assert option == found or (found == 4 and not row[option + 1 :].any())


def test_shares_of_a_fine_grid_are_the_probabilities() -> None:
    probabilities = np.array([0.25, 0.0, 0.7, 0.05])
    drawn = draw_options(np.tile(probabilities * 3, (1000, 1)), (np.arange(1000) + 0.5) / 1000)
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 1000, probabilities)
    assert (np.diff(drawn) >= 0).all()


@pytest.mark.parametrize("row", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_a_row_without_a_distribution_gives_no_option(row: list[float]) -> None:
    with np.errstate(invalid="ignore"):
        assert draw_options(np.array([row]), np.array([0.3])).tolist() == [-1]
