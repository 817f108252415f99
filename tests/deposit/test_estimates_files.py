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
from surveyeval.reporting.labels import label_of


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


def numbers_of(text: str) -> list[float]:
    """The numbers of a cell; shares are per cent."""
    found = re.findall(r"(?:\$-\$)?\d[\d,]*(?:\.\d+)?(?:\\%)?", text)
    return [float(one.replace("$-$", "-").replace(",", "").removesuffix("\\%")) for one in found]


def test_the_score_to_read_first_has_its_value_and_its_gains(run: Run) -> None:
    text, table = estimates_latex(run), run.estimates
    (row,) = [line for line in text.splitlines() if "Joint log-loss" in line]
    _, simulated, people, *gains = row.removesuffix(r"\\").split(" & ")
    own = table[(table["metric"] == "joint_log_loss") & table["headline"]].set_index("quantity")
    assert numbers_of(simulated) == [pytest.approx(own.loc["estimate", "value"], abs=0.006)]
    assert people == "--"  # people were asked once
    for text_, quantity in zip(gains, ("gain_over_floor", "gain_over_cell"), strict=True):
        expected = list(own.loc[quantity, ["value", "low", "high"]])
        assert numbers_of(text_) == pytest.approx(expected, abs=0.006), quantity
    head = text.splitlines()[text.splitlines().index(r"\toprule") + 1]
    assert head == (
        r"Measure & Simulated & People & Gain over marginal (95\% interval) & Gain over cell (95\% interval) \\"
    )


def test_a_dash_is_what_could_not_be_estimated(run: Run) -> None:
    """Every headline with a value has a number where the table has a place for it."""
    text, table = estimates_latex(run), run.estimates
    lines = text.splitlines()
    cells = {
        line.split(" & ")[0].strip(): line.removesuffix(r" \\").split(" & ")[1:] for line in lines if line[:2] == "  "
    }
    heads = table[table["headline"]]
    places = {
        "individual": ("estimate", "reference", "gain_over_floor", "gain_over_cell"),
        "": ("matched", "reference", "excess", "recovered"),
    }
    seen = 0
    for row in heads.to_dict("records"):
        wanted = places["individual" if row["axis"] == "individual" else ""]
        if row["quantity"] in wanted:
            cell = cells[latex(label_of(row))][wanted.index(row["quantity"])]
            assert (cell == "--") == (row["status"] != "ok"), (row["metric"], row["quantity"], cell)
            seen += row["status"] == "ok"
    assert seen > 20


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
