"""Which metric notices which fault: the tables of docs/explanation/fooled.md.

    python benchmarks/fooled.py                     both tasks, 20 splits, 60 repeated draws; writes docs/explanation/fooled.md
    python benchmarks/fooled.py --splits 5 --repeats 10 --task anes96 --show     quicker, and shown only

A simulator is *caught* by the rules of a card: where an axis has an interval, the excess of its loss over that of real
people lies above 0; where it has a band, its value lies outside the band of real people. The last table counts how often
a second sample of people, who are at no fault, is caught by the same rules.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for the law that the tests have written down

from benchmarks.simulators import SIMULATORS, Inapplicable, Setting, twins  # noqa: E402
from surveyeval.data.sample import Sample  # noqa: E402
from surveyeval.data.seeds import generator  # noqa: E402
from surveyeval.data.split import make_split  # noqa: E402
from surveyeval.engine.evaluate import evaluate  # noqa: E402
from surveyeval.engine.processes import spread  # noqa: E402
from surveyeval.engine.significance import with_tests  # noqa: E402
from surveyeval.errors import SurveyevalError  # noqa: E402
from surveyeval.metric.alignment import JSDistance  # noqa: E402
from surveyeval.metric.protocol import Metric  # noqa: E402
from surveyeval.plugins import registry  # noqa: E402
from surveyeval.task.human import load_human  # noqa: E402
from surveyeval.task.load import load_task  # noqa: E402
from surveyeval.task.task import Task  # noqa: E402
from tests.model.disclosure_law import DisclosureLaw  # noqa: E402

PAGE = ROOT / "docs" / "explanation" / "fooled.md"
REFERENCE = "other half of the people"
FAULTLESS = "fresh human sample"
#: Repetitions in which a value must be known before limits are taken from them.
FEWEST = 20


@dataclass(frozen=True)
class Column:
    """One column of a table: a value of a metric and the rule by which it catches.

    Rules: ``excess`` (its interval lies above 0), ``below``, ``above`` and ``outside`` (of what people at no fault give, see
    `Limits`), ``swap`` (label swap, p of .05 and less), ``close`` (flagged as too close), ``worse`` (than a
    fresh sample of the law, person by person), ``gain`` (none over the within-arm marginal),
    ``p`` (personas can be exchanged). Where a metric has a value for each subgroup, any of them catches.
    """

    title: str
    metric: str
    rule: str
    block: str = ""
    name: str = ""

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        chosen = table[
            (table["metric"] == self.metric)
            & (table["name"] == (self.name or self.metric))
            & (table["block"] == self.block)
            & (table[["item", "arm", "regression", "term"]] == "").all(axis=1)
        ]
        rule = chosen["rule"].replace("", np.nan).dropna()
        chosen = chosen[chosen["rule"].isin(["", rule.iloc[0]])] if len(rule) else chosen
        return chosen[~chosen["group"].str.contains("=")]


POPULATION = (
    Column("JS distance", "js_distance", "excess"),
    Column("JS in groups", "group_js_distance", "excess"),
    Column("group contrasts", "group_contrast_slope", "outside"),
    Column("stereotyping", "stereotyping", "excess"),
    Column("between groups", "stereotyping", "excess", name="between_group_sd"),
    Column("patterns", "unique_patterns", "excess"),
    Column("structure", "structure_ratio", "excess"),
    Column("coverage", "coverage", "excess"),
    Column("pilot copies", "pilot_copies", "excess"),
    Column("SD ratio", "sd_ratio", "excess"),
    Column("gap", "gap", "excess"),
    Column("coherence", "coherence", "excess"),
    Column("F1", "sign_f1", "below"),
    Column("FPR", "sign_fpr", "above"),
    Column("differing", "share_differing", "excess"),
    Column("slope, treatment", "exaggeration", "outside", block="treatment"),
    Column("slope, belief", "exaggeration", "outside", block="belief"),
    Column("slope, demographic", "exaggeration", "outside", block="demographic"),
    Column("slope of arms", "treatment_r_adj", "outside", block="treatment", name="treatment_slope"),
    Column("arm means", "treatment_rmse", "excess", block="treatment"),
)
INDIVIDUAL = (
    Column("joint log-loss", "joint_log_loss", "worse"),
    Column("accuracy", "accuracy", "gain"),
    Column("personas p", "persona_swap", "p"),
)
TESTS = (
    Column("label swap p", "js_distance", "swap"),
    Column("too close", "js_distance", "close"),
)
COLUMNS = (*POPULATION, *TESTS, *INDIVIDUAL)
#: The group whose value is shown.
GROUP = {"anes96": "education_band", "disclosure": "age_band"}


@dataclass(frozen=True)
class Cell:
    """One value, and whether it gives the simulator away. ``caught`` is None where the axis cannot tell."""

    value: float
    caught: bool | None

    def __str__(self) -> str:
        if not np.isfinite(self.value):
            return "·"
        text = f"{self.value:.0f}" if abs(self.value) >= 20 else f"{self.value:.2f}"
        return f"**{text}**" if self.caught else text


#: Of a column and subgroup: differences from the reference between which 95% of people at no fault lie.
Limits = Mapping[tuple[str, str], tuple[float, float]]

# ---- the rules ---------------------------------------------------------------------------------------------------------


def judge(column: Column, table: pd.DataFrame, model: str, group: str, limits: Limits) -> Cell:
    """What a column says of one model in a table of estimates; `group`: the subgroup whose value is shown."""
    rows = column.rows(table)
    own = rows[rows["model"] == model]
    if column.rule in ("worse", "gain", "p"):
        return _individual(column, own)
    if column.rule in ("swap", "close"):
        return _tested(column, own)
    matched = own[own["quantity"] == "matched"]
    shown = matched[matched["group"].isin(["", group])]
    value = float(shown["value"].iloc[0]) if len(shown) else np.nan
    if column.rule == "excess":
        excess = own[(own["quantity"] == "excess") & (own["status"] == "ok")]
        return Cell(value, bool((excess["low"] > 0).any()) if len(excess) else None)
    verdicts = []
    for one, difference in differences(column, table, model).items():
        low, high = limits.get((column.title, one), (-np.inf, np.inf))
        below, above = difference < low, difference > high
        verdicts.append({"below": below, "above": above, "outside": below or above}[column.rule])
    return Cell(value, any(verdicts) if verdicts else None)


def differences(column: Column, table: pd.DataFrame, model: str) -> dict[str, float]:
    """By subgroup, matched value minus reference, where both are known."""
    rows = column.rows(table)
    rows = rows[rows["status"] == "ok"]
    reference = rows[rows["quantity"] == "reference"].set_index("group")["value"]
    matched = rows[(rows["quantity"] == "matched") & (rows["model"] == model)].set_index("group")["value"]
    return {str(group): float(value) for group, value in (matched - reference).dropna().items()}


def outside_band(column: Column, table: pd.DataFrame, model: str) -> bool | None:
    """Whether a value lies outside the band over splits that a card shows for real people. It is no test."""
    rows = column.rows(table)
    rows = rows[rows["status"] == "ok"].set_index("group")
    reference = rows[rows["quantity"] == "reference"]
    matched = rows[(rows["quantity"] == "matched") & (rows["model"] == model)]
    shared = reference.index.intersection(matched.index)
    if shared.empty:
        return None
    value, band = matched.loc[shared, "value"], reference.loc[shared]
    sides = {"below": value < band["low"], "above": value > band["high"]}
    caught = sides["below"] | sides["above"] if column.rule == "outside" else sides[column.rule]
    return bool(caught.any())


def _tested(column: Column, own: pd.DataFrame) -> Cell:
    test = own[(own["quantity"] == "indistinguishable") & (own["status"] == "ok")]
    if test.empty:
        return Cell(np.nan, None)
    p, close = float(test["p"].iloc[0]), "too_close" in test["flags"].iloc[0]
    return Cell(p, p <= 0.05) if column.rule == "swap" else Cell(float(close), close)


def _individual(column: Column, own: pd.DataFrame) -> Cell:
    estimate = own[own["quantity"] == "estimate"]
    if estimate.empty or estimate["status"].iloc[0] != "ok":
        return Cell(np.nan, None)
    value = float(estimate["value"].iloc[0])
    if column.rule == "p":
        return Cell(value, value > 0.05)
    quantity, end = ("gain_over", "high") if column.rule == "worse" else ("gain_over_floor", "low")
    gained = own.loc[own["quantity"] == quantity, end]
    return Cell(value, bool((gained < 0 if column.rule == "worse" else gained <= 0).any()))


def same_answers(setting: Setting, simulated: Sample) -> Cell:
    """Largest share, over items, of simulated answers that are the person's own. Caught at 1."""
    shares = []
    for item in setting.task.items:
        known = setting.people.answered(item.name)
        shares.append(float((simulated.answers[item.name] == setting.people.answers[item.name])[known].mean()))
    return Cell(max(shares), max(shares) == 1.0)


# ---- settings ------------------------------------------------------------------------------------------------------------


def setting_of(name: str) -> Setting:
    """The shipped people of a task, divided as commands divide them."""
    task = load_task(name)
    everybody = load_human(task)
    pilot, test = make_split(everybody.sample, f"{task.name} {everybody.sha256}").divide(0.25)
    return _setting(task, everybody.sample.take(pilot), everybody.sample.take(test), generator(0, "twins"))


def _setting(task: Task, pilot: Sample, test: Sample, rng: np.random.Generator) -> Setting:
    if task.name == "disclosure":
        return Setting(task, test, pilot, law=DisclosureLaw)
    people, others = twins(task, test, rng)
    return Setting(task, people, pilot, twins=others)


def repetition(task: Task, number: int) -> Setting:
    """New people for every repetition: of the law where it is known, else another division of the same people."""
    everybody = _generated(task, 10_000 + number) if task.name == "disclosure" else load_human(task).sample
    rng = np.random.default_rng(number)
    order = rng.permutation(everybody.n)
    quarter = round(everybody.n / 4)
    return _setting(task, everybody.take(order[:quarter]), everybody.take(order[quarter:]), rng)


def _generated(task: Task, seed: int) -> Sample:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "tasks" / "disclosure" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    columns = module.generate(seed)
    answers = {}
    for item in task.items:
        index = {code: number for number, code in enumerate(item.codes)}
        answers[item.name] = np.array([index[str(code)] for code in columns[item.name]], dtype=np.int64)
    profile = {name: columns[name].astype(str).astype(object) for name in task.profile}
    people = Sample(columns["respondent"].astype(object), columns["arm"].astype(object), profile=profile)
    return people.with_answers(answers, simulated=False)


# ---- tables ---------------------------------------------------------------------------------------------------------------


def metrics_of(columns: Sequence[Column]) -> list[Metric]:
    return [registry().get("metric", name).load()() for name in dict.fromkeys(column.metric for column in columns)]


def failures(setting: Setting, splits: int, seed: int = 0) -> tuple[pd.DataFrame, dict[str, str], dict[str, Sample]]:
    """Estimates of every simulator that the task allows, why the others are not there, and the samples."""
    simulated: dict[str, Sample] = {}
    absent: dict[str, str] = {}
    for name, simulator in SIMULATORS.items():
        try:
            sample = simulator.simulate(setting, generator(seed, "fooled", name))
        except Inapplicable as reason:
            absent[name] = str(reason)
            continue
        if sample.n != setting.people.n:
            try:
                evaluate(
                    setting.task, setting.people, {name: [sample]}, setting.pilot, metrics=[JSDistance()], splits=1
                )
            except SurveyevalError as error:
                absent[name] = f"refused: {error}"
            continue
        simulated[name] = sample
    table = evaluate(
        setting.task, setting.people, {name: [sample] for name, sample in simulated.items()}, setting.pilot,
        metrics=metrics_of(COLUMNS), seed=seed, splits=splits, against=[FAULTLESS], tests=False,
    )  # fmt: skip
    return _tests(setting, table, simulated), absent, simulated


def _tests(setting: Setting, table: pd.DataFrame, simulated: Mapping[str, Sample]) -> pd.DataFrame:
    """The table with label swaps of the distance."""
    samples = {name: [sample] for name, sample in simulated.items()}
    return with_tests(table, setting.task, setting.people, samples, setting.pilot, metrics=[JSDistance()])


def table_of_failures(setting: Setting, splits: int, limits: Limits) -> str:
    """The table, which columns catch each simulator, and which cannot tell here."""
    table, absent, simulated = failures(setting, splits)
    group = GROUP[setting.task.name]
    columns = [column for column in COLUMNS if _known(column, table)]
    first = []
    for column in columns:
        if column not in POPULATION:
            first.append("·")
            continue
        rows = column.rows(table)
        reference = rows[(rows["quantity"] == "reference") & rows["group"].isin(["", group])]
        first.append(str(Cell(float(reference["value"].iloc[0]), None)))
    header = ["simulator", *(column.title for column in columns), "same answers"]
    cells = {}
    for name, sample in simulated.items():
        cells[name] = [judge(column, table, name, group, limits) for column in columns]
        cells[name].append(same_answers(setting, sample))
    # what even a faultless sample does not pass has too few people to tell, and marks nobody
    silent = [
        column.rule in ("gain", "p") and bool(cells[FAULTLESS][number].caught) for number, column in enumerate(columns)
    ]
    for own in cells.values():
        own[:] = [
            replace(cell, caught=None) if mute else cell for cell, mute in zip(own, [*silent, False], strict=True)
        ]
    lines = [[f"*{REFERENCE}*", *first, "·"], *([name, *map(str, own)] for name, own in cells.items())]
    caught = {
        name: ", ".join(title for title, cell in zip(header[1:], own, strict=True) if cell.caught) or "nothing"
        for name, own in cells.items()
    } | absent
    cannot = [column.title for column, mute in zip(columns, silent, strict=True) if mute]
    cannot += [column.title for column in COLUMNS if column not in columns and _applicable(column, table)]
    return (
        f"{setting.people.n} test people, a pilot of {setting.pilot.n}, {splits} splits. Values of groups are those of "
        f"`{group}`.\n\n{markdown(header, lines)}\n\n"
        + "\n".join(f"- **{name}**: {caught[name]}" for name in SIMULATORS if name in caught)
        + (f"\n\nCannot tell with these people: {', '.join(cannot)}." if cannot else "")
    )


def _applicable(column: Column, table: pd.DataFrame) -> bool:
    return not (column.rows(table)["status"] == "not_applicable").all()


def _known(column: Column, table: pd.DataFrame) -> bool:
    return bool((column.rows(table)["status"] == "ok").any())


@dataclass(frozen=True)
class Repetition:
    """What is said of one sample of people who are at no fault: by rule, and the differences that limits are taken from."""

    said: Mapping[str, bool | None]
    differences: Mapping[tuple[str, str], float]


def repeat(task: Task, splits: int, number: int) -> Repetition:
    """Hold one fresh sample against people."""
    setting = repetition(task, number)
    fresh = setting.fresh(generator(number, "fresh"))
    sample = {"fresh": [fresh]}
    table = evaluate(
        task,
        setting.people,
        sample,
        setting.pilot,
        metrics=metrics_of(POPULATION),
        seed=number,
        splits=splits,
        tests=False,
    )
    said: dict[str, bool | None] = {}
    found: dict[tuple[str, str], float] = {}
    for column in POPULATION:
        if not _known(column, table):
            continue
        if column.rule == "excess":
            said[column.title] = judge(column, table, "fresh", GROUP[task.name], {}).caught
            continue
        said[f"{column.title}, {column.rule} the band over splits"] = outside_band(column, table, "fresh")
        found |= {(column.title, group): value for group, value in differences(column, table, "fresh").items()}
    table = evaluate(task, setting.people, sample, setting.pilot, metrics=[JSDistance()], splits=1, tests=False)
    table = _tests(setting, table, {"fresh": fresh})
    said |= {column.title: judge(column, table, "fresh", GROUP[task.name], {}).caught for column in TESTS}
    return Repetition(said, found)


def rates(name: str, repeats: int, splits: int, progress: Callable[[], None]) -> tuple[str, Limits]:
    """How often people who are at no fault are caught, and the limits between which their values lie."""
    counts: dict[str, list[int]] = {}
    found: dict[tuple[str, str], list[float]] = {}
    anywhere = 0
    task = load_task(name)
    processes = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    for one in spread(partial(repeat, task, splits), repeats, processes):
        progress()
        for key, value in one.differences.items():
            found.setdefault(key, []).append(value)
        for title, caught in one.said.items():
            if caught is not None:
                count = counts.setdefault(title, [0, 0])
                count[0] += caught
                count[1] += 1
        anywhere += any(caught for title, caught in one.said.items() if "band" not in title)
    body = [[title, f"{caught} of {known}", f"{caught / known:.3f}"] for title, (caught, known) in counts.items()]
    body.append(["any rule with an interval or p", f"{anywhere} of {repeats}", f"{anywhere / repeats:.3f}"])
    limits = {
        key: (float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975)))
        for key, values in found.items()
        if len(values) >= FEWEST
    }
    return markdown(["rule", "caught", "share"], body), limits


# ---- the page -------------------------------------------------------------------------------------------------------------


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["--:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, rule, *lines))


def write(page: Path, parts: Mapping[str, str]) -> None:
    """Replace what stands between ``<!-- NAME -->`` and ``<!-- end -->``."""
    text = page.read_text()
    for name, content in parts.items():
        before, found, rest = text.partition(f"<!-- {name} -->\n")
        if not found:
            sys.exit(f"{page} has no place for {name!r}")
        text = f"{before}{found}{content}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
    page.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=list(GROUP), action="append", help="default: all")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=60, help="draws of people at no fault")
    parser.add_argument("--show", action="store_true", help="print, and leave the page as it is")
    arguments = parser.parse_args()
    parts = {}
    for name in arguments.task or GROUP:
        start = time.monotonic()
        parts[f"rates: {name}"], limits = rates(
            name, arguments.repeats, arguments.splits, lambda: print(".", end="", flush=True, file=sys.stderr)
        )
        print(f" {name}: repeated draws, {time.monotonic() - start:.0f} s", file=sys.stderr)
        parts[f"table: {name}"] = table_of_failures(setting_of(name), arguments.splits, limits)
        print(f"{name}: failures, {time.monotonic() - start:.0f} s", file=sys.stderr)
    if arguments.show:
        for name, content in parts.items():
            print(f"\n## {name}\n\n{content}")
    else:
        write(PAGE, parts)


if __name__ == "__main__":
    main()
