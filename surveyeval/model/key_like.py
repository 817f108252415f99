"""What looks like a key, a password or a header: such text is kept out of options, since options are written into manifests.

A secret can be told by its name (``token``, ``X-Auth``, ``extra_headers``), by how it is written (``sk-...``, ``Bearer ...``,
a password in an address), and by nothing else: a password under an innocent name cannot be told from any other text.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["BEARER", "KEYS", "NAMED_KEYS", "is_key", "is_random", "is_secret_name", "secret_place", "without_keys"]

#: Keys as services write them.
KEYS = re.compile(
    r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}|\b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|\bhf_[A-Za-z0-9]{16,}"
    r"|\bgh[opusr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bA[KS]IA[A-Z0-9]{12,}|\bAIza[\w-]{30,}"
    r"|\bya29\.[\w-]{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bgsk_[A-Za-z0-9]{20,}|\bxai-[A-Za-z0-9]{20,}"
    r"|\bpplx-[A-Za-z0-9]{20,}|\bnvapi-[\w-]{20,}|\bcsk-[a-z0-9]{20,}|\br8_[A-Za-z0-9]{20,}|\btgp_v1_[\w-]{20,}"
    r"|\bdapi[0-9a-f]{32}|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
#: Keys and passwords after their names.
NAMED_KEYS = re.compile(
    r"(?i)\b(api[_-]?key|access[_-]?token|auth[_-]?token|password|passwd|secret|authorization)\b(\s*[=:]\s*)(?:bearer\s+)?[^\s&\"',;]+"
)
BEARER = re.compile(r"(?i)\bbearer\s+[\w.~+/-]{8,}=*")
_BASIC = re.compile(r"(?i)\bbasic\s+(?=\S*[0-9=+/])[A-Za-z0-9+/]{8,}={0,2}(?![\w])")
_URL = re.compile(r"(?i)\b[a-z][a-z0-9+.-]*://[^\s\"'<>|\\^`{}]+")
#: A name and what stands after it, however quoted, in any text.
_PAIR = re.compile(r"([\"']?)([A-Za-z][\w.-]*)\1\s*[:=]\s*[\"']?[^\s\"',;&}]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

#: A name with one of these words is a secret's.
_WORDS = frozenset(
    {
        "auth", "oauth", "oauth2", "authn", "authz", "authentication", "authorization", "authorisation", "authenticate", "authorize",
        "bearer", "cookie", "cookies", "session", "sessions", "sessid", "sessionid", "signature", "signatures", "sig", "signing", "hmac",
        "key", "keys", "secret", "secrets", "password", "passwords", "passwd", "passphrase", "passcode", "pwd", "pw", "credential",
        "credentials", "cred", "creds", "header", "headers", "jwt", "jws", "jwe", "saml", "oidc", "sso", "otp", "totp", "mfa",
        "csrf", "xsrf", "salt", "cert", "certificate", "certificates", "pem", "dsn", "sas", "login",
    }
)  # fmt: skip
#: The same where it is the last word.
_LAST = frozenset({"token", "pass", "pin", "connstr"})
#: Or where the name goes on without a break: apikey, authtoken, mypassword.
_INSIDE = re.compile(
    r"secret|password|passwd|passphrase|credential|authori[sz]|authenticat|bearer|cookie|sess(?:ion)?id|oauth|signature"
    r"|connection_?string|(?:key|token|headers?)$|^x_?auth(?!or)"
)
#: Many tokens are pieces of text; these are not.
_TOKENS = frozenset({"access", "refresh", "api", "auth", "user", "login", "bearer", "client", "service", "security"})
#: Before `token`, where it is a piece of text.
_PIECES = frozenset(
    {"per", "eos", "bos", "stop", "pad", "unk", "sep", "cls", "mask", "eot", "start", "end", "special", "image"}
)
#: Fields of requests that servers document, and that are no secrets though they sound like some.
_KNOWN = frozenset({"prompt_cache_key", "prompt_cache_isolation_key", "session_id", "session_params"})
#: Where a JSON schema names the properties of an answer: names of the user's own, with a schema each.
_SCHEMAS = frozenset({"properties", "patternproperties", "$defs", "definitions", "dependentschemas"})
#: What names a pair that is written as two fields: {"name": "Authorization", "value": ...}.
_NAMES, _VALUES = frozenset({"name", "header", "field"}), frozenset({"value", "values"})
#: Where names are pieces of text and what stands under them are numbers.
_BIASES = "logit_bias"
_RANDOM = 20
_DEPTH = 40


def is_secret_name(name: str) -> bool:
    """Whether what stands under this name is a key, a password, a header or the like.

    Examples
    --------
    >>> [is_secret_name(one) for one in ("X-Auth", "userToken", "apikey", "extra_headers")]
    [True, True, True, True]
    >>> [is_secret_name(one) for one in ("max_tokens", "stop_token_ids", "author", "timings_per_token")]
    [False, False, False, False]
    """
    plain = unicodedata.normalize("NFKC", name).strip()
    words = [
        word.rstrip("0123456789") or word for word in re.split(r"[^a-z0-9$]+", _CAMEL.sub("_", plain).lower()) if word
    ]
    joined = "_".join(words).rstrip("0123456789_")
    if not words or joined in _KNOWN:
        return False
    if words[-1] == "token" and len(words) > 1 and words[-2] in _PIECES:
        return False
    if words[0] == "token" and words[1:] in (["value"], ["string"], ["text"]):
        return True
    return (
        not _WORDS.isdisjoint(words)
        or words[-1] in _LAST
        or (words[-1] == "tokens" and not _TOKENS.isdisjoint(words))
        or _INSIDE.search(joined) is not None
    )


def is_key(text: str) -> bool:
    """Whether a text holds a key, a bearer token, or a password in an address or after its name."""
    if any(pattern.search(text) for pattern in (KEYS, BEARER, NAMED_KEYS, _BASIC)):
        return True
    return any(_in_address(found[0]) for found in _URL.finditer(text))


def is_random(text: str) -> bool:
    """Whether a single word is long and mixes capitals, small letters and digits, as keys do and names rarely."""
    return (
        re.fullmatch(rf"\w{{{_RANDOM},}}", text, re.ASCII) is not None
        and all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    )  # fmt: skip


def secret_place(value: Any) -> str | None:
    """Where plain data hold a secret, as names separated by dots, or None.

    Parameters
    ----------
    value : plain data
        As read from JSON. JSON in a text is looked into as well. `None`, true and false are no secrets.

    Examples
    --------
    >>> secret_place({"provider": {"options": [{"pwd": "hunter2"}]}})
    'provider.options.pwd'
    >>> secret_place({"reasoning_effort": "low", "stop_token_ids": [1, 2]}) is None
    True
    """
    return next(_places(value, (), 0), None)


def without_keys(text: str) -> str:
    """A text for a message: nothing of what follows the first question mark is repeated when it may hold a secret."""
    pairs = any(is_secret_name(found[2]) and not found[2].endswith("_env") for found in _PAIR.finditer(text))
    if not pairs and not is_key(text) and not is_key(unquote(text)):
        return text
    before = text.partition("?")[0]
    return "..." if before == text or is_key(before) else f"{before}?..."


def _places(value: Any, at: tuple[str, ...], depth: int, *, listed: bool = False) -> Iterator[str]:
    if depth > _DEPTH:
        yield _shown(at)  # nobody writes this, and nobody is to hide anything in it
    elif isinstance(value, Mapping):
        yield from _in_mapping(value, at, depth)
    elif isinstance(value, (list, tuple)):
        texts = [one for one in value if isinstance(one, str)]
        if listed and len(value) == len(texts) == 2 and is_secret_name(texts[0]):  # [["X-Auth", "..."]]
            yield _shown(at)
        for one in value:
            yield from _places(one, at, depth + 1, listed=True)
    elif isinstance(value, str):
        if is_key(value) or is_key(unquote(value)):
            yield _shown(at)
        elif value.lstrip()[:1] in ("{", "["):
            try:
                held = json.loads(value)
            except (ValueError, RecursionError):
                return
            yield from _places(held, at, depth + 1)


def _in_mapping(value: Mapping[Any, Any], at: tuple[str, ...], depth: int) -> Iterator[str]:
    within = at[-1].lower() if at else ""
    lower = {str(key).lower(): one for key, one in value.items()}
    said = [one for key, one in lower.items() if key in _NAMES and isinstance(one, str)]
    if not _VALUES.isdisjoint(lower) and any(map(is_secret_name, said)):
        yield _shown(at)
    for key, one in value.items():
        name = str(key)
        a_schema = within in _SCHEMAS and isinstance(one, Mapping)
        a_number = within == _BIASES and isinstance(one, (int, float))
        if is_key(name):
            yield _shown(at)
        elif (_counts(one) and is_secret_name(name) and not a_schema and not a_number) or (
            name.lower() == "session_id" and isinstance(one, str) and is_random(one)
        ):
            yield _shown((*at, name))
        else:
            yield from _places(one, (*at, name), depth + 1)


def _counts(value: Any) -> bool:
    return value is not None and not isinstance(value, bool) and value not in ("", [], {})


def _shown(at: tuple[str, ...]) -> str:
    return ".".join(name[:40] for name in at) or "it"


def _in_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.password or (parts.username and parts.scheme.startswith("http")):
            return True
    except ValueError:
        return False
    named = parse_qsl(parts.query.replace(";", "&")) + parse_qsl(parts.fragment)
    return any(value and is_secret_name(name) for name, value in named)
