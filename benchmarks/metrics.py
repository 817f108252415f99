"""How long scoring takes: all built-in metrics of one model, from samples to the table of estimates.

    python benchmarks/metrics.py [--people 929] [--growth 1000 10000 100000] [--threads 2]

The task is `disclosure` (8 arms, synthetic) with six more items, 12 in all, and as many test people as are asked for; the
pilot is a third of them, which is a quarter of everybody. The model is `baseline:chain`. Every metric has its own number of
splits, 50 for most and 20 for regressions, with 40 jackknife groups. Each size runs in a process of its own.

Seconds depend on the machine. What depends on it less stands beside them: the time of the plain way, which computes the
same numbers for one weight vector at a time with pandas, scipy and statsmodels, to ours.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import child, cores, descendants, machine, peak_mib, threads_environment, versions, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surveyeval.data.sample import Sample
    from surveyeval.task.task import Task

#: Splits at larger sizes, where 50 take long; the time of a split is what grows.
FEWER_SPLITS = {10_000: 5, 100_000: 2}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int, default=929, help="test people of the main table")
    parser.add_argument("--splits", type=int, help="half splits of every metric (default: what each asks for)")
    parser.add_argument(
        "--growth", type=int, nargs="*", default=[1000, 10_000, 100_000], help="sizes of the growth table"
    )
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--skip-tests", action="store_true", help="do not time the tests of difference")
    parser.add_argument("--skip-plain", action="store_true", help="do not time the plain way")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(WAYS[json.loads(options.way)["way"]](**json.loads(options.way)["arguments"])))
        return
    print(machine())
    run = Children(options.threads)
    found = run("score", people=options.people, splits=options.splits, swaps=not options.skip_tests)
    print("\n".join(["", *main_table(found)]), flush=True)
    if not options.skip_plain:
        print("\n".join(["", *plain_table(run("plain", people=options.people))]), flush=True)
    if options.growth:
        print("\n".join(["", *growth_table(run, options.growth, options.splits)]), flush=True)


class Children:
    """Starts a process for every measurement, so that peaks of memory do not mix."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __call__(self, way: str, **arguments: Any) -> dict[str, Any]:
        print(way, arguments, file=sys.stderr, flush=True)
        words = ["--way", json.dumps({"way": way, "arguments": arguments})]
        return child(sys.executable, __file__, words, threads_environment(self.threads))


# ---- tables ---------------------------------------------------------------------------------------------------------


def main_table(found: dict[str, Any]) -> list[str]:
    """Time of a whole evaluation and each metric's share of it."""
    lines = wrapped(
        f"Scoring {found['people']} people, {found['items']} items, {found['arms']} arms, {found['groups']} jackknife "
        f"groups; {found['metrics']} metrics, {found['splits']} splits at most; {found['versions']}"
    )
    lines += [
        f"{found['seconds']:8.1f} s elapsed, {found['processor']:.1f} s of processor time",
        f"{found['peak']:8.0f} MiB at most in all processes, {found['before']:.0f} MiB before scoring began",
        f"{found['fits']:8,} regressions fitted (least squares; binary, ordered and multinomial logits)",
        *([f"{found['tests']:8.1f} s more for tests of difference (label swaps)"] if found["tests"] else []),
        "",
        f"{'metric':34}{'axis':16}{'splits':>8}{'seconds':>10}{'share':>8}",  # of processor time
    ]
    for one in found["by_metric"]:
        lines.append(
            f"{one['name']:34}{one['axis']:16}{one['splits']:>8}{one['seconds']:>10.2f}"
            f"{one['seconds'] / found['processor']:>8.1%}"
        )
    note = (
        "By metric: seconds of processor time. Work that several metrics share (tables of answers, patterns, regressions) is "
        "counted with the first of them. The rest: halves, floors redrawn in every split, intervals, the table of estimates."
    )
    return [*lines, *wrapped(note)]


def plain_table(found: dict[str, Any]) -> list[str]:
    """The plain way against ours, by metric."""
    lines = wrapped(
        f"Per weight vector and pair of samples, against the plain way ({found['versions']}), {found['people']} people, "
        f"processor time; the numbers of both agree to {found['differs']:.0e}, but for logits, which have Firth's penalty "
        "here and none there"
    )
    lines.append(f"{'':34}{'plain, ms':>14}{'ours, ms':>14}{'ratio':>10}")
    for one in found["rows"]:
        lines.append(
            f"{one['name']:34}{one['plain'] * 1e3:>14.3f}{one['ours'] * 1e3:>14.3f}{one['plain'] / one['ours']:>10.0f}"
        )
    return lines


def growth_table(run: Children, sizes: list[int], splits: int | None) -> list[str]:
    """Seconds for each split, and memory, by the number of test people."""
    lines = [
        *wrapped("Growth with the number of test people (the pilot grows with them)"),
        f"{'people':>9}{'splits':>8}{'seconds':>10}{'s a split':>11}{'a split, per 1,000':>20}{'MiB':>9}{'before':>9}",
    ]
    for people in sizes:
        fewer = min((count for size, count in FEWER_SPLITS.items() if people >= size), default=None)
        found = run("score", people=people, splits=splits or fewer)
        each = found["seconds"] / found["splits"]
        lines.append(
            f"{people:>9,}{found['splits']:>8}{found['seconds']:>10.1f}{each:>11.2f}{each / people * 1000:>20.3f}"
            f"{found['peak']:>9.0f}{found['before']:>9.0f}"
        )
        top = ", ".join(f"{one['name']} {one['seconds'] / found['processor']:.0%}" for one in found["by_metric"][:5])
        lines += wrapped(f"most time: {top}", " " * 9)
    return lines


# ---- the task -------------------------------------------------------------------------------------------------------

#: Items that are added to the six of `disclosure`: what they ask does not matter here, that they hang together does.
ATTITUDES = tuple(f"attitude_{number}" for number in range(1, 7))


def make_task(people: int, folder: Path) -> tuple[Task, Sample, Sample]:
    """`disclosure` with six more items, its test people and its pilot."""
    import importlib.util

    import numpy as np
    import yaml

    from surveyeval.data.split import make_split
    from surveyeval.task.catalogue import find_task
    from surveyeval.task.human import load_human
    from surveyeval.task.load import load_task

    original = Path(find_task("disclosure", None))
    spec = importlib.util.spec_from_file_location("generate", original.with_name("generate.py"))
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    columns = program.generate(n=round(people / 0.75))
    rng = np.random.default_rng(12)
    leaning = rng.normal(size=len(columns["age"])) + 0.02 * (columns["age"] - 40) + 0.3 * (columns["believed"] - 3)
    for number, name in enumerate(ATTITUDES):
        mixed = leaning + rng.normal(size=len(leaning)) + 0.2 * number
        columns[name] = np.clip(np.round(3 + mixed), 1, 5).astype(int)
    (folder / "answers.csv").write_bytes(program.to_csv(columns))
    content = yaml.load(original.read_text(), Loader=yaml.BaseLoader)
    del content["source"]["sha256"]
    scale = {str(code): f"{code} of 5" for code in range(1, 6)}
    shared = {"role": "attitude", "kind": "ordinal", "wording": "assumed", "question": "How far do you agree?"}
    content["items"][:-1] += [{"name": name, **shared, "options": scale} for name in ATTITUDES]
    content["name"] = "disclosure-12"
    (folder / "task.yaml").write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    task = load_task(folder)
    sample = load_human(task).sample
    pilot, test = make_split(sample, "benchmark").divide(0.25)
    return task, sample.take(test[:people]), sample.take(pilot)


def simulate(task: Task, human: Sample, pilot: Sample, name: str) -> Sample:
    """One simulated sample of a baseline."""
    import numpy as np

    from surveyeval.model.build import build_model
    from surveyeval.model.protocol import Interviews

    model = build_model(name).model
    model.fit(task, pilot)
    uniforms = np.random.default_rng(7).random((human.n, len(task.items)))
    interviews = Interviews(task, human.without_answers(), uniforms)
    answers, scores = model.answer(interviews), model.log_prob(interviews, human)
    return human.without_answers().with_answers(
        answers.answers, states=answers.states, probabilities=answers.probabilities, log_prob=scores
    )


# ---- in processes of their own --------------------------------------------------------------------------------------


class Clock:
    """Processor time spent in each metric's own methods, wrapped around them; in all processes together."""

    def __init__(self, names: Sequence[str]) -> None:
        import multiprocessing

        self.place = {name: number for number, name in enumerate(names)}
        self._spent = multiprocessing.Array("d", len(names))

    def add(self, name: str, seconds: float) -> None:
        with self._spent.get_lock():
            self._spent[self.place[name]] += seconds

    @property
    def seconds(self) -> dict[str, float]:
        return {name: self._spent[number] for name, number in self.place.items()}

    def watch(self, metric: Any) -> Any:
        compare, name = metric.compare, metric.spec.name

        def timed_compare(*arguments: Any) -> Any:
            begun = time.process_time()
            comparison = compare(*arguments)
            self.add(name, time.process_time() - begun)
            return Watched(comparison, name, self)

        metric.compare = timed_compare
        return metric


class Watched:
    """A comparison whose time is counted."""

    def __init__(self, comparison: Any, name: str, clock: Clock) -> None:
        self.comparison, self.name, self.clock = comparison, name, clock

    def values(self, *arguments: Any) -> Any:
        begun = time.process_time()
        found = self.comparison.values(*arguments)
        self.clock.add(self.name, time.process_time() - begun)
        return found


class Memory:
    """The most that this process and those it started ever held together; what they share is counted once.

    Looked up every quarter of a second, so that a short peak may be missed.
    """

    def __enter__(self) -> Memory:
        import threading

        self.most, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            self.most = max(self.most, sum(share_mib(pid) for pid in [os.getpid(), *descendants(os.getpid())]))


def share_mib(pid: int) -> float:
    """Memory of a process in MiB, shared pages divided by the number of those who share them; 0 where this is not told."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def processor_time() -> float:
    """Seconds of processor time of this process and of those it started that have ended."""
    return sum(os.times()[:4])


def built_in() -> list[Any]:
    from surveyeval import api

    return [metric for metric in api.metrics() if type(metric).__module__.startswith("surveyeval.")]


def score(people: int, splits: int | None, swaps: bool = False) -> dict[str, Any]:
    """All metrics of one model, and if asked for, the tests of difference."""
    import tempfile

    from surveyeval.engine.evaluate import evaluate
    from surveyeval.engine.significance import with_tests
    from surveyeval.metric.resampling import jackknife_groups

    with tempfile.TemporaryDirectory() as folder:
        task, human, pilot = make_task(people, Path(folder))
        model = simulate(task, human, pilot, "baseline:chain")
    metrics = built_in()
    clock = Clock([metric.spec.name for metric in metrics])
    shown = {metric.spec.name: metric.spec for metric in metrics if metric.applicable(task) is None}
    fits = count_fits()
    before = peak_mib()
    begun, processor = time.perf_counter(), processor_time()
    with Memory() as memory:
        table = evaluate(
            task,
            human,
            {"model": [model]},
            pilot,
            metrics=[clock.watch(one) for one in metrics],
            splits=splits,
            tests=False,
        )
    seconds, processor = time.perf_counter() - begun, processor_time() - processor
    peak, fitted = max(peak_mib(), memory.most), fits[0]
    spent_by = clock.seconds
    tests = 0.0
    if swaps:
        begun = time.perf_counter()
        applicable = [one for one in metrics if one.applicable(task) is None]
        with_tests(table, task, human, {"model": [model]}, pilot, metrics=applicable, splits=splits)
        tests = time.perf_counter() - begun
    rows = [
        {
            "name": name,
            "axis": spec.axis,
            "splits": 1 if spec.axis == "individual" else splits or spec.splits,
            "seconds": spent_by[name],
        }
        for name, spec in shown.items()
    ]
    rows.sort(key=lambda one: -one["seconds"])
    spent = sum(one["seconds"] for one in rows)
    rows.append({"name": "the rest", "axis": "", "splits": "", "seconds": max(processor - spent, 0.0)})
    return {
        "people": human.n,
        "items": len(task.items),
        "arms": len(task.arms),
        "groups": int(jackknife_groups(human.arm, 0).max()) + 1,
        "metrics": len(shown),
        "splits": splits or max(spec.splits for spec in shown.values() if spec.axis != "individual"),
        "estimates": len(table),
        "seconds": seconds,
        "processor": processor,
        "before": before,
        "peak": peak,
        "fits": fitted,
        "tests": tests,
        "by_metric": rows,
        "versions": versions("numpy", "scipy"),
    }


def count_fits() -> Any:
    """A counter of the weight vectors that regressions are fitted to, in all processes."""
    import multiprocessing

    from surveyeval.metric import coefficients

    total = multiprocessing.Array("q", 1)
    for name in ("ols_hc2", "firth_logit", "firth_ordered", "firth_multinomial"):
        fit = getattr(coefficients, name)

        def counted(X: Any, y: Any, weight: Any, *further: Any, fit: Any = fit) -> Any:
            with total.get_lock():
                total[0] += len(weight)
            return fit(X, y, weight, *further)

        setattr(coefficients, name, counted)
    return total


#: Weight vectors that the plain way is timed with; it takes as long for each.
PLAIN = 10


def plain(people: int) -> dict[str, Any]:
    """The same numbers for one weight vector after the other, with pandas, scipy and statsmodels; and ours for all at once."""
    import tempfile

    import numpy as np

    from surveyeval.metric import alignment, heterogeneity, regression
    from surveyeval.metric.resampling import halves, jackknife_groups

    with tempfile.TemporaryDirectory() as folder:
        task, human, pilot = make_task(people, Path(folder))
        model = simulate(task, human, pilot, "baseline:chain")
    weights = halves(human.arm, jackknife_groups(human.arm, 0), 0, 0)
    many = len(weights.human)
    people_frame, model_frame = frame(task, human), frame(task, model)
    rows, differs = [], 0.0

    def compared(name: str, theirs: Any, ours: Any, *, equal: bool = True) -> None:
        nonlocal differs
        theirs(weights.human[0] > 0, weights.simulated[0] > 0)  # imports and first calls are nobody's
        begun = time.process_time()
        found = np.array([theirs(weights.human[b] > 0, weights.simulated[b] > 0) for b in range(PLAIN)])
        slow = (time.process_time() - begun) / PLAIN
        ours()
        begun = time.process_time()
        own = ours()[:PLAIN]
        if equal:
            differs = max(differs, float(np.abs(found - own).max()))
        rows.append({"name": name, "plain": slow, "ours": (time.process_time() - begun) / many})

    for metric, theirs in (
        (alignment.JSDistance(), plain_distance),
        (heterogeneity.UniquePatterns(), plain_patterns),
    ):
        compared(
            metric.spec.name,
            lambda a, b, theirs=theirs: theirs(task, people_frame[a], model_frame[b]),
            lambda metric=metric: (
                metric.compare(task, human, model, pilot, {}).values(weights.human, weights.simulated, 0).value[:, 0]
            ),
        )
    for one in task.spec.regressions:
        if one.family in ("ols", "logit"):
            design = task.design(human, one)
            assert design.valid.all()
            fit = regression.ols_hc2 if one.family == "ols" else regression.firth_logit
            compared(
                f"{one.name}, {one.family}, {design.X.shape[1]} terms",
                lambda a, _, design=design, family=one.family: plain_regression(design.X[a], design.y[a], family),
                lambda design=design, fit=fit: fit(design.X, design.y, weights.human).se,
                equal=one.family == "ols",
            )
    return {
        "people": human.n,
        "rows": rows,
        "differs": differs,
        "versions": versions("pandas", "scipy", "statsmodels"),
    }


def frame(task: Task, sample: Sample) -> Any:
    import pandas as pd

    return pd.DataFrame({"arm": sample.arm, **{item.name: sample.answers[item.name] for item in task.items}})


def plain_distance(task: Task, people: Any, rows: Any) -> float:
    """Mean over items of the Jensen-Shannon distance within arms, arms weighted by their people."""
    import numpy as np
    from scipy.spatial.distance import jensenshannon

    distances = []
    for item in task.items:
        within, size = [], []
        for arm in task.arms:
            one, other = (side.loc[side["arm"] == arm.key, item.name] for side in (people, rows))
            shares = [side.value_counts(normalize=True).reindex(range(item.k), fill_value=0) for side in (one, other)]
            within.append(jensenshannon(*shares, base=2))
            size.append(len(one))
        distances.append(np.average(within, weights=size))
    return float(np.mean(distances))


def plain_patterns(task: Task, people: Any, rows: Any) -> float:
    """Distinct patterns of the simulated half, at the size of the smaller half."""
    from math import comb

    counts = rows.value_counts(list(task.patterns))
    n, size = len(rows), min(len(people), len(rows))
    return sum(1 - comb(n - int(count), size) / comb(n, size) for count in counts)


def plain_regression(X: Any, y: Any, family: str) -> Any:
    """Standard errors of one fit."""
    import statsmodels.api as sm

    if family == "ols":
        return sm.OLS(y, X).fit(cov_type="HC2").bse
    return sm.Logit(y, X).fit(disp=False).bse


WAYS = {"score": score, "plain": plain}

if __name__ == "__main__":
    main()
