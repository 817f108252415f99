"""The flow of a Qualtrics survey: blocks in their order, branches, and what is randomised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from surveyeval.task.qsf_logic import all_of, display_logic
from surveyeval.task.questionnaire import ArmSet, Combined, Comparison, Condition, Question

__all__ = ["Flow", "read_flow"]

_DEEPEST = 40


@dataclass(eq=False)
class Flow:
    """Questions in the order asked, each with its block and the branch that it stands in."""

    questions: list[Question] = field(default_factory=list)
    conditions: list[Condition | None] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    assignments: list[ArmSet] = field(default_factory=list)
    leaving: list[Comparison] = field(default_factory=list)
    shuffled: tuple[tuple[str, ...], ...] = ()
    notes: list[str] = field(default_factory=list)


def read_flow(blocks: object, flow: object, questions: Mapping[str, Question]) -> Flow:
    """Put questions into the order of a survey's flow.

    Parameters
    ----------
    blocks, flow : object
        Payloads of the elements BL and FL.
    questions : mapping of str to Question
    """
    return _Reader(_blocks(blocks), questions).read(flow)


def _blocks(payload: object) -> dict[str, dict[str, Any]]:
    listed = list(payload.values()) if isinstance(payload, dict) else payload if isinstance(payload, list) else []
    return {str(one.get("ID")): one for one in listed if isinstance(one, dict) and one.get("Type") != "Trash"}


class _Reader:
    def __init__(self, blocks: dict[str, dict[str, Any]], questions: Mapping[str, Question]) -> None:
        self.blocks, self.questions, self.found = blocks, questions, Flow()

    def read(self, flow: object) -> Flow:
        if isinstance(flow, dict) and isinstance(flow.get("Flow"), list):
            self._walk(flow["Flow"], [], 0)
        else:
            for block in self.blocks:
                self._block(block, [])
        return self.found

    def _walk(self, steps: Sequence[object], inside: list[Condition], depth: int) -> None:
        for step in steps:
            if not isinstance(step, dict) or depth > _DEEPEST:
                continue
            kind, inner = str(step.get("Type")), step.get("Flow")
            below = inner if isinstance(inner, list) else []
            if kind in ("Block", "Standard"):
                self._block(str(step.get("ID")), inside)
            elif kind == "Branch":
                condition = display_logic(step.get("BranchLogic"))
                if any(isinstance(one, dict) and one.get("Type") == "EndSurvey" for one in below):
                    self._leaves(condition if not inside else None)
                self._walk(below, [*inside, condition] if condition else inside, depth + 1)
            elif kind == "BlockRandomizer":
                self._randomizer(step, below, inside, depth)
            elif below:
                self._walk(below, inside, depth + 1)

    def _leaves(self, condition: Condition | None) -> None:
        """A branch that ends the survey."""
        parts = condition.parts if isinstance(condition, Combined) and condition.operator == "or" else (condition,)
        said = [one for one in parts if isinstance(one, Comparison) and one.question and one.choice]
        if len(said) == len(parts):
            self.found.leaving += said
            return
        self.found.notes.append(
            "a branch ends the survey for some people: take them out of the data, or say so with ask_if"
        )

    def _block(self, name: str, inside: list[Condition]) -> None:
        block = self.blocks.get(name)
        if block is None:
            return
        start = len(self.found.questions)
        elements = block.get("BlockElements")
        listed = elements.values() if isinstance(elements, dict) else elements if isinstance(elements, list) else []
        for element in listed:
            key = str(element.get("QuestionID")) if isinstance(element, dict) else ""
            if key in self.questions and all(one.key != key for one in self.found.questions):
                self.found.questions.append(self.questions[key])
                self.found.conditions.append(all_of(inside))
                self.found.blocks.append(name)
        options = block.get("Options")
        how = str(options.get("RandomizeQuestions") or "false") if isinstance(options, dict) else "false"
        own = tuple(one.key for one in self.found.questions[start:])
        said = str(block.get("Description") or name)
        if options and isinstance(options, dict) and options.get("Looping") not in (None, "None", ""):
            self.found.notes.append(f"block {said!r} is looped over: its questions stand here once")
        if how in ("All", "true") and len(own) > 1:
            self.found.shuffled += (own,)
        elif how not in ("false", "None", "All", "true"):
            self.found.notes.append(f"block {said!r} shows some of its questions, or shuffles them in part")

    def _randomizer(
        self, step: Mapping[str, Any], below: Sequence[object], inside: list[Condition], depth: int
    ) -> None:
        """All of its parts in random order, or some of them: then they may be arms."""
        parts = [one for one in below if isinstance(one, dict)]
        try:
            shown = int(step.get("SubSet") or step.get("SubSet", 0) or len(parts))
        except (TypeError, ValueError, OverflowError):
            shown = len(parts)
        if shown >= len(parts):
            start = len(self.found.questions)
            self._walk(parts, inside, depth + 1)
            added = [one for one in self.found.questions[start:] if one.kind not in ("text", "other")]
            if len(added) == len(parts) > 1:
                self.found.shuffled += (tuple(one.key for one in added),)
            elif len(parts) > 1:
                self.found.notes.append(f"the order of these parts was random: {self._said(parts)}")
            return
        arms = (self._arms(parts) or self._displayed(step, parts)) if shown == 1 and len(parts) > 1 else None
        if any(isinstance(one, Comparison) and not one.question for one in inside):
            arms = None  # within an arm of another randomiser: not everybody was assigned
        if arms is None:
            self.found.notes.append(
                f"people were assigned to {shown} of these {len(parts)} parts at random: {self._said(parts)}. If they are conditions "
                "of an experiment, declare `arms`: the export has a column for the assignment if the order of randomised parts is "
                "exported"
            )
            self._walk(parts, inside, depth + 1)
            return
        self.found.assignments.append(replace(arms, before=tuple(one.key for one in self.found.questions)))
        for one, (code, _, _) in zip(parts, arms.levels, strict=True):
            self._assigned(one, code, arms.column, inside, depth)

    def _assigned(self, part: Mapping[str, Any], code: str, column: str, inside: list[Condition], depth: int) -> None:
        """The questions of one arm, for people of that arm."""
        self._walk([part], [*inside, Comparison("", "==", choice=code, row=column)], depth + 1)

    def _arms(self, parts: Sequence[Mapping[str, Any]]) -> ArmSet | None:
        """Arms, where each part sets one and the same embedded field to a value of its own."""
        fields: list[dict[str, str]] = []
        for part in parts:
            own: dict[str, str] = {}
            for step in _steps(part, 0):
                data = step.get("EmbeddedData")
                for one in data if step.get("Type") == "EmbeddedData" and isinstance(data, list) else ():
                    if isinstance(one, dict) and one.get("Field") and one.get("Value") not in (None, ""):
                        own[str(one["Field"])] = str(one["Value"])
            fields.append(own)
        for name in fields[0]:
            values = [own.get(name) for own in fields]
            if None not in values and len(set(values)) == len(values):
                levels = tuple(
                    (str(value), str(part.get("Description") or value), " ".join(self._texts(part)))
                    for value, part in zip(values, parts, strict=True)
                )
                return ArmSet(name, levels)
        return None

    def _displayed(self, step: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> ArmSet | None:
        """Arms by what was displayed: an export has it in a column when the order of randomised parts is exported.

        Such a column names a block by its description without blanks, and any other part by its number in the flow.
        """
        levels, also = [], []
        for part in parts:
            block = self.blocks.get(str(part.get("ID")), {})
            said, number = str(block.get("Description") or ""), str(part.get("FlowID") or "")
            code = "".join(said.split()) or number
            levels.append((code, said or str(part.get("Description") or code), " ".join(self._texts(part))))
            also.append(tuple(one for one in (said, number, str(part.get("ID") or "")) if one))
        codes = {code for code, _, _ in levels}
        if not step.get("FlowID") or "" in codes or len(codes) < len(levels):
            return None
        return ArmSet(f"{step['FlowID']}_DO", tuple(levels), tuple(also))

    def _texts(self, part: Mapping[str, Any]) -> list[str]:
        """What is shown, and not asked, in a part."""
        found = []
        for step in _steps(part, 0):
            block = self.blocks.get(str(step.get("ID")))
            elements = block.get("BlockElements") if block else None
            for element in elements if isinstance(elements, list) else ():
                one = self.questions.get(str(element.get("QuestionID"))) if isinstance(element, dict) else None
                if one is not None and one.kind == "text":
                    found.append(one.text)
        return found

    def _said(self, parts: Sequence[Mapping[str, Any]]) -> str:
        names = []
        for part in parts:
            block = self.blocks.get(str(part.get("ID")), {})
            names.append(str(block.get("Description") or part.get("Description") or part.get("Type")))
        return "; ".join(names)


def _steps(part: Mapping[str, Any], depth: int) -> list[Mapping[str, Any]]:
    """A part of the flow and all that is below it."""
    found = [part]
    inner = part.get("Flow")
    if isinstance(inner, list) and depth < _DEEPEST:
        for one in inner:
            if isinstance(one, dict):
                found += _steps(one, depth + 1)
    return found
