from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from statsmodels.datasets import anes96

from surveyeval.data.sources import FileSource, StatsmodelsSource, open_source
from surveyeval.errors import ConfigError, DataError


def test_statsmodels(tmp_path: Path) -> None:
    table = StatsmodelsSource().read("anes96", tmp_path, "utf-8")
    expected = anes96.load_pandas().data
    assert list(table.frame.columns) == list(expected.columns)
    assert [float(value) for value in table.frame["logpopul"]] == expected["logpopul"].tolist()
    assert set(table.frame["vote"]) == {"0", "1"}
    assert table.sha256 == StatsmodelsSource().read("anes96", tmp_path, "utf-8").sha256
    assert table.line(0) is None


@pytest.mark.parametrize("name", ["anes69", "tests", "utils", "os", "../anes96", "", "anes96.data"])
def test_only_data_sets_of_statsmodels(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="statsmodels has no data set"):
        StatsmodelsSource().read(name, tmp_path, "utf-8")


def test_close_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'anes96'"):
        open_source("statsmodels:anes69", tmp_path)


def test_file_lies_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "rows.csv").write_text("a\n1\n")
    (tmp_path / "outside.csv").write_text("a\n1\n")
    (folder / "link.csv").symlink_to(tmp_path / "outside.csv")
    assert FileSource().read("rows.csv", folder, "utf-8").frame.loc[0, "a"] == "1"
    for reference in ("../outside.csv", str(tmp_path / "outside.csv"), "link.csv"):
        with pytest.raises(DataError, match="lies outside the task's folder"):
            FileSource().read(reference, folder, "utf-8")


def test_checksum(tmp_path: Path) -> None:
    content = b"a\n1\n"
    (tmp_path / "rows.csv").write_bytes(content)
    checksum = hashlib.sha256(content).hexdigest()
    assert open_source("file:rows.csv", tmp_path, sha256=checksum).sha256 == checksum
    with pytest.raises(DataError, match="the task says 0000"):
        open_source("file:rows.csv", tmp_path, sha256="0" * 64)


def test_unknown_source(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'statsmodels'"):
        open_source("statsmodel:anes96", tmp_path)
