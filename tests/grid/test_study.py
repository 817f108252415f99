"""Studies from file to estimates: what is compared, what is shared, and what is done only once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from surveyeval import api
from surveyeval.grid.spec import StudySpec
from surveyeval.grid.study import Study, load_study, run_study
from surveyeval.model.baselines import make_baseline
from surveyeval.model.protocol import Interviews
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task

FAST = ("joint_log_loss", "js_distance", "coherence")


def spec_of(**changes: object) -> StudySpec:
    base = {
        "name": "small",
        "title": "Small",
        "tasks": [{"name": "anes96", "profile_set": "core+pid"}],
        "bases": [],
        "baselines": ["uniform", "marginal", "chain", "hotdeck"],
        "pilots": {"sizes": ["40", "all"], "draws": 2},
        "limit": 120,
        "splits": 3,
    }
    return StudySpec.model_validate({**base, **changes})


def run(spec: StudySpec, folder: Path) -> Study:
    metrics = [metric for metric in api.metrics() if metric.spec.name in FAST]
    return run_study(spec, "", folder, metrics=metrics, command="surveyeval study small")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return run(spec_of(), tmp_path_factory.mktemp("study"))


def test_every_design_has_every_method_and_one_reference(study: Study) -> None:
    means = study.means("joint_log_loss", "estimate")
    shown = means[means["status"] == "ok"]
    assert set(shown["method"]) == {"baseline:uniform", "baseline:marginal", "baseline:chain"}
    assert set(shown["n_pilot"]) == {40, 566}
    assert set(shown["runs"]) == {2}
    assert (shown["least"] <= shown["value"]).all()
    assert (shown["value"] <= shown["most"]).all()
    hotdeck = means[means["method"] == "baseline:hotdeck"]
    assert set(hotdeck["status"]) == {"not_applicable"}
    assert hotdeck["reason"].str.contains("no probability").all()
    reference = study.estimates[
        (study.estimates["quantity"] == "reference") & (study.estimates["metric"] == "js_distance")
    ]
    assert reference[(reference["name"] == "js_distance") & (reference["item"] == "")]["value"].nunique() == 1


def test_uniform_has_the_log_loss_of_its_options(study: Study) -> None:
    task = load_task("anes96", profile_set="core+pid")
    means = study.means("joint_log_loss", "estimate")
    uniform = means[means["method"] == "baseline:uniform"]["value"]
    np.testing.assert_allclose(uniform, sum(np.log2(item.k) for item in task.items))


def test_paired_gains_are_differences_of_the_losses(study: Study) -> None:
    gains = study.estimates[
        (study.estimates["quantity"] == "gain_over")
        & (study.estimates["metric"] == "joint_log_loss")
        & (study.estimates["method"] == "baseline:chain")
        & (study.estimates["floor_name"] == "baseline:marginal")
    ].set_index(["size", "draw"])["value"]
    losses = study.estimates[
        (study.estimates["quantity"] == "estimate") & (study.estimates["metric"] == "joint_log_loss")
    ].set_index(["method", "size", "draw"])["value"]
    assert len(gains) == 4
    for (size, draw), gain in gains.items():
        expected = losses["baseline:marginal", size, draw] - losses["baseline:chain", size, draw]
        assert gain == pytest.approx(expected)


def test_the_numbers_are_those_of_an_evaluation_by_hand(study: Study) -> None:
    task = load_task("anes96", profile_set="core+pid")
    human = load_human(task)
    from surveyeval.engine.experiment import split_people

    order = split_people(task, human).order
    boundary = len(order) - round(0.4 * len(order))
    test, pilot = human.sample.take(order[boundary:][:120]), human.sample.take(order[:40])
    chain = make_baseline("chain")
    chain.fit(task, pilot)
    scores = chain.log_prob(Interviews(task, test.without_answers(), np.zeros((120, 4))), test)
    bits = -sum(scores.values()) / np.log(2)
    rows = study.estimates[
        (study.estimates["quantity"] == "estimate")
        & (study.estimates["metric"] == "joint_log_loss")
        & (study.estimates["method"] == "baseline:chain")
        & (study.estimates["size"] == "40")
        & (study.estimates["draw"] == 0)
    ]
    assert rows["value"].tolist() == [pytest.approx(bits.mean())]


def test_what_is_finished_is_read_and_not_done_again(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **options: object) -> None:
        raise AssertionError("compared again")

    monkeypatch.setattr("surveyeval.grid.task_study.evaluate", never)
    again = run(spec_of(), study.folder)
    pd.testing.assert_frame_equal(again.estimates, study.estimates)


def test_a_finished_study_is_opened_from_its_folder(study: Study) -> None:
    (study.folder / "study.yaml").write_text("name: small\ntitle: Small\ntasks: [anes96]\nbaselines: [uniform]\n")
    opened = load_study(study.folder)
    assert len(opened.estimates) == len(study.estimates)
    assert {"method", "metric", "value", "least", "most", "n_pilot"} <= set(opened.table.columns)


def test_cross_fitting_tests_everybody(tmp_path: Path) -> None:
    spec = spec_of(
        tasks=["disclosure"], baselines=["marginal", "cell"], pilots={"sizes": ["all"]}, limit=None, crossfit=3
    )
    found = run(spec, tmp_path)
    rows = found.estimates[found.estimates["metric"] == "joint_log_loss"]
    assert set(rows[rows["quantity"] == "estimate"]["n_human"]) == {929}
    assert set(rows["n_pilot"]) == {round(929 * 2 / 3)}
    model = rows[(rows["quantity"] == "estimate") & (rows["method"] == "baseline:cell")]["value"].iloc[0]
    floor = rows[(rows["quantity"] == "floor") & (rows["model"] == "baseline:cell")]["value"].iloc[0]
    assert model == pytest.approx(floor)  # the floor is cross-fitted in the same way


def test_seen_and_unseen_people_stand_apart(tmp_path: Path) -> None:
    spec = spec_of(
        tasks=["disclosure"], baselines=["marginal"], pilots={"sizes": ["60"]}, limit=None,
        holdout=["arm=a-equal-verified"],
    )  # fmt: skip
    found = run(spec, tmp_path).estimates
    own = found[(found["holdout"] == "arm=a-equal-verified") & (found["metric"] == "joint_log_loss")]
    sizes = own[own["quantity"] == "estimate"].set_index("part")["n_human"].to_dict()
    assert sizes["seen"] + sizes["unseen"] == sizes["all"] == 372
    assert sizes["unseen"] in (46, 47)
    assert set(found[found["holdout"] == ""]["part"]) == {"all"}


def test_language_models_are_trained_calibrated_and_run_once(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="language models are an optional extra")
    from tests.model import tiny

    base = f"hf:{tiny.save('llama', tmp_path / 'llama', positions=2048)}?dtype=float32"
    spec = spec_of(
        bases=[base], methods=["base", "calibrate=item", "examples=1", "lora"], baselines=["marginal"],
        pilots={"sizes": ["10", "16"]}, tuning={"epochs": 1, "dtype": "float32"}, limit=30, splits=2,
    )  # fmt: skip
    found = run(spec, tmp_path / "study")
    means = found.means("joint_log_loss", "estimate")
    values = means.pivot_table(index="method", columns="size", values="value")
    assert set(values.index) == {"base", "calibrate=item", "examples=1", "lora", "baseline:marginal"}
    assert values.loc["base", "10"] == values.loc["base", "16"]  # knows no pilot: one run for both
    assert values.loc["lora", "16"] < values.loc["base", "16"]
    assert len(list((tmp_path / "study" / "runs").glob("*-base-*"))) == 1
    assert len(list((tmp_path / "study" / "adapters").iterdir())) == 2
    assert (means[means["method"] == "lora"]["tokens"] > 0).all()


def test_a_tuned_model_is_known_to_know_the_pilot_of_its_own_design(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="language models are an optional extra")
    from surveyeval.engine import asking
    from tests.model import tiny

    told = []
    original = asking.prepare_model

    def prepare(model, task, pilot, hidden, progress, trained, *rest):
        told.append(trained.tolist())
        return original(model, task, pilot, hidden, progress, trained, *rest)

    monkeypatch.setattr(asking, "prepare_model", prepare)
    base = f"hf:{tiny.save('llama', tmp_path / 'llama', positions=2048)}?dtype=float32"
    spec = spec_of(
        bases=[base], methods=["lora"], baselines=["marginal"], pilots={"sizes": ["10"], "draws": 2},
        tuning={"epochs": 1, "dtype": "float32"}, limit=30, splits=2,
    )  # fmt: skip
    run(spec, tmp_path / "study")
    assert told == [[True] * 10] * 2
