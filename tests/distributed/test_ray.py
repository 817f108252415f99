"""Runs on Ray: the same bytes as in this process, whatever becomes of workers and of the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from surveyeval.engine.executors.options import RayOptions
from surveyeval.engine.executors.ray import Ray
from surveyeval.engine.run import find_runs
from surveyeval.errors import ModelError
from tests.distributed.cluster import Cluster, Told, cluster, killing, plain
from tests.engine.talkers import results

__all__ = ["cluster", "plain"]

CALIBRATED: dict[str, Any] = {"calibrate": "item"}


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_gives_the_bytes_of_one_process(
    cluster: Cluster, plain: dict[str, bytes], workers: int
) -> None:
    name = f"workers-{workers}"
    with cluster.workers(workers) as executor:
        run = cluster.run(name, executor, model=CALIBRATED)
    assert results(run) == plain
    assert {"metrics.json", "responses.parquet"} <= set(plain)
    # the model is loaded in workers alone
    assert str(os.getpid()) not in cluster.traces(name, "loads")
    assert len(cluster.traces(name, "loads")) <= workers


def test_a_worker_that_is_killed_costs_nothing_but_time(
    cluster: Cluster, plain: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    told = Told()
    with killing(cluster, "killed") as killed, cluster.workers(2) as executor:
        run = cluster.run("killed", executor, told, model={**CALIBRATED, "pause": 0.02})
    assert killed
    assert results(run) == plain
    assert any("has ended" in note for note in told.notes)
    processes = set(cluster.traces("killed", "loads"))
    assert str(killed[0]) in processes
    assert len(processes) in (2, 3)  # the other one may finish before the one that takes its place has loaded
    assert capfd.readouterr() == ("", "")


def command(cluster: Cluster, name: str, *others: str, **model: Any) -> list[str]:
    words = ["--task", str(cluster.task), "--model", cluster.words(name, **model), "--limit", "36", "--draws", "2",
             "--splits", "2", "--output", str(cluster.folder / "runs" / name), "--executor", "ray",
             "-E", f"address={cluster.address}"]  # fmt: skip
    return [sys.executable, "-m", "surveyeval", "run", *words, *others]


def answered(output: Path, blocks: int, running: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Wait until so many blocks are on disk."""
    deadline = time.monotonic() + 100
    while sum(log.read_bytes().count(b"\n") for log in output.glob("*/responses.log")) < blocks:
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_command_that_is_killed_goes_on_with_other_workers(cluster: Cluster, plain: dict[str, bytes]) -> None:
    output = cluster.folder / "runs" / "stopped"
    first = subprocess.Popen(
        command(cluster, "stopped", "-E", "workers=1", **CALIBRATED, pause=0.05), stderr=subprocess.DEVNULL
    )
    answered(output, 3, first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    (left,) = find_runs(output)
    assert left.status == "running"
    with cluster.workers(2) as executor:
        told = Told()
        run = cluster.run("stopped", executor, told, model=CALIBRATED)
    assert run.folder == left.folder
    assert any("continuing" in note for note in told.notes)
    assert results(run) == plain


def test_an_error_of_a_worker_is_one_block_and_keeps_what_was_answered(
    cluster: Cluster, plain: dict[str, bytes]
) -> None:
    output = cluster.folder / "runs" / "failing"
    first = subprocess.Popen(
        command(cluster, "failing", "-E", "workers=1", **CALIBRATED, pause=0.05), stderr=subprocess.PIPE, text=True
    )
    answered(output, 2, first)
    fails = cluster.folder / "traces" / "failing" / "fails"
    fails.touch()
    _, said = first.communicate(timeout=100)
    assert first.returncode == ModelError.exit_code
    assert "Traceback" not in said
    assert "the words are gone" in said
    assert "find them" in said
    fails.unlink()
    (log,) = output.glob("*/responses.log")
    kept = log.read_bytes()
    assert kept.count(b"\n") >= 2
    with cluster.workers(1) as executor:
        told = Told()
        run = cluster.run("failing", executor, told, model=CALIBRATED)
    assert run.folder == log.parent
    assert any("continuing" in note for note in told.notes)
    assert results(run) == plain


def test_what_nobody_foresaw_is_named_with_its_model(cluster: Cluster) -> None:
    traces = cluster.folder / "traces" / "breaking"
    traces.mkdir(parents=True)
    (traces / "breaks").touch()
    with cluster.workers(1) as executor, pytest.raises(ModelError, match="ValueError: this was not foreseen") as caught:
        cluster.run("breaking", executor)
    assert "'words'" in str(caught.value)
    assert "--debug" in str(caught.value)


def test_a_block_that_ends_every_worker_is_named(cluster: Cluster) -> None:
    traces = cluster.folder / "traces" / "fatal"
    traces.mkdir(parents=True)
    (traces / "fatal").touch()
    with cluster.workers(1) as executor, pytest.raises(ModelError, match="interviews 1 to 4 of draw 0") as caught:
        cluster.run("fatal", executor)
    assert "smaller ?block=" in str(caught.value)
    assert len(cluster.traces("fatal", "loads")) == 3


class Odd(Ray):
    """The first worker that looks has other weights than the command found."""

    folder: Path

    def fingerprint(self, named: Any, progress: Any) -> Any:
        found = super().fingerprint(named, progress)
        (self.folder / "odd").touch()
        return found


def test_a_worker_with_other_weights_is_refused(cluster: Cluster, plain: dict[str, bytes]) -> None:
    cluster.words("odd")
    Odd.folder = cluster.folder / "traces" / "odd"
    told, some = Told(), Odd(RayOptions(workers=2))
    run = cluster.run("odd", some, told, model={**CALIBRATED, "pause": 0.03})
    some.close()
    assert results(run) == plain
    assert any("is refused" in note and "weights 'other words' and not 'words'" in note for note in told.notes)
    alone = Odd(RayOptions(workers=1))
    with pytest.raises(ModelError, match="weights 'other words' and not 'words'"):
        cluster.run("odd", alone, model=CALIBRATED, again=True)
    alone.close()


def test_a_worker_of_another_version_is_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surveyeval.engine.executors.worker.versions", lambda: {"surveyeval": "99.0"})
    with cluster.workers(1) as executor, pytest.raises(ModelError, match=r"has surveyeval [\d.]+ and not 99\.0"):
        cluster.run("version", executor)


def test_no_more_is_asked_than_is_taken(cluster: Cluster) -> None:
    """Back-pressure: a writer that rests lets the workers rest."""
    from surveyeval.engine.asking import LanguageAsker

    held: list[int] = []
    keep = LanguageAsker.keep

    def slowly(self: LanguageAsker, record: Any, seconds: float) -> None:
        if not held:
            time.sleep(1.0)
            # three questions each: what is back, and what two places in flight allow
            held.append(len(cluster.traces("pressed")))
        keep(self, record, seconds)

    with pytest.MonkeyPatch.context() as patch, cluster.workers(1, max_in_flight=2) as executor:
        patch.setattr(LanguageAsker, "keep", slowly)
        cluster.run("pressed", executor, draws=1)
    calls_of_a_block = len(cluster.traces("pressed")) / 9
    assert held[0] <= 3 * calls_of_a_block


def test_what_was_answered_before_starts_no_worker(
    cluster: Cluster, plain: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SURVEYEVAL_NO_CACHE")
    with cluster.workers(2) as executor:
        first = cluster.run("cached", executor, model=CALIBRATED)
        before = cluster.traces("cached", "loads"), cluster.traces("cached")
        again = cluster.run("cached", executor, output=cluster.folder / "runs" / "elsewhere", model=CALIBRATED)
    assert results(first) == results(again) == plain
    assert (cluster.traces("cached", "loads"), cluster.traces("cached")) == before
    assert again.manifest["cache"]["blocks"] == 18
