"""Calls to a server: several at a time, tried again when they fail in passing, counted against the budget.

Calls run in an event loop in a thread of its own, so that they can be made where a loop is running already (a notebook).
Each call writes its result to its own place, so that no order of arrival can exchange two.
"""

from __future__ import annotations

import asyncio
import json
import random
import weakref
import zlib
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from surveyeval.errors import BudgetError, MissingExtraError, ModelError
from surveyeval.model.openai_address import KEY, Address, find_key
from surveyeval.model.openai_budget import Meter
from surveyeval.model.openai_failures import (
    LONGEST_WAIT,
    GivenUpError,
    Passing,
    given_up,
    passing,
    refused,
    seconds_to_wait,
)
from surveyeval.model.openai_options import OpenAIOptions
from surveyeval.model.openai_replies import Garbage, shown
from surveyeval.model.protocol import Text

if TYPE_CHECKING:
    import httpx2
    from anyio.from_thread import BlockingPortal

__all__ = ["Call", "Client", "worst"]

T = TypeVar("T")

#: Bytes of a reply that are read: an answer has some thousands, a list of models some hundred thousand.
_MOST = 16_000_000
_TOO_MUCH = f"it sent more than {_MOST // 1_000_000} MB"
#: Window size that tells zlib to expect gzip's head.
_GZIP = 31
T_co = TypeVar("T_co", covariant=True)

#: Calls given up one after the other, at least, until the server counts as gone: one alone may be at fault itself.
_GONE = 3
#: Shorter keys are the placeholders of servers that need none, and words that may stand in any text.
_SECRET = 8


@dataclass(frozen=True)
class Call(Generic[T_co]):
    """A call to be made.

    Parameters
    ----------
    path : str
        Below the address, with a slash in front; or a whole address.
    body : dict, optional
        What is posted; None: the path is got.
    read : callable
        Reads the reply, and raises `Garbage` when it doesn't fit.
    counted : bool
        Whether it counts against the budget.
    """

    path: str
    body: dict[str, Any] | None
    read: Callable[[Any], T_co]
    counted: bool = True


class Client:
    """Makes calls to one server.

    Parameters
    ----------
    address : Address
    options : OpenAIOptions
    """

    def __init__(self, address: Address, options: OpenAIOptions) -> None:
        self.address, self.options = address, options
        self.meter = Meter(options)
        #: What the server said the answers come from.
        self.answered_by: dict[str, None] = {}
        self._key: str | None = None
        self._open: tuple[BlockingPortal, httpx2.AsyncClient] | None = None
        self._in_vain = 0
        self._stack = ExitStack()

    # ---- opening and closing -------------------------------------------------------------------------------------

    def open(self) -> None:
        """Start the loop and take the key from the environment.

        Raises
        ------
        MissingExtraError, ConfigError
        """
        if self._open is not None:
            return
        try:
            import httpx2
            import tenacity  # noqa: F401 - asked for later
            from anyio.from_thread import start_blocking_portal
        except ImportError as error:
            raise MissingExtraError(
                f"package {error.name!r} is not installed", hint='pip install "surveyeval-harness[api]"'
            ) from error
        self._key = find_key(self.address, self.options.key_env)
        headers = {"Accept-Encoding": "identity"}
        headers |= {"Authorization": f"Bearer {self._key}"} if self._key else {}
        http = httpx2.AsyncClient(
            headers=headers,
            timeout=None,  # one call as a whole is timed
            follow_redirects=False,  # nobody sends profiles or the key on to somewhere else
            trust_env=not self.address.loopback,  # a proxy would carry away what should stay on this machine
            limits=httpx2.Limits(max_connections=self.options.concurrency),
        )
        portal = self._stack.enter_context(start_blocking_portal())
        self._stack.callback(portal.call, http.aclose)
        self._open = portal, http
        weakref.finalize(self, self._stack.close)

    def close(self) -> None:
        """End connections and the loop; they are opened again when needed."""
        self._open = None
        self._stack.close()

    # ---- calls ---------------------------------------------------------------------------------------------------

    def make(self, calls: Sequence[Call[T]], *, patient: bool = True) -> list[T]:
        """Make calls and wait for all of them; an interruption of the wait ends them.

        Parameters
        ----------
        calls : sequence of Call
        patient : bool
            Whether a server that cannot be connected to is tried again.

        Returns
        -------
        list
            What was read from each reply, in the order of the calls.

        Raises
        ------
        BudgetError
            When the budget is used up; calls under way are waited for, so that they are counted.
        ModelError
            When a call is refused, or fails every time.
        """
        found = self.each(calls, patient=patient)
        errors = [one for one in found if isinstance(one, ModelError)]
        if errors:
            raise worst(errors)
        return [one for one in found if not isinstance(one, ModelError)]

    def each(self, calls: Sequence[Call[T]], *, patient: bool = True) -> list[T | ModelError]:
        """Make calls, and say of each what became of it.

        A call that fails as often as it is tried does not end the others, unless the server seems to be gone. After a
        refusal, or when the budget is used up, no further call is sent.

        Returns
        -------
        list
            What was read from each reply, or the error, in the order of the calls.
        """
        self.open()
        assert self._open is not None
        portal, http = self._open
        future = portal.start_task_soon(self._together, http, calls, patient)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    @property
    def gone(self) -> bool:
        """Whether the last calls gave up one after the other, as many as run at a time, or nobody was there to connect to."""
        return self._in_vain >= self._patience

    @property
    def _patience(self) -> int:
        return max(self.options.concurrency, _GONE)

    async def _together(
        self, http: httpx2.AsyncClient, calls: Sequence[Call[T]], patient: bool
    ) -> list[T | ModelError]:
        places = asyncio.Semaphore(self.options.concurrency)
        results: dict[int, T | ModelError] = {}
        stopped: list[ModelError] = []

        async def one(number: int, call: Call[T]) -> None:
            async with places:
                if stopped:
                    return
                try:
                    results[number] = await self._persistent(http, call, patient)
                    self._in_vain = 0
                except BudgetError as error:  # the others under way are paid for, so they are waited for
                    stopped.append(error)
                except GivenUpError as error:
                    results[number] = error
                    self._in_vain += 1
                    if _unreachable(error):
                        self._in_vain = max(self._in_vain, self._patience)
                    if self.gone:
                        stopped.append(error)

        try:
            await _all([one(number, call) for number, call in enumerate(calls)])
        except ModelError as error:  # refused: the others under way are given up
            stopped.append(error)
        return [results.get(number, stopped[0]) if stopped else results[number] for number in range(len(calls))]

    async def _persistent(self, http: httpx2.AsyncClient, call: Call[T], patient: bool) -> T:
        import httpx2
        import tenacity

        jittered = tenacity.wait_random_exponential(multiplier=self.options.backoff, max=LONGEST_WAIT)

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait if isinstance(error, Passing) else None
            if asked is None:
                return float(jittered(state))
            # a little later than asked, so that calls sent away together don't come back together
            return asked + random.uniform(0, self.options.backoff)  # noqa: S311 - no draw of the run

        def passes(error: BaseException) -> bool:
            lost = isinstance(error, Passing) and isinstance(error.cause, httpx2.ConnectError)
            return isinstance(error, Passing) and (patient or not lost)

        attempts = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self.options.retries + 1),
            wait=wait,
            retry=tenacity.retry_if_exception(passes),
            reraise=True,
        )
        number = 0
        try:
            async for attempt in attempts:
                with attempt:
                    number = attempt.retry_state.attempt_number
                    return await self._once(http, call, again=number > 1)
        except Passing as last:
            raise given_up(self.address.shown, number, last) from last.cause
        raise AssertionError("a call ends with a result or an error")

    async def _once(self, http: httpx2.AsyncClient, call: Call[T], *, again: bool) -> T:
        import httpx2

        if call.counted:
            self.meter.begin(again=again)
        url = call.path if "://" in call.path else self.address.url + call.path
        try:
            async with asyncio.timeout(self.options.timeout):
                response, content = await _received(http, url, call.body)
        except TimeoutError as error:
            raise Passing(f"it did not answer in {self.options.timeout:g} seconds", cause=error) from error
        except httpx2.TransportError as error:
            what = shown(self._without_key(str(error))) or type(error).__name__
            raise Passing(f"the connection failed: {what}", cause=error) from error
        body = self._without_key(content)
        if not response.is_success:
            if passing(response.status_code, body):
                reason = f"it answered with status {response.status_code}: '{shown(body)}'"
                raise Passing(reason, seconds_to_wait(response.headers))
            location = self._without_key(response.headers.get("location", ""))
            raise refused(self.address.shown, response.status_code, body, self.options.key_env or KEY, location)
        try:
            reply = json.loads(body)
            result = call.read(reply)
        except (ValueError, RecursionError) as error:
            self._count(call, None, len(body))
            raise Passing(f"it sent no JSON: '{shown(body)}'", cause=error) from error
        except Garbage as error:
            self._count(call, reply, len(body))
            raise Passing(f"{error}: '{shown(body)}'", cause=error) from error
        self._count(call, reply, len(result.text) if isinstance(result, Text) else 1)
        if call.counted and isinstance(reply, dict) and isinstance(reply.get("model"), str):
            self.answered_by[shown(reply["model"], 80)] = None
        return result

    def _count(self, call: Call[T], reply: Any, received: int) -> None:
        if call.counted:
            body = call.body or {}
            sent = [str(turn.get("content", "")) for turn in body.get("messages", ())] or [str(body.get("prompt", ""))]
            self.meter.end(reply.get("usage") if isinstance(reply, dict) else None, len("".join(sent)), received)

    def _without_key(self, content: str) -> str:
        if self._key is None or len(self._key) < _SECRET:
            return content
        return content.replace(self._key, "[key]")


def worst(errors: Sequence[ModelError]) -> ModelError:
    """The error that stops most: one that will not pass, else the first that may."""
    return next((error for error in errors if not isinstance(error, GivenUpError)), errors[0])


def _unreachable(error: GivenUpError) -> bool:
    import httpx2

    return isinstance(error.last.cause, httpx2.ConnectError)


async def _received(http: httpx2.AsyncClient, url: str, body: dict[str, Any] | None) -> tuple[httpx2.Response, str]:
    """The head of a reply, and its text up to `_MOST` bytes, however much a server goes on to send or has packed into it."""
    content = bytearray()
    opened = http.stream("GET", url) if body is None else http.stream("POST", url, json=body)
    async with opened as response:
        async for part in response.aiter_raw():
            content += part
            if len(content) > _MOST:
                raise Passing(_TOO_MUCH)
    packed = response.headers.get("content-encoding", "identity").strip().lower()
    if packed == "gzip":  # it was not asked for
        try:
            content = bytearray(zlib.decompressobj(_GZIP).decompress(content, _MOST + 1))
        except zlib.error as error:
            raise Passing(f"the connection failed: {error}", cause=error) from error
        if len(content) > _MOST:
            raise Passing(_TOO_MUCH)
    elif packed != "identity":
        raise Passing(f"it packed its answer as '{shown(packed, 40)}', which was not asked for")
    return response, content.decode(errors="replace")


async def _all(coroutines: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all; the first error ends the others and is raised by itself."""
    first: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except BaseExceptionGroup as errors:
        first = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
    if first is not None:
        raise first
