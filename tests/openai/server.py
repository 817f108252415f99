"""An OpenAI-compatible server on loopback that answers from what it is asked, and misbehaves on demand.

Letters have the probabilities of `WordScorer`, which depend on every word of the conversation: an answer that reached the
wrong interview would show.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from surveyeval.model.openai import OpenAIModel, OpenAIOptions
from surveyeval.model.protocol import Message, Request
from tests.model.scorers import WordScorer

KEY = "sk-canary-0123456789abcdef"
#: What else the model might say first, with what the letters leave.
OTHER = (("The", 0.6), ("I", 0.3), ("<think>", 0.1))


@dataclass(frozen=True)
class Fault:
    """What is sent instead of an answer."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: bool = False
    cut: bool = False


HTML = "<html><body>\x1b[31m<h1>502 Bad Gateway</h1></body></html>"
#: Everything that can go wrong on the way and may be right next time.
FAULTS = {
    "429": Fault(429, '{"error": {"message": "Rate limit reached"}}', {"Retry-After": "0"}),
    "500": Fault(500, '{"error": {"message": "The server had an error"}}'),
    "503": Fault(503, "busy"),
    "a stall": Fault(stall=True),
    "a cut body": Fault(200, '{"choices": [{"mess', cut=True),
    "an empty body": Fault(200, ""),
    "half a JSON": Fault(200, '{"choices": [{"mess'),
    "HTML": Fault(200, HTML, {"Content-Type": "text/html"}),
    "no choices": Fault(200, '{"choices": []}'),
    "two choices": Fault(200, '{"choices": [{"message": {"content": "A"}}, {"message": {"content": "B"}}]}'),
    "null content": Fault(200, '{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}'),
    "a list": Fault(200, "[1, 2]"),
    "an error with status 200": Fault(200, '{"error": {"message": "overloaded"}}'),
    "deep nesting": Fault(200, "[" * 100_000),
}

Asked = dict[str, Any]


def messages_of(asked: Asked) -> tuple[Message, ...]:
    return tuple(Message(one["role"], one["content"]) for one in asked["messages"])


def letters(messages: tuple[Message, ...]) -> dict[str, float]:
    """Probabilities of the letters shown in the last question."""
    shown = tuple(re.findall(r"^([A-Z])\) ", messages[-1].content, re.MULTILINE)) or ("A", "B")
    found = WordScorer().probabilities(Request("", messages, shown))
    return dict(zip(shown, found.tolist(), strict=True))


def sentence(messages: tuple[Message, ...], seed: int | None) -> str:
    """What is written: it depends on the conversation and the seed."""
    return hashlib.sha256(repr((messages, seed)).encode()).hexdigest()[:12]


def next_tokens(asked: Asked) -> list[tuple[str, float]]:
    """Tokens with their probabilities, most probable first."""
    found = letters(messages_of(asked))
    left = 1 - math.fsum(found.values())
    return sorted([*found.items(), *((word, p * left) for word, p in OTHER)], key=lambda one: -one[1])


def chat(asked: Asked) -> dict[str, Any]:
    """A good answer."""
    messages = messages_of(asked)
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
    if asked.get("logprobs"):
        tokens = next_tokens(asked)[: asked["top_logprobs"]]
        top = [{"token": token, "logprob": math.log(p), "bytes": list(token.encode())} for token, p in tokens]
        choice |= {"message": {"role": "assistant", "content": tokens[0][0]}}
        choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    else:
        choice |= {"message": {"role": "assistant", "content": sentence(messages, asked.get("seed"))}}
    return {
        "id": "x", "object": "chat.completion", "model": "toy-2024", "choices": [choice],
        "usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11},
    }  # fmt: skip


class Server:
    """A server while it runs.

    `answer` makes the reply to a request; `fault` may put something in its place, told how often this very request came before.
    """

    def __init__(
        self,
        answer: Callable[[Asked], dict[str, Any]] = chat,
        fault: Callable[[Asked, int], Fault | None] = lambda asked, before: None,
        *,
        models: Fault | None = None,
        others: Mapping[str, Callable[[Asked], dict[str, Any]]] | None = None,
    ) -> None:
        self.answer, self.fault, self.others = answer, fault, dict(others or {})
        self.models = models or Fault(200, json.dumps({"data": [{"id": "toy", "owned_by": "somebody"}]}))
        self.asked: list[Asked] = []
        self.headers: list[Mapping[str, str]] = []
        self.arrived: list[float] = []
        self.got: list[str] = []
        self._before: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._http.block_on_close = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    @contextmanager
    def running(self) -> Iterator[Server]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._closing.set()
            self._http.shutdown()
            thread.join()
            self._http.server_close()

    def _take(self, path: str, asked: Asked, headers: Mapping[str, str]) -> Fault:
        """What is sent back."""
        if path in self.others:
            return Fault(200, json.dumps(self.others[path](asked)))
        if not path.startswith("/v1/"):
            return Fault(404, "there is nothing here")
        with self._lock:
            text = json.dumps(asked, sort_keys=True)
            before, self._before[text] = self._before[text], self._before[text] + 1
            self.asked.append(asked)
            self.headers.append(headers)
            self.arrived.append(time.monotonic())
        return self.fault(asked, before) or Fault(200, json.dumps(self.answer(asked)))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.got.append(self.path)
                self.send(server.models)

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send(server._take(self.path, asked, dict(self.headers)))

            def send(self, fault: Fault) -> None:
                if fault.stall:
                    server._closing.wait(30)
                    self.close_connection = True
                    return
                body = fault.body.encode()
                self.send_response(fault.status)
                for name, value in {"Content-Type": "application/json", **fault.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body) + (100 if fault.cut else 0)))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = fault.cut

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler


def sometimes(share: float, kinds: list[Fault], seed: int = 0) -> Callable[[Asked, int], Fault | None]:
    """Faults at random, of a request's first three tries at most; the same for the same requests, however they arrive."""

    def fault(asked: Asked, before: int) -> Fault | None:
        chance = random.Random(f"{seed} {before} {json.dumps(asked, sort_keys=True)}")
        return chance.choice(kinds) if before < 3 and chance.random() < share else None

    return fault


@contextmanager
def model_of(server: Server, **options: Any) -> Iterator[OpenAIModel]:
    """A model of a running server, impatient unless it is told otherwise."""
    chosen = {"base_url": server.url, "backoff": 0.0, "timeout": 20.0, **options}
    model = OpenAIModel("toy", OpenAIOptions(**chosen))
    try:
        yield model
    finally:
        model.close()
