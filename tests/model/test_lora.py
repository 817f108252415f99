"""Adapters beside each other on one base, and who may test them."""

from __future__ import annotations

import gc
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval import api
from surveyeval.errors import ModelError
from surveyeval.model.build import build_model
from surveyeval.model.hf import HFModel
from surveyeval.model.protocol import Request
from surveyeval.task.interview import Message
from tests.model import tiny
from tests.tuning import survey

torch = pytest.importorskip("torch", reason="language models are an optional extra")

EXACT = "?dtype=float32&device=cpu"
QUICK: dict[str, Any] = {"pilot": 20, "epochs": 1, "batch_tokens": 4096, "dtype": "float32", "device": "cpu", "rank": 2}
#: Adapters with layers of their own, and with shared ones.
TARGETS = ("q_proj", "v_proj,up_proj", "attention")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save("llama", tmp_path_factory.mktemp("base") / "tiny-llama")


@pytest.fixture(scope="module")
def adapters(base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Adapters that PEFT alone made, with weights that change much."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folders = []
    for number, target in enumerate(TARGETS):
        names = ["q_proj", "k_proj", "v_proj", "o_proj"] if target == "attention" else target.split(",")
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        wrapped = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=2 + number, target_modules=names))
        generator = torch.Generator().manual_seed(number)
        for weight in wrapped.parameters():
            if weight.requires_grad:
                weight.data = torch.randn(weight.shape, generator=generator)
        folders.append(tmp_path_factory.mktemp("adapter") / f"a{number}")
        wrapped.save_pretrained(folders[-1])
    return folders


def requests(step: int = 0) -> list[Request]:
    made = []
    for number in range(3):
        turns = [Message("system", "You are in a survey."), Message("user", f"{'x' * number} Very good or bad?")]
        for _ in range(step):
            turns += [Message("assistant", "A"), Message("user", "agree?")]
        made.append(Request(f"r{number}", tuple(turns), ("A", "B", "C")))
    return made


def merged(base: Path, adapter: Path | None) -> np.ndarray:
    """Log-probabilities by transformers and PEFT alone, a model for each adapter, its weights merged into the base's."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = plain if adapter is None else PeftModel.from_pretrained(plain, adapter).merge_and_unload()
    words = build_model(f"hf:{base}{EXACT}").model
    assert isinstance(words, HFModel)
    rows = []
    for request in requests():
        prompt, options = words.tokens(request)
        with torch.no_grad():
            log_p = torch.log_softmax(model.eval()(torch.tensor([prompt])).logits[0, -1].double(), dim=-1)
        rows.append([float(log_p[option[0]]) for option in options])
    return np.array(rows)


def scores(model: Any, step: int = 0) -> np.ndarray:
    return np.array([one.log_prob for one in model.score(requests(step))])


def of(base: Path, adapter: Path | None) -> Any:
    return build_model(f"hf:{base}{EXACT}" if adapter is None else f"lora:{adapter}{EXACT}&base=hf:{base}").model


@pytest.mark.parametrize("order", [[0, None, 1, 2], [None, 2, 1, 0], [1, 0, None, 2], [2, 1, 0, None]])
def test_adapters_and_base_share_weights_and_leave_each_other_alone(
    order: list[int | None], base: Path, adapters: list[Path]
) -> None:
    """Whichever is loaded and asked first, every answer is that of a separately loaded, merged model."""
    chosen = [None if number is None else adapters[number] for number in order]
    expected = [merged(base, adapter) for adapter in chosen]
    assert min(np.abs(one - other).max() for i, one in enumerate(expected) for other in expected[:i]) > 0.1
    models = []
    for model_number, adapter in enumerate(chosen):  # one after the other, as in a run
        models.append(of(base, adapter))
        models[-1].load()
        np.testing.assert_allclose(scores(models[-1]), expected[model_number], atol=1e-4)
    assert len({id(model.loaded) for model in models}) == 1
    for _ in range(2):  # and in turns
        for model, wanted in zip(models, expected, strict=True):
            np.testing.assert_allclose(scores(model), wanted, atol=1e-4)
    bare = models[order.index(None)]
    np.testing.assert_array_equal(scores(bare), scores(build_separately(base)))


def build_separately(base: Path) -> Any:
    """The base without any adapter near it."""
    from surveyeval.model.loaded import Loaded

    model = of(base, None)
    weights, words = model.read(torch.float32)
    model.load()
    model._loaded = Loaded(weights.eval(), words)
    return model


def test_loading_one_does_not_change_another_that_is_in_use(base: Path, adapters: list[Path]) -> None:
    first, bare = of(base, adapters[0]), of(base, None)
    expected = merged(base, adapters[0]), merged(base, None)
    for later in adapters[1:]:
        np.testing.assert_allclose(scores(first), expected[0], atol=1e-4)
        model = of(base, later)
        model.load()  # not asked yet
        np.testing.assert_allclose(scores(first), expected[0], atol=1e-4)
        another = of(base, adapters[0])
        another.load()
        np.testing.assert_allclose(scores(bare), expected[1], atol=1e-4)


def test_caches_of_interviews_are_not_mixed_up(base: Path, adapters: list[Path]) -> None:
    one, other = of(base, adapters[0]), of(base, adapters[1])
    scores(one), scores(other)
    grown = scores(one, 1), scores(other, 1)
    np.testing.assert_allclose(grown[0], scores(of(base, adapters[0]), 1), atol=1e-4)
    np.testing.assert_allclose(grown[1], scores(of(base, adapters[1]), 1), atol=1e-4)


def test_one_copy_of_the_weights_is_in_memory(base: Path, adapters: list[Path]) -> None:
    models = [of(base, adapter) for adapter in (None, *adapters)]
    for model in models:
        model.load()
    gc.collect()
    shape = (models[0]._model.config.vocab_size, models[0]._model.config.hidden_size)
    embeddings = {id(layer.weight) for model in models for layer in [model._model.get_input_embeddings()]}
    assert len(embeddings) == 1
    assert tuple(models[0]._model.get_input_embeddings().weight.shape) == shape


def test_the_fingerprint_knows_base_and_adapter(base: Path, adapters: list[Path]) -> None:
    prints = [of(base, adapter).fingerprint().value for adapter in (None, *adapters)]
    assert len(set(prints)) == 4
    assert of(base, adapters[0]).fingerprint().value == prints[1]


# ---- what surveyeval.json says ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return survey.write(tmp_path_factory.mktemp("survey"))


@pytest.fixture(scope="module")
def trained(folder: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("trained") / "adapter"
    api.finetune(task=str(folder), base=f"hf:{base}", output=output, **QUICK)
    return output


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "copied"))


def edit(adapter: Path, change: Any) -> None:
    path = adapter / "surveyeval.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def test_its_card_tells_how_it_was_trained(trained: Path, base: Path) -> None:
    model = build_model(f"lora:{trained}").model
    told = model.fingerprint().details["adapter"]
    assert (told["base"], told["pilot"], told["objective"], told["epochs"]) == ("hf:tiny-llama", 20, "answers", 1)
    assert told["arms"] == ["c", "t"]
    assert told["loss"]
    assert str(base.parent) not in json.dumps(model.fingerprint().details)
    assert model.banners() == ()


def test_without_a_record_the_training_rows_are_unknown(copied: Path, base: Path, folder: Path) -> None:
    (copied / "surveyeval.json").unlink()
    model = build_model(f"lora:{copied}?base=hf:{base}").model
    assert "Training rows unknown" in model.banners()[0]
    task, human, _ = survey.load(folder)
    assert not model.trained_on(task, human).any()
    # the name in PEFT's own file is no place on this machine
    with pytest.raises(ModelError, match=r"(?s)its base 'hf:tiny-llama' cannot be used.*give it with .base=hf:PATH"):
        build_model(f"lora:{copied}")
    (copied / "adapter_config.json").write_text(
        json.dumps({**json.loads((copied / "adapter_config.json").read_text()), "base_model_name_or_path": None})
    )
    with pytest.raises(ModelError, match=r"does not name its base model.*add .base=hf:NAME"):
        build_model(f"lora:{copied}")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text('{"base": {'),
        lambda path: path.write_text("[]"),
        lambda path: path.write_text('"text"'),
        lambda path: path.write_bytes(b"\xff\xfe\x00"),
        lambda path: path.write_text(json.dumps({"base": {"model": "hf:x"}})),
        lambda path: path.write_text(
            json.dumps({**json.loads(path.read_text()), "pilot": {"salt": "x", "hashes": []}})
        ),
        lambda path: path.write_text(
            json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "data"})
        ),
    ],
)
def test_a_damaged_record_is_refused_rather_than_ignored(damage: Any, copied: Path) -> None:
    damage(copied / "surveyeval.json")
    with pytest.raises(ModelError, match=r"surveyeval.json: is damaged.*it needs base.model") as caught:
        build_model(f"lora:{copied}")
    assert len(caught.value.problems) == 1


def test_a_wrong_or_missing_base_is_named(copied: Path, base: Path, tmp_path: Path) -> None:
    other = tiny.save("qwen2", tmp_path / "other")
    edit(copied, lambda record: record["base"].update(model=f"hf:{other}"))
    with pytest.raises(ModelError, match=r"other' is not the one the adapter was trained on: hash \w{12}, trained on"):
        build_model(f"lora:{copied}")
    edit(copied, lambda record: record["base"].update(model=f"hf:{tmp_path / 'gone'}"))
    with pytest.raises(ModelError, match=r"(?s)its base .*gone' cannot be used.*where the base lies elsewhere"):
        build_model(f"lora:{copied}")
    moved = build_model(f"lora:{copied}?base=hf:{shutil.copytree(base, tmp_path / 'moved')}").model
    assert moved.banners() == ()
    assert "not the one" in build_model(f"lora:{copied}?base=hf:{other}").model.banners()[0]
    edit(copied, lambda record: record["base"].update(model="baseline:cell"))
    with pytest.raises(ModelError, match="'baseline:cell' cannot be used: is no transformers model"):
        build_model(f"lora:{copied}")


def test_an_adapter_that_does_not_fit_its_base_is_refused(copied: Path, adapters: list[Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = copied / "adapter_model.safetensors"
    weights = load_file(path)
    for change in (
        {name: weight for name, weight in weights.items() if "layers.1" not in name},
        {name: torch.cat([weight, weight]) for name, weight in weights.items()},
    ):
        save_file(change, path)
        with pytest.raises(ModelError, match=r"adapter does not load: it does not fit the base|lacks weights"):
            build_model(f"lora:{copied}{EXACT}").model.load()
    path.unlink()
    with pytest.raises(ModelError, match="adapter does not load"):
        build_model(f"lora:{copied}{EXACT}").model.load()


@pytest.mark.parametrize("held", [None, 1])
@pytest.mark.parametrize("damage", ["half the shapes", "no file"])
def test_one_that_is_refused_leaves_others_alone(
    damage: str, held: int | None, copied: Path, base: Path, adapters: list[Path]
) -> None:
    from safetensors.torch import load_file, save_file

    inside = None if held is None else adapters[held]
    in_use = of(base, inside)  # keeps the base in memory
    before = scores(in_use)
    path = copied / "adapter_model.safetensors"
    weights = {name: weight + 1 for name, weight in load_file(path).items()}
    path.unlink()
    if damage == "half the shapes":  # the other half is put on the base before it is refused
        save_file({n: torch.cat([w, w]) if "layers.1" in n else w for n, w in weights.items()}, path)
    with pytest.raises(ModelError, match="adapter does not load"):
        build_model(f"lora:{copied}{EXACT}").model.load()
    np.testing.assert_array_equal(scores(in_use), before)
    np.testing.assert_allclose(scores(of(base, adapters[0])), merged(base, adapters[0]), atol=1e-4)
    np.testing.assert_allclose(scores(of(base, None)), merged(base, None), atol=1e-4)


def own_hashes(adapter: Path, names: Any) -> set[str]:
    record = json.loads((adapter / "surveyeval.json").read_text())["pilot"]
    found = {name: hashlib.sha256(f"{record['salt']}:{name}".encode()).hexdigest() for name in names}
    return {name for name, value in found.items() if value in record["hashes"]}


@pytest.mark.parametrize("design", [{"pilot": 20}, {"pilot": 90}, {"pilot": 30, "scope": "arm=t"},
                                    {"pilot": 20, "balance": "group"}])  # fmt: skip
def test_people_trained_on_are_never_test_people(
    design: dict[str, Any], folder: Path, base: Path, tmp_path: Path
) -> None:
    api.finetune(task=str(folder), base=f"hf:{base}", output=tmp_path / "a", **{**QUICK, **design})
    result = api.run(
        task=str(folder),
        model=["baseline:uniform", f"lora:{tmp_path / 'a'}{EXACT}"],
        splits=2,
        output=tmp_path / "runs",
    )
    _, human, split = survey.load(folder)
    trained_on = own_hashes(tmp_path / "a", human.sample.respondent)
    assert len(trained_on) == design["pilot"]
    for run in result:  # the baseline beside it is tested on the same people
        tested = set(run.responses["respondent"])
        assert not tested & trained_on
        assert tested == set(human.sample.respondent[split.test]) - trained_on
        removed = len(trained_on & set(human.sample.respondent[split.test]))
        assert run.manifest["split"]["removed_training_rows"] == removed
        assert removed == 0 or design["pilot"] > 20


def answers_by(folder: Path, adapter: Path, base: Path) -> set[str]:
    result = api.run(task=str(folder), model=f"lora:{adapter}{EXACT}&base=hf:{base}", splits=2, output=folder / "runs")
    return set(result[0].responses["respondent"])


def test_data_that_changed_are_refused_where_people_are_row_numbers(base: Path, tmp_path: Path) -> None:
    rows = survey.people()
    by_row = survey.write(tmp_path / "by_row", rows, source={"id": None})
    api.finetune(task=str(by_row), base=f"hf:{base}", output=tmp_path / "a", **QUICK)
    assert answers_by(by_row, tmp_path / "a", base)
    survey.write(tmp_path / "by_row", rows[1:], source={"id": None})
    with pytest.raises(ModelError, match=r"other data of this task.*no column of identifiers; use the task and data"):
        answers_by(by_row, tmp_path / "a", base)
    # and where the identifiers came later, nobody knows which row was which
    survey.write(tmp_path / "by_row", rows[1:])
    with pytest.raises(ModelError, match="other data of this task"):
        answers_by(by_row, tmp_path / "a", base)


def test_data_that_changed_are_fine_where_people_have_identifiers(base: Path, tmp_path: Path) -> None:
    rows = survey.people()
    folder = survey.write(tmp_path / "by_id", rows)
    api.finetune(task=str(folder), base=f"hf:{base}", output=tmp_path / "a", **QUICK)
    survey.write(folder, [*rows[::-1][3:], {**rows[0], "person": "new"}])
    _, human, _ = survey.load(folder)
    trained_on = own_hashes(tmp_path / "a", human.sample.respondent)
    assert 15 <= len(trained_on) <= 20
    assert not answers_by(folder, tmp_path / "a", base) & trained_on
    survey.write(folder, rows, source={"id": None})
    with pytest.raises(ModelError, match="no column of identifiers"):
        answers_by(folder, tmp_path / "a", base)


def test_another_task_on_the_same_data_leaves_the_pilot_out_as_well(base: Path, tmp_path: Path) -> None:
    rows = survey.people()
    first, second = survey.write(tmp_path / "one", rows), survey.write(tmp_path / "two", rows, name="tiny-second")
    api.finetune(task=str(first), base=f"hf:{base}", output=tmp_path / "a", **QUICK)
    _, human, split = survey.load(second)
    trained_on = own_hashes(tmp_path / "a", human.sample.respondent)
    assert trained_on & set(human.sample.respondent[split.test])  # another split
    assert not answers_by(second, tmp_path / "a", base) & trained_on
    without = survey.write(tmp_path / "three", rows, name="tiny-third", source={"id": None})
    with pytest.raises(ModelError, match="was trained on these data, and people cannot be told apart"):
        answers_by(without, tmp_path / "a", base)
    # other people altogether
    elsewhere = survey.write(tmp_path / "four", survey.people(seed=5), name="tiny-fourth", source={"id": None})
    assert answers_by(elsewhere, tmp_path / "a", base)


def test_a_record_of_people_who_are_not_there_is_refused(copied: Path, folder: Path) -> None:
    edit(copied, lambda record: record["pilot"].update(hashes=["0" * 64]))
    task, human, _ = survey.load(folder)
    with pytest.raises(ModelError, match="1 of the 1 people it was trained on are not in these data"):
        build_model(f"lora:{copied}").model.trained_on(task, human)


def test_nobody_left_to_test_is_an_error(base: Path, folder: Path, tmp_path: Path) -> None:
    api.finetune(task=str(folder), base=f"hf:{base}", output=tmp_path / "a", **{**QUICK, "pilot": 159})
    people = answers_by(folder, tmp_path / "a", base)
    assert len(people) == 1


def test_what_is_asked_otherwise_than_it_was_trained_stands_on_the_card(
    base: Path, folder: Path, tmp_path: Path
) -> None:
    task, _, _ = survey.load(folder)
    field = next(iter(task.profile))
    api.finetune(task=str(folder), base=f"hf:{base}", output=tmp_path / "a", **{**QUICK, "hide": [field]})
    model = build_model(f"lora:{tmp_path / 'a'}{EXACT}").model
    assert list(model.cautions(task, frozenset([field]))) == []
    assert list(model.cautions(task, frozenset())) == [f"Profile fields shown, but not in training: {field}."]
    run = api.run(task=str(folder), model=f"lora:{tmp_path / 'a'}{EXACT}", splits=2, output=tmp_path / "runs")[0]
    assert f"Profile fields shown, but not in training: {field}." in run.manifest["model"]["banners"]
    assert "shown, but not in training" in run.card.read_text()
