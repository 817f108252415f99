"""What a language model takes from the pilot before it answers: examples in the prompt, and calibration."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.errors import ConfigError
from surveyeval.model.calibrate import Calibration, Scored, fit_calibration
from surveyeval.model.elicitation import Choice, Elicitation
from surveyeval.model.host import Example, Preparation, block_size, forced
from surveyeval.model.protocol import LanguageModel, Respondent
from surveyeval.progress import Progress
from surveyeval.task.render import interviews as render_interviews
from surveyeval.task.task import Task

__all__ = ["UsesPilot", "check", "choose_examples", "prepare"]

#: For each arm: interviews with answers, and the identifiers of the people behind them.
Chosen = dict[str, tuple[tuple[Example, ...], tuple[str, ...]]]


@runtime_checkable
class UsesPilot(Protocol):
    """A language model with options for the pilot.

    ``examples`` is the number of pilot interviews shown in the prompt; ``calibrate`` is ``none``, ``temperature`` or ``item``.
    """

    @property
    def examples(self) -> int:
        """Interviews of pilot people shown before each interview."""

    @property
    def calibrate(self) -> str:
        """What is fitted on the pilot's answers."""


def check(
    model: Respondent | LanguageModel,
    task: Task,
    pilot: Sample,
    hidden: frozenset[str],
    trained: NDArray[np.bool_],
    elicitation: Elicitation | None = None,
) -> None:
    """Refuse a pilot that is too small for what a model asks of it, before its weights load.

    Parameters
    ----------
    model : Respondent, Scorer or Generator
    task : Task
    pilot : Sample
    hidden : frozenset of str
        Profile fields that the model must not see.
    trained : (n,) bool array
        Which people of the pilot the model was trained on.
    elicitation : Elicitation, optional
        How language models are asked; default `Choice`.

    Raises
    ------
    ConfigError
        When the pilot has fewer complete interviews than there are to be examples, or nobody to calibrate on, or when the
        way of asking does not score the options, so that there is nothing to calibrate.
    """
    if isinstance(model, LanguageModel) and isinstance(model, UsesPilot):
        examples = choose_examples(task, pilot, hidden, model.examples)
        if model.calibrate != "none":
            _check_scored(elicitation or Choice())
            _to_calibrate(task, pilot, examples, trained)


def _check_scored(elicitation: Elicitation) -> None:
    if elicitation.needs != "score" or not elicitation.distribution:
        what = "states percentages, in round numbers and with zeros" if elicitation.distribution else "gives none"
        raise ConfigError(
            f"calibration needs option probabilities that the model scores, and elicitation {elicitation.name!r} {what}",
            field="calibrate",
            hint="leave ?calibrate= out, or ask with --elicitation choice",
        )


def prepare(
    model: Respondent | LanguageModel,
    task: Task,
    pilot: Sample,
    hidden: frozenset[str],
    progress: Progress,
    trained: NDArray[np.bool_] | None = None,
    elicitation: Elicitation | None = None,
    known: Calibration | None = None,
) -> Preparation:
    """Choose examples and fit the calibration that a model asks for.

    Parameters
    ----------
    model : Respondent, Scorer or Generator
        One that does not use the pilot so gives the empty preparation.
    task : Task
    pilot : Sample
        With answers.
    hidden : frozenset of str
        Profile fields that the model must not see, in examples neither.
    progress : Progress
    trained : (n,) bool array, optional
        Which people of the pilot the model was trained on: it knows their answers, so calibrating on them would make it
        too sure of itself.
    elicitation : Elicitation, optional
        How language models are asked; default `Choice`.
    known : Calibration, optional
        What was fitted before on the same pilot; the model is not asked then.

    Raises
    ------
    ConfigError
        As in `check`.
    """
    if not isinstance(model, LanguageModel) or not isinstance(model, UsesPilot):
        return Preparation()
    chosen = choose_examples(task, pilot, hidden, model.examples)
    examples = {arm: shown for arm, (shown, _) in chosen.items() if shown}
    if model.calibrate == "none":
        return Preparation(examples)
    _check_scored(elicitation or Choice())
    if known is not None:
        return Preparation(examples, known)
    left = _to_calibrate(task, pilot, chosen, np.zeros(pilot.n, dtype=bool) if trained is None else trained)
    progress.phase("calibrating on the pilot", left.n)
    scored = _scored(model, elicitation or Choice(), task, left, hidden, Preparation(examples), progress)
    progress.finish()
    return Preparation(examples, fit_calibration("temperature" if model.calibrate == "temperature" else "item", scored))


def choose_examples(task: Task, pilot: Sample, hidden: frozenset[str], count: int) -> Chosen:
    """Examples for each arm, with the identifiers of the people behind them.

    They are the first people of the pilot in the same arm who answered every item; where the arm has too few, the first of
    the other arms stand before them. So more examples take in fewer. What nobody was asked is left out of the interviews.

    Raises
    ------
    ConfigError
        When fewer than `count` people of the pilot answered every item.
    """
    complete, some = np.ones(pilot.n, dtype=bool), np.zeros(pilot.n, dtype=bool)
    for item in task.items:
        complete &= pilot.answered(item.name) | (pilot.states[item.name] == State.NOT_ASKED)
        some |= pilot.answered(item.name)
    complete &= some
    if complete.sum() < count:
        raise ConfigError(
            f"{count} are asked for, and {int(complete.sum())} of the {pilot.n} people of the pilot answered every item",
            field="examples",
            hint="ask for fewer with ?examples=, or set more people aside with --pilot",
        )
    result: Chosen = {}
    for arm in task.arms:
        own = np.flatnonzero(complete & (pilot.arm == arm.key))[:count]
        others = np.flatnonzero(complete & (pilot.arm != arm.key))[: count - len(own)]
        people = pilot.take(np.concatenate([others, own]))
        rendered = render_interviews(task, people.without_answers(), hidden)
        examples = []
        for row, interview in enumerate(rendered):
            put = tuple(q for q in interview.questions if people.states[q.item][row] != State.NOT_ASKED)
            kept = replace(interview, questions=put)
            indices = [int(people.answers[question.item][row]) for question in put]
            answers = tuple(q.answers[q.order.index(i)] for q, i in zip(kept.questions, indices, strict=True))
            examples.append((kept, answers))
        result[arm.key] = (tuple(examples), tuple(map(str, people.respondent)))
    return result


def _to_calibrate(task: Task, pilot: Sample, chosen: Chosen, trained: NDArray[np.bool_]) -> Sample:
    """People of the pilot who answered something and whose answers the model does not know.

    Those who stand in the prompt would be scored with their own answers before them.
    """
    shown = {name for _, names in chosen.values() for name in names}
    known = np.array([name in shown for name in pilot.respondent], dtype=bool) | trained
    answered = np.zeros(pilot.n, dtype=bool)
    for item in task.items:
        answered |= pilot.answered(item.name)
    left = pilot.take(~known & answered & (pilot.weight > 0))
    if left.n == 0:
        raise ConfigError(
            f"nobody is left to calibrate on: of the {pilot.n} people of the pilot {len(shown)} stand in the prompt, and the "
            f"model was trained on {int(trained.sum())}",
            field="calibrate",
            hint="set more people aside with --pilot, train on fewer, or leave ?calibrate= out",
        )
    return left


def _scored(
    model: LanguageModel,
    elicitation: Elicitation,
    task: Task,
    pilot: Sample,
    hidden: frozenset[str],
    preparation: Preparation,
    progress: Progress,
) -> dict[str, Scored]:
    size = block_size(model) or pilot.n
    tables: dict[str, list[NDArray[np.float64]]] = {item.name: [] for item in task.items}
    for start in range(0, pilot.n, size):
        block = pilot.take(np.arange(start, min(start + size, pilot.n)))
        for item, table in forced(model, task, block, hidden, preparation, elicitation).items():
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
