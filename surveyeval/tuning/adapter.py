"""Adapters on disk: PEFT's standard files, and `surveyeval.json` that says on whom and how they were trained."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from surveyeval.data.files import sync_folder, write_atomically, written_to
from surveyeval.errors import ConfigError, MissingExtraError
from surveyeval.model.strings import parse_model_string
from surveyeval.tuning.options import TuningOptions

__all__ = ["RECORD", "add_adapter", "losses", "read_record", "save_adapter", "target_modules"]

RECORD = "surveyeval.json"


def target_modules(model: Any, wanted: str) -> list[str] | str:
    """Names of the modules to adapt, as PEFT takes them.

    Parameters
    ----------
    model : transformers model
    wanted : str
        ``attention``: every linear layer of the attention blocks; ``all-linear``; or names separated by commas.

    Raises
    ------
    ConfigError
        When a name matches nothing.
    """
    if wanted == "all-linear":
        return "all-linear"
    linear = [name for name, module in model.named_modules() if _is_linear(module)]
    if wanted == "attention":
        inside = [
            name.split(".") for name in linear if any("attn" in part or "attention" in part for part in name.split("."))
        ]
        # Two parts of the name, since GPT-2 calls a layer of the attention and one of the network behind it alike.
        names = sorted({".".join(parts[-2:]) for parts in inside})
        if not names:
            raise ConfigError(
                "the model names no attention layers as usual", hint="give --target with names of modules"
            )
        return names
    names = [name.strip() for name in wanted.split(",")]
    for name in names:
        if not any(full == name or full.endswith(f".{name}") for full in linear):
            known = sorted({full.rpartition(".")[2] for full in linear})
            raise ConfigError(f"the model has no linear module {name!r}", hint=f"modules: {', '.join(known)}")
    return names


def _is_linear(module: Any) -> bool:
    import torch

    return isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"


def add_adapter(model: Any, options: TuningOptions) -> Any:
    """Wrap a model with a fresh adapter whose first weights come from the seed."""
    import torch

    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingExtraError("fine-tuning needs peft", hint='pip install "surveyeval-harness[hf]"') from error
    targets = target_modules(model, options.target)
    conv1d = any(type(module).__name__ == "Conv1D" for module in model.modules())
    torch.manual_seed(options.seed)
    return get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM",
            r=options.rank,
            lora_alpha=options.alpha,
            lora_dropout=options.dropout,
            target_modules=targets,
            fan_in_fan_out=conv1d,
        ),
    )


def save_adapter(folder: Path, wrapped: Any, record: Mapping[str, Any], *, replace: bool) -> None:
    """Write an adapter directory, whole or not at all.

    Parameters
    ----------
    folder : Path
    wrapped : PEFT model
    record : mapping
        Content of `surveyeval.json`.
    replace : bool
        Whether a folder with content may give way.

    Raises
    ------
    ConfigError
        When the folder has content that may not give way.
    RunError
        When the disk is full, read-only or broken.
    """
    with written_to(folder):
        _save(folder, wrapped, record, replace)


def _save(folder: Path, wrapped: Any, record: Mapping[str, Any], replace: bool) -> None:
    # what a killed process left goes as well
    temporary, aside = (folder.with_name(f".{folder.name}.{kind}") for kind in ("tmp", "old"))
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        # no look at the hub whether its vocabulary is the base's: embeddings are never trained
        with _as_system_errors():
            wrapped.save_pretrained(temporary, save_embedding_layers=False)
        _name_base(temporary / "adapter_config.json", record["base"]["model"])
        (temporary / "README.md").write_text(_readme(record), encoding="utf-8")
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        (temporary / RECORD).write_text(text, encoding="utf-8")
        for path in temporary.iterdir():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        sync_folder(temporary)
        if folder.exists() and any(folder.iterdir()):
            if not replace:
                raise ConfigError("exists already", file=str(folder), hint="choose another --output, or --again")
            # aside as a whole: a folder that is half removed might load
            shutil.rmtree(aside, ignore_errors=True)
            folder.replace(aside)
        temporary.replace(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _as_system_errors() -> Iterator[None]:
    """Raise errors of the system that safetensors has in its own words as what they are."""
    try:
        yield
    except Exception as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


def _name_base(path: Path, model: str) -> None:
    """Write the configuration anew, so that equal adapters have equal files.

    PEFT wrote the folder of this machine; a hub name stays, everything else is named as on cards, without folders.
    """
    config = json.loads(path.read_text())
    parsed = parse_model_string(model)
    plain = parsed.scheme == "hf" and parsed.name == f"hf:{parsed.reference}"
    config["base_model_name_or_path"] = parsed.reference if plain else parsed.name
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()  # PEFT keeps a set, whose order differs between processes
    write_atomically(path, json.dumps(config, indent=2, sort_keys=True) + "\n")


def _readme(record: Mapping[str, Any]) -> str:
    pilot, task, base = record["pilot"], record["task"], parse_model_string(record["base"]["model"]).name
    return (
        f"# Adapter for simulated respondents: {task['name']}\n\n"
        f"A LoRA adapter (PEFT) on `{base}`, trained by surveyeval {record['surveyeval']} on "
        f"{pilot['people']} people of task `{task['name']}` {task['version']}, objective `{record['options']['objective']}`. "
        f"`{RECORD}` holds options, hashes of the people trained on, and the loss curve.\n\n"
        "Rows made with it are simulated. They are not respondents.\n"
    )


def read_record(folder: Path) -> dict[str, Any] | None:
    """`surveyeval.json` of an adapter folder; None when there is none.

    Raises
    ------
    ConfigError
        When it cannot be read.
    """
    path = folder / RECORD
    if not path.exists():
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"is damaged: {error}", file=str(path), hint="choose another --output, or delete it"
        ) from error


def losses(curve: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The loss curve as it is stored: rounded, so that a resumed training writes the same text."""
    return [
        {key: round(value, 6) if isinstance(value, float) else value for key, value in point.items()} for point in curve
    ]
