"""Rows that nobody gave."""

import pandas as pd

from surveyeval.data.readers import Table


class Canteen:
    def read(self, reference, folder, encoding):
        assert (folder / "task.yaml").is_file()
        n = int(reference)
        frame = pd.DataFrame(
            {"floor": [str(1 + i % 3) for i in range(n)], "drink": [("c", "t")[i % 5 // 3] for i in range(n)]},
            dtype=object,
        )
        return Table(frame, f"{n:064x}", f"canteen:{reference}")
