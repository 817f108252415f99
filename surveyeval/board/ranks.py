"""Ranks with their uncertainty: who is told apart from whom, and the places that leaves open to each.

Where all runs of a board are on this machine, differences are those of `surveyeval compare`: paired, on the same people.
Otherwise they follow from the stored intervals: both losses are less the same reference, and the standard error of their
difference is at most the sum of their standard errors, whatever the two have in common. That is a valid test that sees less.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from scipy import stats

from surveyeval.board.boards import Board
from surveyeval.engine.comparison import Comparison, compare_runs
from surveyeval.engine.multiplicity import FALSE_DISCOVERY_RATE
from surveyeval.errors import SurveyevalError
from surveyeval.metric.protocol import Metric
from surveyeval.progress import Progress
from surveyeval.reporting.lines import Line, Value

__all__ = ["Places", "Resolved", "paired_differences", "places", "resolve"]

#: Jackknife groups of small samples, less one: where a submission does not tell, the fewer degrees of freedom.
DEGREES_OF_FREEDOM = 19

LineKey = tuple[str, ...]


@dataclass(frozen=True)
class Resolved:
    """One pair of models on one measure.

    Parameters
    ----------
    first, second : int
        Positions of the models.
    difference : float
        Loss of the second less loss of the first; positive when the first is nearer to people.
    outcome : str
        ``better`` or ``worse`` (of the first), ``not told apart``, or ``no test``.
    p_adjusted : float
        Within all pairs and headlines of the metric; NaN where there is no test.
    """

    first: int
    second: int
    difference: float
    outcome: str
    p_adjusted: float = math.nan


@dataclass(frozen=True)
class Places:
    """Places that are open to a model: as many models are better and told apart, as many are worse and told apart."""

    best: int
    worst: int

    def __str__(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best} to {self.worst}"


def line_key(line: Line) -> LineKey:
    """What names a line across tables."""
    return (line.metric, line.name, line.item, line.group, line.arm, line.regression, line.term, line.rule, line.block)


def paired_differences(
    board: Board, metrics: Sequence[Metric], progress: Progress | None
) -> tuple[dict[LineKey, list[Resolved]], str]:
    """Paired differences between all models of a board, and how they were found.

    Returns
    -------
    dict of line to pairs
        Empty where the runs are not all here, or cannot be opened any more.
    str
        How differences are found, in a sentence; why not in pairs, where they are not.
    """
    runs = [entry.run for entry in board.entries if entry.run is not None]
    if len(board.entries) < 2:
        return {}, ""
    if len(runs) < len(board.entries):
        return {}, "some runs are submissions, without answers"
    try:
        compared = compare_runs(runs, metrics, progress=progress)
    except (SurveyevalError, OSError) as error:
        return {}, str(error).splitlines()[0]
    return _from_comparison(compared), ""


def _from_comparison(compared: Comparison) -> dict[LineKey, list[Resolved]]:
    position = {name: number for number, name in enumerate(compared.models)}
    found: dict[LineKey, list[Resolved]] = {}
    names = ("metric", "name", "item", "group", "arm", "regression", "term", "rule", "block")
    for row in compared.table.to_dict("records"):
        if row["status"] != "ok":
            continue
        outcome = "no test" if row["outcome"] == "band" else str(row["outcome"])
        one = Resolved(
            position[row["model"]], position[row["other"]], float(row["value"]), outcome, float(row["p_adjusted"])
        )
        found.setdefault(tuple(str(row[name]) for name in names), []).append(one)
    return found


def resolve(lines: Sequence[Line], candidates: Sequence[int]) -> dict[LineKey, list[Resolved]]:
    """Differences from stored intervals, adjusted within each metric.

    Parameters
    ----------
    lines : sequence of Line
        Headlines of one board.
    candidates : sequence of int
        Models that are ranked.
    """
    found: dict[LineKey, list[Resolved]] = {}
    for metric in dict.fromkeys(line.metric for line in lines):
        tested: list[tuple[LineKey, int, int, float, float]] = []
        for line in (one for one in lines if one.metric == metric):
            for first, second in combinations(candidates, 2):
                pair = _difference(line, first, second)
                if pair is None:
                    continue
                difference, p = pair
                if math.isfinite(p):
                    tested.append((line_key(line), first, second, difference, p))
                else:
                    found.setdefault(line_key(line), []).append(Resolved(first, second, difference, "no test"))
        if not tested:
            continue
        adjusted = stats.false_discovery_control([p for *_, p in tested], method="bh")
        for (key, first, second, difference, _), p in zip(tested, adjusted, strict=True):
            outcome = ("better" if difference > 0 else "worse") if p <= FALSE_DISCOVERY_RATE else "not told apart"
            found.setdefault(key, []).append(Resolved(first, second, difference, outcome, float(p)))
    return found


def _difference(line: Line, first: int, second: int) -> tuple[float, float] | None:
    """Difference of losses and its p; NaN where the values have no valid interval."""
    one, other = loss(line, first), loss(line, second)
    if one is None or other is None or one.value is None or other.value is None:
        return None
    difference = other.value - one.value
    if None in (one.low, one.high, other.low, other.high):
        return difference, math.nan
    reach = float(stats.t.ppf(0.975, DEGREES_OF_FREEDOM))
    error = sum(((value.high or 0.0) - (value.low or 0.0)) / 2 / reach for value in (one, other))
    if error <= 0:
        return difference, 1.0 if difference == 0 else math.nan
    return difference, float(2 * stats.t.sf(abs(difference) / error, DEGREES_OF_FREEDOM))


def loss(line: Line, model: int) -> Value | None:
    """How far a model is from people, on a scale that is the same for all models of a board; lower is nearer.

    The loss beyond that of people where there is a reference, otherwise what is lost against the floor.
    """
    if not line.individual:
        excess = line.get(model, "excess")
        return excess if excess.ok else None
    gain = line.get(model, "gain_over_floor")
    if not gain.ok or gain.value is None:
        return None
    low, high = (None if end is None else -end for end in (gain.high, gain.low))
    return Value(value=-gain.value, low=low, high=high, method=gain.method)


def places(pairs: Sequence[Resolved], candidates: Sequence[int]) -> dict[int, Places]:
    """Places open to each model that has a value; none where no pair could be tested.

    Parameters
    ----------
    pairs : sequence of Resolved
        Of one line.
    candidates : sequence of int
    """
    known = [pair for pair in pairs if pair.first in candidates and pair.second in candidates]
    if not any(pair.outcome != "no test" for pair in known):
        return {}
    better: Mapping[int, set[int]] = {model: set() for model in candidates}
    worse: Mapping[int, set[int]] = {model: set() for model in candidates}
    for pair in known:
        if pair.outcome in ("better", "worse"):
            ahead, behind = (pair.first, pair.second) if pair.outcome == "better" else (pair.second, pair.first)
            better[behind].add(ahead)
            worse[ahead].add(behind)
    valued = {model for pair in known for model in (pair.first, pair.second)}
    return {
        model: Places(1 + len(better[model]), len(valued) - len(worse[model]))
        for model in candidates
        if model in valued
    }
