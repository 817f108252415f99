"""Probes of contamination: a model that memorised the published form stands out, one that did not does not."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from surveyeval.cli.main import cli
from surveyeval.data.sample import Sample
from surveyeval.engine.experiment import prepare
from surveyeval.engine.manifest import RunOptions
from surveyeval.engine.probe_table import Answered, _Distances, _odd, probe_table
from surveyeval.engine.probes import Probe, probe
from surveyeval.errors import CapabilityError, ConfigError, ModelError
from surveyeval.model.build import NamedModel, build_model
from surveyeval.model.protocol import Capabilities, Request, Text, TextRequest
from surveyeval.task.forms import Form, forms_of
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task
from surveyeval.task.render import composed_person, interviews
from surveyeval.task.task import Task
from tests.engine.talkers import Talker

N = 40


class Memoriser(Talker):
    """Answers with people's shares where it reads the published question, and evenly where a single sign differs."""

    def __init__(self, task: Task, people: Sample, value: str = "memoriser") -> None:
        super().__init__(value)
        (published,) = interviews(task, composed_person(task))
        self.known = {question.text: shares(task, people, question.item) for question in published.questions}

    def probabilities(self, request: Request) -> np.ndarray:
        read = request.messages[-1].content.rpartition("\n\n")[2]  # the first question follows the opening
        if read in self.known:
            return 0.9 * self.known[read]
        return np.full(len(request.options), 0.9 / len(request.options))


class Steady(Memoriser):
    """Answers with people's shares whatever the words: it looks for the options alone."""

    def probabilities(self, request: Request) -> np.ndarray:
        k = len(request.options)
        return 0.9 * np.arange(1, k + 1) / np.arange(1, k + 1).sum()


def shares(task: Task, people: Sample, item: str) -> np.ndarray:
    counts = np.bincount(people.answers[item][people.answers[item] >= 0], minlength=task.item(item).k)
    return np.asarray(counts / counts.sum())


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("anes96")


@pytest.fixture(scope="module")
def people(task: Task) -> Sample:
    return prepare(task, load_human(task), RunOptions(N), []).test


def probed(task: Task, model: Talker, output: Path, **options: Any) -> Probe:
    kinds = options.pop("kinds", ("typography", "labels", "order"))
    named = NamedModel("words", f"words:{model.value}", model)
    return probe(task, load_human(task), named, RunOptions(N, **options), kinds=kinds, output=output)


def test_a_memoriser_stands_out(task: Task, people: Sample, tmp_path: Path) -> None:
    found = probed(task, Memoriser(task, people), tmp_path)
    assert found.exact
    assert found.people == N
    table = found.table.set_index(["kind", "item"])
    for item in task.measured:
        published = shares(task, people, item.name)
        # all other forms are answered evenly, so the change is the total variation from people's shares to even ones
        expected = np.abs(published - 1 / item.k).sum() / 2
        for kind in ("typography", "labels", "order"):
            row = table.loc[(kind, item.name)]
            assert row["change"] == pytest.approx(expected, abs=1e-9)
            assert row["reference"] == pytest.approx(0.0, abs=1e-12)
            assert row["people_published"] == pytest.approx(0.0, abs=1e-9)
            assert row["nearer"] == pytest.approx(expected, abs=1e-9)
            assert row["reading"] == "above the reference"  # everybody is answered alike: no interval over people
    (odd,) = found.odd
    assert odd["kind"] == "typography"
    assert (odd["odd"], odd["items"]) == (5, 5)
    assert odd["p"] == pytest.approx(0.25**5)


def test_a_model_that_does_not_look_at_words_does_not_stand_out(task: Task, people: Sample, tmp_path: Path) -> None:
    found = probed(task, Steady(task, people, "steady"), tmp_path, kinds=("typography",))
    assert found.table["change"].to_numpy() == pytest.approx(0.0, abs=1e-12)
    assert set(found.table["reading"]) == {"not above the reference"}
    assert found.odd[0]["odd"] == 0


def test_a_model_whose_answers_hang_on_every_sign_is_not_taken_for_a_memoriser(task: Task, tmp_path: Path) -> None:
    found = probed(task, Talker("signs"), tmp_path, kinds=("typography", "order"))
    assert found.table["change"].min() > 0  # it answers other forms otherwise
    assert found.odd[0]["p"] > 0.05  # the published one no more than others
    assert (found.table["reading"] == "more than the reference").sum() <= 1


def test_reworded_forms_and_numbers(tmp_path: Path) -> None:
    task = load_task("disclosure_sale")
    people = prepare(task, load_human(task), RunOptions(N), []).test
    found = probed(task, Memoriser(task, people, "sale"), tmp_path, kinds=("reworded", "numbers"))
    table = found.table.set_index("kind")
    assert table.loc["reworded", "forms"] == 2
    assert table.loc["reworded", "odd_one_out"]
    assert table.loc["reworded", "change"] > table.loc["reworded", "reference"]
    # the question itself is the published one, and the numbers before it are not looked at: recall, or deafness
    assert table.loc["numbers", "change"] == pytest.approx(0.0, abs=1e-12)
    assert "other-sums" in " ".join(found.notes)
    assert {form["by"] for form in found.forms if form["kind"] in ("reworded", "numbers")} != {""}
    assert "published" in {form["kind"] for form in found.forms}


def test_written_answers_are_counted_and_redrawn(task: Task, tmp_path: Path) -> None:
    found = probed(task, Talker("writes"), tmp_path, kinds=("order",), elicitation="generate?max_tokens=8")
    assert not found.exact
    assert found.table["reference"].min() > 0  # another set of random numbers gives other answers
    assert (found.table["largest"] >= found.table["reference"]).all()


class Indifferent(Talker):
    """Writes one of the options by chance, whatever it reads."""

    capabilities = Capabilities(("generate",))

    def _text(self, request: TextRequest) -> Text:
        names = re.findall(r"^([A-Z])\) ", request.messages[-1].content, re.MULTILINE)
        return Text(names[np.random.default_rng(request.seed).integers(len(names))])


def test_drawn_answers_that_no_form_changes_are_neither_more_nor_less_than_the_reference(
    task: Task, tmp_path: Path
) -> None:
    people, beyond, readings = 20, [], []
    for seed in range(0, 80, 10):
        found = probe(
            task, load_human(task), NamedModel("coins", "words:coins", Indifferent("coins")),
            RunOptions(people, elicitation="generate?max_tokens=8", seed=seed), kinds=("typography",), output=tmp_path,
        )  # fmt: skip
        beyond += list(found.table["excess"])
        readings += list(found.table["reading"])
    assert len(beyond) == 40
    # the same by brute force: even answers of 20 people, a published form, and three that differ in marks
    rng, expected = np.random.default_rng(0), []
    for item in task.measured:
        drawn = rng.multinomial(people, np.full(item.k, 1 / item.k), (2000, 4)) / people
        between = {(i, j): np.abs(drawn[:, i] - drawn[:, j]).sum(axis=1) / 2 for i, j in combinations(range(4), 2)}
        marks = np.mean([between[pair] for pair in combinations((1, 2, 3), 2)], axis=0)
        expected.append(np.mean([between[0, other] for other in (1, 2, 3)], axis=0) - marks)
    spread = np.sqrt(np.mean(np.var(expected, axis=1)) / 40)
    assert abs(np.mean(expected)) < 0.2 * spread
    assert abs(np.mean(beyond)) < 4 * spread
    assert readings.count("within the reference") >= 30


def test_respondents_of_one_psu_are_resampled_together() -> None:
    task = load_task("disclosure_sale")
    people = load_human(task).sample
    people = people.take(np.arange(60))
    stratum = np.repeat(["a", "b"], 30).astype(object)
    psu = np.repeat(np.arange(12), 5).astype(str).astype(object)
    arm = np.full(60, people.arm[0], dtype=object)
    own = Sample(people.respondent, arm, people.answers, people.states, weight=np.ones(60), stratum=stratum, psu=psu)
    alone = Sample(people.respondent, arm, people.answers, people.states, weight=np.ones(60))
    forms = [form for form in forms_of(task) if form.kind in ("typography", "numbers")]
    # every form is answered alike, but by the other people of whole PSUs: half of each stratum's change for sure
    moves = np.isin(psu, ["0", "1", "2", "6", "7", "8"])
    same, other = np.tile([1.0, 0.0], (60, 1)), np.where(moves[:, None], [0.0, 1.0], [1.0, 0.0])
    still = Answered({"response": same}, True)
    given = [(form, Answered({"response": other}, True) if form.kind == "numbers" else still) for form in forms]
    reach = {}
    for name, sample in (("design", own), ("alone", alone)):
        row = probe_table(task, sample, still, None, given).set_index("kind").loc["numbers"]
        assert row["change"] == pytest.approx(0.5)
        reach[name] = (row["high"] - row["low"]) / 2
    # the mean of 12 PSUs of 0 and 1 in two strata, half each: sqrt(sum over strata of W² s² / m), s² with m - 1
    expected = 1.96 * np.sqrt(2 * 0.25 * (6 * 0.25 / 5) / 6)
    assert reach["design"] == pytest.approx(expected, rel=0.15)
    assert reach["alone"] == pytest.approx(1.96 * np.sqrt(0.25 / 60), rel=0.15)


def test_what_is_said_with_every_probe(
    task: Task, people: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = probed(task, Memoriser(task, people), tmp_path, kinds=("typography", "order"))
    assert "sensitivity to words or marks" in found.notes[0]
    assert "not adjusted for the number of items" in found.notes[0]
    monkeypatch.setattr("surveyeval.api.probe", lambda **options: found)
    done = CliRunner().invoke(cli, ["probe", "--task", "anes96", "--model", "hf:some/model"])
    assert "nearer to people than the forms that change marks or words by" in " ".join(done.output.split())


def test_an_interrupted_probe_continues(task: Task, tmp_path: Path) -> None:
    whole = Talker("whole")
    expected = probed(task, whole, tmp_path / "whole", kinds=("typography",))
    broken = Talker("whole", fails_at=whole.calls // 2)
    with pytest.raises(ModelError, match="the server is gone"):
        probed(task, broken, tmp_path / "broken", kinds=("typography",))
    mended = Talker("whole")
    found = probed(task, mended, tmp_path / "broken", kinds=("typography",))
    # what was answered is not asked again, but for the open block: five questions, and four people's own answers to them
    assert mended.calls <= whole.calls - broken.calls + 1 + 9
    assert found.table.equals(expected.table)
    again = Talker("whole")
    assert probed(task, again, tmp_path / "broken", kinds=("typography",)).table.equals(expected.table)
    assert again.calls == 0


def test_forms_are_no_configurations_of_the_task(task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path / "cache"))
    probed(task, Talker("counted"), tmp_path / "runs", kinds=("typography",))
    lines = (tmp_path / "cache" / "tried.jsonl").read_text().splitlines()
    assert sum('"anes96"' in line for line in lines) <= 2  # the published form, and drawn anew


def test_what_reads_no_words_is_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(CapabilityError, match="does not read the questionnaire"):
        probe(task, load_human(task), build_model("baseline:cell"), RunOptions(N), output=tmp_path)


def test_a_kind_that_the_task_has_no_form_of_is_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no form of reworded"):
        probed(task, Talker(), tmp_path, kinds=("reworded",))


def test_a_tiny_model_through_the_whole_path(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from surveyeval import api
    from tests.model import tiny

    folder = tiny.save("llama", tmp_path / "model", positions=1024)
    found = api.probe(task="disclosure_sale", model=f"tiny=hf:{folder}", limit=6, output=tmp_path / "runs", cache=False)
    assert found.exact
    assert list(found.table["kind"]) == ["typography", "labels", "order", "reworded", "numbers"]
    assert found.table[["change", "reference"]].to_numpy().max() <= 1
    assert any("rough" in note for note in found.notes)
    runs = [path.parent for path in (tmp_path / "runs").rglob("manifest.json")]
    assert len(runs) > 3
    for run in runs:  # of the published form and of others
        assert not [one for one in api.verify(run).findings if one.outcome == "differs"]


def test_runs_of_a_task_that_is_a_file_name_it(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from surveyeval import api
    from tests.model import tiny
    from tests.reliability.quick import written

    survey = written(tmp_path / "survey")
    folder = tiny.save("llama", tmp_path / "model", positions=1024)
    api.probe(
        task=str(survey), model=f"tiny=hf:{folder}", kinds=("labels",), limit=6, output=tmp_path / "runs", cache=False
    )
    runs = [path.parent for path in (tmp_path / "runs").rglob("manifest.json")]
    assert len(runs) > 3
    for run in runs:
        assert f"--task {survey} " in json.loads((run / "manifest.json").read_text())["command"]
        assert not [one for one in api.verify(run).findings if one.outcome == "differs"]


def brute(first: np.ndarray, second: np.ndarray, people: Sample) -> float:
    """Total variation within arms, averaged by the weight of their people, without any shortcut."""
    total = 0.0
    for arm in sorted(set(people.arm)):
        rows = [row for row in range(people.n) if people.arm[row] == arm]
        weights = [people.weight[row] for row in rows]
        means = []
        for table in (first, second):
            known = [(w, table[row]) for w, row in zip(weights, rows, strict=True) if not np.isnan(table[row]).any()]
            means.append(sum(w * p for w, p in known) / sum(w for w, _ in known))
        total += sum(weights) * 0.5 * sum(abs(a - b) for a, b in zip(*means, strict=True))
    return total / float(people.weight.sum())


def test_distances_are_those_of_brute_force() -> None:
    task = load_task("disclosure_sale")
    whole = load_human(task).sample
    rng = np.random.default_rng(3)
    people = whole.take(np.sort(rng.permutation(whole.n)[:60]))
    people = Sample(people.respondent, people.arm, people.answers, people.states, weight=rng.uniform(0.5, 2, 60))
    forms = [form for form in forms_of(task) if form.kind in ("typography", "reworded")]

    def answers() -> Answered:
        table = rng.dirichlet([1, 1], 60)
        table[:3] = np.nan
        return Answered({"response": table}, True)

    published = answers()
    given: list[tuple[Form, Answered]] = [(form, answers()) for form in forms]
    table = probe_table(task, people, published, None, given).set_index("kind")
    marks = [one.items["response"] for form, one in given if form.kind == "typography"]
    words = [one.items["response"] for form, one in given if form.kind == "reworded"]
    own = published.items["response"]
    pairs = [brute(a, b, people) for a, b in combinations(marks, 2)]
    row = table.loc["reworded"]
    assert row["reference"] == pytest.approx(np.mean(pairs))
    assert row["largest"] == pytest.approx(max(pairs))
    assert row["change"] == pytest.approx(np.mean([brute(own, one, people) for one in words]))
    assert row["among"] == pytest.approx(brute(*words, people))
    assert row["excess"] == pytest.approx(row["change"] - row["reference"])
    assert row["low"] < row["excess"] < row["high"]


def test_a_distance_that_is_not_known_says_nothing_of_the_odd_one_out() -> None:
    assert _odd([0.3, 0.3], {(0, 1): 0.1}) is True
    assert _odd([0.1, 0.1], {(0, 1): 0.3}) is False
    assert _odd([0.3, np.nan], {(0, 1): 0.1}) is None
    assert _odd([0.3, 0.3], {(0, 1): np.nan}) is None


def test_an_item_that_one_arm_is_not_asked_is_compared_in_the_others() -> None:
    people = Sample(np.arange(6).astype(str).astype(object), np.array(list("aaabbb"), dtype=object))
    first, second = np.full((6, 2), np.nan), np.full((6, 2), np.nan)
    first[:3], second[:3] = [1.0, 0.0], [0.25, 0.75]
    distances = _Distances(people, np.ones((1, 6)))
    assert distances.between(first, second) == pytest.approx([0.75])
    second[:] = np.nan  # answered in one form alone
    assert np.isnan(distances.between(first, second)).all()
