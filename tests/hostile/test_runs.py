"""Run directories of others: whatever is in them, a command gives a result or one error of ours."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
import shutil
import signal
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from surveyeval import api
from surveyeval.cli.main import cli
from surveyeval.engine.responses import from_records, read_samples
from surveyeval.engine.run import Run, find_runs
from surveyeval.engine.store import ResponseLog
from surveyeval.errors import RunError, SurveyevalError
from tests.engine.small import respondents, small_task
from tests.hostile import made
from tests.hostile.limits import TooSlowError, capped
from tests.hostile.targets import _RESPONSES

VALUES: list[Any] = [
    None,
    True,
    -1,
    1.5,
    10**30,
    float("nan"),
    float("inf"),
    [],
    {},
    [1],
    {"a": 1},
    "x",
    *made.NAUGHTY[:33],
]


def routes(value: Any, route: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield route
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for key, one in inner:
        yield from routes(one, (*route, key))


def replaced(content: Any, route: tuple[Any, ...], value: Any, *, gone: bool = False) -> Any:
    found = copy.deepcopy(content)
    if not route:
        return value
    inside = found
    for key in route[:-1]:
        inside = inside[key]
    if gone:
        del inside[route[-1]]
    else:
        inside[route[-1]] = value
    return found


def command(*words: object) -> Callable[[], object]:
    def call() -> object:
        done = CliRunner().invoke(cli, list(map(str, words)), obj={"debug": False})
        if isinstance(done.exception, Exception):
            raise done.exception
        return done

    return call


def uses(folder: Path, number: int) -> list[Callable[[], object]]:
    """What is done with a run; the slow ones in turn."""
    quick = [
        command("ls", "runs", "-o", folder.parent),
        command("show", folder, "--json"),
        command("disclose", folder),
        lambda: Run(folder)._repr_html_(),
    ]
    slow: list[Callable[[], object]] = [
        command("show", folder),
        lambda: api.report([folder]),
        lambda: api.export(folder, output=folder.parent / "x.zip"),
        command("estimates", folder),
        lambda: api.sample(folder, output=folder.parent / "s.csv"),
        command("seal", folder),
    ]
    return [*quick, slow[number % len(slow)]]


@pytest.mark.parametrize("file", ["manifest.json", "metrics.json", "tables.json"])
def test_any_value_may_be_another_one(file: str, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "copied"
    good = json.loads((run.folder / file).read_text())
    chance = random.Random(file)
    every = list(routes(good))
    for number in range(12):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(run.folder, folder)
        route, value, gone = chance.choice(every), chance.choice(VALUES), chance.random() < 0.2
        (folder / file).write_text(json.dumps(replaced(good, route, value, gone=gone)))
        for use in uses(folder, number):
            with capped(20.0, megabytes=3_000), suppress(SurveyevalError):
                use()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"5",
        b'"x"',
        b"{}",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"9" * 5_000,
        b'{"task": 1}',
        b"\0" * 99,
    ],
)
def test_files_of_another_kind(content: bytes, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "copied"
    for file in ("metrics.json", "tables.json", "responses.parquet", "config.yaml", "manifest.json"):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(run.folder, folder)
        (folder / file).write_bytes(content)
        use: Callable[[], object] = {
            "metrics.json": lambda: Run(folder).estimates,
            "tables.json": lambda: api.report([folder]),
            "responses.parquet": lambda: api.sample(folder, output=tmp_path / "s.csv"),
            "config.yaml": lambda: api.score([folder]),
            "manifest.json": lambda: Run(folder),
        }[file]
        with capped(20.0, megabytes=2_000), pytest.raises(SurveyevalError):
            use()
    assert find_runs(folder.parent) == []


MEMBERS = (
    "manifest.json",
    "responses.parquet",
    "metrics.json",
    "tables.json",
    "config.yaml",
    "task.yaml",
    "report.html",
    ".lock",
)


@pytest.mark.parametrize("name", MEMBERS)
def test_pipes_devices_and_sockets_in_a_run_are_not_opened(name: str, run: Run, tmp_path: Path) -> None:
    """Opening a pipe waits for somebody who writes into it, without using any processor time."""

    def stop(*_: object) -> None:
        raise TooSlowError("it waits")

    folder = Path(shutil.copytree(run.folder, tmp_path / "runs" / "copied"))
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(120)
    try:
        for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), _socket):
            (folder / name).unlink(missing_ok=True)
            make(folder / name)
            for use in (api.verify, lambda one: api.score([one]), lambda one: api.report([one]), Run):
                with pytest.raises(RunError, match="is a pipe, a device or a socket") as caught:
                    use(folder)
                assert caught.value.problems[0].file == str(folder / name)
            assert find_runs(folder.parent) == []
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made_here, contextlib.chdir(path.parent):  # the address may not be long
        made_here.bind(path.name)


def test_links_in_a_run_are_followed(run: Run, tmp_path: Path) -> None:
    """Large tables may lie on another disk; a link that leads nowhere is a file that is missing."""
    folder = Path(shutil.copytree(run.folder, tmp_path / "runs" / "copied"))
    (folder / "responses.parquet").rename(tmp_path / "elsewhere.parquet")
    (folder / "responses.parquet").symlink_to(tmp_path / "elsewhere.parquet")
    assert len(Run(folder).responses) == len(run.responses)
    (tmp_path / "elsewhere.parquet").unlink()
    with pytest.raises(RunError, match="not complete"):
        _ = Run(folder).responses


def test_a_configuration_that_grows(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where a command would leave its mark
    folder = tmp_path / "copied"
    shutil.copytree(run.folder, folder)
    laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(12)
    )
    for text in (
        f"task: anes96\n{laughs}",
        "task: !!python/object/apply:os.system ['touch x']",
        "task: anes96\ndata: [a]",
    ):
        (folder / "config.yaml").write_text(text)
        with capped(20.0, megabytes=1_000), suppress(SurveyevalError):
            api.score([folder])
    assert not (tmp_path / "x").exists()


def table(**changes: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({**_RESPONSES, **changes})


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("code", [1, 2, 3, 4]),
        ("state", ["answered", "answered", "nonsense", "invalid"]),
        ("draw", [0.5, 0.5, 0.5, 0.5]),
        ("draw", [float("nan")] * 4),
        ("mass", ["a", "b", "c", "d"]),
        ("mass", [float("inf")] * 4),
        ("log_prob", ["x", "x", "x", "x"]),
        ("paired", [1, 0, 1, 0]),
        ("respondent", [1, 2, 3, 4]),
        ("respondent", ["nobody"] * 4),
        ("probabilities", [[0.5]] * 4),
        ("probabilities", [[2.0, -1.0, 0.0, 0.0], None, None, None]),
        ("probabilities", [[float("inf")] * 4, None, None, None]),
    ],
)
def test_columns_of_responses_that_do_not_fit_are_named(name: str, column: list[Any], tmp_path: Path) -> None:
    table(**{name: column}).to_parquet(tmp_path / "responses.parquet")
    with pytest.raises(RunError) as caught:
        read_samples(small_task(), respondents(3, 0), 1, tmp_path / "responses.parquet")
    assert name in str(caught.value) or "respondents that" in str(caught.value)


@pytest.mark.parametrize("name", sorted(set(_RESPONSES) - {"arm"}))
def test_columns_of_responses_that_are_missing_are_named(name: str, tmp_path: Path) -> None:
    table().drop(columns=name).to_parquet(tmp_path / "responses.parquet")
    with pytest.raises(RunError, match=f"lacks the columns {name}"):
        read_samples(small_task(), respondents(3, 0), 1, tmp_path / "responses.parquet")


def test_a_table_of_a_billion_rows_is_refused_by_its_head(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "responses.parquet"
    part = pa.table({"respondent": pa.array(["r0"] * 1_000_000)})
    with pq.ParquetWriter(path, part.schema) as writer:
        for _ in range(40):
            writer.write_table(part)
    assert path.stat().st_size < 200_000
    with capped(5.0, megabytes=300), pytest.raises(RunError, match="40,000,000 rows"):
        read_samples(small_task(), respondents(3, 0), 1, path)


def test_a_table_of_more_rows_than_the_manifest_counts_is_refused_by_its_head(run: Run, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path / "copied"
    shutil.copytree(run.folder, folder)
    part = pa.table({"respondent": pa.array(["r0"] * 1_000_000)})
    with pq.ParquetWriter(folder / "responses.parquet", part.schema) as writer:
        for _ in range(40):
            writer.write_table(part)
    for use in (lambda: Run(folder).responses, lambda: api.verify(folder)):
        with capped(20.0, megabytes=1_000), pytest.raises(RunError, match="40,000,000 rows"):
            use()
    (folder / "manifest.json").write_text(json.dumps({**run.manifest, "counts": {"interviews": "many"}}))
    with pytest.raises(RunError, match="is damaged"):
        _ = Run(folder).responses


@pytest.mark.parametrize("draws", [10_001, 10**12, 1.5, "x", None])
@pytest.mark.parametrize("route", [("options",), ("identity", "options")])
def test_a_manifest_of_more_draws_than_anybody_makes_is_refused(
    route: tuple[str, ...], draws: object, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(replaced(run.manifest, (*route, "draws"), 10_000)))
    assert Run(tmp_path).id == run.id
    (tmp_path / "manifest.json").write_text(json.dumps(replaced(run.manifest, (*route, "draws"), draws)))
    with pytest.raises(RunError, match="is no number of draws up to 10,000"):
        Run(tmp_path)


def record(**changes: Any) -> bytes:
    content = {
        "block": [0, 0, 0, 2], "paired": True, "answers": {"trust": [1, -1], "act": [0, 1]}, "states": {"trust": [0, 5], "act": [0, 0]},
        "probabilities": {}, "mass": {}, "log_prob": {}, **changes,
    }  # fmt: skip
    return json.dumps({name: value for name, value in content.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "no record"),
        (b"\xff", "no record"),
        (b"null", "no JSON object"),
        (b"[" * 100_000, "nested too deeply"),
        (record(block=...), "names no block"),
        (record(block=[0, 0, 5, 2]), "ends before it begins"),
        (record(block=[0, 0, 0, 10**12]), "names no block"),
        (record(block=[True, 0, 0, 2]), "names no block"),
        (record(paired="yes"), "paired"),
        (record(answers=...), "has no answers"),
        (record(answers={"trust": [1]}), "no 2 whole numbers"),
        (record(answers={"trust": [1.5, 0]}), "no 2 whole numbers"),
        (record(answers={"other": [1, 0]}), "different items"),
        (record(states={"trust": [0, 99], "act": [0, 0]}), "a state that is none"),
        (record(probabilities={"trust": [[0.5], [0.5, 0.5]]}), "probabilities are no numbers"),
        (record(mass={"trust": ["x", 1]}), "mass are no numbers"),
        (record(texts={"trust": [1, 2]}), "texts are none"),
        (record(texts=[]), "texts are none"),
        (record(notes="x"), "notes are no texts"),
        (record(cached="x"), "times are no numbers"),
        (record(failed=[["x"]]), "failed answers are none"),
    ],
)
def test_records_whose_checksum_is_right_and_whose_content_is_not(text: bytes, words: str, tmp_path: Path) -> None:
    log = ResponseLog(tmp_path)
    log.path.write_bytes(b"%08x " % zlib.crc32(text) + text + b"\n")
    with capped(), pytest.raises(RunError, match=words) as caught:
        log.open()
    assert caught.value.problems[0].line == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"answers": {"trust": [4, 0], "act": [0, 0]}},
        {"answers": {"act": [0, 0]}, "states": {"act": [0, 0]}},
        {"block": [0, 0, 2, 4]},
        {"probabilities": {"trust": [[0.5, 0.5], [0.5, 0.5]]}},
    ],
)
def test_records_that_do_not_fit_the_task(changes: dict[str, Any], tmp_path: Path) -> None:
    log, text = ResponseLog(tmp_path), record(**changes)
    log.path.write_bytes(b"%08x " % zlib.crc32(text) + text + b"\n")
    log.open()
    with pytest.raises(RunError, match=r"does not have|more respondents|other options"):
        from_records(small_task(), respondents(3, 0), [0], iter([log.record(0)]))


def test_a_good_record_is_read(tmp_path: Path) -> None:
    log, text = ResponseLog(tmp_path), record(mass={"trust": [0.5, None]}, log_prob={"trust": ["-inf", -1.0]})
    log.path.write_bytes(b"%08x " % zlib.crc32(text) + text + b"\n")
    log.open()
    found = from_records(small_task(), respondents(3, 0), [0], iter([log.record(0)]))[0]
    np.testing.assert_array_equal(found.answers["trust"], [1, -1, -1])
