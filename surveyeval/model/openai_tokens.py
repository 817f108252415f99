"""Token ids of options, for servers that give log-probabilities of tokens by their ids.

They come from the model's tokenizer, if it is at hand, or from the server, if it says how it reads a text (``/tokenize``).
Since every prompt ends alike, a server is asked once for each set of options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from surveyeval.errors import ModelError
from surveyeval.model.openai_client import Call, Client
from surveyeval.model.openai_failures import RefusedError
from surveyeval.model.openai_replies import token_ids
from surveyeval.model.openai_requests import Requests
from surveyeval.model.protocol import Message, Request
from surveyeval.model.scoring import Tokens, option_tokens

__all__ = ["Read", "TokenIds"]

_STAND_IN = (Message("user", "Which?"),)


@dataclass(frozen=True)
class Read:
    """A request as the model reads it.

    Parameters
    ----------
    options : list of token ids
    prompt : token ids, optional
        None where the prompt can be sent as it is.
    """

    options: list[Tokens]
    prompt: Tokens | None = None


class TokenIds:
    """Reads requests as token ids.

    Parameters
    ----------
    client : Client
    requests : Requests
    """

    def __init__(self, client: Client, requests: Requests) -> None:
        self._client, self._requests = client, requests
        self._known: dict[tuple[str, ...], list[Tokens] | None] = {}

    @property
    def _local(self) -> bool:
        return self._requests.chat.tokenizer is not None

    def read(self, requests: Sequence[Request]) -> list[Read | None]:
        """Requests as token ids; None where options cannot be told from the end of the prompt."""
        if self._local:
            return [self._by_tokenizer(request) for request in requests]
        found = [self._by_server(request.options) for request in requests]
        long = [
            number
            for number, options in enumerate(found)
            if options is not None and not self._requests.chats and max(map(len, options)) > 1
        ]
        texts = [{"prompt": self._requests.render(requests[number].messages)} for number in long]
        prompts = dict(zip(long, self._ask(texts), strict=True))
        return [None if o is None else Read(o, prompts.get(number)) for number, o in enumerate(found)]

    def _by_tokenizer(self, request: Request) -> Read | None:
        chat, encode = self._requests.chat, self._requests.encode
        if self._requests.chats and chat.plain:
            return None  # the server's template is not known here
        prompt = chat.render(request.messages)
        shared, options = option_tokens(encode, prompt, [self._requests.answer_text(one) for one in request.options])
        if not self._requests.chats:
            return Read(options, shared)
        return Read(options) if shared == encode(prompt) else None

    def _by_server(self, answers: tuple[str, ...]) -> list[Tokens] | None:
        if answers not in self._known:
            self._known[answers] = self._learn(answers)
        return self._known[answers]

    def _learn(self, answers: tuple[str, ...]) -> list[Tokens] | None:
        if self._requests.chats:
            turns = self._requests.turns(_STAND_IN)
            open_turn = {"add_generation_prompt": False, "continue_final_message": True}
            asked: list[dict[str, Any]] = [{"messages": turns, "add_generation_prompt": True}]
            asked += [{"messages": [*turns, {"role": "assistant", "content": one}], **open_turn} for one in answers]
        else:
            prompt = self._requests.render(_STAND_IN)
            asked = [{"prompt": prompt + text} for text in ("", *map(self._requests.answer_text, answers))]
        try:
            prompt_ids, *wholes = self._ask(asked)
        except RefusedError:  # some put a gate before vLLM that lets nothing else through
            return None
        table = dict(zip(("", *answers), (prompt_ids, *wholes), strict=True))
        try:
            shared, options = option_tokens(lambda answer: table[answer], "", answers)
        except ModelError:
            return None
        return options if shared == prompt_ids else None

    def _ask(self, bodies: Sequence[dict[str, Any]]) -> list[Tokens]:
        url = f"{self._client.address.root}/tokenize"
        calls = [Call(url, {"model": self._requests.model, **body}, token_ids, counted=False) for body in bodies]
        return self._client.make(calls)
