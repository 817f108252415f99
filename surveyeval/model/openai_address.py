"""Where a server is: its address without credentials, whether that is this machine, and the key in the environment."""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, urlsplit

from surveyeval.errors import ConfigError
from surveyeval.model.key_like import is_key, is_random, is_secret_name

__all__ = ["OFFICIAL", "Address", "find_key", "read_address"]

#: Where models are asked if nothing else is said.
OFFICIAL = "https://api.openai.com/v1"
#: The official client reads the same variables.
BASE_URL, KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY"
#: Characters of a key at least; after ``/auth`` there may be a ``/v1``.
_SHORTEST = 8


@dataclass(frozen=True)
class Address:
    """Address of a server, without credentials.

    Parameters
    ----------
    url : str
        With the path of the API, without a slash at the end.
    """

    url: str

    @property
    def host(self) -> str:
        """Name or number of the machine."""
        return urlsplit(self.url).hostname or ""

    @property
    def shown(self) -> str:
        """Host, port and path, as cards and messages name the server."""
        return self.url.partition("://")[2]

    @property
    def root(self) -> str:
        """The address without ``/v1``: some servers have more to ask there."""
        return self.url.removesuffix("/v1")

    @property
    def encrypted(self) -> bool:
        """Whether what is sent cannot be read on the way."""
        return self.url.startswith("https://")

    @cached_property
    def loopback(self) -> bool:
        """Whether nothing that is sent leaves this machine; in doubt, it does.

        True for numbers that are loopback addresses, and for ``localhost`` where it stands for nothing else.
        """
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            pass
        if self.host != "localhost":
            return False
        try:
            found = socket.getaddrinfo(self.host, None)
        except OSError:
            return False
        return all(ipaddress.ip_address(str(address[0])).is_loopback for *_, address in found)


def read_address(given: str | None) -> Address:
    """The address that a user gave, else the one in ``OPENAI_BASE_URL``, else the official one.

    Raises
    ------
    ConfigError
        When it is no address, or holds credentials. The message doesn't repeat the address: it may be secret.
    """
    where = "?base_url=" if given is not None else BASE_URL
    url = (given if given is not None else os.environ.get(BASE_URL) or OFFICIAL).strip().rstrip("/")
    hint = "write http://HOST:PORT/v1 or https://HOST/v1; a key is taken from the environment, see ?key_env="
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises on a port that is none
    except ValueError as error:
        raise ConfigError("the server's address cannot be read", field=where, hint=hint) from error
    if parts.username is not None or parts.password is not None:
        raise ConfigError("the server's address holds a user name or password", field=where, hint=hint)
    if parts.query or parts.fragment:
        raise ConfigError("the server's address goes on after its path (`?` or `#`)", field=where, hint=hint)
    if ";" in unquote(url):
        raise ConfigError("the server's address holds parameters (`;`)", field=where, hint=hint)
    if is_key(unquote(url)) or _names_a_key(unquote(parts.path)):
        raise ConfigError("the server's address holds what looks like a key", field=where, hint=hint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("the server's address does not begin with http:// or https://", field=where, hint=hint)
    return Address(url)


#: Parts of a path after which a name follows that users gave.
_NAMING = ("deployments", "models", "endpoints")


def _names_a_key(path: str) -> bool:
    """Whether a part of a path looks like a key, or follows one that says so: ``/key/...``, ``/token=...``.

    What a service was named by its users, as in ``/deployments/NAME``, may look like anything. An account's number, which some services have in their addresses, cannot be told from a key of small letters and digits.
    """
    parts = [part for part in path.split("/") if part]
    before = ["", *parts]
    return any(
        (is_random(part) and above not in _NAMING)
        or ("=" in part and is_secret_name(part.partition("=")[0]))
        or (len(part) >= _SHORTEST and any(map(str.isdigit, part)) and is_secret_name(above))
        for above, part in zip(before, parts, strict=False)
    )


def find_key(address: Address, named: str | None) -> str | None:
    """The key in the environment, or None where there is none.

    Without a name, the usual variable's key is not sent to another machine unencrypted.

    Parameters
    ----------
    address : Address
    named : str, optional
        Environment variable that the user named; default ``OPENAI_API_KEY``.

    Raises
    ------
    ConfigError
        When the variable is not set and the server needs a key, or when what it holds can be no key.
    """
    variable = named or KEY
    key = os.environ.get(variable, "").strip()
    if not key:
        if named is None and address.url != OFFICIAL:
            return None
        raise ConfigError(
            f"environment variable {variable} is not set", hint=f"it holds the key for {address.shown}: export it"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(f"what is in environment variable {variable} can be no key", hint="look for stray characters")
    if named is None and not address.encrypted and not address.loopback:
        return None
    return key
