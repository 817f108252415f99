"""Laws that every language model obeys: one that scores options, one that writes, or both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from surveyeval.data.sample import Sample
from surveyeval.model.elicitation import Place
from surveyeval.model.protocol import Generator, OptionScores, Request, Scorer, TextRequest
from surveyeval.task.interview import Message
from surveyeval.task.render import interviews
from surveyeval.task.task import Task
from surveyeval.testing.identity import capable_of, says_what_it_is, stands_for_itself

__all__ = ["GENERATOR_LAWS", "SCORER_LAWS", "SPEAKER_LAWS", "TriedSpeaker"]

_TOKENS = 6


@dataclass(frozen=True, eq=False)
class TriedSpeaker:
    """A language model, and whom it is to simulate.

    Parameters
    ----------
    make : callable
        Gives the model, the same each time; weights are loaded once.
    model : Scorer or Generator
        One that is loaded.
    task : Task
        With sequential interviews.
    people : Sample
    tolerance : float
        Largest difference between log-probabilities that should be equal: what a batch of another shape changes.
    """

    make: Callable[[], Any]
    model: Any
    task: Task
    people: Sample
    tolerance: float

    def path(self, row: int) -> list[Request]:
        """Requests of one interview, in which everybody gives the last option shown."""
        interview = interviews(self.task, self.people.without_answers())[row]
        given = tuple(question.answers[-1] for question in interview.questions)
        return [Place(interview, j, given[:j]).request() for j in range(len(interview.questions))]

    def firsts(self) -> list[Request]:
        """The first question of every interview."""
        return [self.path(row)[0] for row in range(self.people.n)]

    def scores(self, requests: Sequence[Request]) -> list[OptionScores]:
        """Scores, with nothing kept of the interviews afterwards."""
        found: list[OptionScores] = self.model.score(requests)
        self.model.release([request.interview for request in requests])
        return found

    def writing(self, *, seed: int = 1, temperature: float = 1.0, max_tokens: int = _TOKENS) -> list[TextRequest]:
        """A text for the first question of every interview."""
        return [
            TextRequest(one.interview, one.messages, seed + number, max_tokens, temperature)
            for number, one in enumerate(self.firsts())
        ]

    def close(self, one: OptionScores, other: OptionScores, when: str) -> None:
        """Two scores are equal but for rounding."""
        np.testing.assert_allclose(
            one.log_prob, other.log_prob, atol=self.tolerance, err_msg=f"log-probabilities change when {when}"
        )


# ---- both -----------------------------------------------------------------------------------------------------------


def _says_what_it_is(tried: TriedSpeaker) -> None:
    says_what_it_is(tried.make())
    capable_of(tried.make())


def _fingerprint(tried: TriedSpeaker) -> None:
    loaded = tried.model.fingerprint()
    stands_for_itself(tried.make().fingerprint(), loaded, "loading and asking changes it")


def _renders(tried: TriedSpeaker) -> None:
    messages = tried.path(0)[-1].messages
    text, start = tried.model.render(messages), 0
    assert isinstance(text, str), "what it reads is text"
    for message in messages:
        place = text.find(message.content.strip(), start)
        assert place >= 0, f"{message.content!r} does not stand in what it reads, in its order"
        start = place + len(message.content.strip())


def _releases(tried: TriedSpeaker) -> None:
    tried.model.release(["nobody"])
    tried.model.release([])


# ---- scoring --------------------------------------------------------------------------------------------------------


def _shapes(tried: TriedSpeaker) -> None:
    requests = tried.firsts()
    found = tried.scores(requests)
    assert len(found) == len(requests), f"{len(requests)} requests have {len(found)} scores"
    for request, one in zip(requests, found, strict=True):
        assert one.log_prob.shape == (len(request.options),), "every option has a score"
    assert tried.model.score([]) == [], "nothing asked is nothing answered"


def _disjoint(tried: TriedSpeaker) -> None:
    for row in range(tried.people.n):
        for one in tried.scores(tried.path(row)[:1]):
            assert not np.isnan(one.log_prob).any(), "every option has a log-probability"
            assert (one.log_prob <= 1e-9).all(), "a log-probability is at most 0"
            assert one.mass <= 1 + 1e-6, f"options are disjoint, and their probabilities sum to {one.mass}"


def _again(tried: TriedSpeaker) -> None:
    requests = tried.firsts()
    for one, other in zip(tried.scores(requests), tried.scores(requests), strict=True):
        tried.close(one, other, "asked again")


def _company(tried: TriedSpeaker) -> None:
    requests = tried.firsts()
    together, turned = tried.scores(requests), tried.scores(requests[::-1])[::-1]
    for request, one, other in zip(requests, together, turned, strict=True):
        tried.close(one, other, "requests come in another order")
        tried.close(one, tried.scores([request])[0], "asked alone")


def _places(tried: TriedSpeaker) -> None:
    request = tried.firsts()[0]
    (one,), (other,) = (
        tried.scores([replace(request, options=options)]) for options in (request.options, request.options[::-1])
    )
    tried.close(
        one, OptionScores(other.log_prob[::-1]), "the options are listed in another order, the words being the same"
    )


def _grows(tried: TriedSpeaker) -> None:
    paths = [tried.path(row) for row in range(tried.people.n)]
    steps = [tried.model.score([path[j] for path in paths]) for j in range(len(paths[0]))]
    tried.model.release([path[0].interview for path in paths])
    for j, step in enumerate(steps):
        for path, one in zip(paths, step, strict=True):
            tried.close(one, tried.scores([replace(path[j], grows=False)])[0], "a conversation is gone on with")


def _forced(tried: TriedSpeaker) -> None:
    paths = [tried.path(row) for row in range(tried.people.n)]
    found = tried.model.score_paths(paths)
    assert [len(path) for path in found] == [len(path) for path in paths], "every place of every path has scores"
    for path, scores in zip(paths, found, strict=True):
        for request, one in zip(path, scores, strict=True):
            tried.close(one, tried.scores([request])[0], "a whole path is read at once")


# ---- writing --------------------------------------------------------------------------------------------------------


def _texts(tried: TriedSpeaker) -> None:
    requests = tried.writing()
    found = tried.model.generate(requests)
    assert len(found) == len(requests), f"{len(requests)} requests have {len(found)} texts"
    for one in found:
        assert isinstance(one.text, str), "a text is text"
        assert one.ended in ("stop", "length", "refused"), f"it ended by stop, length or refused, not {one.ended!r}"
    assert tried.model.generate([]) == [], "nothing asked is nothing written"


def _seeded(tried: TriedSpeaker) -> None:
    first, second = (tried.model.generate(tried.writing()) for _ in range(2))
    assert [one.text for one in first] == [one.text for one in second], "another text with the same seed"


def _texts_alone(tried: TriedSpeaker) -> None:
    requests = tried.writing()
    together = [one.text for one in tried.model.generate(requests)]
    turned = [one.text for one in tried.model.generate(requests[::-1])][::-1]
    assert together == turned, "other texts when requests come in another order"
    assert together == [tried.model.generate([one])[0].text for one in requests], "other texts when asked alone"


def _cold(tried: TriedSpeaker) -> None:
    first, second = (tried.model.generate(tried.writing(seed=seed, temperature=0.0)) for seed in (1, 100))
    assert [one.text for one in first] == [one.text for one in second], "at temperature 0 the seed does not matter"


def _bounded(tried: TriedSpeaker) -> None:
    short, long = (tried.model.generate(tried.writing(max_tokens=size)) for size in (1, 4 * _TOKENS))
    for one, other in zip(short, long, strict=True):
        assert len(one.text) <= max(len(other.text), 40), f"one token is {one.text!r}"
        assert one.ended == "length" or not one.text or one.text == other.text, (
            f"{one.text!r} was cut after a token, and it says that it ended by {one.ended!r}"
        )


#: Every law by its name, in words.
SPEAKER_LAWS: Mapping[str, Callable[[TriedSpeaker], None]] = {
    "it says what it is and can": _says_what_it_is,
    "its fingerprint needs no weights and is stable": _fingerprint,
    "every word that is said is read": _renders,
    "it forgets whom it does not know": _releases,
}
SCORER_LAWS: Mapping[str, Callable[[TriedSpeaker], None]] = {
    "every option has a score": _shapes,
    "options are disjoint": _disjoint,
    "the same requests give the same scores": _again,
    "the company of a request does not matter": _company,
    "the list of options is not read": _places,
    "a conversation gone on with is as if read anew": _grows,
    "a path read at once is as its places": _forced,
}
GENERATOR_LAWS: Mapping[str, Callable[[TriedSpeaker], None]] = {
    "every request has a text": _texts,
    "the same seed gives the same text": _seeded,
    "the company of a text does not matter": _texts_alone,
    "at temperature 0 there is no chance": _cold,
    "a text is no longer than asked for": _bounded,
}


def laws_of(model: object) -> dict[str, Callable[[TriedSpeaker], None]]:
    """The laws for what a language model can do."""
    laws = dict(SPEAKER_LAWS)
    if isinstance(model, Scorer):
        laws |= SCORER_LAWS
    if isinstance(model, Generator):
        laws |= GENERATOR_LAWS
    return laws


def said(messages: Sequence[Message]) -> str:
    """The words of a conversation."""
    return "\n".join(message.content for message in messages)
