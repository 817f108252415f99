"""Finding the run that is asked for, or making its directory: one process at a time, and whole or not at all."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from surveyeval.data.files import sync_folder, write_atomically
from surveyeval.engine.manifest import Identity
from surveyeval.engine.run import UNFINISHED, Run, find_runs
from surveyeval.errors import ConfigError, RunError
from surveyeval.model.protocol import Fingerprint
from surveyeval.model.strings import parse_model_string

__all__ = ["create", "existing", "making", "others_interrupted"]

_HASH = re.compile("[0-9a-f]{40,}")
_WORDS = {
    "task": "the task file",
    "profile_set": "the profile set",
    "data": "the data",
    "split": "the split of people",
    "test": "the test people",
    "pilot": "the pilot people",
    "model": "the model",
    "plan": "the blocks",
    "format": "the version of surveyeval",
}


@contextmanager
def making(output: Path) -> Iterator[None]:
    """Be alone in looking for a run of a folder and making one; it takes no time, so others wait.

    Where the file system has no locks, two commands that begin in the same instant make two runs, of which each is right.
    """
    output.mkdir(parents=True, exist_ok=True)
    with (output / ".lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError:
            yield
            return
        yield


def existing(output: Path, identity: str) -> Run | None:
    """The newest run of an identity that can be continued or shown."""
    matching = [run for run in find_runs(output) if run.id == identity and run.status != "failed"]
    return matching[-1] if matching else None


def create(output: Path, name: str, manifest: Mapping[str, Any], files: Mapping[str, str]) -> Run:
    """Make a run directory with its first files: it has its name once all of them are on disk.

    What an interrupted making left is removed.
    """
    for left in output.glob(".*.new"):
        shutil.rmtree(left, ignore_errors=True)
    folder, number = output / name, 1
    while folder.exists():  # the same run again within a second
        number += 1
        folder = output / f"{name}-{number}"
    temporary = output / f".{folder.name}.new"
    temporary.mkdir()
    for file, text in files.items():
        write_atomically(temporary / file, text)
    write_atomically(temporary / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    temporary.replace(folder)
    sync_folder(output)
    return Run(folder)


def others_interrupted(
    output: Path, task: str, model: str, identity: Identity, *, string: str, fingerprint: Fingerprint
) -> list[str]:
    """A sentence for every unfinished run of the same task and model name that is not the one asked for: what differs.

    Parameters
    ----------
    output : Path
    task, model : str
        Names.
    identity : Identity
        Of the run that is asked for.
    string : str
        Model string of that run.
    fingerprint : Fingerprint
        Of its model.
    """
    found = []
    for run in find_runs(output):
        if run.status in UNFINISHED and run.task == task and run.model == model and run.id != identity.hash:
            other = _model_words(run.manifest["model"], string, fingerprint)
            different = _differences(run.manifest["identity"], identity.parts, other)
            found.append(
                f"{run.folder.name} is unfinished and stays as it is: this is another run. "
                f"What differs: {', '.join(different) or 'its identity'}"
            )
    return found


def check_plan(run: Run, block: tuple[int, int, int, int], planned: tuple[int, int, int, int] | None) -> None:
    """Refuse a block that is not of the run's plan.

    Raises
    ------
    RunError
    """
    if block != planned:
        raise RunError(
            f"block {block[0]} of the responses is not of this run's plan",
            file=str(run.folder / "responses.log"),
            hint="the file was changed; delete the run directory and run again",
        )


def _model_words(before: Mapping[str, Any], string: str, fingerprint: Fingerprint) -> list[str]:
    """What differs between two models of one name: what the user wrote, else what the fingerprint knows."""
    try:
        then, now = parse_model_string(str(before["string"])), parse_model_string(string)
    except ConfigError:  # the manifest may be somebody else's
        return [_WORDS["model"]]
    if (then.scheme, then.reference) != (now.scheme, now.reference):
        return [f"model ({then.scheme}:{then.reference}, now {now.scheme}:{now.reference})"]
    changed = _changed(then.options, now.options)
    changed = changed or _changed(before["fingerprint"].get("details") or {}, fingerprint.details)
    return [f"model: {one}" for one in changed] or [_WORDS["model"]]


def _changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} ({_plain(then.get(name))}, now {_plain(now.get(name))})"
        for name in {**then, **now}
        if then.get(name) != now.get(name)
    ]


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], model: Sequence[str]) -> list[str]:
    """What differs in words: of options their values, of everything else the thing alone, and no consequence of another."""
    changed = [name for name in _WORDS if before.get(name) != now.get(name)]
    if "data" in changed:  # other people follow from other data
        changed = [name for name in changed if name not in ("split", "test", "pilot", "plan")]
    if "model" in changed and any(one.startswith("model: block ") for one in model):
        changed = [name for name in changed if name != "plan"]
    ours, theirs = before.get("options") or {}, now.get("options") or {}
    options = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    if {"limit", "pilot", "draws"} & set(options):
        changed = [name for name in changed if name not in ("test", "pilot", "plan")]
    words = [one for name in changed for one in (model if name == "model" else [_WORDS[name]])]
    return [*words, *_changed(ours, theirs)]


def _plain(value: Any) -> str:
    if value is None or value == []:
        return "none"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text[:12] if _HASH.fullmatch(text) else text
