"""Who may come in to the page and the API: by host name, by token, and as which operator."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiohttp import web


class ExposedError(Exception):
    """The page would be open to the network without a token."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An operator, known by a token: what the audit calls them, and what they may do."""

    name: str
    role: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Door:
    """Who may come in: anybody on this machine, and with a token from anywhere.

    `hosts` are names under which the page may be asked for besides loopback; others are refused, so that a foreign
    site cannot point its own name at this machine and read the page through a visitor's browser.
    """

    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    operators: tuple[Caller, ...] = ()

    def admits_bind(self, host: str) -> bool:
        """Say whether the page may listen on this address."""
        return self.token is not None or is_loopback(host)

    def admits_host(self, header: str | None) -> bool:
        """Say whether a request with this `Host` header may go on.

        >>> Door(hosts=("noc.example",)).admits_host("noc.example:8010"), Door().admits_host("evil.example")
        (True, False)
        """
        name = host_name(header)
        # With a token a foreign site has nothing to read; Prometheus finds its targets by bare address.
        return name is not None and (
            is_loopback(name)
            or name in map(str.lower, self.hosts)
            or (self.token is not None and _address(name) is not None)
        )

    def admits_token(self, header: str | None) -> bool:
        """Say whether an `Authorization` header carries the token, where one is asked for."""
        return self.token is None or _carries(header, self.token) or self.caller(header) is not None

    def name_of(self, header: str | None) -> str:
        """Name the holder of a token: an operator, or "token" for the page's own; "" for nobody."""
        caller = self.caller(header)
        if caller is not None:
            return caller.name
        return "token" if self.token is not None and _carries(header, self.token) else ""

    def caller(self, header: str | None) -> Caller | None:
        """Find the operator whose token an `Authorization` header carries."""
        found = [each for each in self.operators if _carries(header, each.token)]  # all are compared, in any case
        return found[0] if found else None


def _carries(header: str | None, token: str) -> bool:
    given = (header or "").encode("utf-8", "surrogateescape")
    return hmac.compare_digest(given, f"Bearer {token}".encode())


def is_own_site(origin: str | None, host: str | None) -> bool:
    """Say whether a request comes from no page at all, or from one of the same host: by its `Origin` and `Host`.

    >>> [is_own_site(origin, "noc:8010") for origin in (None, "http://noc", "https://evil.example", "http://[", "null")]
    [True, True, False, False, False]
    """
    if origin is None:
        return True
    try:
        name = urlsplit(origin).hostname
    except ValueError:
        return False
    return name is not None and name == host_name(host)


def host_name(header: str | None) -> str | None:
    """Take the name out of a `Host` header, without port; None if it is none.

    >>> host_name("[::1]:8010"), host_name("LocalHost"), host_name("a b"), host_name(None)
    ('::1', 'localhost', None, None)
    """
    if not header or not header.isascii() or any(char in header for char in " /?#@\\"):
        return None
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine itself.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("")
    (True, True, False, False)
    """
    address = _address(host)
    return address.is_loopback if address is not None else host == "localhost"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


DOOR = web.AppKey("door", Door)
"""Where an application keeps its door."""
