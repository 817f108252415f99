"""Fifty kills of real runs, each at a random moment; and everything ends in the bytes of a run that nobody touched.

    python benchmarks/stress.py                       fifty kills of runs with the embedded language model
    python benchmarks/stress.py --kills 200 --seed 5 --model baseline:chain --people 200

Needs the embedded model for the default. The exit code is 1 when a single byte differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.reliability.test_kills import kept, killed_and_resumed, program
from tests.tuning import survey


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="embedded:smollm2?dtype=bfloat16&block=2")
    parser.add_argument("--people", type=int, default=8, help="test people of each run")
    given = parser.parse_args()
    rng, hit, runs, wrong = np.random.default_rng(given.seed), 0, 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        folder = survey.write(here / "survey", survey.people(max(40, 2 * given.people)))
        with program(folder, given.model, given.people) as command:
            seconds, code, said = command.give(here / "whole")
            if code != 0:
                print(f"the run that nobody touches ends with {code}: {said}")
                return 1
            expected = kept(here / "whole")
            print(f"{given.model}, {given.people} people: {seconds:.1f} s; seed {given.seed}", flush=True)
            while hit < given.kills:
                output = here / f"broken{runs}"
                more, seconds = killed_and_resumed(command, output, seconds, min(6, given.kills - hit), rng)
                hit += more
                runs += 1
                different = [name for name, content in kept(output).items() if content != expected[name]]
                wrong += bool(different)
                print(
                    f"{hit} of {given.kills} kills, {runs} runs{f': {different} differ' if different else ''}",
                    flush=True,
                )
    print(f"{hit} kills in {runs} runs, {wrong} of which do not end in the bytes of the whole one")
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
