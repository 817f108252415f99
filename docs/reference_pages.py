"""Write the pages of docs/reference that follow from code: commands, fields of files, models, hooks, errors, estimates, runs, Python.

    python docs/reference_pages.py            # write
    python docs/reference_pages.py --check    # say what is stale, and write nothing

Pages of metrics are written by docs/metric_pages.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import reference_code
import reference_commands
import reference_estimates
import reference_files
import reference_models
import reference_runs

FOLDER = Path(__file__).parent / "reference"

#: File -> what makes its text.
PAGES: dict[str, Callable[[], str]] = {
    "commands.md": reference_commands.page,
    "task-file.md": reference_files.task_page,
    "study-file.md": reference_files.study_page,
    "suite-file.md": reference_files.suite_page,
    "config-file.md": reference_files.config_page,
    "models.md": reference_models.models_page,
    "elicitations.md": reference_models.elicitations_page,
    "estimates.md": reference_estimates.page,
    "run-directory.md": reference_runs.page,
    "errors.md": reference_code.errors_page,
    "hooks.md": reference_code.hooks_page,
    "python.md": reference_code.python_page,
}


def differences() -> list[str]:
    """What is stale, a sentence each."""
    said = []
    for name, make in PAGES.items():
        file = FOLDER / name
        if not file.exists() or file.read_text(encoding="utf-8") != make():
            said.append(f"docs/reference/{name} is stale: run python docs/reference_pages.py")
    return said


def main() -> int:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="say what is stale, and write nothing")
    if parser.parse_args().check:
        said = differences()
        print("\n".join(said) or "docs/reference is up to date")
        return int(bool(said))
    FOLDER.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
    print(f"{len(PAGES)} files in docs/reference")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
