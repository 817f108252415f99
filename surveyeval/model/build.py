"""From a model string to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from surveyeval.errors import ConfigError
from surveyeval.model.protocol import Respondent, Scorer
from surveyeval.model.strings import build_options, parse_model_string
from surveyeval.plugins import registry

__all__ = ["NamedModel", "build_model", "build_models"]


@dataclass(frozen=True, eq=False)
class NamedModel:
    """A model as the user named it. ``string`` is its canonical model string."""

    name: str
    string: str
    model: Respondent | Scorer


def build_model(text: str, settings: Mapping[str, str] | None = None) -> NamedModel:
    """Build the model of a string such as ``baseline:cell`` or ``NAME=hf:org/name?dtype=float32``.

    Parameters
    ----------
    text : str
    settings : mapping of str to str, optional
        Further options, as from ``-M NAME.key=value``.

    Raises
    ------
    ConfigError
        When the string, the scheme or an option is wrong.
    ModelError
        When the model cannot be built.
    """
    parsed = parse_model_string(text, settings)
    registration = registry().get("model", parsed.scheme)
    options = build_options(registration.load_options(), parsed)
    return NamedModel(parsed.name, parsed.text, registration.load()(parsed.reference, options))


def build_models(texts: Sequence[str], settings: Mapping[str, Mapping[str, str]] | None = None) -> list[NamedModel]:
    """Build several models; their names must differ, and every name in `settings` must be one of them."""
    settings = settings or {}
    names = [parse_model_string(text).name for text in texts]
    for name in settings:
        if name not in names:
            raise ConfigError(
                f"settings for model {name!r}, but no model has that name", hint=f"models: {', '.join(names)}"
            )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"two models are named {twice[0]!r}", hint="name them apart: --model first=... --model second=..."
        )
    built = [build_model(text, settings.get(name)) for text, name in zip(texts, names, strict=True)]
    first: dict[str, str] = {}
    for one in built:
        if one.string in first:
            raise ConfigError(f"{one.name!r} and {first[one.string]!r} are one and the same model: {one.string}")
        first[one.string] = one.name
    return built
