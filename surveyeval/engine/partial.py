"""What there is of an unfinished run, as a run of its own that is marked as partial.

The people are those whose interviews are answered as a whole; a person with a failed answer is left out. They are scored in
a directory ``partial`` of the run, so that nothing of the run itself changes and the same command continues it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.files import digest, write_atomically
from surveyeval.data.sample import Sample
from surveyeval.engine.experiment import Experiment
from surveyeval.engine.responses import from_records
from surveyeval.engine.run import Run
from surveyeval.engine.store import BlockAnswers, ResponseLog
from surveyeval.engine.tally import Tally
from surveyeval.errors import RunError

__all__ = ["FEWEST", "partial_run"]

#: Without two people in each half there is nothing to compare.
FEWEST = 4


def partial_run(experiment: Experiment, run: Run) -> tuple[Experiment, Run, list[Sample]]:
    """The answered part of an unfinished run.

    Parameters
    ----------
    experiment : Experiment
        With the test people of the run, in order.
    run : Run

    Returns
    -------
    experiment
        With the people, and the number of draws, that are answered.
    run
        In the directory ``partial``, with its manifest.
    samples
        One for each draw.

    Raises
    ------
    RunError
        When hardly anything is answered, or the log is damaged.
    """
    test, draws = experiment.test, experiment.options.draws
    log, tally, answered = ResponseLog(run.folder), Tally(), np.zeros((draws, test.n), dtype=bool)

    def see(record: BlockAnswers) -> None:
        block = record.block
        tally.add(record)
        answered[block.draw, block.start : block.stop] = True
        answered[block.draw, [block.start + one.row for one in record.failed]] = False

    log.open(see, mend=False)
    rows = np.flatnonzero(answered[0])
    if len(rows) < FEWEST:
        raise RunError(
            f"{len(rows)} of {test.n} interviews are answered, {FEWEST} are needed to score anything",
            file=str(run.folder),
            hint="the same `surveyeval run` command continues it",
        )
    complete = _draws(answered, rows)

    def records() -> Iterator[BlockAnswers]:
        for number in log:
            yield log.record(number)

    found = [sample.take(rows) for sample in from_records(experiment.task, test, range(complete), records())]
    people = test.take(rows)
    manifest = copy.deepcopy(run.manifest)
    manifest["status"] = "partial"
    manifest["partial"] = {
        "people": len(rows), "of_people": test.n, "draws": complete, "of_draws": draws,
        "failed": sum(tally.errors.values()),
    }  # fmt: skip
    manifest["split"] |= {"test": people.n, "test_ids": digest(list(people.respondent))}
    manifest["options"]["draws"] = complete
    manifest["counts"] |= {"interviews": tally.interviews, **tally.counts()}
    manifest.pop("sha256", None)
    folder = run.folder / "partial"
    folder.mkdir(exist_ok=True)
    write_atomically(folder / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    return replace(experiment, test=people, options=replace(experiment.options, draws=complete)), Run(folder), found


def _draws(answered: NDArray[np.bool_], rows: NDArray[np.int64]) -> int:
    """Draws from the first that all these people have."""
    complete = 0
    while complete < len(answered) and answered[complete, rows].all():
        complete += 1
    return complete
