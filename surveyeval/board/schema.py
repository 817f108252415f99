"""What a submission must look like, field by field: types, lengths and forms of all that pages and files are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from surveyeval.engine.estimates import COLUMNS
from surveyeval.errors import DataError, Problem

__all__ = ["FORMAT", "Submitted", "check_shape"]

#: Number of the layout of submissions.
FORMAT = 1

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=20_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Scalar = Annotated[str, Field(max_length=20_000)] | bool | int | Number | None


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Task(_Model):
    name: Annotated[str, Field(pattern=r"^[\w.-]{1,100}$")]
    version: Name
    title: Text
    hash: Hash
    provenance: Literal["human", "synthetic"]
    comparable: bool
    profile_set: Name
    profile: list[Name]
    wording: dict[str, Name]


class _Data(_Model):
    sha256: Annotated[str, Field(max_length=200)]
    n: Count


class _Fingerprint(_Model):
    kind: Literal["content", "declared"]
    value: Name
    details: dict[str, Any]


class _Described(_Model):
    name: Name
    string: Text
    fingerprint: _Fingerprint
    banners: list[Text]


class _Split(_Model):
    hash: Name
    pilot: Count
    test: Count
    test_ids: Hash


class _Options(_Model):
    seed: int
    draws: Annotated[int, Field(ge=1)]
    hidden: list[Name]


class _Identity(_Model):
    task: Hash
    profile_set: Name
    data: Annotated[str, Field(max_length=200)]
    split: Name
    test: Hash
    pilot: Hash
    model: Text
    options: dict[str, Any]
    plan: Name


class _Elicitation(_Model):
    name: Name
    text: Text


class Manifest(_Model):
    """What a submission's manifest must hold; more is allowed, and shown nowhere but on the card."""

    format: Literal[1]
    id: Hash
    identity: _Identity
    status: Literal["complete"]
    surveyeval: Name
    limited: Count | None
    task: _Task
    data: _Data
    model: _Described
    split: _Split
    options: _Options
    elicitation: _Elicitation | None = None


class Estimates(_Model):
    """What ``metrics.json`` must hold."""

    model_config = ConfigDict(extra="forbid", strict=True)
    format: Literal[1]
    identity: Hash
    estimates: list[dict[str, Scalar]]


class Tables(_Model):
    """What ``tables.json`` must hold: rows of plain values."""

    sizes: dict[str, Any]
    distributions: list[dict[str, Scalar]]
    coefficients: list[dict[str, Scalar]]
    coherence: list[dict[str, Scalar]]
    states: list[dict[str, Scalar]]
    mass: list[dict[str, Scalar]]
    groups: list[dict[str, Scalar]]


class Submitted(_Model):
    """What ``submission.json`` must hold: the layout and the hash of every part."""

    model_config = ConfigDict(extra="forbid", strict=True)
    format: Literal[1]
    made_by: Name
    sha256: dict[Name, Hash]


_TEXTS = frozenset(COLUMNS) - {
    "value", "low", "high", "level", "n_human", "n_simulated", "n_eff", "half", "draws", "sd_draws", "target", "headline", "p",
    "p_adjusted", "margin", "decidable",
}  # fmt: skip


def check_shape(parts: Mapping[str, Any], file: str) -> None:
    """Refuse parts of another shape; every mistake at once, up to 20 for each part.

    Raises
    ------
    DataError
    """
    problems: list[Problem] = []
    for name, model in (("manifest", Manifest), ("metrics", Estimates), ("tables", Tables)):
        problems += _problems(model, parts[name], file, name)
    if not problems:
        problems += list(_columns(parts["metrics"]["estimates"], file))
    if problems:
        raise DataError(problems=problems[:60])


def check_submitted(content: Any, file: str) -> None:
    """Refuse a ``submission.json`` of another shape.

    Raises
    ------
    DataError
    """
    problems = _problems(Submitted, content, file, "submission")
    if problems:
        raise DataError(problems=problems)


def _problems(model: type[BaseModel], content: Any, file: str, part: str) -> list[Problem]:
    try:
        model.model_validate(content)
    except ValidationError as error:
        return [
            Problem(one["msg"], file=file, field=".".join((part, *(str(place)[:60] for place in one["loc"]))))
            for one in error.errors(include_url=False, include_input=False, include_context=False)[:20]
        ]
    return []


def _columns(rows: Iterable[Mapping[str, Any]], file: str) -> Iterable[Problem]:
    for number, row in enumerate(rows):
        where = f"metrics.estimates.{number}"
        if set(row) != set(COLUMNS):
            missing, more = sorted(set(COLUMNS) - set(row)), sorted(set(row) - set(COLUMNS))
            said = f"lacks {', '.join(missing)}" if missing else f"has the unknown {', '.join(more)[:200]}"
            yield Problem(f"a row of the table of estimates {said}", file=file, field=where)
            return
        wrong = next((name for name in _TEXTS if not isinstance(row[name], str)), None)
        wrong = wrong or next((name for name in set(COLUMNS) - _TEXTS if isinstance(row[name], str)), None)
        if wrong is not None:
            yield Problem(f"a {'text' if wrong in _TEXTS else 'number'} is needed", file=file, field=f"{where}.{wrong}")
            return
