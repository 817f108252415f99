"""Study files and what they expand to."""

from __future__ import annotations

from pathlib import Path

import pytest

from surveyeval import api
from surveyeval.errors import ConfigError
from surveyeval.grid.catalogue import find_study, study_names
from surveyeval.grid.plan import Design, designs, variants
from surveyeval.grid.spec import PilotGrid, StudySpec, read_study, with_changes
from surveyeval.task.load import load_task

RIGHT = """\
name: small
title: A small study
tasks: [anes96, {name: disclosure}]
bases: [embedded:smollm2]
methods: [base, calibrate=item, examples=2, lora]
baselines: [uniform, cell]
pilots:
  sizes: ["30", "0.1", all]
  draws: 2
seeds: [0, 1]
tuning: {epochs: 2, rank: 4}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text)
    return path


def test_a_study_file_is_read(tmp_path: Path) -> None:
    spec = read_study(written(tmp_path, RIGHT))
    assert [task.name for task in spec.tasks] == ["anes96", "disclosure"]
    assert (spec.tuning.epochs, spec.tuning.rank, spec.test) == (2, 4, 0.4)


@pytest.mark.parametrize("name", study_names())
def test_shipped_studies_are_right(name: str) -> None:
    spec = read_study(find_study(name))
    assert spec.name == name
    for choice in spec.tasks:
        task = load_task(choice.name, profile_set=choice.profile_set)
        for design in designs(spec.pilots, spec.baseline_sizes):
            design.hidden(task)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("title: A small study\n", "", 1, "'title' is missing"),
        ("seeds: [0, 1]", "seds: [0, 1]", 10, "there is no field 'seds'; did you mean 'seeds'?"),
        ("examples=2", "examples=two", 5, "'examples=two' is no method"),
        ("uniform, cell", "uniform, sell", 6, "'sell' is not a baseline; did you mean 'cell'?"),
        ("[anes96,", "[anes69,", 3, "'anes69' is not a task; did you mean 'anes96'?"),
        ('"0.1"', '"a tenth"', 8, "'a tenth' is no size"),
        ("draws: 2", "draws: none", 9, "is no whole number"),
        ("epochs: 2", "epochs: 0", 11, "is too small"),
        ("seeds: [0, 1]", "seeds: [0, 1]\ncrossfit: 5\nholdout: [item=vote]", 12, "cannot go with crossfit"),
    ],
)
def test_a_slip_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert old in RIGHT
    with pytest.raises(ConfigError) as caught:
        read_study(written(tmp_path, RIGHT.replace(old, new)))
    assert any(message in str(problem) for problem in caught.value.problems), [str(p) for p in caught.value.problems]
    assert line in {problem.line for problem in caught.value.problems}


def test_changes_stand_in_the_file_that_is_kept(tmp_path: Path) -> None:
    spec = read_study(written(tmp_path, RIGHT))
    assert with_changes(spec) == (spec, None)
    changed, text = with_changes(spec, holdout=["item=vote"], limit=40)
    assert (changed.holdout, changed.limit, changed.seeds) == (["item=vote"], 40, spec.seeds)
    assert text is not None
    assert read_study(written(tmp_path, text)) == changed
    with pytest.raises(ConfigError, match="cannot go together"):
        with_changes(changed, crossfit=5)


def test_what_is_held_out_may_be_given_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generator is used up by whoever reads it first; both the study and its command need it."""

    class Asked(Exception):  # noqa: N818 - no error
        pass

    def asked(spec: StudySpec, text: str, folder: Path, *, command: str, **other: object) -> None:
        raise Asked(spec.holdout, command)

    monkeypatch.setattr("surveyeval.grid.study.run_study", asked)
    file = written(tmp_path, RIGHT)
    with pytest.raises(Asked) as caught:
        api.study(file, holdout=(held for held in ("item=vote", "arm=b")))
    assert caught.value.args == (
        ["item=vote", "arm=b"],
        f"surveyeval study {file} --holdout item=vote --holdout arm=b",
    )


def test_an_unknown_study_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean 'anes96'"):
        find_study("anes69")


def test_a_full_grid_has_every_combination_once() -> None:
    grid = PilotGrid(sizes=["30", "60"], scopes=["all", "arm=x"], balances=["random", "party"], draws=3)
    found = list(designs(grid, ["60", "240"]))
    own = [design for design in found if not design.baselines_only]
    assert len(own) == len(set(own)) == 2 * 2 * 2 * 3
    further = [design for design in found if design.baselines_only]
    assert {(design.size, design.draw) for design in further} == {("240", draw) for draw in range(3)}


def test_a_grid_that_is_not_full_varies_one_thing_at_a_time() -> None:
    grid = PilotGrid(
        sizes=["0.25", "all"], scopes=["all", "arm=x"], balances=["random", "b"], profiles=["shown", "none"], full=False
    )
    assert list(designs(grid, [])) == [
        Design("0.25"),
        Design("all"),
        Design("all", scope="arm=x"),
        Design("all", balance="b"),
        Design("all", profile="none"),
    ]


def test_variants_of_a_design(tmp_path: Path) -> None:
    spec = read_study(written(tmp_path, RIGHT))
    found = variants(spec, Design("30"))
    assert [(v.method, v.seed) for v in found] == [
        ("baseline:uniform", None),
        ("baseline:cell", None),
        ("base", None),
        ("calibrate=item", None),
        ("examples=2", None),
        ("lora", 0),
        ("lora", 1),
    ]
    assert [v.method for v in variants(spec, Design("240", baselines_only=True))] == [
        "baseline:uniform",
        "baseline:cell",
    ]


def test_hidden_fields_of_a_design_are_checked() -> None:
    task = load_task("disclosure")
    assert Design("1", profile="hide:age+gender").hidden(task) == ("age", "gender")
    assert Design("1", profile="none").hidden(task) == ("age", "gender", "ethnicity", "education")
    with pytest.raises(ConfigError, match="did you mean 'gender'"):
        Design("1", profile="hide:gendre").hidden(task)


def test_the_specification_needs_no_language_model() -> None:
    spec = StudySpec(name="x", title="x", tasks=["anes96"], baselines=["cell"])  # type: ignore[list-item]
    assert [v.method for v in variants(spec, Design("30"))] == ["baseline:cell"]
