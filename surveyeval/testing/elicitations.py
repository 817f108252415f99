"""Laws that every way of asking language models obeys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from surveyeval.data.sample import State
from surveyeval.model.calibrate import Calibration
from surveyeval.model.elicitation import Elicitation, Place, Reply
from surveyeval.model.protocol import OptionScores, Request, Text, TextRequest
from surveyeval.task.interview import Message, Question
from surveyeval.task.render import interviews
from surveyeval.task.task import Task
from surveyeval.testing.laws import check_laws
from surveyeval.testing.survey import make_people, make_survey

__all__ = ["ELICITATION_LAWS", "Writes", "check_elicitation"]

#: What a model writes at a place: takes the question that is due and a number that depends on words and seed.
Writes = Callable[[Question, int], str]
_PEOPLE = 6


def first_words(question: Question, number: int) -> str:
    """An option by its letter."""
    return question.answers[number % len(question.answers)]


@dataclass(frozen=True, eq=False)
class _Tried:
    make: Callable[[], Elicitation]
    task: Task
    writes: Writes

    def places(self) -> list[Place]:
        """The first and the second question of some interviews."""
        people = make_people(self.task, _PEOPLE, 1).without_answers()
        numbers = np.random.default_rng(3).random((_PEOPLE, 2))
        return [
            Place(interview, j, tuple(q.answers[0] for q in interview.questions[:j]), float(numbers[row, j]))
            for row, interview in enumerate(interviews(self.task, people))
            for j in range(2)
        ]

    def ask(self, places: Sequence[Place], model: Any = None) -> list[Reply]:
        return self.make().ask(model or _Speaker(places, self.writes), places, Calibration())


def check_elicitation(
    make: Callable[[], Elicitation],
    *,
    writes: Writes = first_words,
    without: Mapping[str, str] | None = None,
) -> None:
    """Check that a way of asking obeys the laws.

    Parameters
    ----------
    make : callable
        Gives it when called without arguments.
    writes : callable, optional
        What the model writes that it is tried on, if it writes: takes a `surveyeval.task.interview.Question` and a number,
        and must give a text from which an answer can be read. Default: the letter of an option.
    without : mapping of law to reason, optional
        Laws (names of `ELICITATION_LAWS`) that do not fit.

    Raises
    ------
    AssertionError
        Names the elicitation and the law it breaks.
    ValueError
        When `without` names no law, or gives no reason.
    """
    task = make_survey(interview={"order": "random"})
    check_laws(ELICITATION_LAWS, _Tried(make, task, writes), f"elicitation {type(make()).__name__}", without)


class _Speaker:
    """Stands in for a model: what it gives depends on every word, and on the seed where there is one."""

    def __init__(self, places: Sequence[Place], writes: Writes | None, silent: bool = False) -> None:
        self._by_interview: dict[str, list[Place]] = {}
        for place in places:
            self._by_interview.setdefault(place.key, []).append(place)
        self._writes, self._silent = writes, silent
        self.called: set[str] = set()

    def score(self, requests: Sequence[Request]) -> list[OptionScores]:
        self.called.add("score")
        return [
            OptionScores(
                np.full(len(one.options), np.nan)
                if self._silent
                else np.log(0.9 * np.random.default_rng(_number(one.messages)).dirichlet(np.ones(len(one.options))))
            )
            for one in requests
        ]

    def score_paths(self, paths: Sequence[Sequence[Request]]) -> list[list[OptionScores]]:
        return [self.score(path) for path in paths]

    def generate(self, requests: Sequence[TextRequest]) -> list[Text]:
        self.called.add("generate")
        return [Text("" if self._silent or self._writes is None else self._text(one)) for one in requests]

    def release(self, interviews: Sequence[str]) -> None:
        pass

    def _text(self, request: TextRequest) -> str:
        assert self._writes is not None
        given = sum(message.role == "assistant" for message in request.messages)
        place = next(one for one in self._by_interview[request.interview] if len(one.given) == given)
        return self._writes(place.question, _number(request.messages) + request.seed)


def _number(messages: Sequence[Message]) -> int:
    text = repr([(message.role, message.content) for message in messages])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


# ---- laws -----------------------------------------------------------------------------------------------------------


def _says_what_it_is(tried: _Tried) -> None:
    one = tried.make()
    assert isinstance(one.name, str), "its name is text"
    assert one.name, "it has a name"
    assert one.needs in ("score", "generate"), f"it needs score or generate, not {one.needs!r}"
    assert isinstance(one.distribution, bool), "distribution is True or False"
    for name in ("ask", "forced", "smoothed") if one.distribution else ("ask",):
        assert callable(getattr(one, name, None)), f"it has a method {name!r}"


def _needs(tried: _Tried) -> None:
    places = tried.places()
    model = _Speaker(places, tried.writes)
    tried.ask(places, model)
    assert model.called <= {tried.make().needs}, f"it calls {sorted(model.called)}, and says that it needs less"


def _replies(tried: _Tried) -> None:
    places = tried.places()
    found = tried.ask(places)
    assert len(found) == len(places), f"{len(places)} places have {len(found)} replies"
    assert any(one.option >= 0 for one in found), "some answer is read; if not, say what a model writes with writes="
    for place, one in zip(places, found, strict=True):
        k = len(place.question.order)
        assert -1 <= one.option < k, f"an option is from 0 to {k - 1}, or -1, not {one.option}"
        assert isinstance(one.state, State), "its state is a State"
        assert (one.state == State.ANSWERED) == (one.option >= 0), f"state {one.state!r} with option {one.option}"
        assert one.state not in (State.NOT_ASKED, State.NOT_RUN, State.MISSING), "what was asked has an answer or none"


def _probabilities(tried: _Tried) -> None:
    places = tried.places()
    found = tried.ask(places)
    for place, one in zip(places, found, strict=True):
        if one.probabilities is None:
            continue
        assert one.probabilities.shape == (len(place.question.order),), "a probability for every option"
        if np.isfinite(one.probabilities).all():
            assert abs(one.probabilities.sum() - 1) < 1e-9, "probabilities sum to 1"
            assert one.option < 0 or one.probabilities[one.option] > 0, "an option of probability 0 was given"


def _chance(tried: _Tried) -> None:
    places = tried.places()
    first, second = tried.ask(places), tried.ask(places)
    turned = tried.ask(places[::-1])[::-1]
    assert _options(first) == _options(second), "the same numbers give the same answers"
    assert _options(first) == _options(turned), "the order of places does not matter"
    alone = [tried.ask([place])[0] for place in places]
    assert _options(first) == _options(alone), "the company of a place does not matter"


def _declared(tried: _Tried) -> None:
    """Options are counted in declared order, however they are shown: a model that always means one label gives that option."""
    places = [place for place in tried.places() if place.question.item == tried.task.items[0].name]
    item = tried.task.items[0]
    for wanted in (0, item.k - 1):

        class Means(_Speaker):
            def score(self, requests: Sequence[Request]) -> list[OptionScores]:
                found = []
                for request in requests:
                    (place,) = self._by_interview[request.interview]
                    scores = np.full(len(request.options), -60.0)
                    scores[place.question.order.index(wanted)] = 0.0  # noqa: B023 (asked before the next round)
                    found.append(OptionScores(scores))
                return found

        def means(question: Question, number: int) -> str:
            return tried.writes(question, question.order.index(wanted))  # noqa: B023

        found = tried.ask(places, Means(places, means))
        options = {one.option for one in found if one.option >= 0}
        assert options <= {wanted}, f"{item.labels[wanted]!r} was meant and options {sorted(options)} were read"


def _no_default(tried: _Tried) -> None:
    places = tried.places()
    for one in tried.ask(places, _Speaker(places, None, silent=True)):
        assert one.option == -1, f"nothing was said, and option {one.option} is the answer"
        assert one.state != State.ANSWERED, "nothing was said, and it counts as answered"


def _forced(tried: _Tried) -> None:
    way = tried.make()
    if not way.distribution:
        return
    places = tried.places()
    paths = [places[start : start + 2] for start in range(0, len(places), 2)]
    found = way.forced(_Speaker(places, tried.writes), paths)
    assert [len(path) for path in found] == [len(path) for path in paths], "every place of every path has probabilities"
    for path, tables in zip(paths, found, strict=True):
        for place, table, reply in zip(path, tables, tried.ask(path, _Speaker(places, tried.writes)), strict=True):
            assert table.shape == (len(place.question.order),), "a probability for every option"
            if reply.probabilities is not None:
                np.testing.assert_allclose(table, reply.probabilities, atol=1e-9)
    smoothed = way.smoothed(np.array([[0.25, 0.75], [0.5, 0.5]]))
    np.testing.assert_allclose(smoothed.sum(axis=1), 1, atol=1e-9)


def _options(replies: Sequence[Reply]) -> list[tuple[int, int]]:
    return [(one.option, int(one.state)) for one in replies]


#: Every law by its name, in words.
ELICITATION_LAWS: Mapping[str, Callable[[_Tried], None]] = {
    "it says what it is": _says_what_it_is,
    "it calls only what it needs": _needs,
    "every place has a reply": _replies,
    "probabilities are renormalised": _probabilities,
    "the same numbers give the same answers": _chance,
    "options are counted in declared order": _declared,
    "silence is no answer": _no_default,
    "probabilities along a path are those of asking": _forced,
}
