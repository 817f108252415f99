"""What is sent to a server: bodies of requests, and how they read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from surveyeval.model.chat import Chat, merged
from surveyeval.model.openai_address import OFFICIAL, Address
from surveyeval.model.openai_options import OpenAIOptions
from surveyeval.model.protocol import Message, TextRequest
from surveyeval.model.scoring import Tokens

__all__ = ["Requests"]

#: What ends a turn in the plain form.
_TURN_END = "\n\n"


class Requests:
    """Writes requests for one model.

    Parameters
    ----------
    model : str
        As the server calls it.
    address : Address
    options : OpenAIOptions
    chat : Chat
        How conversations are written where the server doesn't do it.
    """

    def __init__(self, model: str, address: Address, options: OpenAIOptions, chat: Chat) -> None:
        self.model, self.options, self.chat = model, options, chat
        #: Fields that undo what a server adds to the sampling by itself.
        self.neutral: dict[str, Any] = {}
        auto = "max_completion_tokens" if address.url == OFFICIAL else "max_tokens"
        chosen = auto if options.length_field == "auto" else options.length_field
        self._length = chosen if self.chats else "max_tokens"

    @property
    def chats(self) -> bool:
        """Whether the server writes conversations in the model's own template."""
        return self.options.api == "chat"

    @property
    def path(self) -> str:
        """Below the address."""
        return "/chat/completions" if self.chats else "/completions"

    def answer_text(self, option: str) -> str:
        """An option as the text that goes on from the prompt."""
        return option if self.chats else self.chat.answer_prefix + option

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt of completions, or the turns of a chat with their roles."""
        if not self.chats:
            return self.chat.render(messages)
        return "\n".join(f"{turn['role']}: {turn['content']}" for turn in self.turns(messages))

    def turns(self, messages: Sequence[Message]) -> list[dict[str, str]]:
        """Messages as servers take them."""
        taken = messages if self.options.system == "role" else merged(messages)
        return [{"role": message.role, "content": message.content} for message in taken]

    def text(self, request: TextRequest) -> dict[str, Any]:
        """A request for a text, from the model's own distribution at the temperature that is asked for."""
        body = self._body(self._prompt(request.messages), request.max_tokens)
        body |= {"temperature": request.temperature, "top_p": 1.0, **self.neutral}
        if self.options.seed:
            body["seed"] = request.seed
        if not self.chats and self.chat.plain:
            body["stop"] = [_TURN_END]
        return body | (self.options.extra or {})

    def most_probable(self, messages: Sequence[Message], beginning: str = "") -> dict[str, Any]:
        """A request for the most probable next tokens, after the beginning of an answer (completions only).

        At temperature 1 it makes no difference whether a server reports probabilities before or after tempering.
        """
        prompt = self._prompt(messages) if not beginning else {"prompt": self.chat.render(messages) + beginning}
        body = self._body(prompt, 1) | {"temperature": 1.0, "top_p": 1.0}
        count = self.options.top_logprobs
        body |= {"logprobs": True, "top_logprobs": count} if self.chats else {"logprobs": count}
        return body | (self.options.extra or {})

    def named(self, messages: Sequence[Message], ids: Tokens, prompt: Tokens | None = None) -> dict[str, Any]:
        """A request for the log-probabilities of tokens by their ids; `prompt` stands for the messages (completions only)."""
        body = self._body(self._prompt(messages) if prompt is None else {"prompt": list(prompt)}, 1)
        body |= {"temperature": 1.0, "top_p": 1.0, "logprobs": True if self.chats else 0}
        return body | {"logprob_token_ids": list(ids), "return_tokens_as_token_ids": True} | (self.options.extra or {})

    def _body(self, prompt: dict[str, Any], length: int) -> dict[str, Any]:
        return {"model": self.model, **prompt, self._length: length}

    def _prompt(self, messages: Sequence[Message]) -> dict[str, Any]:
        if self.chats:
            return {"messages": self.turns(messages)}
        rendered = self.chat.render(messages)
        # a chat template brings its own special tokens, which a server would not find in a text or would double
        return {"prompt": rendered if self.chat.plain else list(self.encode(rendered))}

    def encode(self, text: str) -> Tokens:
        """Token ids of a text by the tokenizer at hand."""
        return tuple(self.chat.tokenizer(text, add_special_tokens=self.chat.plain)["input_ids"])
