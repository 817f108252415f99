"""Keys and passwords, wherever somebody puts them, are in no file that is written and in no message."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from surveyeval.board.scrub import SECRET, cleaned, has_path, scrubber
from surveyeval.engine.executors import open_executor
from surveyeval.errors import ConfigError, SurveyevalError
from surveyeval.model.build import build_elicitation, build_model
from surveyeval.model.strings import build_options, parse_model_string
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


NAMES = [
    "headers", "extra_headers", "X-Auth", "xauth", "default_headers", "Proxy-Authorization", "authorisation", "authentication",
    "token", "user_token", "userToken", "auth_token", "authtoken", "token_value", "access_tokens", "HF_TOKEN", "hfToken", "id_token",
    "refresh-token", "auth", "basic_auth", "bearer", "cookie", "Set-Cookie", "session", "sessionid", "PHPSESSID", "session_token",
    "sig", "signature", "hmac", "pwd", "db_pass", "passphrase", "Password", "secret", "client_secret", "aws_secret_access_key",
    "api_key", "apikey", "APIKey", "x-api-key", "ocp-apim-subscription-key", "key", "key1", "credentials", "vertex_credentials",
    "jwt", "csrf", "connection_string", "otp", "\uff54\uff4f\uff4b\uff45\uff4e", "cache_salt", "pin", "certificate",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "shape",
    [
        lambda name: {name: PASSWORD},
        lambda name: {"provider": {"options": [{"order": 1}, {name: PASSWORD}]}},
        lambda name: {name: {"x": PASSWORD}},
        lambda name: {"provider": [{"name": name, "value": PASSWORD}]},
        lambda name: {"provider": [["accept", "json"], [name, PASSWORD]]},
        lambda name: {"extra_body": json.dumps({name: PASSWORD})},
    ],
    ids=["top", "deep", "holds more", "name and value", "pairs", "JSON in a text"],
)
def test_a_field_that_is_named_like_a_secret_is_refused_wherever_it_stands(
    name: str, shape: Callable[[str], object]
) -> None:
    with pytest.raises(ConfigError) as caught:
        build_model("openai:toy", {"base_url": "http://127.0.0.1:9/v1", "extra": json.dumps(shape(name))})
    assert PASSWORD not in str(caught.value)
    assert caught.value.problems[0].field == "extra"


VALUES = [
    "sk-abcdefghijklmnopqrstuvwx", "sk-proj-a1b2c3d4e5f6g7h8i9j0", "hf_abcdefghijklmnopqrstuv", "gsk_abcdefghijklmnopqrstuvwx",
    "ghp_abcdefghijklmnopqrstuvwxyz", "github_pat_abcdefghijklmnopqrst", "AKIAABCDEFGHIJKLMNOP", "xoxb-1234567890-abcdef",
    "AIzaabcdefghijklmnopqrstuvwxyz0123456789", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl",
    f"Bearer {PASSWORD}", "Basic dXNlcjpodW50ZXIyLTdmM2E5Yw==", f"password={PASSWORD}", f"https://me:{PASSWORD}@example.org/x",
    f"https://example.org/x?token={PASSWORD}", f"postgres://me:{PASSWORD}@db/x", "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_a_value_that_looks_like_a_key_is_refused_under_any_name(value: str) -> None:
    for held in ({"x": value}, {"provider": {"order": ["a", value]}}, {value: 1}, {"x": f"it is {value} there"}):
        with pytest.raises(ConfigError) as caught:
            build_model("openai:toy", {"base_url": "http://127.0.0.1:9/v1", "extra": json.dumps(held)})
        assert value not in str(caught.value)
        assert PASSWORD not in str(caught.value)


#: What servers document of the bodies of completions and chats, those that surveyeval fills in left out.
FIELDS = {
    "OpenAI": """audio frequency_penalty function_call functions logit_bias metadata modalities moderation parallel_tool_calls
        prediction presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort response_format
        safety_identifier service_tier stop store suffix tool_choice tools user verbosity web_search_options""",
    "vLLM": """thinking_token_budget include_reasoning use_beam_search top_k min_p repetition_penalty watermarking length_penalty
        stop_token_ids include_stop_str_in_output ignore_eos min_tokens skip_special_tokens spaces_between_special_tokens
        truncate_prompt_tokens truncation_side prompt_logprobs allowed_token_ids bad_words add_generation_prompt
        continue_final_message add_special_tokens documents chat_template chat_template_kwargs media_io_kwargs
        mm_processor_kwargs structured_outputs guided_json guided_regex guided_choice guided_grammar priority request_id
        session_id return_tokens_as_token_ids return_token_ids routed_experts_prompt_start return_token_offsets
        return_prompt_text prompt_embeds kv_transfer_params ec_transfer_params vllm_xargs repetition_detection stream_interval
        prompt_logprob_token_ids flat_logprobs detokenize skip_reading_prefix_cache trace_decode_token_ids extra_args""",
    "llama.cpp": """dynatemp_range dynatemp_exponent n_predict n_indent n_keep n_cmpl n_cache_reuse typical_p repeat_penalty
        repeat_last_n dry_multiplier dry_base dry_allowed_length dry_penalty_last_n dry_sequence_breakers xtc_probability
        xtc_threshold mirostat mirostat_tau mirostat_eta grammar json_schema n_probs min_keep t_max_predict_ms id_slot
        cache_prompt return_tokens samplers timings_per_token return_progress sse_ping_interval post_sampling_probs
        response_fields lora reasoning_format parse_tool_calls multimodal_data top_n_sigma""",
    "others": """keep_alive options think num_ctx provider route transforms plugins reasoning thinking thinking_budget top_a
        safe_prompt random_seed search_parameters adapter_id lora_path regex ebnf separate_reasoning session_params no_stop_trim
        enable_thinking eos_token stop_token author authors keywords design assign budget_tokens""",
}


@pytest.mark.parametrize("server", FIELDS)
@pytest.mark.parametrize("value", ["low", 5, True, ["a", "b"], {"type": "x"}], ids=str)
def test_fields_that_servers_document_may_be_named(server: str, value: object) -> None:
    for name in FIELDS[server].split():
        build_model("openai:toy", {"base_url": "http://127.0.0.1:9/v1", "extra": json.dumps({name: value})})


def test_names_of_the_users_own_in_schemas_and_pieces_of_text_are_no_secrets() -> None:
    schema = {"type": "object", "properties": {"key": {"type": "string"}, "session": {"enum": ["am", "pm"]}}, "required": ["key"]}  # fmt: skip
    extra = {
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
        "logit_bias": {"token": -5, "15043": 1.0},
        "structured_outputs": {"choice": ["key", "lock"]},
        "chat_template_kwargs": {"enable_thinking": False, "add_bos_token": True},
        "chat_template": "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %} some basic information",
        "session_id": "9f0c2d1e-0b5c-4b6f-9a51-0d3f7c1b2a34",
        "token": None,
    }
    build_model("openai:toy", {"base_url": "http://127.0.0.1:9/v1", "extra": json.dumps(extra)})
    for held in (PASSWORD, {"x": PASSWORD}):  # but nothing is hidden so
        with pytest.raises(ConfigError):
            build_model("openai:toy", {"extra": json.dumps({"properties": {"x": {"token": held}}})})
        with pytest.raises(ConfigError):
            build_model("openai:toy", {"extra": json.dumps({"logit_bias": {"token": held}})})


@pytest.mark.parametrize(
    "url",
    [
        "https://x.openai.azure.com/openai/deployments/GPT4oMini20240718Deployment", "https://h/login/openai-compatible/v1",
        "https://h/sso/litellm-proxy/v1", "https://openrouter.ai/api/v1", "http://127.0.0.1:8000/v1",
    ],
)  # fmt: skip
def test_ordinary_addresses_are_no_keys(url: str) -> None:
    build_model(f"openai:toy?base_url={url}")


@pytest.mark.parametrize(
    "url",
    [
        f"http://h/v1;key={PASSWORD}", f"http://h/v1;{PASSWORD}", f"http://h/a;jsessionid={PASSWORD}/v1", f"http://h/v1%253Bkey={PASSWORD}",
        f"http://h/key={PASSWORD}/v1", f"http://h/token/{PASSWORD}/v1", "http://h/SuperSecretKey12345678/v1",
        "http://h/sk-abcdefghijklmnopqrstuvwx/v1", "https://hf_abcdefghijklmnopqrstuv.example.org/v1",
    ],
)  # fmt: skip
def test_an_address_that_holds_a_key_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_model(f"openai:toy?base_url={url}")
    assert not any(one in str(caught.value) for one in (PASSWORD, "SuperSecret", "abcdefghij"))


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1", "http://127.0.0.1:8000/v1", "https://generativelanguage.googleapis.com/v1beta/openai",
        "https://api.cloudflare.com/client/v4/accounts/023e105f4ecef8ad9ca31a8372d0c353/ai/v1", "https://h.example.org/auth/v1",
        "https://x.openai.azure.com/openai/deployments/gpt-4o-mini", "https://h/serve/Meta-Llama-3.1-70B-Instruct-AWQ/v1",
        "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p-123456/locations/us-central1/endpoints/openapi",
        "https://api.fireworks.ai/inference/v1", "https://org--app-serve.modal.run/v1",
    ],
)  # fmt: skip
def test_other_addresses_are_taken(url: str) -> None:
    build_model(f"openai:toy?base_url={url}")


@pytest.mark.parametrize(
    "value", ["sk-abcdefghijklmnopqrstuvwx", "hf_abcdefghijklmnopqrstuv", "SuperSecretKey12345678", "a key"]
)
def test_the_key_in_the_place_of_the_name_of_its_variable_is_refused(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_model(f"openai:toy?key_env={value}")
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    "string",
    [
        "hf:org/name?revision=hf_abcdefghijklmnopqrstuv", "hf:org/hf_abcdefghijklmnopqrstuv", "openai:sk-abcdefghijklmnopqrstuvwx",
        "lora:x?base=hf:hf_abcdefghijklmnopqrstuv@org/name", "vllm:org/name?revision=hf_abcdefghijklmnopqrstuv",
        "openai:toy?tokenizer=hf_abcdefghijklmnopqrstuv", "openai:toy?cutoff=sk-abcdefghijklmnopqrstuvwx",
        'scripted:swapped?inner=openai:toy?extra={"token": "abcdefghij"}',
        'openai:toy?extra={"token": "abcdefghij&rest"}', "openai:toy?extra={'token': 'abcdefghij'}",
        'openai:toy?extra={"token": "abcdefghij"', 'openai:?extra={"token": "abcdefghij"}', 'toy?extra={"token": "abcdefghij"}',
        "openai:toy?base_url=http://me:abcdefghij@h/v1&x", "openai:toy?hf_token=abcdefghij",
    ],
)  # fmt: skip
def test_no_option_of_any_model_takes_a_key_and_no_message_repeats_it(string: str) -> None:
    with pytest.raises(SurveyevalError) as caught:
        build_model(string)
    assert "abcdefghij" not in str(caught.value)
    assert "rest" not in str(caught.value)


def test_elicitations_and_executors_take_none_either() -> None:
    for text in (
        "generate?max_tokens=sk-abcdefghijklmnopqrstuvwx",
        "choice?x=Bearer abcdefghijkl",
        "choice?token=abcdefghij&x",
    ):
        with pytest.raises(ConfigError) as caught:
            build_elicitation(text)
        assert "abcdefghij" not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        open_executor("ray?address=hf_abcdefghijklmnopqrstuv")
    assert "abcdefghij" not in str(caught.value)


def test_a_plugin_cannot_have_an_option_for_a_key() -> None:
    class Options(BaseModel):
        hf_token: str | None = None
        token_env: str | None = None
        max_tokens: int = 5

    assert build_options(Options, parse_model_string("x:y?token_env=MINE&max_tokens=7")).max_tokens == 7
    with pytest.raises(ConfigError, match="'hf_token' of model 'x' is named like a key") as caught:
        build_options(Options, parse_model_string(f"x:y?hf_token={PASSWORD}"))
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
