"""Scores are sums over the fake's own law; what is read once is not read again; texts come from the whole law."""

import re

import fake_llama
import numpy as np
import pytest
from surveyeval.errors import ConfigError, MissingExtraError, ModelError
from surveyeval.model.build import build_model
from surveyeval.model.protocol import Request, TextRequest
from surveyeval.task.interview import Message
from surveyeval.testing import check_model, check_plugin

from surveyeval_llamacpp.model import LlamaCppModel
from surveyeval_llamacpp.options import LlamaCppOptions


def model_of(path, **options):
    model = LlamaCppModel(str(path), LlamaCppOptions(**options))
    model.load()
    return model


def asked(name="r", turns=0, options=("Agree", "Agree strongly", "No"), grows=True):
    messages = [Message("system", "A survey."), Message("user", f"You are {name}. Well?")]
    for number in range(turns):
        messages += [Message("assistant", "No"), Message("user", f"And {number}?")]
    return Request(name, tuple(messages), options, grows)


def by_definition(prompt, options):
    """Probability of beginning with an option's tokens, less that of longer options, without any cache."""
    begins = []
    for option in options:
        tokens, total = list(prompt), 0.0
        for token in option:
            logits = fake_llama.logits_after(tokens).astype(float)
            total += logits[token] - np.log(np.exp(logits).sum())
            tokens.append(token)
        begins.append(np.exp(total))
    return np.log(
        [p - sum(q for q, other in zip(begins, options, strict=True) if other != own and other[: len(own)] == own)
         for p, own in zip(begins, options, strict=True)]
    )  # fmt: skip


@pytest.mark.parametrize("template", ["auto", "plain"])
@pytest.mark.parametrize("recurrent", [False, True])
def test_scores_are_the_models_own_law(gguf, described, template, recurrent):
    described(recurrent=recurrent)
    model = model_of(gguf, template=template)
    requests = [asked("a"), asked("bb", 2), asked("a", 1)]
    for request, scores in zip(requests, model.score(requests), strict=True):
        text, blank = model.render(request.messages), " " if template == "plain" else ""
        prompt = model.engine.llama.tokenize(text.encode(), add_bos=template == "plain", special=True)
        expected = by_definition(prompt, [(blank + one).encode() for one in request.options])
        np.testing.assert_allclose(scores.log_prob, expected, atol=1e-6)


def test_the_template_of_the_file_is_used(gguf, described):
    messages = [Message("system", "S"), Message("user", "U")]
    assert model_of(gguf).render(messages) == "<|system|>S<|end|><|user|>U<|end|><|assistant|>"
    assert model_of(gguf, template="plain").render(messages) == "S\n\nU\nAnswer:"
    described(
        template="{% if messages[0]['role'] == 'system' %}{{ raise_exception('none') }}{% endif %}"
        + fake_llama.TEMPLATE
    )
    from surveyeval_llamacpp.engine import open_engine

    open_engine.cache_clear()
    assert model_of(gguf).render(messages) == "<|user|>S\n\nU<|end|><|assistant|>"


def test_a_turn_may_have_to_end_after_the_option(gguf):
    request = asked(options=("A", "B"))
    model = model_of(gguf, terminator="end")
    prompt = model.engine.llama.tokenize(model.render(request.messages).encode(), add_bos=False, special=True)
    expected = by_definition(prompt, [(*b"A", fake_llama.EOS), (*b"B", fake_llama.EOS)])
    np.testing.assert_allclose(model.score([request])[0].log_prob, expected, atol=1e-6)


def test_what_was_read_is_not_read_again(gguf):
    model = model_of(gguf)
    engine = model.engine
    model.score([asked("a", 0, ("A", "B"))])
    first = engine.read
    model.score([asked("a", 1, ("A", "B"))])
    whole = len(model.prompts.tokens(asked("a", 1, ("A", "B")))[0])
    assert engine.read == whole, "the second question goes on from the first"
    assert 0 < first < whole
    model.release(["a"])
    before = engine.read
    # three interviews of one beginning: as many tokens as the tree of their prompts has branches
    requests = [asked(name, 0, ("A", "B"), grows=False) for name in ("carl", "carla", "dora")]
    model.score(requests)
    prompts = [model.prompts.tokens(one)[0] for one in requests]
    assert engine.read - before == len({prompt[:n] for prompt in prompts for n in range(1, len(prompt) + 1)})


def test_a_released_model_has_forgotten(gguf):
    model = model_of(gguf)
    one = model.score([asked("a", 1)])[0]
    model.release(["a"])
    assert model.engine.llama.memory == []
    np.testing.assert_array_equal(model.score([asked("a", 1)])[0].log_prob, one.log_prob)


def test_texts_come_from_the_whole_law(gguf, described):
    model = model_of(gguf)
    request = TextRequest("r", asked().messages, 7, 5)
    (text,) = model.generate([request])
    (options,) = model.engine.llama.calls
    assert options == {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0, "repeat_penalty": 1.0}
    assert text.ended in ("stop", "length")


def test_in_the_plain_form_a_blank_line_ends_a_text(gguf, monkeypatch):
    model = model_of(gguf, template="plain")
    done = {"choices": [{"text": " B\n\nWell, and what then?", "finish_reason": "length"}]}
    monkeypatch.setattr(model.engine.llama, "create_completion", lambda **options: done)
    (text,) = model.generate([TextRequest("r", asked().messages, 7, 50)])
    assert (text.text, text.ended) == ("B", "stop")


@pytest.mark.parametrize(("context", "trained"), [(30, "100000"), (4096, "30")])
def test_an_interview_that_is_too_long(gguf, described, context, trained):
    described(trained=trained)
    with pytest.raises(ModelError, match=r"the interview has \d+ tokens, the model reads 30"):
        model_of(gguf, context=context).score([asked("a", 3)])


def test_one_model_in_memory_for_all_with_the_same_weights(gguf, tmp_path):
    before = fake_llama.Llama.made
    one, same = model_of(gguf), model_of(gguf, template="plain")
    assert one.engine is same.engine
    assert fake_llama.Llama.made == before + 1
    model_of(gguf, context=100)
    assert fake_llama.Llama.made == before + 2


def test_fingerprint(gguf, tmp_path):
    mark = LlamaCppModel(str(gguf)).fingerprint()
    assert mark.kind == "content"
    assert str(tmp_path) not in str(mark)
    other = tmp_path / "sub"
    other.mkdir()
    (other / "tiny.gguf").write_bytes(gguf.read_bytes())
    assert LlamaCppModel(str(other / "tiny.gguf")).fingerprint() == mark
    assert LlamaCppModel(str(gguf), LlamaCppOptions(terminator="end")).fingerprint().value != mark.value
    (other / "tiny.gguf").write_bytes(b"GGUF and something else")
    assert LlamaCppModel(str(other / "tiny.gguf")).fingerprint().value != mark.value


def test_a_model_in_several_files_is_known_by_all(tmp_path):
    first, second = (tmp_path / f"big-0000{n}-of-00002.gguf" for n in (1, 2))
    first.write_bytes(b"GGUF 1")
    second.write_bytes(b"GGUF 2")
    before = LlamaCppModel(str(first)).fingerprint().value
    second.write_bytes(b"GGUF 3")
    assert LlamaCppModel(str(first)).fingerprint().value != before


def test_what_is_wrong_is_said(gguf, tmp_path, monkeypatch):
    with pytest.raises(ModelError, match="there is no file"):
        LlamaCppModel(str(tmp_path / "none.gguf"))
    with pytest.raises(ModelError, match=re.escape("is no GGUF file; llamacpp:PATH.gguf, or llamacpp:smollm2")):
        LlamaCppModel("org/name")
    gguf.write_bytes(b"PK and so on")
    with pytest.raises(ModelError, match=r"does not load 'tiny\.gguf'"):
        LlamaCppModel(str(gguf)).load()
    with pytest.raises(ConfigError, match="gpu_layer"):
        build_model(f"llamacpp:{gguf}?gpu_layer=3")
    import sys

    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(MissingExtraError, match=re.escape('pip install "surveyeval-llamacpp[engine]"')):
        LlamaCppModel(str(gguf)).fingerprint()


@pytest.mark.parametrize("template", [fake_llama.TEMPLATE, None])
@pytest.mark.parametrize("recurrent", [False, True])
def test_conformance(gguf, described, template, recurrent):
    described(template=template, recurrent=recurrent)
    check_model(lambda: LlamaCppModel(str(gguf)))


def test_it_is_installed():
    assert check_plugin("surveyeval-llamacpp") == ["model llamacpp"]
