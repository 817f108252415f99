"""What holds for every test."""

from __future__ import annotations

import os

from surveyeval.engine.cache import NO_CACHE

try:
    from hypothesis import settings
except ModuleNotFoundError:  # where vLLM is tested, nothing is generated
    settings = None  # type: ignore[assignment, misc]

#: A test that asks a model means to ask it. Tests of the response cache have one of their own.
os.environ[NO_CACHE] = "1"

# The same inputs each time, so that a change is judged by itself. `make fuzz` and HYPOTHESIS_PROFILE=default try others.
if settings is not None:
    settings.register_profile("same", derandomize=True, database=None)
if settings is not None and "FUZZ_EXAMPLES" not in os.environ and "HYPOTHESIS_PROFILE" not in os.environ:
    settings.load_profile("same")
