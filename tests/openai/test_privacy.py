"""Keys are written nowhere; rows of people leave this machine only where that was allowed."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from surveyeval.errors import ConfigError, ModelError
from surveyeval.model.build import build_model
from surveyeval.model.openai import OpenAIModel, OpenAIOptions
from surveyeval.model.openai_address import read_address
from surveyeval.model.protocol import Message, Request, TextRequest
from tests.model.helpers import make_sample
from tests.model.scorers import survey
from tests.openai.server import KEY, Fault, Server, model_of

REQUEST = TextRequest("r", (Message("user", "Agree?\nA) yes\nB) no"),), 7, 30)
PEOPLE = {"belief": [0, 1], "trust": [1, 2], "act": [0, 1]}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


# ---- keys ----------------------------------------------------------------------------------------------------------


def test_the_key_is_sent_and_told_to_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Server().running() as server, model_of(server) as model:
        [text] = model.generate([REQUEST])
        model.score([Request("r", REQUEST.messages, ("A", "B"))])
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
        told = [
            text.text,
            model.render(REQUEST.messages),
            *model.notes,
            str(model.usage),
            *model.banners(),
            repr(model.fingerprint()),
        ]
        told += [repr(model), repr(vars(model)), repr(model.options), caplog.text, json.dumps(server.asked)]
        assert all(KEY not in one for one in told)


@pytest.mark.parametrize("status", [200, 400, 401, 404, 307, 500])
def test_a_server_that_repeats_the_key_does_not_get_it_into_an_error(status: int) -> None:
    body = json.dumps({"error": {"message": f"{'x' * 185} {KEY} is wrong"}})
    fault = Fault(status, body, {"Location": f"http://127.0.0.2/?key={KEY}"} if status == 307 else {})
    with Server(fault=lambda asked, before: fault).running() as server, model_of(server, retries=1) as model:
        with pytest.raises(ModelError) as caught:
            model.generate([REQUEST])
        error: BaseException | None = caught.value
        while error is not None:
            assert KEY[:8] not in str(error)
            error = error.__cause__ or error.__context__


def test_a_key_in_a_text_is_taken_out() -> None:
    reply = {"choices": [{"message": {"content": f"Your key is {KEY}."}}]}
    with Server(lambda asked: reply).running() as server, model_of(server) as model:
        assert model.generate([REQUEST])[0].text == "Your key is [key]."


def test_the_variable_can_be_named_and_must_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "other-key-1234")
    with Server().running() as server, model_of(server, key_env="MY_KEY") as model:
        model.generate([REQUEST])
        assert server.headers[0]["Authorization"] == "Bearer other-key-1234"
    with Server().running() as server, model_of(server, key_env="NO_KEY") as model:
        with pytest.raises(ConfigError, match="environment variable NO_KEY is not set"):
            model.load()
        assert server.got == []
    monkeypatch.setenv("MY_KEY", "sk-secret\nline")
    with Server().running() as server, model_of(server, key_env="MY_KEY") as model:
        with pytest.raises(ConfigError, match="MY_KEY can be no key") as caught:
            model.load()
        assert "secret" not in str(caught.value)


def test_a_server_on_this_machine_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with Server().running() as server, model_of(server) as model:
        model.generate([REQUEST])
        assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{KEY}@127.0.0.1/v1",
        f"http://{KEY}@127.0.0.1/v1",
        f"https://127.0.0.1/v1?key={KEY}",
        f"https://127.0.0.1/v1#{KEY}",
        f"ftp://127.0.0.1/{KEY}",
        f"127.0.0.1/{KEY}",
        f"http://127.0.0.1:x{KEY}/v1",
    ],
)
def test_an_address_with_credentials_is_refused_without_being_repeated(url: str) -> None:
    for string in (url, url + "&concurrency=none"):
        with pytest.raises(ConfigError, match=r"base_url|concurrency") as caught:
            build_model(f"openai:toy?base_url={string.replace('?', '%3F').replace('#', '%23')}")
        assert KEY not in str(caught.value)


# ---- this machine and others ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True), ("127.1.2.3", True), ("[::1]", True), ("localhost", True), ("LOCALHOST", True),
        ("127.0.0.1.example.org", False), ("localhost.example.org", False), ("example.org", False), ("0.0.0.0", False),
        ("[::]", False), ("10.0.0.1", False), ("128.0.0.1", False), ("2130706433", False), ("[2001:db8::1]", False),
        ("localhost.", False), ("xn--localhost", False),
    ],
)  # fmt: skip
def test_this_machine_is_told_from_others(host: str, here: bool) -> None:
    assert read_address(f"http://{host}:8000/v1").loopback is here
    model = OpenAIModel("toy", OpenAIOptions(base_url=f"http://{host}:8000/v1"))
    assert (model.destination() is None) is here


def test_a_name_that_stands_for_another_machine_is_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "socket.getaddrinfo", lambda *_: [(2, 1, 6, "", ("127.0.0.1", 0)), (2, 1, 6, "", ("10.0.0.7", 0))]
    )
    assert not read_address("http://localhost:8000/v1").loopback


def test_profiles_are_not_sent_to_another_machine_without_permission() -> None:
    task, string = survey(), "https://models.example.org/v1"
    people = make_sample(task, PEOPLE)
    model = OpenAIModel("toy", OpenAIOptions(base_url=string))
    assert model.destination() == "models.example.org"
    with pytest.raises(
        ConfigError, match=r"models\.example\.org is another machine.*profile: age, sex.*--send-profiles"
    ):
        model.check(task, people)
    model.allow_profiles()
    model.check(task, people)
    OpenAIModel("toy", OpenAIOptions(base_url=string, send_profiles=True)).check(task, people)
    OpenAIModel("toy", OpenAIOptions(base_url="http://127.0.0.1:8000/v1")).check(task, people)


def test_what_would_be_sent_is_what_the_conversations_show() -> None:
    def refused(hidden: frozenset[str] = frozenset(), examples: int = 0, **parts: object) -> str:
        task = survey(**parts)
        model = OpenAIModel("toy", OpenAIOptions(base_url="https://models.example.org/v1", examples=examples))
        try:
            model.check(task, make_sample(task, PEOPLE), hidden)
        except ConfigError as error:
            return str(error).partition("(")[2].partition(")")[0]
        return ""

    assert refused() == "profile: age, sex; people's answers: belief, trust, act"
    assert refused(mode="independent") == "profile: age, sex"
    assert refused(frozenset({"age"}), mode="independent") == "profile: sex"
    assert refused(frozenset({"age", "sex"}), mode="independent") == ""
    assert refused(frozenset({"age", "sex"}), 2, mode="independent") == "people's answers: belief, trust, act"
    assert refused(frozenset({"age", "sex"})) == "people's answers: belief, trust, act"


def test_a_redirect_to_another_place_gets_nothing() -> None:
    elsewhere = Server()
    fault = Fault(307, "", {"Location": f"{elsewhere.url}/chat/completions"})
    with elsewhere.running(), Server(fault=lambda *_: fault).running() as server, model_of(server) as model:
        with pytest.raises(ModelError, match="not followed"):
            model.generate([REQUEST])
        assert elsewhere.asked == []


def test_no_proxy_is_used_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server().running() as proxy, Server().running() as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        with model_of(server) as model:
            assert model.generate([REQUEST])
        assert proxy.asked == proxy.got == []


# ---- a whole run ---------------------------------------------------------------------------------------------------


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SURVEYEVAL_CACHE": str(folder / "cache"), "COLUMNS": "160", "OMP_NUM_THREADS": "1"}
    code = "from surveyeval.cli.main import main; main()"
    line = [sys.executable, "-W", "error", "-c", code, *words]
    return subprocess.run(line, cwd=folder, env=environment, text=True, capture_output=True, check=False)


def test_a_run_from_the_command_line_stops_at_a_budget_goes_on_and_writes_no_key(tmp_path: Path) -> None:
    with Server().running() as server:
        string = f"openai:toy?base_url={server.url}&block=10&backoff=0"
        words = ["run", "--task", "anes96", "--limit", "20", "--splits", "2", "--model"]
        stopped = command(tmp_path, *words, f"{string}&max_calls=150")
        assert stopped.returncode == 4, stopped.stderr
        assert "budget of 150 calls is used up" in " ".join(stopped.stderr.split())
        assert len(server.asked) == 150
        done = command(tmp_path, *words, string)
        assert done.returncode == 0, done.stderr
    [run] = (tmp_path / "runs").glob("*/manifest.json")
    manifest = json.loads(run.read_text())
    assert manifest["status"] == "complete"
    assert any("calls" in note for note in manifest["notes"])
    for output in (stopped.stdout, stopped.stderr, done.stdout, done.stderr):
        assert KEY not in output
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path


def test_a_run_with_another_machine_asks_for_permission_first(tmp_path: Path) -> None:
    words = ["run", "--task", "anes96", "--limit", "20", "--model", "openai:toy?base_url=http://192.0.2.1:9/v1"]
    done = command(tmp_path, *words)
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    for expected in ("192.0.2.1 is another machine", "selfLR", "--send-profiles"):
        assert expected in said
