from __future__ import annotations

from pathlib import Path

import pytest

from surveyeval import api
from surveyeval.engine.run import Run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of a baseline on 40 people. Tests change copies of it."""
    folder: Path = tmp_path_factory.mktemp("runs")
    return api.run(task="anes96", model="baseline:marginal", limit=40, splits=2, output=folder)[0]
