"""How often the first option is chosen in the simulation."""

import numpy as np

from surveyeval.metric.protocol import Key, MetricSpec, Values


class FirstShare:
    spec = MetricSpec(
        "first_share", "habits", "first options chosen", "target", "uniform", interval="none", splits=4, unit="share"
    )

    def applicable(self, task):
        return None

    def compare(self, task, human, simulated, pilot, cache):
        return _Bound([item.name for item in task.items], simulated)


class _Bound:
    def __init__(self, items, simulated):
        self.first = np.mean([simulated.answers[name] == 0 for name in items], axis=0)

    def values(self, human, simulated, seed):
        share = (simulated @ self.first) / simulated.sum(axis=1)
        return Values([Key("first_share", headline=True)], share[:, None])
