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


#: Where what was read is kept, an interview is read once, and an answer is one letter. That holds on GPUs of one's own; a
#: server is sent, and bills, the whole conversation with every question.
TOKENS = Assumption("tokens read for an interview of 100 items, where what was read is kept", 4_000, 6_000, 12_000)
RATES = (
    Assumption("tokens a second and GPU that a model of 1 billion parameters reads", 40_000, 100_000, 200_000),
    Assumption("... of 8 billion", 8_000, 20_000, 40_000),
    Assumption("... of 70 billion (4 GPUs, for each of them)", 800, 2_000, 4_000),
)
#: How many of the 50 models are of each of these sizes, and GPUs that a worker with one of them holds.
MIX = (20, 20, 10)
GPUS = (1, 1, 4)
GPU_HOUR = Assumption("price of a GPU hour", 1.5, 2.5, 4.0)
SERVER = Assumption("price of a million tokens read by a server's model", 0.05, 0.5, 3.0)
#: What a server may take for tokens that were sent before, as a part of its price.
CACHED = 0.1
STORAGE = Assumption("price of a GB for a month", 0.02, 0.02, 0.02)

#: Scoring 12 items, 8 arms and regressions in two processes: people, seconds a half split, MiB (docs/explanation/speed.md).
SCORED = ((1_000, 0.57, 507), (10_000, 11.52, 1_103), (100_000, 135.25, 4_032))
SPLITS = 50


def print_projection(found: Mapping[str, Any]) -> None:
    """Print everything."""
    _print_measured(found)
    _print_reading(_sent(found))
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


def _sent(found: Mapping[str, Any]) -> dict[str, Assumption]:
    """What `surveyeval plan` says that a server is sent for one interview; usual is the middle."""
    sent = {}
    for mode, one in found["sent"].items():
        low, high = (_two_digits(one[end] / one["people"]) for end in ("low", "high"))
        sent[mode] = Assumption(f"tokens sent to a server for an interview, {mode}", low, (low + high) / 2, high)
    return sent


def _print_reading(sent: Mapping[str, Assumption]) -> None:
    print(f"\nAssumed (low, usual, high), for {RESPONDENTS:,} x {ITEMS} x {MODELS}: {ANSWERS * MODELS:.0e} answers")
    for one in (TOKENS, *sent.values(), *RATES, GPU_HOUR, SERVER):
        print(f"  {one.what:74} {one.low:>9,.10g} {one.usual:>9,.10g} {one.high:>9,.10g}")
    print(
        "  tokens sent to a server: what `surveyeval plan` says of the invented survey with `openai:`, and the middle of it"
    )
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
    _line("billions of tokens, own GPUs", [RESPONDENTS * MODELS * one / 1e9 for one in _range(TOKENS)])
    print("All behind servers")
    new = 2 / (ITEMS + 1)  # of 1 + 2 + ... + ITEMS questions sent, ITEMS are sent for the first time
    for mode, told in sent.items():
        tokens = [RESPONDENTS * MODELS * one for one in _range(told)]
        _line(f"billions of tokens, {mode}", [one / 1e9 for one in tokens])
        money = [one * price / 1e6 for one, price in zip(tokens, _range(SERVER), strict=True)]
        _line(f"money, {mode}", money)
        if mode == "sequential":
            _line("... beginnings at a tenth", [one * (new + (1 - new) * CACHED) for one in money])
            print(
                f"  {1 - new:.0%} of the tokens of a sequential interview were sent before, with an earlier question (of equal length)"
            )


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
    for label, rate, gpus in zip(("1 billion", "8 billion", "70 billion"), RATES, GPUS, strict=True):
        answering = BLOCK * TOKENS.usual / (rate.usual * gpus) + max(host - writing, 0.0)
        served = [serve(number, answering, writing, blocks=6_000) for number in WORKERS]
        print(
            f"{label:12}{answering:8.1f} s a block   "
            + "".join(f"{one.workers:9.0%}" for one in served)
            + "   workers at work"
        )
        print(f"{'':34}" + "".join(f"{one.writer:9.0%}" for one in served) + "   writer at work")
        print(f"{'':34}" + "".join(f"{BLOCKS / one.rate / 3600:9.1f}" for one in served) + "   hours for one model")
        each = "" if gpus == 1 else f" of {gpus} GPUs each: {answering / writing * gpus:,.0f} GPUs"
        print(f"{'':12}one writer is enough for {answering / writing:,.0f} workers{each}")


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
    _print_scoring(found)


def _print_scoring(found: Mapping[str, Any]) -> None:
    """From what was measured with most people, which has few items, and from what as many items cost more with few people."""
    (_, third, _), (_, first, less), (people, last, most) = SCORED
    (fewest, *_), (fewer, *_), _ = SCORED
    power = log(last / first) / log(people / fewer)
    hours = last * (RESPONDENTS / people) ** power * SPLITS / 3600
    held = (most + (most - less) / (people - fewer) * (RESPONDENTS - people)) / 1024
    print(f"\nScoring one model, an extrapolation from {people:,} people to {RESPONDENTS:,} (12 items, 8 arms, regressions, two "
          f"processes):\n  {last:,.2f} s a half split there, growing with people to the power {power:.2f}: {hours:.0f} hours for "
          f"{SPLITS} splits, {held:.0f} GiB")  # fmt: skip
    if len(found["scored"]) < 2:
        return
    few, many = found["scored"][0], found["scored"][-1]
    # seconds that the 12 items would take with as many people, on the line between the two smallest sizes
    there = third * (many["respondents"] / fewest) ** (log(first / third) / log(fewer / fewest))
    factor = many["seconds"] / 5 / there
    large = (many["mib"] - few["mib"]) / (many["respondents"] - few["respondents"]) * RESPONDENTS / 1024
    print(f"  {found['size']['items']} items without arms and regressions took {factor:.1f} times as long here with {many['respondents']:,} people: "
          f"{hours * factor:.0f} hours; {MODELS} models {hours * factor * MODELS / 24:,.0f} days one after\n  another; "
          f"{large:.0f} GiB, from {few['respondents']:,} and {many['respondents']:,} people")  # fmt: skip


def _line(label: str, values: Sequence[float]) -> None:
    print(f"{label:34}" + "".join(f"{value:14,.0f}" for value in values))


def _range(one: Assumption) -> tuple[float, float, float]:
    return one.low, one.usual, one.high


def _two_digits(value: float) -> float:
    """As `surveyeval plan` rounds."""
    return float(f"{value:.1e}")
