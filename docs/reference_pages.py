"""Write the pages of docs/reference that follow from code: commands, fields of files, models, hooks, errors, estimates, runs, Python.

    python docs/reference_pages.py            # write
    python docs/reference_pages.py --check    # say what is stale, and write nothing

Pages of metrics are written by docs/metric_pages.py.
"""

from __future__ import annotations

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
from written import write_or_check

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


def pages() -> dict[str, str]:
    """Text of every page by name."""
    return {name: make() for name, make in PAGES.items()}


def differences() -> list[str]:
    """What is stale, a sentence each."""
    said = []
    for name, text in pages().items():
        file = FOLDER / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            said.append(f"docs/reference/{name} is stale: run python docs/reference_pages.py")
    return said


if __name__ == "__main__":
    raise SystemExit(write_or_check(__doc__, FOLDER, pages, differences))
