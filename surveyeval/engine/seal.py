"""Seals: a hash of simulated answers, made before people's answers are known, so that it can be shown that none was changed.

A seal is a JSON file. Its hash covers all of it in canonical form; who holds that hash, or reads it where it was published, can
tell later whether seal and answers are the same. It is no signature: a seal that never left the machine proves nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surveyeval import __version__
from surveyeval.data.files import digest, write_atomically
from surveyeval.data.readers import read_table
from surveyeval.engine.manifest import now
from surveyeval.engine.run import Run
from surveyeval.errors import DataError, RunError
from surveyeval.task.human import SIMULATED

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Seal", "check_seal", "make_seal", "read_seal"]

_FORMAT = 1
_COLUMNS = ("respondent", "arm", "draw", "item", "code", "state")


@dataclass(frozen=True, eq=False)
class Seal:
    """A seal and where it lies.

    Parameters
    ----------
    path : Path
    content : mapping
        What is sealed: ``answers`` (rows, sha256 of the canonical rows, sha256 of the probabilities where there are any), the
        identity of the run, and when.
    hash : str
        sha256 of the canonical JSON of `content`.
    """

    path: Path
    content: Mapping[str, Any]
    hash: str


def make_seal(source: Run | Path, path: Path | None = None) -> Seal:
    """Seal the answers of a run, or of a table that `surveyeval simulate` wrote.

    Parameters
    ----------
    source : Run or Path
    path : Path, optional
        Default: ``seal.json`` in the run directory, ``NAME.seal.json`` beside a table.

    Raises
    ------
    RunError
        When the answers are not complete, or there is a seal of other answers already.
    DataError
        When a table has rows that are not marked as simulated.
    """
    target = path or _place(source)
    content: dict[str, Any] = {"format": _FORMAT, "what": "simulated answers, sealed", "answers": _answers(source)}
    if isinstance(source, Run):
        model = source.manifest["model"]
        content |= {
            "run": source.id, "identity": source.manifest["identity"], "created": source.manifest["created"],
            "task": {"name": source.task, "version": source.manifest["task"]["version"]},
            "model": {"name": model["name"], "string": model["string"], "fingerprint": model["fingerprint"]["value"]},
        }  # fmt: skip
    else:
        content |= {"table": source.name}
    if target.exists():
        before = read_seal(target)
        if before.content.get("answers") != content["answers"]:
            raise RunError("is the seal of other answers", file=str(target), hint="choose another file with --output")
        return before
    content |= {"surveyeval": __version__, "sealed": now().isoformat(timespec="seconds")}
    sealed = Seal(target, content, digest(content))
    text = json.dumps({**content, "sha256": sealed.hash}, indent=1, ensure_ascii=False) + "\n"
    try:
        write_atomically(target, text)
    except OSError as error:
        raise RunError(f"cannot be written: {error.strerror}", file=str(target)) from error
    return sealed


def read_seal(path: Path) -> Seal:
    """Read a seal and check that it is as it was written.

    Raises
    ------
    RunError
        When there is none, or it was changed.
    """
    try:
        content = json.loads(path.read_text())
        stated = content.pop("sha256")
    except FileNotFoundError as error:
        raise RunError("there is no such seal", file=str(path), hint="`surveyeval seal` makes one") from error
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise RunError(f"is no seal: {error}", file=str(path)) from error
    found = digest(content)
    if found != stated:
        raise RunError(f"the seal was changed: its sha256 is {found}, it says {str(stated)[:80]}", file=str(path))
    if content.get("format") != _FORMAT:
        raise RunError(
            f"is a seal of format {content.get('format')!r}", file=str(path), hint=f"format {_FORMAT} is read"
        )
    return Seal(path, content, found)


def check_seal(source: Run | Path, path: Path | None = None) -> Seal:
    """Whether answers are still those that were sealed.

    Raises
    ------
    RunError
        When the seal, or an answer, was changed since; the message says which.
    """
    seal = read_seal(path or _place(source))
    if isinstance(source, Run) and seal.content.get("run") != source.id:
        raise RunError(f"is the seal of another run, {str(seal.content.get('run'))[:12]}", file=str(seal.path))
    sealed, present = seal.content.get("answers", {}), _answers(source)
    for part, words in (
        ("rows", "the number of answers"),
        ("sha256", "the answers"),
        ("probabilities", "the probabilities"),
    ):
        if sealed.get(part) != present.get(part):
            raise RunError(
                f"{words} differ from what was sealed on {seal.content.get('sealed')}: {str(present.get(part))[:12]}, sealed was "
                f"{str(sealed.get(part))[:12]}",
                file=str(seal.path),
                hint="the answers were changed after they were sealed",
            )
    return seal


def _place(source: Run | Path) -> Path:
    return source.folder / "seal.json" if isinstance(source, Run) else source.with_name(f"{source.name}.seal.json")


def _answers(source: Run | Path) -> dict[str, Any]:
    return _of_run(source) if isinstance(source, Run) else _of_table(source)


def _of_run(run: Run) -> dict[str, Any]:
    """Hashes of the answers by their content: another order of the rows, or layout of the file, changes nothing."""
    table: pd.DataFrame = run.responses
    keys = [
        json.dumps([_plain(value) for value in row], ensure_ascii=False) for row in table[list(_COLUMNS)].to_numpy()
    ]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    found: dict[str, Any] = {
        "rows": len(keys),
        "columns": list(_COLUMNS),
        "sha256": _hashed(keys[row] for row in order),
    }
    if table["probabilities"].notna().any():
        given = table["probabilities"].to_numpy()
        said = (
            json.dumps([keys[row], None if given[row] is None else [float(p).hex() for p in given[row]]])
            for row in order
        )
        found["probabilities"] = _hashed(said)
    return found


def _of_table(path: Path) -> dict[str, Any]:
    frame = read_table(path).frame
    if "provenance" not in frame or set(frame["provenance"]) != {SIMULATED}:
        raise DataError(
            "has rows that do not say that they are simulated",
            file=str(path),
            hint="seal what `surveyeval simulate` wrote",
        )
    columns = sorted(map(str, frame.columns))
    lines = [json.dumps([_plain(value) for value in row], ensure_ascii=False) for row in frame[columns].to_numpy()]
    return {"rows": len(lines), "columns": columns, "sha256": _hashed(sorted(lines))}


def _hashed(lines: Iterable[str]) -> str:
    found = hashlib.sha256()
    for line in lines:
        found.update(line.encode() + b"\n")
    return found.hexdigest()


def _plain(value: object) -> object:
    return int(value) if hasattr(value, "__index__") else None if value is None or value != value else str(value)
