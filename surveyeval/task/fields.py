"""From the plain values of a YAML document to a typed model: every wrong field at once, each with its line and a hint."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from surveyeval.errors import did_you_mean
from surveyeval.task.document import Route, dotted
from surveyeval.task.findings import Findings, shown

__all__ = ["typed"]

M = TypeVar("M", bound=BaseModel)


def _respelled(findings: Findings, value: Any, annotation: Any, route: Route, written: Route) -> Any:
    """The value with misspelt keys put right, each reported; unknown keys without a likely meaning are taken out."""
    origin, arguments = _shape(annotation)
    if isinstance(value, list):
        inner = arguments[0] if origin is list else None
        return [_respelled(findings, one, inner, (*route, n), (*written, n)) for n, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    fields = _fields(origin, arguments)
    result: dict[str, Any] = {}
    for key, one in value.items():
        name = key
        if fields is not None and key not in fields:
            free = [field for field in fields if field not in value and field not in result]
            close = get_close_matches(key, free, n=1, cutoff=0.6)
            hint = did_you_mean(key, free or fields) or f"there are {', '.join(fields)}"
            findings.original[(*route, key)] = (*written, key)
            findings.add((*route, key), f"there is no field {shown(key)}", hint, key=True)
            if not close:
                continue
            name = close[0]
            findings.original[(*route, name)] = (*written, key)
        inner = fields[name] if fields is not None else arguments[1] if origin is dict else None
        result[name] = _respelled(findings, one, inner, (*route, name), (*written, key))
    return result


def _shape(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """A model, list or dict type inside Optional and Annotated, with its arguments."""
    while True:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            annotation = arguments[0]
        elif origin in (Union, UnionType):
            annotation = next((one for one in arguments if one is not type(None)), None)
        else:
            return (origin or annotation), arguments


def _fields(origin: Any, arguments: tuple[Any, ...]) -> dict[str, Any] | None:
    """Names that may stand in a mapping, with the type of each; None when any may."""
    if isinstance(origin, type) and issubclass(origin, BaseModel):
        return {name: field.annotation for name, field in origin.model_fields.items()}
    if origin is dict and get_origin(arguments[0]) is Literal:
        return dict.fromkeys(get_args(arguments[0]), arguments[1])
    return None


def typed(findings: Findings, model: type[M]) -> M | None:
    """The document as an instance of a pydantic model, misspelt keys put right for what is checked next.

    None when anything is wrong; `findings` holds every problem, each at its place.
    """
    findings.value = _respelled(findings, findings.value, model, (), ())
    try:
        spec = model.model_validate(findings.value)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            route, on_key = _route(one["loc"])
            _add(findings, route, one["type"], one["msg"], one.get("input"), one.get("ctx", {}), on_key)
        return None
    return None if findings.problems else spec


def _route(location: Iterable[int | str]) -> tuple[Route, bool]:
    """The route that pydantic means, and whether it means the key."""
    route: Route = ()
    for part in location:
        if part == "[key]":
            return route, True
        route = (*route, part)
    return route, False


def _add(
    findings: Findings, route: Route, kind: str, message: str, value: Any, context: Mapping[str, Any], on_key: bool
) -> None:
    if kind == "missing":
        findings.add(route[:-1], f"{dotted(route[-1:])!r} is missing", f"add `{route[-1]}:`", key=True)
        return
    if value is None:
        findings.add(route, "has no value", _wanted(kind, context) or "give one, or leave the field out", key=True)
        return
    hint = _wanted(kind, context)
    if kind == "literal_error" and isinstance(value, str):
        hint = did_you_mean(value, re.findall(r"'([^']*)'", str(context.get("expected", "")))) or hint
    if kind == "string_pattern_mismatch":
        hint = _PATTERNS.get(str(context.get("pattern")), f"it must match {context.get('pattern')}")
    what = _WHAT.get(kind, message[0].lower() + message[1:])
    # A mapping or list starts below its key; the key's line is the one to look at.
    findings.add(route, f"{shown(value)} {what}", hint, key=on_key or isinstance(value, (dict, list)))


_PATTERNS = {
    "^[A-Za-z][A-Za-z0-9_]*$": "a name has letters without accents, digits and _ and starts with a letter",
    "^[a-z0-9][a-z0-9_.+-]*$": "a name has a to z, digits, _, ., + and - and starts with a letter or digit",
    "^[0-9a-f]{64}$": "a sha256 has 64 digits of 0-9 and a-f",
}
_WHAT = {
    "literal_error": "is not allowed here",
    "string_pattern_mismatch": "is not spelled right for this field",
    "string_type": "stands where a text belongs",
    "dict_type": "stands where a mapping belongs",
    "model_type": "stands where a mapping belongs",
    "list_type": "stands where a list belongs",
    "float_parsing": "is no number",
    "float_type": "stands where a number belongs",
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "string_too_short": "is empty",
    "string_too_long": "is too long",
    "too_short": "is too short",
    "greater_than": "is too small",
    "greater_than_equal": "is too small",
    "int_parsing": "is no whole number",
    "int_type": "stands where a whole number belongs",
    "less_than": "is too large",
}


def _wanted(kind: str, context: Mapping[str, Any]) -> str | None:
    """What would be right."""
    fixed = {
        "string_type": "write a single text",
        "dict_type": "write `key: value` lines below it",
        "model_type": "write `field: value` lines below it",
        "list_type": "write [a, b] or lines that start with `- `",
        "float_parsing": "write a number such as 0.1",
        "float_type": "write a number such as 0.1",
        "int_parsing": "write a whole number such as 3",
        "int_type": "write a whole number such as 3",
        "bool_parsing": "write true or false",
        "bool_type": "write true or false",
        "string_too_short": "write a text, or leave the field out if it is optional",
        "too_short": "write one entry or more",
    }
    if kind == "literal_error":
        return f"write {context.get('expected')}"
    if kind == "string_too_long":
        return f"at most {context.get('max_length')} characters"
    if kind == "greater_than":
        return f"it must be above {context.get('gt'):g}"
    if kind == "greater_than_equal":
        return f"it must be {context.get('ge'):g} or more"
    if kind == "less_than":
        return f"it must be below {context.get('lt'):g}"
    return fixed.get(kind)
