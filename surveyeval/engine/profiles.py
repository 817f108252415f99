"""Answers of a model for profiles of which nobody knows the answers: nothing is scored, and every row says what it is.

The table is written when all is answered. Until then the answers are in a folder beside it, and the same command goes on;
what language models answered is kept in the response cache as well, as of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from surveyeval.data.cells import escaped
from surveyeval.data.files import write_atomically
from surveyeval.data.sample import Sample, State
from surveyeval.data.table import Table
from surveyeval.engine.cache import ResponseCache
from surveyeval.engine.experiment import Experiment, check_model, check_options, split_people, trained_on
from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.plan import make_plan
from surveyeval.engine.profile_answers import answered, identity_of, unfinished_in
from surveyeval.errors import CapabilityError, ConfigError, DataError
from surveyeval.model import host
from surveyeval.model.baselines import Baseline
from surveyeval.model.build import NamedModel, build_elicitation, build_model, check_elicitation
from surveyeval.model.prepare import UsesPilot
from surveyeval.model.prepare import check as check_pilot
from surveyeval.model.protocol import LanguageModel, Respondent
from surveyeval.model.strings import parse_elicitation_string
from surveyeval.progress import Progress, Silent
from surveyeval.task.human import SIMULATED, HumanData, load_human, load_profiles
from surveyeval.task.load import load_task
from surveyeval.task.task import Task

__all__ = ["TASK_PILOT", "simulate"]

#: Columns that are there whatever the task, beside those of the profile and the items.
_OWN = ("provenance", "task", "model", "respondent", "draw", "arm")
#: In place of a file: the task's own people are the pilot.
TASK_PILOT = "task"


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
    pilot_data: str | Path | None = None,
    cache: ResponseCache | None = None,
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
        Model string. Models that need people's own answers are refused, and without `pilot_data` those that learn from a
        pilot.
    output : path, optional
        Where to write the table: .csv or .parquet. Answers are in ``OUTPUT.unfinished`` until all are there; the same call
        goes on from them.
    settings : mapping, optional
        Further options of the model.
    draws, seed, limit, elicitation, profile_set, hide, send_profiles, progress
        As in `surveyeval.run`; `limit` counts rows of the file.
    pilot_data : path, optional
        Rows with answers that the model learns from: a data file with the task's columns, or ``"task"`` for the task's own
        people. All of them are the pilot.
    cache : ResponseCache, optional
        Where language models' answers are looked up and kept; default: none.

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
    RunError
        When answers of another command are beside the output, or another process is answering for it.
    ModelError
        When answers could not be had; what there is stays, and the same call tries again.
    """
    loaded = load_task(task, profile_set=profile_set) if isinstance(task, str) else task
    target = None if output is None else _target(Path(output))
    hidden = frozenset(hide)
    asking = parse_elicitation_string(elicitation).text
    options = RunOptions(limit, seed, draws, 0.25, tuple(sorted(hidden)), asking)
    check_options(loaded, options)
    named, way = build_model(model, settings), build_elicitation(elicitation)
    people = load_profiles(loaded, Path(profiles))
    if limit is not None:
        people = people.take(np.arange(min(limit, people.n)))
    if isinstance(named.model, LanguageModel):
        check_elicitation(named, way)
    human = _pilot(named, loaded, pilot_data)
    _check(named, loaded, people, hidden, send_profiles, human is not None)
    experiment = _experiment(loaded, people, human, options, send_profiles)
    if human is not None:
        own = trained_on(named.model, loaded, human)
        check_pilot(named.model, loaded, human.sample, hidden, own, way)
    if isinstance(named.model, Respondent) and named.model.capabilities.needs_pilot:
        named.model.fit(loaded, experiment.pilot)
    progress = progress or Silent()
    plan = make_plan(list(people.respondent), draws, host.block_size(named.model, people.n))
    fingerprint = named.model.fingerprint()
    identity = identity_of(experiment, named, fingerprint, plan)
    with unfinished_in(target, identity) as folder:
        answers_of = answered(experiment, named, fingerprint, plan, folder, cache or ResponseCache(None), progress)
        parts = []
        for block in plan.blocks:
            record, some = answers_of(block), people.take(np.arange(block.start, block.stop))
            parts.append(_rows(loaded, named, some.with_answers(record.answers, states=record.states), block.draw))
        table = pd.concat(parts, ignore_index=True)
        items = [item.name for item in loaded.items]
        whole = [name for name in items if (table[f"{name}_state"] == State.ANSWERED.name.lower()).all()]
        table = table.drop(columns=[f"{name}_state" for name in whole])
        if target is not None:
            text = table.map(escaped).to_csv(index=False) if target.suffix == ".csv" else table.to_parquet(index=False)
            write_atomically(target, text)
    return table


def _pilot(named: NamedModel, task: Task, given: str | Path | None) -> HumanData | None:
    """People with answers that the model learns from, where there are any."""
    if given is None:
        return None
    if named.model.capabilities.needs_answers:
        return None  # refused with its reason
    if not (named.model.capabilities.needs_pilot or _takes_some(named)):
        raise ConfigError(
            f"model {named.name!r} takes nothing from a pilot",
            hint="leave --pilot-data out, or write ?examples=4 or ?calibrate=temperature behind the model",
        )
    if str(given) == TASK_PILOT:
        return load_human(task)
    provenance = task.spec.source.provenance
    return load_human(task, data=str(given), provenance=provenance)


def _learns(model: Respondent | LanguageModel) -> bool:
    """Whether a model cannot do without a pilot; to draw every option alike, nobody's answers are needed."""
    return model.capabilities.needs_pilot and not (isinstance(model, Baseline) and model.name == "uniform")


def _takes_some(named: NamedModel) -> bool:
    """Whether a language model shows examples of a pilot, or is calibrated on it."""
    model = named.model
    if not (isinstance(model, LanguageModel) and isinstance(model, UsesPilot)):
        return False
    return model.examples > 0 or model.calibrate != "none"


def _experiment(
    task: Task, people: Sample, human: HumanData | None, options: RunOptions, send_profiles: bool
) -> Experiment:
    """The profiles as those who are asked, and the pilot, or nobody, as those who are learnt from."""
    none = {item.name: np.empty(0, dtype=np.int64) for item in task.items}
    nobody = people.take(np.arange(0)).with_answers(none, simulated=False)
    known = human or HumanData(nobody, "", SIMULATED, "", "", Table(pd.DataFrame(), "", ""))
    pilot = nobody if human is None else human.sample
    return Experiment(task, known, split_people(task, known), pilot, people, options, 0, send_profiles)


def _target(path: Path) -> Path:
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise ConfigError(f"{str(path)!r} is no .csv or .parquet file", hint="let its name end so")
    if not path.parent.is_dir():
        raise ConfigError("there is no such folder", file=str(path.parent))
    return path


def _check(
    named: NamedModel, task: Task, people: Sample, hidden: frozenset[str], send_profiles: bool, with_pilot: bool
) -> None:
    """Refuse models that need people, and profiles that would leave this machine."""
    model = named.model
    if model.capabilities.needs_answers:
        raise CapabilityError(
            f"model {named.name!r} needs people's own answers, and there are profiles only",
            hint="use `surveyeval run`, or another model",
        )
    if _learns(model) and not with_pilot:
        raise CapabilityError(
            f"model {named.name!r} needs the answers of a pilot, and there are profiles only",
            hint="--pilot-data FILE gives people with answers to learn from, --pilot-data task those of the task",
        )
    if not with_pilot and _takes_some(named):
        raise CapabilityError(
            f"model {named.name!r} takes examples or a calibration from a pilot, and there are profiles only",
            hint="leave ?examples= and ?calibrate= out, or give people with answers: --pilot-data FILE, or task",
        )
    check_model(named.model, task, people, hidden, send_profiles)


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
