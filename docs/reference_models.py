"""Pages of models and of ways of asking: every scheme, reference and option, from what is registered."""

from __future__ import annotations

import inspect
from typing import Any, Literal, get_args, get_origin

from reference_markdown import cell, code, docstring, made, table

from surveyeval.model.baselines import _NO_LOG_PROB, BASELINES
from surveyeval.model.scripts import SCRIPTS
from surveyeval.plugins import BUILTIN, registry

__all__ = ["elicitations_page", "models_page"]

_MODELS = """\
A model is written `SCHEME:REFERENCE?option=value&option=value`, with a name for cards in front where one is wanted:
`NAME=SCHEME:REFERENCE`. Quote such strings, since `?` and `&` mean something to a shell. `%3F` stands for a question mark in a
reference, `%26` for `&` in a value. `-M NAME.option=value` sets an option of a named model as well.

`surveyeval ls models` lists the schemes, those of plugins too; `surveyeval show SCHEME` prints the options of one. An option that
changes answers is part of what a run is: another value makes another run."""

#: Scheme -> what stands after the colon, examples, and where to read on.
_TOLD = {
    "baseline": ("the name of a baseline", ["baseline:cell", "baseline:chain"], ""),
    "scripted": (
        "the name of a script",
        ["scripted:human", "scripted:noisy?share=0.3"],
        "Scripts see people's answers; they are for tests and for learning what cards say. They have no place on leaderboards.",
    ),
    "file": (
        "the path of a file of answers",
        ["file:twins.csv"],
        "[Bring your own model](../how-to/own-model.md) tells what the file holds.",
    ),
    "hf": ("a name on the hub, or a folder", ["hf:org/name", "hf:models/mine?dtype=bfloat16"], ""),
    "embedded": ("`smollm2`", ["embedded:smollm2", "embedded:smollm2?calibrate=item"], ""),
    "vllm": (
        "a name on the hub, a folder, or `embedded:smollm2`",
        ["vllm:org/name"],
        "[Models through vLLM](../how-to/vllm.md).",
    ),
    "lora": (
        "the folder of an adapter",
        ["lora:adapters/anes96", "lora:adapters/anes96?engine=vllm"],
        "[Fine-tuning](../how-to/fine-tuning.md).",
    ),
    "openai": (
        "the name that the server gives the model",
        ["openai:name?base_url=http://127.0.0.1:8000/v1"],
        "[Models behind a server](../how-to/servers.md).",
    ),
}
_BASELINES = {
    "uniform": "every option equally likely",
    "mode": "the most frequent answer of the arm",
    "pooled": "the distribution in the whole pilot, arms together",
    "marginal": "the distribution within the arm",
    "cell": "the distribution within arm and demographic cell (`cells` of the task), shrunk to the arm",
    "logit": "logits of each item on the profile; ordered for ordinal items",
    "chain": "logits of each item on profile and earlier answers",
    "hotdeck": "the answers of a similar person of the pilot",
    "copula": "margins joined by a Gaussian copula with the profile",
}


def models_page() -> str:
    """Every model scheme."""
    entries = [one for one in registry().all("model") if one.owner == BUILTIN]
    missing = {one.name for one in entries} ^ set(_TOLD)
    if missing or set(_BASELINES) != set(BASELINES):
        raise SystemExit(f"say what follows {missing or 'baseline'}: in docs/reference_models.py")
    parts = [_MODELS]
    for entry in entries:
        reference, examples, more = _TOLD[entry.name]
        shown = ", ".join(map(code, examples))
        parts += [
            f"## {entry.name}",
            f"{_sentence(entry.summary)} After the colon: {reference}. Examples: {shown}. {more}".strip(),
        ]
        if entry.name == "baseline":
            rows = ([code(n), cell(t), "" if n in _NO_LOG_PROB else "yes"] for n, t in _BASELINES.items())
            parts.append(table(["baseline", "answers with", "joint log-loss"], rows))
        if entry.name == "scripted":
            parts.append(
                table(["script", "answers with"], ([code(n), cell(one.summary)] for n, one in SCRIPTS.items()))
            )
        parts.append(_options(entry.load_options()))
    return made("Models", *parts)


_ELICITATIONS = """\
How language models are asked: `surveyeval run --elicitation NAME?option=value`. Baselines and files are not asked anything. `surveyeval ls
elicitations` lists the ways, those of plugins too. The way of asking is part of what a run is."""


def elicitations_page() -> str:
    """Every way of asking."""
    parts = [_ELICITATIONS]
    for entry in registry().all("elicitation"):
        if entry.owner == BUILTIN:
            parts += [
                f"## {entry.name}",
                _sentence(entry.summary),
                docstring(entry.load()),
                _options(entry.load_options()),
            ]
    return made("Ways of asking", *parts)


def _options(model: Any) -> str:
    if model is None or not model.model_fields:
        return "No options."
    rows = []
    for name, info in model.model_fields.items():
        if not info.description:
            raise SystemExit(f"say what option {name} of {model.__name__} means")
        default = (
            ""
            if info.default is None
            else code(str(info.default).lower() if isinstance(info.default, bool) else str(info.default))
        )
        rows.append([code(name), _kind(info.annotation), default, cell(info.description)])
    return table(["option", "value", "default", "meaning"], rows)


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(code(str(one)) for one in get_args(annotation))
    inner = [one for one in get_args(annotation) if one is not type(None)]
    if inner and get_origin(annotation) is not tuple:
        return " or ".join(_kind(one) for one in inner)
    words = {bool: "`true` or `false`", int: "whole number", float: "number", str: "text"}
    return words.get(annotation, "text" if not inspect.isclass(annotation) else annotation.__name__)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
