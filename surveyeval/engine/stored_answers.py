"""Whether the stored answers of a run are those that were asked for, one of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from surveyeval.engine.experiment import Experiment
from surveyeval.engine.recomputed import Finding
from surveyeval.engine.run import UNFINISHED, Run
from surveyeval.engine.store import BlockAnswers, ResponseLog
from surveyeval.errors import RunError

__all__ = ["stored_answers"]


def stored_answers(run: Run, experiment: Experiment) -> Iterator[Finding]:
    """Compare stored answers with what was asked: every (respondent, item, draw) once, and codes that the task has.

    Parameters
    ----------
    run : Run
        Of an unfinished one the checksums of its log are compared.
    experiment : Experiment
        Its people, divided as it did.
    """
    if run.status in UNFINISHED:
        yield from _unfinished(run)
        return
    if not (run.folder / "responses.parquet").exists():
        yield Finding("answers", "unchecked", f"there is no responses.parquet: the run is {run.status}")
        return
    task, test = experiment.task, experiment.test
    table = run.responses
    wanted = {
        (name, item.name, draw)
        for name in test.respondent for item in task.items for draw in range(experiment.options.draws)
    }  # fmt: skip
    seen = Counter(zip(table["respondent"], table["item"], table["draw"], strict=True))
    lost, doubled = len(wanted - set(seen)), sum(count > 1 for count in seen.values())
    strange = len(set(seen) - wanted)
    said = f"{len(wanted)} answers, one for each respondent, item and draw"
    if lost or doubled or strange:
        said += f": {lost} missing, {doubled} more than once, {strange} that nobody asked for"
    yield Finding("answers", "differs" if lost or doubled or strange else "agrees", said)
    codes = {item.name: set(item.codes) for item in task.items}
    known = [
        (code in codes.get(item, ())) == (state == "answered")
        for item, code, state in zip(table["item"], table["code"], table["state"], strict=True)
    ]
    wrong = len(known) - sum(known)
    yield Finding("codes", "differs" if wrong else "agrees",
                  f"{wrong} answers without a code of their item" if wrong else "every answer has a code of its item")  # fmt: skip
    counts = Counter(table["state"])
    kept = run.manifest["counts"]
    now = {state: test.n * experiment.options.draws if state == "interviews" else counts[state] for state in kept}
    yield Finding("counts", "agrees" if kept == now else "differs", f"interviews, and answers by state: {_listed(now)}")


def _unfinished(run: Run) -> Iterator[Finding]:
    interviews: dict[int, int] = {}

    def see(record: BlockAnswers) -> None:
        interviews[record.block.number] = record.block.stop - record.block.start

    try:
        torn = ResponseLog(run.folder).open(see, mend=False)
    except RunError as error:
        yield Finding("answers", "differs", str(error))
        return
    said = f"{sum(interviews.values())} interviews of an unfinished run have the right checksums"
    yield Finding("answers", "agrees", f"{said}; a torn last record is left out" if torn else said)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts.items())
