"""Finding and listing tasks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from surveyeval.errors import ConfigError
from surveyeval.task import catalogue
from surveyeval.task.catalogue import find_task, summaries, task_names
from surveyeval.task.load import load_task

RICH = Path(__file__).with_name("rich.yaml")


def test_shipped_tasks_are_listed_as_they_are() -> None:
    assert task_names() == ["anes96", "disclosure", "disclosure_sale", "framing", "gss_spending", "nonvoters"]
    for line in summaries():
        task = load_task(line.name)
        assert (line.name, line.title, line.version, line.provenance, line.items, line.tags) == (
            task.name, task.title, task.version, task.spec.source.provenance, len(task.all_items), tuple(task.spec.tags),
        )  # fmt: skip
        assert line.path == find_task(line.name)


def test_unknown_names_and_paths() -> None:
    with pytest.raises(ConfigError, match="did you mean 'anes96'"):
        find_task("anes69")
    with pytest.raises(ConfigError, match="tasks: anes96"):
        find_task("zzzzzzzz")
    for path in ("no/such/file.yaml", "task.yml", "tests/task", "a" * 5_000, "a/\0", ""):
        with pytest.raises(ConfigError):
            find_task(path)
    assert find_task(RICH) == RICH


def test_extra_tasks_and_broken_files_have_their_line(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "task.yaml").write_text(RICH.read_text())
    extra = {"broken": tmp_path / "broken.yaml", "good": tmp_path / "good"}
    lines = {line.name: line for line in summaries(extra)}
    assert lines["broken"].error
    assert lines["good"].items == 6
    assert task_names(extra)[-2:] == ["broken", "good"]


def test_the_packaged_copy_is_used_without_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "surveyeval"
    (package / "_tasks" / "only").mkdir(parents=True)
    (package / "_tasks" / "only" / "task.yaml").write_text("name: only\n")
    (tmp_path / "site-packages" / "tasks").mkdir()  # somebody else's
    monkeypatch.setattr(catalogue, "_PACKAGE", package)
    assert task_names() == ["only"]


def test_listing_loads_nothing_heavy() -> None:
    code = (
        "import sys; from surveyeval.task.catalogue import summaries; summaries();"
        "print([m for m in ('numpy', 'pandas', 'pydantic', 'jinja2', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
