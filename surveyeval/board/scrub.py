"""Text that leaves this machine, without its paths, private addresses and keys."""

from __future__ import annotations

import ipaddress
import json
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from surveyeval.model.key_like import BEARER, KEYS, NAMED_KEYS, is_secret_name

__all__ = ["SECRET", "Scrub", "cleaned", "command_of", "has_path", "scrubber", "without_extras"]

#: What takes the place of a key or a password.
SECRET = "[removed]"  # noqa: S105 - it is none

Scrub = Callable[[str], str]

_URL = re.compile(r"\bhttps?://[^\s\"'<>|\\^`{}]+")
#: Absolute and home paths; a slash inside a word ("and/or") or of a URL is none.
_PATH = re.compile(r"(?:(?<![\w/.:~])|(?<=\w:))(?:~\w*)?/(?!/)(?:[^\s/\"'<>|;,?&]+/)+[^\s/\"'<>|;,?&]*")
_WINDOWS = re.compile(r"(?:\b[A-Za-z]:\\|\\\\)(?:[^\s\\\"'<>|;,?&]+\\)*[^\s\\\"'<>|;,?&]*")
#: The option with fields of requests, whose values nobody but the user knows; and those that hold another model string.
_EXTRA, _MODELS = "extra", ("inner", "base")
#: A name in the query of an address, and parameters after a part of its path.
_QUERIED = re.compile(r"(?P<name>[^=&;#]+)=(?P<value>[^&;#]*)")
_PARAMETERS = re.compile(r";[^/&;]+")
#: Model schemes whose reference is a file or a folder.
_LOCAL = ("file", "lora")
_MODEL = re.compile(r"^(?P<scheme>[a-z][\w+-]*):(?P<reference>[^?]*)(?P<options>\?.*)?$", re.DOTALL)


def scrubber(manifest: Mapping[str, Any]) -> Scrub:
    """A function that takes paths, private addresses and keys out of any text of a run.

    Parameters
    ----------
    manifest : mapping
        Of the run. Its model string and the model's name may hold a relative path, which nothing else tells from a name on a
        hub, so the two are replaced wherever they stand.
    """
    model = manifest["model"]
    known = {str(model[key]): _model(str(model[key])) for key in ("string", "name")}
    server = str(model.get("fingerprint", {}).get("details", {}).get("server") or "")  # without its scheme
    if server:
        known[server] = _address(f"http://{server}").partition("://")[2]
    replaced = sorted(((old, new) for old, new in known.items() if old != new), key=lambda pair: -len(pair[0]))

    def scrub(text: str) -> str:
        for old, new in replaced:
            text = text.replace(old, new)
        return _text(text)

    return scrub


def cleaned(value: Any, scrub: Scrub) -> Any:
    """Plain data with every text in it scrubbed, keys of mappings as well."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {scrub(str(key)): cleaned(one, scrub) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [cleaned(one, scrub) for one in value]
    return value


def without_extras(details: Any) -> Any:
    """A fingerprint's details with the names of further request fields and without what stands under them."""
    if isinstance(details, Mapping):
        return {
            key: _names_alone(one) if key == _EXTRA and isinstance(one, Mapping) else without_extras(one)
            for key, one in details.items()
        }
    return [without_extras(one) for one in details] if isinstance(details, (list, tuple)) else details


def _names_alone(fields: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): SECRET for name in fields}


def has_path(text: str) -> bool:
    """Whether a text holds what `scrubber` would take out."""
    return _text(text) != text


def command_of(manifest: Mapping[str, Any], scrub: Scrub) -> str:
    """The command of a run; files are named without their folders."""
    try:
        words = shlex.split(str(manifest.get("command", "")))
    except ValueError:
        return ""
    shown, before = [], ""
    for word in words:
        if before == "--task":
            word = str(manifest["task"]["name"])
        elif before == "--model":
            name, equals, string = word.partition("=")
            word = f"{name}={_model(string)}" if equals and ":" not in name else _model(word)
        elif before == "--data":
            word = f"{manifest['task']['name']}={_last(word.partition('=')[2])}"
        shown.append(scrub(word))
        before = word
    return shlex.join(shown)


def _model(text: str) -> str:
    found = _MODEL.match(text)
    if found is None:
        return text
    reference = found["reference"]
    if found["scheme"] in _LOCAL or reference.startswith((".", "/", "~")) or "\\" in reference:
        reference = _last(reference)
    options = "&".join(_option(part) for part in (found["options"] or "").removeprefix("?").split("&") if part)
    return f"{found['scheme']}:{reference}{'?' if options else ''}{options}"


def _option(part: str) -> str:
    """One option of a model string; a relative path in it (``./x``, ``../x``) goes, and so do values of request fields."""
    name, equals, value = part.partition("=")
    if name == _EXTRA:
        try:
            fields = json.loads(unquote(value))
        except ValueError:
            fields = None
        named = isinstance(fields, Mapping)
        return f"{name}={_escaped(json.dumps(_names_alone(fields), ensure_ascii=False)) if named else SECRET}"
    if name in _MODELS and _MODEL.match(unquote(value)):
        return f"{name}{equals}{_escaped(_model(unquote(value)))}"
    if re.match(r"https?://", value):  # here, where it is known where it ends
        return f"{name}{equals}{_escaped(_address(unquote(value)))}"
    return f"{name}{equals}{_last(value) if value.startswith(('.', '/', '~')) and '/' in value else value}"


def _escaped(value: str) -> str:
    return value.replace("%", "%25").replace("&", "%26")


def _last(path: str) -> str:
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1]


def _text(text: str) -> str:
    text = _URL.sub(lambda found: _address(found[0]), text)
    for pattern in (_PATH, _WINDOWS):
        text = pattern.sub(lambda found: _last(found[0]), text)
    text = NAMED_KEYS.sub(rf"\1\2{SECRET}", text)
    text = BEARER.sub(SECRET, text)
    return KEYS.sub(SECRET, text)


def _address(url: str) -> str:
    """A public address as it is, without a user's name; a private one without its host."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return SECRET
    path = _PARAMETERS.sub("", parts.path)
    if _private(host):
        return f"{parts.scheme}://private{path.rstrip('/')}"
    query = _QUERIED.sub(lambda one: f"{one['name']}={SECRET}" if is_secret_name(one["name"]) else one[0], parts.query)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], path=path, query=query))


def _private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        named = "." not in host or host.endswith((".local", ".internal", ".lan", ".home", ".intranet", ".corp"))
        return host != "private" and named
