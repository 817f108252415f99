"""What language models on this machine have in common, whichever engine runs them: options, and how they read requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from pydantic import Field

from surveyeval.errors import ModelError
from surveyeval.model.chat import Chat
from surveyeval.model.pilot_options import PilotOptions
from surveyeval.model.protocol import Request, TextRequest
from surveyeval.model.scoring import Tokens, option_tokens
from surveyeval.model.template import Template, look_at
from surveyeval.task.interview import Message

__all__ = ["LocalOptions", "Prompts", "context_length"]


class LocalOptions(PilotOptions):
    """Options that every engine has."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: bfloat16 on a GPU, float32 on a CPU"
    )
    terminator: Literal["none", "end"] = Field(
        "none", description="end: an option counts only with the turn's end after it"
    )
    template: Literal["auto", "plain"] = Field("auto", description="plain: no chat template")
    revision: str | None = Field(None, description="commit of a hub model")


class Prompts:
    """Token ids of requests, the same for every engine.

    Parameters
    ----------
    tokenizer : transformers tokenizer
    options : LocalOptions
    limit : int or None
        Tokens that the model reads at most.
    note : callable
        Takes a sentence about how prompts are written.
    """

    def __init__(self, tokenizer: Any, options: LocalOptions, limit: int | None, note: Callable[[str], None]) -> None:
        self.tokenizer = tokenizer
        self.chat = Chat(tokenizer, plain=options.template == "plain")
        self._options, self._limit, self._note = options, limit, note
        self._template: Template | None = None

    @property
    def limit(self) -> int | None:
        """Tokens that the model reads at most; None where it does not say."""
        return self._limit

    def encode(self, text: str) -> Tokens:
        """Token ids of a text as the model reads it."""
        return tuple(self.tokenizer(text, add_special_tokens=self.chat.plain)["input_ids"])

    def tokens(self, request: Request) -> tuple[Tokens, list[Tokens]]:
        """Token ids of a request's prompt, and those of each option after it.

        Raises
        ------
        ModelError
            When the interview is longer than the model reads, or its options cannot be told apart.
        """
        answers = [self.chat.answer_prefix + option for option in request.options]
        prompt, options = option_tokens(self.encode, self._text(request.messages), answers)
        if self._options.terminator == "end":
            options = [(*tokens, self.tokenizer.eos_token_id) for tokens in options]
        self._check(len(prompt) + max(map(len, options)))
        return prompt, options

    def written(self, request: TextRequest) -> Tokens:
        """Token ids of a prompt after which the model writes.

        Raises
        ------
        ModelError
            When the interview and what is to be written are longer than the model reads.
        """
        prompt = self.encode(self._text(request.messages))
        self._check(len(prompt) + request.max_tokens)
        return prompt

    def _text(self, messages: Sequence[Message]) -> str:
        if self.chat.injected and messages[0].role != "system":
            self._note(
                f"the chat template adds a text of its own where there is no system turn: {self.chat.injected!r}"
            )
        if self._template is None:
            self._template = look_at(self.chat)
            if self._template.always:
                dated = "; today's date is part of it" if self._template.dated else ""
                self._note(f"the chat template adds to every conversation: {self._template.always!r}{dated}")
        return self.chat.render(messages)

    def _check(self, length: int) -> None:
        if self._limit is not None and length > self._limit:
            examples = self._options.examples
            fewer = f"ask for fewer than ?examples={examples}" if examples else "shorten the task"
            raise ModelError(
                f"the interview has {length} tokens, the model reads {self._limit}",
                hint=f"{fewer}, or use another model",
            )


def context_length(config: Any) -> int | None:
    """Tokens that a model reads at most, from its transformers configuration; None where it does not say."""
    text = config.get_text_config()
    limit: int | None = getattr(text, "max_position_embeddings", None) or getattr(text, "n_positions", None)
    return limit
