"""Servers that answer too much, without end, packed, or nonsense."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from surveyeval.errors import ModelError
from surveyeval.model import openai_client
from surveyeval.model.openai import OpenAIModel, OpenAIOptions
from surveyeval.model.protocol import Message, Request, TextRequest
from tests.hostile.limits import capped

REQUEST = TextRequest("a", (Message("user", "Yes?"),), 1, 8)

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = json.dumps({"data": [{"id": "toy"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.close_connection = True
            try:
                answer(self)
            except (BrokenPipeError, ConnectionResetError):  # somebody has heard enough
                return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sending(body: bytes, **headers: str) -> Answer:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while True:
        handler.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


def many_heads(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    for number in range(100_000):
        handler.send_header(f"X-{number}", "x" * 100)
    handler.end_headers()


def error_of(answer: Answer, **options: object) -> str:
    with serving(answer) as url:
        model = OpenAIModel("toy", OpenAIOptions(base_url=url, retries=0, backoff=0.0, timeout=10.0, **options))  # type: ignore[arg-type]
        try:
            with capped(20.0, megabytes=700), pytest.raises(ModelError) as caught:
                model.generate([REQUEST])
        finally:
            model.close()
    assert len(str(caught.value)) < 2_000
    return str(caught.value)


def test_a_stream_without_end_is_left() -> None:
    assert "more than 16 MB" in error_of(endless)


def test_an_answer_of_hundreds_of_megabytes_is_left() -> None:
    assert "more than 16 MB" in error_of(sending(b"[" + b"1," * 20_000_000 + b"1]"))


def test_a_packed_bomb_is_not_unpacked() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b"\0" * 2**20) for _ in range(400)) + packer.flush()
    assert len(bomb) < 500_000
    assert "more than 16 MB" in error_of(sending(bomb, Content_Encoding="gzip"))
    assert "which was not asked for" in error_of(sending(b"x", Content_Encoding="zstd"))
    assert "which was not asked for" in error_of(sending(b"x", Content_Encoding="gzip, gzip"))
    assert "the connection failed" in error_of(sending(b"no gzip", Content_Encoding="gzip"))


def test_an_honest_packed_answer_is_read() -> None:
    body = {"choices": [{"message": {"content": "A"}, "finish_reason": "stop"}]}
    packed = gzip.compress(json.dumps(body).encode())
    with serving(sending(packed, Content_Encoding="gzip")) as url:
        model = OpenAIModel("toy", OpenAIOptions(base_url=url, retries=0))
        try:
            assert model.generate([REQUEST])[0].text == "A"
        finally:
            model.close()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff\xfe\x00", b"null", b"5", b'"A"', b"[" * 200_000, b'{"a":' * 50_000, b"9" * 10_000, b"NaN", b"\0" * 1_000,
        b'{"choices": {}}', b'{"choices": [[]]}', b'{"choices": [{"message": 5}]}', b'{"choices": [{"message": {"content": ["A"]}}]}',
        b'{"choices": [{"message": {"content": {"text": "A"}}}]}', b"<script>alert(1)</script>\x1b[2J", b'{"error": {"message": {"a": 1}}}',
    ],
)  # fmt: skip
def test_nonsense_is_one_error_that_steers_nothing(body: bytes) -> None:
    said = error_of(sending(body))
    assert "\x1b" not in said


def test_heads_without_end_are_left() -> None:
    error_of(many_heads)


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "1e999", "5.0", '"x"', "null", "true", "[]", "-1e-400", "1" + "0" * 5_000]
)
def test_log_probabilities_that_are_none_are_not_taken(value: str) -> None:
    top = '[{"token": "A", "logprob": ' + value + '}, {"token": "B", "logprob": -0.5}]'
    body = (
        '{"choices": [{"message": {"content": "A"}, "logprobs": {"content": [{"token": "A", "logprob": -0.5, "top_logprobs": '
        + top
        + "}]}}]}"
    )
    with serving(sending(body.encode())) as url:
        model = OpenAIModel("toy", OpenAIOptions(base_url=url, retries=0, backoff=0.0, scores="top"))
        try:
            with capped(20.0):
                try:
                    scores = model.score([Request("a", (Message("user", "?"),), ("A", "B"))])
                except ModelError:
                    return
            assert all(
                one.log_prob is not None and (one.log_prob <= 1e-3).all() for one in scores if hasattr(one, "log_prob")
            )
        finally:
            model.close()


def test_the_bound_is_far_above_what_servers_send() -> None:
    assert openai_client._MOST >= 10_000_000
