from __future__ import annotations

import pytest

from surveyeval.cli.study_summary import print_study
from tests.grid.fabricated import study

CASES = {
    "full": {},
    "held out": {"holdout": ["arm=b", "group=age_band=35+"], "pilots": {"sizes": ["30", "60"]}, "seeds": [0]},
    "two bases": {
        "bases": ["embedded:smollm2", "hf:organisation/a-model-with-a-long-name"],
        "pilots": {"sizes": ["30"]},
    },
    "nothing": {"without": ("joint_log_loss",), "pilots": {"sizes": ["30"]}},
    "synthetic": {"provenance": "synthetic", "tasks": ["disclosure"], "pilots": {"sizes": ["30", "60"], "draws": 2}},
}


@pytest.fixture
def printed(tmp_path, capsys, monkeypatch):
    def of(case):
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("NO_COLOR", "1")
        print_study(study(tmp_path, **CASES[case]))
        return capsys.readouterr().out

    return of


@pytest.mark.parametrize("case", CASES)
def test_the_summary_of_a_study_fits_and_is_plain_text(printed, case):
    text = printed(case)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text


def test_every_method_has_its_values_by_size_and_their_range(printed, tmp_path):
    lines = printed("full").splitlines()
    head = next(line for line in lines if line.strip().startswith("pilot of"))
    assert head.split()[2:] == ["15", "30", "60", "120"]
    at = next(k for k, line in enumerate(lines) if line.split()[:1] == ["lora"] and len(line.split()) == 4)
    rows = study(tmp_path).estimates
    rows = rows[(rows["metric"] == "joint_log_loss") & (rows["quantity"] == "estimate") & (rows["method"] == "lora")]
    values = [rows.loc[rows["size"] == size, "value"] for size in ("30", "60", "120")]
    assert lines[at].split()[1:] == [f"{one.mean():.2f}" for one in values]
    assert lines[at + 1].split() == [f"{one.min():.2f}-{one.max():.2f}" for one in values]


def test_gains_and_the_break_even_pilot_are_said(printed):
    text = " ".join(printed("full").split())
    assert "With 120 people in the pilot, the fine-tuned model (lora) scores" in text
    assert "base, calibrate=temperature, calibrate=item, examples=4: at most 15; the model adds nothing" in text
    assert "Without probabilities of people's answers, so without log-loss: hotdeck, copula." in text


def test_seen_and_unseen_are_told_apart(printed):
    text = printed("held out")
    assert "lora, arm=b held out: seen " in text
    assert "lora, group=age_band=35+ held out: seen " in text


def test_a_synthetic_study_is_said_to_rank_nobody(printed):
    assert "SYNTHETIC reference: a pipeline check that ranks nobody." in printed("synthetic")
    assert "No joint log-loss: nothing of this kind here." in printed("nothing")
