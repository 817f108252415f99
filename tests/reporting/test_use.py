"""Verdicts of the use table, on tables of estimates written by hand: each rule with what makes it fail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fabricated import run as fabricated_run
from scipy import stats

from surveyeval.engine.estimates import make_table
from surveyeval.reporting.card import render
from surveyeval.reporting.evidence import Check
from surveyeval.reporting.use import Judgement, equivalent, judge
from surveyeval.reporting.uses import informed_by_pilot, judge_uses
from surveyeval.reporting.view import RunView

MODEL = "some"
Row = dict[str, Any]


def share(item: str, value: float, reach: float, margin: float = 0.1, **more: Any) -> Row:
    """The equivalence test of an item: the option that is hardest to confirm, with half the width of its interval."""
    se = reach / stats.norm.ppf(0.95)
    inside = abs(value) + reach < margin
    return {
        "model": MODEL, "quantity": "equivalence", "metric": "share", "name": "share", "axis": "alignment", "item": item,
        "value": value, "low": value - reach, "high": value + reach, "margin": margin, "decidable": 2.93 * se, "headline": True,
        "p_adjusted": 0.01 if inside else 0.5, "flags": "equivalent" if inside else "", "status": "ok", **more,
    }  # fmt: skip


def effect(term: str, value: float, reach: float, margin: float = 0.05) -> Row:
    return share("", value, reach, margin) | {
        "metric": "effect", "name": "effect", "axis": "coefficients", "regression": "vote", "term": term,
    }  # fmt: skip


def swap(axis: str, p: float, metric: str = "js_distance") -> Row:
    return {
        "model": MODEL, "quantity": "indistinguishable", "metric": metric, "name": metric, "axis": axis, "value": 0.1,
        "p": p, "p_adjusted": p, "family": f"difference: {axis}", "headline": True, "status": "ok",
    }  # fmt: skip


def excess(group: str, value: float, reach: float, flags: str = "") -> list[Row]:
    base = {
        "metric": "group_js_distance",
        "name": "group_js_distance",
        "axis": "subgroups",
        "group": group,
        "status": "ok",
    }
    people = {"quantity": "reference", "model": "human-half", "value": 0.1, "low": 0.08, "high": 0.12, "flags": flags}
    own = {"quantity": "excess", "model": MODEL, "value": value, "low": value - reach, "high": value + reach}
    return [base | people, base | own]


def band(metric: str, value: float, low: float, high: float, direction: str) -> list[Row]:
    base = {
        "metric": metric,
        "name": metric,
        "axis": "coefficients",
        "direction": direction,
        "headline": True,
        "status": "ok",
    }
    people = {"quantity": "reference", "model": "human-half", "value": (low + high) / 2, "low": low, "high": high}
    return [base | people, base | {"quantity": "matched", "model": MODEL, "value": value}]


def gain(quantity: str, value: float, reach: float) -> Row:
    return {
        "model": MODEL, "quantity": quantity, "metric": "joint_log_loss", "name": "joint_log_loss", "axis": "individual",
        "value": value, "low": value - reach, "high": value + reach, "headline": True, "status": "ok",
    }  # fmt: skip


def term(name: str, human: float, simulated: float | None, error: float = 1.0) -> Row:
    return {
        "regression": "vote", "term": name, "human": human, "human_se": 1.0, "simulated": simulated, "simulated_se": error,
        "status": "ok",
    }  # fmt: skip


SIGNS = [*band("sign_f1", 0.7, 0.5, 0.9, "higher"), *band("sign_fpr", 0.2, 0.1, 0.4, "lower")]

FALSE = band("sign_fpr", 1.0, 0.1, 0.4, "lower")


def view(
    rows: Sequence[Row] = (), *, margins: dict[str, Any] | None = None, terms: Sequence[Row] = (), invalid: int = 0,
    string: str = "hf:some/model", n: int = 400,
) -> RunView:  # fmt: skip
    manifest = {
        "task": {"provenance": "human", "equivalence": margins},
        "model": {"name": MODEL, "string": string, "fingerprint": {"details": {}}},
        "options": {"splits": None},
    }
    states = [{"item": "a", "side": "simulation", "state": "answered", "count": n - invalid, "share": 1 - invalid / n}]
    states += [{"item": "a", "side": "simulation", "state": "invalid", "count": invalid, "share": invalid / n}] * (
        invalid > 0
    )
    return RunView(manifest, make_table(rows), {"sizes": {"n_human": n}, "states": states, "coefficients": list(terms)})


def claim(key: str, run: RunView) -> Judgement:
    return {one.key: one for one in judge(run)}[key]


def use(key: str, run: RunView) -> Judgement:
    return {one.key: one for one in judge_uses(run, judge(run))}[key]


MARGINS = {"share": 0.1, "effect": 0.05, "reason": "a tenth"}


# ---- item shares ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([share("a", 0.01, 0.05), share("b", -0.02, 0.05)], "supported"),
        # one item that is not shown to be within the margin, though so many people would do: open, and not told apart
        ([share("a", 0.01, 0.05), share("b", 0.06, 0.05)], "can’t tell at this n"),
        ([share("a", 0.01, 0.05), share("b", 0.06, 0.05), swap("alignment", 0.2)], "can’t tell at this n"),
        # the same, and told apart
        ([share("a", 0.01, 0.05), share("b", 0.06, 0.05), swap("alignment", 0.01)], "not supported"),
        # told apart, but so few people could not have shown equivalence at all
        ([share("a", 0.01, 0.08), share("b", 0.06, 0.08), swap("alignment", 0.01)], "can’t tell at this n"),
        # beyond the margin
        ([share("a", 0.01, 0.05), share("b", 0.3, 0.08)], "not supported"),
        # a difference that is shown, and is small: the margin decides
        ([share("a", 0.03, 0.02), swap("alignment", 0.001)], "supported"),
        # an item that could not be tested leaves the claim open
        ([share("a", 0.0, 0.05), share("b", 0.0, np.nan, status="not_estimable")], "can’t tell at this n"),
        # in an experiment every arm counts
        ([share("a", 0.0, 0.05), share("a", 0.4, 0.1, arm="x", headline=False)], "not supported"),
    ],
)
def test_item_shares(rows: list[Row], words: str) -> None:
    assert claim("item_shares", view(rows, margins=MARGINS)).words == words


def test_beyond_the_margin_needs_an_interval_for_all_options_together() -> None:
    """With 20 options the interval of the worst is wider by the ratio of normal quantiles."""
    ratio = stats.norm.ppf(1 - 0.05 / 20) / stats.norm.ppf(0.95)
    options = [share("a", 0.0, 0.05, term=str(k), headline=False) for k in range(20)]
    for factor, words in ((0.99, "can’t tell at this n"), (1.01, "not supported")):
        worst = share("a", 0.1 + 0.09 * ratio * factor, 0.09)
        assert claim("item_shares", view([worst, *options], margins=MARGINS)).words == words


def test_smallest_margin_is_the_largest_of_all_items() -> None:
    found = claim("item_shares", view([share("a", 0.0, 0.05), share("b", 0.0, 0.06)], margins=MARGINS))
    assert found.smallest == f"±{100 * 2.93 * 0.06 / stats.norm.ppf(0.95):.1f} pp (b)"


def test_without_a_margin_nothing_is_supported() -> None:
    found = claim("item_shares", view([swap("alignment", 0.9)]))
    assert found.words == "can’t tell without a margin"
    assert (
        claim("item_shares", view([swap("alignment", 0.9)], margins=MARGINS)).words
        == "can’t tell without an equivalence test"
    )
    assert claim("item_shares", view([swap("alignment", 0.01)])).verdict == "not supported"
    assert claim("item_shares", view()).words == "can’t tell without a margin"


def test_many_invalid_answers_keep_shares_from_being_supported() -> None:
    rows = [share("a", 0.0, 0.05)]
    assert claim("item_shares", view(rows, margins=MARGINS, invalid=20)).verdict == "supported"  # 5% of 400
    found = claim("item_shares", view(rows, margins=MARGINS, invalid=21))
    assert found.words == "can’t tell with so many invalid answers"


# ---- subgroups --------------------------------------------------------------------------------------------------------


def test_subgroups_fail_by_bonferroni_over_the_groups_that_are_large_enough() -> None:
    ratio = stats.t.ppf(1 - 0.025 / 2, 39) / stats.t.ppf(0.975, 39)
    for value, verdict in ((0.04 * ratio * 0.99, "can't tell"), (0.04 * ratio * 1.01, "not supported")):
        rows = [*excess("age=young", value, 0.04), *excess("age=old", -0.01, 0.04)]
        assert claim("subgroups", view(rows)).verdict == verdict
    rows = [*excess("age=young", 0.5, 0.04, flags="grey"), *excess("age=old", -0.01, 0.04)]
    assert claim("subgroups", view(rows)).words == "can’t tell without an equivalence test"


def test_subgroups_need_equivalence_within_every_group() -> None:
    rows = [share("a", 0.0, 0.05, group=f"age={group}") for group in ("young", "old")]
    assert claim("subgroups", view(rows)).verdict == "supported"
    assert claim("subgroups", view([*rows, share("a", 0.3, 0.05, group="age=middle")])).verdict == "not supported"
    assert (
        claim("item_shares", view(rows, margins=MARGINS)).verdict == "can't tell"
    )  # groups do not speak for everybody


def test_smallest_excess_is_that_of_the_widest_group() -> None:
    rows = [*excess("age=young", 0.0, 0.02), *excess("age=old", 0.0, 0.04)]
    se = 0.04 / stats.t.ppf(0.975, 39)
    expected = (stats.t.ppf(0.975, 39) + stats.t.ppf(0.8, 39)) * se
    assert claim("subgroups", view(rows)).smallest.startswith(f"{expected:.3f} beyond people")


# ---- signs and coefficients -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "rows", "words"),
    [
        ([term("x", 4.0, 3.0), term("noise", 0.5, -1.0)], SIGNS, "supported"),
        (
            [term("x", 4.0, 3.0), term("y", -4.0, -1.0)],
            SIGNS,
            "can’t tell at this n",
        ),  # not determined in the simulation
        ([term("x", 4.0, 3.0), term("y", -4.0, 1.0)], SIGNS, "can’t tell at this n"),  # wrong, but it may be chance
        ([term("x", 4.0, 3.0), term("y", -4.0, 3.0)], SIGNS, "not supported"),
        ([term("x", 4.0, 3.0), term("y", -4.0, None)], SIGNS, "can’t tell at this n"),  # not estimable
        ([term("x", 1.0, 3.0)], SIGNS, "can’t tell at this n"),  # no sign is determined among people
        ([term("x", 4.0, 3.0)], [], "can’t tell without bands of people’s halves"),  # nothing is known of false signs
        ([], [], "can’t tell without regressions"),
        # everything significant: right signs, too many of them
        ([term("x", 4.0, 3.0)], [*SIGNS[:2], *FALSE, swap("coefficients", 0.01, "sign_fpr")], "not supported"),
        # outside the band of halves, but two samples of people differ by more than halves of one
        ([term("x", 4.0, 3.0)], [*SIGNS[:2], *FALSE, swap("coefficients", 0.2, "sign_fpr")], "can’t tell at this n"),
        ([term("x", 4.0, 3.0)], [*SIGNS[:2], *FALSE], "can’t tell at this n"),
        (
            [term("x", 4.0, 3.0)],
            [*band("sign_f1", 0.95, 0.5, 0.9, "higher"), *SIGNS[2:]],
            "supported",
        ),  # above is no fault
        ([term("x", 4.0, 3.0)], [*band("sign_f1", 0.4, 0.5, 0.9, "higher"), *SIGNS[2:]], "can’t tell at this n"),
    ],
)
def test_signs(terms: list[Row], rows: list[Row], words: str) -> None:
    assert claim("signs", view(rows, terms=terms)).words == words


def test_signs_of_people_are_adjusted_for_their_number() -> None:
    z = [2.1, 3.5, 0.1, 0.2, 0.3, 0.4, -0.5, 0.6, -0.7, 0.8]
    known = int((stats.false_discovery_control(2 * stats.norm.sf(np.abs(z))) <= 0.05).sum())
    assert known == 1 < (np.abs(z) > 1.96).sum()
    found = claim("signs", view(SIGNS, terms=[term(f"t{k}", value, 3.0) for k, value in enumerate(z)]))
    assert found.checks[0].said == "1 of 1 the same and determined"
    assert "1 of 10 terms are determined" in found.smallest


def test_few_splits_make_no_band() -> None:
    run = view(SIGNS, terms=[term("x", 4.0, 3.0)])
    few = replace(run, manifest={**run.manifest, "options": {"splits": 6}})
    assert claim("signs", few).words == "can’t tell without bands of people’s halves"
    assert claim("signs", few).checks[1] == Check(
        "signs found as well as between halves of people, with no more false ones",
        "not run",
        "a band needs 20 splits, this run has 6",
    )


def test_coefficients() -> None:
    inside, far = [effect("x", 0.0, 0.02), effect("y", 0.01, 0.03)], effect("y", 0.2, 0.03)
    flat = band("ame_exaggeration", 0.4, 0.8, 1.2, "target")
    assert claim("coefficients", view(inside, margins=MARGINS)).verdict == "supported"
    assert claim("coefficients", view([*inside, far], margins=MARGINS)).verdict == "not supported"
    assert claim("coefficients", view(flat)).words == "can’t tell without a margin"
    assert (
        claim("coefficients", view([*flat, swap("coefficients", 0.01, "ame_exaggeration")])).verdict == "not supported"
    )
    assert (
        claim("coefficients", view(band("ame_exaggeration", 0.9, 0.8, 1.2, "target"))).words
        == "can’t tell without a margin"
    )


# ---- individuals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "marginal", "words"),
    [
        (0.5, 0.6, "can’t tell without a retest"),
        (0.1, 0.6, "can’t tell at this n"),
        (-0.5, 0.6, "not supported"),
        (0.5, -0.6, "not supported"),
    ],
)
def test_individuals_are_never_supported_without_a_retest(cell: float, marginal: float, words: str) -> None:
    run = view([gain("gain_over_cell", cell, 0.2), gain("gain_over_floor", marginal, 0.2)])
    assert claim("individuals", run).words == words


def test_a_handful_of_people_decides_nothing_about_individuals() -> None:
    rows = [gain("gain_over_cell", -5.0, 0.2), gain("gain_over_floor", -4.0, 0.2)]
    assert claim("individuals", view(rows, n=16)).verdict == "not supported"
    few = claim("individuals", view(rows, n=14))
    assert (few.words, few.checks[0].said) == ("can’t tell at this n", "14 effective people, 15 are needed")


@pytest.mark.parametrize(
    ("beyond", "spread", "words"),
    [
        ([-0.1, -0.2], 0.05, "supported"),
        ([-0.1, 0.2], 0.05, "not supported"),
        ([-0.1, 0.02], 0.05, "can’t tell at this n"),
    ],
)
def test_individuals_are_measured_against_peoples_own_second_answers(
    beyond: list[float], spread: float, words: str
) -> None:
    again = [
        {**gain("excess", value, spread), "metric": "accuracy", "name": "accuracy", "item": item, "headline": False}
        for item, value in zip("ab", beyond, strict=True)
    ]
    run = view([gain("gain_over_cell", 0.5, 0.2), gain("gain_over_floor", 0.6, 0.2), *again])
    assert claim("individuals", run).words == words
    assert "b " in claim("individuals", run).checks[1].said
    worse = view([gain("gain_over_cell", -0.5, 0.2), gain("gain_over_floor", 0.6, 0.2), *again])
    assert claim("individuals", worse).verdict == "not supported"
    level = view([gain("gain_over_cell", 0.1, 0.2), gain("gain_over_floor", 0.6, 0.2), *again])
    assert claim("individuals", level).words == "can’t tell at this n"


def repeated(values: dict[str, float], reach: float) -> list[Row]:
    """A simulation that meets both baselines, and how much further from people it is than they are on items asked twice."""
    again = [
        {**gain("excess", value, reach), "metric": "accuracy", "name": "accuracy", "item": item, "headline": False}
        for item, value in values.items()
    ]
    return [gain("gain_over_cell", 0.5, 0.2), gain("gain_over_floor", 0.6, 0.2), *again]


def test_one_item_that_was_asked_twice_condemns_by_bonferroni_over_these_items() -> None:
    ratio = stats.t.ppf(1 - 0.025 / 3, 39) / stats.t.ppf(0.975, 39)
    for factor, verdict in ((0.99, "can't tell"), (1.01, "not supported")):
        run = view(repeated({"a": -0.1, "b": -0.1, "c": 0.05 * ratio * factor}, 0.05))
        assert claim("individuals", run).verdict == verdict


def test_a_retest_without_an_interval_is_no_retest_that_nobody_took() -> None:
    base = view(repeated({"a": np.nan}, np.nan))
    twice = replace(base, tables={**base.tables, "retest": [{"item": "a", "side": "people"}]})
    found = claim("individuals", twice)
    assert found.words == "can’t tell at this n"
    assert found.checks[1].result == "undecided"
    assert found.checks[1].said == "no interval on what people were asked twice"
    assert claim("individuals", base).words == "can’t tell without a retest"


def test_every_item_that_was_asked_twice_must_pass_with_enough_people() -> None:
    base = view(repeated({"a": -0.1}, 0.05))

    def twice(**n: int) -> RunView:
        rows = [{"item": item, "side": "people", "n": count} for item, count in n.items()]
        return replace(base, tables={**base.tables, "retest": rows})

    assert claim("individuals", twice(a=60)).words == "supported"
    assert claim("individuals", twice(a=60, b=60)).words == "can’t tell at this n"  # b has no interval
    few = claim("individuals", twice(a=14))
    assert (few.words, few.checks[1].said) == ("can’t tell at this n", "fewer than 15 people answered twice")


def test_the_overall_value_alone_is_no_item_that_was_asked_twice() -> None:
    assert claim("individuals", view(repeated({"": -0.1}, 0.05))).words == "can’t tell without a retest"


def test_the_card_names_the_check_that_condemns_individuals() -> None:
    def row(*rows: Row) -> str:
        run = _human([])
        others = run.estimates[~run.estimates["quantity"].str.startswith("gain_over_")]  # the fabricated model's own
        run = replace(run, estimates=make_table([*others.to_dict("records"), *rows]))
        section = _section(render([run]).markdown, "What it may be used for")
        return next(line for line in section.splitlines() if line.startswith("| Individuals"))

    good = repeated({"believed": 0.2}, 0.05)
    assert "Failed: as near as people are to their own repeated answers" in row(*good)
    bad = row(gain("gain_over_cell", -0.5, 0.2), *good[1:])
    assert "not supported (Gain over the cell" in bad
    assert "repeated answers" not in bad


def test_individuals_without_probabilities() -> None:
    assert claim("individuals", view()).words == "can’t tell without probabilities"
    # a baseline has no gain over itself: the other one decides
    run = view([gain("gain_over_cell", 0.0, 0.0), gain("gain_over_floor", 0.6, 0.2)])
    assert claim("individuals", run).words == "can’t tell without a retest"


# ---- uses -------------------------------------------------------------------------------------------------------------


def test_estimation_without_rectification_is_never_supported() -> None:
    everything = view(
        [share("a", 0.0, 0.05), effect("x", 0.0, 0.02), *SIGNS], margins=MARGINS, terms=[term("x", 4.0, 3.0)]
    )
    assert use("unrectified", everything).verdict == "not supported"
    assert use("pretest", everything).verdict == "supported"
    assert use("screening", everything).verdict == "supported"


@pytest.mark.parametrize("string", ["baseline:cell", "lora:adapters/x", "file:rows.csv", "satisficer:half"])
def test_screening_needs_effects_that_the_model_has_not_seen(string: str) -> None:
    run = view(SIGNS, terms=[term("x", 4.0, 3.0)], string=string)
    assert informed_by_pilot(run.manifest)
    assert claim("signs", run).verdict == "supported"
    assert use("screening", run).words == "can’t tell without a held-out arm or item"


def test_pretest_looks_at_spread_where_the_task_does() -> None:
    narrow = share("a", -0.9, 0.1, 0.2) | {"metric": "sd_ratio", "name": "sd_ratio", "axis": "heterogeneity"}
    run = view([share("a", 0.0, 0.05), narrow], margins=MARGINS)
    assert claim("item_shares", run).verdict == "supported"
    assert use("pretest", run).verdict == "not supported"


@pytest.mark.parametrize(
    ("coverage", "worth", "words"),
    [
        (0.95, (71.2, 80.0), "supported"),
        (0.90, (71.2, 80.0), "not supported"),
        # the interval holds the 71 people who were asked: no gain is shown
        (0.95, (70.8, 71.4), "can’t tell at this n"),
        (0.95, (71.0, 80.0), "can’t tell at this n"),
        (0.95, (70.5, 71.0), "not supported"),
        (0.95, (np.nan, np.nan), "can’t tell at this n"),
        (0.95, None, "can’t tell without the test"),  # by a surveyeval-ppi that did not store it
        (0.90, None, "not supported"),
        (None, None, "can’t tell without the test"),
    ],
)
def test_rectification_needs_coverage_and_a_gain(
    coverage: float | None, worth: tuple[float, float] | None, words: str
) -> None:
    base = {"model": MODEL, "quantity": "matched", "axis": "worth", "status": "ok"}
    rows = []
    if coverage is not None:
        rows += [
            base
            | {"metric": "ppi_coverage", "name": name, "value": value, "low": 0.9, "high": 1.0, "headline": name == "ppi_coverage"}
            for name, value in (("ppi_coverage", coverage), ("classical_coverage", 0.5))
        ]  # fmt: skip
        # below 1 whatever the answers are, since the tuning is set on the same people
        rows.append(
            base | {"metric": "ppi_width_ratio", "name": "ppi_width_ratio", "value": 0.99, "low": 0.98, "high": 0.995, "headline": True}
        )  # fmt: skip
    if worth is not None:
        uncut = {"metric": "ppi_n_eff", "name": "effective_sample_size_uncut", "low": worth[0], "high": worth[1]}
        rows += [
            base | uncut | {"value": 71.1},
            base | uncut | {"value": 10.0, "low": 9.0, "high": 11.0, "item": "a"},
            base | {"metric": "ppi_n_eff", "name": "people_asked", "value": 71.0},
            # cut at the people asked, and above them on average for nothing
            base | {"metric": "ppi_n_eff", "name": "ppi_n_eff", "value": 71.4, "low": 71.1, "high": 71.6, "headline": True},
        ]  # fmt: skip
    found = use("rectified", view(rows))
    assert found.words == words
    if worth == (70.8, 71.4):
        assert found.checks[1].said == "71 people asked are worth 71.1 (70.8 to 71.4); width ratio 0.99"


# ---- on the card ------------------------------------------------------------------------------------------------------


def _human(rows: Sequence[Row], **tables: Any) -> RunView:
    """A fabricated run on human data, with tests added."""
    base = fabricated_run(MODEL)
    task = {**base.manifest["task"], "provenance": "human", "comparable": True, "equivalence": MARGINS}
    estimates = make_table([*base.estimates.to_dict("records"), *rows])
    return RunView({**base.manifest, "task": task}, estimates, {**base.tables, **tables})


def _section(markdown: str, title: str) -> str:
    return re.split(r"\n## ", markdown.split(f"\n## {title}")[1])[0]


def test_a_synthetic_card_gives_no_verdict() -> None:
    card = render([fabricated_run()])
    section = _section(card.markdown, "What it may be used for")
    assert "Pipeline check" in section
    assert "supported" not in section.replace("not supported", "")
    assert "|" not in section


def test_the_card_shows_verdicts_tests_and_the_smallest_difference() -> None:
    card = render([_human([share("believed", 0.01, 0.05), swap("alignment", 0.3)])])
    section = _section(card.markdown, "What it may be used for")
    row = next(line for line in section.splitlines() if line.startswith("| Item shares"))
    assert "| supported (1 of 1 within ±10.0 pp; furthest believed, +1.0 pp (−4.0 to 6.0)." in row
    assert "Smallest resolved: ±8.9 pp (believed)" in row
    assert "| Estimation without rectification | not supported" in section
    assert "| believed (equivalence, shares of all options) |" in section
    for title in ("Item shares", "Subgroup comparisons", "Signs of effects", "Coefficients", "Individuals"):
        assert title in section


def test_differences_of_shares_and_their_intervals_are_in_percentage_points() -> None:
    section = _section(render([_human([share("believed", -0.083, 0.08)])]).markdown, "What it may be used for")
    assert "| −8.3 pp | −16.3 to −0.3 pp | ±10.0 pp (decidable ±" in section
    assert "furthest believed, −8.3 pp (−16.3 to −0.3)" in section


def test_equivalence_is_claimed_for_what_passed_and_nothing_else() -> None:
    rows = [share("believed", 0.01, 0.05), share("action", 0.06, 0.05)]
    run = _human(rows)
    assert equivalent(run) == ["shares of all options (believed)"]
    words = render([run]).markdown
    assert "equivalence is claimed only for: some: shares of all options (believed). Margins: a tenth." in words
    assert "no test within the task’s margins passed" in render([_human(rows[1:])]).markdown
    assert "no equivalence test was run" in render([_human([])]).markdown


def test_what_was_not_adjusted_away_alone_is_claimed() -> None:
    assert equivalent(_human([share("believed", 0.01, 0.05, p_adjusted=0.06)])) == []


def test_no_equivalence_is_claimed_for_an_item_with_many_invalid_answers() -> None:
    states = [
        {"item": "believed", "side": "simulation", "state": "answered", "count": 90, "share": 0.9},
        {"item": "believed", "side": "simulation", "state": "invalid", "count": 10, "share": 0.1},
    ]
    assert equivalent(_human([share("believed", 0.01, 0.05)], states=states)) == []


def test_margins_that_so_few_people_cannot_decide_are_named() -> None:
    rows = [share("action", 0.02, 0.09, status="undecidable")]
    section = _section(render([_human(rows)]).markdown, "Undecided with")
    assert "Equivalence of shares of all options (action)." in section


def test_tests_make_no_lines_of_their_own() -> None:
    """Rows of tests belong to the full sample; tables of halves must not show them."""
    rows = [share("believed", 0.01, 0.05), swap("alignment", 0.3), effect("x", 0.0, 0.02)]
    with_tests, without = (render([_human(one)]).markdown for one in (rows, []))
    assert _section(with_tests, "Alignment") == _section(without, "Alignment")
    assert _section(with_tests, "Coefficients") == _section(without, "Coefficients")


def test_bounds_and_states_stand_on_the_card() -> None:
    states = [
        {"item": "action", "side": "people", "state": "answered", "count": 240, "share": 0.96},
        {"item": "action", "side": "people", "state": "refused", "count": 10, "share": 0.04},
        {"item": "action", "side": "simulation", "state": "answered", "count": 200, "share": 0.8},
        {"item": "action", "side": "simulation", "state": "invalid", "count": 30, "share": 0.12},
        {"item": "action", "side": "simulation", "state": "not_run", "count": 20, "share": 0.08},
        {"item": "location", "side": "people", "state": "answered", "count": 250, "share": 1.0},
        {"item": "location", "side": "simulation", "state": "answered", "count": 250, "share": 1.0},
    ]
    groups = [
        {
            "item": "action",
            "subgroup": "age_band",
            "group": "65+",
            "side": "simulation",
            "state": "invalid",
            "count": 5,
            "share": 1.0,
        }
    ]
    bounds = [
        {"item": "action", "measure": "total_variation", "option": "", "value": 0.1, "low": 0.05, "high": 0.25, "invalid": 0.2,
         "status": "ok", "reason": ""},
        {"item": "", "measure": "coefficients", "option": "B3", "value": None, "low": None, "high": None, "invalid": None,
         "status": "not_applicable", "reason": "the regression uses action"},
    ]  # fmt: skip
    section = _section(
        render([_human([], states=states, states_by_group=groups, bounds=bounds)]).markdown,
        "Missing and invalid answers",
    )
    assert "| Item | Who | Answered | Refused | Invalid | Not run |" in section
    assert "| action | people | 240 (96.0%) | 10 (4.0%) | 0 | 0 |" in section
    assert "|  | some | 200 (80.0%) | 0 | 30 (12.0%) | 20 (8.0%) |" in section
    assert "| location | people" not in section  # everybody answered
    assert "| age band: 65+ | some | 5 (100.0%) |" in section
    assert "| action (some, 20.0% invalid) | Total variation | 0.100 | 0.050 to 0.250 |" in section
    assert "some, B3: no bounds; the regression uses action." in section


def test_many_models_have_a_verdict_each() -> None:
    runs = [_human([share("believed", 0.01, 0.05)]) for _ in range(3)]
    section = _section(render(runs).markdown, "What it may be used for")
    assert "| Claim | some | some \\#2 | some \\#3 |" in section


def test_an_older_table_without_margins_can_be_read() -> None:
    base = _human([])
    old = RunView(base.manifest, base.estimates.drop(columns=["margin", "decidable"]), base.tables)
    assert isinstance(old.estimates, pd.DataFrame)
    assert judge(old)[0].checks[0] == Check(
        "every share of every item within the margin", "not run", "no equivalence test is stored with this run"
    )
