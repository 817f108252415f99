"""What a study found about one task, as its card and its terminal table show it: methods, measures, curves and gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from surveyeval.grid.results import BreakEven, Selection, break_even, gains_over, mean_over_draws, reference_of
from surveyeval.grid.spec import StudySpec
from surveyeval.model.strings import parse_model_string
from surveyeval.reporting.context import plain
from surveyeval.reporting.headlines import PRINCIPAL
from surveyeval.reporting.quantities import AXES, Quantity, axis, floor_label, quantity
from surveyeval.reporting.words import HUMAN, SYNTHETIC, Words

if TYPE_CHECKING:
    import pandas as pd

    from surveyeval.grid.study import Study

__all__ = ["JOINT", "Measure", "Method", "TaskView", "at_largest", "methods_of", "views"]

JOINT = "joint_log_loss"
#: Measures that stand for an axis in the figures and in the tables of all methods; those of the published study among them.
SHOWN = {
    **PRINCIPAL,
    "heterogeneity": ("unique_patterns", "structure_ratio"),
    "coherence": ("gap", "coherence"),
    "coefficients": ("share_differing", "sign_f1", "sign_fpr"),
}


@dataclass(frozen=True)
class Method:
    """One method of the study; ``mark`` is its position among language models, None for a baseline."""

    name: str
    base: str
    label: str
    words: str
    mark: int | None = None

    @property
    def baseline(self) -> str:
        """Name of the baseline, empty for a language model."""
        return self.name.removeprefix("baseline:") if self.mark is None else ""


@dataclass(frozen=True)
class Measure:
    """One value of a metric: what it is called, and where it stands in the estimates."""

    axis: str
    metric: str
    name: str
    group: str
    rule: str
    block: str
    direction: str
    quantity: Quantity

    @property
    def individual(self) -> bool:
        """Whether it is taken on all test people, without a reference."""
        return self.axis == "individual"

    def selection(self, quantity: str = "") -> Selection:
        """The rows of its values, or of another quantity."""
        where = {"name": self.name, "group": self.group, "rule": self.rule, "block": self.block}
        return Selection(self.metric, quantity or ("estimate" if self.individual else "matched"), where)

    @property
    def label(self) -> str:
        """Name, and what it is about."""
        where = [
            plain(self.group) and f"by {plain(self.group)}",
            self.rule,
            self.block and f"{self.block} terms",
        ]
        return ", ".join([self.quantity.label, *filter(None, where)])

    @property
    def reading(self) -> str:
        """Which way is better."""
        return {"lower": "lower is better", "higher": "higher is better"}.get(
            self.direction, "the target is people's own value"
        )


def methods_of(spec: StudySpec) -> list[Method]:
    """All methods of a study: language models first, each with its mark, then baselines."""
    found: list[Method] = []
    for base in spec.bases:
        short = parse_model_string(base).name
        for name in spec.methods:
            label = f"{name} @ {short}" if len(spec.bases) > 1 else name
            found.append(Method(name, base, label, _words(name), len(found)))
    known = [(f"baseline:{name}", name) for name in spec.baselines]
    return [*found, *(Method(full, "", name, floor_label(name)) for full, name in known)]


def _words(method: str) -> str:
    kind, _, value = method.partition("=")
    return {
        "base": "untouched, no pilot",
        "calibrate": "one temperature from the pilot"
        if value == "temperature"
        else "one bias for each option from the pilot",
        "examples": f"{value} pilot interviews in the prompt",
        "lora": "fine-tuned on the pilot",
    }[kind]


def views(study: Study, record: Mapping[str, Any]) -> list[TaskView]:
    """A view of each task of a study, in the order of its file.

    Parameters
    ----------
    study : Study
    record : mapping
        What ``study.json`` says; tasks that it does not mention count as synthetic.
    """
    told = {(task["name"], task["profile_set"]): task for task in record.get("tasks", [])}
    found = []
    for key, rows in study.estimates.groupby(["task", "profile_set"], sort=False):
        name, profile_set = (str(part) for part in key)
        found.append(TaskView(study.spec, name, profile_set, told.get((name, profile_set), {}), rows))
    return found


@dataclass(frozen=True, eq=False)
class TaskView:
    """One task of a study.

    Parameters
    ----------
    spec : StudySpec
    name, profile_set : str
    info : mapping
        Title, provenance and number of people.
    estimates : DataFrame
        The rows of this task.
    """

    spec: StudySpec
    name: str
    profile_set: str
    info: Mapping[str, Any]
    estimates: pd.DataFrame

    @property
    def title(self) -> str:
        """Title of the task."""
        return str(self.info.get("title") or self.name)

    @property
    def synthetic(self) -> bool:
        """Whether the reference is not human data."""
        return self.info.get("provenance") != "human"

    @property
    def words(self) -> Words:
        """What the reference is called."""
        return SYNTHETIC if self.synthetic else HUMAN

    @cached_property
    def methods(self) -> list[Method]:
        """Methods of the study that have rows here."""
        held = set(zip(self.estimates["method"], self.estimates["base"], strict=True))
        return [one for one in methods_of(self.spec) if (one.name, one.base) in held]

    @property
    def models(self) -> list[Method]:
        """Methods that are language models."""
        return [one for one in self.methods if one.mark is not None]

    @property
    def baselines(self) -> list[Method]:
        """Methods that are statistical baselines."""
        return [one for one in self.methods if one.mark is None]

    def method(self, name: str, base: str = "") -> Method | None:
        """The method of that name and base."""
        return next((one for one in self.methods if (one.name, one.base) == (name, base)), None)

    # ---- people ------------------------------------------------------------------------------------------------

    @cached_property
    def n(self) -> int:
        """Test people."""
        whole = self.estimates[self.estimates["part"] == "all"]
        full = whole.loc[whole["quantity"] == "estimate", "n_human"].max()
        return int(full) if full == full else int(2 * (whole["half"].max() or 0))

    @property
    def half(self) -> int:
        """People in each half; the odd one of each arm sits out."""
        held = self.own.loc[(self.own["quantity"] == "matched") & (self.own["arm"] == ""), "half"].dropna()
        return int(held.max()) if len(held) else self.n // 2

    @cached_property
    def sizes(self) -> list[str]:
        """Pilot sizes with language models, as the study file writes them, smallest first."""
        held = self.own[self.own["base"] != ""]
        found = (held if len(held) else self.own).groupby("size")["n_pilot"].mean()
        return [str(size) for size in found.sort_values(kind="stable").index]

    @property
    def largest(self) -> str:
        """The largest of them."""
        return self.sizes[-1]

    def people(self, size: str) -> float:
        """People in a pilot of that size, in the first scope."""
        return float(self.own.loc[self.own["size"] == size, "n_pilot"].mean())

    # ---- designs -----------------------------------------------------------------------------------------------

    def design(
        self, *, part: str = "all", holdout: str = "", scope: str | None = None, balance: str | None = None, profile: str | None = None
    ) -> pd.DataFrame:  # fmt: skip
        """Rows of one kind of design; by default the first scope, balance and profile of the study, nobody held out."""
        rows, first = self.estimates, self.spec.pilots
        return rows[
            (rows["part"] == part)
            & (rows["holdout"] == holdout)
            & (rows["scope"] == (scope or first.scopes[0]))
            & (rows["balance"] == (balance or first.balances[0]))
            & (rows["profile"] == (profile or first.profiles[0]))
        ]

    @cached_property
    def own(self) -> pd.DataFrame:
        """Rows of the first scope, balance and profile."""
        return self.design()

    # ---- measures ----------------------------------------------------------------------------------------------

    @cached_property
    def measures(self) -> list[Measure]:
        """Headlines of all axes, individuals first."""
        rows = self.own[self.own["headline"].astype(bool) & self.own["quantity"].isin(["matched", "estimate"])]
        rows = rows[(rows["method"] != "") & (rows["item"] == "") & (rows["arm"] == "")]
        keys = ["axis", "metric", "name", "group", "rule", "block", "direction"]
        order = ["individual", *(one.key for one in AXES if one.key != "individual")]
        found = []
        for key in rows[keys].drop_duplicates().itertuples(index=False, name=None):
            where, metric, name, group, rule, block, way = (str(part) for part in key)
            told = quantity(metric, name, self.words)
            found.append(Measure(where, metric, name, group, rule, block, way, told))
        return sorted(found, key=lambda one: order.index(one.axis) if one.axis in order else len(order))

    @cached_property
    def shown(self) -> list[Measure]:
        """Measures that stand for their axis, with a value for any method."""
        found = []
        for key in dict.fromkeys(one.axis for one in self.measures):
            own = [one for one in self.measures if one.axis == key and not one.block and self.usable(one)]
            named = [one for name in SHOWN.get(key, ()) for one in own if name in (one.metric, one.name)]
            found += named or own[:1]
        return found

    def first(self, *names: str) -> Measure | None:
        """The first usable measure of these names."""
        for name in names:
            for one in self.measures:
                if one.name == name and not one.block and self.usable(one):
                    return one
        return None

    def usable(self, measure: Measure) -> bool:
        """Whether any method has a value."""
        return bool((self.means(measure)["status"] == "ok").any())

    @cached_property
    def _means(self) -> dict[tuple[Measure, str], pd.DataFrame]:
        return {}

    def means(self, measure: Measure, quantity: str = "") -> pd.DataFrame:
        """Values of all methods and sizes of the first design."""
        key = (measure, quantity)
        if key not in self._means:
            self._means[key] = mean_over_draws(measure.selection(quantity).of(self.own))
        return self._means[key]

    def value(
        self, measure: Measure, method: Method, size: str, means: pd.DataFrame | None = None
    ) -> dict[str, Any] | None:
        """Value of one method at one size: a row of `mean_over_draws`."""
        table = self.means(measure) if means is None else means
        return _row(table, method, size)

    @cached_property
    def _gains(self) -> dict[tuple[Measure, str], pd.DataFrame]:
        return {}

    def gain(self, measure: Measure, method: Method, other: Method | None, size: str) -> dict[str, Any] | None:
        """Paired gain of a method over another with the same pilot; None where there is none."""
        if other is None or other == method:
            return None
        name = other.label if other.mark is not None else other.name
        key = (measure, name)
        if key not in self._gains:
            self._gains[key] = gains_over(self.own, measure.selection(), name)
        return _row(self._gains[key], method, size)

    def reference(self, measure: Measure, part: str = "all") -> tuple[float, float, float] | None:
        """People against people, with interval."""
        rows = self.estimates[(self.estimates["part"] == part) & (self.estimates["holdout"] == "")]
        return reference_of(rows.assign(part="all"), measure.selection())

    def break_even(self, measure: Measure) -> list[BreakEven]:
        """Break-even pilots of the language models; for a target by what it is further from people than people are."""
        means = self.means(measure, "" if measure.direction == "lower" else "excess")
        return break_even(means, dict.fromkeys(one.name for one in self.models))

    def absent(self) -> dict[str, list[str]]:
        """Axes with what does not apply to this task or could not be estimated, each with its reason."""
        found: dict[str, list[str]] = {}
        rows = self.own[(self.own["status"] == "not_applicable") & (self.own["model"] == "")]
        for row in rows.drop_duplicates(["axis", "metric"]).to_dict("records"):
            label = quantity(row["metric"], row["name"], self.words).label
            found.setdefault(row["axis"], []).append(f"{label}: not applicable, {row['reason']}.")
        for one in self.measures:
            if not self.usable(one) and not one.block:
                bad = self.means(one)
                reason = str(bad["reason"].iloc[0]) or str(bad["status"].iloc[0]).replace("_", " ")
                found.setdefault(one.axis, []).append(f"{one.label}: no value, {reason}.")
        return {key: found[key] for key in sorted(found, key=lambda key: axis(key).title)}


def _row(table: pd.DataFrame, method: Method, size: str) -> dict[str, Any] | None:
    held = table[(table["method"] == method.name) & (table["base"] == method.base) & (table["size"] == size)]
    return None if held.empty else {str(name): value for name, value in held.iloc[0].items()}


def at_largest(view: TaskView, measure: Measure, chosen: Sequence[Method]) -> dict[Method, float]:
    """Values of methods at the largest pilot, without those that have none."""
    rows = {method: view.value(measure, method, view.largest) for method in chosen}
    return {method: float(row["value"]) for method, row in rows.items() if row is not None and row["status"] == "ok"}
