"""Writes design.csv: people of the American National Election Study 1996 with an invented sampling design.

The rows are those of statsmodels (public domain). Strata, PSUs and weights are made up: PSUs hold people of similar views,
so that clustering matters, and their codes begin anew in each stratum.
"""

from pathlib import Path

import numpy as np
from statsmodels.datasets import anes96

people = anes96.load_pandas().data[["selfLR", "vote", "age", "educ"]].astype(int)
number = np.arange(len(people))
people["stratum"] = 1 + number // 160
people["weight"] = (0.4 + (number * 37 % 101) / 50).round(2)
order = people["selfLR"] * 10 + number * 13 % 29
people["psu"] = 1 + order.groupby(people["stratum"]).rank(method="first").astype(int) // 21
people.to_csv(Path(__file__).parent / "design.csv", index=False, lineterminator="\n")
