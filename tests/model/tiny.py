"""Tiny random models of several architectures, with a tokenizer trained here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEXT = [
    "You are taking part in a survey. Answer with one letter.",
    "Agree strongly, Agree, Disagree, Disagree strongly",
    "A) very good B) good C) bad D) very bad",
    "Where would you place yourself? Answer: A Answer: B",
]
CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + CHAT


def tokenizer(template: str | None = CHAT) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    trained = Tokenizer(models.BPE(unk_token=None))
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    special = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator(TEXT * 20, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=trained, eos_token="<|end|>", pad_token="<|end|>")
    fast.chat_template = template
    return fast


def save(architecture: str, folder: Path, template: str | None = CHAT) -> Path:
    """Save a tiny model with random weights and its tokenizer."""
    import torch
    import transformers as t

    words = tokenizer(template)
    common = {"vocab_size": len(words), "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
              "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512}  # fmt: skip
    configs = {
        "llama": lambda: t.LlamaConfig(**common),
        "qwen2": lambda: t.Qwen2Config(**common),
        "gemma": lambda: t.GemmaConfig(**common, head_dim=8),
        "gpt2": lambda: t.GPT2Config(vocab_size=len(words), n_embd=32, n_layer=2, n_head=4, n_positions=512),
    }
    torch.manual_seed(7)
    model = t.AutoModelForCausalLM.from_config(configs[architecture](), dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)  # spread the probabilities
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
