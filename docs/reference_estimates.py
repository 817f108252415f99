"""The page of estimates: every column of the table, every quantity, and every status."""

from __future__ import annotations

from reference_markdown import cell, code, made, table

from surveyeval.engine.estimates import COLUMNS, QUANTITIES

__all__ = ["page"]

_QUANTITIES = {
    "matched": "the metric of simulated rows of one half of the test people against the people of the other half; mean over half splits",
    "reference": "the same for the people of one half against those of the other: the yardstick",
    "floor": "the same for naive stand-ins (`floor_name`), which know all but what the metric measures",
    "estimate": "on all test people at once; never compared with the three above, since a distance shrinks with the size of the samples",
    "excess": "how much further from people than people are from each other: the difference of losses of `matched` and `reference`",
    "recovered": "the share of the way from floor to reference; 1 is as near as people. Withheld where the two are not told apart",
    "gain_over_cell": "how much nearer than the demographic cell of the same pilot; above 0 is nearer",
    "gain_over_floor": "how much nearer than the floor of the metric",
    "gain_over": "how much nearer than another model or baseline, which `floor_name` names",
    "indistinguishable": "label swap: p is how often exchanged labels give at least this loss; a small p tells the two apart",
    "equivalence": "two one-sided tests against the task's margin: `low` and `high` are the 90% interval of simulation minus people",
}
_COLUMNS = {
    "task": "name of the task",
    "version": "version of the task",
    "model": "name of the model; of floors and references, whom the row is about",
    "quantity": "what the row holds: see below",
    "comparison": "which rows are comparable: the number of test people and the seed",
    "metric": "name of the metric, as in `surveyeval show METRIC`",
    "axis": "axis of the metric",
    "name": "the value's own name, where a metric has several; else that of the metric",
    "item": "item, where the row is about one",
    "group": "group, where the row is about one: `subgroup=level`, or the subgroup alone for a mean over its levels",
    "arm": "arm of the experiment, where the row is about one",
    "regression": "name of the regression",
    "term": "term of the regression",
    "rule": "name of the coherence rule",
    "block": "block of terms: treatment, belief or demographic",
    "value": "the value, in the metric's unit; NaN where there is none",
    "low": "lower end of the interval or band",
    "high": "upper end of the interval or band",
    "level": "level of the interval, such as 0.95",
    "interval_method": "how the interval was made: jackknife, band over half splits, linearised, ...",
    "n_human": "people that the value rests on",
    "n_simulated": "simulated rows that the value rests on",
    "n_eff": "effective number of people under weights (Kish)",
    "half": "size of a half",
    "draws": "complete simulated samples",
    "sd_draws": "standard deviation over draws",
    "estimand": "in words, what the value estimates and what the interval is about",
    "direction": "which values are nearer to people: lower, higher, or target (people's own value)",
    "target": "the value to be reached, where `direction` is target",
    "floor_name": "which naive stand-ins are the floor of the metric; of `gain_over`, the other model",
    "headline": "true for the rows that a card's summary shows",
    "status": "ok, or why there is no value: see below",
    "reason": "the reason in words",
    "family": "family within which p-values are adjusted",
    "p": "p-value",
    "p_adjusted": "p-value adjusted within the family (Benjamini and Hochberg)",
    "margin": "margin of equivalence that the task declares",
    "decidable": "smallest margin that a simulation without any difference would meet with 80% probability",
    "flags": "marks, separated by spaces: see below",
}
_STATUSES = {
    "ok": "there is a value",
    "not_applicable": "the task has nothing of the kind, or the design forbids it",
    "not_estimable": "it cannot be computed from these answers",
    "too_small": "too few people",
    "not_resolved": "floor and people are not told apart, so there is no way between them",
    "undecidable": "the margin is below what so many people can decide; no verdict on the model",
}

_FLAGS = {
    "equivalent": "the 90% interval lies within the margin",
    "too_close": "nearer than 97.5% of second samples of people: copied, or determined by the profile",
    "barely_resolved": "floor and people are less than 4 standard errors apart: no coverage is claimed for `recovered`",
    "covers_N%": "this kind of interval is known to contain its value N times in a hundred only: [do the intervals cover?](../explanation/coverage.md)",
    "coverage_unknown": "too few simulated studies gave this kind of interval to say how often it contains its value",
    "grey": "a small group, shown without `recovered`",
    "collapsed": "the simulation has no spread here",
}

_TOLD = """\
`run.estimates` in Python, `surveyeval estimates RUN` (CSV) and `metrics.json` in a run directory hold the same table in long form: a row
for each quantity of each metric, item, group, arm, regression and term. Texts that do not apply are blank, numbers NaN.

```python
import surveyeval

runs = surveyeval.run(task="anes96", model="baseline:marginal", limit=60, splits=2)
runs.estimates.query("quantity == 'excess' and headline")[["metric", "value", "low", "high", "p"]]
```"""


def page() -> str:
    """The text of the page."""
    if list(_COLUMNS) != list(COLUMNS) or set(_QUANTITIES) != set(QUANTITIES):
        raise SystemExit("columns or quantities have changed: tell of them in docs/reference_estimates.py")
    return made(
        "Estimates",
        _TOLD,
        "## Columns",
        table(["column", "meaning"], ([code(name), cell(_COLUMNS[name])] for name in COLUMNS)),
        "## Quantities",
        "Matched, reference and floor have the same size and the same splits, so only they are compared with each other.",
        table(["quantity", "meaning"], ([code(name), cell(_QUANTITIES[name])] for name in QUANTITIES)),
        "## Statuses",
        table(["status", "meaning"], ([code(name), cell(text)] for name, text in _STATUSES.items())),
        "## Flags",
        "Metrics of plugins may set others.",
        table(["flag", "meaning"], ([code(name), cell(text)] for name, text in _FLAGS.items())),
    )
