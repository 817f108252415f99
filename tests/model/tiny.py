"""Tiny random models of several architectures, with a tokenizer trained here."""

from __future__ import annotations

from collections.abc import Sequence
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
#: Tokens that layers with a window look back, shorter than any prompt of the tests.
WINDOW = 24
LAYERS = ["sliding_attention", "full_attention"]
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + CHAT


def tokenizer(template: str | None = CHAT, text: Sequence[str] = TEXT, size: int = 400) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    trained = Tokenizer(models.BPE(unk_token=None))
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    special = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator([*text] * 20, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=trained, eos_token="<|end|>", pad_token="<|end|>")
    fast.chat_template = template
    return fast


def save(
    architecture: str,
    folder: Path,
    template: str | None = CHAT,
    *,
    text: Sequence[str] = TEXT,
    size: int = 400,
    positions: int = 512,
    head: int = 8,
) -> Path:
    """Save a tiny model with random weights and its tokenizer.

    `architecture` is llama, qwen2, gemma, gpt2, mistral (sliding window), gemma2 or gemma3 (one layer with a window, one
    that sees everything), bloom (positions come from the attention mask), or mamba (recurrent). The tokenizer has `size` tokens at most, trained on `text`; the model reads
    `positions` tokens, with heads of `head` numbers.
    """
    import torch
    import transformers as t

    words = tokenizer(template, text, size)
    common = {"vocab_size": len(words), "hidden_size": 4 * head, "intermediate_size": 48, "num_hidden_layers": 2,
              "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": positions}  # fmt: skip
    configs = {
        "llama": lambda: t.LlamaConfig(**common),
        "qwen2": lambda: t.Qwen2Config(**common),
        "gemma": lambda: t.GemmaConfig(**common, head_dim=head),
        "gpt2": lambda: t.GPT2Config(
            vocab_size=len(words), n_embd=4 * head, n_layer=2, n_head=4, n_positions=positions
        ),
        "mistral": lambda: t.MistralConfig(**common, sliding_window=WINDOW),
        "gemma2": lambda: t.Gemma2Config(**common, head_dim=head, sliding_window=WINDOW, layer_types=LAYERS),
        "gemma3": lambda: t.Gemma3TextConfig(**common, head_dim=head, sliding_window=WINDOW, layer_types=LAYERS),
        "bloom": lambda: t.BloomConfig(vocab_size=len(words), hidden_size=32, n_layer=2, n_head=4),
        "mamba": lambda: t.MambaConfig(vocab_size=len(words), hidden_size=32, num_hidden_layers=2, state_size=4),
    }
    torch.manual_seed(7)
    model = t.AutoModelForCausalLM.from_config(configs[architecture](), dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)  # spread the probabilities
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
