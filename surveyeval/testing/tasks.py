"""Laws that every task obeys, wherever its file lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from surveyeval.engine.preview import preview
from surveyeval.errors import SurveyevalError
from surveyeval.model import host
from surveyeval.model.baselines import make_baseline
from surveyeval.model.protocol import Interviews
from surveyeval.task.catalogue import find_task
from surveyeval.task.check import check_file
from surveyeval.task.human import HumanData, load_human
from surveyeval.task.load import load_task
from surveyeval.task.render import composed_person, interviews
from surveyeval.task.task import Task
from surveyeval.testing.laws import check_laws

__all__ = ["TASK_LAWS", "check_task"]

#: Fewest people with whom halves, a pilot and intervals say anything.
_LEAST = 60


@dataclass(frozen=True)
class _Tried:
    path: Path

    @cached_property
    def task(self) -> Task:
        return load_task(self.path)

    @cached_property
    def human(self) -> HumanData:
        return load_human(self.task)


def check_task(name_or_path: str | Path, *, without: Mapping[str, str] | None = None) -> None:
    """Check that a task obeys the laws.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a task that is registered, or path of a task file or of its folder.
    without : mapping of law to reason, optional
        Laws (names of `TASK_LAWS`) that do not fit this task.

    Raises
    ------
    AssertionError
        Names the task and the law it breaks.
    ValueError
        When `without` names no law, or gives no reason.
    """
    path = find_task(name_or_path)
    check_laws(TASK_LAWS, _Tried(path), f"task {path}", without)


def _validates(tried: _Tried) -> None:
    problems = check_file(tried.path)
    assert not problems, "\n".join(map(str, problems))


def _tells(tried: _Tried) -> None:
    source = tried.task.spec.source
    assert all((source.licence.strip(), source.citation.strip())), "it has a licence and a citation"
    readme = tried.path.parent / "README.md"
    assert readme.is_file(), "a README.md stands beside the task file"
    assert readme.read_text(encoding="utf-8").strip(), "README.md says something"


def _people(tried: _Tried) -> None:
    people = tried.human.sample
    assert people.n >= _LEAST, f"{people.n} people are fewer than {_LEAST}"
    for item in tried.task.items:
        given = people.answers[item.name][people.answered(item.name)]
        assert len(given), f"nobody answered {item.name!r}"
        assert len(set(given.tolist())) > 1, f"everybody gave the same answer to {item.name!r}"
    for arm in tried.task.arms:
        assert (people.arm == arm.key).any(), f"nobody is in arm {arm.key!r}"


def _repeats(tried: _Tried) -> None:
    again = load_human(tried.task)
    assert again.sha256 == tried.human.sha256, "the data have the same checksum when they are read again"
    for name, column in tried.human.sample.answers.items():
        np.testing.assert_array_equal(column, again.sample.answers[name])


def _renders(tried: _Tried) -> None:
    for profile_set in tried.task.spec.profile_sets or [None]:
        task = load_task(tried.path, profile_set=profile_set)
        for arm in task.arms:
            shown = preview(task, arm=arm.key)
            assert shown.turns, f"arm {arm.key!r}: nothing is asked"
            for turn in shown.turns:
                asked = turn.messages[-1].content
                for label in task.item(turn.item).labels:
                    assert label in asked, f"option {label!r} of {turn.item!r} is not shown"


def _composed(tried: _Tried) -> None:
    # what is shown as an example must be found without opening the data
    task = tried.task
    source = task.spec.source.model_copy(update={"use": "file:not-there.csv", "sha256": None})
    blind = Task(
        task.spec.model_copy(update={"source": source}),
        task.folder,
        task.file,
        task.content_hash,
        task.profile_set,
        task.text,
    )
    assert preview(blind).turns == preview(task).turns, "its preview does not depend on its people"
    person = composed_person(task)
    known = set(map(str, tried.human.sample.respondent))
    assert str(person.respondent[0]) not in known, "the composed person is none of the people"


def _everybody_renders(tried: _Tried) -> None:
    people = tried.human.sample.without_answers()
    try:
        interviews(tried.task, people)
    except SurveyevalError as error:
        raise AssertionError(f"not everybody can be interviewed: {error}") from error


def _rules(tried: _Tried) -> None:
    task, people = tried.task, tried.human.sample
    for rule in task.spec.coherence:
        outcome = task.coherence(people, rule)
        assert (outcome >= 0).any(), f"rule {rule.name!r} says something of somebody"
    for name in task.spec.subgroups:
        index, labels = task.groups(people, name)
        assert len(set(index[index >= 0].tolist())) > 1, f"subgroup {name!r} has one group: {', '.join(labels)}"
    for regression in task.spec.regressions:
        design = task.design(people, regression)
        assert design.terms, f"regression {regression.name!r} has terms"
        assert design.valid.any(), f"regression {regression.name!r} has people"


def _answered(tried: _Tried) -> None:
    task, people = tried.task, tried.human.sample
    half = np.arange(people.n) % 2 == 0
    baseline = make_baseline("marginal")
    baseline.fit(task, people.take(half))
    rest = people.take(~half).without_answers()
    numbers = np.random.default_rng(1).random((rest.n, len(task.items)))
    found = host.simulate(baseline, Interviews(task, rest, numbers))
    for item in task.items:
        assert (found.answers[item.name] >= 0).any(), f"baseline:marginal gives no answer to {item.name!r}"


#: Every law by its name, in words.
TASK_LAWS: Mapping[str, Callable[[_Tried], None]] = {
    "the file is right": _validates,
    "it says where its people come from": _tells,
    "people answered every item in every arm": _people,
    "the data are the same when read again": _repeats,
    "every arm and profile set can be shown": _renders,
    "examples are of a composed person": _composed,
    "everybody can be interviewed": _everybody_renders,
    "rules, groups and regressions find somebody": _rules,
    "a baseline can answer it": _answered,
}
