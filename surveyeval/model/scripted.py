"""Simulators with known faults, for tests and docs: ``scripted:NAME``.

    human        the people's own answers
    constant     everybody's most frequent answer
    first        the first option, always
    noisy        the people's answers, a share of them replaced by uniform noise
    shuffled     every item shuffled among people of the same arm: marginals without structure
    swapped      each person gets the answers of somebody else of the same arm; with ?inner=MODEL, the profile
    coherent     the people's beliefs, with an action that follows by the task's first rule
    pilot        answer vectors of the pilot, resampled within the arm

They are deterministic given the seed. All but first, pilot and swapped?inner see the people's answers.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from surveyeval.data.sample import Sample, State
from surveyeval.errors import ConfigError, ModelError, did_you_mean
from surveyeval.model.protocol import Answers, Capabilities, Fingerprint, Interviews, Respondent
from surveyeval.task.task import Task

__all__ = ["SCRIPTS", "Scripted", "ScriptedOptions"]

SCRIPTS = ("human", "constant", "first", "noisy", "shuffled", "swapped", "coherent", "pilot")
_BLIND = ("first", "pilot")

Columns = dict[str, NDArray[np.int64]]


class ScriptedOptions(BaseModel):
    """Options of scripted models."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(0.5, ge=0, le=1, description="noisy: share of answers replaced")
    inner: str | None = Field(None, description="swapped: model string whose profiles are exchanged")


class Scripted:
    """One scripted simulator by name."""

    def __init__(self, reference: str, options: ScriptedOptions | None = None) -> None:
        if reference not in SCRIPTS:
            raise ConfigError(
                f"there is no script {reference!r}",
                hint=did_you_mean(reference, SCRIPTS) or f"scripts: {', '.join(SCRIPTS)}",
            )
        self.name, self.options = reference, options or ScriptedOptions()
        self._inner = self._build_inner()
        self._pilot: Sample | None = None
        needs_answers = self._inner is None and reference not in _BLIND
        self.capabilities = Capabilities(
            log_prob=self._inner is not None and self._inner.capabilities.log_prob,
            needs_pilot=True,
            needs_answers=needs_answers,
        )

    def _build_inner(self) -> Respondent | None:
        if self.options.inner is None:
            return None
        if self.name != "swapped":
            raise ConfigError(f"script {self.name!r} has no inner model", hint="only scripted:swapped?inner=MODEL has")
        from surveyeval.model.build import build_model

        model = build_model(self.options.inner).model
        if not isinstance(model, Respondent):
            raise ConfigError(f"inner model {self.options.inner!r} does not answer whole tables", hint="use a baseline")
        return model

    def fit(self, task: Task, pilot: Sample) -> None:
        """Keep the pilot; fit the inner model."""
        self._pilot = pilot
        if self._inner is not None:
            self._inner.fit(task, pilot)

    def fingerprint(self) -> Fingerprint:
        """Hash of name and options; the test people's answers are part of the data hash of a run."""
        inner = self._inner.fingerprint().value if self._inner is not None else ""
        text = f"{self.name}:{self.options.model_dump_json()}:{inner}:1"
        return Fingerprint("content", hashlib.sha256(text.encode()).hexdigest(), {"script": self.name})

    def banners(self) -> Sequence[str]:
        """A warning where the people's answers are seen."""
        return (
            ("A scripted simulator that sees the people's answers: for tests and documentation.",)
            if self.capabilities.needs_answers
            else ()
        )

    def answer(self, interviews: Interviews) -> Answers:
        """Answer all people of a draw at once."""
        task, people, rng = interviews.task, interviews.people, _generator(interviews)
        if self._inner is not None:
            order = _derangement(people.arm, _fixed(interviews))
            return self._inner.answer(replace(interviews, people=_with_profiles(people, order)))
        method = self._resampled_pilot if self.name == "pilot" else getattr(self, f"_{self.name}")
        columns: Columns = method(task, people, rng)
        states = {name: self._states(people, name, column) for name, column in columns.items()}
        return Answers(columns, states)

    def log_prob(self, interviews: Interviews, answers: Sample) -> dict[str, NDArray[np.float64]]:
        """The inner model's scores under exchanged profiles."""
        if self._inner is None:
            raise ModelError(f"script {self.name!r} gives no probabilities")
        order = _derangement(interviews.people.arm, _fixed(interviews))
        return self._inner.log_prob(replace(interviews, people=_with_profiles(interviews.people, order)), answers)

    def _states(self, people: Sample, name: str, column: NDArray[np.int64]) -> NDArray[np.int8]:
        kept = people.states.get(name)
        absent = kept if kept is not None else np.full(people.n, State.MISSING, dtype=np.int8)
        return np.where(column >= 0, State.ANSWERED, absent).astype(np.int8)

    def _human(self, task: Task, people: Sample, rng: np.random.Generator) -> Columns:
        return {item.name: people.answers[item.name].copy() for item in task.items}

    def _constant(self, task: Task, people: Sample, rng: np.random.Generator) -> Columns:
        modal = {
            item.name: np.bincount(people.answers[item.name][people.answered(item.name)], minlength=item.k).argmax()
            for item in task.items
        }
        return {name: np.full(people.n, option, dtype=np.int64) for name, option in modal.items()}

    def _first(self, task: Task, people: Sample, rng: np.random.Generator) -> Columns:
        return {item.name: np.zeros(people.n, dtype=np.int64) for item in task.items}

    def _noisy(self, task: Task, people: Sample, rng: np.random.Generator) -> Columns:
        columns = {}
        for item in task.items:
            noise = rng.integers(item.k, size=people.n)
            columns[item.name] = np.where(rng.random(people.n) < self.options.share, noise, people.answers[item.name])
        return columns

    def _shuffled(self, task: Task, people: Sample, rng: np.random.Generator) -> Columns:
        return {item.name: people.answers[item.name][_shuffle(people.arm, rng)] for item in task.items}

    def _swapped(self, task: Task, people: Sample, rng: np.random.Generator) -> Columns:
        order = _derangement(people.arm, rng)
        return {item.name: people.answers[item.name][order] for item in task.items}

    def _coherent(self, task: Task, people: Sample, rng: np.random.Generator) -> Columns:
        if not task.spec.coherence:
            raise ModelError("scripted:coherent needs a task with a coherence rule")
        rule = task.spec.coherence[0]
        names = task.rule_actions(rule)
        columns = self._human(task, people, rng)
        pending = task.coherence(people, rule) == 0
        sizes = [range(task.item(name).k) for name in names]
        for combination in itertools.product(*sizes):
            actions = dict(zip(names, combination, strict=True))
            fits = pending & (task.coherence_if(people, rule, actions) == 1)
            for name, option in actions.items():
                columns[name][fits] = option
            pending &= ~fits
        return columns

    def _pilot_rows(self) -> Sample:
        if self._pilot is None:
            raise ModelError("scripted:pilot is not fitted", hint="call fit(task, pilot) first")
        return self._pilot

    def _resampled_pilot(self, task: Task, people: Sample, rng: np.random.Generator) -> Columns:
        pilot = self._pilot_rows()
        chosen = np.empty(people.n, dtype=np.int64)
        for arm in np.unique(people.arm.astype(str)):
            rows, own = np.flatnonzero(people.arm == arm), np.flatnonzero(pilot.arm == arm)
            chosen[rows] = rng.choice(own if len(own) else np.arange(pilot.n), size=len(rows))
        return {item.name: pilot.answers[item.name][chosen] for item in task.items}


def _generator(interviews: Interviews) -> np.random.Generator:
    """A generator from the numbers that the host assigned to these interviews."""
    seed = hashlib.blake2b(np.ascontiguousarray(interviews.uniforms).tobytes(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(seed, "little"))


def _fixed(interviews: Interviews) -> np.random.Generator:
    """A generator from the identifiers: the same exchange of profiles for answers and for their probabilities."""
    seed = hashlib.blake2b("\x1f".join(interviews.people.respondent).encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(seed, "little"))


def _shuffle(arm: NDArray[np.object_], rng: np.random.Generator) -> NDArray[np.int64]:
    order = np.arange(len(arm))
    for key in np.unique(arm.astype(str)):
        rows = np.flatnonzero(arm == key)
        order[rows] = rng.permutation(rows)
    return order


def _derangement(arm: NDArray[np.object_], rng: np.random.Generator) -> NDArray[np.int64]:
    """A permutation within arms that leaves nobody in place (where an arm has two people or more)."""
    order = np.arange(len(arm))
    for key in np.unique(arm.astype(str)):
        rows = rng.permutation(np.flatnonzero(arm == key))
        order[rows] = np.roll(rows, 1)  # one cycle through the arm
    return order


def _with_profiles(people: Sample, order: NDArray[np.int64]) -> Sample:
    return replace(people, profile={name: column[order] for name, column in people.profile.items()})
