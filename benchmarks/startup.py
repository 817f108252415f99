"""How long the command line takes to answer when it has nothing to compute, as whole processes.

    python benchmarks/startup.py [--runs N]

Each command runs so often, by turns so that a busy moment hits all alike, beside an interpreter that does nothing and
one that imports click alone. Ratios are of medians, to the interpreter that does nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

#: label -> (words after python, bound in seconds)
COMMANDS: dict[str, tuple[list[str], float | None]] = {
    "python -c pass": (["-c", "pass"], None),
    'python -c "import click"': (["-c", "import click"], None),
    "surveyeval --help": (["-m", "surveyeval", "--help"], 0.25),
    "surveyeval run --help": (["-m", "surveyeval", "run", "--help"], 0.25),
    "surveyeval ls tasks": (["-m", "surveyeval", "ls", "tasks"], 0.40),
    "completion of --task": (["-m", "surveyeval"], 0.40),
}


def seconds(words: list[str], environment: dict[str, str], folder: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="Time commands that compute nothing.")
    parser.add_argument("--runs", type=int, default=20, help="times that each command runs")
    runs = parser.parse_args().runs
    taken: dict[str, list[float]] = {label: [] for label in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(runs + 1):
            for label, (words, _) in COMMANDS.items():
                environment = {**os.environ, "SURVEYEVAL_CACHE": folder}
                if label.startswith("completion"):
                    environment |= {"_SURVEYEVAL_COMPLETE": "bash_complete", "COMP_CWORD": "3"}
                    environment["COMP_WORDS"] = "surveyeval run --task a"
                elapsed = seconds(words, environment, folder)
                if turn:  # the first turn fills caches of the file system and of plugins
                    taken[label].append(elapsed)
    base = statistics.median(taken["python -c pass"])
    print(f"{'command':<26} {'median':>8} {'least':>8} {'ratio':>7} {'bound':>8}")
    for label, (_, bound) in COMMANDS.items():
        median = statistics.median(taken[label])
        said = "" if bound is None else f"{bound:.2f} s" + ("" if median <= bound else "  MISSED")
        print(f"{label:<26} {median:>6.3f} s {min(taken[label]):>6.3f} s {median / base:>6.1f}x {said:>8}")


if __name__ == "__main__":
    main()
