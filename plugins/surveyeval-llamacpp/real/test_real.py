"""With llama-cpp-python and SmolLM2: `pytest real`. Not part of the ordinary tests, since the engine is compiled for minutes."""

import numpy as np
import pytest
import surveyeval
from surveyeval.model.protocol import Request, TextRequest
from surveyeval.task.interview import Message
from surveyeval.testing import check_model

from surveyeval_llamacpp.model import LlamaCppModel
from surveyeval_llamacpp.options import LlamaCppOptions


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """SmolLM2 in 32 bits: numbers of quantised weights depend on how many tokens are read at once, by up to 0.3 nats."""
    from surveyeval_llamacpp.files import find

    path = tmp_path_factory.mktemp("weights") / "smollm2-f32.gguf"
    unquantised(find("smollm2"), path)
    model = LlamaCppModel(str(path), LlamaCppOptions(context=1024, threads=1))
    model.load()
    return model


def unquantised(source, target):
    """Copy a GGUF file with all weights in 32 bits."""
    from gguf import GGUFReader, GGUFValueType, GGUFWriter
    from gguf.quants import dequantize

    reader = GGUFReader(source)
    writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if not name.startswith(("GGUF.", "general.architecture", "general.file_type", "general.quantization")):
            kind = field.types[0]
            writer.add_key_value(name, field.contents(), kind, field.types[-1] if kind == GGUFValueType.ARRAY else None)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def requests():
    said = (Message("system", "You take part in a survey."), Message("user", "Do you trust people? Agree or disagree."))
    more = (*said, Message("assistant", "Agree"), Message("user", "And your neighbours?"))
    options = ("Agree", "Agree strongly", "Disagree")
    return [Request("a", said, options), Request("b", more, options)]


def test_scores_equal_those_of_every_token_read_anew(model):
    """`logits_all` of a second engine, which begins anew for each option. Activations are rounded in any case, and how depends
    on how many tokens are read at once."""
    import llama_cpp

    plain = llama_cpp.Llama(str(model.path), n_ctx=1024, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False)
    for request, found in zip(requests(), model.score(requests()), strict=True):
        prompt, options = model.prompts.tokens(request)
        begins = []
        for option in options:
            plain.reset()
            plain.eval(list(prompt))
            for token in option:
                plain.eval([token])
            rows = plain.scores[len(prompt) - 1 : len(prompt) + len(option) - 1].astype(float)
            log_p = rows - rows.max(axis=1, keepdims=True)
            log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
            begins.append(np.exp(log_p[np.arange(len(option)), list(option)].sum()))
        expected = np.log([begins[0] - begins[1], begins[1], begins[2]])
        np.testing.assert_allclose(found.log_prob, expected, atol=0.02)


def test_texts_are_seeded(model):
    one = [TextRequest("a", requests()[0].messages, seed, 12) for seed in (1, 2, 1)]
    first, other, again = (text.text for text in model.generate(one))
    assert first == again
    assert first != other


def test_conformance():
    check_model(
        lambda: LlamaCppModel("smollm2", LlamaCppOptions(context=1024, threads=1)), tolerance=0.5
    )  # quantised, see above


def test_a_run(tmp_path):
    runs = surveyeval.run(
        task="anes96", model="llamacpp:smollm2?threads=1", output=tmp_path, limit=8, splits=2, cache=False
    )
    assert runs[0].status == "complete"
