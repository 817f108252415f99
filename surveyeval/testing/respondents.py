"""Laws that every model obeys which answers whole tables of interviews.

Whether its answers are any good is what runs are for; these laws are what the host, the split and the card rely on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.model.protocol import Answers, Interviews, Respondent
from surveyeval.task.task import Task
from surveyeval.testing.identity import capable_of, says_what_it_is, stands_for_itself

__all__ = ["RESPONDENT_LAWS", "TriedRespondent"]

FloatArray = NDArray[np.float64]
#: Standard errors by which counts of answers may be off their probabilities.
_ERRORS = 5.0
_DRAWS = 25


@dataclass(frozen=True, eq=False)
class TriedRespondent:
    """A model that answers tables, and whom it is to simulate.

    Parameters
    ----------
    make : callable
        Gives the model, the same each time.
    task : Task
    people : Sample
        With answers.
    pilot : Sample
        Other people, with answers.
    """

    make: Callable[[], Respondent]
    task: Task
    people: Sample
    pilot: Sample

    def fitted(self) -> Respondent:
        """A model that has seen the pilot if it needs one."""
        model = self.make()
        if model.capabilities.needs_pilot:
            model.fit(self.task, self.pilot)
        return model

    def interviews(
        self, people: Sample | None = None, *, draw: int = 0, hidden: frozenset[str] = frozenset()
    ) -> Interviews:
        """Interviews of these people, by default all, as a run hands them over."""
        people = people or self.people
        numbers = np.random.default_rng((17, draw)).random((self.people.n, len(self.task.items)))
        rows = {name: row for row, name in enumerate(self.people.respondent)}
        own = numbers[[rows[name] for name in people.respondent]]
        shown = people if self.make().capabilities.needs_answers else people.without_answers()
        return Interviews(self.task, shown, own, draw, hidden)


def _says_what_it_is(tried: TriedRespondent) -> None:
    says_what_it_is(tried.fitted())
    assert not tried.make().capabilities.log_prob or callable(getattr(tried.make(), "log_prob", None))


def _fingerprint(tried: TriedRespondent) -> None:
    model = tried.fitted()
    before = model.fingerprint()
    model.answer(tried.interviews())
    stands_for_itself(before, model.fingerprint(), "answering changes it")
    stands_for_itself(before, tried.fitted().fingerprint(), "the same model made again has another")


def _shapes(tried: TriedRespondent) -> None:
    found, n = tried.fitted().answer(tried.interviews()), tried.people.n
    for item in tried.task.items:
        assert item.name in found.answers, f"{item.name} has a column of answers"
        column = np.asarray(found.answers[item.name])
        assert column.shape == (n,), f"{item.name} has an answer for each of {n} interviews, not {column.shape}"
        assert np.issubdtype(column.dtype, np.integer), f"{item.name}: answers are indices of options"
        assert ((column >= -1) & (column < item.k)).all(), f"{item.name}: indices are from 0 to {item.k - 1}, or -1"
        if found.states is not None:
            states = np.asarray(found.states[item.name])
            assert set(states.tolist()) <= set(map(int, State)), f"{item.name}: states are those of State"
            answered = states == State.ANSWERED
            assert (answered == (column >= 0)).all(), f"{item.name}: answered where there is an answer, and only there"
        if item.name in found.probabilities:
            shape = found.probabilities[item.name].shape
            assert shape == (n, item.k), f"{item.name}: probabilities are {(n, item.k)}, not {shape}"
    beyond = (set(found.answers) | set(found.probabilities)) - {item.name for item in tried.task.items}
    assert not beyond, f"there are no items {sorted(beyond)}"


def _random_numbers(tried: TriedRespondent) -> None:
    model = tried.fitted()
    first = model.answer(tried.interviews())
    _same(first, model.answer(tried.interviews()), "asked again")
    _same(first, tried.fitted().answer(tried.interviews()), "made and asked again")


def _renormalised(tried: TriedRespondent) -> None:
    found = tried.fitted().answer(tried.interviews())
    for name, table in found.probabilities.items():
        known = ~np.isnan(table).all(axis=1)
        assert np.isfinite(table[known]).all(), f"{name}: a row has all its probabilities, or none"
        assert (table[known] >= 0).all(), f"{name}: no probability is below 0"
        np.testing.assert_allclose(table[known].sum(axis=1), 1, atol=1e-9, err_msg=f"{name}: rows sum to 1")
        chosen = np.asarray(found.answers[name])
        drawn = known & (chosen >= 0)
        assert (table[drawn, chosen[drawn]] > 0).all(), f"{name}: an answer of probability 0 was given"


def _drawn(tried: TriedRespondent) -> None:
    model = tried.fitted()
    off: dict[str, FloatArray] = {}
    variance: dict[str, FloatArray] = {}
    for draw in range(_DRAWS):
        found = model.answer(tried.interviews(draw=draw))
        for name, table in found.probabilities.items():
            chosen = np.asarray(found.answers[name])
            own = (chosen >= 0) & np.isfinite(table).all(axis=1)
            p = table[own]
            # given the earlier answers each count is off by noise alone, whatever they were
            off[name] = off.get(name, 0) + ((chosen[own, None] == np.arange(table.shape[1])) - p).sum(axis=0)
            variance[name] = variance.get(name, 0) + (p * (1 - p)).sum(axis=0)
    for name, difference in off.items():
        reach = _ERRORS * np.sqrt(variance[name]) + 1e-6
        assert (np.abs(difference) <= reach).all(), (
            f"{name}: over {_DRAWS} draws options were given {np.round(difference, 1).tolist()} times more often than their "
            f"probabilities say, and chance allows {np.round(reach, 1).tolist()}"
        )


def _order(tried: TriedRespondent) -> None:
    order = np.random.default_rng(0).permutation(tried.people.n)
    model = tried.fitted()
    straight, moved = (model.answer(tried.interviews(one)) for one in (tried.people, tried.people.take(order)))
    _same(_taken(straight, order), moved, "in another order")


def _hidden(tried: TriedRespondent) -> None:
    for name in tried.task.profile:
        column = tried.people.profile[name]
        others = replace(tried.people, profile={**tried.people.profile, name: np.roll(column, 1)})
        assert (others.profile[name] != column).any(), f"the people differ in {name}, or nothing can be seen"
        model, hidden = tried.fitted(), frozenset({name})
        first, second = (model.answer(tried.interviews(one, hidden=hidden)) for one in (tried.people, others))
        _same(first, second, f"{name} is hidden and its values were exchanged")


def _inputs(tried: TriedRespondent) -> None:
    asked = tried.interviews()
    people = asked.people
    given = [asked.uniforms, people.weight, people.arm, *people.profile.values(), *people.answers.values()]
    kept = [column.copy() for column in given]
    tried.fitted().answer(asked)
    for column, before in zip(given, kept, strict=True):
        np.testing.assert_array_equal(column, before)


def _log_prob(tried: TriedRespondent) -> None:
    model = tried.fitted()
    if not model.capabilities.log_prob:
        return
    asked = tried.interviews()
    own = model.log_prob(asked, tried.people)
    assert own, "it says that it has log-probabilities, and gives none"
    for name, scores in own.items():
        answered = tried.people.answered(name)
        assert np.isnan(scores[~answered]).all(), f"{name}: where a person gave no answer there is nothing to score"
        assert (scores[answered & ~np.isnan(scores)] <= 1e-9).all(), f"{name}: a log-probability is at most 0"
    found = model.answer(asked)
    given = asked.people.with_answers(
        {name: np.asarray(column) for name, column in found.answers.items()}, states=found.states, simulated=False
    )
    again = model.log_prob(asked, given)
    for name, table in found.probabilities.items():
        chosen = given.answers[name]
        put = (chosen >= 0) & np.isfinite(table).all(axis=1)
        expected = np.log(table[put, chosen[put]])
        np.testing.assert_allclose(
            again[name][put], expected, atol=1e-8, err_msg=f"{name}: the log-probability of its own answers"
        )


def _capabilities(tried: TriedRespondent) -> None:
    model = tried.make()
    if not model.capabilities.needs_pilot:
        model.answer(tried.interviews())  # may not ask for a pilot after all
    if model.capabilities.needs_answers:
        return
    asked = tried.interviews()
    first = tried.fitted().answer(asked)
    second = tried.fitted().answer(replace(asked, people=tried.people))
    _same(first, second, "the people's answers are there, which it says that it does not need")
    capable_of(model)


def _same(one: Answers, other: Answers, when: str) -> None:
    for name, column in one.answers.items():
        np.testing.assert_array_equal(column, other.answers[name], err_msg=f"answers to {name} change when {when}")
    assert set(one.probabilities) == set(other.probabilities), f"the same items have probabilities when {when}"
    for name, table in one.probabilities.items():
        np.testing.assert_allclose(
            table, other.probabilities[name], atol=1e-9, err_msg=f"probabilities of {name} change when {when}"
        )


def _taken(answers: Answers, order: NDArray[np.int64]) -> Answers:
    columns = {name: np.asarray(column)[order] for name, column in answers.answers.items()}
    return Answers(columns, probabilities={name: table[order] for name, table in answers.probabilities.items()})


#: Every law by its name, in words.
RESPONDENT_LAWS: Mapping[str, Callable[[TriedRespondent], None]] = {
    "it says what it is": _says_what_it_is,
    "its fingerprint is stable": _fingerprint,
    "shapes fit and options exist": _shapes,
    "the same random numbers give the same answers": _random_numbers,
    "probabilities are renormalised": _renormalised,
    "answers come as often as their probabilities say": _drawn,
    "the order of interviews does not matter": _order,
    "hidden fields of the profile are not read": _hidden,
    "interviews are left as they are": _inputs,
    "log-probabilities agree with probabilities": _log_prob,
    "what it says that it needs is what it needs": _capabilities,
}
