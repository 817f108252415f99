"""Training speed: surveyeval's loop against transformers.Trainer on the same rows.

    python benchmarks/finetune.py [--people 60] [--dtype bfloat16] [--batch-tokens 2048]

Both train the same adapter (LoRA, the same first weights) on the same base with the same labels, dtype and number of
threads, for one epoch, each in a process of its own. transformers.Trainer is run with several batch sizes, rows of like
length together, padding to the longest of the batch, and its best time counts. Time is from the first step to the last;
loading is not in it. Losses of both on one identical batch are compared. OMP_NUM_THREADS sets the threads: no more than
there are idle cores, since threads that wait for each other make both ways slower by far.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BATCHES = (1, 4, 8, 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base", default="embedded:smollm2")
    parser.add_argument("--task", default="anes96")
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--dtype", default="bfloat16", choices=["float32", "bfloat16"])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure(options)))
        return
    ways = ["surveyeval", *(f"Trainer, {size} rows" for size in BATCHES)]
    found: dict[str, dict[str, Any]] = {}
    for _ in range(options.repeats):  # in turns, so that a busy moment hits no one way
        for way in ways:
            print(way, file=sys.stderr)
            one = child(options, way)
            if way not in found or one["seconds"] < found[way]["seconds"]:
                found[way] = one
    report(options, found)


def child(options: argparse.Namespace, way: str) -> dict[str, Any]:
    words = [sys.executable, __file__, "--way", way]
    for name in ("base", "task", "people", "batch_tokens", "dtype"):
        words += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    done = subprocess.run(words, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def report(options: argparse.Namespace, found: dict[str, dict[str, Any]]) -> None:
    first = found["surveyeval"]
    print(
        f"{options.task}, {options.people} people, {first['tokens']} tokens, one epoch, {options.base}, {options.dtype}, "
        f"{first['threads']} threads; best of {options.repeats}\n"
    )
    print(f"{'':18}{'people/s':>10}{'tokens/s':>10}{'CPU s':>8}{'peak MiB':>10}{'first loss':>12}{'difference':>12}")
    for way, one in found.items():
        difference = abs(one["same_batch"] - first["same_batch"])
        print(
            f"{way:18}{one['people'] / one['seconds']:10.2f}{one['tokens'] / one['seconds']:10.0f}"
            f"{one['cpu']:8.0f}{one['peak_mib']:10.0f}{one['same_batch']:12.5f}{difference:12.1e}"
        )
    best = min((way for way in found if way != "surveyeval"), key=lambda way: found[way]["seconds"])
    print(f"\nsurveyeval trains {found[best]['seconds'] / first['seconds']:.2f} times as fast as {best}.")


# ---- in a process of its own ----------------------------------------------------------------------------------------


def measure(options: argparse.Namespace) -> dict[str, Any]:
    import torch

    from surveyeval.engine.experiment import split_people
    from surveyeval.model.build import build_model
    from surveyeval.task.human import load_human
    from surveyeval.task.load import load_task
    from surveyeval.tuning.adapter import add_adapter
    from surveyeval.tuning.objective import make_batches
    from surveyeval.tuning.options import PilotDesign, TuningOptions
    from surveyeval.tuning.pilot import choose_pilot
    from surveyeval.tuning.sequences import make_rows

    task = load_task(options.task)
    human = load_human(task)
    pilot = choose_pilot(task, human, split_people(task, human), PilotDesign(size=options.people))
    base: Any = build_model(options.base).model
    rows = make_rows(base, task, pilot.sample(human.sample), frozenset())
    weights, words = base.read(getattr(torch, options.dtype))
    del base
    tuning = TuningOptions(epochs=1, batch_tokens=options.batch_tokens, dtype=options.dtype)
    model = add_adapter(weights, tuning)
    same = [rows[i] for i in make_batches(rows, range(len(rows)), options.batch_tokens)[0]]
    if options.way == "surveyeval":
        loss, train = ours(model, rows, same, tuning)
    else:
        loss, train = theirs(model, words, rows, same, int(options.way.split()[1]))
    with tempfile.TemporaryDirectory() as folder:
        begun, computed = time.perf_counter(), time.process_time()
        train(Path(folder))
        seconds, cpu = time.perf_counter() - begun, time.process_time() - computed
    return {
        "people": len({row.person for row in rows}),
        "tokens": sum(row.length for row in rows),
        "seconds": seconds,
        "cpu": cpu,
        "same_batch": loss,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "threads": torch.get_num_threads(),
    }


def ours(model: Any, rows: Any, same: Any, tuning: Any) -> tuple[float, Callable[[Path], object]]:
    """Loss on one batch, and what trains."""
    import torch

    from surveyeval.tuning.objective import batch_loss, collate
    from surveyeval.tuning.trainer import Stage, Trainer

    with torch.no_grad():
        total, count = batch_loss(model, collate(same, "cpu"))

    def train(folder: Path) -> object:
        trainer = Trainer(model, rows, tuning, "cpu", folder / "x", "benchmark", lambda *_: None)
        return trainer.train(Stage("final", tuple(range(len(rows)))))

    return float(total) / count, train


def theirs(model: Any, words: Any, rows: Any, same: Any, size: int) -> tuple[float, Callable[[Path], object]]:
    """Loss on one batch, and what trains."""
    import torch
    import transformers

    def encoded(row: Any) -> dict[str, Any]:
        labels = [-100] * len(row.tokens)
        for place, token in row.labels:
            labels[place + 1] = token
        return {"input_ids": list(row.tokens), "labels": labels, "length": len(row.tokens)}

    def collate(batch: list[dict[str, Any]]) -> dict[str, Any]:
        width = max(len(one["input_ids"]) for one in batch)
        fill = {"input_ids": 0, "labels": -100}
        made = {
            name: torch.tensor([one[name] + [value] * (width - len(one[name])) for one in batch])
            for name, value in fill.items()
        }
        made["attention_mask"] = torch.tensor(
            [[1] * len(one["input_ids"]) + [0] * (width - len(one["input_ids"])) for one in batch]
        )
        return made

    with torch.no_grad():
        loss = float(model(**collate([encoded(row) for row in same])).loss)

    def train(folder: Path) -> object:
        arguments = transformers.TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=1,
            per_device_train_batch_size=size,
            learning_rate=1e-3,
            warmup_steps=0.1,
            weight_decay=0.0,
            max_grad_norm=1.0,
            seed=0,
            use_cpu=True,
            remove_unused_columns=False,
            train_sampling_strategy="group_by_length",
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            optim="adamw_torch",
        )
        trainer = transformers.Trainer(
            model=model, args=arguments, train_dataset=[encoded(row) for row in rows], data_collator=collate
        )
        return trainer.train()

    return loss, train


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
