"""A folder for the Silicon Sample Benchmark: prediction files of one tier, metadata with their hashes, a registration draft."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from surveyeval.data.cells import escaped
from surveyeval.data.files import write_atomically
from surveyeval.data.readers import read_table
from surveyeval.data.sample import NO_ARM, Sample, State
from surveyeval.deposit.silicon import Predictions, control_arm, outcomes_of, tier_1, tier_2, tier_3
from surveyeval.deposit.simulated import pseudonyms
from surveyeval.deposit.written import Written
from surveyeval.engine.common import answered_people, reopen, samples_of
from surveyeval.engine.run import Run
from surveyeval.engine.tried import tried_now
from surveyeval.errors import ConfigError, DataError
from surveyeval.task.human import SIMULATED
from surveyeval.task.load import load_task
from surveyeval.task.task import Task

__all__ = ["TIERS", "predictions_of_run", "predictions_of_table", "write_tier"]

TIERS = {
    1: "one row for each simulated respondent",
    2: "means of conditions, overall and by moderator",
    3: "average treatment effects against the control",
}
_TEAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:_[A-Za-z0-9-]+)*")
_ENTRY = re.compile(r"primary|secondary-[1-9]\d*")


def predictions_of_run(run: Run, control: str | None = None) -> Predictions:
    """The simulated samples of a run.

    Parameters
    ----------
    run : Run
        With complete answers; its task and people are read again.
    control : str, optional
        Arm that effects are measured against; default: the one called control, else the first.

    Raises
    ------
    RunError
        When the task or its data are not as they were, or answers are not complete.
    ConfigError
        When there is no such arm.
    """
    responses = run.responses
    task, human = reopen(run)
    draws = samples_of(task, answered_people(task, human, responses), run)
    order, named = pseudonyms(run, draws[0])
    return Predictions(task, [one.take(order) for one in draws], named[order], control_arm(task, control))


def predictions_of_table(path: Path, task: Task, control: str | None = None) -> Predictions:
    """The rows of a table that `surveyeval simulate` wrote, of profiles without people's answers.

    Raises
    ------
    DataError
        When rows are not marked as simulated, are of another task, or hold codes that the task does not have.
    """
    frame = read_table(path).frame
    if "provenance" not in frame or set(frame["provenance"]) != {SIMULATED}:
        raise DataError(
            "has rows that do not say that they are simulated",
            file=str(path),
            hint="give what `surveyeval simulate` wrote",
        )
    written = set(frame["task"]) if "task" in frame else set()
    if written != {f"{task.name} {task.version}"}:
        said = ", ".join(sorted(map(str, written))) or "no task"
        raise DataError(
            f"holds answers to {said}, not to {task.name} {task.version}",
            file=str(path),
            hint="name its task with --task",
        )
    _have(frame, ["draw", "respondent", "model", *(["arm"] if task.is_experiment else []), *task.profile], path)
    _have(frame, [item.name for item in task.items], path)
    draws = [_sample(task, rows, path) for _, rows in frame.groupby(_numbers(frame["draw"], path), sort=True)]
    if any(list(one.respondent) != list(draws[0].respondent) for one in draws):
        raise DataError(
            "its draws are not of the same respondents", file=str(path), hint="give the table as it was written"
        )
    return Predictions(task, draws, draws[0].respondent, control_arm(task, control))


def _have(frame: pd.DataFrame, names: Sequence[str], path: Path) -> None:
    absent = [name for name in names if name not in frame]
    if absent:
        listed = ", ".join(map(repr, absent))
        raise DataError(
            f"has no column{'s' if len(absent) > 1 else ''} {listed}", file=str(path), hint="give the table as it was written"
        )  # fmt: skip


def _numbers(draws: pd.Series[Any], path: Path) -> pd.Series[int]:
    try:
        return draws.astype(int)
    except (TypeError, ValueError) as error:
        raise DataError(
            "draw holds no whole numbers", file=str(path), hint="give the table as it was written"
        ) from error


def _sample(task: Task, rows: pd.DataFrame, path: Path) -> Sample:
    answers, states = {}, {}
    for item in task.items:
        places = {code: number for number, code in enumerate(item.codes)}
        given = [None if value is None or value != value or value == "" else str(value) for value in rows[item.name]]
        unknown = sorted({code for code in given if code is not None and code not in places})
        if unknown:
            raise DataError(f"{item.name} holds {', '.join(unknown[:5])}, which is no code of the task", file=str(path))
        answers[item.name] = np.array([-1 if code is None else places[code] for code in given], dtype=np.int64)
        states[item.name] = np.where(answers[item.name] >= 0, State.ANSWERED, State.INVALID).astype(np.int8)
    profile = {
        name: np.array([None if value != value or value == "" else value for value in rows[name]], dtype=object)
        for name in task.profile
    }
    respondent = rows["respondent"].astype(str).to_numpy(dtype=object)
    arm = rows["arm"].to_numpy(dtype=object) if task.is_experiment else np.full(len(rows), NO_ARM, dtype=object)
    return Sample(respondent, arm, answers, states, profile, simulated=True)


def write_tier(
    source: Run | Path,
    tier: int,
    *,
    output: Path | None = None,
    task: str | Task | None = None,
    team: str = "example-team",
    entry: str = "primary",
    control: str | None = None,
) -> Written:
    """Write a folder for the Silicon Sample Benchmark.

    Parameters
    ----------
    source : Run or Path
        A run, or a table that `surveyeval simulate` wrote.
    tier : {1, 2, 3}
        Tier 1 holds the profiles of people where they are those of people.
    output : Path, optional
        Default: ``TASK-tier-N``.
    task : str or Task, optional
        Of a table.
    team, entry : str
        As the benchmark names submissions: a team's id; ``primary`` or ``secondary-K``.
    control : str, optional
        Arm that effects are measured against; default: the one called control, else the first.

    Raises
    ------
    ConfigError
        When there is no such tier or arm, or a name does not fit.
    DataError
        When a table is no table of simulated answers to the task.
    """
    if tier not in TIERS:
        raise ConfigError(
            f"there is no tier {tier}", hint="; ".join(f"{number}: {words}" for number, words in TIERS.items())
        )
    for name, value, right in (("team", team, _TEAM), ("entry", entry, _ENTRY)):
        if not right.fullmatch(value):
            hint = "letters, digits, - and _" if name == "team" else "primary, secondary-1, secondary-2, ..."
            raise ConfigError(f"{name} {value!r} does not fit", hint=hint)
    if isinstance(source, Run):
        found, manifest = predictions_of_run(source, control), source.manifest
    else:
        if task is None:
            raise ConfigError("the task of the table is not given", file=str(source), hint="name it with --task")
        found = predictions_of_table(source, load_task(task) if isinstance(task, str) else task, control)
        manifest = None
    folder = output or Path(f"{found.task.name}-tier-{tier}")
    files = _predictions(found, tier, folder, f"{team}_T{tier}_{entry}_v1")
    metadata = _metadata(found, tier, files, folder, team, entry, _models(manifest, source))
    write_atomically(folder / "metadata.json", json.dumps(metadata, indent=2, ensure_ascii=False) + "\n")
    files.append(folder / "metadata.json")
    if manifest is not None:
        from surveyeval.reporting.disclosure import disclosure, markdown

        write_atomically(folder / "registration.md", markdown(disclosure(manifest, tried_now(manifest))))
        files.append(folder / "registration.md")
    return Written(tuple(files), found.people.paired and bool(found.task.profile) and tier == 1)


def _predictions(found: Predictions, tier: int, folder: Path, stem: str) -> list[Path]:
    if tier == 1:
        tables = {f"{stem}.csv": tier_1(found)}
    elif tier == 2:
        main, by = tier_2(found)
        tables = {f"{stem}_cells_main.csv": main, f"{stem}_cells_moderator.csv": by}
    else:
        tables = {f"{stem}.csv": tier_3(found)}
    inside = folder / "predictions"
    try:
        inside.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            write_atomically(inside / name, table.map(escaped).to_csv(index=False, lineterminator="\n"))
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=str(folder)) from error
    return [inside / name for name in tables]


def _models(manifest: Mapping[str, Any] | None, source: Run | Path) -> list[str]:
    if manifest is not None:
        return [str(manifest["model"]["string"])]
    assert isinstance(source, Path)
    return sorted(set(map(str, read_table(source).frame["model"])))


def _metadata(
    found: Predictions, tier: int, files: list[Path], folder: Path, team: str, entry: str, models: list[str]
) -> dict[str, Any]:
    """The template's metadata. What only a team can say stays null; nobody's blinding is attested for them."""
    listed = [
        {"file": path.relative_to(folder).as_posix(), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in files
    ]
    return {
        "team_id": team, "team_name": None, "contact": None, "tier": tier, "entry": entry,
        "approach_family": "per-respondent simulation, single model", "models": models, "registration_doi": None,
        "disclosure_class": None, "escrow_doi": None, "prediction_files": listed,
        "coverage": {"interventions": len(found.task.arms) - 1, "outcomes": len(outcomes_of(found.task))},
        "blinding_attestation": False,
        "made_by": {"surveyeval_task": f"{found.task.name} {found.task.version}", "control": found.control},
    }  # fmt: skip
