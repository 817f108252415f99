"""Model strings: ``scheme:reference?option=value&option=value``, with an optional ``NAME=`` in front."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from surveyeval.errors import ConfigError, did_you_mean

__all__ = ["ModelString", "build_options", "parse_model_string"]

_NAMED = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9_.+ -]*)=(?P<rest>(?:[A-Za-z0-9_.+-]+/)?[a-z][a-z0-9_+-]*:.*)", re.DOTALL
)
_SCHEME = re.compile(r"(?:[A-Za-z0-9_.+-]+/)?[a-z][a-z0-9_+-]*")


@dataclass(frozen=True)
class ModelString:
    """A model string in parts. ``text`` is canonical: options sorted, name left out."""

    name: str
    scheme: str
    reference: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The canonical string."""
        query = "&".join(f"{key}={quote(value, safe='/:,.+-_')}" for key, value in sorted(self.options.items()))
        return f"{self.scheme}:{self.reference}" + (f"?{query}" if query else "")


def parse_model_string(text: str, settings: Mapping[str, str] | None = None) -> ModelString:
    """Parse a model string.

    Parameters
    ----------
    text : str
    settings : mapping, optional
        Further options; one that is also in the string is an error when the values differ.

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> parsed = parse_model_string("small=hf:org/name?dtype=float32")
    >>> parsed.name, parsed.scheme, parsed.reference, dict(parsed.options)
    ('small', 'hf', 'org/name', {'dtype': 'float32'})
    """
    named = _NAMED.fullmatch(text)
    name, rest = (named["name"], named["rest"]) if named else ("", text)
    scheme, colon, remainder = rest.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        raise ConfigError(
            f"model {text!r} is not written scheme:reference", hint="for example baseline:cell or hf:org/name"
        )
    reference, mark, query = remainder.partition("?")
    if not reference:
        raise ConfigError(
            f"model {text!r} says nothing after {scheme!r}:", hint="for example baseline:cell or hf:org/name"
        )
    options: dict[str, str] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(mark))
    except ValueError as error:
        raise ConfigError(f"options {query!r} of model {text!r} are not written key=value&key=value") from error
    for key, value in [*pairs, *(settings or {}).items()]:
        if options.get(key, value) != value:
            raise ConfigError(f"option {key!r} of model {text!r} is given twice with different values")
        options[key] = value
    return ModelString(name or f"{scheme}:{reference}", scheme, unquote(reference), options)


def build_options(options_class: Any, parsed: ModelString) -> Any:
    """Typed options of a model, or None when it has none.

    Raises
    ------
    ConfigError
        With every wrong option at once.
    """
    from pydantic import ValidationError

    from surveyeval.errors import Problem

    if options_class is None:
        if parsed.options:
            raise ConfigError(f"model {parsed.scheme!r} has no options, but {', '.join(parsed.options)} was given")
        return None
    try:
        return options_class(**parsed.options)
    except ValidationError as error:
        known = list(options_class.model_fields)
        problems = []
        for one in error.errors():
            key = str(one["loc"][0]) if one["loc"] else ""
            if one["type"] == "extra_forbidden":
                hint = did_you_mean(key, known) or (f"options: {', '.join(known)}" if known else "it has no options")
                problems.append(Problem(f"model {parsed.scheme!r} has no option {key!r}", hint=hint))
            else:
                problems.append(Problem(f"option {key!r} of model {parsed.text!r}: {one['msg'].lower()}"))
        raise ConfigError(problems=problems) from error
