"""What a run would ask, before it: requests, tokens, money and time, each as a range and with what it rests on.

No weights are loaded and nothing is sent. Interviews of some test people are walked with the model's tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from surveyeval.engine.asking import repeats
from surveyeval.engine.cache import open_cache
from surveyeval.engine.experiment import Experiment, check_options, split_people
from surveyeval.engine.fits import room_of
from surveyeval.engine.held import interviews_held
from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.run import find_runs
from surveyeval.engine.walk import walk
from surveyeval.errors import ModelError
from surveyeval.model.at_hand import prompts_at_hand
from surveyeval.model.build import NamedModel, build_elicitation, build_models, check_elicitation
from surveyeval.model.elicitation import Elicitation
from surveyeval.model.local import LocalOptions, Prompts
from surveyeval.model.protocol import LanguageModel, Message
from surveyeval.model.strings import parse_elicitation_string
from surveyeval.task.human import load_human
from surveyeval.task.interview import Question
from surveyeval.task.load import load_task
from surveyeval.task.task import Task

__all__ = ["Forecast", "plan"]

#: Test people whose interviews are counted.
SAMPLE = 20
#: Characters of a token where there is no tokenizer: fewest and most, in languages with a Latin script.
_CHARACTERS = (3.0, 5.0)
#: Tokens of a chat template around a turn, where it is the server's.
_AROUND = (0, 8)

Range = tuple[float, float]


@dataclass(frozen=True)
class Forecast:
    """What one model would be asked.

    Parameters
    ----------
    model : str
    people, draws : int
        Test people, and answers of each.
    requests, tokens_in, tokens_out : (low, high)
        Questions put, tokens read, tokens written.
    cost, seconds : (low, high) or None
        Money at the prices given; time. None where there is nothing to go by.
    basis : tuple of str
        What the ranges rest on.
    disk, memory : int
        Bytes that the run needs at most, the weights of a model apart; see `surveyeval.engine.fits`.
    """

    model: str
    people: int
    draws: int
    requests: Range = (0, 0)
    tokens_in: Range = (0, 0)
    tokens_out: Range = (0, 0)
    cost: Range | None = None
    seconds: Range | None = None
    basis: tuple[str, ...] = ()
    disk: int = 0
    memory: int = 0


def plan(
    task: str | Task,
    model: str | Sequence[str],
    *,
    settings: Mapping[str, Mapping[str, str]] | None = None,
    limit: int | None = None,
    draws: int = 1,
    pilot: float = 0.25,
    elicitation: str = "choice",
    profile_set: str | None = None,
    seed: int = 0,
    hide: Iterable[str] = (),
    no_profile: bool = False,
    data: str | None = None,
    provenance: str | None = None,
    cache: bool = True,
    price_in: float | None = None,
    price_out: float | None = None,
    runs: str | Path = "runs",
) -> list[Forecast]:
    """Forecast a run.

    Parameters
    ----------
    task, model, settings, limit, draws, pilot, elicitation, profile_set, seed, hide, no_profile, data, provenance
        As in `surveyeval.run`.
    cache : bool
        Take off what the response cache holds.
    price_in, price_out : float, optional
        Of a million tokens read and written; default: what the model's options say.
    runs : path
        Folder of earlier runs: the same model's speed in them is what time is forecast from.

    Returns
    -------
    list of Forecast
        In the order of the models.
    """
    loaded = load_task(task, profile_set=profile_set) if isinstance(task, str) else task
    hidden = tuple(sorted(loaded.profile if no_profile else hide))
    options = RunOptions(limit, seed, draws, pilot, hidden, parse_elicitation_string(elicitation).text)
    check_options(loaded, options)
    human = load_human(loaded, data=data, provenance=provenance)
    split = split_people(loaded, human)
    pilot_rows, rows = split.divide(pilot)
    people = human.sample.take(rows[:limit])
    way, named = (
        build_elicitation(elicitation),
        build_models([model] if isinstance(model, str) else list(model), settings),
    )
    for one in named:
        if isinstance(one.model, LanguageModel):
            check_elicitation(one, way)
    some = people.take(np.arange(min(SAMPLE, people.n))).without_answers()
    walks = [walk(loaded, some.take(np.array([row])), way, frozenset(hidden))[1] for row in range(some.n)]
    experiment = Experiment(loaded, human, split, human.sample.take(pilot_rows), people, options)
    kept = open_cache(use=cache)
    found = [
        _less_held(
            _forecast(loaded, one, way, elicitation, walks, people.n, draws, (price_in, price_out), Path(runs)),
            interviews_held(experiment, one, kept),
        )
        if isinstance(one.model, LanguageModel)
        else Forecast(one.name, people.n, draws, basis=("it reads no words: no tokens, and seconds",))
        for one in named
    ]
    rooms = [room_of(loaded, one.model, people.n, human.sample.n, draws, elicitation) for one in named]
    return [replace(one, disk=room.disk, memory=room.memory) for one, room in zip(found, rooms, strict=True)]


def _less_held(found: Forecast, held: tuple[int, int] | None) -> Forecast:
    """A forecast without what the response cache answers; interviews that are left are taken to be like all."""
    if held is None or not held[0]:
        return found
    done, total = held
    left = 1 - done / total

    def less(values: Range | None) -> Range | None:
        return None if values is None else (values[0] * left, values[1] * left)

    said = f"{done:,} of {total:,} interviews are in the response cache, and are taken off"
    return replace(
        found, requests=less(found.requests) or (0, 0), tokens_in=less(found.tokens_in) or (0, 0),
        tokens_out=less(found.tokens_out) or (0, 0), cost=less(found.cost), seconds=less(found.seconds),
        basis=(said, *found.basis),
    )  # fmt: skip


def _forecast(
    task: Task, named: NamedModel, way: Elicitation, asked_so: str, walks: Sequence[Sequence[tuple[Question, tuple[Message, ...]]]],
    n: int, draws: int, prices: tuple[float | None, float | None], runs: Path,
) -> Forecast:  # fmt: skip
    model, options = named.model, getattr(named.model, "options", None)
    independent = task.spec.interview.mode == "independent"
    interviews = n if independent and repeats(way) else n * draws
    # people's own answers are scored once, unless the first draw says it all
    scored = n if way.distribution and model.capabilities.log_prob and not independent else 0
    put = float(np.mean([len(one) for one in walks]))
    routed = any(item.spec.ask_if is not None for item in task.items)
    requests = (
        interviews * put,
        interviews * (len(task.items) if routed else put) + scored * len(task.items),
    )
    basis = [f"the interviews of {len(walks)} test people, answered with the first options"]
    if scored:
        basis.append("the high end also scores people's own answers, for the log-loss")
    prompts: Prompts | None = None
    try:
        prompts = prompts_at_hand(model)
        basis.append("tokens counted with the model's tokenizer")
    except ModelError as error:
        basis.append(
            f"tokens from characters, {_CHARACTERS[0]:g} to {_CHARACTERS[1]:g} each: {error.problems[0].message}"
        )
    once, whole = zip(*(_tokens(one, prompts, independent) for one in walks), strict=True)
    local = isinstance(options, LocalOptions)
    per_low = float(np.mean([low for low, _ in (once if local else whole)]))
    per_high = float(np.mean([high for _, high in whole]))
    if local:
        basis.append("the low end reads what prompts share once, the high end every prompt whole")
    tokens_in = (interviews * per_low, per_high * (requests[1] / put if put else 0))
    written = getattr(getattr(way, "options", None), "max_tokens", 1)
    tokens_out = (requests[0], requests[1] * written)
    given = (
        prices[0] if prices[0] is not None else getattr(options, "price_in", None),
        prices[1] if prices[1] is not None else getattr(options, "price_out", None),
    )
    cost = None
    if not local and given == (None, None):
        basis.append("no money: no prices are given")
    elif not local:
        low, high = ((one * (given[0] or 0) + two * (given[1] or 0)) / 1e6
                     for one, two in zip(tokens_in, tokens_out, strict=True))  # fmt: skip
        cost = (low, high)
    speed, count = _speed(named, asked_so, runs)
    seconds = None
    if speed is not None:
        seconds = (requests[0] * speed[0], requests[1] * speed[1])
        basis.append(f"time from {count} earlier run{'' if count == 1 else 's'} of this model below {runs}")
    else:
        basis.append(f"no time: below {runs} there is no run of this model, asked so; one with --limit 20 tells")
    return Forecast(named.name, n, draws, requests, tokens_in, tokens_out, cost, seconds, tuple(basis))


def _tokens(
    places: Sequence[tuple[Question, tuple[Message, ...]]], prompts: Prompts | None, independent: bool
) -> tuple[Range, Range]:
    """Tokens of one interview: each read once, and every prompt whole."""
    sizes: list[Range] = []
    for _, messages in places:
        if prompts is not None:
            size = float(len(prompts.encode(prompts.chat.render(messages))))
            sizes.append((size, size))
        else:
            length = sum(len(message.content) for message in messages)
            sizes.append((length / _CHARACTERS[1] + _AROUND[0] * len(messages),
                          length / _CHARACTERS[0] + _AROUND[1] * len(messages)))  # fmt: skip
    whole = (sum(low for low, _ in sizes), sum(high for _, high in sizes))
    if independent or not sizes:
        return whole, whole
    return (max(low for low, _ in sizes), max(high for _, high in sizes)), whole


def _speed(named: NamedModel, asked_so: str, runs: Path) -> tuple[Range | None, int]:
    """Seconds for a question in earlier runs of the same model: fewest and most, and of how many runs."""
    found = []
    for run in find_runs(runs):
        manifest = run.manifest
        asked = (manifest.get("elicitation") or {}).get("text")
        if manifest["model"].get("string") != named.string or asked != asked_so or manifest.get("cache"):
            continue
        questions = manifest["counts"]["interviews"] * len(manifest["task"]["wording"])
        if run.status in ("simulated", "complete") and manifest.get("seconds") and questions:
            found.append(manifest["seconds"] / questions)
    return ((min(found), max(found)) if found else None), len(found)
