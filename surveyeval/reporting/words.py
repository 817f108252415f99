"""What the reference rows are called: people, or, on a card without human data, synthetic rows.

Words for people are kept for people. Text from tasks and plugins is never changed, only the card's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["HUMAN", "SYNTHETIC", "Words"]


@dataclass(frozen=True)
class Words:
    """Names of the reference.

    Parameters
    ----------
    people : str
        The rows that a simulation is compared with, in the plural.
    person : str
        One of them.
    sample : str
        A further sample of the same size.
    short : str
        The rows after a word that says which.
    """

    people: str
    person: str
    sample: str
    short: str

    @property
    def half(self) -> str:
        """The reference at half size."""
        return f"{self.people}, other half"

    def own(self, text: str) -> str:
        """A text of the card itself, written for people, in these words."""
        if self.people == "people":
            return text
        words = {
            "a second human sample": self.sample,
            "people's": f"{self.people}'",
            "people": self.people,
            "person": self.person,
        }
        pattern = "|".join(re.escape(word) for word in words)
        return re.sub(rf"\b(?:{pattern})(?=\W|$)", lambda found: words[found[0]], text)


HUMAN = Words("people", "person", "a second human sample", "people")
SYNTHETIC = Words("synthetic rows", "synthetic row", "a second synthetic sample", "rows")
