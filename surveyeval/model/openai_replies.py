"""Reading what a server replied. Nothing in a reply is taken on trust: what does not fit is `Garbage`, and asked again."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from surveyeval.model.protocol import Text

__all__ = ["Garbage", "NoLogProbs", "Tokens", "models", "named_tokens", "shown", "text", "token_ids", "top_tokens"]

#: Token and natural log-probability, as returned for the first place of an answer.
Tokens = list[tuple[str, float]]

#: How much more than 1 probabilities may sum to by rounding.
_ROUNDING = 1e-3
#: What servers write for minus infinity.
_NEVER = -9000.0
_TOKEN_ID = re.compile(r"token_id:(\d+)")


class Garbage(Exception):  # noqa: N818 - it says what was received
    """A reply that does not fit; the message says in what. It may be worth asking again."""


class NoLogProbs(Garbage):
    """A reply without the log-probabilities that were asked for."""


def shown(content: str, length: int = 200) -> str:
    """The first characters of what a server sent, safe to print on a line of a terminal."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in content[: length + 1])
    return line if len(line) <= length else line[:length] + "..."


def text(reply: Any) -> Text:
    """What the model wrote, from a chat or a completion.

    What reasoning models think is left out where the server keeps it apart, and stands where it stands otherwise.

    Raises
    ------
    Garbage
    """
    choice = _choice(reply)
    reason = choice.get("finish_reason")
    message = choice.get("message")
    if isinstance(message, Mapping):
        written, refusal = message.get("content"), message.get("refusal")
        if isinstance(refusal, str) and refusal:
            return Text(_whole(refusal), "refused")
    elif message is None:
        written = choice.get("text")
    else:
        raise Garbage("choices[0].message is no object")
    if written is None and reason in ("length", "content_filter"):
        written = ""  # all tokens went into reasoning, or a filter held everything back
    if not isinstance(written, str):
        raise Garbage("choices[0] has no text")
    return Text(_whole(written), {"length": "length", "content_filter": "refused"}.get(str(reason), "stop"))


def top_tokens(reply: Any) -> Tokens:
    """The most probable tokens at the first place of the answer, with their log-probabilities.

    Tokens may have the same text and be different ones; an entry that is repeated as it is counts once.

    Raises
    ------
    NoLogProbs
        When there are none, or those of the token alone that was drawn.
    Garbage
        When they are no log-probabilities.
    """
    found = list(dict.fromkeys(_first_place(reply)))
    if not found:
        raise NoLogProbs("there are no log-probabilities in it")
    if len(found) == 1:
        raise NoLogProbs("it gives the log-probability of the token alone that was drawn")
    if math.fsum(math.exp(value) for _, value in found) > 1 + _ROUNDING:
        raise Garbage("its probabilities sum to more than 1")
    return found


def named_tokens(reply: Any, ids: tuple[int, ...]) -> dict[int, float]:
    """Log-probabilities of tokens that were asked for by their ids.

    Raises
    ------
    NoLogProbs
        When one is missing.
    Garbage
        When they are no log-probabilities.
    """
    values = {}
    for token, value in _first_place(reply):
        match = _TOKEN_ID.fullmatch(token)
        if match:
            values[int(match[1])] = value
    if not values.keys() >= set(ids):
        raise NoLogProbs("log-probabilities of tokens that were named are missing from it")
    if math.fsum(math.exp(values[one]) for one in set(ids)) > 1 + _ROUNDING:
        raise Garbage("its probabilities sum to more than 1")
    return {one: values[one] for one in ids}


def token_ids(reply: Any) -> tuple[int, ...]:
    """Ids from a server that says how it reads a text.

    Raises
    ------
    Garbage
    """
    found = reply.get("tokens") if isinstance(reply, Mapping) else None
    if not isinstance(found, list) or not all(type(one) is int and one >= 0 for one in found):
        raise Garbage("it has no list of token ids")
    return tuple(found)


def models(reply: Any) -> dict[str, str]:
    """Names of the models of a server, with their owners.

    Raises
    ------
    Garbage
    """
    found = reply.get("data") if isinstance(reply, Mapping) else None
    if not isinstance(found, list):
        raise Garbage("it has no list of models")
    return {str(one["id"]): str(one.get("owned_by") or "") for one in found if isinstance(one, Mapping) and "id" in one}


def _whole(written: str) -> str:
    """A text that can be written to a file: JSON can hold halves of characters."""
    return written.encode(errors="replace").decode()


def _choice(reply: Any) -> Mapping[str, Any]:
    if not isinstance(reply, Mapping):
        raise Garbage("it is no JSON object")
    choices = reply.get("choices")
    if not isinstance(choices, list):
        raise Garbage("it has no list of choices")
    if len(choices) != 1 or not isinstance(choices[0], Mapping):
        raise Garbage(f"it has {len(choices)} choices where one was asked for")
    return choices[0]


def _first_place(reply: Any) -> Tokens:
    """What is known of the first token of the answer: the chat form, or the older one of completions."""
    found = _choice(reply).get("logprobs")
    if not isinstance(found, Mapping):
        return []
    places = found.get("content")
    if isinstance(places, list):
        first = places[0] if places else None
        entries = first.get("top_logprobs") if isinstance(first, Mapping) else None
        if not isinstance(entries, list):
            return []
        if not all(isinstance(one, Mapping) for one in entries):
            raise Garbage("its log-probabilities have another form")
        pairs = [(one.get("token"), one.get("logprob")) for one in entries]
    else:
        places = found.get("top_logprobs")
        first = places[0] if isinstance(places, list) and places else None
        if not isinstance(first, Mapping):
            return []
        pairs = list(first.items())
    return [_pair(token, value) for token, value in pairs]


def _pair(token: Any, value: Any) -> tuple[str, float]:
    if not isinstance(token, str) or isinstance(value, bool) or not isinstance(value, int | float):
        raise Garbage("its log-probabilities have another form")
    if math.isnan(value) or value > _ROUNDING:
        raise Garbage(f"{value} is no log-probability")
    return token, float(value) if value > _NEVER else -math.inf
