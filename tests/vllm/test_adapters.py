"""Adapters through vLLM are those that transformers and PEFT make of them, and whom they were trained on is never tested."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surveyeval import api
from surveyeval.errors import ConfigError, ModelError
from surveyeval.model.build import build_model
from surveyeval.model.lora import VLLMLoraModel
from surveyeval.model.protocol import OptionScores
from tests.tuning import survey
from tests.vllm.helpers import LETTERS, WORDS, assert_alike, requests

torch = pytest.importorskip("torch", reason="vLLM needs it")

#: Two of one rank, one of another whose layers differ in rank and scale.
ADAPTERS: tuple[dict[str, Any], ...] = (
    {"r": 2, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]},
    {"r": 2, "target_modules": ["v_proj", "up_proj", "down_proj"], "use_rslora": True},
    {
        "r": 3,
        "target_modules": ["q_proj", "gate_proj"],
        "rank_pattern": {"gate_proj": 5},
        "alpha_pattern": {"q_proj": 1},
    },
)


def save_adapter(base: Path, folder: Path, number: int, scale: float = 1.0) -> Path:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    wrapped = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **ADAPTERS[number]))
    generator = torch.Generator().manual_seed(number)
    for weight in wrapped.parameters():
        if weight.requires_grad:
            weight.data = scale * torch.randn(weight.shape, generator=generator)
    wrapped.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapters(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("adapters")
    return [save_adapter(llama, root / f"a{number}", number, 0.3) for number in range(len(ADAPTERS))]


def of(adapter: Path, base: str) -> Any:
    return build_model(f"lora:{adapter}?engine=vllm&dtype=float32&base={base}").model


def by_peft(base: Path, adapter: Path | None, options: tuple[str, ...]) -> list[OptionScores]:
    """Scores by transformers and PEFT alone, the adapter merged into the base's weights, one pass for each option."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from surveyeval.model.scoring import disjoint

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    words = build_model(f"hf:{base}?dtype=float32&device=cpu").model
    result = []
    for request in requests(1, options):
        prompt, tokens = words.tokens(request)
        begins = []
        for option in tokens:
            ids = torch.tensor([[*prompt, *option]])
            with torch.no_grad():
                log_p = torch.log_softmax(model.eval()(ids).logits[0].double(), dim=-1)
            begins.append(sum(float(log_p[len(prompt) - 1 + k, token]) for k, token in enumerate(option)))
        result.append(OptionScores(disjoint(begins, tokens)))
    return result


def test_adapters_beside_each_other_and_the_bare_base(llama: Path, adapters: list[Path]) -> None:
    chosen = [None, *adapters]
    models = [build_model(f"vllm:{llama}?dtype=float32").model, *(of(adapter, f"hf:{llama}") for adapter in adapters)]
    expected = [by_peft(llama, adapter, WORDS) for adapter in chosen]
    logs = [np.array([one.log_prob for one in scores]) for scores in expected]
    assert min(np.abs(one - other).max() for i, one in enumerate(logs) for other in logs[:i]) > 0.1
    engines = []
    for number in (1, 2, 1, 3, 0):
        assert_alike(models[number].score(requests(1, WORDS)), expected[number])
        engines.append(models[number].engine)
    assert engines[0] is engines[1] is engines[2]  # one rank, one engine
    assert len({id(engine) for engine in engines}) == 3


def test_an_adapter_of_smollm2_is_scored_as_through_peft(smollm2: Any, tmp_path: Path) -> None:
    folder = save_adapter(smollm2._files._folder(), tmp_path / "adapter", 0, 0.05)
    found = of(folder, "embedded:smollm2").score(requests(0, LETTERS, n=1))
    expected = build_model(f"lora:{folder}?dtype=float32&device=cpu&base=embedded:smollm2").model
    assert_alike(found, expected.score(requests(0, LETTERS, n=1)))
    bare = build_model("embedded:smollm2?dtype=float32&device=cpu").model.score(requests(0, LETTERS, n=1))
    assert np.abs(found[0].log_prob - bare[0].log_prob).max() > 0.1


def test_an_adapter_that_does_not_fit_its_base_is_refused(llama: Path, adapters: list[Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    copied = Path(shutil.copytree(adapters[0], tmp_path / "copied"))
    path = copied / "adapter_model.safetensors"
    weights = load_file(path)
    for change in (
        {name: weight for name, weight in weights.items() if "layers.1" not in name},
        {name: weight for name, weight in weights.items() if "lora_B" not in name},
        {name: torch.cat([weight, weight]) for name, weight in weights.items()},
        {name: weight[:, : weight.shape[1] // 2].contiguous() for name, weight in weights.items()},
    ):
        save_file(change, path)
        with pytest.raises(ModelError, match=r"adapter does not load: it (does not fit the base|lacks weights)"):
            of(copied, f"hf:{llama}").load()
    path.unlink()
    with pytest.raises(ModelError, match="adapter does not load"):
        of(copied, f"hf:{llama}").load()


def test_an_adapter_that_vllm_cannot_run_is_refused(llama: Path, adapters: list[Path], tmp_path: Path) -> None:
    copied = Path(shutil.copytree(adapters[0], tmp_path / "copied"))
    config = json.loads((copied / "adapter_config.json").read_text())
    (copied / "adapter_config.json").write_text(json.dumps({**config, "use_dora": True}))
    with pytest.raises(ModelError, match="DoRA"):
        of(copied, f"hf:{llama}").score(requests(0))


def test_options_of_the_other_engine_are_refused(adapters: list[Path], llama: Path) -> None:
    with pytest.raises(ConfigError, match="'device' means nothing to engine 'vllm'"):
        build_model(f"lora:{adapters[0]}?engine=vllm&device=cpu&base=hf:{llama}")


def test_people_trained_on_are_never_test_people(llama: Path, tmp_path: Path) -> None:
    folder = survey.write(tmp_path / "survey")
    output = tmp_path / "adapter"
    api.finetune(task=str(folder), base=f"hf:{llama}", output=output, pilot=20, epochs=1, batch_tokens=4096,
                 dtype="float32", device="cpu", rank=2)  # fmt: skip
    query = "dtype=float32"
    engines = {"vllm": f"lora:{output}?engine=vllm&{query}", "hf": f"lora:{output}?device=cpu&{query}"}
    runs = {
        name: api.run(task=str(folder), model=text, splits=2, limit=30, output=tmp_path / "runs")[0]
        for name, text in engines.items()
    }
    assert isinstance(build_model(engines["vllm"]).model, VLLMLoraModel)
    one, other = (runs[name].manifest for name in engines)
    assert one["model"]["fingerprint"]["value"] != other["model"]["fingerprint"]["value"]
    assert one["split"] == other["split"]
    assert one["model"]["banners"] == other["model"]["banners"]
    tested = [set(run.responses["respondent"]) for run in runs.values()]
    assert tested[0] == tested[1]
    trained = build_model(engines["vllm"]).model.trained_on(*survey.load(folder)[:2])
    assert trained.sum() == 20
    assert not tested[0] & set(survey.load(folder)[1].sample.respondent[trained])
