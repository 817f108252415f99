"""A plugin with one of everything, used from the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installed import PLUGINS, install, path_of

OTHER = """
    from surveyeval import hookimpl

    @hookimpl
    def surveyeval_register(register):
        register.task("coffee", "example_plugin:coffee/task.yaml", summary="the same name")
        register.task("anes96", "example_plugin:coffee/task.yaml", summary="the name of a shipped task")
        register.task("gone", "example_plugin:gone/task.yaml", summary="not there")
        register.metric("hollow", "example_plugin.nowhere:Hollow", axis="alignment", summary="not there")
"""
BROKEN = f"""
    raise RuntimeError("a\\x1b[31m long \\u202e reason " + {"word " * 40!r} + "x" * 200)
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    shutil.copytree(PLUGINS / "example", folder)
    install(folder, "example-plugin", {}, "example_plugin.hooks")
    return folder


def surveyeval(*words: str, site: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "80",
        "PYTHONPATH": path_of(site),
        "SURVEYEVAL_CACHE": str(site.parent / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "surveyeval", *words],
        cwd=site.parent,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def words_of(text: str) -> str:
    return " ".join(text.split())


def test_everything_that_a_plugin_registers_is_used(site: Path, tmp_path: Path) -> None:
    assert "from example-plugin" in surveyeval("ls", "tasks", site=site).stdout
    assert "ok, 120 synthetic rows, 1 item" in surveyeval("validate", "coffee", site=site).stdout
    assert "What do you drink?" in surveyeval("show", "coffee", site=site).stdout
    assert "parrot:" in surveyeval("ls", "models", site=site).stdout
    assert "first_share" in surveyeval("ls", "metrics", site=site).stdout
    assert "first options chosen" in surveyeval("show", "first_share", site=site).stdout

    done = surveyeval("run", "--task", "coffee", "--model", "parrot:1", "--model", "parrot:2", site=site)
    assert "the example plugin always complains" in done.stderr
    assert (tmp_path / "finished.txt").read_text() == "coffee parrot:2 complete"
    folders = {
        json.loads(path.read_text())["model"]["name"]: path.parent for path in tmp_path.glob("runs/*/manifest.json")
    }
    assert set(folders) == {"parrot:1", "parrot:2"}
    for name, share in (("parrot:1", 1.0), ("parrot:2", 0.0)):
        rows = json.loads((folders[name] / "metrics.json").read_text())["estimates"]
        own = [row for row in rows if row["metric"] == "first_share" and row["quantity"] == "matched"]
        assert [(row["model"], row["value"], row["status"]) for row in own] == [(name, share, "ok")]
        # the source's rows choose the first option three times in five, and the reference is people against people
        (people,) = [row for row in rows if row["metric"] == "first_share" and row["quantity"] == "reference"]
        assert people["value"] == pytest.approx(0.6, abs=0.03)
        page = (folders[name] / "report.html").read_text()
        assert "From the &lt;canteen&gt;" in page
        assert f"&lt;script&gt;alert(&#39;{name}&#39;)&lt;/script&gt;" in page
        assert "1 run(s) of coffee" in page
        assert "<script" not in page
        assert "A parrot answered." in page
        assert "<script" not in (folders[name] / "report.md").read_text().replace("    <script", "")

    surveyeval("score", str(folders["parrot:1"]), site=site)
    again = surveyeval("run", "--config", str(folders["parrot:1"] / "config.yaml"), site=site)
    assert "found finished run" in again.stderr


def test_names_that_clash_and_plugins_that_fail(site: Path) -> None:
    install(site, "other", {"other_plugin.py": OTHER}, "other_plugin")
    install(site, "broken", {"broken_plugin.py": BROKEN}, "broken_plugin")
    listed = surveyeval("ls", "tasks", site=site).stdout
    for name in ("example-plugin/coffee", "other/coffee", "other/anes96", "gone"):
        assert name in listed
    assert "the package has no file 'gone/task.yaml'" in words_of(listed)
    clash = surveyeval("show", "coffee", site=site, code=2).stderr
    assert "registered by several plugins write one of 'example-plugin/coffee', 'other/coffee'" in words_of(clash)
    assert "Coffee or tea" in surveyeval("show", "other/coffee", site=site).stdout
    assert "American National Election Study" in surveyeval("show", "anes96", site=site).stdout
    assert "Coffee or tea" in surveyeval("show", "other/anes96", site=site).stdout
    assert "no file 'gone/task.yaml'" in words_of(surveyeval("validate", "gone", site=site, code=2).stdout)
    unknown = words_of(surveyeval("run", "--task", "cofee", "--model", "parrot:1", site=site, code=2).stderr)
    assert "plugins that failed to load: broken" in unknown
    # a metric that is not there costs nobody a run
    done = surveyeval("run", "--task", "other/coffee", "--model", "parrot:1", site=site)
    assert "metric 'other/hollow' is left out" in done.stderr


def test_plugins_are_listed_with_where_they_come_from_and_why_they_failed(site: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "No plugins are installed" in surveyeval("ls", "plugins", site=empty).stdout
    one = surveyeval("ls", "plugins", site=site).stdout
    assert "example-plugin 1.2" in one
    assert str(site / "example_plugin" / "hooks.py") in one
    assert "failed" not in one.lower()
    install(site, "other", {"other_plugin.py": OTHER}, "other_plugin")
    install(site, "broken", {"broken_plugin.py": BROKEN}, "broken_plugin")
    three = surveyeval("ls", "plugins", site=site).stdout
    assert "FAILED import failed: RuntimeError: a\N{REPLACEMENT CHARACTER}[31m long" in words_of(three)
    assert not set("\x1b\u202e") & set(three)
    paths = {str(site / name) for name in ("broken_plugin.py", "other_plugin.py", "example_plugin/hooks.py")}
    assert all(len(line) <= 80 or line.strip() in paths for line in three.splitlines())
    assert "Traceback" in surveyeval("--debug", "ls", "plugins", site=site).stdout
