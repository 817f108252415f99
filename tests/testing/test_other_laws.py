"""Checks for authors of tasks, sources and ways of asking: what is right passes, and a broken law is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from surveyeval.data.recipe import RecipeSource
from surveyeval.data.sources import FileSource, StatsmodelsSource
from surveyeval.data.table import Table, checksum
from surveyeval.errors import DataError
from surveyeval.model.elicitation import Choice, Reply
from surveyeval.model.generate import Generate
from surveyeval.model.verbalized import Verbalized
from surveyeval.testing import (
    ELICITATION_LAWS,
    SOURCE_LAWS,
    TASK_LAWS,
    check_elicitation,
    check_plugin,
    check_source,
    check_task,
)

#: A question that nobody can be asked.
NEVER = """  - {name: why, role: belief, kind: nominal, column: why, question: "Why?", options: {a: taste, b: habit},
     ask_if: drink == "c" and drink == "t"}
"""

# ---- tasks ----------------------------------------------------------------------------------------------------------

TASK = """
name: coffee
version: "1"
title: Coffee
source: {use: "file:people.csv", provenance: synthetic, licence: CC0-1.0, citation: nobody}
profile:
  floor: {column: floor, labels: {"1": first, "2": second}}
arms: {column: arm, levels: {a: {label: a}, b: {label: b}}}
items:
  - {name: drink, role: action, kind: nominal, column: drink, question: "What?", options: {c: coffee, t: tea}}
subgroups: [floor]
"""


def make_task(
    folder: Path, change: Callable[[str], str] = str, rows: Callable[[pd.DataFrame], Any] = lambda r: r
) -> Path:
    n = 80
    frame = pd.DataFrame(
        {"floor": [1 + i % 2 for i in range(n)], "arm": ["ab"[i // 2 % 2] for i in range(n)], "drink": ["ct"[i % 3 // 2] for i in range(n)]}
    )  # fmt: skip
    rows(frame).to_csv(folder / "people.csv", index=False)
    (folder / "task.yaml").write_text(change(TASK))
    (folder / "README.md").write_text("Made up.")
    return folder


def without_readme(folder: Path) -> None:
    make_task(folder)
    (folder / "README.md").unlink()


TASKS: dict[str, Callable[[Path], Any]] = {
    "the file is right": lambda f: make_task(f, lambda text: text.replace("role: action", "role: acting")),
    "it says where its people come from": without_readme,
    "people answered every item in every arm": lambda f: make_task(f, rows=lambda r: r.assign(drink="c")),
    "every arm and profile set can be shown": lambda f: make_task(
        f, lambda text: text + 'interview: {introduction: "{{ floor }} {{ arm.missing }}"}\n'
    ),
    "everybody can be interviewed": lambda f: make_task(
        f,
        lambda text: text + 'interview: {profile: "On the {{ floor }} floor."}\n',
        lambda r: r.assign(floor=r.floor.where(r.index != 3)),
    ),
    "rules, groups and regressions find somebody": lambda f: make_task(f, rows=lambda r: r.assign(floor=1)),
    "a baseline can answer it": lambda f: make_task(
        f, lambda text: text.replace("subgroups:", f"{NEVER}subgroups:"), lambda r: r.assign(why=None)
    ),
}
#: A file beside the task cannot break these: they are about sources that change and previews that open the data.
NOT_BY_A_FILE = {"the data are the same when read again", "examples are of a composed person"}


@pytest.mark.parametrize("name", ["anes96", "disclosure", "framing"])
def test_shipped_tasks(name: str) -> None:
    check_task(name)


def test_a_task_that_is_right(tmp_path: Path) -> None:
    check_task(make_task(tmp_path))


@pytest.mark.parametrize("law", TASKS)
def test_a_mistake_of_a_task(law: str, tmp_path: Path) -> None:
    TASKS[law](tmp_path)
    with pytest.raises(AssertionError, match=f"task.yaml breaks the law '{re.escape(law)}'"):
        check_task(tmp_path, without=dict.fromkeys(set(TASK_LAWS) - {law}, "another law is looked at"))


def test_rows_that_change_and_previews_that_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from surveyeval.testing import tasks

    def others(*laws: str) -> dict[str, str]:
        return dict.fromkeys(set(TASK_LAWS) - {*laws}, "another law is looked at")

    make_task(tmp_path)
    read, calls = tasks.load_human, []

    def changing(task: Any) -> Any:
        calls.append(task)
        return replace(read(task), sha256=f"{len(calls)}")

    monkeypatch.setattr(tasks, "load_human", changing)
    with pytest.raises(AssertionError, match="breaks the law 'the data are the same when read again'"):
        check_task(tmp_path, without=others("the data are the same when read again"))
    monkeypatch.setattr(tasks, "load_human", read)
    shown = tasks.preview
    monkeypatch.setattr(
        tasks, "preview", lambda task: replace(shown(task), turns=(read(task).sha256,))
    )  # opens the data
    with pytest.raises(AssertionError, match="breaks the law 'examples are of a composed person'"):
        check_task(tmp_path, without=others("examples are of a composed person"))


def test_every_law_of_tasks_has_a_mistake() -> None:
    assert {*TASKS, *NOT_BY_A_FILE} == set(TASK_LAWS)


# ---- sources --------------------------------------------------------------------------------------------------------


class Canteen:
    def read(self, reference: str, folder: Path, encoding: str) -> Table:
        if not reference.isdecimal():
            raise DataError(f"{reference!r} is no number")
        frame = pd.DataFrame({"drink": ["ct"[i % 2] for i in range(int(reference))]}, dtype=object)
        return Table(frame, checksum(frame), f"canteen:{reference}")


def canteen(**methods: Any) -> type:
    return type("Broken", (Canteen,), methods)


def reading(change: Callable[[Table], Table]) -> type:
    return canteen(read=lambda self, *words: change(Canteen.read(self, *words)))


class Changing(Canteen):
    reads = 0

    def read(self, reference: str, folder: Path, encoding: str) -> Table:
        Changing.reads += 1
        return Canteen.read(self, str(int(reference) + Changing.reads), folder, encoding)


SOURCES: dict[str, type] = {
    "it gives codes as text": reading(lambda one: replace(one, frame=one.frame.assign(age=3))),
    "the table says what it is": reading(lambda one: replace(one, sha256="abc")),
    "the rows are the same when read again": type("Broken", (Changing,), {}),
    "what is not there is refused in words": canteen(read=lambda self, reference, *_: {"5": Table}[reference]),
    "another checksum is refused": canteen(
        read_checked=lambda self, reference, *_: Canteen.read(self, reference, *_[:2])
    ),
}


def test_sources(tmp_path: Path) -> None:
    check_source(Canteen, "5")
    check_source(StatsmodelsSource, "anes96")
    make_task(tmp_path)
    check_source(FileSource, "people.csv", tmp_path)
    found = {"the rows are the same when read again", "it gives codes as text", "the table says what it is"}
    check_source(
        RecipeSource, "https://not.there/x.csv", without=dict.fromkeys(found, "it fetches, and nothing is there")
    )


def test_every_law_of_sources_has_a_mistake() -> None:
    assert set(SOURCES) == set(SOURCE_LAWS)


@pytest.mark.parametrize("law", SOURCES)
def test_a_mistake_of_a_source(law: str) -> None:
    with pytest.raises(AssertionError, match=f"source Broken breaks the law '{law}'"):
        check_source(SOURCES[law], "5", without=dict.fromkeys(set(SOURCE_LAWS) - {law}, "another law is looked at"))


# ---- ways of asking -------------------------------------------------------------------------------------------------


def percentages(question: Any, number: int) -> str:
    chosen = number % len(question.answers)
    return "\n".join(f"{answer}: {100 if k == chosen else 0}%" for k, answer in enumerate(question.answers))


def test_ways_of_asking() -> None:
    check_elicitation(Choice)
    check_elicitation(Generate)
    check_elicitation(Verbalized, writes=percentages)


def way(base: type = Choice, **methods: Any) -> type:
    return type("Broken", (base,), methods)


def replying(change: Callable[[list[Reply], Any], list[Reply]], base: type = Choice) -> type:
    return way(
        base, ask=lambda self, model, places, calibration: change(base.ask(self, model, places, calibration), places)
    )


def shown_order(replies: list[Reply], places: Any) -> list[Reply]:
    return [
        replace(one, option=place.question.order.index(one.option)) for one, place in zip(replies, places, strict=True)
    ]


def calling_both(self: Any, model: Any, places: Any, calibration: Any) -> list[Reply]:
    Generate().ask(model, places, calibration)
    return Choice.ask(self, model, places, calibration)


WAYS: dict[str, type] = {
    "it says what it is": way(name=""),
    "it calls only what it needs": way(ask=calling_both),
    "every place has a reply": replying(lambda replies, places: replies[:-1]),
    "probabilities are renormalised": replying(
        lambda replies, places: [replace(one, probabilities=one.probabilities * 2) for one in replies]
    ),
    "the same numbers give the same answers": replying(
        lambda replies, places: [replace(one, option=min(one.option, n)) for n, one in enumerate(replies)]
    ),
    "options are counted in declared order": replying(shown_order),
    "silence is no answer": replying(
        lambda replies, places: [one if one.option >= 0 else replace(one, option=0, state=0) for one in replies]
    ),
    "probabilities along a path are those of asking": way(
        forced=lambda self, model, paths: [[np.full(len(p.question.order), 0.5) for p in path] for path in paths]
    ),
}


def test_every_law_of_asking_has_a_mistake() -> None:
    assert set(WAYS) == set(ELICITATION_LAWS)


@pytest.mark.parametrize("law", WAYS)
def test_a_mistake_of_a_way_of_asking(law: str) -> None:
    without = dict.fromkeys(set(ELICITATION_LAWS) - {law}, "another law is looked at")
    with pytest.raises(AssertionError, match=f"elicitation Broken breaks the law '{law}'"):
        check_elicitation(WAYS[law], without=without)


def test_a_plugin_that_is_not_installed() -> None:
    with pytest.raises(AssertionError, match="no plugin 'not-there' is installed; plugins: "):
        check_plugin("not-there")
