"""Answering profiles block by block, in a folder from which the same command goes on, and no other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

import surveyeval
from surveyeval.data.files import digest, held, write_atomically
from surveyeval.engine.asking import LanguageAsker, RespondentAsker
from surveyeval.engine.cache import ResponseCache
from surveyeval.engine.experiment import Experiment, trained_in_pilot
from surveyeval.engine.journal import Journal
from surveyeval.engine.plan import Block, Plan
from surveyeval.engine.store import BlockAnswers, ResponseLog
from surveyeval.engine.tally import Tally
from surveyeval.errors import ModelError, RunError
from surveyeval.model.build import NamedModel
from surveyeval.model.protocol import Fingerprint, LanguageModel
from surveyeval.progress import Progress

__all__ = ["answered", "identity_of", "unfinished_in"]


class _OfProfiles(LanguageAsker):
    """Asks about people without answers: there is nothing of theirs to be scored."""

    def scored(self, block: Block) -> bool:
        """Never."""
        return False


class _AllOfThem(RespondentAsker):
    """Asks a model that answers whole interviews about people without answers."""

    def scored(self, block: Block) -> bool:
        """Never."""
        return False


def answered(
    experiment: Experiment, named: NamedModel, fingerprint: Fingerprint, plan: Plan, folder: Path, cache: ResponseCache,
    progress: Progress,
) -> Callable[[Block], BlockAnswers]:  # fmt: skip
    """Answer every block that is not on disk; gives what reads a block's answers.

    Raises
    ------
    ModelError
        When answers could not be had. All others are on disk.
    """
    log, journal, tally = ResponseLog(folder), Journal(folder), Tally()
    log.open(tally.add)
    pending = [block for block in plan.blocks if block.number not in log or tally.failed(block.number)]
    total, begun = experiment.test.n * experiment.options.draws, False
    by_draw = len(plan.blocks) // max(experiment.options.draws, 1)
    if len(pending) < len(plan.blocks):
        done = total - sum(block.stop - block.start for block in pending)
        progress.note(f"{named.name}: {done} of {total} interviews were answered before; going on")
    if isinstance(named.model, LanguageModel):
        some = experiment.pilot.n > 0
        trained = trained_in_pilot(named.model, experiment) if some else np.zeros(0, dtype=bool)
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


def identity_of(experiment: Experiment, named: NamedModel, fingerprint: Fingerprint, plan: Plan) -> str:
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
def unfinished_in(target: Path | None, identity: str) -> Iterator[Path]:
    """Where answers are until the table is written: beside it, else where nobody finds them again.

    Parameters
    ----------
    target : Path or None
        The table.
    identity : str
        What the answers depend on, see `identity_of`.

    Raises
    ------
    RunError
        When another process is answering for the table, or answers of another command are there.
    """
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
