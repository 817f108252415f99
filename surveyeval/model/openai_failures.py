"""What is done about a call that failed: whether and when it is tried again, and what the user is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from surveyeval.errors import CapabilityError, ModelError
from surveyeval.model.openai_replies import NoLogProbs, shown

__all__ = [
    "GENERATE",
    "LONGEST_WAIT",
    "GivenUpError",
    "Passing",
    "RefusedError",
    "given_up",
    "passing",
    "refused",
    "seconds_to_wait",
]

#: Seconds that a server can make us wait before one new try, and the longest that we wait by ourselves.
LONGEST_WAIT = 120.0
#: A request timeout, a conflict, too early, too many requests; and everything from 500 but what is not implemented.
_PASSING = {408, 409, 425, 429}

GENERATE = "ask with `--elicitation generate`, which needs no log-probabilities"


class Passing(Exception):  # noqa: N818 - it is caught and the call tried again
    """A call failed in a way that may pass.

    Parameters
    ----------
    reason : str
    wait : float, optional
        Seconds that the server asks for.
    cause : Exception, optional
    """

    def __init__(self, reason: str, wait: float | None = None, cause: Exception | None = None) -> None:
        super().__init__(reason)
        self.wait, self.cause = wait, cause


class RefusedError(ModelError):
    """A server will not answer this call, however often it is made. ``status`` is what it answered with."""

    status = 0


class GivenUpError(ModelError):
    """A call failed as often as it was tried. ``last`` is the last failure."""

    last: Passing


def passing(status: int, body: str) -> bool:
    """Whether an answer with this status may be another one next time. An account without money is none of these."""
    return (status in _PASSING or (status >= 500 and status != 501)) and _said(body)[1] != "insufficient_quota"


def seconds_to_wait(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that a server asks to wait, at most `LONGEST_WAIT`; None when it doesn't say.

    Reads ``Retry-After`` as seconds or as a date (RFC 9110, section 10.2.3).
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = (date - (now or datetime.now(UTC))).total_seconds()
    # not a number compares as false, so it ends at 0
    return min(seconds, LONGEST_WAIT) if seconds > 0 else 0.0


def refused(server: str, status: int, body: str, variable: str, location: str | None = None) -> ModelError:
    """The error for an answer that will not be another one next time.

    Parameters
    ----------
    server : str
        As it is named in messages.
    status : int
    body : str
        Without the key.
    variable : str
        Environment variable that the key comes from.
    location : str, optional
        Where a redirect points.
    """
    said, code = _said(body)
    message = f"server {server} answered with status {status}" + (f": '{shown(said)}'" if said else "")
    hint: str | None = None
    if 300 <= status < 400:
        where = f" ({shown(location)})" if location else ""
        hint = f"it points somewhere else{where}, and is not followed there; give the right address as ?base_url="
    elif status in (401, 403):
        hint = f"the key is taken from the environment variable {variable}; ?key_env= names another"
    elif code == "insufficient_quota":
        hint = "the account has no money left; the same command continues"
    elif status == 404:
        hint = "the address should end in the path of the API, mostly /v1"
    elif "logprob" in said.lower():
        return CapabilityError(message, hint=f"ask for fewer with ?top_logprobs=5, or {GENERATE}")
    elif "context length" in said.lower() or "too long" in said.lower():
        hint = "shorten the task, show fewer ?examples=, or use another model"
    elif status in (400, 422):
        hint = "the server does not take such a request; see ?api=, ?seed=false, ?length_field= and ?extra= in `show openai`"
    error = RefusedError(message, hint=hint)
    error.status = status
    return error


def given_up(server: str, tries: int, last: Passing) -> GivenUpError:
    """The error for a call that failed as often as it was tried."""
    times = "once" if tries == 1 else f"{tries} times"
    message = f"server {server} was asked {times} in vain, the last time because {last}"
    without = isinstance(last.cause, NoLogProbs)
    error = GivenUpError(
        message, hint=GENERATE if without else "what was finished is on disk, and the same command continues"
    )
    error.last = last
    return error


def _said(body: str) -> tuple[str, str]:
    """The message in an answer that is an error, and its code."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return " ".join(body.split()), ""
    inner = found.get("error", found) if isinstance(found, Mapping) else found
    if isinstance(inner, Mapping):
        message = inner.get("message") or inner.get("detail") or inner
        return message if isinstance(message, str) else json.dumps(message), str(inner.get("code") or "")
    return inner if isinstance(inner, str) else json.dumps(inner), ""
