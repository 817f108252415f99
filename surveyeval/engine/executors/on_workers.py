"""The workers as the runner and an asker see them: they answer blocks, calibrate and render in the model's place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from surveyeval.engine.asking import LanguageAsker
from surveyeval.engine.executors.crew import Crew
from surveyeval.engine.executors.worker import Answered, Job
from surveyeval.engine.plan import Block
from surveyeval.engine.store import BlockAnswers
from surveyeval.model.calibrate import Calibration
from surveyeval.model.host import Preparation
from surveyeval.model.protocol import Fingerprint
from surveyeval.task.interview import Message

__all__ = ["OnWorkers"]


class OnWorkers:
    """Workers for one run, started when the first is needed.

    Parameters
    ----------
    asker : LanguageAsker
    fingerprint : Fingerprint
        What the model must be.
    workers : callable
        Gives the workers of the model.
    """

    def __init__(self, asker: LanguageAsker, fingerprint: Fingerprint, workers: Callable[[], Crew]) -> None:
        self._asker, self._fingerprint, self._workers = asker, fingerprint, workers
        self._crew: Crew | None = None
        self._prepared = False
        self._out: set[tuple[int, int, int]] = set()

    # ---- answers ----------------------------------------------------------------------------------------------------

    def finished(
        self, blocks: Sequence[Block], first: Callable[[Block], BlockAnswers], begin: Callable[[], None]
    ) -> Iterator[BlockAnswers]:
        """Blocks as they come back; a worker's error is raised when the others have finished what they held."""
        for block in blocks:
            people = self._asker.first_of(block)
            while people is not None and (0, *people) in self._out:
                yield self._next()
            known = self._asker.known(block, first)
            if known is not None:
                yield known
                continue
            crew = self._ready(self._asker.preparation)
            begin()
            self._out.add(_rows(block))
            crew.submit(block)
            while crew.full:
                yield self._next()
        while self._out:
            yield self._next()

    def _next(self) -> BlockAnswers:
        assert self._crew is not None
        record, seconds = self._crew.next()
        self._out.discard(_rows(record.block))
        self._asker.keep(record, seconds)
        return record

    # ---- in the model's place ---------------------------------------------------------------------------------------

    def fit(self) -> Calibration:
        """See `surveyeval.engine.asking.Away`."""
        progress = self._asker.progress
        progress.phase(f"{self._asker.name}: calibrating on the pilot, in a worker", 0)
        found: Calibration = self._ready().call("fit")
        progress.finish()
        return found

    def render(self, messages: Sequence[Message]) -> str:
        """See `surveyeval.engine.asking.Away`."""
        found: str = self._ready(self._asker.preparation).call("render", tuple(messages))
        return found

    # ---- what workers are told --------------------------------------------------------------------------------------

    def _ready(self, preparation: Preparation | None = None) -> Crew:
        """The workers, who are told of the run; and of what was found on the pilot, once that is known."""
        if self._crew is None:
            self._crew = self._workers()
            self._crew.expect(self._fingerprint)
            if preparation is None:
                self._crew.assign(self._job(None), self._brings, self._takes)
        if preparation is not None and not self._prepared:
            self._crew.assign(self._job(preparation), self._brings, self._takes)
            self._prepared = True
        return self._crew

    def _job(self, preparation: Preparation | None) -> Job:
        """What all workers are told. Of the people they get the pilot alone, and that only while it is needed."""
        whole, nobody = self._asker.experiment, np.arange(0)
        pilot, trained = whole.pilot, self._asker.trained
        if preparation is not None:
            pilot, trained = pilot.take(nobody), trained[:0]
        human, rows = whole.human, whole.human.table
        # the table holds the rows of the file, answers included
        rows = replace(rows, frame=rows.frame.iloc[:0].copy(), lines=())
        human = replace(human, sample=human.sample.take(nobody), table=rows)
        experiment = replace(whole, human=human, pilot=pilot, test=whole.test.take(nobody))
        return Job(experiment, trained, preparation)

    def _brings(self, block: Block) -> tuple[Any, ...]:
        """People of a block, without answers where these are not scored; and replies to it that are on disk."""
        people = self._asker.experiment.test.take(np.arange(block.start, block.stop))
        journal = self._asker.journal
        replies = {} if journal is None else journal.of(block.number).known
        return people if self._asker.scored(block) else people.without_answers(), replies

    def _takes(self, block: Block, answered: Answered) -> None:
        """Keep replies of a block that is not whole."""
        if answered.replies and self._asker.journal is not None:
            self._asker.journal.of(block.number).put(answered.replies)


def _rows(block: Block) -> tuple[int, int, int]:
    return block.draw, block.start, block.stop
