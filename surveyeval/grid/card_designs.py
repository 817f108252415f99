"""The sections of a study's card that set designs side by side: ablations, seen and unseen people, cost."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from surveyeval.grid.card_tables import compared, core
from surveyeval.grid.plan import profile_words
from surveyeval.grid.task_view import Measure, Method, TaskView
from surveyeval.reporting.blocks import Cell, Row, Section, Table
from surveyeval.reporting.context import plain
from surveyeval.reporting.numbers import MISSING, count, enumerate_words, number
from surveyeval.reporting.quantities import quantity

__all__ = ["ablations_section", "apart_section", "cost_section"]


def _beside(view: TaskView) -> list[Method]:
    """Baselines that stand beside the models here; the others are in the stored estimates."""
    return [one for one in view.baselines if one.baseline in ("uniform", "marginal", "cell", "chain")]


def ablations_section(view: TaskView) -> Section | None:
    """Scope, balance and profile side by side; None where none was varied."""
    pilots = view.spec.pilots
    scopes = [("all people" if one == "all" else one, view.design(scope=one)) for one in pilots.scopes]
    balances = [
        ("random" if one == "random" else f"equal over {plain(one)}", view.design(balance=one))
        for one in pilots.balances
    ]
    profiles = [(profile_words(one), view.design(profile=one)) for one in pilots.profiles]
    measures = [
        *core(view),
        *(one for one in (view.first("unique_patterns"), view.first("group_js_distance")) if one is not None),
    ]
    tables, points = [], []
    for caption, kinds in (
        ("Scope: who is trained on", scopes),
        ("Balance: how the pilot is drawn", balances),
        ("Profile: what is shown of a person", profiles),
    ):
        if len(kinds) < 2:
            points.append(f"{caption.partition(':')[0]} was not varied: {kinds[0][0]}.")
            continue
        size = view.spec.pilots.sizes[-1]
        tables.append(compared(view, caption, measures, kinds, [*view.models, *_beside(view)], size))
    if not tables:
        return None
    said = [
        view.words.own(
            f"At the largest size, everything else as in the main design. Designs are compared with the same test {view.words.short} but not in pairs: "
            "judge differences by the ranges over draws and seeds. Compare only pilots of one size: the same share of one arm and of all "
            "arms are different numbers of people."
        )
    ]
    return Section(
        "ablations", "Scope, balance and profile", "What of the design matters?", said, tables=tables, points=points
    )


def apart_section(view: TaskView) -> Section | None:
    """Seen and unseen arms, groups and items."""
    parts = view.estimates[view.estimates["part"].isin(["seen", "unseen"])]
    measures = [one for one in core(view) if one.axis in ("individual", "alignment", "coherence")]
    tables = []
    for key, rows in parts.groupby(["holdout", "scope", "balance", "profile"], sort=False):
        holdout, scope, balance, profile = (str(part) for part in key)
        kinds = [(f"{name} {view.words.people}", rows[rows["part"] == name]) for name in ("seen", "unseen")]
        words = [holdout and f"held out {holdout}", scope != "all" and f"trained on {scope}",
                 balance != "random" and f"equal over {plain(balance)}", profile != "shown" and profile_words(profile)]  # fmt: skip
        size = str(rows.groupby("size")["n_pilot"].mean().idxmax())
        caption = f"Seen and unseen apart: {', '.join(str(word) for word in words if word)}"
        tables.append(
            compared(
                view,
                caption,
                measures,
                kinds,
                [*view.models, *_beside(view)],
                size,
                notes=[_people_apart(view, rows, measures)],
            )
        )
    for held in dict.fromkeys(one for one in view.estimates["holdout"] if one.startswith("item=")):
        tables.append(_item(view, held))
    if not tables:
        return None
    said = [
        "Seen: test people of arms and groups that are in the pilot; unseen: of those that nobody of the pilot is in. Seen and unseen "
        "people differ in number and in who they are, so compare methods within a column of one kind, and each kind with its own people."
    ]
    question = "What becomes of arms, groups and items that nobody was trained on?"
    return Section("seen-unseen", "Seen and unseen", question, [view.words.own(one) for one in said], tables=tables)


def _people_apart(view: TaskView, rows: pd.DataFrame, measures: Sequence[Measure]) -> str:
    said = []
    for name in ("seen", "unseen"):
        part = rows[rows["part"] == name]
        n = part.loc[part["quantity"] == "estimate", "n_human"].max()
        values = []
        for one in measures:
            held = one.selection("reference").of(part)
            held = held[held["status"] == "ok"]
            if len(held):
                values.append(f"{one.label} {number(float(held['value'].iloc[0]), one.quantity.unit)}")
        said.append(f"{name}, {count(float(n))} {view.words.people}: {enumerate_words(values) or 'no reference'}")
    return f"{view.words.people[:1].upper()}{view.words.people[1:]} of the other half, {'; '.join(said)}."


def _item(view: TaskView, held: str) -> Table:
    """One item that was held out, beside the same item when it was trained on."""
    item = held.removeprefix("item=")
    kinds = [("held out", view.design(holdout=held)), ("trained on", view.own)]
    rows = pd.concat([rows for _, rows in kinds])
    found = rows[(rows["item"] == item) & (rows["method"] != "") & (rows["group"] == "") & (rows["arm"] == "")]
    found = found[
        found["quantity"].isin(["estimate", "matched"])
        & found["metric"].isin(["log_loss", "joint_log_loss", "js_distance"])
    ]
    pairs = found[["axis", "metric", "name", "direction"]].drop_duplicates().itertuples(index=False, name=None)
    measures = [
        Measure(
            str(where), str(metric), str(name), "", "", "", str(direction), quantity(str(metric), str(name), view.words)
        )
        for where, metric, name, direction in pairs
    ]
    only = [(name, part[part["item"] == item].assign(item="")) for name, part in kinds]
    caption = f"Item {item}: held out, and trained on"
    return compared(view, caption, measures, only, [*view.models, *_beside(view)], view.largest)


def cost_section(view: TaskView) -> Section | None:
    """Tokens and seconds of each arm of the study."""
    rows = view.estimates[(view.estimates["base"] != "") & (view.estimates["part"] == "all")]
    if rows.empty:
        return None
    keys = ["base", "method", "holdout", "scope", "balance", "profile", "size"]
    single = rows.drop_duplicates([*keys, "draw", "tuning_seed"])
    shown = []
    for method in view.models:
        own = single[(single["method"] == method.name) & (single["base"] == method.base)]
        held = list(own.groupby(keys[2:], sort=False))
        held.sort(key=lambda one: float(one[1]["n_pilot"].mean()))
        if method.name == "base":  # knows no pilot: one run for each way of showing the profile
            held = [(key, part.head(1)) for key, part in own.groupby(["profile"], sort=False)]
        for position, (key, part) in enumerate(held):
            first = position == 0
            words = profile_words(str(key[0])) if method.name == "base" else _design_words([str(one) for one in key])
            trained = float(part["tokens"].mean())
            cells = [
                Cell(words),
                Cell("none" if method.name == "base" else count(float(part["n_pilot"].mean())), css="number"),
                Cell(count(round(trained)) if trained else MISSING, css="number"),
                Cell(count(round(float(part["seconds"].mean()))), css="number"),
                Cell(count(1 if method.name == "base" else len(part)), css="number"),
            ]
            head = (
                Cell(method.label, head=True, css="model named", rows=len(held), model=method.mark) if first else None
            )
            shown.append(Row([head, *cells], "first" if first else ""))
    notes = [
        "Means over pilot draws and training seeds, as measured when they ran. Tokens: read in training. Seconds: training and simulation "
        "together. Baselines read no tokens and take well under a second per pilot; they are not timed."
    ]
    columns = ["Method", "Design", "Pilot", "Tokens trained on", "Seconds", "Runs"]
    table = Table(
        "Cost of each arm of the study",
        columns,
        shown,
        frozenset({2, 3, 4, 5}),
        notes,
        folded=len(shown) > 24,
        phone="stack",
    )
    return Section("cost", "Cost", "What does each arm of the study take?", tables=[table])


def _design_words(key: Sequence[str]) -> str:
    holdout, scope, balance, profile, _ = key
    parts = [holdout and f"held out {holdout}", scope if scope != "all" else "", f"equal over {plain(balance)}" if balance != "random" else "",
             profile_words(profile) if profile != "shown" else ""]  # fmt: skip
    return ", ".join(part for part in parts if part) or "main design"
