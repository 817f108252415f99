"""Model strings: ``scheme:reference?option=value&option=value``, with an optional ``NAME=`` in front.

Percent-encoding writes what would end a part: ``%3F`` for a question mark in a reference, ``%26`` for ``&`` in a value.
Elicitations and executors are written alike, without a reference: ``generate?max_tokens=256``, ``ray?workers=4``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote

from surveyeval.errors import ConfigError, did_you_mean
from surveyeval.model.key_like import BEARER, KEYS, is_secret_name, without_keys

__all__ = [
    "ElicitationString",
    "ExecutorString",
    "ModelString",
    "build_options",
    "parse_elicitation_string",
    "parse_executor_string",
    "parse_model_string",
]

_NAMED = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9_.+ -]*)=(?P<rest>(?:[A-Za-z0-9_.+-]+/)?[a-z0-9][a-z0-9_.+-]*:.*)", re.DOTALL
)
_SCHEME = re.compile(r"(?:[A-Za-z0-9_.+-]+/)?[a-z0-9][a-z0-9_.+-]*")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
#: The end of a text that `without_keys` has cut.
_KEPT_BACK = "...'"


@dataclass(frozen=True)
class ModelString:
    """A model string in parts. ``text`` is canonical: options sorted, name left out."""

    name: str
    scheme: str
    reference: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """How messages call it."""
        return f"model {self.scheme!r}"

    @property
    def text(self) -> str:
        """The canonical string."""
        return f"{self.scheme}:{_escape(self.reference, '?')}{_query(self.options)}"


@dataclass(frozen=True)
class ElicitationString:
    """An elicitation in parts. ``text`` is canonical: options sorted."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """How messages call it."""
        return f"elicitation {self.name!r}"

    @property
    def text(self) -> str:
        """The canonical string."""
        return f"{self.name}{_query(self.options)}"


@dataclass(frozen=True)
class ExecutorString(ElicitationString):
    """An executor in parts, written like an elicitation."""

    @property
    def what(self) -> str:
        """How messages call it."""
        return f"executor {self.name!r}"


def _query(options: Mapping[str, str]) -> str:
    query = "&".join(f"{key}={_escape(value, '&')}" for key, value in sorted(options.items()))
    return f"?{query}" if query else ""


def _escape(text: str, special: str) -> str:
    return text.replace("%", "%25").replace(special, f"%{ord(special):02X}")


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
    text = text.strip()
    what = f"model {without_keys(text)!r}"
    named = _NAMED.fullmatch(text)
    name, rest = (named["name"], named["rest"]) if named else ("", text)
    scheme, colon, remainder = rest.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        # a hub name or folder without its scheme is the most likely slip
        slip = "/" in rest and not colon
        hint = f"did you mean 'hf:{without_keys(rest)}'?" if slip else "for example baseline:cell or hf:org/name"
        raise ConfigError(f"{what} is not written scheme:reference", hint=hint)
    reference, mark, query = remainder.partition("?")
    if not reference:
        raise ConfigError(f"{what} says nothing after {scheme!r}:", hint="for example baseline:cell or hf:org/name")
    pairs = _pairs(what, query, "scheme:reference") if mark else []
    options = _once(what, [*pairs, *(settings or {}).items()])
    reference = unquote(reference)
    # what is named on cards shows no folder of the user's machine
    shown = PurePath(reference).name if PurePath(reference.replace("~", "/", 1)).is_absolute() else reference
    return ModelString(name or f"{scheme}:{shown}", scheme, reference, options)


def parse_elicitation_string(text: str) -> ElicitationString:
    """Parse ``name?option=value&option=value``.

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> parse_elicitation_string("generate?temperature=0.7&max_tokens=256").text
    'generate?max_tokens=256&temperature=0.7'
    """
    return ElicitationString(*_named("elicitation", text, "choice or generate?max_tokens=256"))


def parse_executor_string(text: str, settings: Mapping[str, str] | None = None) -> ExecutorString:
    """Parse ``name?option=value&option=value``, with further options as from ``-E option=value``.

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> dict(parse_executor_string("ray?workers=4", {"cpus_per_worker": "2"}).options)
    {'workers': '4', 'cpus_per_worker': '2'}
    """
    return ExecutorString(*_named("executor", text, "local, ray or ray?workers=4", settings))


def _named(
    kind: str, text: str, example: str, settings: Mapping[str, str] | None = None
) -> tuple[str, Mapping[str, str]]:
    """Name and options of what is written without a reference."""
    text = text.strip()
    name, mark, query = text.partition("?")
    what = f"{kind} {without_keys(text)!r}"
    if not _SCHEME.fullmatch(name):
        raise ConfigError(f"{what} is not written name or name?option=value", hint=f"for example {example}")
    pairs = _pairs(what, query, "name") if mark else []
    return name, _once(what, [*pairs, *(settings or {}).items()])


def _pairs(what: str, query: str, before: str) -> list[tuple[str, str]]:
    pairs = []
    for part in query.split("&"):
        key, equals, value = part.partition("=")
        if not equals or not _KEY.fullmatch(key):
            raise ConfigError(
                # a part may be the end of a secret with a & in it
                f"{'an option' if what.endswith(_KEPT_BACK) else f'option {part!r}'} of {what} is not written key=value",
                hint=f"write {before}?key=value&key=value; %26 stands for & in a value"
                + (", %3F for ? in a reference" if "reference" in before else ""),
            )
        pairs.append((key, unquote(value)))
    return pairs


def _once(what: str, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    options: dict[str, str] = {}
    for key, value in pairs:
        if options.get(key, value) != value:
            raise ConfigError(f"option {key!r} of {what} is given twice with different values")
        options[key] = value
    return options


def build_options(options_class: Any, parsed: ModelString | ElicitationString) -> Any:
    """Typed options of a model, an elicitation or an executor, or None when it has none.

    Raises
    ------
    ConfigError
        With every wrong option at once; or when one holds a key or a password, which is not repeated.
    """
    from pydantic import ValidationError

    from surveyeval.errors import Problem

    _refuse_keys(parsed, options_class)
    if options_class is None:
        if parsed.options:
            raise ConfigError(f"{parsed.what} has no options, but {', '.join(parsed.options)} was given")
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
                problems.append(Problem(f"{parsed.what} has no option {key!r}", hint=hint))
            else:
                said = one["msg"][:1].lower() + one["msg"][1:]
                # the other options are not repeated: somebody may have put a password into an address
                shown = "" if without_keys(str(one["input"])) != str(one["input"]) else f", not {one['input']!r}"
                problems.append(Problem(f"option {key!r} of {parsed.what}: {said}{shown}"))
        raise ConfigError(problems=problems) from error


def _refuse_keys(parsed: ModelString | ElicitationString, options_class: Any) -> None:
    """Refuse what looks like a key: what is in such a string stands in manifests, on cards and in tables."""
    hint = "a key stands in an environment variable; options are written into manifests"
    found = KEYS.search(getattr(parsed, "reference", ""))
    if found and re.search(r"[A-Za-z0-9]{16}", found[0]):  # sk-of-several-words may be a model's name
        raise ConfigError(f"the name of {parsed.what} looks like a key", hint=hint)
    known = options_class.model_fields if options_class is not None else {}
    for name, value in parsed.options.items():
        if name in known and is_secret_name(name) and not name.endswith("_env"):
            raise ConfigError(f"option {name!r} of {parsed.what} is named like a key", hint=hint)
        if KEYS.search(value) or BEARER.search(value):
            raise ConfigError(f"option {name!r} of {parsed.what} holds what looks like a key", hint=hint)
