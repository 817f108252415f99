"""From a pilot to an adapter folder: what it holds, when it is refused, and that a kill does not show."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval import api
from surveyeval.data.files import held
from surveyeval.errors import CapabilityError, ConfigError, ModelError, SurveyevalError
from surveyeval.model import host
from surveyeval.model.baselines import make_baseline
from surveyeval.model.build import build_model
from surveyeval.model.protocol import Interviews
from surveyeval.tuning import finetune as module
from surveyeval.tuning.finetune import Adapter
from tests.model import tiny
from tests.tuning import survey
from tests.tuning.test_trainer import Notes

torch = pytest.importorskip("torch", reason="language models are an optional extra")

QUICK: dict[str, Any] = {"pilot": 20, "epochs": 2, "batch_tokens": 600, "dtype": "float32", "device": "cpu", "rank": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return survey.write(tmp_path_factory.mktemp("survey"))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save("llama", tmp_path_factory.mktemp("base") / "tiny-llama")


def tune(folder: Path, base: Path | str, output: Path, **options: Any) -> Adapter:
    string = base if isinstance(base, str) else f"hf:{base}"
    return api.finetune(task=str(folder), base=string, output=output, **{**QUICK, **options})


@pytest.fixture(scope="module")
def adapter(folder: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    return tune(folder, base, tmp_path_factory.mktemp("adapter") / "a", learning_rate=0.02)


def test_the_folder_holds_what_peft_reads_and_where_it_comes_from(adapter: Adapter, base: Path, folder: Path) -> None:
    assert {path.name for path in adapter.folder.iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors", "surveyeval.json", "README.md"}  # fmt: skip
    assert [path.name for path in adapter.folder.parent.iterdir()] == [adapter.folder.name]  # no checkpoint is left
    record = json.loads((adapter.folder / "surveyeval.json").read_text())
    assert record == adapter.record
    task, human, split = survey.load(folder)
    assert record["base"] == {"model": f"hf:{base}", "hash": build_model(f"hf:{base}").model.weights_hash()}
    assert (record["task"]["name"], record["task"]["hash"]) == ("tiny-survey", task.content_hash)
    assert record["data"] == {"sha256": human.sha256, "provenance": "synthetic", "identifiers": "column"}
    assert (record["device"], record["dtype"], record["options"]["rank"]) == ("cpu", "float32", 2)
    assert len(record["loss"]) == record["cost"]["steps"] > 2
    assert record["loss"][-1]["epoch"] == record["epochs"] == 2
    for name in ("adapter_config.json", "README.md"):  # files that are published name no folder of this machine
        assert str(base.parent) not in (adapter.folder / name).read_text()
    everything = (adapter.folder / "surveyeval.json").read_text() + (adapter.folder / "README.md").read_text()
    assert not any(str(name) in everything for name in human.sample.respondent[split.order[:20]])


def test_peft_loads_it_on_a_plain_base(adapter: Adapter, base: Path, folder: Path) -> None:
    """PEFT and transformers alone, merged, give the option probabilities that a run gets."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    merged = PeftModel.from_pretrained(plain, adapter.folder).merge_and_unload().eval()
    task, human, split = survey.load(folder)
    people = human.sample.take(split.test[:5])
    model = build_model(f"{adapter.model}?dtype=float32&device=cpu").model
    tables = host.forced(model, task, people, frozenset(), host.Preparation())
    untrained = build_model(f"hf:{base}?dtype=float32&device=cpu").model
    before = host.forced(untrained, task, people, frozenset(), host.Preparation())
    for row in module.make_rows(untrained, task, people, frozenset()):
        with torch.no_grad():
            logits = merged(torch.tensor([row.tokens])).logits[0].double()
        for j, item in enumerate(task.items):
            letters = [untrained.encode(letter)[0] for letter in "ABC"[: item.k]]
            p = torch.softmax(logits[row.labels[2 * j][0]][letters], dim=-1).numpy()
            np.testing.assert_allclose(tables[item.name][row.person], p, atol=1e-4)
    moved = [np.abs(tables[item.name] - before[item.name]).max() for item in task.items]
    assert max(moved) > 0.05


def test_training_raises_the_likelihood_of_the_pilot(folder: Path, base: Path, tmp_path: Path) -> None:
    tuned = tune(folder, base, tmp_path / "a", learning_rate=0.02, epochs=12)
    task, human, split = survey.load(folder)
    people = human.sample.take(split.order[:20])
    asked = Interviews(task, people.without_answers(), np.zeros((20, len(task.items))))
    before, after = (
        np.mean(list(host.log_prob(build_model(f"{string}?dtype=float32").model, asked, people).values()))
        for string in (f"hf:{base}", tuned.model)
    )
    assert after > before + 0.2


def test_the_same_call_shows_it_and_other_options_are_refused_by_name(
    adapter: Adapter, folder: Path, base: Path, tmp_path: Path
) -> None:
    stamp = (adapter.folder / "adapter_model.safetensors").stat().st_mtime_ns
    notes = Notes()
    shown = tune(folder, base, adapter.folder, learning_rate=0.02, progress=notes)
    assert shown.record == adapter.record
    assert "found finished adapter" in notes.notes[0]
    other = survey.write(tmp_path / "other", title="Another title")
    for given, message in (
        ({"learning_rate": 0.03}, "learning_rate 0.02 and not 0.03 differs"),
        ({"learning_rate": 0.02, "rank": 4, "epochs": 3}, "rank 2 and not 4, epochs 2 and not 3 differs"),
        ({"learning_rate": 0.02, "pilot": 21}, "the pilot differs"),
        ({"learning_rate": 0.02, "hide": ("age",)}, "the pilot differs"),
        ({"learning_rate": 0.02, "dtype": "bfloat16"}, "the dtype, dtype float32 and not bfloat16 differs"),
    ):
        with pytest.raises(ConfigError, match=f"holds another adapter: {message}; choose another --output, or --again"):
            tune(folder, base, adapter.folder, **given)
    with pytest.raises(ConfigError, match="the task file differs"):
        tune(other, base, adapter.folder, learning_rate=0.02)
    with pytest.raises(ConfigError, match="the base differs"):
        tune(folder, tiny.save("gpt2", tmp_path / "gpt2"), adapter.folder, learning_rate=0.02)
    assert (adapter.folder / "adapter_model.safetensors").stat().st_mtime_ns == stamp


def test_again_trains_anew_to_the_same_bytes_and_replaces_another(folder: Path, base: Path, tmp_path: Path) -> None:
    first = tune(folder, base, tmp_path / "a")
    bytes_of = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    notes = Notes()
    second = tune(folder, base, tmp_path / "a", again=True, progress=notes)
    assert any(title == "training" for title, _ in notes.counted)
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (second.folder / name).read_bytes() == bytes_of[name]
    assert second.loss == first.loss
    third = tune(folder, base, tmp_path / "a", again=True, seed=1)
    assert (third.folder / "adapter_model.safetensors").read_bytes() != bytes_of["adapter_model.safetensors"]


def test_two_trainings_into_one_folder_do_not_mix(folder: Path, base: Path, tmp_path: Path) -> None:
    with held(tmp_path / ".a.lock") as alone:
        assert alone
        with pytest.raises(ModelError, match="another process is training this adapter"):
            tune(folder, base, tmp_path / "a")
    assert not (tmp_path / "a").exists()
    assert tune(folder, base, tmp_path / "a").folder.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_of_something_else_is_left_alone(folder: Path, base: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "surveyeval.json").write_text('{"identity": ')
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "surveyeval.json").write_text("[1, 2]")
    (tmp_path / "file").write_text("x")
    for again in (False, True):
        for name, message in (
            ("mine", "exists and holds no surveyeval.json"),
            ("damaged", "is damaged"),
            ("list", "is damaged"),
            ("file", "is no folder"),
        ):
            with pytest.raises(ConfigError, match=message):
                tune(folder, base, tmp_path / name, again=again)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "x"
    (tmp_path / "empty").mkdir()
    assert tune(folder, base, tmp_path / "empty", pilot=4, epochs=1).folder == tmp_path / "empty"


def test_an_interrupted_training_of_other_options_is_said_and_not_used(
    folder: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*given: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "save_adapter", interrupt)
        with pytest.raises(KeyboardInterrupt):
            tune(folder, base, tmp_path / "a", seed=9)
    assert (tmp_path / ".a.checkpoint").exists()
    notes = Notes()
    tuned = tune(folder, base, tmp_path / "a", progress=notes)
    assert any(".a.checkpoint is the checkpoint of another training, or damaged: it is written over" in note
               for note in notes.notes)  # fmt: skip
    assert not any("continuing" in note for note in notes.notes)
    clean = tune(folder, base, tmp_path / "b")
    name = "adapter_model.safetensors"
    assert (tuned.folder / name).read_bytes() == (clean.folder / name).read_bytes()
    assert tuned.loss == clean.loss


CHILD = """
import sys
from surveyeval import api
from surveyeval.tuning import trainer

trainer.CHECKPOINT_EVERY = 0.0

class Loud:
    def phase(self, title, total): pass
    def note(self, text): print(text, flush=True)
    def finish(self): pass
    def advance(self, steps=1):
        if steps == 1:
            print("step", flush=True)

task, base, output = sys.argv[1:]
api.finetune(task=task, base=base, output=output, progress=Loud(), pilot=20, epochs=3, batch_tokens=400,
             dtype="float32", device="cpu", rank=2, dropout=0.1)
"""


@pytest.mark.slow
def test_killed_by_the_system_at_random_steps_it_ends_the_same(folder: Path, base: Path, tmp_path: Path) -> None:
    def child(output: str, kill_after: int | None) -> list[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder), f"hf:{base}", str(tmp_path / output)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if lines.count("step") == kill_after:
                process.send_signal(signal.SIGKILL)
        process.stdout.close()
        assert process.wait() == (0 if kill_after is None else -signal.SIGKILL)
        return lines

    total = child("unbroken", None).count("step")
    rng = np.random.default_rng(int(os.environ.get("KILL_SEED", "4")))
    for kill_after in rng.integers(1, total // 3, size=3):
        child("broken", int(kill_after))
        assert not (tmp_path / "broken").exists()
    last = child("broken", None)
    assert "continuing from the last checkpoint" in last
    assert last.count("step") < total
    one, other = tmp_path / "unbroken", tmp_path / "broken"
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    records = [json.loads((path / "surveyeval.json").read_text()) for path in (one, other)]
    assert records[0]["loss"] == records[1]["loss"]
    assert records[0]["identity"] == records[1]["identity"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "unbroken"]


@pytest.mark.parametrize("stop", ["early", "cv"])
def test_choosing_an_epoch_needs_a_hundred_people(stop: str, folder: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=f"--stop {stop} would choose an epoch with 4 people held out; use --stop fixed"
    ):
        tune(folder, base, tmp_path / "a", stop=stop)
    tuned = tune(folder, base, tmp_path / "a", stop=stop, pilot=100, batch_tokens=4096)
    assert tuned.record["pilot"]["people"] == len(tuned.record["pilot"]["hashes"]) == 100  # those held out as well
    validated = [point for point in tuned.loss if point["validation"] is not None]
    assert [point["epoch"] for point in validated] == [1.0, 2.0][: len(validated)]
    assert 1 <= tuned.record["epochs"] <= 2
    # what the folds cost is counted
    assert tuned.record["cost"]["steps"] > len(tuned.loss) if stop == "cv" else True


def test_people_without_answers_do_not_count_when_an_epoch_is_chosen(base: Path, tmp_path: Path) -> None:
    rows = survey.people()
    for row in rows[:100]:
        row["trust"] = "9"
    folder = survey.write(tmp_path / "survey", rows)
    with pytest.raises(ConfigError, match="--stop early would choose"):
        tune(folder, base, tmp_path / "a", stop="early", pilot=120)
    for row in rows:
        row["trust"] = "9"
    with pytest.raises(ModelError, match="nobody of the pilot answered the first item"):
        tune(survey.write(tmp_path / "nobody", rows), base, tmp_path / "a")


def test_the_distribution_comes_from_the_cells_of_the_pilot_alone(
    folder: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}
    make_rows = module.make_rows

    def spy(model: Any, task: Any, people: Any, hidden: Any, targets: Any = None) -> Any:
        seen.update(people=people, targets=targets)
        return make_rows(model, task, people, hidden, targets)

    monkeypatch.setattr(module, "make_rows", spy)
    task, _, _ = survey.load(folder)
    for hidden in ((), ("group",)):
        tuned = tune(folder, base, tmp_path / f"d{len(hidden)}", objective="distribution", balance="group", hide=hidden)
        people, targets = seen["people"], seen["targets"]
        weight = people.weight
        arms = people.arm
        cells = people.profile["group"] if not hidden else np.full(people.n, "all")
        for item in task.items:
            chosen = people.answers[item.name]
            for row in range(people.n):
                in_arm = np.bincount(chosen[arms == arms[row]], weight[arms == arms[row]], item.k) + 0.5
                both = (arms == arms[row]) & (cells == cells[row])
                mixed = np.bincount(chosen[both], weight[both], item.k) + 10 * in_arm / in_arm.sum()
                np.testing.assert_allclose(targets[item.name][row], mixed / mixed.sum())
        assert tuned.record["options"]["objective"] == "distribution"
    assert make_baseline("cell").name == "cell"  # the baseline of that name is what was written out here
    assert np.ptp(weight) > 0


def test_options_that_define_the_text_go_with_the_adapter(folder: Path, base: Path, tmp_path: Path) -> None:
    """Trained on a plain form, an adapter is scored in it; what is given beside it wins."""
    tuned = tune(folder, f"hf:{base}?template=plain", tmp_path / "a")
    assert build_model(tuned.model).model.options.template == "plain"
    assert build_model(f"{tuned.model}?template=auto").model.options.template == "auto"
    messages = [module_message("user", "Very good or bad?")]
    assert build_model(tuned.model).model.render(messages) == "Very good or bad?\nAnswer:"


def module_message(role: str, content: str) -> Any:
    from surveyeval.task.interview import Message

    return Message(role, content)


@pytest.mark.parametrize(
    ("base_string", "error", "message"),
    [
        ("baseline:cell", ModelError, "no transformers model.*use embedded:... or hf:"),
        ("hf:no/such-model-anywhere", ModelError, "'no/such-model-anywhere' is no folder"),
        ("tiny-llama", ConfigError, "not written scheme:reference"),
    ],
)
def test_a_base_that_cannot_be_trained_is_named(
    base_string: str, error: type[SurveyevalError], message: str, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        tune(folder, base_string, tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_an_adapter_is_no_base(adapter: Adapter, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is an adapter itself"):
        tune(folder, adapter.model, tmp_path / "a")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"target": "q_pro"}, ConfigError, "no linear module 'q_pro'; modules: down_proj, gate_proj"),
        ({"target": "q_proj,"}, ConfigError, "no linear module ''"),
        ({"objective": "distribution"}, CapabilityError, "options of one token"),
        ({"pilot": 1000}, ConfigError, "1000 people cannot be taken from 160"),
        ({"epoch": 3}, ConfigError, "no option 'epoch' of fine-tuning; did you mean 'epochs'"),
        ({"hide": ("ages",)}, ConfigError, "cannot hide 'ages'"),
        ({"device": "mps"}, ModelError, "device 'mps' is not there; devices: cpu"),
    ],
)
def test_wrong_options_give_one_located_message(
    options: dict[str, Any], error: type[SurveyevalError], message: str, base: Path, tmp_path: Path
) -> None:
    folder = survey.write(tmp_path / "survey", interview={"options": "text"})
    with pytest.raises(error, match=message) as caught:
        tune(folder, base, tmp_path / "a", **options)
    assert len(caught.value.problems) == 1
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gemma", "gpt2"])
@pytest.mark.parametrize("target", ["attention", "all-linear"])
def test_every_architecture_is_adapted_where_it_says(
    architecture: str, target: str, folder: Path, tmp_path: Path
) -> None:
    template = tiny.NO_SYSTEM if architecture == "gemma" else tiny.CHAT
    tuned = tune(folder, tiny.save(architecture, tmp_path / "base", template), tmp_path / "a", target=target, epochs=1)
    from safetensors.numpy import load_file

    weights = load_file(tuned.folder / "adapter_model.safetensors")
    layers = {name.partition(".lora_")[0].rpartition("base_model.model.")[2] for name in weights}
    inside = [name for name in layers if "attn" in name]
    assert len(inside) == (4 if architecture == "gpt2" else 8)  # two layers
    assert (len(layers) > len(inside)) == (target == "all-linear")
    assert all(np.abs(weight).max() > 0 for name, weight in weights.items() if ".lora_B." in name)
    build_model(f"{tuned.model}?dtype=float32&device=cpu").model.load()


def test_memory_that_runs_out_while_loading_is_said(
    folder: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any, **more: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(module, "add_adapter", fail)
    with pytest.raises(ModelError, match="memory ran out while the base was loaded; use --dtype bfloat16"):
        tune(folder, base, tmp_path / "a")
