"""From what the user writes to models and ways of asking them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from surveyeval.errors import CapabilityError, ConfigError, PluginError
from surveyeval.model.protocol import LanguageModel, Respondent
from surveyeval.model.strings import build_options, parse_elicitation_string, parse_model_string
from surveyeval.plugins import registry

if TYPE_CHECKING:
    from surveyeval.model.elicitation import Elicitation  # heavier than building a baseline needs

__all__ = ["NamedModel", "build_elicitation", "build_model", "build_models", "check_elicitation"]

#: Elicitations that a model's capabilities speak of; others are judged by the method that they need.
BUILT_IN = ("choice", "generate", "verbalized")
_DOES = {"score": "gives probabilities of options", "generate": "writes texts"}


@dataclass(frozen=True, eq=False)
class NamedModel:
    """A model as the user named it. ``string`` is its canonical model string."""

    name: str
    string: str
    model: Respondent | LanguageModel


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


def build_elicitation(text: str) -> Elicitation:
    """Build a way of asking, such as ``choice`` or ``generate?max_tokens=256&temperature=0.7``.

    Raises
    ------
    ConfigError
        When the string, the name or an option is wrong.
    PluginError
        When a plugin's elicitation does not load.

    Examples
    --------
    >>> build_elicitation("generate?temperature=0.7").needs
    'generate'
    """
    parsed = parse_elicitation_string(text)
    registration = registry().get("elicitation", parsed.name)
    options_class = registration.load_options()
    options = build_options(options_class, parsed)
    target = registration.load()
    built: Elicitation = target() if options_class is None else target(options)
    lacking = [part for part in ("name", "needs", "distribution", "ask") if not hasattr(built, part)]
    if lacking:
        raise PluginError(
            f"elicitation {registration.qualified!r} has no {', '.join(map(repr, lacking))}",
            hint="surveyeval.model.elicitation.Elicitation says what it must have",
        )
    return built


def check_elicitation(named: NamedModel, elicitation: Elicitation) -> None:
    """Refuse a model that cannot be asked so, before its weights load.

    Raises
    ------
    CapabilityError
    """
    able = named.model.capabilities.elicitations
    if elicitation.name in able:
        return
    if elicitation.name not in BUILT_IN and callable(getattr(named.model, elicitation.needs, None)):
        return
    hint = f"it can: {', '.join(able)}"
    if elicitation.name not in BUILT_IN:
        hint = f"it needs a model that {_DOES.get(elicitation.needs, f'has a method {elicitation.needs!r}')}"
    raise CapabilityError(f"model {named.name!r} cannot do elicitation {elicitation.name!r}", hint=hint)
