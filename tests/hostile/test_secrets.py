"""Keys and passwords, wherever somebody puts them, are in no file that is written and in no message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from surveyeval.board.scrub import SECRET, cleaned, has_path, scrubber
from surveyeval.errors import ConfigError, SurveyevalError
from surveyeval.model.build import build_model
from tests.hostile.limits import apart
from tests.openai.server import KEY, Server

PASSWORD = "hunter2-7f3a9c"


@pytest.mark.parametrize(
    "string",
    [
        f"openai:toy?base_url=https://user:{PASSWORD}@example.org/v1",
        f"openai:toy?base_url=https://{PASSWORD}@example.org/v1",
        f"openai:toy?base_url=https://example.org/v1%3Fapi_key={PASSWORD}",
        f"openai:toy?base_url=https://example.org/v1%23{PASSWORD}",
        f"openai:toy?base_url={PASSWORD}://example.org",
        f"openai:toy?api_key={PASSWORD}",
        f"openai:toy?key={PASSWORD}",
        f'openai:toy?extra={{"api_key": "{PASSWORD}"}}',
        f'openai:toy?extra={{"Authorization": "Bearer {PASSWORD}"}}',
        f'openai:toy?extra={{"access_token": "{PASSWORD}"}}',
    ],
)
def test_a_secret_in_a_model_string_is_refused_without_being_repeated(string: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_model(string)
    assert PASSWORD not in str(caught.value)


def test_a_secret_in_further_options_is_refused_too() -> None:
    for settings in (
        {"extra": json.dumps({"api-key": PASSWORD})},
        {"api_key": PASSWORD},
        {"base_url": f"http://a:{PASSWORD}@b"},
    ):
        with pytest.raises(ConfigError) as caught:
            build_model("openai:toy", settings)
        assert PASSWORD not in str(caught.value)


def test_other_fields_of_requests_may_be_named() -> None:
    build_model('openai:toy?base_url=http://127.0.0.1:9/v1&extra={"reasoning_effort": "low", "max_prompt_tokens": 5}')


@pytest.mark.parametrize(
    "text",
    [
        "sk-abcdefghijklmnopqrstuvwx", "hf_abcdefghijklmnopqrstuv", "ghp_abcdefghijklmnopqrstuvwxyz", "AKIAABCDEFGHIJKLMNOP",
        "xoxb-1234567890-abcdef", f"password={PASSWORD}", f"api_key: {PASSWORD}", f"Authorization: Bearer {PASSWORD}-and-more",
        f"https://user:{PASSWORD}@example.org/x", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl",
    ],
)  # fmt: skip
def test_what_is_published_is_scrubbed(text: str) -> None:
    scrub = scrubber({"model": {"string": "hf:x", "name": "x"}})
    said = cleaned({"notes": [f"before {text} after"], text: 1}, scrub)
    assert PASSWORD not in json.dumps(said)
    assert text not in json.dumps(said)
    assert has_path(text)
    assert SECRET in json.dumps(said) or "example.org" in json.dumps(said)


def test_the_environment_is_written_nowhere(tmp_path: Path) -> None:
    """A run that goes wrong in every way that it can: neither the key nor other variables are in files, or in what is said."""
    env = {
        "OPENAI_API_KEY": KEY,
        "MY_SECRET": PASSWORD,
        "HF_TOKEN": f"hf_{PASSWORD}",
        "SURVEYEVAL_CACHE": str(tmp_path / "cache"),
    }
    env |= {"SURVEYEVAL_NO_CACHE": ""}
    with Server().running() as server:
        string = f"openai:toy?base_url={server.url}&block=10&backoff=0&retries=0"
        words = ["run", "--task", "anes96", "--limit", "8", "--splits", "2"]
        done = [apart(["--debug", *words, "--model", string], tmp_path, env=env)]
        done += [apart(["--debug", *words, "--model", f"{string}&top_logprobs=1"], tmp_path, env=env)]
        assert any(KEY in one.get("Authorization", one.get("authorization", "")) for one in server.headers)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "manifest.json" for path in files)
    for text in (KEY, PASSWORD):
        assert not [one for one in done if text in one.said]
        assert not [path for path in files if text.encode() in path.read_bytes()]


def test_errors_of_ours_do_not_hold_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", PASSWORD + "\n x")
    with pytest.raises(SurveyevalError) as caught:
        build_model("openai:toy?base_url=https://example.org/v1&key_env=MY_KEY").model._client.open()  # type: ignore[union-attr]
    assert PASSWORD not in str(caught.value)
