"""How commands leave: exit codes as a shell sees them, and one sentence where the disk is full."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from surveyeval import api
from surveyeval.cli.main import cli
from tests.tuning import survey

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "200"}
STUDY = {
    "name": "two", "title": "Two", "tasks": ["survey"], "methods": [], "baselines": ["marginal"],
    "pilots": {"sizes": ["40"], "draws": 2}, "splits": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a task, two scored runs of it, a study file, profiles, and an adapter's base."""
    folder = tmp_path_factory.mktemp("place")
    survey.write(folder / "survey", survey.people(120))
    shutil.copy(folder / "survey" / "answers.csv", folder / "profiles.csv")
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SURVEYEVAL_CACHE", str(folder / "cache"))
        made = api.run(task="survey", model=["baseline:cell", "baseline:marginal"], limit=40, splits=2)
    for one in made:
        (folder / one.folder).rename(folder / "runs" / one.model.partition(":")[2])
    return folder


def left(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "surveyeval", *words], cwd=cwd, env={**ENVIRONMENT, "SURVEYEVAL_CACHE": str(cwd / "cache")},
        text=True, capture_output=True, check=False,
    )  # fmt: skip


# ---- exit codes -------------------------------------------------------------------------------------------------------


def test_verify_leaves_with_1_when_something_differs(place: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(place / "runs" / "cell", tmp_path / "cell"))
    (copy / "tables.json").write_text("{}\n")
    for words in (["verify", str(copy)], ["verify", str(copy), "--json"]):
        done = left(*words, cwd=place)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert left("verify", "runs/cell", cwd=place).returncode == 0


def test_validate_leaves_with_the_code_of_what_is_wrong(place: Path, tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("name: broken\n")
    assert left("validate", str(tmp_path), cwd=place).returncode == 2
    assert left("validate", "survey", cwd=place).returncode == 0


def test_doctor_leaves_with_1_where_something_will_not_work(place: Path) -> None:
    # its other findings belong to the machine
    done = left("doctor", "--output", "survey/task.yaml/runs", "--json", cwd=place)
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (1, False)


def test_a_checked_submission_leaves_with_3_when_something_does_not_hold(place: Path, tmp_path: Path) -> None:
    target = tmp_path / "one.json"
    assert left("export", "runs/cell", "-o", str(target), cwd=place).returncode == 0
    assert left("leaderboard", str(target), "--check", cwd=place).returncode == 0
    content = json.loads(target.read_text())
    content["manifest"]["split"]["test"] += 1
    target.write_text(json.dumps(content))
    done = left("leaderboard", str(target), "--check", cwd=place)
    assert done.returncode == 3, done.stdout + done.stderr


def test_a_seal_of_other_answers_leaves_with_1(place: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(place / "runs" / "cell", tmp_path / "cell"))
    assert left("seal", str(copy), "-o", str(tmp_path / "seal.json"), cwd=place).returncode == 0
    assert left("seal", str(copy), "--check", "-o", str(tmp_path / "seal.json"), cwd=place).returncode == 0
    shutil.copy(place / "runs" / "marginal" / "responses.parquet", copy)
    done = left("seal", str(copy), "--check", "-o", str(tmp_path / "seal.json"), cwd=place)
    assert done.returncode == 1, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--version"], 0), (["verify", "--help"], 0), (["rnu"], 2), (["ls", "nothing"], 2), (["verify"], 2), (["verify", "nowhere"], 1),
        (["run", "-t", "survey", "-m", "baseline:nothing"], 2), (["run", "-t", "survey", "-m", "file:absent.csv"], 3),
        (["run", "-t", "survey", "-m", "hf:absent/model"], 4),
        (["run", "-t", "survey", "-m", "baseline:mode", "--data", "survey=study.yaml", "--provenance", "human"], 3),
    ],
)  # fmt: skip
def test_errors_leave_with_the_code_of_their_kind(words: list[str], code: int, place: Path) -> None:
    done = left(*words, cwd=place)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


# ---- a full disk ------------------------------------------------------------------------------------------------------

#: Every command that writes what the user named, on a disk that takes nothing. {} is a place that is not there yet.
WRITING = {
    "run": "run -t survey -m baseline:mode --limit 40 --splits 2 -o {}",
    "report": "report runs/cell runs/marginal -o {}.html",
    "compare": "compare runs/cell runs/marginal -o {}.csv --splits 2",
    "power": "power survey -o {}.md",
    "leaderboard": "leaderboard runs/cell runs/marginal -o {}",
    "export": "export runs/cell -o {}.zip",
    "finetune": "finetune -t survey --base hf:base?dtype=float32 --dtype float32 --device cpu --pilot 8 --epochs 1 -o {}",
    "study": "study study.yaml -o {}",
    "plot": "plot runs/cell --figure shares -o {}",
    "sample": "sample runs/cell -o {}.csv --identifiers numbers",
    "sample for SPSS": "sample runs/cell -o {}.sav --identifiers numbers",
    "sample in parquet": "sample runs/cell -o {}.parquet --identifiers numbers",
    "estimates": "estimates runs/cell -o {}.csv",
    "disclose": "disclose runs/cell -o {}.md",
    "seal": "seal runs/cell -o {}.json",
    "init task": "init task mine --from profiles.csv -o {}",
    "init plugin": "init plugin mine -o {}",
    "simulate": "simulate -t survey --profiles profiles.csv -m baseline:mode --pilot-data task -o {}.csv",
    "schema": "schema -o {}.json",
    "probe": "probe -t survey -m embedded:smollm2 --table {}.csv",
}
#: Commands whose --output names a folder that is read.
READING = {"verify", "plan", "doctor", "ls"}
#: `probe` asks a language model for minutes; its table is written as that of `compare` is.
TOO_LONG = {"probe"}

FORKED = """
import io, json, os, resource, sys, traceback
from importlib import import_module

cases, modules = json.load(sys.stdin)
for module in modules:  # once, not in every child
    import_module(module)
from surveyeval import api
from surveyeval.cli.main import main

every = api.metrics
api.metrics = lambda progress=None: [one for one in every() if one.spec.name == "js_distance"]
for name, words, most in cases:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(write, 1); os.dup2(write, 2)
        sys.stdout, sys.stderr = (open(number, "w", buffering=1) for number in (1, 2))
        sys.argv = ["surveyeval", *words]
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        code = 0
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code or 0
        except BaseException:
            traceback.print_exc()
            code = 99
        sys.stdout.flush(); sys.stderr.flush()
        os._exit(code)
    os.close(write)
    with open(read, encoding="utf-8") as stream:
        said = stream.read()
    print(json.dumps([name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said]))
"""


def _options(command: click.Command, name: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for inner in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), inner)
            assert found is not None
            yield from _options(found, f"{name} {inner}".strip())
    elif any({"--output", "--table"} & set(option.opts) for option in command.params):
        yield name


def test_every_command_that_writes_is_tried() -> None:
    assert set(_options(cli, "")) - READING == {name for name in WRITING if name not in _VARIANTS}


_VARIANTS = {"sample for SPSS", "sample in parquet"}


def _tried(place: Path, names: list[str], *, most: int, modules: list[str]) -> dict[str, tuple[int, str]]:
    into = place / f"into{most}"
    into.mkdir(exist_ok=True)
    cases = [(name, WRITING[name].replace("{}", str(into / name.replace(" ", "-"))).split(), most) for name in names]
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED], input=json.dumps([cases, modules]), cwd=place, text=True,
        capture_output=True, check=True, env={**ENVIRONMENT, "SURVEYEVAL_CACHE": str(place / "cache"), "PYTHONPATH": os.getcwd()},  # noqa: PTH109
    )  # fmt: skip
    rows: list[Any] = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: (code, said) for name, code, said in rows}


@pytest.mark.parametrize("most", [0, 400], ids=["no byte", "400 bytes"])
def test_a_full_disk_is_one_sentence_and_nothing_half_is_left(most: int, place: Path) -> None:
    """`RLIMIT_FSIZE` makes every file that grows further an error, as a full disk does."""
    names = [name for name in WRITING if name not in {*TOO_LONG, "finetune"}]
    if most == 400:  # what is smaller than that is whole
        names = [name for name in names if name not in ("init task", "init plugin", "seal", "schema")]
    modules = [
        "numpy",
        "pandas",
        "scipy.stats",
        "statsmodels.api",
        "pydantic",
        "jinja2",
        "pyreadstat",
        "matplotlib.pyplot",
    ]
    found = _tried(place, names, most=most, modules=modules)
    assert set(found) == set(names)
    for name, (code, said) in found.items():
        assert "Traceback" not in said, f"{name}: {said}"
        assert code in (1, 2), f"{name}: {code} {said}"
        assert "cannot be written" in said, f"{name}: {said}"
        assert "File too large" in said or name == "sample for SPSS", f"{name}: {said}"
    for path in (place / f"into{most}").rglob("*"):
        assert path.is_dir() or ".unfinished" in str(path) or path.stat().st_size == 0 or path.stat().st_size < most, (
            path
        )
        assert not path.name.endswith(".tmp"), path


def test_an_adapter_on_a_full_disk_is_one_sentence(place: Path) -> None:
    pytest.importorskip("peft", reason="language models are an optional extra")
    from tests.model import tiny

    tiny.save("llama", place / "base")
    found = _tried(place, ["finetune"], most=2000, modules=["torch", "transformers", "peft"])
    code, said = found["finetune"]
    assert code == 1, said
    assert "Traceback" not in said
    assert "cannot be written: File too large" in said


def test_other_errors_of_the_system_are_one_sentence_with_their_place(place: Path, tmp_path: Path) -> None:
    """A file in the place of a folder, a name that is too long."""
    (tmp_path / "file").write_text("")
    for words, said in (
        (["report", "runs/cell", "-o", str(tmp_path / "file" / "inside" / "card.html")], "Not a directory"),
        (["schema", "-o", str(tmp_path / f"{'n' * 300}.json")], "File name too long"),
        (["leaderboard", "runs/cell", "-o", str(tmp_path / "file" / "site")], "Not a directory"),
    ):  # fmt: skip
        done = left(*words, cwd=place)
        assert done.returncode in (1, 2), done.stderr
        assert "Traceback" not in done.stderr
        assert said in done.stderr
        assert done.stderr.startswith("Error\n")


def test_a_full_disk_behind_standard_output_is_one_sentence(place: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "surveyeval", "ls", "metrics"], cwd=place, env=ENVIRONMENT, text=True, stdout=full,
            stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "Error\n  No space left on device\n"
