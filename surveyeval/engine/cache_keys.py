"""Keys of the response cache: digests of everything that determines what a model answers.

A key is made of what reaches the model and what is done with its words, not of names for it: the interviews as rendered,
examples included, in the order and number in which they are asked together (a batch of another shape changes low-precision
numbers); the random numbers of the draws; the people's own answers where their probabilities are asked for; calibration;
the way of asking; the model's fingerprint; and the code that asks. So a key needs no rule for when it is out of date.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import surveyeval
from surveyeval.data.files import digest
from surveyeval.data.sample import Sample
from surveyeval.engine.cache import FORMAT
from surveyeval.model.host import Preparation
from surveyeval.model.protocol import Fingerprint, Interviews, LanguageModel
from surveyeval.task.interview import Interview, Message

__all__ = ["Keys", "own_code"]

#: Rooms whose code has a part in an answer, from the data to the draw.
_ROOMS = ("data", "task", "model")


class Keys:
    """Keys of the entries of one model asked in one way.

    Parameters
    ----------
    model : LanguageModel
    fingerprint : Fingerprint
    elicitation : object
        How it is asked.
    asking : str
        The elicitation as it is written, with its options.
    """

    def __init__(self, model: LanguageModel, fingerprint: Fingerprint, elicitation: object, asking: str) -> None:
        # the fingerprint tells what a model is; how its code behaves it can only tell for code that has a version
        self._shared = [
            FORMAT, own_code(), fingerprint.kind, fingerprint.value, asking, _code_of(model), _code_of(elicitation)
        ]  # fmt: skip

    def block(self, asked: Interviews, preparation: Preparation, answered: Sample | None) -> str:
        """Key of a block of interviews.

        Parameters
        ----------
        asked : Interviews
        preparation : Preparation
            What the model took from the pilot.
        answered : Sample, optional
            The same people with their answers, where the probabilities of these are asked for.
        """
        rendered = preparation.render(asked.task, asked.people, asked.hidden)
        names = [[item.name, item.k] for item in asked.task.items]
        calibration = preparation.calibration
        return self._key(
            "block",
            [
                asked.draw, names, _interviews(rendered), list(asked.people.arm), _array(asked.uniforms),
                [repr(calibration.temperature), sorted((k, repr(v)) for k, v in calibration.bias.items())],
                None if answered is None else _answers(answered),
            ],
        )  # fmt: skip

    def calibration(
        self, kind: str, pilot: Sample, rendered: Sequence[Interview], examples: int, trained: NDArray[np.bool_]
    ) -> str:
        """Key of what is fitted on the pilot.

        Parameters
        ----------
        kind : str
            What is fitted.
        pilot : Sample
            With answers.
        rendered : sequence of Interview
            Theirs.
        examples : int
            Pilot people whose interviews stand before each interview.
        trained : (n,) bool array
            Whom the model was trained on.
        """
        people = [_answers(pilot), list(pilot.arm), list(map(str, pilot.respondent)), _array(pilot.weight)]
        return self._key("calibration", [kind, examples, _interviews(rendered), people, trained.tolist()])

    def prompt(self, messages: Iterable[Message]) -> str:
        """Key of a conversation as the model reads it."""
        return self._key("prompt", [[message.role, message.content] for message in messages])

    def _key(self, kind: str, parts: list[Any]) -> str:
        return digest([*self._shared, kind, *parts])


def _interviews(rendered: Sequence[Interview]) -> str:
    # plain frozen data, so that its representation is all of it
    return hashlib.sha256(repr(list(rendered)).encode()).hexdigest()


def _answers(people: Sample) -> list[Any]:
    return [[item, column.tolist(), people.states[item].tolist()] for item, column in sorted(people.answers.items())]


def _array(values: NDArray[np.float64]) -> list[Any]:
    return [list(values.shape), hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()]


@lru_cache(maxsize=1)
def own_code() -> str:
    """Digest of our version and of the code that asks: a checkout changes without its version."""
    root = Path(surveyeval.__file__).parent
    files = sorted(path for room in _ROOMS for path in (root / room).rglob("*.py"))
    return digest([surveyeval.__version__, [[str(p.relative_to(root)), _hash(p)] for p in files]])


def _code_of(part: object) -> list[list[str]]:
    """The classes of a plugin's model or elicitation, with digests of their files."""
    found = []
    for kind in type(part).__mro__:
        if kind.__module__.partition(".")[0] not in ("surveyeval", "builtins", "typing", "abc"):
            try:
                code = _hash(Path(inspect.getfile(kind)))
            except (OSError, TypeError):
                code = ""
            found.append([kind.__module__, kind.__qualname__, code])
    return found


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
