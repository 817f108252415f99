"""The response log survives being stopped at any byte, and refuses to be edited."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from surveyeval.data.files import write_atomically
from surveyeval.engine.plan import Block, make_plan
from surveyeval.engine.store import BlockAnswers, ResponseLog, interviews_on_disk
from surveyeval.errors import RunError
from surveyeval.model.protocol import Failed


def record(number: int) -> BlockAnswers:
    block = Block(number, 0, 2 * number, 2 * number + 2)
    return BlockAnswers(
        block,
        {"vote": np.array([number % 2, -1])},
        {"vote": np.array([0, 5], dtype=np.int8)},
        {"vote": np.array([[0.1, 0.9], [np.nan, np.nan]])},
        {"vote": np.array([1 / 3, np.nan])},
        {"vote": np.array([-np.inf if number == 1 else -0.1 * number, np.nan])},
    )


def same(one: BlockAnswers, other: BlockAnswers) -> bool:
    return one.to_json() == other.to_json()


def read(folder: Path) -> tuple[dict[int, BlockAnswers], str | None]:
    log = ResponseLog(folder)
    dropped = log.open()
    return {number: log.record(number) for number in log}, dropped


def test_what_is_written_is_read(tmp_path: Path) -> None:
    log = ResponseLog(tmp_path)
    for number in range(3):
        log.append(record(number))
    found, dropped = read(tmp_path)
    assert dropped is None
    assert list(found) == list(log) == [0, 1, 2]
    assert all(same(found[number], record(number)) for number in range(3))
    assert all(same(log.record(number), record(number)) for number in range(3))
    np.testing.assert_array_equal(found[2].mass["vote"], record(2).mass["vote"])
    assert interviews_on_disk(tmp_path) == 6


def test_the_last_record_of_a_block_holds(tmp_path: Path) -> None:
    log = ResponseLog(tmp_path)
    first = replace(record(0), failed=(Failed(1, "vote", "simulation", "the server was busy"),))
    for one in (first, record(1), record(0)):
        log.append(one)
    seen: list[BlockAnswers] = []
    again = ResponseLog(tmp_path)
    again.open(seen.append)
    assert [len(one.failed) for one in seen] == [1, 0, 0]
    assert seen[0].failed == first.failed
    assert again.record(0).failed == ()
    assert interviews_on_disk(tmp_path) == 4


def test_a_log_cut_at_any_byte_loses_only_the_cut_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)  # nothing is asked of the disk, which takes its time
    log = ResponseLog(tmp_path)
    ends = [0]
    for number in range(3):
        log.append(record(number))
        ends.append(log.path.stat().st_size)
    whole = log.path.read_bytes()
    for cut in range(len(whole)):
        log.path.write_bytes(whole[:cut])
        looked = ResponseLog(tmp_path)
        assert (looked.open(mend=False) is None) == (cut in ends)
        assert log.path.read_bytes() == whole[:cut]  # looking changes nothing
        found, dropped = read(tmp_path)
        intact = sum(end <= cut for end in ends[1:])
        assert list(found) == list(range(intact))
        assert (dropped is None) == (cut in ends)
        log.open()
        for number in range(intact, 3):
            log.append(record(number))
        assert log.path.read_bytes() == whole


def test_a_damaged_record_before_the_last_is_refused(tmp_path: Path) -> None:
    log = ResponseLog(tmp_path)
    for number in range(3):
        log.append(record(number))
    damaged = bytearray(log.path.read_bytes())
    damaged[12] ^= 1
    log.path.write_bytes(bytes(damaged))
    with pytest.raises(RunError, match=r"responses\.log:1.*checksum"):
        read(tmp_path)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.json"]


def test_the_plan_covers_every_interview_of_every_draw_once() -> None:
    plan = make_plan([f"r{i}" for i in range(10)], draws=2, block_size=4)
    covered = [(block.draw, row) for block in plan.blocks for row in range(block.start, block.stop)]
    assert covered == [(draw, row) for draw in range(2) for row in range(10)]
    assert [block.number for block in plan.blocks] == list(range(6))
    assert make_plan([f"r{i}" for i in range(10)], 2, None).block_size == 10


def test_the_plan_changes_with_respondents_draws_and_block_size() -> None:
    base = make_plan(["a", "b"], 1, 2).hash
    assert (
        len(
            {base, make_plan(["b", "a"], 1, 2).hash, make_plan(["a", "b"], 2, 2).hash, make_plan(["a", "b"], 1, 1).hash}
        )
        == 4
    )
