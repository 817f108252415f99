"""How carefully answers were given: attention checks, and questions that were asked twice.

Neither is fidelity. What people repeat of their own answers is the only human yardstick that measures of individuals have. Who knew
the probabilities with which a person answers, p, would give the person's answer with probability sum p^2, which is how often two such
answers agree. It is no upper bound of every measure: the likeliest answer is right with probability max p, and expected answers
correlate with answers up to the root of the correlation of two answers (Lord and Novick 1968, Statistical Theories of Mental
Test Scores, on validity and reliability).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import Sample, State
from surveyeval.engine.design_based import Survey, mean, share_interval
from surveyeval.task.task import Item, Task

__all__ = ["asked_again", "attention_rows", "retest_rows"]

Row = dict[str, Any]


def attention_rows(task: Task, human: Sample, simulated: Sequence[Sample], survey: Survey) -> Iterator[Row]:
    """Who passes each attention check, people and simulation.

    Parameters
    ----------
    task : Task
    human : Sample
    simulated : sequence of Sample
        Draws, which are averaged.
    survey : Survey
        The people's weights and design.

    Yields
    ------
    dict
        ``share`` of those who answered gave the expected answer, with a 95% interval for people; ``unanswered`` were asked
        and gave no answer.
    """
    for item in task.items:
        if item.role != "attention" or item.spec.expected not in item.codes:
            continue
        expected = item.codes.index(item.spec.expected)
        for side, samples in (("people", [human]), ("simulation", simulated)):
            counts = [_passed(item, sample, expected) for sample in samples]
            row: Row = {
                "item": item.name,
                "question": item.words,
                "expected": item.options[expected].label,
                "side": side,
            }
            for name in ("answered", "passed", "unanswered"):
                row[name] = round(float(np.mean([one[name] for one in counts])))
            row |= {"share": _mean([one["share"] for one in counts]), "low": None, "high": None}
            if side == "people":
                row |= _interval(human.answers[item.name] == expected, human.answered(item.name), survey)
            yield row


def _passed(item: Item, sample: Sample, expected: int) -> dict[str, float]:
    answered = sample.answered(item.name)
    passed = sample.answers[item.name] == expected
    asked = ~np.isin(sample.states[item.name], (State.NOT_ASKED, State.NOT_RUN))
    return {
        "answered": float(answered.sum()),
        "passed": float(passed.sum()),
        "unanswered": float((asked & ~answered).sum()),
        "share": _share(passed, answered, sample.weight),
    }


def retest_rows(task: Task, human: Sample, simulated: Sequence[Sample], survey: Survey) -> Iterator[Row]:
    """How far respondents agree with themselves where a question is asked twice, people and simulation.

    Yields
    ------
    dict
        ``agreement`` is the share of those with both answers that gave the same twice, with a 95% interval for people; ``r``
        the correlation of both, for ordered items.
    """
    for first, again in task.retests:
        item = task.item(first)
        for side, samples in (("people", [human]), ("simulation", simulated)):
            both = [sample.answered(first) & sample.answered(again) for sample in samples]
            same = [sample.answers[first] == sample.answers[again] for sample in samples]
            shares = [_share(s, b, sample.weight) for s, b, sample in zip(same, both, samples, strict=True)]
            row: Row = {"item": first, "again": again, "question": item.words, "side": side}
            row |= {"n": round(float(np.mean([one.sum() for one in both]))), "agreement": _mean(shares)}
            row |= {"low": None, "high": None}
            if side == "people":
                row |= _interval(same[0], both[0], survey)
            correlations = [_correlation(item, sample, again, rows) for sample, rows in zip(samples, both, strict=True)]
            yield {**row, "r": _mean(correlations) if item.ordered else None}


def asked_again(task: Task, human: Sample) -> tuple[Sample, Sample] | None:
    """The people who answered twice, and their second answers as if they were predictions of the first.

    Returns
    -------
    people, again : Sample
        Of items that are not asked twice, and of people without both answers, nothing is known. None where the task
        asks nothing twice.
    """
    if not task.retests:
        return None
    answers = {name: np.full(human.n, -1, dtype=np.int64) for name in human.answers}
    first, second = dict(answers), dict(answers)
    for one, again in task.retests:
        both = human.answered(one) & human.answered(again)
        first[one] = np.where(both, human.answers[one], -1)
        second[one] = np.where(both, human.answers[again], -1)
    people = human.with_answers(first, simulated=False)
    return people, replace(human.with_answers(second), paired=True)


def _interval(success: NDArray[np.bool_], rows: NDArray[np.bool_], survey: Survey) -> Row:
    share, error = mean(success.astype(float)[:, None], rows, survey)
    if not np.isfinite(share[0]):
        return {"low": None, "high": None}
    low, high = share_interval(float(share[0]), float(error[0]), rows, survey)
    return {"low": low if np.isfinite(low) else None, "high": high if np.isfinite(high) else None}


def _share(success: NDArray[np.bool_], rows: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    total = weight[rows].sum()
    return float(weight[rows & success].sum() / total) if total > 0 else float("nan")


def _correlation(item: Item, sample: Sample, again: str, rows: NDArray[np.bool_]) -> float:
    """Pearson's correlation of the values of both answers; NaN where one of them does not vary."""
    x, y = item.values[sample.answers[item.name][rows]], item.values[sample.answers[again][rows]]
    w = sample.weight[rows]
    if len(x) < 2 or not w.sum() > 0:
        return float("nan")
    x, y = x - np.average(x, weights=w), y - np.average(y, weights=w)
    spread = np.sqrt(np.sum(w * x * x) * np.sum(w * y * y))
    return float(np.sum(w * x * y) / spread) if spread > 0 else float("nan")


def _mean(values: Sequence[float]) -> float | None:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else None
