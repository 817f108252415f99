"""Options of a check-all question in regressions: a coefficient is about the tick, in direction and in name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from surveyeval.engine.describe import describe
from surveyeval.task.human import load_human
from surveyeval.task.load import load_task

TASK = """\
name: travel
version: "1"
title: How people travel
source: {{use: "file:rows.csv", provenance: synthetic, licence: CC0, citation: nobody, weight: w}}
profile:
  age: {{column: age, text: "You are {{{{ value }}}} years old."}}
items:
  - name: modes
    role: action
    kind: multiple
    question: How did you travel?
{more}    options: {{bus: by bus, bike: by bicycle}}
  - {{name: support, role: action, kind: binary, question: "Support?", options: {{"0": "No", "1": "Yes"}}}}
regressions:
  - {{name: bus, formula: modes_bus ~ age, family: logit, blocks: {{demographic: [age]}}}}
  - {{name: rank, formula: modes_bus ~ age, family: ols, blocks: {{demographic: [age]}}}}
  - {{name: users, formula: support ~ modes_bus + age, family: logit, blocks: {{belief: [modes_bus], demographic: [age]}}}}
  - {{name: others, formula: modes_bus ~ age, family: logit, event: "{no}", blocks: {{demographic: [age]}}}}
"""


def _people() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 400
    age = rng.integers(18, 90, n)
    bus = rng.random(n) < 1 / (1 + np.exp(-0.05 * (age - 50)))
    support = rng.random(n) < np.where(bus, 0.8, 0.3)
    return pd.DataFrame({"age": age, "bus": bus, "bike": rng.random(n) < 0.4, "support": support,
                         "w": rng.uniform(0.4, 2.5, n).round(3)})  # fmt: skip


@pytest.mark.parametrize("form", ["a column each", "words of its own", "one column"])
def test_coefficients_are_about_the_tick(form: str, tmp_path: Path) -> None:
    people = _people()
    yes, no, more = "1", "0", ""
    rows = pd.DataFrame({"age": people["age"], "w": people["w"], "support": people["support"].astype(int)})
    if form == "one column":
        more = '    column: modes\n    separator: ";"\n'
        ticks = zip(people["bus"], people["bike"], strict=True)
        rows["modes"] = [";".join(["bus"] * bus + ["bike"] * bike) or "neither" for bus, bike in ticks]
    else:
        if form == "words of its own":
            yes, no, more = "x", "-", '    ticked: "x"\n    unticked: "-"\n'
        for name in ("bus", "bike"):
            rows[f"modes_{name}"] = np.where(people[name], yes, no)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "task.yaml").write_text(TASK.format(more=more, no=no))
    task = load_task(tmp_path / "task.yaml")
    human = load_human(task).sample
    tables = describe(task, human, [human], human)
    found = {(row["regression"], row["term"]): row for row in tables["coefficients"]}  # type: ignore[union-attr]

    bus, age, w = people["bus"].astype(float), sm.add_constant(people[["age"]].astype(float)), people["w"]
    logit = sm.GLM(bus, age, family=sm.families.Binomial(), var_weights=w).fit()
    assert logit.params["age"] > 0.02
    assert found["bus", "age"]["human"] == pytest.approx(logit.params["age"], rel=1e-6)
    assert found["bus", "age"]["event"] == "Yes"
    assert found["others", "age"]["human"] == pytest.approx(-logit.params["age"], rel=1e-6)
    assert found["others", "age"]["event"] == "No"
    linear = sm.WLS(bus, age, weights=w).fit()
    assert found["rank", "age"]["human"] == pytest.approx(linear.params["age"], rel=1e-8)
    assert found["rank", "age"]["event"] == ""
    both = age.assign(bus=bus)
    users = sm.GLM(people["support"].astype(float), both, family=sm.families.Binomial(), var_weights=w).fit()
    assert users.params["bus"] > 1
    assert found["users", f"modes_bus[{yes}]"]["human"] == pytest.approx(users.params["bus"], rel=1e-6)

    # ranks: the tick is the higher one, as in any binary item whose options are No and Yes
    place = human.answers["modes_bus"]
    assert stats.spearmanr(place, people["age"]).statistic > 0.3
