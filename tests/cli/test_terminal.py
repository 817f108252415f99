"""How the command line looks in a narrow terminal, and that no text can steer it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveyeval import api
from surveyeval.cli import output
from surveyeval.cli.layout import Block, lay_out
from surveyeval.cli.summary import print_summary
from surveyeval.errors import ConfigError

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
#: ESC, the C1 control sequence introducer, direction overrides and isolates, a line separator.
STEERING = "\x1b\x9b\x07\x08\r\u2028\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
MODELS = ["baseline:marginal", "scripted:human", "a name with spaces=baseline:mode"]


def surveyeval(*words: str, cwd: Path, columns: int = 80, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "surveyeval", *words],
        cwd=cwd,
        text=True,
        capture_output=True,
        check=False,
        env={**ENVIRONMENT, "COLUMNS": str(columns)},
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def table_of(text: str) -> list[str]:
    """Lines from the head of the table to the notes below it."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip().startswith(("people ", "reference ")))
    last = next(number for number, line in enumerate(lines) if line.startswith(("people:", "reference:")))
    return lines[first:last]


@pytest.fixture(scope="module", params=["anes96", "disclosure"])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> api.Runs:
    """Three models on one task."""
    return api.run(task=request.param, model=MODELS, limit=60, splits=2, output=tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("columns", [80, 100, 120])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_summary_fits(
    runs: api.Runs, count: int, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = (*runs, *runs, *runs)[:count]  # a name that stands twice is numbered
    print_summary(api.Runs(shown, runs.card))
    text = capsys.readouterr().out
    lines = table_of(text)
    assert max(map(len, text.splitlines())) <= columns
    names = [run.model if number < 3 else f"{run.model} #{1 + number // 3}" for number, run in enumerate(shown)]
    assert all(any(name in line for line in lines) for name in names)
    assert not re.search(r"\b[a-z]+_[a-z_]+\b", "\n".join(lines))  # words, not code names
    assert "not resolved" not in "\n".join(lines)
    if "–" in "".join(lines):
        assert "–: " in text


@given(
    names=st.lists(st.text("abc:/-", min_size=1, max_size=30), min_size=1, max_size=12, unique=True),
    labels=st.lists(st.text("abcd ", min_size=1, max_size=60), min_size=1, max_size=4),
    width=st.integers(50, 130),
    value=st.sampled_from(["0.123", "–", "−12.34", "48.8%"]),
)
def test_any_table_fits_and_is_aligned(names: list[str], labels: list[str], width: int, value: str) -> None:
    blocks = [Block("Heading", [(label, [value] * (2 + len(names))) for label in labels])]
    lines = [line for line, _ in lay_out(blocks, ("people", "floor"), names, width)]
    assert max(map(len, lines)) <= width
    shown = [line for line in lines if value in line]
    assert len(shown) % len(labels) == 0
    assert sum(line.count(value) for line in shown) >= len(labels) * (2 + len(names))
    for name in names:
        assert any(name in line for line in lines)
    for start in range(0, len(shown), len(labels)):  # numbers of one table stand below each other
        ends = {
            tuple(found.end() for found in re.finditer(re.escape(value), line)) for line in shown[start:][: len(labels)]
        }
        assert len(ends) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        *(
            [command, "--help"]
            for command in (
                "run",
                "score",
                "report",
                "ls",
                "show",
                "validate",
                "init",
                "preview",
                "plan",
                "simulate",
                "doctor",
            )
        ),
        *(["ls", kind] for kind in ("tasks", "models", "metrics", "runs")),
        ["init", "task", "--help"],
        ["preview", "--task", "anes96"],
        ["plan", "--task", "anes96", "--model", "baseline:cell"],
        *(["show", name] for name in ("baseline", "scripted", "file", "js_distance", "joint_log_loss")),
    ],
    ids=" ".join,
)
def test_help_and_listings_fit_into_eighty_columns(words: list[str], tmp_path: Path) -> None:
    text = surveyeval(*words, cwd=tmp_path).stdout
    assert text.strip()
    assert max(map(len, text.splitlines())) <= 80
    assert not re.search(r"[ \t]\n", text)


@pytest.mark.parametrize("task", ["anes96", "disclosure"])
def test_a_task_fits_into_eighty_columns_but_for_its_path(task: str, tmp_path: Path) -> None:
    lines = surveyeval("show", task, cwd=tmp_path).stdout.splitlines()
    assert [line for line in lines if len(line) > 80 and "task.yaml" not in line] == []
    assert "Items" in lines
    for line in surveyeval("validate", task, cwd=tmp_path).stdout.splitlines():
        assert len(line) <= 80 or "task.yaml" in line


def test_an_interrupted_run_is_listed_with_its_progress_and_the_newest_is_last(tmp_path: Path) -> None:
    words = ["run", "--task", "anes96", "--limit", "50", "--splits", "2", "--model"]
    surveyeval(*words, "baseline:uniform", cwd=tmp_path)
    surveyeval(*words, "baseline:mode", cwd=tmp_path)
    newest, oldest = (tmp_path / "runs").glob("*-baseline-[um]*")
    if "mode" in oldest.name:
        newest, oldest = oldest, newest
    for folder, created in ((oldest, "2026-01-01T00:00:00+00:00"), (newest, "2026-01-02T00:00:00+00:00")):
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["created"] = created
        if folder is newest:
            # as left by a kill in the second draw: three of four blocks of 20, 20 and 10 people on disk, one torn
            manifest |= {"status": "running", "plan": {"hash": "", "blocks": 6, "block_size": 20}}
            manifest["options"]["draws"] = 2
            blocks = [[0, 0, 0, 20], [1, 0, 20, 40], [2, 0, 40, 50], [3, 1, 0, 20], [4, 1, 20, 40]]
            lines = [f'00000000 {{"block":{json.dumps(block, separators=(",", ":"))}}}\n' for block in blocks]
            (folder / "responses.log").write_text("".join(lines)[:-2])
        (folder / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "runs" / "torn").mkdir()
    (tmp_path / "runs" / "torn" / "manifest.json").write_text("{")
    log = (newest / "responses.log").read_bytes()
    lines = surveyeval("ls", "runs", cwd=tmp_path).stdout.splitlines()
    assert lines[:4] == [
        f"runs/{oldest.name}",
        "  complete · 50 people · baseline:uniform",
        f"runs/{newest.name}",
        "  interrupted · 70 of 100 interviews · baseline:mode",
    ]
    assert "Left out, the manifest is damaged: torn." in lines
    assert "interrupted, 70 of 100 interviews" in surveyeval("show", f"runs/{newest.name}", cwd=tmp_path).stdout
    assert (newest / "responses.log").read_bytes() == log  # looking changes nothing
    assert "No runs in elsewhere." in surveyeval("ls", "runs", "-o", "elsewhere", cwd=tmp_path).stdout


@given(st.text())
def test_clean_text_steers_nothing(text: str) -> None:
    cleaned = output.clean(text + STEERING)
    assert not set(STEERING) & set(cleaned)
    assert cleaned.isprintable() or set(filter(lambda c: not c.isprintable(), cleaned)) & set(text + "\n\t")
    assert output.clean("plain – ÄÖ 質問 עברית") == "plain – ÄÖ 質問 עברית"
    cleaned.encode()  # no half of a character


EVIL = f"evil{STEERING}[31m"


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A task whose title, labels and data file carry what steers a terminal."""
    text = json.dumps(EVIL.replace("\r", ""))
    rows = "person,drink\n" + "".join(f"{number},{'ab'[number % 2]}\n" for number in range(90))
    (tmp_path / "rows.csv").write_text(rows)
    (tmp_path / f"{EVIL}.csv").write_text(rows.replace("person", "respondent"))
    (tmp_path / "task.yaml").write_text(
        "name: evil\nversion: '1'\n"
        f"title: {text}\ndescription: {text}\n"
        "source: {use: 'file:rows.csv', provenance: human, licence: CC0, citation: nobody, id: person}\n"
        f"items: [{{name: drink, role: action, kind: nominal, question: {text}, options: {{a: {text}, b: tea}}}}]\n"
    )
    return tmp_path


def test_nothing_from_files_steers_the_terminal(evil: Path) -> None:
    run = ["run", "--task", "task.yaml", "--model", f"file:{EVIL}.csv", "--model", "baseline:uniform"]
    said = [surveyeval(*run, "--splits", "2", "--output", EVIL, cwd=evil)]
    folders = [str(path.parent.relative_to(evil)) for path in evil.glob("*/*/manifest.json")]
    assert len(folders) == 2
    said += [surveyeval("ls", "runs", "-o", EVIL, cwd=evil), surveyeval("show", "task.yaml", cwd=evil)]
    said += [surveyeval("show", folder, cwd=evil) for folder in folders]
    said += [surveyeval("report", *folders, cwd=evil), surveyeval("validate", "task.yaml", cwd=evil)]
    said += [surveyeval("show", EVIL, cwd=evil, code=2), surveyeval("ls", EVIL, cwd=evil, code=2)]
    said += [surveyeval("run", "--task", EVIL, "--model", "baseline:cell", cwd=evil, code=2)]
    said += [surveyeval("run", "--task", "task.yaml", "--model", f"{EVIL}:{EVIL}", cwd=evil, code=2)]
    said += [surveyeval(f"--{EVIL}", cwd=evil, code=2), surveyeval("score", EVIL, cwd=evil, code=1)]
    for done in said:
        assert "evil" in done.stdout + done.stderr
        assert not set(STEERING) & set(done.stdout + done.stderr)


def test_an_error_keeps_places_and_names_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    place = f"{'long-folder-name/' * 6}task.yaml"
    here = str(Path.cwd() / "task.yaml")
    error = ConfigError(f"nothing fits {'word ' * 20}", file=place, line=12, column=3, hint="write something else " * 4)
    output.print_error(error)
    output.print_error(ConfigError("short", file=here))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Error"
    assert lines[1] == f"  {place}:12:3:"
    assert all(len(line) <= 50 for line in lines if place not in line)
    assert "    write something else write something else" in lines
    assert lines[-1] == "  task.yaml: short"


def test_a_terminal_without_unicode_gets_escapes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "surveyeval", "show", "\N{GREEK SMALL LETTER ALPHA}\udcff"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert rb"\u03b1" in done.stderr
