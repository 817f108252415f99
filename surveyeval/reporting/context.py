"""Everything the sections of a card share: runs, names, pivoted estimates, labels of arms and groups."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from surveyeval.reporting.lines import Line, Lines
from surveyeval.reporting.numbers import count
from surveyeval.reporting.quantities import AXES, Axis, axis
from surveyeval.reporting.view import RunView, check_comparable, model_names
from surveyeval.reporting.words import HUMAN, SYNTHETIC, Words

__all__ = ["Context"]


@dataclass(frozen=True, eq=False)
class Context:
    """Runs that share one test set, and what a card says of them."""

    runs: Sequence[RunView]

    def __post_init__(self) -> None:
        check_comparable(self.runs)

    @cached_property
    def names(self) -> list[str]:
        """Names of the models."""
        return model_names(self.runs)

    @cached_property
    def lines(self) -> Lines:
        """Pivoted estimates."""
        return Lines(self.runs, self.words)

    @property
    def manifest(self) -> Mapping[str, Any]:
        """Manifest of the first run; what it says of task, data and split holds for all."""
        return self.runs[0].manifest

    @property
    def task(self) -> Mapping[str, Any]:
        """What the manifest says of the task."""
        task: Mapping[str, Any] = self.manifest["task"]
        return task

    @property
    def sizes(self) -> Mapping[str, Any]:
        """Numbers of people."""
        sizes: Mapping[str, Any] = self.runs[0].tables["sizes"]
        return sizes

    @property
    def tables(self) -> list[Mapping[str, Any]]:
        """Descriptive tables of each model."""
        return [run.tables for run in self.runs]

    @cached_property
    def questions(self) -> dict[str, str]:
        """Wording of each item as the model read it."""
        return {str(row["item"]): str(row["question"]) for row in self.tables[0]["distributions"]}

    @cached_property
    def arms(self) -> dict[str, str]:
        """Labels of the arms."""
        return {str(row["arm"]): str(row["label"]) for row in self.sizes["arms"]}

    @property
    def synthetic(self) -> bool:
        """Whether the reference is not human data."""
        return self.task.get("provenance") != "human"

    @property
    def words(self) -> Words:
        """What the reference is called."""
        return SYNTHETIC if self.synthetic else HUMAN

    @property
    def n(self) -> int:
        """Number of test people."""
        return int(self.sizes["n_human"])

    @property
    def half(self) -> int:
        """People in each half; the odd one of each arm sits out."""
        return sum(int(arm["n"]) // 2 for arm in self.sizes["arms"])

    @property
    def half_size(self) -> str:
        """People in a half, and how many they are worth where weights differ."""
        effective = round(self.half * float(self.sizes["n_eff"]) / max(self.n, 1))
        worth = "" if effective == self.half else f", effective {count(effective)}"
        return f"{count(self.half)} {self.words.short} in each half{worth}"

    @cached_property
    def baselines(self) -> list[str]:
        """For each model the name of the baseline that it is, or nothing."""
        strings = [str(run.manifest["model"]["string"]) for run in self.runs]
        return [re.split(r"[:?]", text)[1] if text.startswith("baseline:") else "" for text in strings]

    @cached_property
    def asked(self) -> list[str]:
        """For each model the elicitation, with its options; nothing for models that are not asked question by question."""
        return [_asked(run.manifest) for run in self.runs]

    @cached_property
    def axes(self) -> list[Axis]:
        """Axes with anything to show, known ones first."""
        present = [name for name in self.lines.axes if self.lines.of(name)]
        known = [one for one in AXES if one.key in present]
        return known + [axis(name) for name in present if name not in {one.key for one in known}]

    @property
    def without_profile(self) -> bool:
        """Whether the task tells a model nothing about the respondents."""
        return self.task.get("profile") == []

    @cached_property
    def joint(self) -> Line | None:
        """The joint log-loss, if any model has one."""
        found = [
            line
            for line in self.lines.of("individual", item=False, arm=False)
            if "joint_log_loss" in (line.metric, line.name)
        ]
        usable = [line for line in found if not line.skipped]
        return next((line for line in usable if line.headline), usable[0] if usable else None)

    def where(self, line: Line) -> str:
        """What a line is about, apart from its quantity: items, group, arm, term."""
        parts = []
        if line.item:
            parts.append(line.item)
        if line.group:
            subgroup, equals, label = line.group.partition("=")
            over = "mean over" if line.axis == "subgroups" else "by"
            parts.append(f"{plain(subgroup)}: {label}" if equals else f"{over} {plain(subgroup)}")
        if line.arm:
            parts.append(self.arms.get(line.arm, line.arm))
        if line.rule:
            parts.append(line.rule)
        if line.regression:
            parts.append(line.regression)
        if line.block:
            parts.append(f"{line.block} terms")
        if line.term:
            parts.append(line.term)
        if not parts and line.axis in ("alignment",):
            parts.append("mean over items")
        return ", ".join(parts)


def _asked(manifest: Mapping[str, Any]) -> str:
    if "elicitation" in manifest:
        return str((manifest["elicitation"] or {}).get("text", ""))
    # runs before there was more than one way of asking
    silent = str(manifest["model"]["string"]).startswith(("baseline:", "scripted:", "file:"))
    return "" if silent else str(manifest["options"].get("elicitation", "choice"))


def plain(name: str) -> str:
    """A column name in words."""
    return name.replace("_", " ")
