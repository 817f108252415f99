"""CSV files, LaTeX and Markdown that are written from what strangers wrote."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from surveyeval import api
from surveyeval.cli.main import cli
from surveyeval.data.cells import escaped
from surveyeval.deposit.estimates import latex
from surveyeval.deposit.files import write_simulated
from surveyeval.deposit.simulated import SimulatedFile
from surveyeval.deposit.variables import Variable
from surveyeval.engine.run import Run
from surveyeval.reporting.power import markdown

STARTS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3+cmd", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\"=1", "'=1", "\uff1d1", "\uff0b1",
          "x;=1+1", "x\t@SUM(1)", "\x1b[2J=1", "\x00=1")  # fmt: skip


def opens_as_formula(cell: str) -> bool:
    """As spreadsheets do it, in every place where one may begin a cell, whichever separator it is set to."""
    parts = [cell, *re.split(r"[;\t|]", cell)[1:]]
    return any(re.match(r"[\"\s]*[=+\-@\uff1d\uff0b\uff0d\uff20]", one) is not None for one in parts)


@pytest.mark.parametrize("text", STARTS)
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert not opens_as_formula(str(escaped(text)))


@given(st.text(st.sampled_from("=+-@\t\r\n;|'\" ax1.\uff1d\x1b"), max_size=12))
def test_any_text_is_a_number_or_no_formula(text: str) -> None:
    cell = str(escaped(text))
    assert cell == text if re.fullmatch(r"[+-]?\d+(\.\d+)?", text) else True
    if not re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", cell):
        assert not re.match(r"[=+\-@\t\r\n\uff1d]", cell)
    assert "\x1b" not in cell


@pytest.mark.parametrize(
    "value", [-1, -1.5, True, None, "-1", "+2.5", "-91", "01", "1e5", "Yes", "a=b", "a-b", "3 - 4"]
)
def test_codes_and_other_cells_stay_what_they_are(value: object) -> None:
    assert escaped(value) == value


def evil(run: Run, folder: Path, model: str, **columns: str) -> Path:
    """A copy of a run by somebody who chose names."""
    shutil.copytree(run.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    old, manifest["model"]["name"] = manifest["model"]["name"], model
    manifest["task"]["title"] = columns.pop("title", "Title")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    metrics = json.loads((folder / "metrics.json").read_text())
    for row in metrics["estimates"]:
        row["model"] = model if row["model"] == old else row["model"]
        row |= {name: text for name, text in columns.items() if row[name]}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


@pytest.mark.parametrize("text", ['=HYPERLINK("http://evil.example")', "@SUM(1)\x1b[2J", "+1;=1"])
def test_estimates(text: str, run: Run, tmp_path: Path) -> None:
    folder = evil(run, tmp_path / "run", text, reason=text, term=text, rule=text)
    done = CliRunner().invoke(cli, ["estimates", str(folder)], obj={"debug": False})
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert any("HYPERLINK" in row["model"] or "SUM" in row["model"] or "+1" in row["model"] for row in rows)
    for row in rows:
        for cell in row.values():
            assert not opens_as_formula(cell) or re.fullmatch(r"-?[\d.]+(e-?\d+)?|-inf", cell), cell
    assert "\x1b" not in done.stdout


def test_differences(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    from surveyeval.cli import compare

    class Result:
        table = pd.DataFrame({"model": ["=1+1", "@x"], "value": [-0.5, 1.0]})

    monkeypatch.setattr(api, "compare", lambda *_, **__: Result())
    monkeypatch.setattr(compare, "print_comparison", lambda _: None)
    target = tmp_path / "x.csv"
    done = CliRunner().invoke(cli, ["compare", "a", "b", "--output", str(target)], obj={"debug": False})
    assert done.exit_code == 0, done.output
    assert target.read_text().splitlines()[1:] == ["'=1+1,-0.5", "'@x,1.0"]


def sample(*values: str) -> SimulatedFile:
    n = len(values)
    variables = (
        Variable("respondent", "=label", np.array(values, dtype=object)),
        Variable("vote", "@label", np.arange(n, dtype=float), {k: f"={k}+1" for k in range(n)}, original=dict.fromkeys(range(n), "=x")),
    )  # fmt: skip
    return SimulatedFile(variables, "=label", "task", "=model", "run", 1, False, ("vote",))


def test_samples_keep_numbers_and_escape_texts_unless_told_otherwise(tmp_path: Path) -> None:
    for file in write_simulated(sample("=1+1", "-5", "r1"), tmp_path / "sample.csv"):
        with file.open(newline="") as stream:
            for row in csv.reader(stream):
                assert not [cell for cell in row if opens_as_formula(cell) and not re.fullmatch(r"-\d+", cell)]
    assert (tmp_path / "sample.csv").read_text().splitlines()[1:] == ["'=1+1,0", "-5,1", "r1,2"]
    write_simulated(sample("=1+1", "-5", "r1"), tmp_path / "sample.csv", escape=False)
    assert (tmp_path / "sample.csv").read_text().splitlines()[1:] == ["=1+1,0", "-5,1", "r1,2"]


@pytest.mark.parametrize(
    "text",
    [
        r"\input{/etc/passwd}",
        r"\write18{id}",
        "100% & more_1 #2 $x^2$ {a} ~",
        "\\\\ \\hline",
        "a\nb\x1b[31m",
        "%\n\\input{x}",
        "\u202e",
    ],
)
def test_latex_holds_no_command(text: str, run: Run, tmp_path: Path) -> None:
    plain = latex(text)
    known = re.sub(
        r"\\(?:textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|textquotedbl)\{\}|\\[&%$#_{}]",
        "",
        plain,
    )
    assert not re.search(r"[\\{}%&#_~^]", known), plain
    assert "\n" not in plain
    folder = evil(run, tmp_path / "run", text, title=text)
    done = CliRunner().invoke(cli, ["estimates", str(folder), "--format", "latex"], obj={"debug": False})
    assert done.exit_code == 0, done.output
    assert not re.search(r"\\(input|write18|hline)\b", done.stdout)
    assert done.stdout.count("\\begin{") == done.stdout.count("\\end{") == 1


def test_markdown_of_a_plan_holds_no_markup() -> None:
    import pandas as pd

    from surveyeval.reporting import power

    text = "<img src=x onerror=alert(1)> | [x](javascript:alert(1)) `y` \n# z"
    plan: Any = type("Plan", (), {"title": text, "provenance": "human"})()
    plan.sizes = {"people": 100, "pilot": 25, "test": 75, "half": 37, "n_eff": 75.0, "at_hand": 100}
    plan.basis, plan.table = "at hand", pd.DataFrame()
    empty = lambda *_, **__: iter(())  # noqa: E731
    original = {name: getattr(power, name) for name in ("lines", "margin_lines", "reading", "silent", "groups_said")}
    try:
        for name in original:
            setattr(power, name, empty)
        power.lines = lambda _: iter([(text, [(text, (text,) * (len(power.HEADS)))])])
        power.reading = lambda _: iter([text])
        said = markdown(plan)
    finally:
        for name, function in original.items():
            setattr(power, name, function)
    assert "<img" not in said
    assert "\n# z" not in said
    assert not re.search(r"(?<!\\)\[x", said)
    rows = [line for line in said.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
