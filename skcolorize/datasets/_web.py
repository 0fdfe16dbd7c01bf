"""Asking an address of the web: with manners, within a deadline, as far as it looks like a photo."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
from yarl import URL

from .._base import project_url
from .._version import __version__
from ._address import NotPublic, Verdict, parse_address, public_socket, without_secrets
from ._body import HEAD, MAX_BYTES, format_of
from ._hosts import (
    FIRST_REST,
    Budget,
    Clock,
    Host,
    Resting,
    Standing,
    Trouble,
    opted_out,
    parse_robots,
    retry_after,
)
from ._manifest import Record

AGENT = "skcolorize"
MAX_REDIRECTS = 5
BYTES_IN_FLIGHT = 128 * 2**20  # of bodies, over all shards; one larger than a shard's share goes alone
UNKNOWN_LENGTH = 2**20  # bytes that a body of unknown length gets; those that outgrow it do so one by one
MAX_ROBOTS_BYTES = 500 * 2**10
_GONE = {404, 410}
_WORTH_RETRYING = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Rules:
    """What the user allows, or one shard's share of it."""

    max_size: int | None
    max_concurrency: int
    max_per_host: int
    timeout: float
    allowed_hosts: frozenset[str] | None
    respect_opt_out: bool
    allow_private: bool
    n_shards: int = 1

    def share(self, i: int, n: int) -> Rules:
        """The i-th of n shares, each at least 1 of either limit where n is not above them; they add up."""
        shares = {name: (getattr(self, name) + i) // n for name in ("max_concurrency", "max_per_host")}
        return replace(self, **shares, n_shards=n)


class Web:
    """The web as one shard sees it, an asynchronous context manager made inside the shard's event loop.

    Parameters
    ----------
    rules : Rules
        This shard's share of the limits.
    clock : Clock
        Time.
    standings : dict of str to Standing
        What earlier shards learned of the hosts.
    """

    def __init__(self, rules: Rules, clock: Clock, standings: dict[str, Standing]):
        self._rules, self._clock, self._standings = rules, clock, standings
        self._hosts: dict[str, Host] = {}
        self._requests = asyncio.Semaphore(rules.max_concurrency)
        self._bytes = Budget(BYTES_IN_FLIGHT // rules.n_shards)
        self._outgrown = asyncio.Lock()
        home = project_url("Repository")
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, socket_factory=None if rules.allow_private else public_socket
            ),
            headers={
                "User-Agent": f"{AGENT}/{__version__}" + (f" (+{home})" if home else ""),
                "Accept": "image/jpeg,image/png,image/webp",
                "Accept-Encoding": "identity",
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None),  # the clock's instead
            auto_decompress=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Web:
        return self

    async def __aexit__(self, *error) -> None:
        await self._http.close()

    @property
    def standings(self) -> dict[str, Standing]:
        """What this shard learned of the hosts."""
        return {name: host.standing for name, host in self._hosts.items()}

    async def photo(self, url: URL, record: Record, room: AsyncExitStack) -> bytes:
        """The body of a photo; the record learns of the answer, `room` holds the bytes in the budget.

        Raises
        ------
        Verdict, Trouble, Resting
            There is none: for good, for now, or until the host has rested.
        """
        record.attempts += 1
        record.http_status = None

        async def take(response: aiohttp.ClientResponse, scope: asyncio.Timeout) -> bytes:
            record.http_status = status = response.status
            record.final_url = without_secrets(response.url)
            if status != 200:
                raise Verdict("gone" if status in _GONE else "failed", f"{status} {response.reason}")
            if self._rules.respect_opt_out and (sign := opted_out(response.headers, AGENT)):
                raise Verdict("opted_out", sign)
            if (encoding := response.headers.get("Content-Encoding", "identity").lower()) != "identity":
                raise Verdict("rejected", f"a photo in the encoding {encoding!r}, which nobody asked for")
            return await self._read(response, scope, room)

        return await self._follow(url, take, robots=self._rules.respect_opt_out)

    async def _follow(self, url: URL, take: Callable[..., Awaitable[bytes]], *, robots: bool) -> bytes:
        """Ask an address, and where its redirects lead, within one deadline; `take` gets the last answer."""
        seconds = self._rules.timeout
        for _ in range(MAX_REDIRECTS + 1):
            if robots:
                await self._obey_robots(url)
            async with self._ask(url, seconds) as (response, scope):
                location = response.headers.get("Location") if 300 <= response.status < 400 else None
                if location is None:
                    return await take(response, scope)
                seconds = self._clock.left(scope)
            url = parse_address(location, base=url, allowed_hosts=self._rules.allowed_hosts)
        raise Verdict("failed", f"more than {MAX_REDIRECTS} redirects")

    @asynccontextmanager
    async def _ask(self, url: URL, seconds: float):
        """One request, in its turn: gives the answer and its deadline, notes how the host bears itself."""
        host = self._host(url)
        async with host.turn(), self._requests:
            try:
                async with (
                    self._clock.deadline(seconds) as scope,
                    self._http.get(url, allow_redirects=False) as answer,
                ):
                    if answer.status in _WORTH_RETRYING:
                        rest = retry_after(answer.headers.get("Retry-After"))
                        rest = rest or (FIRST_REST if answer.status == 429 else None)
                        raise Trouble(f"{answer.status} {answer.reason}", answer.status, rest)
                    yield answer, scope
            except Verdict:  # the host is well, the photo is not
                host.succeeded()
                raise
            except Trouble as trouble:
                host.failed(trouble.rest)
                if trouble.rest is not None:
                    raise Resting(url.authority, trouble.error) from trouble
                raise
            except Exception as error:
                verdict = _explained(error, self._rules.timeout)
                if isinstance(verdict, Trouble):
                    host.failed()
                raise verdict from error
            else:
                host.succeeded()

    def _host(self, url: URL) -> Host:
        name = url.authority
        if name not in self._hosts:
            standing = self._standings.get(name, Standing())
            self._hosts[name] = Host(name, self._rules.max_per_host, self._clock, standing)
        return self._hosts[name]

    async def _obey_robots(self, url: URL) -> None:
        host = self._host(url)

        async def take(response: aiohttp.ClientResponse, scope: asyncio.Timeout) -> bytes:
            if response.status != 200:
                return b""
            try:
                return await response.content.readexactly(MAX_ROBOTS_BYTES)
            except asyncio.IncompleteReadError as whole:
                return whole.partial

        async with host.robots_lock:
            if host.robots is None:
                try:
                    body = await self._follow(url.origin() / "robots.txt", take, robots=False)
                except Verdict:  # it leads nowhere, as if it were not there
                    body = b""
                host.robots = parse_robots(body)
        if not host.robots.can_fetch(AGENT, str(url)):
            raise Verdict("opted_out", "robots.txt")

    async def _read(
        self, response: aiohttp.ClientResponse, scope: asyncio.Timeout, room: AsyncExitStack
    ) -> bytes:
        """The body, if it begins like a photo and is not too long; `room` counts its bytes."""
        length = response.content_length
        if (length or 0) > MAX_BYTES:
            raise Verdict("rejected", f"{length:,} bytes are more than {MAX_BYTES:,}")
        await _unhurried(scope, room, self._bytes.take(UNKNOWN_LENGTH if length is None else length))
        body = bytearray()
        outgrown = False
        async for chunk in response.content.iter_any():
            begins = len(body) < HEAD
            body += chunk
            if begins and len(body) >= HEAD:
                format_of(body[:HEAD])
            if len(body) > MAX_BYTES:
                raise Verdict("rejected", f"more than {MAX_BYTES:,} bytes")
            if length is None and len(body) > UNKNOWN_LENGTH and not outgrown:
                outgrown = True
                await _unhurried(scope, room, self._outgrown)
        format_of(body[:HEAD])
        return bytes(body)


async def _unhurried(scope: asyncio.Timeout, stack: AsyncExitStack, room) -> None:
    """Wait for room while the deadline stands still: it is for the host, and the host is not to blame."""
    loop, left = asyncio.get_running_loop(), scope.when()
    assert left is not None
    began = loop.time()
    scope.reschedule(None)
    await stack.enter_async_context(room)
    scope.reschedule(left + loop.time() - began)


def _explained(error: Exception, timeout: float) -> Verdict | Trouble:
    """What a failed request means for its address."""
    if isinstance(error, TimeoutError):
        return Trouble(f"not complete within {timeout:g} s")
    if isinstance(error, aiohttp.ClientSSLError):  # first: before aiohttp 3.14 it may have no `os_error`
        return Verdict("failed", f"no trusted connection: {error}")
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, NotPublic):
        return Verdict("rejected", str(error.os_error))
    if isinstance(error, (aiohttp.InvalidURL, ValueError)):
        return Verdict("rejected", f"no address: {error}")
    return Trouble(f"{type(error).__name__}: {error}")
