"""Scoring speed through vLLM: surveyeval's ``vllm:`` models against lm-evaluation-harness's vLLM path.

    .venv-vllm/bin/python benchmarks/vllm_scoring.py [--quick | --full] [--dtype float32] [--threads 2]

Same engine, weights, dtype, threads and memory for the cache, same prompts and options, each side in a process of its own.
lm-evaluation-harness asks for the log-probabilities of all tokens of every prompt with every option; vLLM then takes
nothing from its prefix cache. Ours asks for named tokens after each prompt, and prompts share what they begin with.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import (
    TOLERANCE,
    Row,
    Section,
    agreeing,
    child,
    cores,
    family_peak_mib,
    report,
    threads_environment,
    versions,
)
from survey import Shape

#: Sequences that the peer hands over at once; "auto" hands over all, and the engine batches them.
BATCHES = ("auto", "64", "32", "16", "8", "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="embedded:smollm2", help="what stands after vllm: in the model string")
    parser.add_argument("--dtype", default="float32", choices=sorted(TOLERANCE))
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--respondents", type=int, default=32)
    parser.add_argument("--cache", type=int, default=2, help="GiB of vLLM's cache, on a CPU")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="the peer's batches left to the engine, once (default)")
    size.add_argument(
        "--full", action="store_true", help="the peer at its best batch size, best of two; long interviews"
    )
    parser.add_argument("--json", help="write the table's rows to this file instead of printing them")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        asked = json.loads(options.way)
        print(json.dumps(WAYS[asked["way"]](**asked["arguments"])))
        return
    report([section(options)], options.json)


def section(options: argparse.Namespace) -> Section:
    n = options.respondents
    shapes = [Shape(n, 3, "text", "independent"), Shape(n, 3, "letters", "independent")]
    shapes += [Shape(n, 12, "letters", "sequential")] if options.full else []
    found = [compare(options, shape) for shape in shapes]
    worst = {name: max(one[name] for _, one in found) for name in ("differs", "differs_mean")}
    return Section(
        f"Questions a second through vLLM: surveyeval against lm-evaluation-harness's VLLM.loglikelihood; {options.model}, "
        f"{options.dtype}, {options.threads} threads, {options.cache} GiB of cache, best of {2 if options.full else 1}; "
        f"{found[0][1]['versions']}",
        tuple(row for row, _ in found),
        (
            f"log-probabilities of both sides differ by {worst['differs']:.1e} at most, {worst['differs_mean']:.1e} in the mean",
        ),
    )


def compare(options: argparse.Namespace, shape: Shape) -> tuple[Row, dict[str, Any]]:
    environment = threads_environment(options.threads) | {
        "VLLM_CPU_KVCACHE_SPACE": str(options.cache),
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
    }

    def run(way: str, **arguments: Any) -> dict[str, Any]:
        print(way, shape.label, arguments.get("batch", ""), file=sys.stderr, flush=True)
        whole = {"model": options.model, "dtype": options.dtype, **arguments}
        return child(sys.executable, __file__, ["--way", json.dumps({"way": way, "arguments": whole})], environment)

    with tempfile.TemporaryDirectory() as folder:
        ours = [run("ours", shape=vars(shape), folder=folder)]
        # long interviews take long: there the peer has the batch size that lets the engine decide
        sizes = BATCHES if options.full and shape.mode == "independent" else BATCHES[:1]
        tried = {batch: agreeing(run("peer", batch=batch, folder=folder), options.dtype) for batch in sizes}
        best = min(tried, key=lambda batch: tried[batch]["seconds"])
        peers = [tried[best]]
        if options.full:
            ours.append(run("ours", shape=vars(shape), folder=folder))
            peers.append(agreeing(run("peer", batch=best, folder=folder), options.dtype))
    fastest, peer = (min(side, key=lambda one: one["seconds"]) for side in (ours, peers))
    print(
        f"{shape.label}: distinct tokens {fastest['distinct']}, computed {fastest['computed']}, the peer's {fastest['given']}",
        file=sys.stderr,
    )
    ceiling = fastest["given"] / fastest["distinct"]
    rates = (shape.questions / fastest["seconds"], shape.questions / peer["seconds"])
    row = Row(shape.label, *rates, best, ceiling, None, fastest["peak"], peer["peak"])
    apart = {name: max(one[name] for one in tried.values()) for name in ("differs", "differs_mean")}
    return row, {"versions": fastest["versions"], **apart}


# ---- in processes of their own --------------------------------------------------------------------------------------


def build(model: str, dtype: str) -> Any:
    from surveyeval.model.build import build_model

    return build_model(f"vllm:{model}{'&' if '?' in model else '?'}dtype={dtype}").model


def ours(model: str, dtype: str, shape: dict[str, Any], folder: str) -> dict[str, Any]:
    from asked import run_ours

    first = build(model, dtype)
    first.load()  # models built after it share the engine
    before: list[int] = []

    def fresh() -> Any:
        made = build(model, dtype)
        made.load()
        made.release([])  # empties the engine's cache
        before.append(made.engine.read - made.engine.reused)
        return made

    found = run_ours(fresh, first.prompts.tokenizer, Shape(**shape), Path(folder))
    computed = first.engine.read - first.engine.reused - before[-1]
    return {**found, "computed": computed, "peak": family_peak_mib(), "versions": versions(*packages())}


def packages() -> list[str]:
    from importlib.metadata import distributions

    installed = {one.metadata["Name"] for one in distributions()}
    return [name for name in ("vllm", "vllm-cpu", "torch", "lm-eval", "lm_eval") if name in installed]


def their_model() -> Any:
    """The class of their vLLM path. It asks for the version of a package named vllm; the build for CPUs is named vllm-cpu."""
    from importlib import metadata

    from vllm import LLM  # noqa: F401 - finds its platform by the package's own name, so before that is changed

    known, name = metadata.version, next(name for name in packages() if name.startswith("vllm"))
    metadata.version = lambda asked: known(name if asked == "vllm" else asked)
    try:
        from lm_eval.models.vllm_causallms import VLLM
    finally:
        metadata.version = known
    return VLLM


def peer(model: str, dtype: str, batch: str, folder: str) -> dict[str, Any]:
    from asked import run_peer
    from lm_eval.api.instance import Instance

    built = build(model, dtype)
    harness = their_model()(
        pretrained=str(built._files._folder()),
        dtype=dtype,
        batch_size=batch,
        seed=0,
        max_model_len=2048,
        enforce_eager=True,
        block_size=32,
    )

    def loglikelihood(pairs: list[tuple[str, str]]) -> list[float]:
        asked = [
            Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=number)
            for number, pair in enumerate(pairs)
        ]
        return [float(value) for value, _ in harness.loglikelihood(asked, disable_tqdm=True)]

    prompts = json.loads((Path(folder) / "asked.json").read_text())
    return {**run_peer(loglikelihood, prompts), "peak": family_peak_mib()}


WAYS = {"ours": ours, "peer": peer}

if __name__ == "__main__":
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    main()
