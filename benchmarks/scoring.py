"""Scoring speed: questions a second against lm-evaluation-harness, on the same prompts and options.

    python benchmarks/scoring.py [--quick | --growth | --full] [--dtype float32] [--threads 2]

Both sides use the same weights, dtype and number of threads, each in a process of its own. Ours is the whole way from
people to drawn answers (`surveyeval.model.host.simulate`); the peer is ``HFLM.loglikelihood`` on the prompts as ours
rendered them, at its best batch size. Before anything is printed, the log-probabilities of both sides must agree.
What is measured and how to read it: docs/explanation/speed.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import TOLERANCE, Row, Section, agreeing, child, cores, peak_mib, report, threads_environment, versions
from survey import Shape

BATCHES = (1, 8, 16, 32, 64)
#: Batch sizes are compared on the first respondents whose questions make so many sequences: two full batches of the largest.
TRIAL = 128
#: How many respondents ours is run with, as multiples of the first.
GROWTH = {"quick": (4,), "full": (4, 16, 32)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="embedded:smollm2", help="model string of a transformers model")
    parser.add_argument("--dtype", default="float32", choices=sorted(TOLERANCE))
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--respondents", type=int, default=32)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="batch sizes that the peer tries")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="one repeat, few respondents in long interviews (default)")
    size.add_argument("--growth", action="store_true", help="ours alone, from 32 to 1,024 respondents, in letters")
    size.add_argument("--full", action="store_true", help="two repeats, 32 times as many respondents at the end")
    parser.add_argument("--json", help="write the table's rows to this file instead of printing them")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(WAYS[json.loads(options.way)["way"]](**json.loads(options.way)["arguments"])))
        return
    report(Bench(options).sections(), options.json)


class Bench:
    """The parent: starts a process for each side and size, and keeps what they tell."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.repeats = 2 if options.full else 1
        self.machine = self.run("limit", model=options.model, dtype=options.dtype)
        self.differs = self.differs_mean = 0.0

    def run(self, way: str, **arguments: Any) -> dict[str, Any]:
        print(way, {name: value for name, value in arguments.items() if name != "folder"}, file=sys.stderr, flush=True)
        words = ["--way", json.dumps({"way": way, "arguments": arguments})]
        return child(sys.executable, __file__, words, threads_environment(self.options.threads))

    def sections(self) -> list[Section]:
        n, full = self.options.respondents, self.options.full
        text, letters = Shape(n, 3, "text", "independent"), Shape(n, 3, "letters", "independent")
        if self.options.growth:
            return [self.section([self.alone(replace(letters, respondents=n * times)) for times in (1, 4, 16, 32)])]
        rows = [self.compare(text), self.compare(letters)]
        known = rows[-1]
        for times in GROWTH["full" if full else "quick"]:
            rows.append(self.grown(replace(letters, respondents=n * times), known, measure=full and times == 4))
        rows.append(self.compare(Shape(n if full else max(n // 4, 1), 12, "letters", "sequential")))
        return [self.section(rows)]

    def section(self, rows: Sequence[Row]) -> Section:
        rate, parameters = self.machine["rate"], self.machine["parameters"]
        limit = (
            f"limit: {rate / 1e9:.0f} GFLOP/s in matrix products of this model's shapes, "
            f"{parameters / 1e6:.1f} million parameters"
        )
        differs = (
            f"log-probabilities of both sides differ by {self.differs:.1e} at most, {self.differs_mean:.1e} in the mean"
        )
        return Section(
            f"Questions a second: surveyeval against HFLM.loglikelihood; {self.options.model}, {self.options.dtype}, "
            f"{self.machine['threads']} threads, best of {self.repeats}; {self.machine['versions']}",
            tuple(rows),
            (limit,) if self.options.growth else (differs, limit),
        )

    def compare(self, shape: Shape) -> Row:
        """Ours and the peer at its best batch size, in turns."""
        with tempfile.TemporaryDirectory() as folder:
            ours = [self.ours(shape, folder)]
            sequences = ours[0]["sequences"] / shape.respondents
            trial = min(shape.respondents, math.ceil(TRIAL / sequences))
            tried = {batch: self.peer(folder, batch, trial) for batch in self.options.batches}
            order = sorted(tried, key=lambda batch: tried[batch]["seconds"])
            best = order[0]
            peers = [tried[best]] if trial == shape.respondents else []
            while len(peers) < self.repeats:
                peers.append(self.peer(folder, best, shape.respondents))
            while len(ours) < self.repeats:
                ours.append(self.ours(shape, folder))
        fastest, peer = (min(side, key=lambda one: one["seconds"]) for side in (ours, peers))
        return self.row(shape, fastest, shape.questions / peer["seconds"], best, peer["peak"])

    def grown(self, shape: Shape, known: Row, measure: bool) -> Row:
        """Ours with more respondents; the peer, whose time is proportional to the questions, where that is affordable."""
        with tempfile.TemporaryDirectory() as folder:
            ours = self.ours(shape, folder)
            if measure:
                assert isinstance(known.batch, int)
                peer = self.peer(folder, known.batch, shape.respondents)
                return self.row(shape, ours, shape.questions / peer["seconds"], known.batch, peer["peak"])
        return self.row(shape, ours, known.peer, known.batch, None, estimated=True)

    def alone(self, shape: Shape) -> Row:
        """Ours without the peer."""
        with tempfile.TemporaryDirectory() as folder:
            return self.row(shape, self.ours(shape, folder), None, None, None)

    def ours(self, shape: Shape, folder: str) -> dict[str, Any]:
        options = self.options
        return self.run("ours", model=options.model, dtype=options.dtype, shape=vars(shape), folder=folder)

    def peer(self, folder: str, batch: int, respondents: int) -> dict[str, Any]:
        options = self.options
        arguments = {"batch": batch, "respondents": respondents, "folder": folder}
        found = agreeing(self.run("peer", model=options.model, dtype=options.dtype, **arguments), options.dtype)
        self.differs = max(self.differs, found["differs"])
        self.differs_mean = max(self.differs_mean, found["differs_mean"])
        return found

    def row(
        self, shape: Shape, ours: dict[str, Any], peer: float | None, batch: Any, peak: float | None, **more: Any
    ) -> Row:
        least = ours["distinct"] * 2 * self.machine["parameters"] / self.machine["rate"]
        print(
            f"{shape.label}: {ours['seconds']:.2f} s; distinct tokens {ours['distinct']}, positions read "
            f"{ours['positions']}, the peer's tokens {ours['theirs']}; least time {least:.2f} s, without the output layer "
            f"where nothing is read off {self.needed(ours):.2f} s; memory {ours['loaded']:.0f} MiB once loaded",
            file=sys.stderr,
        )
        ceiling = ours["theirs"] / ours["distinct"]
        rate = shape.questions / ours["seconds"]
        return Row(shape.label, rate, peer, batch, ceiling, least / ours["seconds"], ours["peak"], peak, **more)

    def needed(self, ours: dict[str, Any]) -> float:
        inner = ours["distinct"] * (self.machine["parameters"] - self.machine["output"])
        return float(2 * (inner + ours["places"] * self.machine["output"]) / self.machine["rate"])


# ---- in processes of their own --------------------------------------------------------------------------------------


def build(model: str, dtype: str) -> Any:
    import torch

    from surveyeval.model.build import build_model

    # the environment sets the threads of its libraries; torch is told too, lest it counts cores
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return build_model(f"{model}{'&' if '?' in model else '?'}dtype={dtype}").model


def ours(model: str, dtype: str, shape: dict[str, Any], folder: str) -> dict[str, Any]:
    from asked import count_positions, run_ours

    first = build(model, dtype)
    first.load()  # models built after it share its weights, and have caches of their own
    loaded, positions = peak_mib(), count_positions(first.loaded.model)
    before: list[int] = []

    def fresh() -> Any:
        made = build(model, dtype)
        made.load()
        before.append(positions())
        return made

    found = run_ours(fresh, first.loaded.tokenizer, Shape(**shape), Path(folder))
    return {**found, "positions": positions() - before[-1], "loaded": loaded, "peak": peak_mib()}


def peer(model: str, dtype: str, batch: int, respondents: int, folder: str) -> dict[str, Any]:
    import torch
    from asked import first_respondents, run_peer
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    weights, tokenizer = build(model, dtype).read(getattr(torch, dtype))
    loaded = peak_mib()
    harness = HFLM(pretrained=weights.eval(), tokenizer=tokenizer, batch_size=batch, device="cpu", dtype=dtype)

    def loglikelihood(pairs: list[tuple[str, str]]) -> list[float]:
        asked = [
            Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=number)
            for number, pair in enumerate(pairs)
        ]
        return [float(value) for value, _ in harness.loglikelihood(asked, disable_tqdm=True)]

    prompts = first_respondents(json.loads((Path(folder) / "asked.json").read_text()), respondents)
    return {**run_peer(loglikelihood, prompts), "loaded": loaded, "peak": peak_mib()}


def limit(model: str, dtype: str) -> dict[str, Any]:
    """FLOP a second in products with the model's own matrices, and how many parameters it has."""
    import time

    import torch

    built = build(model, dtype)
    weights, _ = built.read(getattr(torch, dtype))
    output = weights.get_output_embeddings().weight
    matrices = [
        one.weight for one in weights.modules() if isinstance(one, torch.nn.Linear) and one.weight is not output
    ]
    best = 0.0
    with torch.inference_mode():
        for rows in (128, 512, 2048):
            inputs = {
                width: torch.randn(rows, width).to(matrices[0].dtype) for width in {one.shape[1] for one in matrices}
            }
            for _ in range(4):
                begun = time.perf_counter()
                for one in matrices:
                    torch.nn.functional.linear(inputs[one.shape[1]], one)
                seconds = time.perf_counter() - begun
                best = max(best, 2 * rows * sum(one.numel() for one in matrices) / seconds)
    return {
        "rate": best,
        "parameters": weights.num_parameters(),
        "output": output.numel(),
        "threads": torch.get_num_threads(),
        "versions": versions("torch", "transformers", "lm-eval"),
    }


WAYS = {"ours": ours, "peer": peer, "limit": limit}

if __name__ == "__main__":
    main()
