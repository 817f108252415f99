"""Workers of one model on Ray: they are started, found to be what they should be, given blocks, and replaced when they end.

A worker holds a few blocks at a time and no more are handed out than the writer takes (back-pressure). When a worker ends, the
blocks that it held go to the others, so a block may be answered twice, and is never left out.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from surveyeval.engine.executors.options import RayOptions
from surveyeval.engine.executors.worker import Answered, Job, Placed, Worker, differing
from surveyeval.engine.plan import Block
from surveyeval.engine.store import BlockAnswers
from surveyeval.errors import ModelError, SurveyevalError
from surveyeval.model.build import NamedModel
from surveyeval.model.protocol import Fingerprint
from surveyeval.progress import Progress

__all__ = ["ATTEMPTS", "Crew", "unforeseen"]

#: Workers that may end over one block, or before they have answered anything, until that is taken for a fault.
ATTEMPTS = 3
#: Seconds after which the wait for a place in the cluster is told.
_QUIET = 15.0


@dataclass(frozen=True, eq=False)
class _Call:
    """One call of a worker: of a method, or for a block."""

    method: str
    arguments: tuple[Any, ...] = ()
    block: Block | None = None


@dataclass(eq=False)
class _Hand:
    """A worker as the driver sees it: calls are answered in the order in which they were sent."""

    actor: Any
    sent: dict[Any, _Call] = field(default_factory=dict)
    node: str = ""
    job: Any = None

    @property
    def ready(self) -> bool:
        """Whether it has introduced itself."""
        return bool(self.node)

    @property
    def held(self) -> int:
        """Blocks that it has and has not answered."""
        return sum(call.block is not None for call in self.sent.values())


class Crew:
    """All workers of one model.

    Parameters
    ----------
    ray : module
        Ray, connected to a cluster.
    named : NamedModel
    options : RayOptions
    size : int
        Workers that are to be.
    folder : str
        Where relative paths of the model string begin.
    progress : Progress
    """

    def __init__(
        self, ray: Any, named: NamedModel, options: RayOptions, size: int, folder: str, progress: Progress
    ) -> None:
        self._ray, self._named, self._options, self.size, self._progress = ray, named, options, size, progress
        resources = {"num_cpus": options.cpus_per_worker, "num_gpus": options.gpus_per_worker}
        remote = ray.remote(Worker).options(max_restarts=0, max_task_retries=0, **resources)
        self._start: Callable[[], Any] = lambda: remote.remote(named.name, named.string, folder)
        self._hands: list[_Hand] = []
        self._backlog: deque[_Call] = deque()
        self._finished: deque[tuple[BlockAnswers, float]] = deque()
        self._values: dict[_Call, Answered] = {}
        self._ended_over: Counter[int] = Counter()
        self._fruitless = 0
        self._refused: list[SurveyevalError] = []
        self._job: Any = None  # a reference to a `Job`
        self._takes: Callable[[Block, Answered], None] = lambda block, answered: None
        self._expected: Fingerprint | None = None
        self._brings: Callable[[Block], tuple[Any, ...]] = lambda block: ()
        self._error: SurveyevalError | None = None
        self._since, self._told = time.monotonic(), False

    # ---- what the executor asks for -------------------------------------------------------------------------------

    def reference(self) -> Fingerprint:
        """Fingerprint of the first worker, which all others must have as well."""
        self._until(lambda: self._expected is not None)
        assert self._expected is not None
        return self._expected

    def expect(self, fingerprint: Fingerprint) -> None:
        """Refuse workers of another fingerprint."""
        self._expected = fingerprint

    def assign(
        self, job: Job, brings: Callable[[Block], tuple[Any, ...]], takes: Callable[[Block, Answered], None]
    ) -> None:
        """Work for a run from now on.

        Parameters
        ----------
        job : Job
        brings : callable
            What a worker is given with a block.
        takes : callable
            Called with what came of a block.
        """
        # shipped to each machine once, and not with each call
        self._job, self._brings, self._takes = self._ray.put(job), brings, takes

    def call(self, method: str, *arguments: Any) -> Any:
        """Let one worker, whichever, do something.

        Raises
        ------
        SurveyevalError
            What the worker raised, or that there is none.
        """
        call = _Call(method, arguments)
        self._backlog.appendleft(call)
        self._until(lambda: call in self._values)
        answered = self._values.pop(call)
        if answered.error is not None:
            raise answered.error
        return answered.value

    def submit(self, block: Block) -> None:
        """Hand a block out as soon as somebody has room."""
        self._backlog.append(_Call("ask", block=block))

    @property
    def full(self) -> bool:
        """Whether as many blocks are handed out as may be."""
        return self._blocks >= max(1, sum(hand.ready for hand in self._hands)) * self._options.max_in_flight

    @property
    def _blocks(self) -> int:
        waiting = sum(call.block is not None for call in self._backlog)
        return waiting + sum(hand.held for hand in self._hands) + len(self._finished)

    def next(self) -> tuple[BlockAnswers, float]:
        """The next block that is answered, and the seconds it took.

        Raises
        ------
        SurveyevalError
            What a worker raised, once the others have finished what they held; or that there are no workers.
        """
        self._until(lambda: bool(self._finished) or (self._error is not None and not any(h.held for h in self._hands)))
        if not self._finished:
            assert self._error is not None
            raise self._error
        return self._finished.popleft()

    def end(self) -> None:
        """End all workers."""
        for hand in self._hands:
            self._ray.kill(hand.actor, no_restart=True)
        self._hands.clear()

    # ---- workers --------------------------------------------------------------------------------------------------

    def _until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self._hire()
            self._spread()
            self._step()

    def _hire(self) -> None:
        """Start workers in the place of those that ended; one that was refused is not replaced: the next would be like it."""
        while len(self._hands) + len(self._refused) < self.size:
            hand = _Hand(self._start())
            self._hands.append(hand)
            self._send(hand, _Call("introduce"))
        if not self._hands:
            raise self._refused[0]

    def _spread(self) -> None:
        """Hand out what waits to whoever holds least."""
        while self._backlog and self._error is None:
            free = [hand for hand in self._hands if hand.ready and hand.held < self._options.max_in_flight]
            if not free:
                return
            hand = min(free, key=lambda one: one.held)
            if hand.job is not self._job:
                hand.job = self._job
                self._send(hand, _Call("assign", (self._job,)))
            self._send(hand, self._backlog.popleft())

    def _send(self, hand: _Hand, call: _Call) -> None:
        arguments = call.arguments if call.block is None else (call.block, *self._brings(call.block))
        hand.sent[getattr(hand.actor, call.method).remote(*arguments)] = call

    def _step(self) -> None:
        """Wait until something is answered or a second has passed."""
        of = {ref: hand for hand in self._hands for ref in hand.sent}
        found, _ = self._ray.wait(list(of), num_returns=1, timeout=1.0)
        if not found:
            self._wait_for_a_place()
            return
        (ref,) = found
        hand = of[ref]
        try:
            value = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            raise unforeseen(f"a worker of model {self._named.name!r}", error) from error
        except self._ray.exceptions.RayError as error:
            self._replace(hand, error)
            return
        self._take(hand, hand.sent.pop(ref), value)

    def _take(self, hand: _Hand, call: _Call, value: Placed | Answered) -> None:
        if isinstance(value, Placed):
            self._welcome(hand, value)
            return
        if call.block is None:
            if call.method != "assign":
                self._values[call] = value
            return
        self._takes(call.block, value)
        if value.error is not None:
            self._error = self._error or value.error
            # what waits is not begun any more
            self._backlog = deque(waiting for waiting in self._backlog if waiting.block is None)
        else:
            self._fruitless = 0
            self._finished.append((value.value, value.seconds))

    def _welcome(self, hand: _Hand, placed: Placed) -> None:
        error = self._unfit(placed)
        if error is None:
            hand.node = placed.node
            self._expected = self._expected or placed.fingerprint
            return
        self._refused.append(error)
        self._hands.remove(hand)
        self._ray.kill(hand.actor, no_restart=True)
        if self._hands:
            self._progress.note(f"{self._named.name}: a worker is refused: {error}")

    def _unfit(self, placed: Placed) -> SurveyevalError | None:
        """Why a worker cannot take part."""
        other_code = differing(placed.versions, placed.node)
        if other_code is not None:
            return other_code
        if placed.error is not None or placed.fingerprint is None:
            return placed.error
        expected, found = self._expected, placed.fingerprint
        if expected is None or (expected.kind, expected.value) == (found.kind, found.value):
            return None
        named = sorted(set(expected.details) | set(found.details))
        other = [f"{name} {found.details.get(name)!r} and not {expected.details.get(name)!r}" for name in named
                 if found.details.get(name) != expected.details.get(name)]  # fmt: skip
        return ModelError(
            f"the worker on {placed.node} has another model under the name {self._named.string}: "
            f"{', '.join(other) or 'its fingerprint differs'}",
            hint="put the same files and versions on every machine, and write ?device= and ?dtype= out where machines differ",
        )

    def _replace(self, hand: _Hand, error: Exception) -> None:
        """A worker has ended. What it held goes to the others."""
        self._hands.remove(hand)
        self._ray.kill(hand.actor, no_restart=True)  # it may only have been out of reach
        self._fruitless += 1
        calls = [call for call in hand.sent.values() if call.method not in ("introduce", "assign")]
        if calls and calls[0].block is not None:  # the one in work; those behind it are not to blame
            self._ended_over[calls[0].block.number] += 1
        if self._error is not None:
            calls = [call for call in calls if call.block is None]
        self._backlog.extendleft(reversed(calls))
        first = str(error).strip().splitlines()
        said = type(error).__name__ + (f": {first[-1].strip()}" if first and not hand.ready else "")
        self._progress.note(
            f"{self._named.name}: a worker{f' on {hand.node}' if hand.node else ''} has ended ({said}); another one is started"
        )
        for number, times in self._ended_over.items():
            if times >= ATTEMPTS:
                block = next(call.block for call in calls if call.block is not None and call.block.number == number)
                raise ModelError(
                    f"interviews {block.start + 1} to {block.stop} of draw {block.draw} ended {times} workers of model "
                    f"{self._named.name!r} one after the other",
                    hint="memory is the usual reason: take a smaller ?block=, or more memory for each worker",
                ) from error
        if self._fruitless >= max(ATTEMPTS, 2 * self.size):
            raise ModelError(
                f"{self._fruitless} workers of model {self._named.name!r} ended before one block was answered; the last: {said}",
                hint="logs of workers are under /tmp/ray/session_latest/logs on their machines",
            ) from error

    def _wait_for_a_place(self) -> None:
        if any(hand.ready for hand in self._hands):
            self._since = time.monotonic()
            return
        waited = time.monotonic() - self._since
        if waited < _QUIET:
            return
        there = self._ray.cluster_resources()
        has = f"{there.get('CPU', 0):g} CPU and {there.get('GPU', 0):g} GPU"
        if waited > self._options.patience:
            raise ModelError(
                f"no worker of model {self._named.name!r} was placed in {waited:.0f} s: each holds {self._options.each}, and "
                f"the cluster has {has}",
                hint="wait until machines are free, ask for less with -E gpus_per_worker=, or longer with -E patience=",
            )
        if not self._told:
            self._told = True
            self._progress.note(
                f"{self._named.name}: waiting for a worker of {self._options.each}; the cluster has {has}, not all of it free"
            )


def unforeseen(who: str, error: Any) -> ModelError:
    """What nobody raised on purpose, in one sentence; its traceback is the cause's."""
    cause = error.cause if getattr(error, "cause", None) is not None else error
    said = str(cause).strip().splitlines() or [""]
    return ModelError(f"{who} failed: {type(cause).__name__}: {said[-1]}", hint="--debug shows its traceback")
