"""Posts JSON to one address from the settings, safely: bounded in time and size, and never led elsewhere."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from alerts.notifications import Delivery, Result

CONNECT_TIMEOUT_S = 5.0
TOTAL_TIMEOUT_S = 10.0
RETRY_AFTER_MS_MAX = 3_600_000
ANSWER_LEN_MAX = 65_536

_RETRYABLE_STATUSES = {408: Result.TIMEOUT, 425: Result.THROTTLED, 429: Result.THROTTLED}
_REDIRECTS = range(300, 400)
_SUCCESSES = range(200, 300)
_SERVER_ERRORS = range(500, 600)
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class ForbiddenAddressError(OSError):
    """The host of an address lies in a network we do not send to."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a poster may go. Without `private` it is the public Internet by https alone; with it, anywhere."""

    private: bool = False
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    total_timeout_s: float = TOTAL_TIMEOUT_S


class Poster:
    """One address to which JSON is posted. Its URL may hold a secret and is never shown.

    What a name resolves to is checked where the connection is made, so that a name cannot turn to another address
    between the check and the use. Raise ValueError for an address that is not allowed.
    """

    def __init__(self, url: str, reach: Reach, now_ms: Callable[[], int]) -> None:
        check_address(url, reach)
        self._url = url
        self._reach = reach
        self._now_ms = now_ms
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: bytes, headers: Mapping[str, str] = _NO_HEADERS) -> Delivery:
        """Post once and say what came of it. The status tells; the body is neither waited for, kept nor shown."""
        return (await self._exchange(body, headers, "", answer_len_max=0))[0]

    async def ask(
        self, body: bytes, query: str = "", headers: Mapping[str, str] = _NO_HEADERS
    ) -> tuple[Delivery, bytes]:
        """Post once to the address with `query` (encoded) and wait for the answer too: up to `ANSWER_LEN_MAX` bytes.

        Some receivers say "no" in the body of a success. One that says more than they ever do is not them:
        unavailable.
        """
        return await self._exchange(body, headers, query, answer_len_max=ANSWER_LEN_MAX)

    async def _exchange(
        self, body: bytes, headers: Mapping[str, str], query: str, *, answer_len_max: int
    ) -> tuple[Delivery, bytes]:
        try:
            async with self._opened().post(
                URL(self._url + query, encoded=True),  # as it is: encoded a second time, a signature no longer matches
                data=body,
                headers={"Content-Type": "application/json", **headers},
                allow_redirects=False,
            ) as response:
                answer = b""
                if answer_len_max and response.status in _SUCCESSES:
                    async for piece in response.content.iter_chunked(answer_len_max):
                        answer += piece
                        if len(answer) > answer_len_max:
                            return Delivery(Result.UNAVAILABLE), b""
                return self._judge(response.status, response.headers.get("Retry-After")), answer
        except TimeoutError:
            return Delivery(Result.TIMEOUT), b""
        except (aiohttp.ClientError, OSError):
            return Delivery(Result.UNREACHABLE), b""

    async def close(self) -> None:
        """Close the connections; a later post opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        # Not in the constructor: a session belongs to the running loop.
        if self._session is None:
            self._session = session_of(self._reach)
        return self._session

    def _judge(self, status: int, retry_after: str | None) -> Delivery:
        if status in _SUCCESSES:
            return Delivery(Result.DELIVERED)
        if status in _REDIRECTS:
            return Delivery(Result.REDIRECTED, code=status)
        wait_ms = None if retry_after is None else parse_retry_after(retry_after, self._now_ms())
        if status in _SERVER_ERRORS:
            return Delivery(Result.UNAVAILABLE, wait_ms, status)
        return Delivery(_RETRYABLE_STATUSES.get(status, Result.REFUSED), wait_ms, status)


def session_of(reach: Reach) -> aiohttp.ClientSession:
    """Open a session that goes no further than it may, waits no longer, and keeps nothing."""
    resolver = ThreadedResolver() if reach.private else _PublicResolver()
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver),
        timeout=aiohttp.ClientTimeout(total=reach.total_timeout_s, sock_connect=reach.connect_timeout_s),
        auto_decompress=False,  # a small answer must not grow large here
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


def parse_retry_after(text: str, now_ms: int) -> int | None:
    """Read a Retry-After header, seconds or a date, as milliseconds to wait; None if it is neither.

    >>> parse_retry_after("7", 0), parse_retry_after("soon", 0)
    (7000, None)
    >>> parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 20_000)
    40000
    """
    if text.isascii() and text.isdecimal():
        return min(int(text[:9]) * 1000, RETRY_AFTER_MS_MAX)
    try:
        at_ms = int(parsedate_to_datetime(text).timestamp() * 1000)
    except ValueError:
        return None
    return min(max(at_ms - now_ms, 0), RETRY_AFTER_MS_MAX)


class _PublicResolver(AbstractResolver):
    """Resolves names as the system does, and refuses those that lead into private networks."""

    def __init__(self) -> None:
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        if not all(_is_public(each["host"]) for each in found):
            raise ForbiddenAddressError("the host leads into a private network")
        return found

    async def close(self) -> None:
        await self._system.close()


def check_address(url: str, reach: Reach) -> None:
    """Raise ValueError, which does not quote it, for an address that is not allowed."""
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("an address must be http:// or https:// with a host")
    if reach.private:
        return
    if parts.scheme != "https":
        raise ValueError("an address outside must be https")
    if _is_literal(host) and not _is_public(host):
        raise ValueError("an address in a private network must be allowed by the settings")


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_global and not (mapped or found).is_multicast
