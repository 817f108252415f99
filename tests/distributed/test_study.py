"""Studies on Ray: adapters are trained and arms are simulated by workers, and the estimates are those of one process."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from surveyeval.engine.executors import Executor
from surveyeval.errors import ConfigError
from surveyeval.grid.study import run_study
from surveyeval.model.hf import HFModel
from tests.distributed.cluster import Cluster, cluster
from tests.grid.test_study import FAST, spec_of

__all__ = ["cluster"]


def estimates(base: str, folder: Path, executor: Executor | None) -> pd.DataFrame:
    from surveyeval import api

    spec = spec_of(
        bases=[base], methods=["base", "lora"], baselines=["marginal"], pilots={"sizes": ["10"]},
        tuning={"epochs": 1, "dtype": "float32"}, limit=30, splits=2,
    )  # fmt: skip
    metrics = [metric for metric in api.metrics() if metric.spec.name in FAST]
    return run_study(spec, "", folder, metrics=metrics, executor=executor).estimates.drop(columns="seconds")


@pytest.mark.slow
def test_arms_are_spread_and_give_the_same_estimates(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="language models are an optional extra")
    from tests.model import tiny

    base = f"hf:{tiny.save('llama', tmp_path / 'llama', positions=2048)}?dtype=float32"
    plain = estimates(base, tmp_path / "plain", None)

    def never(self: HFModel) -> None:
        raise AssertionError("a model is loaded where the command runs")

    with cluster.workers(2) as executor, monkeypatch.context() as patch:
        patch.setattr(HFModel, "load", never)
        found = estimates(base, tmp_path / "spread", executor)
    pd.testing.assert_frame_equal(found, plain)
    assert len(list((tmp_path / "spread" / "adapters").iterdir())) == 1


def test_a_folder_that_a_worker_does_not_have_is_named(cluster: Cluster, tmp_path: Path) -> None:
    from surveyeval.progress import Silent

    with cluster.workers(1) as executor, pytest.raises(ConfigError, match="has no such folder") as caught:
        executor.train({tmp_path / "nowhere" / "adapter": print}, Silent())
    assert "file system that every machine" in str(caught.value)
