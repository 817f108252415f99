"""What a language model takes from the pilot before it answers: examples in the prompt, and calibration."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample
from surveyeval.errors import ConfigError
from surveyeval.model.calibrate import Scored, fit_calibration
from surveyeval.model.host import Example, Preparation, forced
from surveyeval.model.protocol import Respondent, Scorer
from surveyeval.progress import Progress
from surveyeval.task.render import interviews as render_interviews
from surveyeval.task.task import Task

__all__ = ["UsesPilot", "choose_examples", "prepare"]


@runtime_checkable
class UsesPilot(Protocol):
    """A scorer with options for the pilot.

    ``examples`` is the number of pilot interviews shown in the prompt; ``calibrate`` is ``none``, ``temperature`` or ``item``.
    """

    examples: int
    calibrate: str


def prepare(
    model: Respondent | Scorer, task: Task, pilot: Sample, hidden: frozenset[str], progress: Progress
) -> Preparation:
    """Choose examples and fit the calibration that a model asks for.

    Raises
    ------
    ConfigError
        When the pilot has fewer complete interviews than there are to be examples.
    """
    if not isinstance(model, Scorer) or not isinstance(model, UsesPilot):
        return Preparation()
    examples = choose_examples(task, pilot, hidden, model.examples) if model.examples else {}
    shown = {name for chosen in examples.values() for name in chosen[1]}
    preparation = Preparation({arm: chosen[0] for arm, chosen in examples.items()})
    if model.calibrate == "none":
        return preparation
    # people who stand in the prompt would be scored with their own answers before them
    left = pilot.take(np.array([name not in shown for name in pilot.respondent], dtype=bool))
    progress.phase("calibrating on the pilot", left.n)
    scored = _scored(model, task, left, hidden, preparation, progress)
    progress.finish()
    calibration = fit_calibration("temperature" if model.calibrate == "temperature" else "item", scored)
    return Preparation(preparation.examples, calibration)


def choose_examples(
    task: Task, pilot: Sample, hidden: frozenset[str], count: int
) -> dict[str, tuple[tuple[Example, ...], tuple[str, ...]]]:
    """Examples for each arm, with the identifiers of the people behind them.

    They are the first people of the pilot in the same arm who answered every item; where the arm has too few, the first of
    the other arms stand before them.
    """
    complete = np.ones(pilot.n, dtype=bool)
    for item in task.items:
        complete &= pilot.answered(item.name)
    if complete.sum() < count:
        raise ConfigError(
            f"{count} examples are asked for, and {int(complete.sum())} people of the pilot answered every item",
            hint="ask for fewer with ?examples=, or set more people aside with --pilot",
        )
    result = {}
    for arm in task.arms:
        own = np.flatnonzero(complete & (pilot.arm == arm.key))[:count]
        others = np.flatnonzero(complete & (pilot.arm != arm.key))[: count - len(own)]
        people = pilot.take(np.concatenate([others, own]))
        rendered = render_interviews(task, people.without_answers(), hidden)
        examples = []
        for row, interview in enumerate(rendered):
            indices = [int(people.answers[item.name][row]) for item in task.items]
            answers = tuple(q.answers[q.order.index(i)] for q, i in zip(interview.questions, indices, strict=True))
            examples.append((interview, answers))
        result[arm.key] = (tuple(examples), tuple(map(str, people.respondent)))
    return result


def _scored(
    model: Scorer, task: Task, pilot: Sample, hidden: frozenset[str], preparation: Preparation, progress: Progress
) -> dict[str, Scored]:
    size = getattr(model, "block_size", pilot.n) or pilot.n
    tables: dict[str, list[NDArray[np.float64]]] = {item.name: [] for item in task.items}
    for start in range(0, pilot.n, size):
        block = pilot.take(np.arange(start, min(start + size, pilot.n)))
        for item, table in forced(model, task, block, hidden, preparation).items():
            tables[item].append(table)
        progress.advance(block.n)
    scored = {}
    weight = pilot.weight / pilot.weight.mean()
    for item, parts in tables.items():
        table = np.vstack(parts) if parts else np.empty((0, task.item(item).k))
        known = np.isfinite(table).all(axis=1) & pilot.answered(item)
        with np.errstate(divide="ignore"):
            log_prob = np.maximum(np.log(table[known]), -700.0)
        scored[item] = Scored(log_prob, pilot.answers[item][known], weight[known])
    return scored
