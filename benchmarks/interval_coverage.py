"""How often intervals contain what they are about: the tables of docs/explanation/coverage.md.

    python benchmarks/interval_coverage.py                         everything, as in docs/explanation/coverage.md; about an hour
    python benchmarks/interval_coverage.py --parts full --replications 200 --sizes 60 250
    python benchmarks/interval_coverage.py --minutes 10            as many replications as go into ten minutes, and the table

Samples are drawn again and again from populations that are known, and every interval that a run would give is computed by
the package itself. Finished replications are kept under --store: a command that was stopped goes on where it was. What was
computed by other code, with another seed or other splits is computed anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if __name__ in ("__main__", "__mp_main__"):
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    sys.path[0] = str(ROOT)  # not this folder, where a module is called like one that libraries look for

from benchmarks.coverage_parts import Cell, Found, Truth, cells, replicate, truth  # noqa: E402
from benchmarks.coverage_table import Column, report  # noqa: E402

#: Replications that one process computes before it hands them over.
CHUNK = 20
#: What the results depend on.
SOURCES = ("surveyeval/data", "surveyeval/task", "surveyeval/metric", "surveyeval/engine", "surveyeval/model", "tests/model/disclosure_law.py",
           "tasks/disclosure/generate.py", "benchmarks/coverage_laws.py", "benchmarks/coverage_parts.py")  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """How much is computed, of what."""

    parts: tuple[str, ...] = ("full", "half")
    replications: tuple[int, int] = (1000, 400)
    sizes: tuple[int, ...] | None = None
    seed: int = 1
    splits: int = 10
    draws: int = 500

    def wanted(self, cell: Cell) -> int:
        return self.replications[cell.half]


class Store:
    """Finished replications and expected values, one file for each column, a line for each replication."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan
        self.identity = {"code": _digest(), "seed": plan.seed}
        folder.mkdir(parents=True, exist_ok=True)

    def _identity(self, cell: Cell) -> dict[str, object]:
        return self.identity | ({"splits": self.plan.splits} if cell.half else {})

    def read(self, cell: Cell) -> dict[int, Found]:
        path = self.folder / f"{cell.name}.jsonl"
        if not path.exists():
            return {}
        first, *lines = path.read_text().splitlines() or [""]
        if first != json.dumps(self._identity(cell)):
            path.unlink()
            return {}
        found = {}
        for line in lines:
            try:
                number, intervals = json.loads(line)
            except ValueError:  # the command was stopped while it wrote its last line
                path.write_text("\n".join([first, *lines[:-1]]) + "\n")
                break
            found[int(number)] = {name: (one[0], one[1], one[2]) for name, one in intervals.items()}
        return found

    def add(self, cell: Cell, results: Sequence[tuple[int, Found]]) -> None:
        path = self.folder / f"{cell.name}.jsonl"
        head = "" if path.exists() else json.dumps(self._identity(cell)) + "\n"
        with path.open("a") as file:
            file.write(head + "".join(json.dumps([number, found]) + "\n" for number, found in results))

    def truth(self, cell: Cell) -> Truth | None:
        path = self.folder / f"{cell.name}-truth.json"
        if not path.exists():
            return None
        stored = json.loads(path.read_text())
        if stored["identity"] != self._identity(cell) | {"draws": self.plan.draws}:
            return None
        return {name: (one[0], one[1]) for name, one in stored["truth"].items()}

    def add_truth(self, cell: Cell, found: Truth) -> None:
        identity = self._identity(cell) | {"draws": self.plan.draws}
        text = json.dumps({"identity": identity, "truth": found})
        (self.folder / f"{cell.name}-truth.json").write_text(text)


def _digest() -> str:
    found = hashlib.sha256()
    for source in SOURCES:
        path = ROOT / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found.update(file.read_bytes())
    return found.hexdigest()


#: A column and the numbers of replications to compute of it; without any, its expected values are to be computed.
Job = tuple[Cell, tuple[int, ...]]


def work(job: Job, plan: Plan) -> list[tuple[int, Found]] | Truth:
    cell, numbers = job
    if not numbers:
        return truth(cell, plan.seed, plan.draws)
    return [(number, replicate(cell, plan.seed, number, plan.splits)) for number in numbers]


def jobs(plan: Plan, done: Mapping[Cell, Mapping[int, Found]], known: Mapping[Cell, Truth | None]) -> Iterator[Job]:
    """What is still to be done, in turns, so that a command that is stopped leaves columns of like length."""
    yield from ((cell, ()) for cell, found in known.items() if found is None)
    for start in range(0, max(plan.replications), CHUNK):
        for cell, found in done.items():
            end = min(start + CHUNK, plan.wanted(cell))
            numbers = tuple(number for number in range(start, end) if number not in found)
            if numbers:
                yield cell, numbers


def results(
    todo: Iterator[Job], plan: Plan, processes: int, until: float
) -> Iterator[tuple[Job, list[tuple[int, Found]] | Truth]]:
    """Jobs with what came of them, in any order; none is begun after `until`."""
    if processes == 1:
        for job in todo:
            if time.monotonic() > until:
                return
            yield job, work(job, plan)
        return
    with ProcessPoolExecutor(processes) as pool:
        waiting: dict[Future[Any], Job] = {}
        while True:
            while len(waiting) < processes and time.monotonic() <= until and (job := next(todo, None)) is not None:
                waiting[pool.submit(work, job, plan)] = job
            if not waiting:
                return
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                yield waiting.pop(future), future.result()


def compute(plan: Plan, store: Store, processes: int, seconds: float) -> list[Column]:
    """Run what is missing, and gather everything; columns whose expected values are not known yet are left out."""
    every = list(cells(plan.parts, plan.sizes))
    done, known = {cell: store.read(cell) for cell in every}, {cell: store.truth(cell) for cell in every}
    todo, begun = list(jobs(plan, done, known)), time.monotonic()
    total, count = sum(len(numbers) for _, numbers in todo), 0
    for (cell, numbers), found in results(iter(todo), plan, processes, begun + seconds):
        if isinstance(found, dict):
            known[cell] = found
            store.add_truth(cell, found)
            continue
        store.add(cell, found)
        done[cell].update(found)
        count += len(numbers)
        said = f"{count} of {total} replications, {time.monotonic() - begun:.0f} s"
        print(f"\r{said}", end="", file=sys.stderr, flush=True)
    print("\r\033[K" if count else "", end="", file=sys.stderr)
    return [
        Column(cell, [done[cell][number] for number in sorted(done[cell])], about)
        for cell, about in known.items()
        if about is not None and done[cell]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=["full", "half"], default=["full", "half"])
    parser.add_argument("--replications", type=int, nargs="+", default=list(Plan.replications), metavar="N",
                        help="of the full sample and of halves; one number for both")  # fmt: skip
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of people; default: all")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--splits", type=int, default=Plan.splits, help="random half splits of each replication")
    parser.add_argument(
        "--draws", type=int, default=Plan.draws, help="fresh samples behind expected values at half size"
    )
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start nothing after so many minutes")
    parser.add_argument("--widths", action="store_true", help="print widths of intervals instead of their coverage")
    parser.add_argument(
        "--page", type=Path, help="write the tables into this page, between <!-- tables --> and <!-- end -->"
    )
    parser.add_argument("--store", type=Path, default=ROOT / "runs" / "coverage")
    options = parser.parse_args()
    plan = Plan(
        tuple(options.parts), (options.replications[0], options.replications[-1]),
        None if options.sizes is None else tuple(options.sizes), options.seed, options.splits, options.draws,
    )  # fmt: skip
    columns = compute(plan, Store(options.store, plan), options.processes, 60 * options.minutes)
    text = report(columns, plan.seed, plan.splits, plan.draws, options.widths)
    print(text)
    if options.page is not None:
        before, _, rest = options.page.read_text().partition("<!-- tables -->\n")
        _, _, after = rest.partition("<!-- end -->")
        options.page.write_text(f"{before}<!-- tables -->\n```text\n{text}\n```\n<!-- end -->{after}")


if __name__ == "__main__":
    main()
