"""What a very large run costs, and what would break first: 10^6 respondents x 100 items x 50 models.

    python benchmarks/scale.py [--respondents 1024] [--items 100] [--workers 1 2] [--score 1000 3000]
    python benchmarks/scale.py --measured benchmarks/scale_measured.json    # nothing is measured: only projected again

A model that costs nothing answers an invented survey, in this process and through Ray, so that what is measured is all that
is not the model: the work of a worker, the work of the one process that writes, bytes, memory, and how scoring grows. The
projection is arithmetic on these numbers and on assumptions that are printed with it, and a simulated queue of workers before
one writer. Read docs/explanation/scale.md beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import child, machine, peak_mib, threads_environment
from scale_model import install
from scale_projection import ITEMS, print_projection

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--respondents", type=int, default=1024)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2], help="of the runs through Ray")
    parser.add_argument("--load", type=int, nargs=2, default=[4000, 16000], help="respondents whose memory is compared")
    parser.add_argument("--score", type=int, nargs="*", default=[1000, 3000], help="respondents that are scored")
    parser.add_argument("--measured", type=Path, help="numbers of an earlier run, from which is projected")
    parser.add_argument("--save", type=Path, help="where the numbers of this run are kept for that")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        told = json.loads(options.way)
        print(json.dumps(WAYS[told["way"]](**told["arguments"])))
        return
    if options.respondents < 64:
        parser.error("--respondents: at least 64, which are two blocks")
    if not options.measured:
        print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        install(site)
        environment = {
            **threads_environment(1),
            "PYTHONPATH": os.pathsep.join([str(site), str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "SURVEYEVAL_CACHE": str(Path(folder) / "cache"),
        }

        def run(way: str, **arguments: Any) -> dict[str, Any]:
            print(way, arguments, file=sys.stderr, flush=True)
            told = json.dumps({"way": way, "arguments": arguments})
            return child(sys.executable, __file__, ["--way", told], environment)

        found = json.loads(options.measured.read_text()) if options.measured else _measured(run, options)
        if options.save:
            options.save.write_text(json.dumps(found, indent=1) + "\n")
        # what a server is sent is counted and not timed, so it is counted anew
        sent = {mode: run("plan", items=ITEMS, mode=mode) for mode in ("sequential", "independent")}
        print_projection({**found, "sent": sent})


def _measured(run: Any, options: argparse.Namespace) -> dict[str, Any]:
    size = {"respondents": options.respondents, "items": options.items}
    runs = {"local": run("answer", **size, workers=0), "local, cache": run("answer", **size, workers=0, cache=True)}
    for number in options.workers:
        runs[f"ray, {number}"] = run("answer", **size, workers=number)
    memory = [run("load", respondents=n, items=options.items) for n in options.load]
    scored = [run("score", respondents=n, items=options.items) for n in options.score]
    return {"size": size, "runs": runs, "memory": memory, "scored": scored}


# ---- what is measured, each in a process of its own -----------------------------------------------------------------


def _survey(folder: Path, respondents: int, items: int, mode: str = "independent", rng_seed: int = 0) -> Path:
    import numpy as np
    import yaml

    rng = np.random.default_rng(rng_seed)
    options = {str(code): f"point {code}" for code in range(1, 6)}
    task = {
        "name": "scale", "version": "1.0", "title": "An invented survey",
        "source": {"use": "file:answers.csv", "provenance": "synthetic", "licence": "CC0-1.0", "citation": "nobody", "id": "id"},
        "profile": {
            "age": {"column": "age"}, "place": {"column": "place", "labels": {name: f"town {name}" for name in "abcd"}}
        },
        "interview": {
            "mode": mode, "system": "You take part in a survey.", "profile": "You are {{ age }}, from {{ place }}.",
            "options": "letters",
        },
        "items": [
            {"name": f"q{j}", "role": "attitude", "kind": "ordinal", "question": f"How far do you agree with statement {j}?",
             "options": options}
            for j in range(items)
        ],
        "subgroups": ["place"], "cells": ["place"],
    }  # fmt: skip
    level = rng.normal(size=respondents)[:, None]
    answers = np.clip(np.rint(3 + level + rng.normal(size=(respondents, items))), 1, 5).astype(int)
    lines = [",".join(["id", "age", "place", *(f"q{j}" for j in range(items))])]
    for row in range(respondents):
        lines.append(",".join([f"p{row}", str(18 + row % 70), "abcd"[row % 4], *map(str, answers[row])]))
    (folder / "answers.csv").write_text("\n".join(lines) + "\n")
    (folder / "task.yaml").write_text(yaml.safe_dump(task, sort_keys=False))
    return folder / "task.yaml"


@contextmanager
def _prepared(respondents: int, items: int, mode: str = "independent") -> Any:
    """A folder, the task and its people; a third more of these, since a quarter are set aside."""
    from surveyeval.task.human import load_human
    from surveyeval.task.load import load_task

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        task = load_task(str(_survey(folder, -(-respondents * 4 // 3), items, mode)))
        yield folder, task, load_human(task)


def answer(respondents: int, items: int, workers: int, cache: bool = False) -> dict[str, Any]:
    """A run without scoring: seconds of the clock and of this process, for each block, and bytes for each answer."""
    from surveyeval.engine import runner
    from surveyeval.engine.cache import ResponseCache, open_cache
    from surveyeval.engine.executors import Local
    from surveyeval.engine.executors.options import RayOptions
    from surveyeval.engine.executors.ray import Ray
    from surveyeval.engine.experiment import prepare
    from surveyeval.engine.manifest import RunOptions
    from surveyeval.engine.store import ResponseLog
    from surveyeval.model.build import build_model
    from surveyeval.progress import Silent

    os.environ.pop("SURVEYEVAL_NO_CACHE", None)
    spent = {"append": 0.0, "table": 0.0, "log": 0.0}
    append, table = ResponseLog.append, runner.write_responses
    times: list[tuple[float, float]] = []

    def timed_append(self: Any, record: Any) -> None:
        times.append((time.monotonic(), time.process_time()))
        started = time.monotonic()
        append(self, record)
        spent["append"] += time.monotonic() - started

    def timed_table(folder: Path, *arguments: Any, **options: Any) -> Any:
        spent["log"] = float((folder / "responses.log").stat().st_size)
        started = time.monotonic()
        found = table(folder, *arguments, **options)
        spent["table"] = time.monotonic() - started
        return found

    ResponseLog.append, runner.write_responses = timed_append, timed_table  # type: ignore[method-assign]
    with _prepared(respondents, items) as (folder, task, people):
        named = build_model("nothing:x")
        experiment = prepare(task, people, RunOptions(limit=respondents), [named])
        executor = Ray(RayOptions(workers=workers)) if workers else Local()
        kept = open_cache() if cache else ResponseCache(None)
        run = runner.simulate(
            experiment, named, folder / "runs", config={}, command="", again=False, progress=Silent(), cache=kept, executor=executor
        )  # fmt: skip
        executor.close()
        blocks, answers = len(times), respondents * items
        # from the first block that came back, so that starting and loading do not count
        wall, own = (last - first for last, first in zip(times[-1], times[0], strict=True))
        return {
            "wall": wall / (blocks - 1), "own": own / (blocks - 1), "append": spent["append"] / blocks,
            "table": spent["table"] / answers, "log_bytes": spent["log"] / answers,
            "parquet_bytes": (run.folder / "responses.parquet").stat().st_size / answers, "blocks": blocks,
        }  # fmt: skip


def load(respondents: int, items: int) -> dict[str, Any]:
    """Largest memory of a process that has loaded the people."""
    with _prepared(respondents, items) as (_, _, people):
        return {"respondents": people.sample.n, "mib": peak_mib()}


def score(respondents: int, items: int) -> dict[str, Any]:
    """Seconds and memory of scoring a baseline that answers in no time, with 5 half splits in place of 50."""
    from surveyeval import api

    with _prepared(respondents, items) as (folder, task, _):
        started = time.monotonic()
        api.run(task=task, model="baseline:pooled", splits=5, output=folder / "runs")
        return {"respondents": respondents, "seconds": time.monotonic() - started, "mib": peak_mib()}


def plan(items: int, mode: str, respondents: int = 100) -> dict[str, Any]:
    """Tokens that a server is sent for one interview, low and high, as `surveyeval plan` forecasts them."""
    from surveyeval.engine import forecast

    with _prepared(respondents, items, mode) as (folder, task, _):
        [found] = forecast.plan(task, "openai:any", limit=respondents, cache=False, runs=folder / "runs")
        return {"people": found.people, "low": found.tokens_in[0], "high": found.tokens_in[1]}


WAYS = {"answer": answer, "load": load, "score": score, "plan": plan}

if __name__ == "__main__":
    main()
