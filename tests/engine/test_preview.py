"""What a model would read, before any run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from surveyeval.engine.preview import preview
from surveyeval.errors import CapabilityError, ConfigError
from surveyeval.model import weights
from surveyeval.model.hf import HFModel
from surveyeval.model.protocol import Capabilities
from surveyeval.model.template import look_at
from surveyeval.task.load import load_task
from tests.model import tiny

HEAD = """\
name: mood
version: "1.0"
title: Mood
source: {use: file:mood.csv, provenance: human, licence: none, citation: none}
profile:
  age: {column: age, text: "You are {{ value }}."}
  sex: {column: sex, labels: {"1": man, "2": woman}}
interview: {system: A survey., options: OPTIONS, mode: MODE}
items:
  - {name: owner, role: belief, kind: binary, question: "Do you own one?", options: {"0": "No", "1": "Yes"}}
  - {name: brand, role: belief, kind: nominal, question: "Which?", options: {"1": red, "2": blue}ASK}
  - {name: agree, role: attitude, kind: ordinal, question: "Good?", options: {"1": Agree, "2": Agree strongly, "3": Disagree}}
"""
ROUTED = ', ask_if: owner == "1"'
GEMMA = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<|{{ 'model' if m['role'] == 'assistant' else m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|model|>{% endif %}"
)
DATED = (
    "<|system|>Today Date: {{ strftime_now('%d %b %Y') }}\n{% if messages[0]['role'] != 'system' %}Be nice.{% endif %}"
    + tiny.CHAT
)


def task(folder: Path, options: str = "letters", mode: str = "sequential", ask: str = "") -> str:
    path = folder / "task.yaml"
    path.write_text(HEAD.replace("OPTIONS", options).replace("MODE", mode).replace("ASK", ask))
    return str(path)


def model(folder: Path, template: str | None = tiny.CHAT) -> str:
    """The string of a model of which there is a tokenizer only: its weights are no weights."""
    made = folder / "model"
    made.mkdir()
    tiny.tokenizer(template).save_pretrained(made)
    (made / "config.json").write_text('{"model_type": "llama", "max_position_embeddings": 300}')
    (made / "model.safetensors").write_text("none")
    return f"hf:{made}"


def test_words_alone(tmp_path: Path) -> None:
    shown = preview(task(tmp_path), respondent={"age": "30", "sex": "2"})
    assert [turn.item for turn in shown.turns] == ["owner", "brand", "agree"]
    first, second, _ = shown.turns
    assert first.added.startswith(
        "[system]\nA survey.\n[user]\nYou are 30. Sex: woman.\n\nDo you own one?\nA) No\nB) Yes"
    )
    assert second.added.startswith("[assistant]\nA\n[user]\nWhich?")
    assert (first.tokens, shown.template, shown.only_grows) == (None, None, None)
    assert dict(shown.profile) == {"age": "30", "sex": "woman"}


def test_routing_is_followed_and_said(tmp_path: Path) -> None:
    shown = preview(task(tmp_path, ask=ROUTED))
    assert [turn.item for turn in shown.turns] == ["owner", "agree"]
    assert any("brand" in note for note in shown.notes)


@pytest.mark.parametrize("elicitation", ["choice", "generate", "verbalized"])
@pytest.mark.parametrize("mode", ["sequential", "independent"])
def test_every_way_of_asking(tmp_path: Path, elicitation: str, mode: str) -> None:
    shown = preview(task(tmp_path, mode=mode), elicitation=elicitation)
    assert [turn.item for turn in shown.turns] == ["owner", "brand", "agree"]
    assert ("%" in shown.turns[0].messages[-1].content) == (elicitation == "verbalized")
    assert len(shown.turns[2].messages) == (2 if mode == "independent" else 6)


def test_the_exact_text_is_what_the_model_reads(tmp_path: Path) -> None:
    shown = preview(task(tmp_path), model=model(tmp_path))
    tokenizer = tiny.tokenizer()
    assert shown.only_grows
    assert shown.limit == 300
    text = ""
    for turn in shown.turns:
        turns: list[dict[str, Any]] = [{"role": one.role, "content": one.content} for one in turn.messages]
        whole = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        text += turn.added
        assert text == whole
        assert turn.tokens == len(tokenizer(whole, add_special_tokens=False)["input_ids"])
    assert sum(turn.new_tokens or 0 for turn in shown.turns) == shown.turns[-1].tokens
    assert {len(one.tokens) for one in shown.turns[0].options} == {1}


def test_options_that_begin_others_are_named(tmp_path: Path) -> None:
    shown = preview(task(tmp_path, "text"), model=model(tmp_path))
    agree, strongly, disagree = shown.turns[2].options
    assert agree.begins == ("Agree strongly",)
    assert not strongly.begins
    assert not disagree.begins
    assert "".join(strongly.tokens) == "Agree strongly"


def test_a_template_without_a_system_role(tmp_path: Path) -> None:
    shown = preview(task(tmp_path), model=model(tmp_path, GEMMA))
    assert shown.template is not None
    assert not shown.template.system_role
    assert shown.turns[0].added.startswith("<|user|>A survey.\n\nYou are 40.")
    assert shown.only_grows


def test_a_base_model_reads_plain_text(tmp_path: Path) -> None:
    shown = preview(task(tmp_path), model=model(tmp_path, None))
    assert shown.template is not None
    assert shown.template.plain
    assert shown.turns[0].added.endswith("Answer with one letter.\nAnswer:")
    assert shown.turns[1].added.startswith(" A\n\nWhich?")


def test_what_a_template_adds_and_forgets(tmp_path: Path) -> None:
    shown = preview(task(tmp_path), model=model(tmp_path, DATED))
    assert shown.template is not None
    assert shown.template.always.startswith("Today Date: ")
    assert shown.template.dated
    (tmp_path / "third").mkdir()
    last = "{{ messages|length }}" + tiny.CHAT
    shown = preview(task(tmp_path), model=model(tmp_path / "third", last))
    assert shown.only_grows is False
    assert shown.turns[1].new_tokens == shown.turns[1].tokens


def test_an_ordinary_template_adds_nothing() -> None:
    from surveyeval.model.chat import Chat

    assert look_at(Chat(tiny.tokenizer())).always == ""


def test_what_a_template_always_adds_is_noted_by_runs(tmp_path: Path) -> None:
    from surveyeval.model.at_hand import prompts_at_hand
    from surveyeval.model.build import build_model
    from surveyeval.model.local import LocalOptions, Prompts
    from surveyeval.model.protocol import Message, Request

    built = build_model(model(tmp_path, DATED)).model
    notes: list[str] = []
    prompts = Prompts(prompts_at_hand(built).tokenizer, LocalOptions(), None, notes.append)
    for _ in range(2):
        prompts.tokens(Request("a", (Message("system", "s"), Message("user", "u")), ("A", "B")))
    assert len(notes) == 1
    assert "Today Date" in notes[0]


def test_no_weights_and_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The task's data are not there, nor is a tokenizer for a server."""
    monkeypatch.setattr(weights, "require_torch", lambda: pytest.fail("weights"))
    shown = preview(task(tmp_path), model="openai:some?base_url=http://127.0.0.1:1/v1")
    assert shown.template is None
    assert any("?tokenizer=" in note for note in shown.notes)
    shown = preview(task(tmp_path), model="baseline:cell")
    assert any("without reading words" in note for note in shown.notes)


def test_a_prompt_that_is_too_long_is_named(tmp_path: Path) -> None:
    string = model(tmp_path)
    (tmp_path / "model" / "config.json").write_text('{"model_type": "llama", "max_position_embeddings": 60}')
    shown = preview(task(tmp_path), model=string)
    assert "the model reads 60" in shown.turns[-1].problem


def test_what_there_is_not_is_named(tmp_path: Path) -> None:
    file = task(tmp_path)
    for words, message in (
        ({"arm": "b"}, "has no arm 'b'"),
        ({"respondent": {"aeg": "3"}}, "no profile field 'aeg'"),
        ({"respondent": {"sex": "3"}}, "'sex' has no code '3'"),
        ({"respondent": {"age": "old"}}, "is a number"),
        ({"hide": ["sxe"]}, "no profile field 'sxe'"),
        ({"elicitation": "choise"}, "choise"),
    ):
        with pytest.raises(ConfigError, match=message):
            preview(file, **words)  # type: ignore[arg-type]
    assert "Sex" not in preview(load_task(file), hide=["sex"]).turns[0].added
    assert "40" not in preview(file, no_profile=True).turns[0].added


def test_a_model_that_cannot_be_asked_so_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HFModel, "capabilities", Capabilities(("choice",)))
    with pytest.raises(CapabilityError, match="cannot do elicitation"):
        preview(task(tmp_path), model=model(tmp_path), elicitation="generate")


def test_the_invented_respondent_is_told_nothing_that_its_filter_passes_over(tmp_path: Path) -> None:
    said = HEAD.replace("OPTIONS", "letters").replace("MODE", "sequential").replace("ASK", ROUTED)
    said = said.replace("interview:", "profile_sets: {told: [age, owner, brand]}\ninterview:")
    (tmp_path / "task.yaml").write_text(said)
    for owner, told in (("1", {"age", "owner", "brand"}), ("0", {"age", "owner"})):
        shown = preview(str(tmp_path / "task.yaml"), respondent={"owner": owner})
        assert set(shown.profile) == told
        assert ("brand" in str(shown.turns[0].messages).casefold()) == ("brand" in told)
