"""Options of models behind an OpenAI-compatible server."""

from __future__ import annotations

import os
import re
from typing import Any, Literal

from pydantic import Field, Json

from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.model.key_like import is_key, is_random, secret_place
from surveyeval.model.pilot_options import PilotOptions

__all__ = ["OpenAIOptions", "check_options"]

#: Fields of a request that are ours to fill.
_OURS = {
    "model", "messages", "prompt", "n", "best_of", "stream", "stream_options", "echo", "logprobs", "top_logprobs",
    "logprob_token_ids", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed",
}  # fmt: skip


class OpenAIOptions(PilotOptions):
    """Options of models behind an OpenAI-compatible server."""

    base_url: str | None = Field(None, description="address up to /v1; default: OPENAI_BASE_URL, else the official one")
    key_env: str | None = Field(None, description="environment variable with the key; default: OPENAI_API_KEY")
    api: Literal["chat", "completions"] = Field("chat", description="completions: the model goes on with a plain text")
    tokenizer: str | None = Field(
        None, description="name or folder of the model's tokenizer: token ids, and its chat template with completions"
    )
    template: Literal["auto", "plain"] = Field("auto", description="plain: completions without the chat template")
    system: Literal["role", "user"] = Field(
        "role", description="user: the system text stands in the first user turn, for models without a system role"
    )
    scores: Literal["auto", "ids", "top"] = Field(
        "auto", description="probabilities of named tokens (ids; vLLM) or of the most probable ones (top)"
    )
    top_logprobs: int = Field(20, ge=2, description="most probable tokens that are asked for")
    extra: Json[dict[str, Any]] | None = Field(
        None, description='further fields of every request, as JSON: {"reasoning_effort": "low"}'
    )
    seed: bool = Field(True, description="false: no seed is sent with texts, for servers that refuse one")
    length_field: Literal["auto", "max_tokens", "max_completion_tokens"] = Field(
        "auto", description="how a chat request says how much may be written"
    )
    block: int = Field(32, ge=1, description="interviews answered together; part of the run's identity")
    send_profiles: bool = Field(False, description="profiles may be sent to a server that is not on this machine")
    concurrency: int = Field(8, ge=1, description="calls under way at the same time")
    timeout: float = Field(120.0, gt=0, description="seconds that one call may take")
    retries: int = Field(6, ge=0, description="times that a failed call is tried again")
    backoff: float = Field(1.0, ge=0, description="seconds before the first new try at most; doubled each time")
    max_calls: int | None = Field(None, ge=1, description="budget: calls, repeated ones included")
    max_total_tokens: int | None = Field(None, ge=1, description="budget: tokens read and written")
    max_cost: float | None = Field(None, gt=0, description="budget: money, at the prices given")
    price_in: float | None = Field(None, ge=0, description="price of a million tokens read")
    price_out: float | None = Field(None, ge=0, description="price of a million tokens written")


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_options(options: OpenAIOptions) -> None:
    """Refuse options that do not go together.

    Raises
    ------
    ConfigError
    """
    if options.max_cost is not None and options.price_in is None and options.price_out is None:
        raise ConfigError(
            "a budget in money needs prices",
            field="max_cost",
            hint="give ?price_in= and ?price_out= per million tokens",
        )
    named = options.key_env
    if named is not None and (not _VARIABLE.fullmatch(named) or is_key(named) or _is_unset_key(named)):
        raise ConfigError(  # which is not repeated: it may be the key itself
            "what is given is no name of an environment variable, or that of one that is not set",
            field="key_env",
            hint="the key stands in the variable",
        )
    secret = secret_place(options.extra or {})
    if secret is not None:  # what is in a model string stands in manifests and on cards
        raise ConfigError(
            f"{secret!r} looks like a key, a password or a header, and options are written into manifests",
            field="extra",
            hint="put the key into an environment variable and name that with ?key_env=; other headers are not sent",
        )
    for name in options.extra or ():
        if name in _OURS:
            raise ConfigError(
                f"{name!r} is filled in by surveyeval",
                field="extra",
                hint=did_you_mean(name, OpenAIOptions.model_fields),
            )
    if options.api == "chat" and options.template == "plain":
        raise ConfigError(
            "the server writes chats in the model's own template", field="template", hint="use ?api=completions"
        )


def _is_unset_key(named: str) -> bool:
    """Whether it is more likely a key than the name of a variable that is still to be set."""
    return named not in os.environ and (
        is_random(named) or re.fullmatch(r"(?=.*[0-9])(?=.*[a-z])\w{20,}", named) is not None
    )
