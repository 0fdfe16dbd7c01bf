"""Fetching: the addresses of one shard, together, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import aiohttp
from yarl import URL

from .._base import project_url
from .._version import __version__
from ._address import NotPublic, Verdict, parse_address, public_socket, without_secrets
from ._body import EXTENSIONS, HEAD, MAX_BYTES, MAX_PIXELS, Checked, check_photo, format_of, size_of
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
from ._manifest import Journal, Record
from ._output import Output, photo_name

AGENT = "skcolorize"
MAX_REDIRECTS = 5
MAX_FAILURES = 4  # of one address, requests to be left alone not counted
BYTES_IN_FLIGHT = 128 * 2**20  # of bodies, over all shards
PIXELS_IN_FLIGHT = MAX_PIXELS  # decoded at once, over all shards; a photo beyond a shard's share goes alone
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


@dataclass
class Task:
    """An address to fetch: where from, its row of the manifest, and how often it failed."""

    url: URL
    record: Record
    failures: int = 0
    waits_for: str = ""  # the host that rests


@dataclass
class Fetched:
    """What a shard did: records settled, tasks put off because a host rests, what it learned of hosts."""

    records: list[Record] = field(default_factory=list)
    deferred: list[Task] = field(default_factory=list)
    standings: dict[str, Standing] = field(default_factory=dict)


class OutputError(OSError):
    """The output can't be written. What is there stays, and the same call resumes when it can."""

    @classmethod
    def of(cls, output: Output, error: Exception) -> OutputError:
        told = f"{output.root!r} can't be written: {error}. What is there stays; the same call resumes"
        return cls(getattr(error, "errno", None), told)


class Shard:
    """The fetching of some addresses. One use each.

    Parameters
    ----------
    rules : Rules
        This shard's share of the limits.
    output : Output
        Where photos go.
    clock : Clock
        Time.
    standings : dict of str to Standing
        What earlier shards learned of the hosts.
    """

    def __init__(self, rules: Rules, output: Output, clock: Clock, standings: dict[str, Standing]):
        self.rules, self.output, self.clock, self.standings = rules, output, clock, standings
        self.journal = Journal(output)
        self.done = Fetched()
        self.ended = threading.Event()
        self._ready = threading.Event()

    async def run(self, tasks: list[Task]) -> Fetched:
        """Fetch all tasks: hosts in the order of their first task, `max_concurrency` of them at a time."""
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        self._ready.set()
        self._loop.set_default_executor(ThreadPoolExecutor(self.rules.max_concurrency, "scraper"))
        self._hosts: dict[str, Host] = {}
        self._requests = asyncio.Semaphore(self.rules.max_concurrency)
        self._bytes = Budget(BYTES_IN_FLIGHT // self.rules.n_shards)
        self._pixels = Budget(PIXELS_IN_FLIGHT // self.rules.n_shards)
        self._outgrown = asyncio.Lock()
        by_host: dict[str, list[Task]] = defaultdict(list)
        for task in tasks:
            by_host[task.url.authority].append(task)
        try:
            async with self._session() as self._http, asyncio.TaskGroup() as group:
                syncing = group.create_task(self._keep_syncing())
                hosts = iter(by_host.values())
                n_hosts = min(len(by_host), self.rules.max_concurrency)
                await asyncio.gather(*(group.create_task(self._visit(hosts)) for _ in range(n_hosts)))
                syncing.cancel()
        except BaseExceptionGroup as errors:  # one error is enough
            raise _first(errors) from None
        self.done.standings = {name: host.standing for name, host in self._hosts.items()}
        return self.done

    def stop(self) -> None:
        """Start no further request and end; may be called from any thread."""
        self._ready.wait()
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._main.cancel)

    async def _keep_syncing(self) -> None:
        parent = os.getppid()
        while True:
            await asyncio.sleep(0.5)
            await asyncio.to_thread(self._write, self.journal.sync)
            if os.getppid() != parent:  # the scraper that made this process was killed: its lock is gone
                self._main.cancel()

    def _session(self) -> aiohttp.ClientSession:
        home = project_url("Source")
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, socket_factory=None if self.rules.allow_private else public_socket
            ),
            headers={
                "User-Agent": f"{AGENT}/{__version__}" + (f" (+{home})" if home else ""),
                "Accept": "image/jpeg,image/png,image/webp",
                "Accept-Encoding": "identity",
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None),
            auto_decompress=False,
            trust_env=False,
        )

    async def _visit(self, hosts: Iterator[list[Task]]) -> None:
        """Take one host after the other, several workers on each."""
        for tasks in hosts:
            queue = iter(tasks)
            async with asyncio.TaskGroup() as workers:
                for _ in range(min(len(tasks), self.rules.max_per_host)):
                    workers.create_task(self._work(queue))

    async def _work(self, queue: Iterator[Task]) -> None:
        for task in queue:
            try:
                while not await self._try(task):
                    await self.clock.sleep(random.uniform(0.5, 1.5) * min(2.0**task.failures, 30))
            except Resting as rest:
                task.waits_for, task.record.error = rest.host, rest.error or task.record.error
                self.done.deferred.append(task)
            else:
                self.done.records.append(task.record)

    async def _try(self, task: Task) -> bool:
        """One attempt; True when it settled the fate of the address, False when another one is worth it."""
        record = task.record
        record.http_status = None
        try:
            async with AsyncExitStack() as room:
                body = await self._download(task, room)
                width, height = size_of(body)
                await room.enter_async_context(self._pixels.take(width * height))
                photo = await asyncio.to_thread(check_photo, body, self.rules.max_size)
                await asyncio.to_thread(self._write, self._keep, record, photo)
                return True
        except Verdict as verdict:
            record.status, record.error = verdict.status, verdict.error
        except Trouble as trouble:
            record.error, record.http_status = trouble.error, trouble.http_status
            task.failures += 1
            if task.failures < MAX_FAILURES:
                return False
            record.status = "failed"
        record.fetched_at = _now()
        await asyncio.to_thread(self._write, self.journal.add, record)
        return True

    async def _download(self, task: Task, room: AsyncExitStack) -> bytes:
        task.record.attempts += 1

        async def take(response: aiohttp.ClientResponse, scope: asyncio.Timeout) -> bytes:
            task.record.http_status = status = response.status
            task.record.final_url = without_secrets(response.url)
            if status != 200:
                raise Verdict("gone" if status in _GONE else "failed", f"{status} {response.reason}")
            if self.rules.respect_opt_out and (sign := opted_out(response.headers, AGENT)):
                raise Verdict("opted_out", sign)
            if (encoding := response.headers.get("Content-Encoding", "identity").lower()) != "identity":
                raise Verdict("rejected", f"a photo in the encoding {encoding!r}, which nobody asked for")
            return await self._read(response, scope, room)

        return await self._follow(task.url, take, robots=self.rules.respect_opt_out)

    async def _follow(self, url: URL, take: Callable[..., Awaitable[bytes]], *, robots: bool) -> bytes:
        """Ask an address, and where its redirects lead, within one deadline; `take` gets the last answer."""
        seconds = self.rules.timeout
        for _ in range(MAX_REDIRECTS + 1):
            if robots:
                await self._obey_robots(url)
            async with self._ask(url, seconds) as (response, scope):
                location = response.headers.get("Location") if 300 <= response.status < 400 else None
                if location is None:
                    return await take(response, scope)
                seconds = self.clock.left(scope)
            url = parse_address(location, base=url, allowed_hosts=self.rules.allowed_hosts)
        raise Verdict("failed", f"more than {MAX_REDIRECTS} redirects")

    @asynccontextmanager
    async def _ask(self, url: URL, seconds: float):
        """One request, in its turn: gives the answer and its deadline, notes how the host bears itself."""
        host = self._host(url)
        async with host.turn(), self._requests:
            try:
                async with (
                    self.clock.deadline(seconds) as scope,
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
                verdict = _explained(error, self.rules.timeout)
                if isinstance(verdict, Trouble):
                    host.failed()
                raise verdict from error
            else:
                host.succeeded()

    def _host(self, url: URL) -> Host:
        name = url.authority
        if name not in self._hosts:
            standing = self.standings.get(name, Standing())
            self._hosts[name] = Host(name, self.rules.max_per_host, self.clock, standing)
        return self._hosts[name]

    async def _obey_robots(self, url: URL) -> None:
        host = self._host(url)

        async def take(response: aiohttp.ClientResponse, scope: asyncio.Timeout) -> bytes:
            return await response.content.read(MAX_ROBOTS_BYTES) if response.status == 200 else b""

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

    def _keep(self, record: Record, photo: Checked) -> None:
        """Store a photo, then say so: in one thread, so that no stop comes between."""
        record.path = photo_name(record.id) + EXTENSIONS[photo.format]
        record.status = "gray" if photo.is_gray else "ok"
        record.error = ""
        record.bytes, record.sha256 = len(photo.content), hashlib.sha256(photo.content).hexdigest()
        record.format, record.width, record.height = photo.format, photo.width, photo.height
        record.mean_chroma = round(photo.mean_chroma, 2)
        self.output.write(record.path, photo.content)
        record.fetched_at = _now()
        self.journal.add(record)

    def _write(self, action: Callable, *arguments) -> None:
        try:
            action(*arguments)
        except Exception as error:  # fsspec's drivers raise errors of many kinds
            raise OutputError.of(self.output, error) from error


async def _unhurried(scope: asyncio.Timeout, stack: AsyncExitStack, room) -> None:
    """Wait for room while the deadline stands still: it is for the host, and the host is not to blame."""
    loop, left = asyncio.get_running_loop(), scope.when()
    began = loop.time()
    scope.reschedule(None)
    await stack.enter_async_context(room)
    scope.reschedule(left + loop.time() - began)


def _explained(error: Exception, timeout: float) -> Verdict | Trouble:
    """What a failed request means for its address."""
    if isinstance(error, TimeoutError):
        return Trouble(f"not complete within {timeout:g} s")
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, NotPublic):
        return Verdict("rejected", str(error.os_error))
    if isinstance(error, aiohttp.ClientSSLError):
        return Verdict("failed", f"no trusted connection: {error}")
    if isinstance(error, (aiohttp.InvalidURL, ValueError)):
        return Verdict("rejected", f"no address: {error}")
    return Trouble(f"{type(error).__name__}: {error}")


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


_running: set[Shard] = set()


def run_shard(
    tasks: list[Task], rules: Rules, output: Output, clock: Clock, standings: dict[str, Standing]
) -> Fetched:
    """Fetch tasks from a thread with an event loop of its own (a notebook's is busy) and wait for its end.

    Raises
    ------
    OutputError
        The output can't be written.
    """
    shard = Shard(rules, output, clock, standings)
    journal = shard.journal
    _running.add(shard)
    try:
        with ThreadPoolExecutor(1, "scraper-loop") as thread:
            future = thread.submit(asyncio.run, shard.run(tasks))
            try:
                return future.result()
            except BaseException:
                shard.stop()
                raise
    finally:
        try:
            shard._write(journal.sync, True)
        finally:
            journal.close()
            _running.discard(shard)
            shard.ended.set()


def stop_shards(output: Output) -> None:
    """Stop the shards that threads of this process run for an output, and wait until they have ended."""
    shards = [shard for shard in _running if shard.output.root == output.root]
    for shard in shards:
        shard.stop()
    for shard in shards:
        shard.ended.wait()
