from __future__ import annotations

from pathlib import Path

import pytest

from surveyeval import api
from surveyeval.board.submission import Submission, make_submission
from surveyeval.engine.run import Run


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Three baselines on the same 70 people."""
    output = tmp_path_factory.mktemp("runs")
    models = ["baseline:cell", "baseline:marginal", "baseline:chain"]
    return list(api.run(task="anes96", model=models, limit=70, splits=2, output=output))


@pytest.fixture(scope="session")
def submission(runs: list[Run]) -> Submission:
    """The chain's."""
    return make_submission(runs[2])


@pytest.fixture(scope="session")
def site(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leaderboard of the three."""
    folder = tmp_path_factory.mktemp("site")
    api.leaderboard(runs, output=folder)
    return folder
