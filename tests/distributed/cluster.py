"""A survey, a plugin and a Ray cluster of this machine, for tests of workers."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from surveyeval import api, plugins
from surveyeval.engine.executors.options import RayOptions
from surveyeval.engine.executors.ray import Ray
from surveyeval.progress import Silent
from tests.engine.talkers import results
from tests.installed import install, path_of
from tests.tuning import survey

ROOT = Path(__file__).parents[2]


class Told(Silent):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@dataclass
class Cluster:
    """Ray with two processors, and what every command on it has in common."""

    folder: Path
    task: Path
    address: str

    def words(self, name: str, **options: Any) -> str:
        """Model string with a folder of its own for traces."""
        traces = self.folder / "traces" / name
        traces.mkdir(parents=True, exist_ok=True)
        query = "".join(f"&{key}={value}" for key, value in options.items())
        return f"words=words:any?folder={traces}{query}"

    def traces(self, name: str, kind: str = "calls") -> list[str]:
        """Traces that were left, oldest first."""
        return sorted(path.name for path in (self.folder / "traces" / name).glob(f"{kind}/*"))

    def run(self, name: str, executor: Any = "local", told: Told | None = None, **options: Any) -> Any:
        """One run in a folder of its own; options of the model in a dict."""
        model = self.words(name, **options.pop("model", {}))
        defaults: dict[str, Any] = {"limit": 36, "draws": 2, "splits": 2}
        defaults["output"] = self.folder / "runs" / name
        (one,) = api.run(task=str(self.task), model=model, executor=executor, progress=told, **{**defaults, **options})
        return one

    @contextmanager
    def workers(self, number: int, **options: Any) -> Iterator[Ray]:
        """An executor on the cluster."""
        executor = Ray(RayOptions(workers=number, **options))
        try:
            yield executor
        finally:
            executor.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    install(folder / "site", "words", {}, "tests.distributed.words")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path_of(folder / "site", ROOT))
        patch.setenv("SURVEYEVAL_CACHE", str(folder / "cache"))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setattr(sys, "path", [str(folder / "site"), *sys.path])
        plugins.registry.cache_clear()
        own = Ray(RayOptions(workers=2))
        ray = own.connect()
        try:
            address = ray.get_runtime_context().gcs_address
            yield Cluster(folder, survey.write(folder / "survey", survey.people(missing=0.05)), address)
        finally:
            own.close()
            plugins.registry.cache_clear()


@pytest.fixture(scope="module")
def plain(cluster: Cluster) -> dict[str, bytes]:
    """What the run gives in this process; the pilot calibrates it."""
    return results(cluster.run("plain", model={"calibrate": "item"}))


@contextmanager
def killing(cluster: Cluster, name: str, after: int = 3) -> Iterator[list[int]]:
    """Kill the process that has made the call after so many; gives its number once it is killed."""
    killed: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set() and not killed:
            calls = cluster.traces(name)
            if len(calls) > after:
                pid = int(calls[after].rpartition("-")[2])
                assert pid != os.getpid()
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
            time.sleep(0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()
