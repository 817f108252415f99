"""Peak memory of a run by its size, and what is on disk: people read, answered, scored.

    python benchmarks/memory.py                        1,000 to 100,000 people, baseline:marginal
    python benchmarks/memory.py --model scorer         a language model without weights, asked question by question
    python benchmarks/memory.py --sizes 1000 4000 --score js_distance

Each size is a process of its own, so that no peak hides another. Answers are what a run adds to the people that it has read;
that part should not grow with their number.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ITEMS, OPTIONS = 5, 5


def write_survey(folder: Path, n: int) -> None:
    """A survey of five items with five options each, and a profile of three fields."""
    rng = np.random.default_rng(n)
    labels = {str(code): f"point {code}" for code in range(1, OPTIONS + 1)}
    import yaml

    content: dict[str, Any] = {
        "name": f"people{n}", "version": "1", "title": "Many people",
        "source": {"use": "file:answers.csv", "provenance": "synthetic", "licence": "CC0-1.0", "citation": "none", "id": "person"},
        "profile": {"age": {"column": "age"}, "region": {"column": "region", "kind": "nominal"}, "education": {"column": "education"}},
        "interview": {"mode": "sequential", "options": "letters"},
        "items": [
            {"name": f"q{j}", "role": "belief", "kind": "ordinal", "question": f"Question {j}?", "options": labels}
            for j in range(ITEMS)
        ],
    }  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "task.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    age, region = rng.integers(18, 90, n), rng.choice(list("nesw"), n)
    education, answers = rng.integers(1, 8, n), rng.integers(1, OPTIONS + 1, (n, ITEMS))
    with (folder / "answers.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["person", "age", "region", "education", *(f"q{j}" for j in range(ITEMS))])
        for i in range(n):
            writer.writerow([f"p{i:07d}", age[i], region[i], education[i], *answers[i]])


class Scorer:
    """A language model without weights: probabilities from a hash of the last words."""

    block_size = 64

    def __init__(self) -> None:
        from surveyeval.model.protocol import Capabilities

        self.capabilities = Capabilities(log_prob=True)

    def fingerprint(self) -> Any:
        from surveyeval.model.protocol import Fingerprint

        return Fingerprint("content", "hash")

    def banners(self) -> Sequence[str]:
        return ()

    def load(self) -> None: ...

    def release(self, interviews: Sequence[str]) -> None: ...

    def render(self, messages: Sequence[Any]) -> str:
        return "\n".join(one.content for one in messages)

    def score(self, requests: Sequence[Any]) -> list[Any]:
        from surveyeval.model.protocol import OptionScores

        found = []
        for one in requests:
            raw = hashlib.sha256(f"{one.interview} {len(one.messages)}".encode()).digest()[: len(one.options)]
            weight = np.frombuffer(raw, dtype=np.uint8) + 1.0
            found.append(OptionScores(np.log(0.9 * weight / weight.sum())))
        return found

    def score_paths(self, paths: Sequence[Sequence[Any]]) -> list[list[Any]]:
        return [self.score(path) for path in paths]


def peak() -> float:
    """Peak memory of this process, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: Path, model: str, metrics: Sequence[str]) -> dict[str, float]:
    """One run in this process."""
    from surveyeval import api
    from surveyeval.engine.experiment import prepare
    from surveyeval.engine.fits import room_of
    from surveyeval.engine.manifest import RunOptions
    from surveyeval.engine.runner import simulate
    from surveyeval.engine.score import score
    from surveyeval.model.build import NamedModel, build_model
    from surveyeval.progress import Silent
    from surveyeval.task.human import load_human
    from surveyeval.task.load import load_task

    task = load_task(str(folder))
    named = NamedModel("scorer", "scorer:", Scorer()) if model == "scorer" else build_model(model)
    experiment = prepare(task, load_human(task), RunOptions(splits=2), [named])
    found = {"people": peak()}
    started = time.monotonic()
    run = simulate(
        experiment, named, folder / "runs", config={"task": str(folder)}, command="", again=False, progress=Silent()
    )
    found |= {"answers": peak(), "seconds": time.monotonic() - started}
    found["disk"] = sum(path.stat().st_size for path in run.folder.iterdir()) / 2**20
    room = room_of(task, named.model, experiment.test.n, experiment.human.sample.n, 1, "choice")
    found |= {"disk said": room.disk / 2**20, "memory said": room.memory / 2**20}
    if metrics:
        score(experiment, [run], [one for one in api.metrics() if one.spec.name in metrics], Silent())
        found["scores"] = peak()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--model", default="baseline:marginal")
    parser.add_argument("--score", nargs="*", default=[], metavar="METRIC")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(Path(given.one), given.model, given.score)))
        return
    columns = ["people", "answers", *(["scores"] if given.score else []), "memory said", "disk", "disk said", "seconds"]
    print(f"{given.model}: megabytes at most, when people are read, answered"
          f"{', scored' if given.score else ''}; megabytes on disk; what `plan` says of both")  # fmt: skip
    print(f"{'n':>9}" + "".join(f"{name:>14}" for name in columns))
    with tempfile.TemporaryDirectory() as scratch:
        for n in given.sizes:
            folder = Path(scratch) / str(n)
            write_survey(folder, n)
            words = [sys.executable, __file__, "--one", str(folder), "--model", given.model, "--score", *given.score]
            environment = {
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "SURVEYEVAL_NO_CACHE": "1",
                "SURVEYEVAL_CACHE": scratch,
            }
            done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
            found = json.loads(done.stdout.splitlines()[-1])
            print(f"{n:>9,}" + "".join(f"{found[name]:>14,.1f}" for name in columns), flush=True)


if __name__ == "__main__":
    main()
