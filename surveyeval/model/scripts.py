"""What each scripted simulator answers. `surveyeval.model.scripted` makes models of them.

A script is a function of a `Scene` to answers and states. Random choices use the numbers of the host: those of a person
and item where the choice is that person's alone, all of them together where people are exchanged.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.errors import ConfigError, ModelError, did_you_mean
from surveyeval.task.schema import CoherenceRule
from surveyeval.task.task import Task

__all__ = ["SCRIPTS", "Scene", "Script", "exchange", "generator_of"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Filled = tuple[dict[str, IntArray], dict[str, NDArray[np.int8]]]


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that a script may use."""

    task: Task
    people: Sample
    uniforms: FloatArray
    share: float
    subgroup: str | None
    pilot: Sample | None


@dataclass(frozen=True)
class Script:
    """One script: what it does, what it sees, and which options it has."""

    summary: str
    answer: Callable[[Scene], Filled]
    needs_answers: bool = True
    needs_pilot: bool = False
    options: frozenset[str] = field(default_factory=frozenset)


def generator_of(content: bytes) -> np.random.Generator:
    """A generator that depends on these bytes alone."""
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little"))


def exchange(arm: NDArray[np.object_], rng: np.random.Generator) -> IntArray:
    """Whose place each person takes: somebody else's of the same arm (their own where the arm has nobody else)."""
    order = np.arange(len(arm))
    for key in dict.fromkeys(arm):
        rows = np.flatnonzero(arm == key)
        cycle = rows[np.argsort(rng.random(len(rows)))]
        order[cycle] = np.roll(cycle, 1)  # one cycle through the arm
    return order


def _shuffle(arm: NDArray[np.object_], rng: np.random.Generator) -> IntArray:
    order = np.arange(len(arm))
    for key in dict.fromkeys(arm):
        rows = np.flatnonzero(arm == key)
        order[rows] = rows[np.argsort(rng.random(len(rows)))]
    return order


def _together(scene: Scene) -> np.random.Generator:
    return generator_of(np.ascontiguousarray(scene.uniforms).tobytes())


def _rows(scene: Scene, sample: Sample, order: Callable[[], IntArray]) -> Filled:
    """Answers and states of other rows; `order` is asked once for each item."""
    answers, states = {}, {}
    for item in scene.task.items:
        rows = order()
        answers[item.name], states[item.name] = sample.answers[item.name][rows], sample.states[item.name][rows]
    return answers, states


def _everybody(scene: Scene, option: Mapping[str, int]) -> Filled:
    n = scene.people.n
    answers = {item.name: np.full(n, option[item.name], dtype=np.int64) for item in scene.task.items}
    return answers, {name: np.full(n, State.ANSWERED, dtype=np.int8) for name in answers}


def _modal(sample: Sample, item: str, k: int, rows: NDArray[np.bool_]) -> int:
    """Most frequent option among these rows, by weight; the first of ties."""
    counted = rows & sample.answered(item)
    return int(np.bincount(sample.answers[item][counted], sample.weight[counted], minlength=k).argmax())


def _human(scene: Scene) -> Filled:
    everyone = np.arange(scene.people.n)
    return _rows(scene, scene.people, lambda: everyone)


def _constant(scene: Scene) -> Filled:
    everyone = np.ones(scene.people.n, dtype=bool)
    return _everybody(scene, {i.name: _modal(scene.people, i.name, i.k, everyone) for i in scene.task.items})


def _first(scene: Scene) -> Filled:
    return _everybody(scene, {item.name: 0 for item in scene.task.items})


def _noisy(scene: Scene) -> Filled:
    answers, states = _human(scene)
    for number, item in enumerate(scene.task.items):
        uniform = scene.uniforms[:, number]
        replaced = (uniform < scene.share) & (answers[item.name] >= 0)
        # below the share, the number divided by the share is uniform again
        noise = np.minimum((uniform / max(scene.share, 1e-300) * item.k), item.k - 1).astype(np.int64)
        answers[item.name] = np.where(replaced, noise, answers[item.name])
    return answers, states


def _shuffled(scene: Scene) -> Filled:
    rng = _together(scene)
    return _rows(scene, scene.people, lambda: _shuffle(scene.people.arm, rng))


def _swapped(scene: Scene) -> Filled:
    order = exchange(scene.people.arm, _together(scene))
    return _rows(scene, scene.people, lambda: order)


def _pilot(scene: Scene) -> Filled:
    pilot, people = scene.pilot, scene.people
    if pilot is None or pilot.n == 0:
        raise ModelError("scripted:pilot has nobody to copy", hint="call fit(task, pilot) with pilot people first")
    rows = np.empty(people.n, dtype=np.int64)
    for key in dict.fromkeys(people.arm):
        places, own = np.flatnonzero(people.arm == key), np.flatnonzero(pilot.arm == key)
        own = own if len(own) else np.arange(pilot.n)
        cumulative = np.cumsum(pilot.weight[own])
        found = np.searchsorted(cumulative, scene.uniforms[places, 0] * cumulative[-1], side="right")
        rows[places] = own[np.minimum(found, len(own) - 1)]
    return _rows(scene, pilot, lambda: rows)


def _stereotyper(scene: Scene) -> Filled:
    task, people = scene.task, scene.people
    declared = task.spec.subgroups
    if not declared:
        raise ModelError(f"scripted:stereotyper needs subgroups, and task {task.name!r} declares none")
    subgroup = scene.subgroup or declared[0]
    if subgroup not in declared:
        hint = did_you_mean(subgroup, declared) or f"subgroups: {', '.join(declared)}"
        raise ConfigError(f"task {task.name!r} has no subgroup {subgroup!r}", hint=hint)
    group, labels = task.groups(people, subgroup)
    answers, states = _human(scene)
    for number, item in enumerate(task.items):
        modal = np.array([_modal(people, item.name, item.k, group == g) for g in range(len(labels))])
        replaced = (scene.uniforms[:, number] < scene.share) & (group >= 0) & (answers[item.name] >= 0)
        answers[item.name] = np.where(replaced, modal[group], answers[item.name])
    return answers, states


def _first_rule(scene: Scene, script: str) -> tuple[CoherenceRule, list[dict[str, int]]]:
    """The task's first rule and every combination of options of the actions in it."""
    task = scene.task
    if not task.spec.coherence:
        raise ModelError(f"scripted:{script} needs a coherence rule, and task {task.name!r} declares none")
    rule = task.spec.coherence[0]
    names = task.rule_actions(rule)
    choices = itertools.product(*(range(task.item(name).k) for name in names))
    return rule, [dict(zip(names, choice, strict=True)) for choice in choices]


def _coherent(scene: Scene) -> Filled:
    rule, choices = _first_rule(scene, "coherent")
    answers, states = _human(scene)
    pending = scene.task.coherence(scene.people, rule) == 0
    for actions in choices:
        fits = pending & (scene.task.coherence_if(scene.people, rule, actions) == 1)
        for name, option in actions.items():
            answers[name] = np.where(fits, option, answers[name])
        pending &= ~fits
    return answers, states


def _independent(scene: Scene) -> Filled:
    """Shuffled beliefs, and an action that contradicts them as often as the people's actions contradict theirs."""
    task, people = scene.task, scene.people
    rule, choices = _first_rule(scene, "independent")
    own = task.coherence(people, rule)
    gap = float((own == 0).sum() / max((own >= 0).sum(), 1))
    answers, states = _shuffled(scene)
    shuffled = people.with_answers(answers, states=states)
    outcome = np.column_stack([task.coherence_if(shuffled, rule, actions) for actions in choices])
    names = list(choices[0])
    last = max((number for number, item in enumerate(task.items) if item.name in names), default=0)
    uniform = scene.uniforms[:, last]
    contradicts = uniform < gap
    wanted = outcome == np.where(contradicts, 0, 1)[:, None]
    # what is left of the number once it has chosen the side is uniform again
    rest = np.where(contradicts, uniform / max(gap, 1e-300), (uniform - gap) / max(1 - gap, 1e-300))
    rank = np.minimum(np.floor(rest * wanted.sum(axis=1)), wanted.sum(axis=1) - 1)
    chosen = (np.cumsum(wanted, axis=1) > rank[:, None]).argmax(axis=1)
    for name in names:
        option = np.array([actions[name] for actions in choices])[chosen]
        tuned = wanted.any(axis=1) & (answers[name] >= 0)
        answers[name] = np.where(tuned, option, answers[name])
    return answers, states


SCRIPTS: Mapping[str, Script] = {
    "human": Script("the people's own answers", _human),
    "constant": Script("everybody's most frequent answer", _constant),
    "first": Script("the first option, always", _first, needs_answers=False),
    "noisy": Script("the people's answers, a share replaced by uniform noise", _noisy, options=frozenset({"share"})),
    "shuffled": Script("every item shuffled among people of the same arm: marginals without structure", _shuffled),
    "independent": Script("shuffled beliefs, with actions that contradict them as often as people do", _independent),
    "swapped": Script(
        "the answers of somebody else of the same arm; with ?inner=MODEL, a model given somebody else's profile",
        _swapped,
        options=frozenset({"inner"}),
    ),
    "coherent": Script("the people's beliefs, with an action that follows by the task's first rule", _coherent),
    "stereotyper": Script(
        "the people's answers, a share replaced by the most frequent answer of their subgroup",
        _stereotyper,
        options=frozenset({"share", "subgroup"}),
    ),
    "pilot": Script("answer vectors of the pilot, resampled in the arm", _pilot, needs_answers=False, needs_pilot=True),
}
