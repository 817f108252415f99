"""Branch coverage of the readers that are fuzzed, by the tests of `tests/hostile` and by those of the readers themselves.

    python tests/hostile/coverage.py [LEAST]

Prints a line for each module, and fails where one has less than LEAST per cent (95 unless given).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

#: Tests that read good files; those of this folder read the others.
GOOD = (
    "tests/hostile/test_fuzz.py",
    "tests/hostile/test_runs.py",
    "tests/hostile/test_templates.py",
    "tests/hostile/test_rules.py",
    "tests/hostile/test_yaml.py",
    "tests/hostile/test_paths.py",
    "tests/hostile/test_reached.py",
    "tests/task/test_document.py",
    "tests/task/test_expand.py",
    "tests/task/test_render.py",
    "tests/task/test_rules.py",
    "tests/task/test_formulas.py",
    "tests/task/test_load.py",
    "tests/task/test_questionnaires.py",
    "tests/task/test_draft_experiments.py",
    "tests/data/test_readers.py",
    "tests/data/test_platforms.py",
    "tests/data/test_statistical.py",
    "tests/model/test_reading.py",
    "tests/model/test_percentages.py",
    "tests/engine/test_store.py",
    "tests/reliability/test_steps.py",
    "tests/task/test_check.py",
    "tests/task/test_validate.py",
    "tests/task/test_init.py",
)


def main() -> None:
    """Run the tests, print the table, and fail where a module has less than it should."""
    from tests.hostile.targets import TARGETS

    least = float(sys.argv[1]) if len(sys.argv) > 1 else 95.0
    modules = sorted({module for target in TARGETS.values() for module in target.modules})
    files = [str(Path(str(spec.origin))) for module in modules if (spec := find_spec(module)) is not None]
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder) / "data")
        start = [sys.executable, "-m", "coverage"]
        tests = [test for test in GOOD if (ROOT / test).exists()]
        run = [*start, "run", "--branch", f"--data-file={data}", f"--include={','.join(files)}", "-m", "pytest", "-q",
               "-p", "no:cacheprovider", *tests]  # fmt: skip
        surroundings = {**os.environ, "OMP_NUM_THREADS": "1"}
        tested = subprocess.run(run, cwd=ROOT, env=surroundings, check=False).returncode
        report = [*start, "report", f"--data-file={data}", "--show-missing", f"--fail-under={0}"]
        subprocess.run(report, cwd=ROOT, check=False)
        short = [*start, "json", f"--data-file={data}", "-o", f"{folder}/coverage.json", "-q"]
        subprocess.run(short, cwd=ROOT, check=True)
        import json

        found = json.loads((Path(folder) / "coverage.json").read_text())["files"]
    low = {name: one["summary"]["percent_covered"] for name, one in found.items()}
    low = {name: share for name, share in low.items() if share < least}
    for name, share in sorted(low.items()):
        print(f"{name}: {share:.1f}% of lines and branches, {least:g}% are wanted")
    raise SystemExit(1 if low or tested else 0)


if __name__ == "__main__":
    main()
