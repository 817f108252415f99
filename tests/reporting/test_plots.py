"""Figures for papers: they hold the stored numbers, and the same figure is the same file."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from surveyeval import api, plots
from surveyeval.cli.main import cli
from surveyeval.engine.run import Run
from surveyeval.errors import ConfigError, RunError

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    folder = tmp_path_factory.mktemp("runs")
    models = ["baseline:cell", "chain of logits=baseline:chain"]
    return list(api.run(task="framing", model=models, limit=60, splits=2, output=folder, cache=False))


def texts(figure: object) -> str:
    from matplotlib.text import Text

    return "\n".join(one.get_text() for one in figure.findobj(Text))  # type: ignore[attr-defined]


def test_bars_intervals_and_marks_are_the_stored_shares(runs: list[Run]) -> None:
    figure = plots.item_shares(runs, ["anti_info"])
    (axis,) = figure.axes
    stored = [
        [row for row in run.tables["distributions"] if row["item"] == "anti_info" and row["arm"] == ""] for run in runs
    ]
    bars = [patch.get_width() for patch in axis.patches]
    assert bars == pytest.approx([100 * row["human"] for row in stored[0]])
    lines = [line for line in axis.lines if line.get_marker() == "None"]
    ends = [tuple(line.get_xdata()) for line in lines]
    assert ends == [pytest.approx((100 * row["human_low"], 100 * row["human_high"])) for row in stored[0]]
    marks = [line.get_xdata() for line in axis.lines if line.get_marker() != "None"]
    for mark, rows in zip(marks, stored, strict=True):
        assert np.asarray(mark) == pytest.approx([100 * row["simulated"] for row in rows])
    assert "people, 95% interval" in texts(figure)
    assert "baseline:cell (simulated)" in texts(figure)


def test_coefficients_are_in_standard_errors_for_people(runs: list[Run]) -> None:
    figure = plots.coefficients(runs, ["opposition"])
    (axis,) = figure.axes
    rows = [row for row in runs[0].tables["coefficients"] if row["regression"] == "opposition" and row["human_se"]]
    people = [line.get_xdata()[0] for line in axis.lines if line.get_marker() == "D"]
    assert people == pytest.approx([row["human"] / row["human_se"] for row in rows])
    assert [label.get_text() for label in axis.get_yticklabels()] == [row["term"] for row in rows]


def test_the_use_strip_has_a_tile_for_each_verdict_and_a_sign_on_it(runs: list[Run]) -> None:
    from surveyeval.reporting.context import Context
    from surveyeval.reporting.plot_style import VERDICTS
    from surveyeval.reporting.use_table import judgements
    from surveyeval.reporting.view import RunView

    found = judgements(Context([RunView(run.manifest, run.estimates, run.tables) for run in runs]))
    expected = [VERDICTS[one.verdict][1] for claims, uses in found for one in (*claims, *uses)]
    figure = plots.use_strip(runs)
    signs = [text.get_text() for text in figure.axes[0].texts]
    assert signs == expected
    assert len(figure.axes[0].patches) == len(expected)


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_the_same_figure_is_the_same_file(kind: str, runs: list[Run], tmp_path: Path) -> None:
    first, second = (
        plots.save(plots.item_shares(runs), tmp_path / name / f"shares.{kind}").read_bytes() for name in ("a", "b")
    )
    assert first == second
    assert first[:4] == {"svg": b"<?xm", "pdf": b"%PDF", "png": b"\x89PNG"}[kind]
    if kind == "svg":
        assert b"Do you favor or oppose" in first  # text stays text
        assert not re.search(rb"20\d\d-\d\d-\d\d", first)


def test_one_run_is_enough(runs: list[Run], tmp_path: Path) -> None:
    assert plots.save(plots.use_strip(runs[0].folder), str(tmp_path / "use.svg")).stat().st_size > 1_000


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda runs: plots.item_shares(runs, ["anti_inf"]), "did you mean 'anti_info'"),
        (lambda runs: plots.coefficients(runs, ["oppositio"]), "did you mean 'opposition'"),
        (lambda runs: plots.item_shares([]), "no run is given"),
        (lambda runs: plots.save(plots.use_strip(runs), "figure.gif"), "is no figure"),
    ],
)
def test_mistakes(make: object, said: str, runs: list[Run]) -> None:
    with pytest.raises(ConfigError) as caught:
        make(runs)  # type: ignore[operator]
    assert said in str(caught.value)


def test_the_command_draws_all_figures(runs: list[Run], tmp_path: Path) -> None:
    words = ["plot", *(str(run.folder) for run in runs), "--output", str(tmp_path / "figs"), "--format", "svg"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "figs").iterdir())
    assert names == ["framing-coefficients.svg", "framing-shares.svg", "framing-use.svg"]


def test_an_item_that_is_not_there_is_no_figure_left_out(runs: list[Run], tmp_path: Path) -> None:
    words = ["plot", str(runs[0].folder), "-o", str(tmp_path / "f"), "--format", "svg", "--item", "anti_inf"]
    done = CliRunner().invoke(cli, words)
    assert isinstance(done.exception, ConfigError)
    assert "did you mean 'anti_info'" in str(done.exception)


@pytest.mark.parametrize("tables", [{}, {"distributions": [{}]}, {"distributions": 7}, []])
def test_a_damaged_run_is_said_to_be_damaged(tables: object, runs: list[Run], tmp_path: Path) -> None:
    folder = shutil.copytree(runs[0].folder, tmp_path / "damaged")
    (folder / "tables.json").write_text(json.dumps(tables))
    with pytest.raises(RunError, match="is damaged"):
        plots.item_shares(folder)
    done = CliRunner().invoke(cli, ["plot", str(folder), "-o", str(tmp_path / "f"), "--format", "svg"])
    assert isinstance(done.exception, RunError)
    assert "is damaged" in str(done.exception)


def test_a_synthetic_task_has_no_use_strip(tmp_path: Path) -> None:
    (run,) = api.run(task="disclosure", model="baseline:cell", limit=100, splits=2, output=tmp_path, cache=False)
    done = CliRunner().invoke(cli, ["plot", str(run.folder), "-o", str(tmp_path / "f"), "--format", "svg"])
    assert done.exit_code == 0, done.output
    assert "use is left out" in done.output
    done = CliRunner().invoke(cli, ["plot", str(run.folder), "-o", str(tmp_path / "f"), "--figure", "use"])
    assert isinstance(done.exception, ConfigError)


def test_without_matplotlib_the_error_says_what_to_install(runs: list[Run], tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not here')")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from surveyeval import plots\n"
        f"plots.use_strip({str(runs[0].folder)!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=False)
    assert "surveyeval-harness[plots]" in done.stderr
