"""Independent pieces of work, spread over processes of this machine.

Processes are forks: they begin with all that this one holds, so that neither samples nor plugins have to be sent anywhere, and
nothing is imported anew. What a fork inherits from other threads is not safe to use, so only work that computes with NumPy
belongs here. Results do not depend on the number of processes.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from surveyeval.errors import RunError

__all__ = ["one_thread", "processors", "spread"]

T = TypeVar("T")

#: Parameters of ``mallopt`` in the GNU C library, and memory that a process keeps instead of giving it back.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_KEPT = 64 * 2**20


def processors() -> int:
    """How many processes may compute at a time: one for each processor, no more than ``OMP_NUM_THREADS`` says.

    One where processes can't be forked safely (elsewhere than on Linux, and in a process that was itself started to compute).
    """
    if sys.platform != "linux" or multiprocessing.parent_process() is not None:
        return 1
    usable = len(os.sched_getaffinity(0))
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return min(usable, max(int(said), 1)) if said.isdigit() else usable


def spread(work: Callable[[int], T], count: int, processes: int) -> Iterator[T]:
    """Results of ``work(0)`` to ``work(count - 1)`` in this order, found by several processes.

    Pieces are begun in order, the next one by whoever is free: put long ones first.

    Parameters
    ----------
    work : callable
        Gives the same whatever was done before. Its results are pickled.
    count : int
    processes : int
        With 1 nothing is forked.

    Raises
    ------
    RunError
        When a process ends before its work is done, as for lack of memory.
    Exception
        Whatever `work` raises.
    """
    if min(processes, count) < 2:
        yield from map(work, range(count))
        return
    left, found, following = iter(range(count)), dict[int, T](), 0
    workers: dict[Connection, BaseProcess] = {}
    try:
        for _ in range(min(processes, count)):
            connection, process = _fork(work, list(workers))
            workers[connection] = process
            connection.send(next(left))
        busy = list(workers)
        while following < count:
            for ready in wait(busy):
                assert isinstance(ready, Connection)
                number, result = _receive(ready)
                found[number] = result
                if (another := next(left, None)) is None:
                    busy.remove(ready)
                else:
                    ready.send(another)
            while following in found:
                yield found.pop(following)
                following += 1
    finally:
        for connection, process in workers.items():
            connection.close()
            process.terminate()
        for process in workers.values():
            process.join()


def _fork(work: Callable[[int], T], others: list[Connection]) -> tuple[Connection, BaseProcess]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_serve, args=(work, there, [here, *others]), daemon=True
    )
    with warnings.catch_warnings():  # other threads of this process: see above
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        process.start()
    there.close()
    return here, process


def _receive(connection: Connection) -> tuple[int, Any]:
    try:
        number, error, content = connection.recv()
    except (EOFError, ConnectionError) as ended:
        raise RunError(
            "a process that computed a part of this ended before it was done",
            hint="it may have run out of memory; with OMP_NUM_THREADS=1 there is one process, which needs less",
        ) from ended
    if error is not None:
        raise error
    return number, content


def _serve(work: Callable[[int], T], connection: Connection, others: list[Connection]) -> None:
    """What a process does: one piece after the other, until it is ended or whoever asked is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the asker's to handle
    for other in others:  # else the end of the asker would go unnoticed
        other.close()
    _keep_memory()
    with one_thread(), suppress(EOFError, ConnectionError):
        while True:
            number = connection.recv()
            try:
                reply: tuple[int, Exception | None, T | None] = (number, None, work(number))
            except Exception as error:  # raised again by whoever asked
                reply = (number, _sendable(error), None)
            connection.send(reply)


def one_thread() -> AbstractContextManager[Any]:
    """Matrix products on one thread: metrics take many small ones, for which threads wait longer than they compute."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


def _keep_memory() -> None:
    """Use memory again: arrays of some hundred kilobytes would else be given back to the system and asked for each time.

    They are what metrics work with, and asking takes about as long as the work itself.
    """
    with suppress(OSError, AttributeError):  # another C library
        library = ctypes.CDLL(None)
        for parameter, value in ((_TRIM_THRESHOLD, 2 * _KEPT), (_TOP_PAD, _KEPT), (_MMAP_THRESHOLD, _KEPT // 2)):
            library.mallopt(parameter, value)


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (made here)
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
