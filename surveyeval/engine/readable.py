"""Files of run directories that may come from somebody else: read within limits, and refused in words. Loads nothing heavy."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from surveyeval.errors import RunError, SurveyevalError

__all__ = ["MOST_DRAWS", "check_manifest", "check_members", "read_config", "read_json", "scored_now", "understood"]

#: Estimates of a large task are some ten megabytes.
_MOST_BYTES = 500_000_000
#: Names and identities become parts of file names: no separators, nothing that steers a terminal.
_NAME = re.compile(r"[\w][\w.+-]{0,99}")
_IDENTITY = re.compile(r"[\w-]{1,128}")
#: More draws than anybody makes: each takes memory before one of its answers is read.
MOST_DRAWS = 10_000


def check_members(folder: Path) -> None:
    """Refuse a run directory in which a name stands for something that is no file: opening a pipe would never end.

    Links are followed, as everywhere in a run directory; one that leads nowhere is as no file.

    Raises
    ------
    RunError
        With the first name of a pipe, a device or a socket.
    """
    try:
        with os.scandir(folder) as entries:
            odd = sorted(one.name for one in entries if not (one.is_file() or one.is_dir()) and Path(one).exists())
    except OSError:  # no folder, or none that may be listed: what is missing is said by whoever needs it
        return
    if odd:
        raise RunError(
            "is a pipe, a device or a socket, and no file",
            file=str(folder / odd[0]),
            hint="surveyeval did not make it; remove it",
        )


def read_json(path: Path) -> Any:
    """Plain data of a JSON file.

    Raises
    ------
    FileNotFoundError
    RunError
        When it is larger than any that surveyeval writes, or no JSON.
    """
    try:
        if path.exists() and not path.is_file():
            raise RunError("is no file", file=str(path))
        if path.exists() and path.stat().st_size > _MOST_BYTES:
            raise RunError(f"is larger than {_MOST_BYTES // 1_000_000} MB", file=str(path))
        text = path.read_bytes().decode()
        content = json.loads(text)
        if "\\ud" in text.lower():  # escapes may stand for halves of characters, which no file can hold
            content = json.loads(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))
        return content
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RunError(f"cannot be read: {error.strerror}", file=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"is damaged: {_said(error)}", file=str(path)) from error


def read_config(path: Path) -> dict[str, Any]:
    """The configuration of a run.

    Raises
    ------
    RunError
    """
    import yaml

    try:
        with path.open("rb") as stream:
            loaded = yaml.safe_load(stream.read(1_000_000).decode())
        if not isinstance(loaded, dict) or not isinstance(loaded["task"], str):
            raise ValueError("it names no task")
        for name in ("data", "provenance", "profile_set"):
            if not isinstance(loaded.get(name), (str, type(None))):
                raise ValueError(f"{name} is no text")
    except OSError as error:
        raise RunError(f"cannot be read: {error.strerror}", file=str(path)) from error
    except (yaml.YAMLError, ValueError, KeyError, RecursionError) as error:
        raise RunError(f"is damaged: {_said(error)}", file=str(path)) from error
    return loaded


def check_manifest(manifest: object) -> None:
    """Refuse a manifest that says nothing of task, model and status, whose names could lead out of a folder, or that would
    take memory without end.

    Raises
    ------
    ValueError, KeyError, TypeError
    """
    if not isinstance(manifest, Mapping):
        raise ValueError("it is no JSON object")
    name, model, status = manifest["task"]["name"], manifest["model"]["name"], manifest["status"]
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise ValueError(f"{str(name)[:60]!r} is no name of a task")
    if not (isinstance(model, str) and isinstance(status, str)):
        raise ValueError("the model's name, or the status, is no text")
    for part in ("identity", "data", "split", "options", "plan", "counts"):
        if not isinstance(manifest.get(part, {}), Mapping):
            raise TypeError(f"{part} is no JSON object")
    for options in (manifest.get("options", {}), manifest.get("identity", {}).get("options", {})):
        if isinstance(options, Mapping):
            draws = options.get("draws", 1)
            if not isinstance(draws, int) or draws > MOST_DRAWS:
                raise ValueError(f"{str(draws)[:60]!r} is no number of draws up to {MOST_DRAWS:,}")
    if not isinstance(manifest.get("notes", []), list):
        raise TypeError("notes are no list")
    if "id" in manifest and not _IDENTITY.fullmatch(str(manifest["id"])):
        raise ValueError(f"{str(manifest['id'])[:60]!r} is no identity of a run")


#: What content of another shape raises.
_ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


@contextmanager
def understood(what: str | Path) -> Iterator[None]:
    """Say of a run directory that it holds something that it should not, where reading it fails.

    Raises
    ------
    RunError
        Instead of errors that come from content of another shape.
    """
    with _instead(
        what, "is damaged, or was written by another version", "`surveyeval --debug ...` shows what was looked for"
    ):
        yield


@contextmanager
def scored_now(what: str | Path) -> Iterator[None]:
    """Say of a run that was scored a moment ago that its card cannot be drawn, which is no fault of the run.

    Raises
    ------
    RunError
        Instead of errors that `understood` takes for damage.
    """
    hint = (
        "this is a fault of surveyeval, not of the run; please report it with what `surveyeval --debug report RUN` shows. "
        "The estimates are in metrics.json"
    )
    with _instead(what, "is finished and scored, but its card could not be drawn", hint):
        yield


@contextmanager
def _instead(what: str | Path, words: str, hint: str) -> Iterator[None]:
    """Say this in place of errors that come from content of another shape."""
    try:
        yield
    except SurveyevalError:
        raise
    except _ODD as error:
        raise RunError(f"{words}: {type(error).__name__}: {_said(error)}", file=str(what), hint=hint) from error


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
