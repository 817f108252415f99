"""What tests of one model have in common: its samples, and rows that begin as the estimates they test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surveyeval.data.sample import Sample
from surveyeval.engine.rows import Rows
from surveyeval.metric.protocol import Key, Metric

__all__ = ["IDENTITY", "Tested"]

#: Columns that name a value of a model.
IDENTITY = ("model", "metric", "name", "item", "group", "arm", "regression", "term", "rule", "block")


@dataclass(frozen=True, eq=False)
class Tested:
    """One model under test.

    Parameters
    ----------
    make : Rows
    pilot : Sample
    model : str
    draws : sequence of Sample
    known : mapping
        Rows ``estimate`` by their values of `IDENTITY`.
    """

    make: Rows
    pilot: Sample
    model: str
    draws: Sequence[Sample]
    known: Mapping[tuple[Any, ...], Mapping[Any, Any]]

    @property
    def human(self) -> Sample:
        """Test people."""
        return self.make.human

    def row(self, metric: Metric, key: Key, **changes: Any) -> dict[str, Any]:
        """A row ``indistinguishable`` with value and status of the estimate."""
        row = self.make.row(metric.spec, key, "indistinguishable", self.model)
        estimate = self.known.get(tuple(row[name] for name in IDENTITY), {})
        for name in ("value", "status", "reason", "n_human", "n_simulated", "draws"):
            if name in estimate:
                row[name] = estimate[name]
        return {**row, **changes}
