"""Model strings: what is read, what is refused, and that the canonical text reads back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from surveyeval.errors import ConfigError
from surveyeval.model.build import build_model, build_models
from surveyeval.model.strings import build_options, parse_elicitation_string, parse_model_string


@pytest.mark.parametrize(
    ("text", "name", "scheme", "reference", "options"),
    [
        ("baseline:cell", "baseline:cell", "baseline", "cell", {}),
        ("small=hf:org/name?dtype=float32", "small", "hf", "org/name", {"dtype": "float32"}),
        ("hf:org/name?dtype=float32&batch=8", "hf:org/name", "hf", "org/name", {"dtype": "float32", "batch": "8"}),
        ("GPT-4 mini=openai:gpt-4o-mini", "GPT-4 mini", "openai", "gpt-4o-mini", {}),
        ("my-plugin/echo:x", "my-plugin/echo:x", "my-plugin/echo", "x", {}),
        ("scripted:swapped?inner=baseline:chain", "scripted:swapped", "scripted", "swapped", {"inner": "baseline:chain"}),
        ("vllm:name@http://host:80/v1?key=a=b", "vllm:name@http://host:80/v1", "vllm", "name@http://host:80/v1", {"key": "a=b"}),
        ("file:what%3F%20a+b.csv?x=1%262", "file:what? a+b.csv", "file", "what? a+b.csv", {"x": "1&2"}),
        ("file:C:\\answers.csv", "file:C:\\answers.csv", "file", "C:\\answers.csv", {}),
        ("hf:x?empty=", "hf:x", "hf", "x", {"empty": ""}),
    ],
)  # fmt: skip
def test_parts(text: str, name: str, scheme: str, reference: str, options: dict[str, str]) -> None:
    parsed = parse_model_string(text)
    assert (parsed.scheme, parsed.reference, dict(parsed.options)) == (scheme, reference, options)
    assert parsed.name == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cell", "not written scheme:reference"),
        ("org/name", "did you mean 'hf:org/name'"),
        ("", "not written scheme:reference"),
        ("=baseline:cell", "not written scheme:reference"),
        ("baseline:", "says nothing after 'baseline'"),
        ("baseline:?x=1", "says nothing after 'baseline'"),
        ("hf:x?", "is not written key=value"),
        ("hf:x?dtype", "'dtype' of model 'hf:x.dtype' is not written key=value"),
        ("hf:x?=float32", "is not written key=value"),
        ("hf:x?a=1&a=2", "'a' of model 'hf:x.a=1&a=2' is given twice"),
    ],
)
def test_mistakes_say_what_would_be_right(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_model_string(text)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1).filter(
    lambda t: t == t.strip()
)
KEYS = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)


@given(TEXT, st.dictionaries(KEYS, TEXT, max_size=4))
def test_the_canonical_text_reads_back(reference: str, options: dict[str, str]) -> None:
    encoded = reference.replace("%", "%25").replace("?", "%3F")
    parsed = parse_model_string(f"hf:{encoded}", options)
    again = parse_model_string(parsed.text)
    assert (again.reference, dict(again.options), again.text) == (reference, options, parsed.text)


def test_the_order_of_options_does_not_change_the_canonical_text() -> None:
    assert (
        parse_model_string("a=hf:x?b=1&a=2").text == parse_model_string("hf:x?a=2", {"b": "1"}).text == "hf:x?a=2&b=1"
    )


def test_settings_add_options_and_may_repeat_but_not_contradict_them() -> None:
    assert dict(parse_model_string("hf:x?a=1", {"a": "1", "b": "2"}).options) == {"a": "1", "b": "2"}
    with pytest.raises(ConfigError, match="given twice"):
        parse_model_string("hf:x?a=1", {"a": "2"})


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    batch: int = Field(8, gt=0)
    share: float = 0.5
    strict: bool = False


def test_options_take_their_types_and_all_mistakes_are_told_at_once() -> None:
    assert build_options(Options, parse_model_string("hf:x?batch=4&strict=true")) == Options(batch=4, strict=True)
    assert build_options(None, parse_model_string("hf:x")) is None
    with pytest.raises(ConfigError, match="has no options") as caught:
        build_options(None, parse_model_string("hf:x?batch=4"))
    with pytest.raises(ConfigError) as caught:
        build_options(Options, parse_model_string("hf:x?batch=0&share=half&bach=3"))
    told = str(caught.value)
    assert len(caught.value.problems) == 3
    assert "'batch'" in told
    assert "greater than 0, not '0'" in told
    assert "valid number" in told
    assert "did you mean 'batch'" in told


def test_models_are_built_by_string_and_names_must_differ() -> None:
    assert build_model("mine=baseline:cell").name == "mine"
    with pytest.raises(ConfigError, match="did you mean 'baseline'"):
        build_model("baselin:cell")
    with pytest.raises(ConfigError, match="two models are named"):
        build_models(["baseline:cell", "baseline:cell"])


def test_the_name_on_cards_shows_no_folder_of_the_machine() -> None:
    assert parse_model_string("file:/home/ada/twins.csv").name == "file:twins.csv"
    assert parse_model_string("lora:~/adapters/x").name == "lora:x"
    assert parse_model_string("lora:adapters/x").name == "lora:adapters/x"
    assert parse_model_string("file:/home/ada/twins.csv").text == "file:/home/ada/twins.csv"


def test_elicitations_are_written_alike_and_their_canonical_text_sorts_options() -> None:
    parsed = parse_elicitation_string(" my-plugin/shout?word=a%26b&marks=3 ")
    assert (parsed.name, dict(parsed.options)) == ("my-plugin/shout", {"word": "a&b", "marks": "3"})
    assert parsed.text == "my-plugin/shout?marks=3&word=a%26b"
    assert parse_elicitation_string(parsed.text) == parsed
    assert parse_elicitation_string("choice").text == "choice"
