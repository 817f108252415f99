"""What one replication of benchmarks/interval_coverage.py computes: a sample, and every interval that the package gives for it.

Intervals come from `describe`, `equivalence_rows` and `evaluate`, as in a run. Expected values of what is computed in halves come
from fresh samples, one random half split each, without any resampling.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.coverage_laws import World, exact, population_distances
from benchmarks.coverage_laws import task as small_task
from surveyeval.data.design import design_of
from surveyeval.data.sample import Sample
from surveyeval.data.seeds import generator
from surveyeval.engine.describe import describe
from surveyeval.engine.equivalence import equivalence_rows
from surveyeval.engine.evaluate import FLOORS, REFERENCE, evaluate
from surveyeval.engine.rows import Rows
from surveyeval.engine.tracks import loss_of
from surveyeval.metric.protocol import Metric
from surveyeval.metric.resampling import halves
from surveyeval.model.baselines import make_baseline
from surveyeval.model.protocol import Interviews, Respondent
from surveyeval.plugins import registry
from surveyeval.task.load import load_task
from surveyeval.task.task import Task

FloatArray = NDArray[np.float64]
#: Value, low, high by name; an interval that was not given is not there.
Found = dict[str, tuple[float, float, float]]
#: An expected value, and its own standard error.
Truth = dict[str, tuple[float, float]]

ALL = ("js_distance", "sd_ratio", "unique_patterns", "coverage", "gap", "coherence", "joint_log_loss")
#: Values without a jackknife over splits of people, whose expectation is the mean over the population.
INDIVIDUAL = ("joint_log_loss",)
#: Rows `equivalence`, simulation minus people, with 90% intervals.
DIFFERENCES = {
    "share": "difference of shares",
    "mean_sd": "difference of means",
    "sd_ratio": "log SD ratio",
    "gap": "difference of gaps",
}


@dataclass(frozen=True)
class Cell:
    """One column of a table: a population, a design, a number of people, and what is computed.

    Parameters
    ----------
    setting : str
        Of `SETTINGS`.
    n : int
    half : bool
        Whether values in halves are computed, or those of the full sample.
    """

    setting: str
    n: int
    half: bool

    @property
    def name(self) -> str:
        return f"{self.setting}-{self.n}-{'half' if self.half else 'full'}"


@dataclass(frozen=True)
class Setting:
    """A population with its design, the simulators and the metrics that are tried on it."""

    title: str
    design: str
    explained: float
    metrics: tuple[str, ...]
    simulators: tuple[str, ...]


SETTINGS: Mapping[str, Setting] = {
    "simple": Setting("drawn one by one", "simple", 0.25, ALL, ("right", "narrow")),
    "weighted": Setting(
        "weighted", "weighted", 0.25, ("js_distance", "sd_ratio", "gap", "joint_log_loss"), ("right", "narrow")
    ),
    "clustered": Setting(
        "strata, PSUs, weights", "clustered", 0.25, ("js_distance", "sd_ratio", "gap"), ("right", "narrow")
    ),
    "none": Setting("profile explains 0%", "simple", 0.0, ("js_distance",), ("right", "narrow", "low")),
    "most": Setting("profile explains 64%", "simple", 0.64, ("js_distance",), ("right", "narrow", "low")),
    "disclosure": Setting(
        "disclosure, 8 arms", "simple", 0.0, ("js_distance", "unique_patterns", "gap"), ("right", "no effect of arms")
    ),
}
SIZES = {"clustered": (60, 240, 960)}
DEFAULT_SIZES = (60, 250, 1000)


def cells(parts: Sequence[str], sizes: Sequence[int] | None = None) -> Iterator[Cell]:
    """All columns; ``full`` and ``half`` for the three designs, in halves only for the others."""
    for setting in SETTINGS:
        for n in SIZES.get(setting, DEFAULT_SIZES):
            if sizes is not None and n not in sizes:
                continue
            if "full" in parts and setting in ("simple", "weighted", "clustered"):
                yield Cell(setting, n, half=False)
            if "half" in parts:
                yield Cell(setting, n, half=True)


def replicate(cell: Cell, seed: int, number: int, splits: int) -> Found:
    """All intervals of one replication."""
    rng = generator(seed, "coverage", cell.name, str(number))
    return _half(cell, seed, rng, splits) if cell.half else _full(cell, rng)


# ---- the full sample --------------------------------------------------------------------------------------------------


def _full(cell: Cell, rng: np.random.Generator) -> Found:
    setting, task = SETTINGS[cell.setting], small_task()
    world = World(setting.design, setting.explained)
    human = world.answered(world.people(cell.n, rng), "right", rng, simulated=False)
    simulated = [world.answered(human.without_answers(), "narrow", rng)]
    tables = describe(task, human, simulated, human.take(np.arange(1)))
    options = {item.name: list(item.codes) for item in task.items}
    found: dict[str, tuple[Any, Any, Any]] = {}
    for row in _rows(tables["distributions"]):
        number = options[row["item"]].index(row["option"])
        found[f"share/{row['item']}/{number}"] = (row["human"], row["human_low"], row["human_high"])
    for row in _rows(tables["means"]):
        found[f"mean/{row['item']}"] = (row["human"], row["human_low"], row["human_high"])
    for row in _rows(tables["coefficients"]):
        family, term = "OLS" if row["family"] == "ols" else "logit", str(row["term"])
        place = term[term.index("[") + 1 : -1] if "[" in term else term
        found[f"{family}/{place}"] = (row["human"], row["human_low"], row["human_high"])
    for row in _rows(tables["coherence"]):
        if row["side"] == "people":
            found["gap/people"] = (row["gap"], row["gap_low"], row["gap_high"])
    for row in equivalence_rows(Rows(task, human, 0), "narrow", simulated):
        term = f"/{options[row['item']].index(row['term'])}" if row["term"] else ""
        if "low" in row and (row["metric"] != "share" or row["term"]):
            found[f"{DIFFERENCES[row['metric']]}/{row['item']}{term}"] = (row["value"], row["low"], row["high"])
    return {key: one for key, one in found.items() if None not in one and np.isfinite(one).all()}


def _rows(table: Any) -> Iterator[dict[str, Any]]:
    yield from table


# ---- halves -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Study:
    """A task, its fitted floors, and how people and simulated rows come about."""

    task: Task
    metrics: Sequence[Metric]
    pilot: Sample
    floors: Mapping[str, Respondent]
    draw: Callable[[np.random.Generator], tuple[Sample, dict[str, Sample]]]


def _study(cell: Cell, seed: int) -> _Study:
    return _study_of(cell.setting, cell.n, seed)


@cache
def _study_of(name: str, n: int, seed: int) -> _Study:
    """The pilot is one for all replications: intervals are conditional on it."""
    setting = SETTINGS[name]
    rng = generator(seed, "coverage pilot", name)
    size = 80
    if name == "disclosure":
        task, draw = load_task("disclosure"), _Disclosure(n, setting.simulators)
        pilot = draw.people(size, rng)
    else:
        world = World("simple", setting.explained)
        task, draw = small_task(), _Small(World(setting.design, setting.explained), n, setting.simulators)
        pilot = world.answered(world.people(size, rng), "right", rng, simulated=False)
    floors = {floor: make_baseline(floor) for floor in FLOORS}
    for floor in floors.values():
        floor.fit(task, pilot)
    metrics = [registry().get("metric", metric).load()() for metric in setting.metrics]
    return _Study(task, metrics, pilot, floors, draw)


@dataclass(frozen=True)
class _Small:
    world: World
    n: int
    simulators: tuple[str, ...]

    def __call__(self, rng: np.random.Generator) -> tuple[Sample, dict[str, Sample]]:
        human = self.world.answered(self.world.people(self.n, rng), "right", rng, simulated=False)
        asked = human.without_answers()
        simulated = {name: self.world.answered(asked, name, rng) for name in self.simulators}
        return human, {name: self.world.scored(sample, human, name) for name, sample in simulated.items()}


class _Disclosure:
    """People of the synthetic task, made by its own generator."""

    def __init__(self, n: int, simulators: tuple[str, ...]) -> None:
        from tests.model.disclosure_law import DisclosureLaw

        self.n, self.task = n, load_task("disclosure")
        self.laws = {name: DisclosureLaw(treatment=float(name == "right")) for name in simulators}
        path = Path(__file__).resolve().parent.parent / "tasks" / "disclosure" / "generate.py"
        spec = importlib.util.spec_from_file_location("generate", path)
        assert spec is not None
        assert spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)

    def people(self, n: int, rng: np.random.Generator) -> Sample:
        columns = self.module.generate(int(rng.integers(2**31)), n)
        answers = {}
        for item in self.task.items:
            index = {code: number for number, code in enumerate(item.codes)}
            answers[item.name] = np.array([index[str(code)] for code in columns[item.name]], dtype=np.int64)
        profile = {name: columns[name].astype(str).astype(object) for name in self.task.profile}
        people = Sample(columns["respondent"].astype(object), columns["arm"].astype(object), profile=profile)
        return people.with_answers(answers, simulated=False)

    def __call__(self, rng: np.random.Generator) -> tuple[Sample, dict[str, Sample]]:
        human = self.people(self.n, rng)
        asked = human.without_answers()
        given = {
            name: law.answer(Interviews(self.task, asked, rng.random((self.n, len(self.task.items)))))
            for name, law in self.laws.items()
        }
        return human, {
            name: asked.with_answers(one.answers, probabilities=one.probabilities) for name, one in given.items()
        }


def _half(cell: Cell, seed: int, rng: np.random.Generator, splits: int) -> Found:
    study = _study(cell, seed)
    human, simulated = study.draw(rng)
    table = evaluate(
        study.task, human, {name: [sample] for name, sample in simulated.items()}, study.pilot, metrics=study.metrics,
        seed=int(rng.integers(2**31)), splits=splits, floors=study.floors, against=list(simulated), tests=False,
    )  # fmt: skip
    whole = (table[["item", "arm", "group", "term"]] == "").all(axis=1) & (table["quantity"] != "floor")
    found: Found = {}
    for row in table[whole & np.isfinite(table["low"])].to_dict("records"):
        found[_name(row)] = (row["value"], row["low"], row["high"])
    return found


def _name(row: Mapping[str, object]) -> str:
    other = f" {row['floor_name']}" if row["quantity"] == "gain_over" else ""
    barely = " barely" if "barely_resolved" in str(row["flags"]) else ""
    return f"{row['name']}/{row['quantity']}{other}{barely}/{row['model']}"


# ---- what is to be covered ---------------------------------------------------------------------------------------------


def truth(cell: Cell, seed: int, draws: int) -> Truth:
    """Population values, or expected values at half size with their own standard errors."""
    setting = SETTINGS[cell.setting]
    if not cell.half:
        return {name: (value, 0.0) for name, value in exact(World(setting.design, setting.explained))}
    study = _study(cell, seed)
    values: dict[str, list[FloatArray]] = {}
    for number in range(draws):
        rng = generator(seed, "coverage truth", cell.name, str(number))
        for name, one in _once(study, rng):
            values.setdefault(name, []).append(one)
    found: Truth = {}
    by_name = {name: np.array(given) for name, given in values.items()}
    for name in by_name:
        if not name.startswith("floor ") and "/floor " not in name:
            found |= _expected(name, by_name, study)
    if cell.setting != "disclosure":
        distances = population_distances(World(setting.design, setting.explained))
        found |= {f"population distance/{name}": (distances[name], 0.0) for name in setting.simulators}
    return found


def _once(study: _Study, rng: np.random.Generator) -> Iterator[tuple[str, FloatArray]]:
    """Value and loss of every sample and floor, in one random half split of a fresh sample, by ``metric name/sample``."""
    human, samples = study.draw(rng)
    people = human.without_answers()
    for name, floor in study.floors.items():
        asked = Interviews(study.task, people, rng.random((human.n, len(study.task.items))))
        given = floor.answer(asked)
        scores = floor.log_prob(asked, human) if floor.capabilities.log_prob else None
        samples[f"floor {name}"] = people.with_answers(
            given.answers, probabilities=given.probabilities, log_prob=scores
        )
    samples[REFERENCE] = human
    number = int(rng.integers(2**31))
    cache: dict[Any, Any] = {}
    split = halves(human.arm, np.full(human.n, -1), number, 0, design_of(human))
    for metric in study.metrics:
        alone = metric.spec.name in INDIVIDUAL
        for name, sample in samples.items():
            if alone and not sample.log_prob:
                continue
            weights = (np.ones((1, human.n)),) * 2 if alone else (split.human, split.simulated)
            comparison = metric.compare(study.task, human, sample, study.pilot, cache)
            values = comparison.values(weights[0] * human.weight, weights[1] * sample.weight, number)
            both = np.stack([values.value, loss_of(values, metric.spec)])
            for q, key in enumerate(values.keys):
                if not (key.item or key.arm or key.group or key.term):
                    floor = key.floor or metric.spec.floor
                    yield f"{key.name}/{floor}/{name}", both[:, :, q].mean(axis=1)


def _expected(name: str, values: Mapping[str, FloatArray], study: _Study) -> Truth:
    """Expected values of all quantities of one sample; ratios are those of expected values."""
    metric, floor, sample = name.split("/")
    given = values[name]

    def loss(other: str) -> FloatArray:
        return values[f"{metric}/{floor}/{other}"][:, 1]

    if sample == REFERENCE:
        return {f"{metric}/reference/{sample}": _mean(given[:, 0])}
    alone = metric in INDIVIDUAL
    found = {f"{metric}/{'estimate' if alone else 'matched'}/{sample}": _mean(given[:, 0])}
    found[f"{metric}/gain_over_cell/{sample}"] = _mean(loss("floor cell") - loss(sample))
    models = [one.split("/")[2] for one in values if one.startswith(f"{metric}/")]
    for other in models:
        if not other.startswith("floor ") and other not in (REFERENCE, sample):
            found[f"{metric}/gain_over {other}/{sample}"] = _mean(loss(other) - loss(sample))
    if alone:
        found[f"{metric}/gain_over_floor/{sample}"] = _mean(loss(f"floor {floor}") - loss(sample))
        return found
    # the law of people gives what people give, so the difference is 0 without any simulation
    found[f"{metric}/excess/{sample}"] = (0.0, 0.0) if sample == "right" else _mean(loss(sample) - loss(REFERENCE))
    top, span = loss(f"floor {floor}") - loss(sample), loss(f"floor {floor}") - loss(REFERENCE)
    if np.isfinite(top).any():
        share = float(np.nanmean(top) / np.nanmean(span))
        error = _mean((top - share * span) / np.nanmean(span))[1]
        expected = (1.0, 0.0) if sample == "right" else (share, error)
        found |= {f"{metric}/recovered{barely}/{sample}": expected for barely in ("", " barely")}
    return found


def _mean(column: FloatArray) -> tuple[float, float]:
    known = column[np.isfinite(column)]
    if len(known) < 2:
        return float("nan"), float("nan")
    return float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))
