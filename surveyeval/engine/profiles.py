"""Answers of a model for profiles of which nobody knows the answers: nothing is scored, and every row says what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from surveyeval.data.files import write_atomically
from surveyeval.data.sample import Sample, State
from surveyeval.data.seeds import uniforms
from surveyeval.engine.experiment import sending
from surveyeval.errors import CapabilityError, ConfigError, DataError, did_you_mean
from surveyeval.model import host
from surveyeval.model.build import NamedModel, build_elicitation, build_model, check_elicitation
from surveyeval.model.prepare import UsesPilot
from surveyeval.model.protocol import Checked, Interviews, LanguageModel
from surveyeval.progress import Progress, Silent
from surveyeval.task.human import SIMULATED, load_profiles
from surveyeval.task.load import load_task
from surveyeval.task.task import Task

__all__ = ["simulate"]

#: Columns that are there whatever the task, beside those of the profile and the items.
_OWN = ("provenance", "task", "model", "respondent", "draw", "arm")


def simulate(
    task: str | Task,
    profiles: str | Path,
    model: str,
    *,
    output: str | Path | None = None,
    settings: Mapping[str, str] | None = None,
    draws: int = 1,
    seed: int = 0,
    limit: int | None = None,
    elicitation: str = "choice",
    profile_set: str | None = None,
    hide: Iterable[str] = (),
    send_profiles: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Let a model answer a task for profiles from a file. Nothing is scored, and there is no card.

    Parameters
    ----------
    task : str or Task
    profiles : path
        A data file with the columns of the task's profile and, in an experiment, of its arms; other columns are not looked
        at. People are numbered unless the column of ``source.id`` is there.
    model : str
        Model string. Models that learn from a pilot, or need people's answers, are refused.
    output : path, optional
        Where to write the table: .csv or .parquet.
    settings : mapping, optional
        Further options of the model.
    draws, seed, limit, elicitation, profile_set, hide, send_profiles, progress
        As in `surveyeval.run`; `limit` counts rows of the file.

    Returns
    -------
    DataFrame
        A row for each profile and draw. ``provenance`` is ``simulated`` in each; answers are codes of the task, and
        ``ITEM_state`` says why one is absent, for items with absent ones. Such a table is refused as human rows.

    Raises
    ------
    CapabilityError
        When the model cannot answer without people.
    DataError
        When the file lacks columns, or holds codes that the task does not know.
    """
    loaded = load_task(task, profile_set=profile_set) if isinstance(task, str) else task
    target = None if output is None else _target(Path(output))
    hidden = frozenset(hide)
    for name in hidden:
        if name not in loaded.profile:
            raise ConfigError(
                f"cannot hide {name!r}: it is not in the profile", hint=did_you_mean(name, loaded.profile)
            )
    for name, value in (("draws", draws), ("limit", limit)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} is {value}, it must be at least 1")
    named, way = build_model(model, settings), build_elicitation(elicitation)
    people = load_profiles(loaded, Path(profiles))
    if limit is not None:
        people = people.take(np.arange(min(limit, people.n)))
    if isinstance(named.model, LanguageModel):
        check_elicitation(named, way)
    _check(named, loaded, people, hidden, send_profiles)
    progress = progress or Silent()
    if isinstance(named.model, LanguageModel):
        progress.phase(f"{named.name}: loading", 0)
        named.model.load()
        progress.finish()
    progress.phase(f"{named.name}: interviews", people.n * draws)
    items = [item.name for item in loaded.items]
    size = host.block_size(named.model) or people.n
    parts = []
    for draw in range(draws):
        for start in range(0, people.n, size):
            block = people.take(np.arange(start, min(start + size, people.n)))
            numbers = uniforms(seed, list(block.respondent), items, draw, "draw")
            answers = host.simulate(named.model, Interviews(loaded, block, numbers, draw, hidden), elicitation=way)
            filled = block.with_answers(answers.answers, states=answers.states)
            parts.append(_rows(loaded, named, filled, draw))
            progress.advance(block.n)
    progress.finish()
    table = pd.concat(parts, ignore_index=True)
    whole = [name for name in items if (table[f"{name}_state"] == State.ANSWERED.name.lower()).all()]
    table = table.drop(columns=[f"{name}_state" for name in whole])
    if target is not None:
        text = table.to_csv(index=False) if target.suffix == ".csv" else table.to_parquet(index=False)
        write_atomically(target, text)
    return table


def _target(path: Path) -> Path:
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise ConfigError(f"{str(path)!r} is no .csv or .parquet file", hint="let its name end so")
    if not path.parent.is_dir():
        raise ConfigError("there is no such folder", file=str(path.parent))
    return path


def _check(named: NamedModel, task: Task, people: Sample, hidden: frozenset[str], send_profiles: bool) -> None:
    """Refuse models that need people, and profiles that would leave this machine."""
    model = named.model
    if model.capabilities.needs_answers or model.capabilities.needs_pilot:
        what = "people's own answers" if model.capabilities.needs_answers else "the answers of a pilot"
        raise CapabilityError(
            f"model {named.name!r} needs {what}, and there are profiles only",
            hint="use `surveyeval run`, or a language model",
        )
    if (
        isinstance(model, LanguageModel)
        and isinstance(model, UsesPilot)
        and (model.examples or model.calibrate != "none")
    ):
        raise CapabilityError(
            f"model {named.name!r} takes examples or a calibration from a pilot, and there are profiles only",
            hint="leave ?examples= and ?calibrate= out",
        )
    sender = sending(model)
    if sender is not None:
        if send_profiles:
            sender.allow_profiles()
        sender.check(task, people, hidden)
    elif isinstance(model, Checked):
        model.check(task, people)


def _rows(task: Task, named: NamedModel, sample: Sample, draw: int) -> pd.DataFrame:
    columns: dict[str, object] = {
        "provenance": SIMULATED, "task": f"{task.name} {task.version}", "model": named.string,
        "respondent": sample.respondent, "draw": draw,
    }  # fmt: skip
    if task.is_experiment:
        columns["arm"] = sample.arm
    for name in (*task.profile, *(item.name for item in task.items)):
        if name in _OWN:
            raise DataError(f"a profile field or item is named {name!r}, as a column of the table is", file=task.file)
    columns |= {name: sample.profile[name] for name in task.profile}
    for item in task.items:
        columns[item.name] = np.array([*item.codes, None], dtype=object)[sample.answers[item.name]]
        columns[f"{item.name}_state"] = [State(state).name.lower() for state in sample.states[item.name]]
    return pd.DataFrame(columns)
