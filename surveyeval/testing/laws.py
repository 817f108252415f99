"""How laws are checked: one after the other, each by its name, some left out with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from surveyeval.errors import SurveyevalError

__all__ = ["check_laws"]

Tried = TypeVar("Tried")


def check_laws(
    laws: Mapping[str, Callable[[Tried], None]],
    tried: Tried,
    subject: str,
    without: Mapping[str, str] | None = None,
    known: Mapping[str, object] | None = None,
) -> None:
    """Check laws.

    Parameters
    ----------
    laws : mapping of name to law
        A law raises an AssertionError when it is broken.
    tried : object
        What every law is called with.
    subject : str
        What the message says that breaks a law.
    without : mapping of law to reason, optional
        Laws that do not fit.
    known : mapping, optional
        Every law that may be left out; default: `laws`.

    Raises
    ------
    AssertionError
        Names the subject and the law it breaks.
    ValueError
        When `without` names no law, or gives no reason.
    """
    left_out, names = dict(without or {}), known or laws
    for name, reason in left_out.items():
        if name not in names:
            raise ValueError(f"there is no law {name!r}; laws: {', '.join(names)}")
        if not reason.strip():
            raise ValueError(f"say why the law {name!r} does not fit")
    for name, law in laws.items():
        if name in left_out:
            continue
        try:
            law(tried)
        except (AssertionError, SurveyevalError) as error:
            raise AssertionError(f"{subject} breaks the law {name!r}: {error}") from error
