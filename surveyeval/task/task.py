"""The task: what every other room knows of a survey.

A `Task` is made by `surveyeval.task.load.load_task`, never by hand. It is immutable and knows nothing of files beyond
its own folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from surveyeval.data.sample import NO_ARM, Sample
from surveyeval.task.columns import Column, ColumnType
from surveyeval.task.schema import CoherenceRule, ItemSpec, RegressionSpec, TaskSpec

if TYPE_CHECKING:
    from surveyeval.task.formulas import Design

__all__ = ["Arm", "Item", "Option", "Profile", "Task"]

_STATEMENT = re.compile(r"\{\{\s*statement\s*\}\}")


@dataclass(frozen=True)
class Option:
    """One response option: code in the file, label shown, value used in distances, rules and formulas."""

    code: str
    label: str
    value: float
    pinned: bool = False


@dataclass(frozen=True, eq=False)
class Item:
    """One question with its options in declared order."""

    name: str
    role: Literal["belief", "attitude", "action", "attention"]
    kind: Literal["nominal", "ordinal", "binary", "numeric", "multiple"]
    question: str
    options: tuple[Option, ...]
    spec: ItemSpec

    @property
    def k(self) -> int:
        """Number of options."""
        return len(self.options)

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes in declared order."""
        return tuple(option.code for option in self.options)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in declared order."""
        return tuple(option.label for option in self.options)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """(K,) values in declared order."""
        return np.array([option.value for option in self.options], dtype=float)

    @cached_property
    def bins(self) -> NDArray[np.int64]:
        """(K,) number of the group that each option counts for in patterns, from 0; each its own without ``bins:``."""
        if self.spec.bins is None:
            return np.arange(self.k, dtype=np.int64)
        return np.searchsorted(np.array(self.spec.bins, dtype=float), self.values, side="right").astype(np.int64)

    @property
    def words(self) -> str:
        """The question for readers: a battery's statement in its place, what depends on the respondent as it is written."""
        statement = self.spec.statement
        if statement is None:
            return self.question
        said = _STATEMENT.sub(lambda _: statement, self.question)
        return said if said != self.question else f"{self.question} {statement}"

    @property
    def ordered(self) -> bool:
        """Whether distances between options mean something (ordinal and numeric items)."""
        return self.kind in ("ordinal", "numeric")


@dataclass(frozen=True)
class Arm:
    """One experimental condition."""

    key: str
    label: str
    vignette: str | None = None
    factors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """One field of the profile in force: a declared profile field, or an item that the profile set shows as known."""

    name: str
    kind: Literal["numeric", "ordinal", "nominal"]
    labels: Mapping[str, str] | None
    text: str | None
    example: str = ""


@dataclass(frozen=True, eq=False)
class Task:
    """A validated task with one profile set in force.

    Parameters
    ----------
    spec : TaskSpec
        The file, typed.
    folder : Path
        Where relative paths of the file start.
    file : str
        How messages name the file.
    content_hash : str
        sha256 of what the file says (`surveyeval.task.identity.content_hash`): comments, layout and fields at their defaults do
        not count.
    profile_set : str
        Name of the profile set in force; ``"default"`` when the task declares none.
    """

    spec: TaskSpec
    folder: Path
    file: str
    content_hash: str
    profile_set: str = "default"
    text: str = ""

    def _repr_html_(self) -> str:
        from surveyeval.task.notebook import task_html

        return task_html(self)

    # ---- identity -------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Name used on the command line."""
        return self.spec.name

    @property
    def version(self) -> str:
        """Version of the task file."""
        return self.spec.version

    @property
    def title(self) -> str:
        """Human-readable title."""
        return self.spec.title

    # ---- parts ----------------------------------------------------------------------------------------------

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Items that are asked under this profile set, in order."""
        shown = set(self.profile)
        return tuple(item for item in self.all_items if item.name not in shown)

    @cached_property
    def all_items(self) -> tuple[Item, ...]:
        """Every declared item, asked or shown as profile."""
        return tuple(_item(spec) for spec in self.spec.items)

    def item(self, name: str) -> Item:
        """The asked item of that name; KeyError otherwise."""
        return self._items_by_name[name]

    @cached_property
    def _items_by_name(self) -> dict[str, Item]:
        return {item.name: item for item in self.items}

    @cached_property
    def profile(self) -> dict[str, Profile]:
        """Fields of the profile in force, in order."""
        names = self.spec.profile_sets.get(self.profile_set, list(self.spec.profile))
        items = {item.name: item for item in self.all_items}
        fields = {}
        for name in names:
            if name in items:
                item = items[name]
                labels = dict(zip(item.codes, item.labels, strict=True))
                kind: Literal["ordinal", "nominal"] = "ordinal" if item.ordered else "nominal"
                fields[name] = Profile(name, kind, labels, item.spec.text, item.codes[item.k // 2])
            else:
                declared = self.spec.profile[name]
                default: Literal["nominal", "numeric"] = "nominal" if declared.labels else "numeric"
                levels = list(declared.labels or {"40": ""})
                example = declared.example or levels[len(levels) // 2]
                fields[name] = Profile(name, declared.kind or default, declared.labels, declared.text, example)
        return fields

    @cached_property
    def arms(self) -> tuple[Arm, ...]:
        """Arms in declared order; one arm named ``NO_ARM`` when the task is no experiment."""
        if self.spec.arms is None:
            return (Arm(NO_ARM, "all respondents"),)
        return tuple(
            Arm(key, level.label, level.vignette, dict(level.factors)) for key, level in self.spec.arms.levels.items()
        )

    @property
    def is_experiment(self) -> bool:
        """Whether there is more than one arm."""
        return len(self.arms) > 1

    @cached_property
    def patterns(self) -> tuple[str, ...]:
        """Pattern items that are asked under this profile set; attention checks and retests are not measured."""
        asked = {item.name for item in self.measured}
        return tuple(name for name in self.spec.patterns if name in asked)

    @cached_property
    def measured(self) -> tuple[Item, ...]:
        """Asked items that fidelity is measured on: attention checks are not, nor what is asked a second time."""
        return tuple(item for item in self.items if item.role != "attention" and item.spec.retest is None)

    @cached_property
    def retests(self) -> tuple[tuple[str, str], ...]:
        """Names of asked items that are asked twice, with the item that asks again."""
        asked = {item.name for item in self.items}
        return tuple(
            (item.spec.retest, item.name)
            for item in self.items
            if item.spec.retest is not None and item.spec.retest in asked
        )

    @property
    def actions(self) -> tuple[str, ...]:
        """Names of the measured items with role action: what is asked a second time is no further action."""
        return tuple(item.name for item in self.measured if item.role == "action")

    # ---- columns, groups, rules, regressions (thin doors to rules.py and formulas.py) --------------------------

    @cached_property
    def column_types(self) -> dict[str, ColumnType]:
        """Every name that rules, formulas, subgroups and cells may use, with its type."""
        from surveyeval.task.resolve import column_types

        return column_types(self)

    def column(self, sample: Sample, name: str) -> Column:
        """Values of a profile field, arm factor, ``arm``, item or derived column for every row of the sample."""
        from surveyeval.task.resolve import column

        return column(self, sample, name)

    def groups(self, sample: Sample, subgroup: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """(n,) group index (-1 where missing) and the group labels in order, for one declared subgroup or cell column."""
        from surveyeval.task.resolve import groups

        return groups(self, sample, subgroup)

    def coherence(self, sample: Sample, rule: CoherenceRule) -> NDArray[np.int8]:
        """(n,) outcome of a rule: 1 follows, 0 contradicts, -1 undetermined (does not apply), -2 an input is missing."""
        from surveyeval.task.resolve import coherence

        return coherence(self, sample, rule)

    def coherence_if(self, sample: Sample, rule: CoherenceRule, actions: Mapping[str, int]) -> NDArray[np.int8]:
        """Outcome of a rule if everybody gave these option indices on the action items."""
        from surveyeval.task.resolve import coherence_if

        return coherence_if(self, sample, rule, actions)

    def rule(self, sample: Sample, expression: str) -> Column:
        """Values of an expression in the language of rules for every row of a sample."""
        from surveyeval.task.resolve import rule

        return rule(self, sample, expression)

    def rule_actions(self, rule: CoherenceRule) -> tuple[str, ...]:
        """Names of the action items that a rule refers to, directly or through derived columns."""
        from surveyeval.task.resolve import rule_actions

        return rule_actions(self, rule)

    def design(self, sample: Sample, regression: RegressionSpec) -> Design:
        """Design matrix and response of one regression."""
        from surveyeval.task.resolve import design

        return design(self, sample, regression)

    def event_label(self, regression: RegressionSpec) -> str:
        """Words of the answer that a logit is about; empty where there are none."""
        from surveyeval.task.resolve import event_label

        return event_label(self, regression)

    def inputs(self, *names: str) -> frozenset[str]:
        """The named columns and everything that they are derived from."""
        from surveyeval.task.resolve import inputs

        return inputs(self, names)

    def needs_profile(self, regression: RegressionSpec) -> bool:
        """Whether a regression looks at the profile, directly or through derived columns."""
        from surveyeval.task.resolve import needs_profile

        return needs_profile(self, regression)


def _item(spec: ItemSpec) -> Item:
    options = tuple(
        Option(f"{point:g}", f"{point:g} {spec.unit}" if spec.unit else f"{point:g}", point)
        for point in spec.points or ()
    ) or tuple(
        Option(code, option.label, float(rank) if option.value is None else option.value, option.pinned)
        for rank, (code, option) in enumerate(spec.options.items(), start=1)
    )
    return Item(spec.name, spec.role, spec.kind, spec.question, options, spec)
