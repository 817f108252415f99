"""Estimates for other programs: tidy CSV and LaTeX."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd
import pytest

from surveyeval import api
from surveyeval.deposit.estimates import estimates_csv, estimates_latex, latex
from surveyeval.engine.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return api.run(
        task="anes96",
        model="baseline:marginal",
        limit=60,
        splits=2,
        output=tmp_path_factory.mktemp("runs"),
        cache=False,
    )[0]


def test_the_csv_is_the_table(run: Run) -> None:
    read = pd.read_csv(io.StringIO(estimates_csv(run)), keep_default_na=False, na_values={"value": [""], "low": [""]})
    assert list(read.columns) == list(run.estimates.columns)
    pd.testing.assert_series_equal(read["value"], run.estimates["value"])  # to the last digit
    assert list(read["metric"]) == list(run.estimates["metric"])


def test_the_table_for_latex_is_whole(run: Run) -> None:
    run = Run(run.folder)
    run.manifest["model"]["name"] = "M&M_1%"  # as a plugin may call it
    text = estimates_latex(run)
    assert "\\toprule" in text
    assert "\\bottomrule" in text
    body = text[text.index("\\begin{tabular}") : text.index("\\end{tabular}")]
    rows = [line for line in body.splitlines() if line.startswith("  ")]
    assert len(rows) > 5
    assert all(len(re.findall(r"(?<!\\)&", row)) == 4 and row.endswith(r"\\") for row in rows)
    assert not re.search(r"(?<!\\)[%#_$&](?=\w)", "".join(rows).replace(" & ", " ").replace("$-$", "-"))
    table = run.estimates
    joint = table[(table["quantity"] == "excess") & (table["metric"] == "wasserstein") & table["headline"]].iloc[0]
    row = next(line for line in rows if "Wasserstein" in line)
    assert f"{abs(joint['value']):.3f}" in row
    assert r"M\&M\_1\%" in text


def test_nothing_in_a_text_is_a_command() -> None:
    assert latex("\\input{/etc}") == r"\textbackslash{}input\{/etc\}"
    assert latex("a_b & 5% #1 $x$ ~^") == r"a\_b \& 5\% \#1 \$x\$ \textasciitilde{}\textasciicircum{}"
    assert latex("a\nb") == "a b"


def test_both_are_written_by_a_command(run: Run, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from surveyeval.cli.main import cli

    done = CliRunner().invoke(cli, ["estimates", str(run.folder), "--format", "latex"])
    assert done.output == estimates_latex(run)
    done = CliRunner().invoke(cli, ["estimates", str(run.folder), "-o", str(tmp_path / "e.csv")])
    assert done.exit_code == 0
    assert (tmp_path / "e.csv").read_text() == estimates_csv(run)
