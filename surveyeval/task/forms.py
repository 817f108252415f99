"""Other forms of a task's questionnaire, for probes of contamination.

Some are made for any task, because they leave every word as it is: marks around the questions, other labels of the options,
their order reversed. Others only a person can write, since they need to know what the words mean: the same questions in other
words, or other numbers in a vignette. Those stand in a file ``probes.yaml`` beside the task file, which is no part of the task:
adding one makes no earlier run another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from surveyeval.errors import ConfigError, Problem, did_you_mean
from surveyeval.task.check import check_document
from surveyeval.task.document import Document, load_document, parse_document
from surveyeval.task.expand import expand
from surveyeval.task.identity import content_hash
from surveyeval.task.orders import option_order
from surveyeval.task.task import Task

__all__ = ["DECLARED", "KINDS", "Form", "declared_file", "forms_of"]

#: Kinds of form that a file may declare, and what each changes.
DECLARED = {
    "reworded": "the same questions in other words",
    "numbers": "other numbers, in vignettes for example: what is asked about changes",
}
#: All kinds, with those that are made.
KINDS = {
    "typography": "marks around the questions, no word changed",
    "labels": "numbers in place of letters before the options, or letters",
    "order": "options in reversed order",
    **DECLARED,
}
_MARKS = {"quotes": "“{}”", "dash": "– {}", "brackets": "[{}]"}
_TEXTS = ("system", "introduction")
_KEYS = ("name", "kind", "by", "note", *_TEXTS, "vignettes", "questions", "replace")

Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, eq=False)
class Form:
    """A task in another form.

    Parameters
    ----------
    name, kind : str
    task : Task
        With the same items, options and people; ``TASK.NAME`` is its name.
    items : frozenset of str
        Items that read otherwise, by their own words or by what stands before them.
    declared : bool
        Whether a person wrote it.
    by, note : str
        Who wrote it, and what is to be said of it.
    """

    name: str
    kind: str
    task: Task
    items: frozenset[str]
    declared: bool = False
    by: str = ""
    note: str = ""


def declared_file(task: Task) -> Path | None:
    """The file with declared forms beside a task file, if there is one."""
    path = task.folder / "probes.yaml"
    return path if path.is_file() else None


def forms_of(task: Task, kinds: Sequence[str] = tuple(KINDS), *, file: Path | None = None) -> list[Form]:
    """Forms of a task, made ones first.

    Parameters
    ----------
    task : Task
    kinds : sequence of str
        Of `KINDS`.
    file : Path, optional
        File with declared forms; default: ``probes.yaml`` beside the task file.

    Raises
    ------
    ConfigError
        When a kind is unknown, or a declared form does not fit the task; with every mistake at once.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(
                f"there is no probe {kind!r}", hint=did_you_mean(kind, KINDS) or f"probes: {', '.join(KINDS)}"
            )
    document = expand(parse_document(task.text, task.file), task.folder)
    found = []
    for kind in kinds:
        for name, change in _made(task, kind):
            variant = _variant(task, document, name, change, task.file)
            if items := _turned(task, variant) if kind == "order" else frozenset(item.name for item in task.items):
                found.append(Form(name, kind, variant, items))
    path = file or declared_file(task)
    if path is not None and set(kinds) & set(DECLARED):
        found += [form for form in _declared(task, document, path) if form.kind in kinds]
    return found


def _variant(task: Task, document: Document, name: str, change: Change, file: str) -> Task:
    """The task with something changed; what comes out is checked like any task file."""
    value = deepcopy(document.value)
    change(value)
    value["name"] = f"{task.name}.{name}"
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
    changed = parse_document(text, f"{file} ({name})")
    spec, problems = check_document(changed)
    if problems or spec is None:
        raise ConfigError(
            problems=[Problem(one.message, changed.file, field=one.field, hint=one.hint) for one in problems]
        )
    return Task(spec, task.folder, task.file, content_hash(spec), task.profile_set, text)


def _made(task: Task, kind: str) -> Iterator[tuple[str, Change]]:
    """Forms that are safe for any task: name, and what is changed."""
    interview = task.spec.interview
    if kind == "typography":
        for name, marks in _MARKS.items():
            yield name, _marked(marks)
    elif kind == "labels" and (interview.instruction is None or "labels" in interview.instruction):
        other = "numbers" if interview.options == "letters" else "letters"
        if other == "numbers" or max(item.k for item in task.items) <= 26:
            yield f"options-{other}", _interview("options", other)
    elif kind == "order" and any((item.spec.order or interview.order) == "fixed" for item in task.items):
        yield "options-reversed", _reversed


def _marked(marks: str) -> Change:
    def change(value: dict[str, Any]) -> None:
        for item in value["items"]:
            item["question"] = marks.format(item["question"].strip())

    return change


def _reversed(value: dict[str, Any]) -> None:
    """Options in a fixed order backwards: those of the interview, and those of items that say so themselves."""
    if (value.get("interview") or {}).get("order", "fixed") == "fixed":
        _interview("order", "reversed")(value)
    for item in value["items"]:
        if item.get("order") == "fixed":
            item["order"] = "reversed"


def _turned(task: Task, variant: Task) -> frozenset[str]:
    """Items whose options come in another order; one that is shuffled for each respondent stays as it is."""
    pairs = zip(task.items, variant.items, strict=True)
    return frozenset(old.name for old, new in pairs if option_order(task, old, "") != option_order(variant, new, ""))


def _interview(key: str, said: str) -> Change:
    def change(value: dict[str, Any]) -> None:
        value["interview"] = {**(value.get("interview") or {}), key: said}

    return change


def _declared(task: Task, document: Document, path: Path) -> list[Form]:
    """Forms of a file, each checked as a task."""
    read = load_document(path)
    problems = [
        read.problem((key,), "unknown key", hint="keys: forms", key=True) for key in read.value if key != "forms"
    ]
    listed = read.value.get("forms")
    if not isinstance(listed, list):
        raise ConfigError(
            problems=[
                *problems,
                read.problem(("forms",), "is no list of forms", hint="write `forms:` and `- name: ...`"),
            ]
        )
    forms, names = [], set(_MARKS)
    for number, one in enumerate(listed):
        place = ("forms", number)
        wrong = list(_wrong(task, read, place, one))
        if not wrong and one["name"] in names:
            wrong = [
                read.problem((*place, "name"), f"a form is named {one['name']!r} already", hint="choose another name")
            ]
        problems += wrong
        if wrong:
            continue
        names.add(one["name"])
        try:
            variant = _variant(task, document, one["name"], _rewritten(task, read, place, one), str(path))
        except ConfigError as error:
            problems += error.problems
            continue
        forms.append(
            Form(one["name"], one["kind"], variant, _touched(task, variant), True, one.get("by") or "", one.get("note") or "")
        )  # fmt: skip
    if problems:
        raise ConfigError(problems=problems)
    return forms


def _wrong(task: Task, read: Document, place: tuple[str | int, ...], one: Any) -> Iterator[Problem]:
    if not isinstance(one, dict):
        yield read.problem(place, "is no form", hint="write `name:`, `kind:` and what changes")
        return
    for key in one:
        if key not in _KEYS:
            yield read.problem(
                (*place, key), "unknown key", hint=did_you_mean(key, _KEYS) or f"keys: {', '.join(_KEYS)}", key=True
            )
    for key in ("name", "kind"):
        if not isinstance(one.get(key), str):
            yield read.problem((*place, key), f"{key} is missing", hint=f"write `{key}:`")
    if isinstance(one.get("kind"), str) and one["kind"] not in DECLARED:
        hint = did_you_mean(one["kind"], DECLARED) or f"kinds: {', '.join(DECLARED)}"
        yield read.problem((*place, "kind"), f"{one['kind']!r} is no kind of form", hint=hint)
    if not set(one) & {*_TEXTS, "vignettes", "questions", "replace"}:
        yield read.problem(place, "changes nothing", hint="give questions, vignettes, introduction, system or replace")
    known = {"vignettes": [arm.key for arm in task.arms], "questions": [item.name for item in task.all_items]}
    for key in ("vignettes", "questions", "replace"):
        said = one.get(key, {})
        if not isinstance(said, dict) or not all(isinstance(text, str) and text for text in said.values()):
            yield read.problem((*place, key), "is no map of texts", hint="write `NAME: text`")
            continue
        for name in said:
            if key in known and name not in known[key]:
                hint = did_you_mean(name, known[key]) or f"the task has {', '.join(known[key])}"
                yield read.problem((*place, key, name), f"there is no {key[:-1]} of {name!r}", hint=hint, key=True)


def _rewritten(task: Task, read: Document, place: tuple[str | int, ...], one: dict[str, Any]) -> Change:
    """What a declared form changes; a text to replace that stands nowhere is an error."""

    def change(value: dict[str, Any]) -> None:
        interview = dict(value.get("interview") or {})
        interview |= {key: one[key] for key in _TEXTS if key in one}
        levels = (value.get("arms") or {}).get("levels") or {}
        for key, text in one.get("vignettes", {}).items():
            levels[key]["vignette"] = text
        for item in value["items"]:
            if item["name"] in one.get("questions", {}):
                item["question"] = one["questions"][item["name"]]
        for old, new in one.get("replace", {}).items():
            holders = [(interview, key) for key in _TEXTS] + [(level, "vignette") for level in levels.values()]
            holders += [(item, key) for item in value["items"] for key in ("question", "statement")]
            holding = [(holder, key) for holder, key in holders if old in (holder.get(key) or "")]
            if not holding:
                problem = read.problem(
                    (*place, "replace", old), f"{old!r} stands in no question, vignette or introduction",
                    hint=f"copy it from {task.file}", key=True,
                )  # fmt: skip
                raise ConfigError(problems=[problem])
            for holder, key in holding:
                holder[key] = holder[key].replace(old, new)
        if interview:
            value["interview"] = interview

    return change


def _touched(task: Task, variant: Task) -> frozenset[str]:
    """Items that read otherwise: all of them where something before the first question changed."""
    before, after = task.spec.interview, variant.spec.interview
    opened = any(getattr(before, key) != getattr(after, key) for key in _TEXTS)
    if opened or any(old.vignette != new.vignette for old, new in zip(task.arms, variant.arms, strict=True)):
        return frozenset(item.name for item in task.items)
    changed = [old.words != new.words for old, new in zip(task.items, variant.items, strict=True)]
    if task.spec.interview.mode == "sequential" and any(
        changed
    ):  # later questions are asked after the answer to this one
        first = changed.index(True)
        return frozenset(item.name for item in task.items[first:])
    return frozenset(item.name for item, other in zip(task.items, changed, strict=True) if other)
