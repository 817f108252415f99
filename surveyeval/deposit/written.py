"""A simulated sample and what stands beside it, written at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from surveyeval.data.files import write_atomically
from surveyeval.deposit.files import write_simulated
from surveyeval.deposit.simulated import simulated_file
from surveyeval.deposit.snippets import python_program, r_program
from surveyeval.engine.run import Run
from surveyeval.errors import ConfigError

__all__ = ["Written", "write_sample"]


@dataclass(frozen=True)
class Written:
    """Files that were written, the sample first.

    Parameters
    ----------
    files : tuple of Path
    paired : bool
        Whether each row was simulated for the profile of a person.
    """

    files: tuple[Path, ...]
    paired: bool


def write_sample(
    run: Run,
    *,
    format: str | None = None,
    output: str | Path | None = None,
    identifiers: str = "pseudonyms",
    profile: bool = True,
    escape: bool = True,
    programs: bool = True,
) -> Written:
    """Write the simulated sample of a run; see `surveyeval.api.sample`."""
    model = re.sub(r"[^a-z0-9.]+", "-", run.model.lower()).strip("-.")[:40]
    path = Path(output) if output is not None else Path(f"{run.task}-{model}-simulated.{format or 'csv'}")
    if format is not None and path.suffix.lower() != f".{format}":
        raise ConfigError(
            f"{path.name!r} is no name of a {format} file", hint=f"let it end in .{format}, or leave --format out"
        )
    content = simulated_file(run, identifiers=identifiers, profile=profile)
    files = write_simulated(content, path, escape=escape)
    if programs and content.items:
        for ending, text in ((".R", r_program(content, path)), (".py", python_program(content, path))):
            # named by its format: the same sample for another program has other programs
            beside = path.with_name(f"{path.stem}-{path.suffix[1:].lower()}-read{ending}")
            write_atomically(beside, text)
            files.append(beside)
    return Written(tuple(files), bool(run.responses["paired"].all()))
