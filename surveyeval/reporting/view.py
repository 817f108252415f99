"""What a card is made of: runs as they were stored, and whether they may stand side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from surveyeval.engine.tried import Tried, tried_now
from surveyeval.errors import RunError
from surveyeval.reporting.escaping import printable

if TYPE_CHECKING:
    import pandas as pd

    from surveyeval.engine.run import Run

__all__ = ["RunView", "check_comparable", "model_names"]


@dataclass(frozen=True, eq=False)
class RunView:
    """A run as the card sees it.

    Parameters
    ----------
    manifest : mapping
        What was run: task, data, model, split, options, prompt example, counts.
    estimates : DataFrame
        Long form, see `surveyeval.engine.estimates`.
    tables : mapping
        Descriptive tables, see `surveyeval.engine.describe`.
    tried : Tried, optional
        What the log of this machine says now of configurations tried; without it, the manifest's own number counts.
    """

    manifest: Mapping[str, Any]
    estimates: pd.DataFrame
    tables: Mapping[str, Any]
    tried: Tried | None = None

    @classmethod
    def of(cls, run: Run) -> RunView:
        """A run that lies on this machine, with what was tried on its task until now."""
        return cls(run.manifest, run.estimates, run.tables, tried_now(run.manifest))

    @property
    def model(self) -> str:
        """Name of the model on cards."""
        return str(self.manifest["model"]["name"])


#: What runs on one card must share: what it is called, and where it is found.
_SHARED: tuple[tuple[str, Callable[[Mapping[str, Any]], Any]], ...] = (
    ("the task", lambda m: m["task"]["name"]),
    ("the version of the task", lambda m: m["task"]["version"]),
    ("the task file", lambda m: m["task"].get("hash")),
    ("the profile set", lambda m: m["task"].get("profile_set")),
    ("the provenance of the data", lambda m: m["task"].get("provenance")),
    ("the data", lambda m: m["data"]["sha256"]),
    ("the split", lambda m: m["split"]["hash"]),
    ("the number of test people", lambda m: m["split"]["test"]),
    ("the test people", lambda m: m["split"].get("test_ids")),
    ("the number of pilot people", lambda m: m["split"]["pilot"]),
    ("the limit", lambda m: m.get("limited")),
)


def check_comparable(runs: Sequence[RunView]) -> None:
    """Refuse runs that cannot stand side by side.

    Raises
    ------
    RunError
        When there is no run, or when runs differ in task, data, split, test people, pilot or random halves; the message
        names what differs and how.
    """
    if not runs:
        raise RunError("a card needs at least one run", hint="`surveyeval ls runs` lists them")
    first = runs[0]
    for other in runs[1:]:
        for words, get in _SHARED:
            _same(words, get(first.manifest), get(other.manifest), first, other)
        ours, theirs = _references(first), _references(other)
        for key in ours.keys() & theirs.keys():
            if abs(ours[key] - theirs[key]) > 1e-9 * max(1.0, abs(ours[key])):
                _same(f"the random halves of {key[0]} (seed or number of splits)", ours[key], theirs[key], first, other)


def model_names(runs: Sequence[RunView]) -> list[str]:
    """Names of the models, made distinct by a number where two runs use one name."""
    names: list[str] = []
    for run in runs:
        number = 1 + sum(earlier.model == run.model for earlier in runs[: len(names)])
        names.append(run.model if number == 1 else f"{run.model} #{number}")
    return names


def _same(words: str, ours: Any, theirs: Any, first: RunView, other: RunView) -> None:
    if ours != theirs:
        raise RunError(
            f"these runs cannot stand on one card: {words} differs, {_short(ours)} in {first.model!r} "
            f"and {_short(theirs)} in {other.model!r}",
            hint="run all models in one command, or with the same options",
        )


def _short(value: Any) -> str:
    text = str(printable(str(value)))
    return f"{text[:12]}…" if len(text) > 20 else text


def _references(run: RunView) -> dict[tuple[str, ...], float]:
    table = run.estimates[run.estimates["quantity"] == "reference"]
    keys = ["metric", "name", "item", "group", "arm", "regression", "term", "rule", "block"]
    values = table["value"]
    return {
        tuple(str(part) for part in key): float(value)
        for key, value in zip(table[keys].itertuples(index=False), values, strict=True)
        if value == value
    }
