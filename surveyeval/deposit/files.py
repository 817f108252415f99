"""Simulated samples as CSV, parquet, SPSS (.sav) and Stata (.dta) files."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from surveyeval.data.cells import escaped
from surveyeval.data.files import replacing, write_atomically
from surveyeval.data.sample import State
from surveyeval.deposit.simulated import SimulatedFile
from surveyeval.deposit.variables import STATES, Variable
from surveyeval.errors import ConfigError, MissingExtraError, RunError

__all__ = ["FORMATS", "write_simulated"]

FORMATS = ("csv", "parquet", "sav", "dta")


def write_simulated(content: SimulatedFile, path: Path, *, escape: bool = True) -> list[Path]:
    """Write a simulated sample.

    Parameters
    ----------
    content : SimulatedFile
    path : Path
        Its ending says the format, one of `FORMATS`.
    escape : bool
        Whether texts of a CSV that a spreadsheet would take for a formula get a ``'`` in front.

    Returns
    -------
    list of Path
        The file; beside CSV and parquet, whose readers know no value labels, also a codebook.

    Raises
    ------
    ConfigError
        When there is no such format, or the file cannot be written.
    RunError
        When the disk is full, read-only or broken.
    MissingExtraError
        When a file of SPSS or Stata is written without pyreadstat.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise ConfigError(
            f"files of type {path.suffix or 'unknown'!r} are not written", hint=f"one of {', '.join(FORMATS)}"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind in ("sav", "dta"):
            _statistical(content, path, kind)
            return [path]
        codebook = path.with_name(f"{path.stem}-{path.suffix[1:].lower()}-codebook.csv")
        write_atomically(codebook, _csv(list(_codebook(content)), escape))
        if kind == "csv":
            write_atomically(path, _csv(_rows(content), escape))
        else:
            _parquet(content, path)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror or error}", file=str(path)) from error
    return [path, codebook]


def _csv(rows: list[list[object]], escape: bool) -> str:
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    writer.writerows([[escaped(one) if escape else one for one in row] for row in rows])
    return written.getvalue()


def _whole(value: float) -> object:
    return "" if np.isnan(value) else int(value) if float(value).is_integer() else float(value)


def _numbered(variable: Variable) -> list[object]:
    """Cells of a variable, states as their codes."""
    if variable.is_text:
        return ["" if value is None else str(value) for value in variable.values]
    cells = [_whole(value) for value in variable.values]
    for row, state in enumerate(variable.states if variable.states is not None else ()):
        if state != State.ANSWERED:
            cells[row] = STATES[State(state)][0]
    return cells


def _rows(content: SimulatedFile) -> list[list[object]]:
    columns = [_numbered(one) for one in content.variables]
    return [list(content.names), *map(list, zip(*columns, strict=True))]


def _codebook(content: SimulatedFile) -> Iterator[list[object]]:
    yield ["variable", "label", "code", "value_label", "missing", "task_code"]
    yield ["", content.label, "", "", "", ""]
    for one in content.variables:
        yield [one.name, one.label, "", "", "", ""]
        for code, label in one.codes.items():
            yield [one.name, "", code, label, 0, one.original.get(code, str(code))]
        if one.states is not None:
            for number, words, _ in STATES.values():
                yield [one.name, "", number, words, 1, ""]


def _parquet(content: SimulatedFile, path: Path) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    columns, fields = [], []
    for one in content.variables:
        cells = [None if cell == "" else cell for cell in _numbered(one)]
        kind = pyarrow.string() if one.is_text else pyarrow.float64()
        if not one.is_text and all(cell is None or isinstance(cell, int) for cell in cells):
            kind = pyarrow.int64()
        about = {"label": one.label, "values": {str(code): label for code, label in one.codes.items()}}
        if one.states is not None:
            about["missing"] = {str(number): words for number, words, _ in STATES.values()}
        columns.append(pyarrow.array(cells, type=kind))
        fields.append(pyarrow.field(one.name, kind, metadata={"survey": json.dumps(about, ensure_ascii=False)}))
    schema = pyarrow.schema(fields, metadata={"label": content.label, "simulated": "true", "run": content.run})
    with replacing(path) as temporary, temporary.open("wb") as stream:
        parquet.write_table(pyarrow.Table.from_arrays(columns, schema=schema), stream)
        stream.flush()
        os.fsync(stream.fileno())


def _statistical(content: SimulatedFile, path: Path, kind: str) -> None:
    try:
        import pyreadstat
    except ImportError as error:
        raise MissingExtraError(
            "files of SPSS and Stata need pyreadstat", hint='pip install "surveyeval-harness[data]"'
        ) from error
    stata = kind == "dta"
    columns, labels = {}, {}
    missing: dict[str, Any] = {}
    for one in content.variables:
        columns[one.name] = _lettered(one) if stata else pd.Series(_typed(one))
        words: dict[Any, str] = dict(one.codes.items())
        if one.states is not None:
            words |= {(letter if stata else number): label for number, label, letter in STATES.values()}
            low, high = min(number for number, _, _ in STATES.values()), max(number for number, _, _ in STATES.values())
            missing[one.name] = (
                sorted(letter for _, _, letter in STATES.values()) if stata else [{"lo": low, "hi": high}]
            )
        if words:
            labels[one.name] = {code: _cut(label, 32_000 if stata else 120) for code, label in words.items()}
    frame = pd.DataFrame(columns)
    about = [_cut(one.label, 80 if stata else 255) for one in content.variables]
    common: dict[str, Any] = {"column_labels": about, "variable_value_labels": labels}
    with replacing(path) as temporary:
        try:
            if stata:
                about_file = _cut(content.label, 80)
                pyreadstat.write_dta(
                    frame, str(temporary), file_label=about_file, missing_user_values=missing, version=15, **common
                )
            else:
                measure = {name: _measure(one) for name, one in zip(content.names, content.variables, strict=True)}
                pyreadstat.write_sav(
                    frame,
                    str(temporary),
                    file_label=_cut(content.label, 64),
                    missing_ranges=missing,
                    variable_measure=measure,
                    **common,
                )
        except pyreadstat.ReadstatError as error:  # it does not say which error of the system it was
            said = "make room if the disk is full, or name another place"
            raise RunError(f"cannot be written: {error}", file=str(path), hint=said) from error
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())


def _typed(variable: Variable) -> Any:
    if variable.is_text:
        return np.array(_numbered(variable), dtype=object)
    return np.array([np.nan if cell == "" else float(str(cell)) for cell in _numbered(variable)])


def _lettered(variable: Variable) -> pd.Series[Any]:
    """Cells for Stata, whose extended missing values stand for states."""
    if variable.is_text or variable.states is None or (variable.states == State.ANSWERED).all():
        return pd.Series(_typed(variable))
    cells: list[object] = [_whole(value) for value in variable.values]
    letters = {state: letter for state, (_, _, letter) in STATES.items()}
    filled = [
        cell if state == State.ANSWERED else letters[State(state)]
        for cell, state in zip(cells, variable.states, strict=True)
    ]
    return pd.Series([float(str(cell)) if not isinstance(cell, str) else cell for cell in filled], dtype=object)


def _measure(variable: Variable) -> str:
    return "nominal" if variable.is_text or variable.codes else "scale"


def _cut(text: str, most: int) -> str:
    """A label with at most so many bytes, which is how both programs count."""
    plain = " ".join(text.split())
    if len(plain.encode()) <= most:
        return plain
    return plain.encode()[: most - 3].decode(errors="ignore").rstrip() + "..."
