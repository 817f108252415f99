"""Submissions: what a leaderboard needs of a run, without a row about any respondent.

A submission is a zip file (or one JSON file) of fixed members. Two exports of one run have the same bytes.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surveyeval import __version__
from surveyeval.board.reading import parse_json, read_archive, read_bytes
from surveyeval.board.schema import FORMAT, check_shape, check_submitted
from surveyeval.board.scrub import cleaned, command_of, scrubber, without_extras
from surveyeval.board.small_cells import FEWEST, suppressed_estimates, suppressed_tables, too_small_arms
from surveyeval.data.files import digest, write_atomically
from surveyeval.engine.estimates import from_records, to_records
from surveyeval.engine.readable import understood
from surveyeval.errors import ConfigError, DataError, RunError
from surveyeval.reporting.view import RunView

if TYPE_CHECKING:
    from surveyeval.engine.run import Run

__all__ = ["PARTS", "Submission", "export_run", "open_submission"]

#: Members of a submission, and what each is: the first says which layout this is, the others are parts with a hash.
PARTS = {
    "manifest": "manifest.json",
    "metrics": "metrics.json",
    "tables": "tables.json",
    "card_html": "card.html",
    "card_markdown": "card.md",
}
_HEAD = "submission.json"
#: Entries of a manifest that leave this machine, cleaned.
_PUBLISHED = (
    "format", "id", "identity", "status", "created", "finished", "surveyeval", "limited", "task", "data", "model", "split",
    "options", "plan", "elicitation", "leaves", "counts", "prompt_example", "notes", "seconds", "tried", "environment",
)  # fmt: skip
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class Submission:
    """The parts of a submission.

    Parameters
    ----------
    parts : mapping of name to plain data
        ``manifest``, ``metrics`` and ``tables`` as in a run directory, ``card_html`` and ``card_markdown`` as text.
    stated : mapping of name to sha256
        Hashes that the submission states for its parts.
    file : str
        Where it was read.
    """

    parts: Mapping[str, Any]
    stated: Mapping[str, str]
    file: str = ""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What was run."""
        manifest: Mapping[str, Any] = self.parts["manifest"]
        return manifest

    @property
    def view(self) -> RunView:
        """The submission as a card sees a run. The card that came with it is not shown anywhere: this one is rendered."""
        return RunView(self.manifest, from_records(self.parts["metrics"]["estimates"]), self.parts["tables"])

    def to_bytes(self, *, as_json: bool = False) -> bytes:
        """The file; the same parts give the same bytes.

        Parameters
        ----------
        as_json : bool
            One JSON file instead of a zip file.
        """
        head = {"format": FORMAT, "made_by": f"surveyeval {__version__}", "sha256": dict(self.stated)}
        if as_json:
            return _json({"submission": head, **self.parts})
        stream = BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            members = {_HEAD: _json(head)}
            for name, member in PARTS.items():
                part = self.parts[name]
                members[member] = part.encode() if isinstance(part, str) else _json(part)
            for member, content in members.items():
                entry = zipfile.ZipInfo(member, _EPOCH)
                entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
                archive.writestr(entry, content)
        return stream.getvalue()


def export_run(run: Run, output: Path | str | None = None) -> Path:
    """Write a submission of a run.

    Parameters
    ----------
    run : Run
        Scored.
    output : path, optional
        A ``.zip`` or ``.json`` file; default: ``TASK-MODEL-ID.zip`` in the working directory.

    Returns
    -------
    Path

    Raises
    ------
    RunError
        When the run is not scored.
    ConfigError
        When `output` is another kind of file.
    """
    target = Path(output) if output is not None else Path(f"{_stem(run)}.zip")
    if target.suffix.lower() not in (".zip", ".json"):
        raise ConfigError(f"--output {str(output)!r} is no submission", hint="let its name end in .zip or .json")
    content = make_submission(run).to_bytes(as_json=target.suffix.lower() == ".json")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, content)
    return target


def make_submission(run: Run) -> Submission:
    """What a leaderboard needs of a run: no answers, no ids, no paths, no keys, no cell of fewer than ten people.

    Raises
    ------
    RunError
        When the run is not scored, or an arm has fewer than ten people.
    """
    with understood(run.folder):
        return _made(run)


def _made(run: Run) -> Submission:
    from surveyeval.reporting.card import render

    if run.status != "complete" or not run.scored:
        raise RunError("is not scored", file=str(run.folder), hint=f"run `surveyeval score {run.folder}`")
    arms = too_small_arms(run.tables)
    if arms:
        raise RunError(
            f"has fewer than {FEWEST} test people in {', '.join(arms)}, so nothing of it can be published",
            file=str(run.folder),
            hint="run it without --limit, or with a larger one",
        )
    scrub = scrubber(run.manifest)
    tables, fewer_rows = suppressed_tables(run.tables)
    estimates, fewer_values = suppressed_estimates(to_records(run.estimates), run.tables)
    manifest = {key: run.manifest[key] for key in _PUBLISHED if key in run.manifest}
    notes = [*manifest.get("notes", []), _said(fewer_rows, fewer_values)]
    model, fingerprint = manifest["model"], manifest["model"]["fingerprint"]
    details = without_extras(fingerprint.get("details", {}))
    if details != fingerprint.get("details", {}):
        # the fingerprint's value still stands for them, so that whoever has them can find that they are the same
        notes.append("Further fields of requests (?extra=) are named, and what stood in them is left out.")
    manifest["model"] = {**model, "fingerprint": {**fingerprint, "details": details}}
    identity = manifest["identity"]
    manifest = {**cleaned({**manifest, "notes": notes}, scrub), "identity": identity, "id": run.id}
    manifest["command"] = command_of(run.manifest, scrub)
    # as it will be read again: tuples are lists, and numbers are what JSON says
    parts: dict[str, Any] = json.loads(
        json.dumps(
            {
                "manifest": manifest,
                "metrics": {"format": 1, "identity": run.id, "estimates": cleaned(estimates, scrub)},
                "tables": cleaned(tables, scrub),
            },
            allow_nan=False,
        )
    )
    card = render([Submission(parts, {}).view])
    parts |= {"card_html": card.html, "card_markdown": card.markdown}
    return Submission(parts, hashes(parts))


def hashes(parts: Mapping[str, Any]) -> dict[str, str]:
    """sha256 of each part: of the canonical JSON of plain data, which is the same in a zip file and in one of JSON."""
    return {name: digest(parts[name]) for name in PARTS if name in parts}


def _said(rows: int, values: int) -> str:
    if not rows and not values:
        return f"Exported without answers of respondents; no published cell had fewer than {FEWEST} people."
    return (
        f"Exported without answers of respondents; cells with fewer than {FEWEST} people are left out: {rows} rows of tables, "
        f"{values} estimates. How many people answered each item is shown, so how many did not can be counted."
    )


def _stem(run: Run) -> str:
    import re

    model = re.sub(r"[^a-z0-9.]+", "-", run.model.lower()).strip("-.")[:40]
    return f"{run.task}-{model}-{run.id[:8]}"


def _json(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=0) + "\n").encode()


def open_submission(path: Path | str) -> Submission:
    """Read a submission, within limits, and refuse one of another shape. Hashes and numbers are not checked here.

    Raises
    ------
    DataError
        With every mistake of its shape.
    """
    path = Path(path)
    file = path.name
    parts: dict[str, Any]
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=str(path)) from error
    if start[:2] == b"PK":
        members = read_archive(path, {_HEAD: True, **dict.fromkeys(PARTS.values(), True)})
        head = parse_json(members[_HEAD], f"{file}/{_HEAD}")
        parts = {}
        for name, member in PARTS.items():
            content = members[member]
            if member.endswith(".json"):
                parts[name] = parse_json(content, f"{file}/{member}")
            else:
                parts[name] = content.decode("utf-8", errors="replace")
    else:
        whole = parse_json(read_bytes(path), file)
        if not isinstance(whole, dict) or set(whole) != {"submission", *PARTS}:
            raise DataError(
                "is no submission",
                file=file,
                hint="`surveyeval export RUN` makes one; a run directory is named by its folder",
            )
        head, parts = whole["submission"], {name: whole[name] for name in PARTS}
        for name in ("card_html", "card_markdown"):
            if not isinstance(parts[name], str):
                raise DataError("a text is needed", file=file, field=name)
    check_submitted(head, file)
    check_shape(parts, file)
    return Submission(parts, head["sha256"], file)
