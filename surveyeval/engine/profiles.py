"""Answers of a model for profiles of which nobody knows the answers: nothing is scored, and every row says what it is.

The table is written when all is answered. Until then the answers are in a folder beside it, and the same command goes on;
what language models answered is kept in the response cache as well, as of a run.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd

import surveyeval
from surveyeval.data.cells import escaped
from surveyeval.data.files import digest, held, write_atomically
from surveyeval.data.sample import Sample, State
from surveyeval.data.seeds import uniforms
from surveyeval.data.table import Table
from surveyeval.engine.asking import LanguageAsker, RespondentAsker
from surveyeval.engine.cache import ResponseCache
from surveyeval.engine.experiment import Experiment, check_model, split_people, trained_on
from surveyeval.engine.journal import Journal
from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.plan import Block, Plan, make_plan
from surveyeval.engine.store import BlockAnswers, ResponseLog
from surveyeval.engine.tally import Tally
from surveyeval.errors import CapabilityError, ConfigError, DataError, ModelError, RunError, did_you_mean
from surveyeval.model import host
from surveyeval.model.build import NamedModel, build_elicitation, build_model, check_elicitation
from surveyeval.model.prepare import UsesPilot
from surveyeval.model.prepare import check as check_pilot
from surveyeval.model.protocol import Fingerprint, Interviews, LanguageModel, Respondent
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
    human = _pilot(named, loaded, pilot_data)
    _check(named, loaded, people, hidden, send_profiles, human is not None)
    asking = parse_elicitation_string(elicitation).text
    options = RunOptions(limit, seed, draws, 0.25, tuple(sorted(hidden)), asking)
    experiment = _experiment(loaded, people, human, options, send_profiles)
    if human is not None:
        own = trained_on(named.model, loaded, human)
        check_pilot(named.model, loaded, human.sample, hidden, own, way)
        if isinstance(named.model, Respondent) and named.model.capabilities.needs_pilot:
            named.model.fit(loaded, human.sample)
    progress = progress or Silent()
    plan = make_plan(list(people.respondent), draws, host.block_size(named.model, people.n))
    fingerprint = named.model.fingerprint()
    identity = _identity(experiment, named, fingerprint, plan)
    with _folder(target, identity) as folder:
        answers_of = _answered(experiment, named, fingerprint, plan, folder, cache or ResponseCache(None), progress)
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


class _OfProfiles(LanguageAsker):
    """Asks about people without answers: there is nothing of theirs to be scored."""

    def scored(self, block: Block) -> bool:
        """Never."""
        return False


class _AllOfThem(RespondentAsker):
    """Answers whole interviews of people without answers."""

    def answer(self, block: Block, first: Callable[[Block], BlockAnswers], begin: Callable[[], None]) -> BlockAnswers:
        """Answers of one block."""
        begin()
        task, people = self.experiment.task, self.experiment.test.take(np.arange(block.start, block.stop))
        items = [item.name for item in task.items]
        numbers = uniforms(self.experiment.options.seed, list(people.respondent), items, block.draw, "draw")
        answers = host.simulate(self.model, Interviews(task, people, numbers, block.draw, self.experiment.hidden))
        filled = people.with_answers(answers.answers, states=answers.states)
        return BlockAnswers(
            block, filled.answers, filled.states, answers.probabilities, answers.mass, paired=answers.paired
        )


def _answered(
    experiment: Experiment, named: NamedModel, fingerprint: Fingerprint, plan: Plan, folder: Path, cache: ResponseCache,
    progress: Progress,
) -> Callable[[Block], BlockAnswers]:  # fmt: skip
    """Answer every block that is not on disk; gives what reads a block's answers."""
    log, journal, tally = ResponseLog(folder), Journal(folder), Tally()
    log.open(tally.add)
    pending = [block for block in plan.blocks if block.number not in log or tally.failed(block.number)]
    total, begun = experiment.test.n * experiment.options.draws, False
    by_draw = len(plan.blocks) // max(experiment.options.draws, 1)
    if len(pending) < len(plan.blocks):
        done = total - sum(block.stop - block.start for block in pending)
        progress.note(f"{named.name}: {done} of {total} interviews were answered before; going on")
    if isinstance(named.model, LanguageModel):
        human = experiment.human
        some = experiment.pilot.n > 0
        trained = trained_on(named.model, experiment.task, human) if some else np.zeros(0, dtype=bool)
        asker: LanguageAsker | RespondentAsker = _OfProfiles(
            named, named.model, fingerprint, experiment, trained, cache, progress, journal
        )
    else:
        asker = _AllOfThem(named.model, experiment)

    def begin() -> None:
        nonlocal begun
        if not begun:
            progress.phase(f"{named.name}: interviews", total)
            progress.advance(total - sum(block.stop - block.start for block in pending))
            begun = True

    for block in pending:
        record = asker.answer(block, lambda later: log.record(later.number % by_draw), begin)
        log.append(record)
        tally.add(record)
        if not record.failed:
            journal.of(block.number).forget()
        if begun:
            progress.advance(block.stop - block.start)
    progress.finish()
    if found := tally.cached():
        progress.note(f"{named.name}: {found['interviews']} of {total} interviews are read from the response cache")
    if errors := tally.errors:
        (words, _), *_ = errors.most_common()
        raise ModelError(
            f"{sum(errors.values())} answers of {named.name!r} could not be had: {words}",
            hint="everything else is on disk, and the same command tries these again",
        )
    return lambda block: log.record(block.number)


def _identity(experiment: Experiment, named: NamedModel, fingerprint: Fingerprint, plan: Plan) -> str:
    """What answers depend on: other commands never go on from them."""
    people, pilot, options = experiment.test, experiment.pilot, experiment.options
    rows: list[list[str | None]] = [list(map(str, people.respondent)), list(map(str, people.arm))]
    for name, column in sorted(people.profile.items()):
        rows.append([name, *(None if code is None else str(code) for code in column)])
    learnt = [list(map(str, pilot.respondent)), experiment.human.sha256 if pilot.n else ""]
    how = [options.seed, options.draws, options.elicitation, list(options.hidden), experiment.task.profile_set]
    what = [surveyeval.__version__, experiment.task.content_hash, named.string, fingerprint.kind, fingerprint.value]
    return digest([what, how, rows, learnt, plan.hash])


@contextmanager
def _folder(target: Path | None, identity: str) -> Iterator[Path]:
    """Where answers are until the table is written: beside it, else where nobody finds them again."""
    if target is None:
        folder = Path(mkdtemp(prefix="surveyeval-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    folder = target.with_name(f"{target.name}.unfinished")
    folder.mkdir(exist_ok=True)
    lock = folder / ".lock"
    with held(lock) as alone:
        # a lock that has no name any more was of a command that has just finished and removed it
        if not (alone and lock.exists()):
            raise RunError(
                "another process is answering for this output",
                file=str(folder),
                hint="wait for it, or give another --output",
            )
        note = folder / "identity.json"
        left = [*folder.glob("responses.log"), *folder.glob("replies.*.log")]
        if left and (not note.exists() or json.loads(note.read_text())["identity"] != identity):
            raise RunError(
                "these are answers of another command, to other profiles or of another model",
                file=str(folder),
                hint="repeat that command to finish it, remove the folder, or give another --output",
            )
        write_atomically(note, json.dumps({"identity": identity}) + "\n")
        yield folder
        # while the lock is held; not reached by a command that was stopped
        shutil.rmtree(folder, ignore_errors=True)


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
    if model.capabilities.needs_pilot and not with_pilot:
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
