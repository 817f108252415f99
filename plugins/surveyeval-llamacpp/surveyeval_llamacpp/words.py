"""The tokenizer and chat template of a GGUF file, with the methods that surveyeval's prompts call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["Words"]


class Words:
    """Looks like a tokenizer of transformers as far as prompts need one.

    Parameters
    ----------
    llama : llama_cpp.Llama
    """

    def __init__(self, llama: Any) -> None:
        self._llama = llama
        self.chat_template: str | None = llama.metadata.get("tokenizer.chat_template")
        self.eos_token_id: int = llama.token_eos()
        self._marks = {
            "bos_token": self._mark(llama.token_bos()),
            "eos_token": self._mark(self.eos_token_id),
        }
        self._compiled: jinja2.Template | None = None

    @property
    def all_special_tokens(self) -> list[str]:
        """Marks that begin and end texts."""
        return [mark for mark in self._marks.values() if mark]

    def get_added_vocab(self) -> dict[str, int]:
        """None beside those."""
        return {}

    def __call__(self, text: str, *, add_special_tokens: bool = False) -> Mapping[str, list[int]]:
        """Token ids; marks in the text are read as marks, as chat templates mean them."""
        # llama.cpp adds a beginning only where the model was trained with one
        return {"input_ids": list(self._llama.tokenize(text.encode(), add_bos=add_special_tokens, special=True))}

    def decode(self, tokens: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """The words of some tokens."""
        written: bytes = self._llama.detokenize(list(tokens), special=not skip_special_tokens)
        return written.decode(errors="replace")

    def apply_chat_template(
        self, turns: Sequence[Mapping[str, str]], *, tokenize: bool = False, add_generation_prompt: bool = False
    ) -> str:
        """The text of a conversation, by the file's own template, in a sandbox."""
        assert not tokenize
        if self._compiled is None:
            self._compiled = _environment().from_string(self.chat_template or "")
        return self._compiled.render(messages=turns, add_generation_prompt=add_generation_prompt, **self._marks)

    def _mark(self, token: int) -> str:
        return self.decode([token], skip_special_tokens=False) if token >= 0 else ""


def _environment() -> ImmutableSandboxedEnvironment:
    """As chat templates are written for."""

    def raise_exception(message: str) -> NoReturn:
        raise jinja2.exceptions.TemplateError(message)

    found = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"], autoescape=False
    )
    found.globals["raise_exception"] = raise_exception
    found.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return found
