"""What a model must do.

Two protocols. A `Respondent` answers a whole table of interviews (baselines, scripted models, files). A `Scorer`
gives probabilities of options at one place of one conversation (language models); `surveyeval.model.host` walks the
interview with it and draws. Random numbers always come from the host, so that a draw depends on the seed, the
respondent and the item, and not on the backend. A `Generator` writes texts, from which an elicitation reads answers; a
language model may be either or both (`LanguageModel`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.task.human import HumanData
from surveyeval.task.interview import Message
from surveyeval.task.task import Task

__all__ = [
    "Answers",
    "Capabilities",
    "Checked",
    "Failed",
    "Fingerprint",
    "Generator",
    "Interviews",
    "LanguageModel",
    "Message",
    "Model",
    "OptionScores",
    "Request",
    "Respondent",
    "Scorer",
    "Text",
    "TextRequest",
    "Trained",
]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Capabilities:
    """What a model can do, stated at registration so that it is known before anything heavy loads.

    Parameters
    ----------
    elicitations : tuple of str
        Of ``choice``, ``generate``, ``verbalized``.
    log_prob : bool
        Gives the probability of a given answer, hence a joint log-loss.
    needs_pilot : bool
        `fit` must be called with pilot rows.
    needs_answers : bool
        Sees the people's own answers (scripted models only).
    """

    elicitations: tuple[str, ...] = ("choice",)
    log_prob: bool = False
    needs_pilot: bool = False
    needs_answers: bool = False


@dataclass(frozen=True)
class Fingerprint:
    """What a model is, for the identity of runs.

    ``kind`` is ``content`` when `value` hashes everything that determines the answers (weights, adapter, dtype,
    template, versions), ``declared`` when all there is is a name that somebody else controls (a server's model).
    ``details`` is shown on the card and stored in the manifest; it holds no path of the user's machine.
    """

    kind: str
    value: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Interviews:
    """A batch of interviews to be answered.

    Parameters
    ----------
    task : Task
    people : Sample
        Who is to be simulated: respondent, arm, profile. It has no answers, unless the model needs them.
    uniforms : (n, J) float array
        One uniform number for each person and asked item (columns in the order of ``task.items``).
    draw : int
        Number of the draw, from 0.
    hidden : frozenset of str
        Profile fields that the model must not see.
    """

    task: Task
    people: Sample
    uniforms: FloatArray
    draw: int = 0
    hidden: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.people)


@dataclass(frozen=True)
class Failed:
    """An answer that could not be had, for a reason that may pass.

    Parameters
    ----------
    row : int
        Of the batch.
    item : str
        The first one that could not be had in this interview, where questions follow each other.
    of : {"simulation", "person"}
        ``person``: the probability of the person's own answer.
    error : str
    """

    row: int
    item: str
    of: str
    error: str


@dataclass(frozen=True, eq=False)
class Answers:
    """Simulated answers to a batch, row i for interview i.

    Parameters
    ----------
    answers : mapping of item to (n,) int64
        Option index in declared order; -1 where there is none.
    states : mapping of item to (n,) int8, optional
        `surveyeval.data.sample.State`; by default -1 means ``INVALID``.
    probabilities : mapping of item to (n, K) float
        Renormalised over options, declared order, given the *simulated* earlier answers.
    mass : mapping of item to (n,) float
        Probability of all options together before renormalisation.
    texts : mapping of item to (n,) object array
        What the model wrote, or None; only where answers were read from texts.
    paired : bool
        False when row i was not made for person i.
    failed : tuple of Failed
        Answers that may be tried again. They, and what would have followed them, have the state ``NOT_RUN``.
    """

    answers: Mapping[str, NDArray[np.int64]]
    states: Mapping[str, NDArray[np.int8]] | None = None
    probabilities: Mapping[str, FloatArray] = field(default_factory=dict)
    mass: Mapping[str, FloatArray] = field(default_factory=dict)
    texts: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    paired: bool = True
    failed: tuple[Failed, ...] = ()


@dataclass(frozen=True)
class Request:
    """One place of one conversation where an answer is due.

    Parameters
    ----------
    interview : str
        Names the interview, so that a backend can keep its cache until `Scorer.release`.
    messages : tuple of Message
        Everything up to and including the question. For the same interview, later requests extend earlier ones.
    options : tuple of str
        Every text that counts as an answer, in the order shown.
    grows : bool
        Whether later requests of the interview will extend this one; if not, nothing need be kept of it.
    """

    interview: str
    messages: tuple[Message, ...]
    options: tuple[str, ...]
    grows: bool = True


@dataclass(frozen=True, eq=False)
class OptionScores:
    """Scores of one request.

    Parameters
    ----------
    log_prob : (k,) float array
        Natural log-probability that the answer begins with the option's tokens and with no longer option of the same
        request; options are disjoint events, so the probabilities sum to at most 1.
    """

    log_prob: FloatArray

    @property
    def mass(self) -> float:
        """Probability of all options together."""
        return float(np.exp(self.log_prob).sum())


@dataclass(frozen=True)
class TextRequest:
    """One place of one conversation where the model writes.

    Parameters
    ----------
    interview : str
        Names the interview, as in `Request`.
    messages : tuple of Message
        Everything up to and including the question.
    seed : int
        Of the sampling, from 0 to 2**31 - 1; it depends on the run's seed, the respondent, the item and the draw alone.
    max_tokens : int
        Tokens that are written at most.
    temperature : float
        0: always the most probable token.
    """

    interview: str
    messages: tuple[Message, ...]
    seed: int
    max_tokens: int
    temperature: float = 1.0


@dataclass(frozen=True)
class Text:
    """What a model wrote.

    Parameters
    ----------
    text : str
        Without the tokens that end a turn.
    ended : {"stop", "length", "refused"}
        ``length``: cut at ``max_tokens``. ``refused``: a server said that the model declined or a filter held it back.
    """

    text: str
    ended: str = "stop"


class Model(Protocol):
    """What every model has. Constructed as ``cls(reference, options)``; options is an instance of its options model."""

    capabilities: Capabilities

    def fingerprint(self) -> Fingerprint:
        """What this model is. May read files, must not load weights."""

    def banners(self) -> Sequence[str]:
        """Sentences that every card of this model must carry (training rows unknown, needs the answers, ...)."""


@runtime_checkable
class Checked(Protocol):
    """A model that can tell before anything runs whether it fits a task (answers from a file, for one)."""

    def check(self, task: Task, everybody: Sample) -> None:
        """Raise a SurveyevalError with everything that does not fit. `everybody`: all people of the survey."""


@runtime_checkable
class Trained(Protocol):
    """A model that was trained on people, who must not test it."""

    def trained_on(self, task: Task, human: HumanData) -> NDArray[np.bool_]:
        """(n,) mask of the people it was trained on. Raises a SurveyevalError when that cannot be told."""

    def cautions(self, task: Task, hidden: frozenset[str]) -> Sequence[str]:
        """Sentences for the card where it is asked otherwise than it was trained."""


@runtime_checkable
class Respondent(Model, Protocol):
    """Answers whole interviews."""

    def fit(self, task: Task, pilot: Sample) -> None:
        """Learn from the pilot. Called once before `answer` when ``capabilities.needs_pilot``."""

    def answer(self, interviews: Interviews) -> Answers:
        """Answer a batch. Must use ``interviews.uniforms`` for every random choice."""

    def log_prob(self, interviews: Interviews, answers: Sample) -> dict[str, FloatArray]:
        """Item -> (n,) natural log-probability of the given answers, each conditional on profile, arm and the given
        earlier answers; NaN where not answered. Only when ``capabilities.log_prob``.
        """


@runtime_checkable
class Scorer(Model, Protocol):
    """Scores options in conversations."""

    def load(self) -> None:
        """Load weights. Called once, before the first `score`."""

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        """Scores for each request, in order."""

    def score_paths(self, paths: Sequence[Sequence[Request]]) -> list[list[OptionScores]]:
        """Teacher-forced scores: each path is one interview whose requests extend each other, read in one pass."""

    def release(self, interviews: Sequence[str]) -> None:
        """Forget what was kept for these interviews."""

    def render(self, messages: Sequence[Message]) -> str:
        """The exact text that the model reads for these messages, template included."""


@runtime_checkable
class Generator(Model, Protocol):
    """Writes texts in conversations."""

    def load(self) -> None:
        """Load weights, or reach the server. Called once, before the first `generate`."""

    def generate(self, requests: Sequence[TextRequest]) -> list[Text]:
        """A text for each request, in order. A model that cannot be seeded says so in its ``notes``."""

    def release(self, interviews: Sequence[str]) -> None:
        """Forget what was kept for these interviews."""

    def render(self, messages: Sequence[Message]) -> str:
        """The exact text that the model reads for these messages, template included."""


LanguageModel = Scorer | Generator
