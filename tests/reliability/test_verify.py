"""What can be computed again is, and every change of what is stored shows; an unfinished run is scored as far as it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from surveyeval import api
from surveyeval.cli.main import cli
from surveyeval.engine.run import Run
from surveyeval.engine.verify import Verified
from surveyeval.errors import ConfigError, ModelError, RunError
from surveyeval.task.load import load_task
from tests.engine.talkers import Talker, run
from tests.openai.server import Server
from tests.tuning import survey

TASKS = Path(__file__).parents[2] / "tasks"
FAST = ("js_distance", "joint_log_loss", "accuracy")


@pytest.fixture(scope="module", autouse=True)
def few_metrics() -> Iterator[None]:
    chosen = [metric for metric in api.metrics() if metric.spec.name in FAST]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "metrics", lambda progress=None: chosen)
        yield


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return survey.write(tmp_path_factory.mktemp("survey"), survey.people(100))


@pytest.fixture(scope="module")
def made(task: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        return run(patch, task, tmp_path_factory.mktemp("runs"), Talker(block=8), limit=40, draws=2)[0]


@pytest.fixture
def copy(made: Run, tmp_path: Path) -> Path:
    """A run in another directory."""
    return Path(shutil.copytree(made.folder, tmp_path / "elsewhere" / made.folder.name))


def outcomes(found: Verified) -> dict[str, str]:
    return {one.part: one.outcome for one in found.findings}


def test_a_run_that_nobody_touched_agrees_wherever_it_lies(copy: Path) -> None:
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    found = api.verify(copy)
    assert found.ok
    assert outcomes(found) == {
        "identity": "agrees", "responses.parquet": "agrees", "prompts.jsonl": "agrees", "metrics.json": "agrees",
        "tables.json": "agrees", "stored task": "agrees", "prompts": "agrees", "rendered prompts": "unchecked", "task": "agrees",
        "data": "agrees", "split": "agrees", "pilot": "agrees", "test people": "agrees", "plan": "agrees", "answers": "agrees",
        "codes": "agrees", "counts": "agrees", "estimates": "agrees", "tables": "agrees", "manifest": "agrees",
        "config.yaml": "agrees", "report.html": "agrees", "report.md": "agrees", "model": "unchecked", "simulation": "unchecked",
        "rest of the manifest": "unchecked",
    }  # fmt: skip
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def _edited(path: Path, change: Callable[[Any], Any]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content, indent=0) + "\n")


def _answers(folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    table = pd.read_parquet(folder / "responses.parquet")
    change(table).to_parquet(folder / "responses.parquet", index=False)


def _estimate(folder: Path) -> None:
    def change(content: Any) -> None:
        row = next(one for one in content["estimates"] if one["metric"] == "accuracy" and one["value"] is not None)
        row["value"] += 0.01

    _edited(folder / "metrics.json", change)


def _flip(table: pd.DataFrame) -> pd.DataFrame:
    row = table.index[table["item"] == "act"][0]
    table.loc[row, "code"] = "no" if table.loc[row, "code"] == "yes" else "yes"
    return table


def _prompt(folder: Path) -> None:
    path = folder / "prompts.jsonl"
    path.write_text(path.read_text().replace("survey", "study", 1))


def _manifest(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    return lambda folder: _edited(folder / "manifest.json", change)


def _said(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Other words in a file that hold the old ones."""

    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


def _passwd(folder: Path) -> None:
    (folder / "task.yaml").unlink()
    (folder / "task.yaml").symlink_to("/etc/passwd")


#: A card is made of the manifest and the estimates: what changes them makes it another one.
CARD = {"report.html", "report.md"}
CHANGES: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "an estimate": (_estimate, {"metrics.json", "estimates", *CARD}),
    "an answer": (lambda folder: _answers(folder, _flip), {"responses.parquet", "estimates", "tables"}),
    "an answer that is missing": (
        lambda folder: _answers(folder, lambda table: table.iloc[1:]),
        {"responses.parquet", "answers", "counts", "estimates", "tables"},
    ),
    "an answer that is there twice": (
        lambda folder: _answers(folder, lambda table: pd.concat([table, table.iloc[:1]])),
        {"responses.parquet", "answers", "counts", "estimates"},
    ),
    "a code that the item does not have": (
        lambda folder: _answers(folder, lambda table: table.assign(code=["7", *table["code"][1:]])),
        {"responses.parquet", "codes", "estimates", "tables"},
    ),
    "an option": (
        lambda folder: _edited(folder / "manifest.json", lambda made: made["identity"]["options"].update(seed=9)),
        {"identity", "estimates", "tables", "config.yaml"},
    ),
    "an option that the card shows": (
        lambda folder: _edited(folder / "manifest.json", lambda made: made["options"].update(seed=9)),
        {"identity", *CARD},
    ),
    "a model that the card shows": (
        lambda folder: _edited(folder / "manifest.json", lambda made: made["model"]["fingerprint"].update(value="another")),
        {"identity", *CARD},
    ),
    "data that the card shows": (
        lambda folder: _edited(folder / "manifest.json", lambda made: made["data"].update(sha256="0" * 64)),
        {"identity", "manifest", *CARD},
    ),
    "a plan that the card shows": (
        lambda folder: _edited(folder / "manifest.json", lambda made: made["plan"].update(hash="0" * 64)),
        {"identity", "manifest"},
    ),
    "the prompt": (_prompt, {"prompts.jsonl", "prompts", "prompt example"}),
    "the stored task": (
        lambda folder: (folder / "task.yaml").write_text((folder / "task.yaml").read_text().replace("tiny survey", "survey")),
        {"stored task"},
    ),
    "a stored task that is a link to something else": (_passwd, {"stored task"}),
    "words of the card": (_said("report.html", "A tiny survey", "A large survey"), {"report.html"}),
    "words of the card in Markdown": (_said("report.md", "A tiny survey", "A large survey"), {"report.md"}),
    "the model in config.yaml": (_said("config.yaml", "words:words", "words:others"), {"config.yaml"}),
    "an option in config.yaml": (_said("config.yaml", "draws: 2", "draws: 1"), {"config.yaml"}),
    "the command": (_manifest(lambda made: made.update(command="surveyeval run --task other")), {"config.yaml", *CARD}),
    "the limit": (_manifest(lambda made: made.update(limited=None)), {"manifest", *CARD}),
    "whose answers the card says they are": (_manifest(lambda made: made["task"].update(provenance="human")), {"manifest", *CARD}),
    "the licence": (_manifest(lambda made: made["task"].update(licence="MIT")), {"manifest", *CARD}),
    "whether it may stand on a leaderboard": (_manifest(lambda made: made["task"].update(comparable=True)), {"manifest", *CARD}),
    "the margins of equivalence": (_manifest(lambda made: made["task"].update(equivalence={"share": 0.9})), {"manifest", *CARD}),
    "the number of people": (_manifest(lambda made: made["data"].update(n=100_000)), {"manifest", *CARD}),
    "the number of test people": (_manifest(lambda made: made["split"].update(test=4_000)), {"manifest", *CARD}),
    "the number of interviews": (_manifest(lambda made: made["counts"].update(interviews=4_000)), {"counts", *CARD}),
    "warnings about the model": (_manifest(lambda made: made["model"].update(banners=["Safe."])), CARD),
    "the way of asking": (_manifest(lambda made: made["elicitation"].update(distribution=False)), {"manifest", "estimates", *CARD}),
    "the example of a prompt": (
        _manifest(lambda made: made["prompt_example"][0].update(content="Be good.")), {"prompt example", *CARD},
    ),
    "a table": (lambda folder: (folder / "tables.json").write_text("{}\n"), {"tables.json", "tables"}),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_shows(what: str, copy: Path) -> None:
    change, expected = CHANGES[what]
    change(copy)
    found = api.verify(copy)
    assert not found.ok
    differing = {part for part, outcome in outcomes(found).items() if outcome == "differs"}
    # whether the estimates change with an answer depends on the answer; that the file does not. Not all of it is on the card.
    assert differing <= expected
    assert differing >= expected - {"estimates", "tables", *(CARD if expected != CARD and len(expected) > 1 else ())}
    if what in ("an estimate", "an answer that is missing"):
        assert "estimates" in differing


def test_what_a_manifest_says_of_a_task_is_compared_where_its_people_are_not_at_hand(copy: Path, task: Path) -> None:
    text = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(text.replace(str(task), "nowhere"))
    _manifest(lambda made: made["task"].update(provenance="human", comparable=True))(copy)
    found = {one.part: one for one in api.verify(copy).findings}
    assert found["data"].outcome == "unchecked"
    assert found["manifest"].outcome == "differs"
    assert "task.provenance is 'human', and should be 'synthetic'" in found["manifest"].said


def test_a_baseline_is_held_against_what_can_be_built_again(task: Path, tmp_path: Path) -> None:
    """Warnings and the way of asking follow from a model that needs no weights."""
    (one,) = api.run(task=str(task), model="baseline:cell", limit=30, splits=2, output=tmp_path)
    assert api.verify(one).ok
    for change in (
        lambda made: made["model"].update(banners=["Safe."]),
        lambda made: made.update(elicitation={"text": "choice", "name": "choice", "distribution": True}),
        lambda made: made.update(leaves={"to": "elsewhere", "profile": [], "answers": []}),
        lambda made: made["split"].update(removed_training_rows=3),
        lambda made: made.update(limited=29),
    ):
        kept = (one.folder / "manifest.json").read_text()
        _edited(one.folder / "manifest.json", change)
        assert outcomes(api.verify(one.folder))["manifest"] == "differs"
        (one.folder / "manifest.json").write_text(kept)


def test_a_run_of_a_server_is_checked_without_the_server(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its string tells the server; where that comes from elsewhere, and is another one by now, nothing is said to differ."""
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path / "cache"))
    with Server().running() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        (one,) = api.run(task=str(task), model="openai:toy", limit=30, splits=2, output=tmp_path)
    found = api.verify(one)
    assert found.ok
    (manifest,) = [finding for finding in found.findings if finding.part == "manifest"]
    assert "model.banners" in manifest.said
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    found = api.verify(one)
    assert found.ok
    (model,) = [finding for finding in found.findings if finding.part == "model"]
    assert "another server" in model.said


def test_what_only_the_manifest_says_is_listed(copy: Path) -> None:
    (rest,) = [one for one in api.verify(copy).findings if one.part == "rest of the manifest"]
    for name in ("tried", "notes", "created", "finished", "seconds", "environment"):
        assert name in rest.said


def test_a_card_of_another_version_cannot_be_checked(copy: Path) -> None:
    _manifest(lambda made: made.update(surveyeval="0.0.1"))(copy)
    found = {one.part: one for one in api.verify(copy).findings}
    for name in CARD:
        assert (found[name].outcome, "made by version 0.0.1" in found[name].said) == ("unchecked", True)


def test_a_card_stays_right_when_more_is_tried_later(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card says how many configurations were tried until its day; later ones are no difference, fewer than at its start are."""
    monkeypatch.setenv("SURVEYEVAL_CACHE", str(tmp_path / "cache"))
    for name in ("cell", "marginal"):
        api.run(task=str(task), model=f"baseline:{name}", limit=30, splits=2, output=tmp_path / "runs")
    first, second = sorted(api.runs(tmp_path / "runs"), key=lambda one: int(one.manifest["tried"]))
    assert api.verify(first).ok
    assert api.verify(second).ok
    api.report([first])
    assert api.verify(first.folder).ok
    for path in (second.card, second.card.with_suffix(".md")):
        text = path.read_text()
        assert "2 configurations were tried" in text
        text = text.replace(", 1 of them before this run", "").replace(
            "2 configurations were tried", "1 configuration was tried"
        )
        path.write_text(text)
    found = {one.part: one for one in api.verify(second.folder).findings}
    assert found["configurations tried"].outcome == "differs"


def test_people_and_tasks_that_changed_since_are_named(made: Run, task: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(task, moved)
    assert api.verify(made, task=str(moved)).ok
    survey.write(moved, survey.people(100, seed=2))
    found = {one.part: one for one in api.verify(made, task=str(moved)).findings}
    assert found["data"].outcome == "differs"
    assert found["task"].outcome == "agrees"
    assert found["split"].outcome == found["estimates"].outcome == "unchecked"
    survey.write(moved, survey.people(100), title="Another")
    found = {one.part: one for one in api.verify(made, task=str(moved)).findings}
    assert (found["task"].outcome, found["data"].outcome) == ("differs", "agrees")


def test_a_task_that_is_not_there_leaves_what_does_not_need_it(copy: Path) -> None:
    text = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text("\n".join("task: nowhere/task.yaml" if line.startswith("task:") else line
                                                for line in text.splitlines()) + "\n")  # fmt: skip
    found = {one.part: one for one in api.verify(copy).findings}
    assert found["task"].outcome == "unchecked"
    assert "say where with --task" in found["task"].said
    assert found["metrics.json"].outcome == "agrees"
    assert found["estimates"].outcome == "unchecked"


def test_a_task_that_is_not_there_is_not_said_to_agree(tmp_path: Path) -> None:
    """Where its data come with a package, the run's own copy serves for the rest."""
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "task.yaml").write_text((TASKS / "anes96" / "task.yaml").read_text())
    (one,) = api.run(task=str(folder), model="baseline:cell", limit=30, splits=2, output=tmp_path / "runs")
    assert outcomes(api.verify(one))["task"] == "agrees"
    shutil.rmtree(folder)
    found = {one.part: one for one in api.verify(one).findings}
    assert found["task"].outcome == "unchecked"
    assert "the run's own copy is used" in found["task"].said
    assert found["stored task"].outcome == found["data"].outcome == found["estimates"].outcome == "agrees"


def test_the_command_says_it_and_its_exit_code_tells(copy: Path) -> None:
    good = CliRunner().invoke(cli, ["verify", str(copy)])
    assert good.exit_code == 0
    assert "nothing differs" in good.output
    for words in ("metrics.json to the last byte", "Not checked", "surveyeval run --again"):
        assert words in " ".join(good.output.split())
    _estimate(copy)
    bad = CliRunner().invoke(cli, ["verify", str(copy), "--json"])
    assert bad.exit_code == 1
    content = json.loads(bad.stdout)
    assert not content["ok"]
    assert any(one["part"] == "estimates" and "other values of accuracy" in one["said"] for one in content["findings"])
    assert "4 differences" in CliRunner().invoke(cli, ["verify", str(copy)]).output


def test_a_baseline_is_known_by_its_fingerprint(task: Path, tmp_path: Path) -> None:
    (one,) = api.run(task=str(task), model="baseline:cell", limit=30, splits=2, output=tmp_path)
    found = {one.part: one for one in api.verify(one).findings}
    assert found["model"].outcome == "agrees"
    assert found["prompts"].outcome == "unchecked"


# ---- unfinished runs ------------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Three of five blocks of the first draw are answered."""
    with pytest.raises(ModelError):
        run(monkeypatch, task, tmp_path / "runs", Talker(block=8, fails_at=3 * 11 + 2), limit=40, draws=2)
    (one,) = api.runs(tmp_path / "runs")
    return one


def test_an_unfinished_run_is_verified_as_far_as_it_is(stopped: Run) -> None:
    found = api.verify(stopped)
    assert found.ok
    assert outcomes(found)["answers"] == "agrees"
    assert outcomes(found)["estimates"] == "unchecked"
    log = stopped.folder / "responses.log"
    log.write_bytes(log.read_bytes().replace(b'"paired":true', b'"paired":null', 1))
    assert outcomes(api.verify(stopped))["answers"] == "differs"


def test_an_unfinished_run_is_scored_as_far_as_it_is_and_goes_on(
    stopped: Run, made: Run, task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in stopped.folder.iterdir()}
    with pytest.raises(RunError, match=r"answers of this run are not complete.*score --partial"):
        api.score([stopped.folder])
    (part,) = api.score([stopped.folder], partial=True)
    assert part.folder == stopped.folder / "partial"
    assert part.status == "partial"
    assert part.manifest["partial"] == {"people": 24, "of_people": 40, "draws": 1, "of_draws": 2, "failed": 0}
    assert {path.name: path.read_bytes() for path in stopped.folder.iterdir() if path.is_file()} == before
    card = " ".join(part.card.with_suffix(".md").read_text().split())
    assert (
        "Partial run: it is not finished. 24 of 40 test rows are answered, 0 answers failed. Not for quoting." in card
    )
    # the probability that the model gave to the answers of those people alone, averaged by hand
    task_ = load_task(str(task))
    responses = made.responses[(made.responses["draw"] == 0) & (made.responses["item"] == "act")]
    first = responses.iloc[:24].set_index("respondent")["probabilities"]
    people = pd.read_csv(task / "answers.csv", dtype=str).set_index("person")["act"]
    expected = sum(given[["no", "yes"].index(people[person])] for person, given in first.items()) / 24
    rows = part.estimates[(part.estimates["metric"] == "accuracy") & (part.estimates["quantity"] == "estimate")]
    (value,) = rows[(rows["item"] == "act") & (rows["name"] == "accuracy") & (rows["model"] == "words")]["value"]
    assert value == pytest.approx(expected)
    assert {item.name for item in task_.items} >= {"act"}
    assert api.runs(stopped.folder.parent)[0].folder == stopped.folder  # the part is no run of the folder
    (again,) = run(monkeypatch, task, stopped.folder.parent, Talker(block=8), limit=40, draws=2)
    assert again.folder == stopped.folder
    assert (again.folder / "metrics.json").read_bytes() == (made.folder / "metrics.json").read_bytes()


def test_what_cannot_be_scored_in_part_is_said(
    stopped: Run, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="one is scored at a time"):
        api.score([stopped.folder, stopped.folder], partial=True)
    (stopped.folder / "responses.log").write_bytes(b"")
    with pytest.raises(RunError, match="0 of 40 interviews are answered, 4 are needed"):
        api.score([stopped.folder], partial=True)


def test_the_command_scores_a_part(stopped: Run) -> None:
    done = CliRunner().invoke(cli, ["score", "--partial", str(stopped.folder)])
    assert done.exit_code == 0, done.output
    assert "PARTIAL: 24 of 40 are answered: not for quoting." in done.output
