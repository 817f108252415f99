"""Where a block's answers come from: another draw from probabilities that are known, the response cache, or the model.

A language model is loaded when the first block, the calibration or a prompt has to come from it, and not before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.data.seeds import uniforms
from surveyeval.engine.cache import About, ResponseCache
from surveyeval.engine.cache_keys import Keys, own_code
from surveyeval.engine.experiment import Experiment
from surveyeval.engine.journal import Journal
from surveyeval.engine.plan import Block
from surveyeval.engine.store import BlockAnswers
from surveyeval.model import host
from surveyeval.model.build import NamedModel, build_elicitation
from surveyeval.model.calibrate import Calibration
from surveyeval.model.draws import draw_options
from surveyeval.model.elicitation import Elicitation
from surveyeval.model.prepare import UsesPilot
from surveyeval.model.prepare import prepare as prepare_model
from surveyeval.model.protocol import Failed, Fingerprint, Interviews, LanguageModel, Respondent
from surveyeval.model.remembered import one_by_one
from surveyeval.progress import Progress
from surveyeval.task.interview import Message
from surveyeval.task.task import Task

__all__ = ["Asker", "Away", "LanguageAsker", "RespondentAsker", "drawn_again", "repeats"]


class Away(Protocol):
    """Workers in other processes that hold the model in place of this one."""

    def fit(self) -> Calibration:
        """What the model's calibration on the pilot gives."""

    def render(self, messages: Sequence[Message]) -> str:
        """The exact text that the model reads."""


class RespondentAsker:
    """Asks a model that answers whole interviews."""

    def __init__(self, model: Respondent, experiment: Experiment) -> None:
        self.model, self.experiment = model, experiment

    def answer(self, block: Block, first: Callable[[Block], BlockAnswers], begin: Callable[[], None]) -> BlockAnswers:
        """Answers of one block; `begin` is called before the model is asked."""
        begin()
        asked, people = _interviews(self.experiment, block, answers=self.model.capabilities.needs_answers)
        answers = host.simulate(self.model, asked)
        scores = host.log_prob(self.model, asked, people) if self.scored(block) else {}
        filled = people.without_answers().with_answers(answers.answers, states=answers.states)
        return BlockAnswers(
            block,
            filled.answers,
            filled.states,
            answers.probabilities,
            answers.mass,
            scores,
            answers.paired,
            notes=_notes(self.model),
        )

    def scored(self, block: Block) -> bool:
        """Whether the model is asked for the probabilities of people's own answers."""
        return block.draw == 0 and self.model.capabilities.log_prob


class LanguageAsker:
    """Asks a language model, or remembers what it answered.

    Parameters
    ----------
    named : NamedModel
    model : LanguageModel
        The same model.
    fingerprint : Fingerprint
    experiment : Experiment
    trained : (n,) bool array
        Which people of the pilot the model was trained on.
    cache : ResponseCache
    progress : Progress
    journal : Journal, optional
        Where replies of unfinished blocks are kept, for models that answer requests one by one. Without it a reply that
        cannot be had fails its block.
    """

    def __init__(
        self,
        named: NamedModel,
        model: LanguageModel,
        fingerprint: Fingerprint,
        experiment: Experiment,
        trained: NDArray[np.bool_],
        cache: ResponseCache,
        progress: Progress,
        journal: Journal | None = None,
    ) -> None:
        self.journal = journal if one_by_one(model) else None
        self.name, self.model, self.experiment, self.progress = named.name, model, experiment, progress
        asking = experiment.options.elicitation
        self.elicitation = build_elicitation(asking)
        self.trained = trained
        self._preparation: host.Preparation | None = None
        self.loaded = False
        self._cache = cache.telling(lambda text: progress.note(f"{named.name}: {text}"))
        self._keys = Keys(model, fingerprint, self.elicitation, asking) if cache.used else None
        made = f"{fingerprint.kind}:{fingerprint.value}"
        self._about = About(experiment.task.name, named.name, named.string, made, asking, own_code())
        self._due: dict[int, str] = {}  # keys of blocks that are being asked
        #: An executor puts its workers here; then the model is never loaded in this process.
        self.away: Away | None = None

    # ---- the model ------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Load the model, unless it is."""
        if not self.loaded:
            self.progress.phase(f"{self.name}: loading", 0)
            self.model.load()
            self.progress.finish()
            self.loaded = True

    @property
    def preparation(self) -> host.Preparation:
        """What the model takes from the pilot, found when first asked for."""
        if self._preparation is None:
            self._preparation = self._prepared()
        return self._preparation

    def take(self, preparation: host.Preparation) -> None:
        """Use what was found on the pilot elsewhere."""
        self._preparation = preparation

    def _prepared(self) -> host.Preparation:
        task, pilot, hidden = self.experiment.task, self.experiment.pilot, self.experiment.hidden

        def make(known: Calibration | None = None) -> host.Preparation:
            return prepare_model(self.model, task, pilot, hidden, self.progress, self.trained, self.elicitation, known)

        if not isinstance(self.model, UsesPilot) or self.model.calibrate == "none":
            return make()
        key = ""
        if self._keys is not None:
            shown = host.Preparation().render(task, pilot, hidden)
            key = self._keys.calibration(self.model.calibrate, pilot, shown, self.model.examples, self.trained)
            entry = self._cache.get(key)
            if entry is not None:
                bias = {item: tuple(values) for item, values in entry["bias"].items()}
                return make(Calibration(entry["temperature"], bias))
        started = time.monotonic()
        if self.away is None:
            self.load()
            found = make()
        else:
            found = make(self.away.fit())
        if key:
            content = {"temperature": found.calibration.temperature, "bias": dict(found.calibration.bias)}
            seconds = time.monotonic() - started
            self._cache.put(key, "calibration", self._about, content, interviews=0, seconds=seconds)
        return found

    def rendered(self, messages: Sequence[Message]) -> str:
        """The exact text that the model reads."""
        key = self._keys.prompt(messages) if self._keys is not None else ""
        entry = self._cache.get(key) if key else None
        if entry is not None:
            return str(entry["text"])
        if self.away is None:
            self.load()
            text = self.model.render(messages)
        else:
            text = self.away.render(messages)
        if key:
            self._cache.put(key, "prompt", self._about, {"text": text}, interviews=0, seconds=0.0)
        return text

    # ---- answers --------------------------------------------------------------------------------------------------

    def answer(self, block: Block, first: Callable[[Block], BlockAnswers], begin: Callable[[], None]) -> BlockAnswers:
        """Answers of one block.

        Parameters
        ----------
        block : Block
        first : callable
            Gives the answers of draw 0 of the same people, when this is a block of a later draw.
        begin : callable
            Called before the model is asked.
        """
        known = self.known(block, first)
        if known is not None:
            return known
        _ = self.preparation  # fitted before the clock of the block starts
        self.load()
        begin()
        started = time.monotonic()
        record = self.ask(block)
        self.keep(record, time.monotonic() - started)
        return record

    def first_of(self, block: Block) -> tuple[int, int] | None:
        """The people of draw 0 that a further draw is drawn from without asking; None when it has to be asked."""
        independent = self.experiment.task.spec.interview.mode == "independent"
        again = block.draw > 0 and independent and repeats(self.elicitation)
        return (block.start, block.stop) if again else None

    def known(self, block: Block, first: Callable[[Block], BlockAnswers]) -> BlockAnswers | None:
        """Answers that can be had without the model; None when it has to be asked. `first` as in `answer`."""
        again = self.first_of(block) is not None
        if self._keys is None and not again:
            return None
        asked, people = _interviews(self.experiment, block)
        if self._keys is None or again:
            return drawn_again(block, first(block), asked.uniforms, self.experiment.task)
        key = self._keys.block(asked, self.preparation, people if self.scored(block) else None)
        found = self._known(key, block)
        if found is None:
            self._due[block.number] = key
        return found

    def scored(self, block: Block) -> bool:
        """Whether the model is asked for the probabilities of people's own answers."""
        return block.draw == 0 and self.model.capabilities.log_prob and self.elicitation.distribution

    def ask(self, block: Block) -> BlockAnswers:
        """Ask the model, which is loaded."""
        asked, people = _interviews(self.experiment, block)
        preparation, scored = self.preparation, self.scored(block)
        memory = self.journal.of(block.number) if self.journal is not None else None
        answers = host.simulate(self.model, asked, preparation=preparation, elicitation=self.elicitation, memory=memory)
        failed: list[Failed] = list(answers.failed)
        scores = (
            host.log_prob(self.model, asked, people, preparation, self.elicitation, answers, memory, failed)
            if scored
            else {}
        )
        filled = people.without_answers().with_answers(answers.answers, states=answers.states)
        return BlockAnswers(
            block,
            filled.answers,
            filled.states,
            answers.probabilities,
            answers.mass,
            scores,
            answers.paired,
            answers.texts,
            _notes(self.model),
            failed=tuple(failed),
        )

    def keep(self, record: BlockAnswers, seconds: float) -> None:
        """Put into the response cache what the model answered in so many seconds."""
        key = self._due.pop(record.block.number, "")
        # a block without one answer is a fault of somebody's, which the next run should not repeat
        if key and not record.failed and any((state == State.ANSWERED).any() for state in record.states.values()):
            held, people = {"answers": record.to_json()}, record.block.stop - record.block.start
            self._cache.put(key, "block", self._about, held, interviews=people, seconds=seconds)

    def _known(self, key: str, block: Block) -> BlockAnswers | None:
        """The block's answers from the cache."""
        entry = self._cache.get(key)
        if entry is None:
            return None
        try:
            record = BlockAnswers.from_json(entry["answers"])
        except (KeyError, TypeError, ValueError):
            return None
        sizes = {len(column) for column in record.answers.values()}
        if sizes != {block.stop - block.start} or set(record.answers) != {
            item.name for item in self.experiment.task.items
        }:
            return None
        return replace(record, block=block, cached=entry["asked"], seconds=entry["seconds"])


Asker = RespondentAsker | LanguageAsker


def _interviews(experiment: Experiment, block: Block, *, answers: bool = False) -> tuple[Interviews, Sample]:
    """A block's interviews as they are put, and its people with their answers."""
    task, people = experiment.task, experiment.test.take(np.arange(block.start, block.stop))
    items = [item.name for item in task.items]
    numbers = uniforms(experiment.options.seed, list(people.respondent), items, block.draw, "draw")
    shown = people if answers else people.without_answers()
    return Interviews(task, shown, numbers, block.draw, experiment.hidden), people


def _notes(model: object) -> tuple[str, ...]:
    return tuple(map(str, getattr(model, "notes", ())))


def repeats(elicitation: Elicitation) -> bool:
    """Whether asking again would give the same: nothing is sampled but the answer, from probabilities, by the host."""
    if elicitation.needs == "score":
        return elicitation.distribution
    return bool(getattr(elicitation, "temperature", 1.0) == 0)


def drawn_again(block: Block, first: BlockAnswers, numbers: NDArray[np.float64], task: Task) -> BlockAnswers:
    """A further draw from the probabilities of the first, where questions do not see each other's answers.

    Without probabilities, what the model writes when nothing is sampled is the same in every draw.

    Parameters
    ----------
    block : Block
    first : BlockAnswers
        Draw 0 of the same people.
    numbers : (n, J) float array
        Uniform numbers of the further draw.
    task : Task

    Returns
    -------
    BlockAnswers
        The same as if the model had been asked again.
    """
    answers = {}
    for j, item in enumerate(task.items):
        table = first.probabilities.get(item.name, np.full((len(numbers), item.k), np.nan))
        drawn = (first.states[item.name] == State.ANSWERED) & np.isfinite(table).all(axis=1)
        answers[item.name] = np.where(drawn, draw_options(table, numbers[:, j]), first.answers[item.name])
    return replace(first, block=block, answers=answers, log_prob={}, cached=None, seconds=0.0)
