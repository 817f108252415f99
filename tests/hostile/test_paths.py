"""Names and paths that strangers choose lead nowhere but where they may."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from surveyeval import api
from surveyeval.data.sources import open_source
from surveyeval.engine.run import Run, find_runs
from surveyeval.errors import ConfigError, DataError, RunError, SurveyevalError
from surveyeval.task.document import load_document
from surveyeval.task.expand import expand
from surveyeval.task.init import init_task
from surveyeval.task.load import load_task
from tests.hostile.limits import CANARY, Canary

TASK = (
    "name: evil\nversion: '1'\ntitle: t\nsource: {use: 'file:rows.csv', provenance: synthetic, licence: none, citation: none}\n"
    "items: [{name: a, role: belief, kind: binary, question: q, options: {'0': 'no', '1': 'yes'}}]\n"
)


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    return Canary(tmp_path / "outside")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tasks" / "evil"
    made.mkdir(parents=True)
    (made / "task.yaml").write_text(TASK)
    return made


def outside(canary: Canary, folder: Path) -> list[str]:
    """Ways to name the canary."""
    (folder / "link.yaml").symlink_to(canary.path)
    (folder / "linked").symlink_to(canary.path.parent)
    return [
        "../../outside/canary.txt", str(canary.path), "link.yaml", "linked/canary.txt", "./linked/../../../outside/canary.txt",
        "linked/./canary.txt", "x/../../../outside/canary.txt", f"file://{canary.path}", "~/../../outside/canary.txt",
    ]  # fmt: skip


def test_includes_stay_in_the_folder_of_the_task(folder: Path, canary: Canary) -> None:
    for name in outside(canary, folder):
        (folder / "task.yaml").write_text(f"include: {json.dumps(name)}\n{TASK}")
        with pytest.raises(SurveyevalError) as caught:
            load_task(folder)
        assert "outside the task's folder" in str(caught.value) or "cannot be read" in str(caught.value)
        canary.check(str(caught.value))


@pytest.mark.parametrize("name", ["a\0b.yaml", "x" * 5_000, "\ud800", "..", ".", "", "/"])
def test_includes_that_are_no_path(name: str, folder: Path) -> None:
    (folder / "task.yaml").write_text(f"include: {json.dumps(name)}\n{TASK}")
    with pytest.raises(ConfigError):
        load_task(folder)


def test_includes_in_a_circle_and_without_end(folder: Path) -> None:
    (folder / "a.yaml").write_text("include: b.yaml\n")
    (folder / "b.yaml").write_text("include: a.yaml\n")
    (folder / "task.yaml").write_text(f"include: a.yaml\n{TASK}")
    with pytest.raises(ConfigError, match="includes itself"):
        expand_file(folder)
    (folder / "task.yaml").write_text(f"include: [{', '.join(['c.yaml'] * 500)}]\n{TASK}")
    (folder / "c.yaml").write_text("scales: {}\n")
    with pytest.raises(ConfigError, match="files are included"):
        expand_file(folder)


def expand_file(folder: Path) -> None:
    expand(load_document(folder / "task.yaml"), folder)


def test_sources_stay_in_the_folder_of_the_task(folder: Path, canary: Canary) -> None:
    (folder / "rows.csv").symlink_to(canary.path)
    for name in [*outside(canary, folder), "rows.csv"]:
        with pytest.raises(SurveyevalError) as caught:
            open_source(f"file:{name}", folder)
        canary.check(str(caught.value))


@pytest.mark.parametrize(
    "name", ["../../evil", "/tmp/evil", "a/b", "..", ".hidden", "a\0b", "a b", "\u202eevil", "x" * 100, "a;b", "$(id)"]
)
def test_names_of_new_tasks_are_plain(name: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a\n1\n2\n")
    with pytest.raises(ConfigError, match="is no name of a task"):
        init_task(name, tmp_path / "rows.csv", output=tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", ["../../../outside/canary", "/etc/x", "a/b", "..", "\x1b[2J", "", "a\0b"])
def test_names_of_tasks_in_task_files_are_plain(name: str, folder: Path) -> None:
    (folder / "task.yaml").write_text(TASK.replace("name: evil", f"name: {json.dumps(name)}"))
    with pytest.raises(ConfigError):
        load_task(folder)


@pytest.mark.parametrize("reference", ["../os", "anes96.os", "__init__", "tests", "anes96/../../os", "os\0"])
def test_data_sets_of_packages_are_named_from_a_list(reference: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no data set"):
        open_source(f"statsmodels:{reference}", tmp_path)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (("task", "name"), "../../outside/canary"),
        (("task", "name"), "/tmp/x"),
        (("task", "name"), "a/b"),
        (("task", "name"), "a\0b"),
        (("task", "name"), ".."),
        (("id",), "../../../outside/x"),
        (("id",), "a/b"),
        (("id",), "\x1b[2J"),
    ],
)
def test_names_in_runs_of_others_are_no_paths(
    part: tuple[str, ...], value: str, run: Run, tmp_path: Path, canary: Canary
) -> None:
    copied = tmp_path / "runs" / "copied"
    shutil.copytree(run.folder, copied)
    manifest = json.loads((copied / "manifest.json").read_text())
    inside = manifest
    for name in part[:-1]:
        inside = inside[name]
    inside[part[-1]] = value
    (copied / "manifest.json").write_text(json.dumps(manifest))
    before = sorted(tmp_path.rglob("*"))
    for use in (
        lambda: api.report([copied]),
        lambda: api.export(copied),
        lambda: api.leaderboard([copied], output=tmp_path / "site"),
        lambda: api.score([copied]),
        lambda: api.sample(copied),
    ):
        with pytest.raises(RunError, match="damaged"):
            use()
    assert find_runs(copied.parent) == []
    assert sorted(tmp_path.rglob("*")) == before
    canary.check()


def test_a_run_of_another_does_not_tell_what_is_in_files_that_it_names(
    run: Run, tmp_path: Path, canary: Canary
) -> None:
    copied = tmp_path / "runs" / "copied"
    shutil.copytree(run.folder, copied)
    config = (copied / "config.yaml").read_text()
    for line in (f"data: {canary.path}\nprovenance: human\n", f"profile_set: {canary.path}\n"):
        (copied / "config.yaml").write_text(
            "\n".join([*(one for one in config.splitlines() if not one.startswith(line[:5])), line])
        )
        with pytest.raises(SurveyevalError) as caught:
            api.score([copied])
        canary.check(str(caught.value))
    (copied / "config.yaml").write_text(config.replace("task: anes96", f"task: {canary.path}"))
    with pytest.raises(SurveyevalError) as caught:
        api.score([copied])
    canary.check(str(caught.value))
    assert CANARY not in str(caught.value)
