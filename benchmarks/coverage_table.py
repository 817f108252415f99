"""The tables that benchmarks/interval_coverage.py prints."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.coverage_parts import SETTINGS, Cell, Found, Truth

WIDTH = 120
#: Of a column of a table.
ACROSS = 10
#: With fewer replications that gave an interval, its coverage is not shown.
FEWEST = 30
#: With a standard error of the expected value above so many standard deviations of the estimate, coverage is not shown.
UNSURE = 0.25


@dataclass(frozen=True, eq=False)
class Column:
    """All replications of one cell, and what their intervals are about."""

    cell: Cell
    found: Sequence[Found]
    truth: Truth


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Parameters
    ----------
    label : str
    key : str
        Of an interval; all that begin with it where it ends in ``/``.
    about : str
        Of the expected value, where it is not that of the interval.
    level : float
        Nominal, in percent.
    limits : pair of float or None
        What coverage ought to lie between, in percent. None: no claim.
    """

    label: str
    key: str
    about: str = ""
    level: float = 95.0
    limits: tuple[float, float] | None = (93.0, 97.0)


@dataclass(frozen=True)
class Rate:
    """How often intervals of one kind contained what they are about.

    Parameters
    ----------
    share : float
        In percent, all intervals of the kind together.
    least : float
        The lowest of them.
    given : float
        Share of replications that gave the interval, in percent.
    n, count : int
        Replications, and those of them that gave an interval of the kind.
    wide : float
        Mean half-width over that which the spread of the estimates asks for; above 1 is too wide.
    off : float
        Standard error of the expected value in standard deviations of the estimates, the largest.
    trials : float
        Independent intervals that vary as much: `count`, or more where a line pools several of one replication.
    """

    share: float
    least: float
    given: float
    n: int
    count: int
    wide: float
    off: float
    trials: float


FULL = (
    Line("means (t)", "mean/"),
    Line("shares (Wilson; linearised)", "share/"),
    Line("belief-action gap of people", "gap/"),
    Line("least squares (HC2; linearised)", "OLS/"),
    Line("logit (model; linearised)", "logit/"),
    Line("simulation - people: shares, 90%", "difference of shares/", level=90, limits=(88, 92)),
    Line("simulation - people: means, 90%", "difference of means/", level=90, limits=(88, 92)),
    Line("simulation - people: gap, 90%", "difference of gaps/", level=90, limits=(88, 92)),
    Line("simulation - people: log SD ratio, 90%", "log SD ratio/", level=90, limits=(88, 92)),
)
DISTANCE = (93.0, 100.0)


def _of(metric: str, label: str, wrong: str, limits: tuple[float, float] = DISTANCE) -> Iterator[Line]:
    yield Line(f"{label}: people, other half", f"{metric}/reference/human-half", limits=limits)
    for name in ("right", wrong):
        yield Line(f"  {name}: matched", f"{metric}/matched/{name}", limits=limits)
    for quantity in ("excess", "recovered", "gain_over_cell"):
        for name in ("right", wrong):
            title = quantity.replace("_", " ")
            yield Line(f"  {name}: {title}", f"{metric}/{quantity}/{name}", limits=DISTANCE)
        if quantity == "recovered":
            for name in ("right", wrong):
                yield Line(f"  {name}: recovered, flagged", f"{metric}/recovered barely/{name}", limits=None)
    yield Line(f"  {wrong} against right, paired", f"{metric}/gain_over right/{wrong}")


def _population(*names: str) -> Iterator[Line]:
    for name in names:
        yield Line(f"  {name}: distance of populations", f"js_distance/matched/{name}", f"population distance/{name}", limits=None)  # fmt: skip


HALF = (
    *_of("js_distance", "JS distance", "narrow"),
    *_population("right", "narrow"),
    *_of("sd_ratio", "SD ratio", "narrow"),
    *_of("gap", "belief-action gap", "narrow"),
    *_of("coherence", "coherence", "narrow"),
    *_of("unique_patterns", "distinct patterns", "narrow"),
    *_of("coverage", "patterns covered", "narrow"),
    Line("joint log-loss, right", "joint_log_loss/estimate/right"),
    Line("  narrow", "joint_log_loss/estimate/narrow"),
    Line("  narrow: gain over cell", "joint_log_loss/gain_over_cell/narrow"),
    Line("  narrow against right, paired", "joint_log_loss/gain_over right/narrow"),
)
LAWS = (
    *_of("js_distance", "JS distance", "narrow"),
    Line("  low against narrow, paired", "js_distance/gain_over narrow/low"),
    *_population("right", "narrow", "low"),
)
ARMS = (
    *_of("js_distance", "JS distance within arms", "no effect of arms"),
    *_of("gap", "belief-action gap", "no effect of arms"),
    *_of("unique_patterns", "distinct patterns", "no effect of arms"),
)
TABLES = (
    ("Full sample", FULL, False, ("simple", "weighted", "clustered")),
    ("In halves", HALF, True, ("simple", "weighted", "clustered")),
    ("In halves, by what the profile explains of an answer's variance (25% above)", LAWS, True, ("none", "most")),
    ("In halves, an experiment of 8 arms", ARMS, True, ("disclosure",)),
)


def rate(line: Line, column: Column) -> Rate | None:
    """Coverage of one kind in one column; None where there is no such interval."""
    keys = {key for found in column.found for key in found if key == line.key or (line.key.endswith("/") and key.startswith(line.key))}  # fmt: skip
    keys = {key for key in keys if (line.about or key) in column.truth}
    if not keys:
        return None
    shares, given, widths, errors = [], [], [], []
    hits, tries = np.zeros(len(column.found)), np.zeros(len(column.found))
    for key in keys:
        about, error = column.truth[line.about or key]
        there = np.array([key in found for found in column.found])
        values = np.array([found[key] for found in column.found if key in found])
        inside = (values[:, 1] - 1e-12 <= about) & (about <= values[:, 2] + 1e-12)
        shares.append(inside.mean())
        hits[there] += inside
        tries[there] += 1
        given.append(len(values) / len(column.found))
        sd = values[:, 0].std(ddof=1) if len(values) > 1 else np.nan
        reach = {95.0: 1.96, 90.0: 1.645}[line.level]
        widths.append((values[:, 2] - values[:, 1]).mean() / 2 / (reach * sd) if sd > 0 else np.nan)
        errors.append(error / sd if sd > 0 else np.nan)
    total = float(np.average(shares, weights=given))
    # A line that pools several intervals of one replication varies as means over them do.
    own = hits[tries > 0] / tries[tries > 0]
    spread, count = float(own.var()), len(own)
    trials = max(float(own.mean() * (1 - own.mean())) / spread, 1.0) * count if spread > 0 else float(count)
    return Rate(
        100 * total, 100 * float(min(shares)), 100 * float(np.mean(given)), len(column.found), count,
        _mean(widths), max((error for error in errors if np.isfinite(error)), default=0.0), trials,
    )  # fmt: skip


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def table(title: str, lines: Sequence[Line], columns: Sequence[Column], widths: bool = False) -> Iterator[str]:
    """One table by line and column: coverage in percent, or widths over those that the spread of estimates asks for."""
    yield title
    settings = list(dict.fromkeys(column.cell.setting for column in columns))
    head = "".join(
        f"{SETTINGS[name].title:>{ACROSS * sum(column.cell.setting == name for column in columns)}}"
        for name in settings
    )
    yield f"{'':42}{head}"
    yield f"{'':42}" + "".join(f"{f'n = {column.cell.n:,}':>{ACROSS}}" for column in columns)
    yield f"{'replications':42}" + "".join(f"{len(column.found):>{ACROSS}}" for column in columns)
    for line in lines:
        rates = [rate(line, column) for column in columns]
        if any(rates):
            yield f"{line.label:42}" + "".join(f"{_cell(line, one, widths):>{ACROSS}}" for one in rates)


def _cell(line: Line, found: Rate | None, widths: bool) -> str:
    if found is None:
        return ""
    if widths:
        return f"{found.wide:.2f} "
    some = f"({found.given:.0f})" if found.given < 99 else ""
    if found.count < FEWEST:
        return f"{some}few "
    if found.off > UNSURE:
        return "? "
    mark = " " if within(line, found) else "*" if beyond_noise(line, found) else "~"
    return f"{some}{found.share:.1f}{mark}"


def within(line: Line, found: Rate) -> bool:
    """Whether coverage lies within the limits, as printed."""
    return line.limits is None or line.limits[0] <= round(found.share, 1) <= line.limits[1]


def beyond_noise(line: Line, found: Rate) -> bool:
    """Whether so few, or so many, would be seen in less than 2.5% of simulations if coverage were at the limit (exact binomial)."""
    from scipy.stats import binom

    if line.limits is None:
        return False
    low, high = (limit / 100 for limit in line.limits)
    trials = round(found.trials)
    hits = round(found.share / 100 * trials)
    return bool(binom.cdf(hits, trials, low) < 0.025 or binom.sf(hits - 1, trials, high) < 0.025)


NOTES = (
    "Percent of intervals that contain their estimand; nominal 95 unless the line says 90. *: outside 93 to 97 (88 to 92 of 90), for "
    "distances, counts, excess, recovered and gains over the cell outside 93 to 100, where that would be seen in less than 2.5% of "
    "such simulations if coverage were at the limit (exact binomial); ~: outside, but no farther than chance may take it. (80): only so many "
    "percent of the replications gave the interval, since a regression was separated or the floor was not resolved; few: fewer than 30 "
    "replications did. Lines that pool several items, options or terms are means over them. ?: the expected value is not known well "
    "enough.",
    "'recovered, flagged': where the floor is told from people by less than 4 standard errors, results say 'barely resolved': no claim. "
    "The lines above it are about the other replications.",
    "The estimand of what is computed in halves is the expected value for halves of this size. 'distance of populations' is how often "
    "the same interval contains the distance of the laws themselves: it is no interval for that, and makes no claim.",
    "No interval is given, so no coverage is claimed, for F1, the false positive rate, agreement of signs, ranks and the worst group: "
    "they have the band over splits.",
)


OF_WIDTHS = (
    "Mean width of intervals over the width that would contain 95% (90%) of estimates: 3.92 (3.29) standard deviations of the estimate "
    "over replications. Above 1 is wider than needed.",
)


def report(columns: Sequence[Column], seed: int, splits: int, draws: int, widths: bool = False) -> str:
    """All tables, with what they rest on."""
    parts = [f"seed {seed}; {splits} half splits; expected values at half size from {draws:,} further samples"]
    errors = []
    for title, lines, half, settings in TABLES:
        own = [column for column in columns if column.cell.half == half and column.cell.setting in settings]
        if not own:
            continue
        parts.append("\n".join(line.rstrip() for line in table(title, lines, own, widths)))
        found = [one for line in lines if not line.about for column in own if (one := rate(line, column))]
        errors += [one.off for one in found if one.off <= UNSURE]
    counts = sorted({len(column.found) for column in columns})
    noise = "; ".join(f"{n:,}: {196 * np.sqrt(0.95 * 0.05 / n):.1f}" for n in counts)
    parts.append(f"Monte-Carlo error of one share of 95 (1.96 standard errors, in points), by replications: {noise}.")
    if errors:
        parts.append(
            f"Largest standard error of an expected value: {max(errors):.2f} standard deviations of the estimate; an error of "
            f"that size takes {_cost(max(errors)):.2f} points off a coverage of 95."
        )
    notes = OF_WIDTHS if widths else NOTES
    return "\n\n".join(
        ["\n".join(textwrap.wrap(part, WIDTH)) if "\n" not in part else part for part in [*parts, *notes]]
    )


def _cost(shift: float) -> float:
    from scipy.stats import norm

    return 95 - 100 * float(norm.cdf(1.96 - shift) - norm.cdf(-1.96 - shift))
