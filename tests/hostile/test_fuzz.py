"""Every reader of what strangers write gives a result or an error of ours, within bounds of time and memory."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from surveyeval.errors import SurveyevalError
from tests.hostile.limits import capped
from tests.hostile.targets import TARGETS

#: `make fuzz` tries many more, and others each time.
MANY = int(os.environ.get("FUZZ_EXAMPLES", "0"))
SETTINGS = settings(
    max_examples=MANY or 50,
    derandomize=not MANY,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("name", TARGETS)
def test_a_result_or_an_error_of_ours(name: str) -> None:
    target = TARGETS[name]

    @SETTINGS
    @given(target.inputs)
    def check(value: Any) -> None:
        with capped(), suppress(SurveyevalError):
            target.read(value)

    check()
