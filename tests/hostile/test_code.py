"""Files that are programs: pickles, code that comes with models, archives. None of them runs."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest

from surveyeval.data.readers import ENDINGS, read_table
from surveyeval.errors import DataError, ModelError
from surveyeval.model.build import build_model
from surveyeval.model.remote_code import BANNER, VARIABLE
from tests.model import tiny


class Bomb:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.canary,))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save("llama", tmp_path_factory.mktemp("model") / "tiny")


@pytest.mark.parametrize(
    "ending",
    [".pkl", ".pickle", ".rda", ".rds", ".RData", ".npy", ".joblib", ".xlsx", ".zip", ".tar.gz", ".h5", ".feather"],
)
def test_data_files_that_may_be_programs_or_archives_are_not_read(ending: str, tmp_path: Path) -> None:
    path, canary = tmp_path / f"rows{ending}", tmp_path / "canary"
    path.write_bytes(pickle.dumps(Bomb(canary)))
    assert path.suffix.lower() not in ENDINGS
    with pytest.raises(DataError, match="are not read"):
        read_table(path)
    assert not canary.exists()


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".sav", ".dta"])
def test_a_pickle_by_another_name_is_no_table(ending: str, tmp_path: Path) -> None:
    path, canary = tmp_path / f"rows{ending}", tmp_path / "canary"
    path.write_bytes(pickle.dumps(Bomb(canary)))
    with pytest.raises(DataError):
        read_table(path)
    assert not canary.exists()


def test_weights_in_pickles_are_not_read(saved: Path, tmp_path: Path) -> None:
    folder, canary = tmp_path / "model", tmp_path / "canary"
    shutil.copytree(saved, folder)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(canary)))
    with pytest.raises(ModelError):
        build_model(f"hf:{folder}").model.load()  # type: ignore[union-attr]
    assert not canary.exists()


def test_adapters_in_pickles_are_refused(saved: Path, tmp_path: Path) -> None:
    folder, canary = tmp_path / "adapter", tmp_path / "canary"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": str(saved), "peft_type": "LORA"})
    )
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Bomb(canary)))
    with pytest.raises(ModelError, match="pickle, which is a program"):
        build_model(f"lora:{folder}")
    assert not canary.exists()


@pytest.mark.parametrize(
    "record",
    [
        {"base": {"model": "lora:{folder}", "hash": "x"}},
        {"base": {"model": 5, "hash": "x"}},
        {"base": {"model": "file:/etc/passwd", "hash": "x"}},
        {"pilot": {"salt": "s", "hashes": [["a"]]}},
        {"pilot": {"salt": "s", "hashes": {"0": "a"}}},
        {"data": {"sha256": {}, "identifiers": "row"}},
        [],
        None,
    ],
)
def test_records_of_adapters_that_are_damaged_or_lead_in_circles(record: object, tmp_path: Path) -> None:
    good = {"base": {"model": "hf:x", "hash": "x"}, "pilot": {"salt": "s", "hashes": ["a"]}, "task": {"name": "t"},
            "data": {"sha256": "x", "identifiers": "row"}}  # fmt: skip
    (tmp_path / "adapter_config.json").write_text("{}")
    text = json.dumps({**good, **record} if isinstance(record, dict) else record).replace("{folder}", str(tmp_path))
    (tmp_path / "surveyeval.json").write_text(text)
    with pytest.raises(ModelError):
        build_model(f"lora:{tmp_path}")


@pytest.mark.parametrize("content", ["[]", "{", '{"base_model_name_or_path": 5}', "[" * 100_000, "\udcff"])
def test_configurations_of_adapters_that_are_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelError):
        build_model(f"lora:{tmp_path}")


@pytest.fixture
def with_code(saved: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A model that brings Python code, which leaves a mark when it is run."""
    folder, canary = tmp_path / "model", tmp_path / "canary"
    shutil.copytree(saved, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"},
        "model_type": "own-evil",
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(
        f"import pathlib\npathlib.Path({str(canary)!r}).touch()\n"
        "from transformers import LlamaConfig, LlamaForCausalLM\n"
        "class OwnConfig(LlamaConfig):\n    model_type = 'own-evil'\n"
        "class OwnModel(LlamaForCausalLM):\n    config_class = OwnConfig\n"
    )
    return folder, canary


def test_code_that_comes_with_a_model_is_off(with_code: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, canary = with_code
    for named in ("", "another/model", "*", "true", folder.name):
        monkeypatch.setenv(VARIABLE, named)
        model = build_model(f"hf:{folder}").model
        assert BANNER not in model.banners()
        with pytest.raises(ModelError, match="code of its own") as caught:
            model.load()  # type: ignore[union-attr]
        assert VARIABLE in str(caught.value)
    assert not canary.exists()
    assert "trust_remote_code" not in type(model.options).model_fields  # type: ignore[union-attr]


def test_code_runs_for_a_model_that_is_named_and_the_card_says_so(
    with_code: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder, canary = with_code
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setenv(VARIABLE, f"some/other, {folder}")
    model = build_model(f"hf:{folder}").model
    assert BANNER in model.banners()
    before = model.weights_hash()  # type: ignore[union-attr]
    with (folder / "own.py").open("a") as stream:
        stream.write("# changed\n")
    assert model.weights_hash() != before  # type: ignore[union-attr]
    model.load()  # type: ignore[union-attr]
    assert canary.exists()


def test_nothing_in_the_package_asks_for_remote_code_or_loads_pickles() -> None:
    import re

    for path in Path("surveyeval").rglob("*.py"):
        text = path.read_text()
        assert not re.search(
            r"trust_remote_code=True|allow_pickle=True|read_pickle|joblib|yaml\.(unsafe_|full_)?load\(", text
        ), path
        for call in re.findall(r"torch\.load\([^)]*\)", text):
            assert "weights_only=True" in call, path
        if "from_pretrained(" in text and "Auto" in text:
            assert "trust_remote_code" in text or "gguf_file" in text, path
