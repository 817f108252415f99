"""YAML of a page: whole files, and parts that are right inside a small whole."""

from __future__ import annotations

from pathlib import Path

from surveyeval.cli.config import read_config
from surveyeval.errors import ConfigError
from surveyeval.grid.spec import read_study
from surveyeval.task.check import check_file
from surveyeval.task.suites import read_suite
from tests.pages.blocks import Block

__all__ = ["KINDS", "problems"]

_HEAD = 'name: example\nversion: "1"\ntitle: An example\n'
_SOURCE = "source: {use: 'file:rows.csv', provenance: human, licence: CC0, citation: nobody}\n"
_PROFILE = "profile: {age: {column: age}}\n"
_ITEMS = (
    "items:\n- {name: vote, role: action, kind: binary, question: Did you vote, options: {'0': 'No', '1': 'Yes'}}\n"
)
#: Mark of a block -> what is put before it.
KINDS = {
    "task": "",
    "items": f"{_HEAD}{_SOURCE}items:\n",
    "parts": f"{_HEAD}{_SOURCE}",
    "source": f"{_HEAD}{_PROFILE}{_ITEMS}",
    "with items": f"{_HEAD}{_SOURCE}{_ITEMS}",
}
_READERS = {"study": read_study, "suite": read_suite, "config": read_config}


def problems(block: Block, folder: Path, included: dict[str, str]) -> list[str]:
    """What is wrong with a YAML block; it must say by a mark what it is.

    Parameters
    ----------
    block : Block
    folder : Path
        Where it may be written.
    included : dict
        Name and text of files that blocks of the page include.
    """
    for name, text in included.items():
        (folder / name).write_text(text)
    for kind, head in KINDS.items():
        if kind in block.marks:
            (folder / "task.yaml").write_text(head + block.text)
            return [str(problem) for problem in check_file(folder / "task.yaml")]
    for kind, read in _READERS.items():
        if kind in block.marks:
            file = folder / f"{kind}.yaml"
            file.write_text(block.text)
            try:
                read(str(file) if kind == "config" else file)  # type: ignore[arg-type]
            except ConfigError as error:
                return [str(problem) for problem in error.problems]
            return []
    known = ", ".join([*KINDS, *_READERS, "include: NAME", "file: NAME"])
    return [f"say by a comment above it what it is: {known}"]
