"""What holds for every test."""

from __future__ import annotations

import os

from surveyeval.engine.cache import NO_CACHE

#: A test that asks a model means to ask it. Tests of the response cache have one of their own.
os.environ[NO_CACHE] = "1"
