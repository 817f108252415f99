"""Programs that read a simulated sample and estimate with its design, in R (survey) and Python (statsmodels)."""

from __future__ import annotations

import json
from pathlib import Path

from surveyeval.deposit.simulated import SimulatedFile
from surveyeval.deposit.variables import STATES

__all__ = ["python_program", "r_program"]

_LOW = min(number for number, _, _ in STATES.values())
_HIGH = max(number for number, _, _ in STATES.values())
_HEAD = """# {label}.
# These rows were simulated by a model. Standard errors below describe how the people were drawn whose profiles the model was
# given; they say nothing of how well the model reproduces people. For that, see the card of the run.
"""


def r_program(content: SimulatedFile, path: Path) -> str:
    """A program for R with the packages survey and, but for CSV, haven or arrow.

    User-missing codes become ``NA``. Several draws are no further people, so one of them is taken.

    Parameters
    ----------
    content : SimulatedFile
    path : Path
        The file that it reads.
    """
    kind, file = path.suffix.lower(), json.dumps(path.name, ensure_ascii=False)
    lines = [_HEAD.format(label=content.label).rstrip(), "library(survey)"]
    if kind in (".sav", ".dta"):
        reads = f"haven::read_{kind[1:]}({file})"
        lines += [
            f"simulated <- {reads}  # user-missing codes are NA",
            "simulated <- as.data.frame(haven::zap_labels(simulated))",
        ]
    else:
        reads = (
            f'read.csv({file}, encoding = "UTF-8")' if kind == ".csv" else f"as.data.frame(arrow::read_parquet({file}))"
        )
        names = ", ".join(json.dumps(name) for name in content.items)
        lines += [f"simulated <- {reads}", f"items <- c({names})",
                  f"simulated[items][simulated[items] >= {_LOW} & simulated[items] <= {_HIGH}] <- NA"]  # fmt: skip
    if content.draws > 1:
        lines.append("simulated <- subset(simulated, draw == 1)  # other draws are no further people")
    ids = "~psu" if "psu" in content.names else "~1"
    strata = "~stratum" if "stratum" in content.names else "NULL"
    nest = ", nest = TRUE" if "psu" in content.names and "stratum" in content.names else ""
    lines += [
        f"design <- svydesign(ids = {ids}, strata = {strata}, weights = ~weight, data = simulated{nest})",
        f"print(svymean(~factor({content.items[0]}), design, na.rm = TRUE))",
    ]
    return "\n".join(lines) + "\n"


def python_program(content: SimulatedFile, path: Path) -> str:
    """A program for Python with pandas and statsmodels: the weighted mean of an item, with a robust standard error.

    Parameters
    ----------
    content : SimulatedFile
    path : Path
        The file that it reads.
    """
    kind, file, item = path.suffix.lower(), json.dumps(path.name, ensure_ascii=False), content.items[0]
    lines = [_HEAD.format(label=content.label).rstrip(), "import numpy as np", "import pandas as pd"]
    if kind in (".sav", ".dta"):
        lines += ["import pyreadstat", "import statsmodels.api as sm", "",
                  f"simulated, _ = pyreadstat.read_{kind[1:]}({file})  # user-missing codes are NaN"]  # fmt: skip
    else:
        reads = f"pd.read_csv({file})" if kind == ".csv" else f"pd.read_parquet({file})"
        lines += ["import statsmodels.api as sm", "", f"simulated = {reads}",
                  f'simulated["{item}"] = simulated["{item}"].where(~simulated["{item}"].between({_LOW}, {_HIGH}))']  # fmt: skip
    if content.draws > 1:
        lines.append('simulated = simulated[simulated["draw"] == 1]  # other draws are no further people')
    lines += [
        f'rows = simulated[["{item}", "weight"{", " + chr(34) + "psu" + chr(34) if "psu" in content.names else ""}]].dropna()',
        f'model = sm.WLS(rows["{item}"].astype(float), np.ones(len(rows)), weights=rows["weight"])',
    ]
    if "psu" in content.names:
        lines.append('fitted = model.fit(cov_type="cluster", cov_kwds={"groups": pd.factorize(rows["psu"])[0]})')
    else:
        lines.append('fitted = model.fit(cov_type="HC1")')
    if "stratum" in content.names:
        lines.append(
            "# statsmodels knows no strata: its standard error is usually a little too large; R's survey has them"
        )
    lines.append("print(fitted.params.iloc[0], fitted.bse.iloc[0])")
    return "\n".join(lines) + "\n"
