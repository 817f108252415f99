"""The projection of `scale.py`: what was measured, what is assumed, and what follows for a very large run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from scale_queue import serve

RESPONDENTS, ITEMS, MODELS, BLOCK = 1_000_000, 100, 50, 32
BLOCKS = RESPONDENTS // BLOCK  # of one model
ANSWERS = RESPONDENTS * ITEMS  # of one model
WORKERS = (8, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True)
class Assumption:
    """A range: low, usual, high."""

    what: str
    low: float
    usual: float
    high: float


#: An interview is read once: what its questions have in common is kept, and an answer is one letter.
TOKENS = Assumption("tokens read for an interview of 100 items", 4_000, 6_000, 12_000)
RATES = (
    Assumption("tokens a second and GPU that a model of 1 billion parameters reads", 40_000, 100_000, 200_000),
    Assumption("... of 8 billion", 8_000, 20_000, 40_000),
    Assumption("... of 70 billion (4 GPUs, for each of them)", 800, 2_000, 4_000),
)
#: How many of the 50 models are of each of these sizes.
MIX = (20, 20, 10)
GPU_HOUR = Assumption("price of a GPU hour", 1.5, 2.5, 4.0)
SERVER = Assumption("price of a million tokens read by a server's model", 0.05, 0.5, 3.0)
STORAGE = Assumption("price of a GB for a month", 0.02, 0.02, 0.02)


def print_projection(found: Mapping[str, Any]) -> None:
    """Print everything."""
    _print_measured(found)
    _print_reading()
    _print_writer(found)
    _print_rest(found)


def _print_measured(found: Mapping[str, Any]) -> None:
    size = found["size"]
    print(
        f"\nMeasured: {size['respondents']:,} respondents x {size['items']} items, blocks of {BLOCK}, a model that costs nothing"
    )
    print(f"{'':16}{'ms a block':>12}{'of which CPU':>14}{'append, ms':>12}{'blocks/s':>10}")
    for name, one in found["runs"].items():
        print(
            f"{name:16}{one['wall'] * 1e3:12.1f}{one['own'] * 1e3:14.1f}{one['append'] * 1e3:12.1f}{1 / one['wall']:10.1f}"
        )
    print(
        "  CPU: of the process that writes, all threads; through Ray, workers do the rest. append: JSON, checksum, fsync"
    )
    one = found["runs"]["local"]
    print(
        f"\nBytes of an answer: {one['log_bytes']:.0f} in the log of an unfinished run, {one['parquet_bytes']:.1f} in the table "
        f"of a finished one; writing that table {one['table'] * 1e6:.2f} us an answer"
    )
    (few, small), (many, large) = ((one["respondents"], one["mib"]) for one in found["memory"])
    print(f"Memory of the people: {small:.0f} MiB with {few:,}, {large:.0f} MiB with {many:,}")
    for one in found["scored"]:
        print(f"Scoring {one['respondents']:,}: {one['seconds']:.1f} s with 5 half splits, {one['mib']:.0f} MiB")


def _print_reading() -> None:
    print(f"\nAssumed (low, usual, high), for {RESPONDENTS:,} x {ITEMS} x {MODELS}: {ANSWERS * MODELS:.0e} answers")
    for one in (TOKENS, *RATES, GPU_HOUR, SERVER):
        print(f"  {one.what:70} {one.low:>9,g} {one.usual:>9,g} {one.high:>9,g}")
    print(f"  models of 1, 8 and 70 billion parameters: {', '.join(map(str, MIX))}")
    print(f"\n{'Reading':34}{'best':>14}{'usual':>14}{'worst':>14}")
    hours = [
        [RESPONDENTS * tokens * count / rate / 3600 for count, rate in zip(MIX, rates, strict=True)]
        for tokens, rates in (
            (TOKENS.low, [rate.high for rate in RATES]),
            (TOKENS.usual, [rate.usual for rate in RATES]),
            (TOKENS.high, [rate.low for rate in RATES]),
        )
    ]
    for label, k in (("GPU hours, 1 billion", 0), ("GPU hours, 8 billion", 1), ("GPU hours, 70 billion", 2)):
        _line(label, [case[k] for case in hours])
    totals = [sum(case) for case in hours]
    _line("GPU hours, all", totals)
    _line("days on 64 GPUs", [total / 64 / 24 for total in totals])
    _line("money, own GPUs", [total * price for total, price in zip(totals, _range(GPU_HOUR), strict=True)])
    tokens = [RESPONDENTS * MODELS * one for one in _range(TOKENS)]
    _line("billions of tokens, all models", [one / 1e9 for one in tokens])
    _line("money, all behind servers", [one * price / 1e6 for one, price in zip(tokens, _range(SERVER), strict=True)])


def _print_writer(found: Mapping[str, Any]) -> None:
    rays = [one for name, one in found["runs"].items() if name.startswith("ray")]
    if not rays:
        return
    writing = min(one["own"] for one in rays)
    host = found["runs"]["local"]["own"]
    print(
        f"\nOne writer: {writing * 1e3:.1f} ms a block, so {1 / writing:.0f} blocks a second at most; {BLOCKS:,} blocks of one model "
        f"take it {BLOCKS * writing / 60:.0f} minutes, {MODELS} models {BLOCKS * MODELS * writing / 3600:.0f} hours"
    )
    print(f"A worker's own work around the model, on a CPU: {(host - writing) * 1e3:.0f} ms a block or more")
    print(f"\n{'Simulated queue':24}{'':10}" + "".join(f"{number:>9,}" for number in WORKERS) + "   workers")
    for label, rate in zip(("1 billion", "8 billion", "70 billion"), RATES, strict=True):
        answering = BLOCK * TOKENS.usual / rate.usual + max(host - writing, 0.0)
        served = [serve(number, answering, writing, blocks=6_000) for number in WORKERS]
        print(
            f"{label:12}{answering:8.1f} s a block   "
            + "".join(f"{one.workers:9.0%}" for one in served)
            + "   workers at work"
        )
        print(f"{'':34}" + "".join(f"{one.writer:9.0%}" for one in served) + "   writer at work")
        print(f"{'':34}" + "".join(f"{BLOCKS / one.rate / 3600:9.1f}" for one in served) + "   hours for one model")
        print(f"{'':12}one writer is enough for {answering / writing:,.0f} workers")


def _print_rest(found: Mapping[str, Any]) -> None:
    one = found["runs"]["local"]
    log_size, table = ANSWERS * one["log_bytes"], ANSWERS * one["parquet_bytes"]
    print(f"\nDisk: log of one model {log_size / 1e9:.0f} GB, table {table / 1e9:.1f} GB; tables of {MODELS} models {table * MODELS / 1e9:.0f} GB, "
          f"{table * MODELS / 1e9 * STORAGE.usual:.0f} in money a month")  # fmt: skip
    print(
        f"Writing one table: {ANSWERS * one['table'] / 60:.0f} minutes, {MODELS} of them {ANSWERS * one['table'] * MODELS / 3600:.0f} hours"
    )
    few, many = found["memory"]
    each = (many["mib"] - few["mib"]) / (many["respondents"] - few["respondents"])
    print(
        f"People in memory, before anything is simulated: {each * RESPONDENTS / 1024:.0f} GiB ({each * 1024:.1f} KiB each)"
    )
    if len(found["scored"]) > 1:
        first, last = found["scored"][0], found["scored"][-1]
        power = log(last["seconds"] / first["seconds"]) / log(last["respondents"] / first["respondents"])
        far = last["seconds"] * (RESPONDENTS / last["respondents"]) ** max(power, 1.0)
        held = (last["mib"] - first["mib"]) / (last["respondents"] - first["respondents"]) * RESPONDENTS / 1024
        print(f"Scoring one model: seconds grow with respondents to the power {power:.2f}; at {RESPONDENTS:,} and 50 half splits "
              f"{far * 10 / 3600:.0f} hours, {held:.0f} GiB; {MODELS} models {far * 10 * MODELS / 3600 / 24:.0f} days one after another")  # fmt: skip


def _line(label: str, values: Sequence[float]) -> None:
    print(f"{label:34}" + "".join(f"{value:14,.0f}" for value in values))


def _range(one: Assumption) -> tuple[float, float, float]:
    return one.low, one.usual, one.high
