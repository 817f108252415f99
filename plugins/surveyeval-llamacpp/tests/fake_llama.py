"""What this plugin calls of llama-cpp-python, without weights: logits follow from every token that was read.

It reads bytes, one token each, and a few marks. What it keeps of what it read is checked wherever something is read after it, so
that a mistake about the cache gives an error and not another number.
"""

from __future__ import annotations

import ctypes
import hashlib
from pathlib import Path

import numpy as np

__version__ = "0.0-fake"
MARKS = ["<s>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
BOS, EOS = 256, 257
VOCABULARY = 256 + len(MARKS)
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
#: Set by tests: how files are described, and whether what was read can be taken back in part.
DESCRIPTION = {"template": TEMPLATE, "trained": "100000", "recurrent": False}


def logits_after(tokens) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(np.array(tokens, dtype=np.int64).tobytes()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(0, 2, VOCABULARY).astype(np.float32)


class Llama:
    made = 0

    def __init__(self, model_path, n_ctx, n_batch, verbose, **others):
        assert not verbose
        assert others["n_ubatch"] == n_batch
        Llama.made += 1
        self.n_tokens, self.input_ids = 0, np.zeros(n_ctx, dtype=np.intc)
        self._size, self.memory, self.evaluated = n_ctx, [], 0
        self.metadata = {"general.architecture": "fake", "fake.context_length": DESCRIPTION["trained"]}
        if DESCRIPTION["template"]:
            self.metadata["tokenizer.chat_template"] = DESCRIPTION["template"]
        self.ctx, self.calls = self, []
        with Path(model_path).open("rb") as stream:
            if stream.read(4) != b"GGUF":
                raise ValueError(f"Failed to load model from file: {model_path}")

    def n_ctx(self):
        return self._size

    def n_vocab(self):
        return VOCABULARY

    def token_bos(self):
        return BOS

    def token_eos(self):
        return EOS

    def tokenize(self, text, add_bos=True, special=False):
        found, rest = [BOS] if add_bos else [], text.decode()
        while rest:
            mark = next((mark for mark in MARKS if special and rest.startswith(mark)), None)
            found += [256 + MARKS.index(mark)] if mark else list(rest[0].encode())
            rest = rest[len(mark or rest[0]) :]
        return found

    def detokenize(self, tokens, special=False):
        return b"".join(bytes([one]) if one < 256 else MARKS[one - 256].encode() * special for one in tokens)

    def reset(self):
        self.n_tokens = 0

    def eval(self, tokens):
        assert len(tokens), "llama.cpp reads one token at least"
        if self.n_tokens + len(tokens) > self._size:
            raise RuntimeError("llama_decode returned 1")
        assert self.memory[: self.n_tokens] == self.input_ids[: self.n_tokens].tolist(), (
            "the cache holds something else"
        )
        assert not DESCRIPTION["recurrent"] or len(self.memory) == self.n_tokens, "it cannot take back what it read"
        self.memory = [*self.memory[: self.n_tokens], *tokens]
        self.input_ids[self.n_tokens : len(self.memory)] = tokens
        self.n_tokens = len(self.memory)
        self.evaluated += len(tokens)

    def create_completion(self, prompt, max_tokens, temperature, seed, **others):
        self.calls.append(others)
        rng, written = np.random.default_rng(seed), []
        while len(written) < max_tokens:
            logits = logits_after([*prompt, *written]).astype(float)
            logits[128:256] = -np.inf  # halves of letters would not be text
            if temperature:
                p = np.exp((logits - logits.max()) / temperature)
                token = int(rng.choice(VOCABULARY, p=p / p.sum()))
            else:
                token = int(logits.argmax())
            if token == EOS:
                return self._completed(written, "stop")
            written.append(token)
        return self._completed(written, "length")

    def _completed(self, written, reason):
        return {"choices": [{"text": self.detokenize(written).decode(), "finish_reason": reason}]}


def llama_get_logits_ith(ctx, place):
    assert place == -1
    row = logits_after(ctx.memory)
    ctx.row = row  # keeps it alive
    return row.ctypes.data_as(ctypes.POINTER(ctypes.c_float))


def llama_get_memory(ctx):
    return ctx


def llama_memory_clear(memory, data):
    memory.memory = []


def llama_memory_seq_rm(memory, sequence, start, end):
    assert (sequence, end) == (-1, -1)
    if DESCRIPTION["recurrent"] and start < len(memory.memory):
        return False
    memory.memory = memory.memory[:start]
    return True
