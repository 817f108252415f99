"""A run that is stopped at any step that it takes on the disk ends in the same bytes when the command is given again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from surveyeval.engine.run import Run, find_runs
from surveyeval.errors import RunError
from tests.reliability.disk import Disk, Stopped, steps_of, stopped_at
from tests.reliability.quick import Command, kept, quicken, written


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        patch.setenv("SURVEYEVAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield Command(patch, written(tmp_path_factory.mktemp("survey")))


@pytest.fixture(scope="module")
def whole(command: Command, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    command(folder)
    return kept(folder)


@pytest.fixture(scope="module")
def steps(command: Command, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("steps")
    return steps_of(folder, lambda: command(folder))


def test_the_steps_are_those_that_are_promised(steps: list[str]) -> None:
    """Contents are synced before they get their name, names before anything builds on them; the log goes last."""
    for kind in ("open", "write", "sync", "replace", "unlink", "mkdir"):
        assert any(step.startswith(kind) for step in steps)
    for number, step in enumerate(steps):
        if step.startswith("replace") and not step.endswith(".new"):
            assert steps[number - 1] == step.replace("replace", "sync")
            assert steps[number + 1] == f"sync {str(Path(step.removeprefix('replace ')).parent).rstrip('/')}"
    named = [step.rpartition("/")[2].split(".")[1] for step in steps if step.startswith("replace") and "tmp" in step]
    assert named == ["task", "config", "manifest", "prompts", "responses", "manifest", "metrics", "tables", "manifest",
                     "report", "report"]  # fmt: skip
    (log,) = [number for number, step in enumerate(steps) if step.startswith("unlink") and "responses.log" in step]
    table = [number for number, step in enumerate(steps) if step.startswith("replace") and "parquet" in step]
    assert table[0] < log
    assert any("manifest" in step for step in steps[table[0] : log])


# one test for each way: a parameter for each of a hundred steps would only make the report longer
@pytest.mark.parametrize("how", ["kill", "power", "full"])
def test_stopped_at_any_step_it_ends_in_the_same_bytes(
    how: str, command: Command, whole: dict[str, bytes], steps: list[str], tmp_path: Path
) -> None:
    fired = 0
    for step in _chosen(steps, how):
        folder = tmp_path / f"{step}"
        folder.mkdir()
        disk = stopped_at(folder, step, how, lambda folder=folder: command(folder))
        fired += disk.fired
        command.quickly(folder)
        assert kept(folder) == whole, steps[step]
        (run,) = find_runs(folder)
        left = {path.name for path in run.folder.iterdir()} - {".lock"}
        expected = {*whole, "manifest.json", "report.html", "report.md"}
        assert {name for name in left if not name.endswith(".tmp")} == expected, steps[step]
        assert run.status == "complete"
        assert {path.name for path in folder.iterdir()} == {run.folder.name, ".lock"}
    assert fired > 0.5 * len(list(_chosen(steps, how)))


def _chosen(steps: list[str], how: str) -> Iterator[int]:
    """Every step; of the dozens of writes into the table, which has no name yet, the first, the last and some between."""
    within = [number for number, step in enumerate(steps) if step.startswith("write") and "parquet" in step]
    left_out = {number for number in within[1:-1] if number % (4 if how == "kill" else 12)}
    yield from (number for number in range(len(steps)) if number not in left_out)


def test_stopped_twice_and_at_different_steps_it_still_does(
    command: Command, whole: dict[str, bytes], steps: list[str], tmp_path: Path
) -> None:
    for number, first in enumerate(range(0, len(steps), 9)):
        folder = tmp_path / str(number)
        folder.mkdir()
        for step in (first, (7 * first) % 40, (3 * first) % 25):
            stopped_at(folder, step, "power", lambda folder=folder: command(folder))
        command.quickly(folder)
        assert kept(folder) == whole


def test_a_log_cut_at_any_byte_of_its_last_two_records_ends_in_the_same_bytes(
    command: Command, whole: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "cut"
    folder.mkdir()
    # killed when the log is whole, before it is made into a table
    recorded = steps_of(tmp_path, lambda: command(tmp_path / "recorded"))
    step = next(number for number, one in enumerate(recorded) if one.startswith("open") and "prompts" in one)
    with Disk(folder, step).in_use(), pytest.raises(Stopped):
        command(folder)
    (run,) = find_runs(folder)
    log = run.folder / "responses.log"
    content, manifest = log.read_bytes(), (run.folder / "manifest.json").read_bytes()
    lines = content.splitlines(keepends=True)
    assert len(lines) == 4
    begins = sum(map(len, lines[:-2]))
    # every byte is read by the log's own test; a whole run at some, and at both sides of each end
    ends = {begins, begins + len(lines[-2]), len(content)}
    near = {end + off for end in ends for off in (-1, 0, 1)}
    for cut in sorted({*range(begins, len(content), 23), *near} & set(range(begins, len(content) + 1))):
        for path in run.folder.iterdir():
            path.unlink()
        (run.folder / "manifest.json").write_bytes(manifest)
        for name in ("task.yaml", "config.yaml"):
            (run.folder / name).write_bytes(whole[name])
        log.write_bytes(content[:cut])
        command.quickly(folder)
        assert kept(folder) == whole, cut
        torn = cut not in ends
        notes = json.loads((run.folder / "manifest.json").read_text())["notes"]
        assert any("dropped a torn last record" in note for note in notes) == torn


def test_a_full_disk_is_said_and_what_was_answered_stays(command: Command, steps: list[str], tmp_path: Path) -> None:
    records = [number for number, step in enumerate(steps) if step.startswith("write") and "responses.log" in step]
    with Disk(tmp_path, records[2], "full").in_use() as disk, pytest.raises(RunError) as caught:
        command(tmp_path)
    assert disk.fired
    (problem,) = caught.value.problems
    assert "cannot be written to: No space left on device" in problem.message
    assert "make room, and the same command continues" in str(problem.hint)
    (run,) = find_runs(tmp_path)
    lines = (run.folder / "responses.log").read_bytes().splitlines(keepends=True)
    assert len(lines) == 2  # the half of the third was taken back
    assert all(line.endswith(b"\n") for line in lines)


def test_a_run_whose_log_is_of_another_plan_is_refused(command: Command, steps: list[str], tmp_path: Path) -> None:
    step = next(number for number, one in enumerate(steps) if one.startswith("open") and "prompts" in one)
    with Disk(tmp_path, step).in_use(), pytest.raises(Stopped):
        command(tmp_path)
    (run,) = find_runs(tmp_path)
    from surveyeval.engine.journal import checked_line

    log = run.folder / "responses.log"
    lines = log.read_bytes().splitlines()
    content = json.loads(lines[1].partition(b" ")[2])
    content["block"] = [1, 0, 0, 3]
    log.write_bytes(lines[0] + b"\n" + checked_line(json.dumps(content).encode()))
    with pytest.raises(RunError, match="block 1 of the responses is not of this run's plan"):
        command(tmp_path)
    assert Run(run.folder).status == "running"
