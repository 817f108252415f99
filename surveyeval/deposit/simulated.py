"""The simulated sample of a run as variables: one row for each respondent and draw, and marked as simulated."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.deposit.variables import Variable, distinct_names, whole_codes
from surveyeval.engine.common import answered_people, reopen, samples_of
from surveyeval.engine.run import Run
from surveyeval.errors import ConfigError
from surveyeval.task.task import Task

__all__ = ["FILE_LABEL", "SimulatedFile", "pseudonyms", "simulated_file"]

#: What every file says of itself.
FILE_LABEL = "Simulated, not respondents"
_OWN = ("simulated", "respondent", "draw", "arm", "weight", "stratum", "psu")
_KEY = ".pseudonyms.key"


@dataclass(frozen=True, eq=False)
class SimulatedFile:
    """A simulated sample, ready to be written.

    Parameters
    ----------
    variables : tuple of Variable
    label : str
        Of the file.
    task, model, run : str
    draws : int
    weighted : bool
        Whether weights differ.
    items : tuple of str
        Names of the variables that are items.
    """

    variables: tuple[Variable, ...]
    label: str
    task: str
    model: str
    run: str
    draws: int
    weighted: bool
    items: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables, in order."""
        return tuple(one.name for one in self.variables)


def simulated_file(run: Run, *, identifiers: str = "pseudonyms", profile: bool = True) -> SimulatedFile:
    """Read the simulated sample of a run.

    Parameters
    ----------
    run : Run
        With complete answers. The task and its people are read again: profiles, weights and design come from them.
    identifiers : {"pseudonyms", "numbers", "original"}
        ``pseudonyms`` are the same for one person in all runs of a folder, by a secret that stays in it (``.pseudonyms.key``), and
        strata and PSUs are numbered; ``numbers`` are made anew each time, in random order; ``original`` are those of the data.
    profile : bool
        Whether the profiles are written, which are those of people.

    Raises
    ------
    RunError
        When the task or its data are not as they were, or answers are not complete.
    ConfigError
        When there are no such identifiers.
    """
    if identifiers not in ("pseudonyms", "numbers", "original"):
        raise ConfigError(f"there are no identifiers {identifiers!r}", hint="pseudonyms, numbers or original")
    responses = run.responses
    task, human = reopen(run)
    draws = samples_of(task, answered_people(task, human, responses), run)
    key = None if identifiers == "original" else secrets.token_bytes(32)
    if identifiers == "pseudonyms":
        key = _secret(run.folder.parent / _KEY)
    order, named = _identified(run, draws[0], identifiers, key)
    draws = [one.take(order) for one in draws]
    n, times = len(order), len(draws)

    def repeated(column: NDArray[np.object_]) -> NDArray[np.object_]:
        return np.tile(column, times)

    made = [
        Variable("simulated", "Simulated by a model, not a respondent", np.ones(n * times), {1: "simulated"}),
        Variable("respondent", _says(draws[0], identifiers), repeated(named[order])),
        Variable("draw", "Number of the simulated sample", np.repeat(np.arange(1.0, times + 1), n)),
    ]
    first = draws[0]
    if task.is_experiment:
        arms = [(one.key, one.label) for one in task.arms]
        made.append(_coded("arm", "Experimental condition", repeated(first.arm), arms))
    weighted = first.weighted
    made.append(Variable("weight", "Survey weight" if weighted else "Weight (all 1)", np.tile(first.weight, times)))
    for name, column in (("stratum", first.stratum), ("psu", first.psu)):
        if column is not None:
            made.append(_design(name, repeated(column), key))
    profile_fields = task.profile if profile and first.paired else {}
    taken = [*profile_fields, *(item.name for item in task.items)]
    names = dict(zip(taken, distinct_names(taken, _OWN), strict=True))
    for name, told in profile_fields.items():
        column, label = repeated(first.profile[name]), f"Profile: {name.replace('_', ' ')}"
        if told.labels:
            made.append(_coded(names[name], label, column, list(told.labels.items())))
        else:
            made.append(Variable(names[name], label, _numbers(column)))
    made += [_item(task, names[item.name], item.name, draws) for item in task.items]
    items = tuple(names[item.name] for item in task.items)
    label = f"{FILE_LABEL}: {task.name}, {run.model}"
    return SimulatedFile(tuple(made), label, task.name, run.model, run.id, times, weighted, items)


def pseudonyms(run: Run, sample: Sample) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """An order of the rows that says nothing, and pseudonyms in the sample's own order: the same in all runs of a folder."""
    return _identified(run, sample, "pseudonyms", _secret(run.folder.parent / _KEY))


def _identified(run: Run, sample: Sample, how: str, key: bytes | None) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Order of the rows, and identifiers in the sample's own order."""
    if key is None or not sample.paired:
        return np.arange(sample.n), sample.respondent
    told = f"{run.task}:{run.manifest['identity']['data']}"
    named = np.array([f"s{_hidden(key, f'{told}:{one}')[:16]}" for one in sample.respondent], dtype=object)
    order = np.argsort(named.astype(str), kind="stable").astype(np.int64)
    if how == "numbers":
        named[order] = [f"s{number:05}" for number in range(1, sample.n + 1)]
    return order, named


def _hidden(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _secret(path: Path) -> bytes:
    """The secret of a folder of runs, made when it is first needed; only its owner can read it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        try:
            kept = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", file=str(path)) from error
        if len(kept) < 32:
            raise ConfigError(
                "holds no whole secret", file=str(path), hint="remove it; pseudonyms are then new ones"
            ) from None
        return kept
    except OSError as error:
        raise ConfigError(
            f"no secret for pseudonyms can be kept: {error.strerror}",
            file=str(path),
            hint="--identifiers numbers needs none",
        ) from error
    with os.fdopen(descriptor, "wb") as stream:
        key = secrets.token_bytes(32)
        stream.write(key)
    return key


def _says(sample: Sample, how: str) -> str:
    if not sample.paired:
        return "Number of the simulated row, which belongs to nobody"
    words = {"pseudonyms": "pseudonym", "numbers": "number, made anew for this file", "original": "identifier"}
    return f"Person whose profile was given: {words[how]}"


def _coded(name: str, label: str, column: NDArray[np.object_], levels: Sequence[tuple[str, str]]) -> Variable:
    codes = [code for code, _ in levels]
    numbers = dict(zip(codes, whole_codes(codes), strict=True))
    values = np.array([float(numbers[value]) if value in numbers else np.nan for value in column])
    return Variable(name, label, values, {numbers[code]: words for code, words in levels}, original=_original(numbers))


def _original(numbers: Mapping[str, int]) -> dict[int, str]:
    return {number: code for code, number in numbers.items()} if any(str(n) != c for c, n in numbers.items()) else {}


def _design(name: str, column: NDArray[np.object_], key: bytes | None) -> Variable:
    words = {"stratum": "Sampling stratum", "psu": "Primary sampling unit, within its stratum"}
    if key is None:
        return Variable(name, words[name], column)
    codes = sorted(set(map(str, column)), key=lambda code: _hidden(key, f"{name}:{code}"))
    numbers = {code: float(number) for number, code in enumerate(codes, start=1)}
    values = np.array([numbers[str(value)] for value in column])
    return Variable(name, f"{words[name]} (renumbered)", values)


def _numbers(column: NDArray[np.object_]) -> NDArray[np.float64]:
    found = np.full(len(column), np.nan)
    for row, value in enumerate(column):
        try:
            found[row] = float(value) if value is not None else np.nan
        except ValueError:
            continue
    return found


def _item(task: Task, name: str, item_name: str, draws: Sequence[Sample]) -> Variable:
    item = task.item(item_name)
    answers = np.concatenate([one.answers[item_name] for one in draws])
    states = np.concatenate([one.states[item_name] for one in draws])
    codes = whole_codes(item.codes)
    if item.kind == "numeric":
        table, labels, original = np.array([*item.values, np.nan]), {}, {}
    else:
        table = np.array([*map(float, codes), np.nan])
        labels = dict(zip(codes, item.labels, strict=True))
        original = _original(dict(zip(item.codes, codes, strict=True)))
    values = np.where(states == State.ANSWERED, table[answers], np.nan)
    return Variable(name, item.words, values, labels, states, original)
