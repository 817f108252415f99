"""What every model says of itself."""

from __future__ import annotations

import json

from surveyeval.model.protocol import Capabilities, Fingerprint, Generator, LanguageModel, Respondent, Scorer

__all__ = ["capable_of", "says_what_it_is", "stands_for_itself"]


def says_what_it_is(model: Respondent | LanguageModel) -> None:
    """Capabilities, banners and fingerprint are what the protocol says."""
    assert isinstance(model.capabilities, Capabilities), "its capabilities are of type Capabilities"
    assert all(isinstance(text, str) and text.strip() for text in model.banners()), "its banners are sentences"
    mark = model.fingerprint()
    assert isinstance(mark, Fingerprint), "its fingerprint is of type Fingerprint"
    assert mark.kind in ("content", "declared"), f"its fingerprint is content or declared, not {mark.kind!r}"
    assert isinstance(mark.value, str), "its fingerprint's value is text"
    assert mark.value, "its fingerprint has a value"
    json.dumps(dict(mark.details))  # it goes into the manifest


def stands_for_itself(one: Fingerprint, other: Fingerprint, otherwise: str) -> None:
    """The fingerprint is the same."""
    assert (one.kind, one.value) == (other.kind, other.value), f"{otherwise}: {one.value!r} and {other.value!r}"


def capable_of(model: object) -> None:
    """What a model says that it can be asked for, it has the method for."""
    able = model.capabilities.elicitations  # type: ignore[attr-defined]
    unknown = set(able) - {"choice", "generate", "verbalized"}
    assert not unknown, f"there is no such built-in elicitation: {sorted(unknown)}"
    if isinstance(model, LanguageModel):
        assert able, "it can be asked in some way"
        assert "choice" not in able or isinstance(model, Scorer), "choice needs a model that scores"
        for name in ("generate", "verbalized"):
            assert name not in able or isinstance(model, Generator), f"{name} needs a model that writes"
