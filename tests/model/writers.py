"""A model that writes what a test says, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from surveyeval.model.protocol import Capabilities, Fingerprint, Message, Text, TextRequest


class Writer:
    """`says` makes the text of a request; a str is a text that ended by itself."""

    capabilities = Capabilities(("generate", "verbalized"), log_prob=True)

    def __init__(
        self, says: Callable[[TextRequest], str | Text], *, examples: int = 0, calibrate: str = "none"
    ) -> None:
        self.says, self.examples, self.calibrate = says, examples, calibrate
        self.asked: list[TextRequest] = []
        self.batches: list[int] = []
        self.released: list[str] = []

    def fingerprint(self) -> Fingerprint:
        return Fingerprint("content", "writer")

    def banners(self) -> Sequence[str]:
        return ()

    def load(self) -> None:
        pass

    def generate(self, requests: Sequence[TextRequest]) -> list[Text]:
        self.asked += requests
        self.batches.append(len(requests))
        written = [self.says(request) for request in requests]
        return [text if isinstance(text, Text) else Text(text) for text in written]

    def release(self, interviews: Sequence[str]) -> None:
        self.released += interviews

    def render(self, messages: Sequence[Message]) -> str:
        return "\n".join(message.content for message in messages)
