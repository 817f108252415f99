"""A source of rows: here they are made up; yours may read a format or a place that surveyeval does not know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from surveyeval.data.table import Table, checksum, to_codes
from surveyeval.errors import DataError

TASTES = (0.2, 0.9)  # how much better the food tastes on the second floor, and how much guests differ


class Guests:
    """``example_guests:NUMBER``: so many guests of a canteen, always the same."""

    def read(self, reference: str, folder: Path, encoding: str) -> Table:
        """Rows as text: codes are compared as they stand, so that 01 is not 1."""
        if not reference.isdecimal() or int(reference) == 0:
            raise DataError(f"{reference!r} is no number of guests", hint="example_guests:240")
        rng, n = np.random.default_rng(1), int(reference)
        floor, age = rng.integers(1, 3, n), rng.integers(18, 66, n)
        liking = TASTES[0] * (floor - 1) + (age - 40) / 60 + rng.normal(0, TASTES[1], n)
        taste, price = (np.clip(np.round(3 + liking + rng.normal(0, 0.8, n)), 1, 5) for _ in range(2))
        again = np.where(taste + price + rng.normal(0, 1.5, n) > 6, "yes", "no")
        frame = pd.DataFrame({"floor": floor, "age": age, "taste": taste, "price": price, "again": again})
        frame.loc[rng.random(n) < 0.03, "price"] = 9  # who refuses, has a code of their own
        rows = to_codes(frame)
        return Table(rows, checksum(rows), f"example_guests:{reference}")
