"""Workers that take their time and one writer that serves them in turn: how many workers are of use.

A closed queue: each of W workers answers a block (its time varies), hands it to the writer, and goes on with the next one at
once when it holds another. The writer takes a constant time. Simulated event by event.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Served:
    """What came of it: blocks a second, and shares of time in which the writer and the workers worked."""

    rate: float
    writer: float
    workers: float


def serve(
    workers: int, answering: float, writing: float, *, in_flight: int = 2, blocks: int = 20_000, seed: int = 0
) -> Served:
    """Simulate.

    Parameters
    ----------
    workers : int
    answering, writing : float
        Mean seconds that a block takes a worker, and seconds that it takes the writer.
    in_flight : int
        Blocks that a worker holds until they are written.
    blocks : int
        After which the simulation ends.
    seed : int
    """
    rng = np.random.default_rng(seed)
    # interviews differ in length: a coefficient of variation of 0.3
    times = iter(rng.gamma(1 / 0.09, answering * 0.09, size=blocks + workers * in_flight + 1).tolist())
    ready = [(next(times), worker) for worker in range(workers)]
    heapq.heapify(ready)
    held = [1] * workers  # blocks that are answered or in work, and not written
    resting = [False] * workers
    waiting: list[tuple[float, int]] = []
    free_at = worked = 0.0
    written = 0
    while written < blocks:
        now, worker = heapq.heappop(ready) if ready else (np.inf, -1)
        if waiting and max(free_at, waiting[0][0]) <= now:
            if worker >= 0:
                heapq.heappush(ready, (now, worker))
            arrived, owner = heapq.heappop(waiting)
            free_at = max(free_at, arrived) + writing
            written += 1
            held[owner] -= 1
            if resting[owner]:
                resting[owner], took = False, next(times)
                worked, held[owner] = worked + took, held[owner] + 1
                heapq.heappush(ready, (free_at + took, owner))
            continue
        heapq.heappush(waiting, (now, worker))
        if held[worker] < in_flight:
            took = next(times)
            worked, held[worker] = worked + took, held[worker] + 1
            heapq.heappush(ready, (now + took, worker))
        else:
            resting[worker] = True
    return Served(written / free_at, written * writing / free_at, min(worked / free_at / workers, 1.0))
